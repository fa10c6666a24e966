"""Makes Tests/MartletEngineTests/Goldens/sampler.json: what Hugging Face transformers' logits processors make of rows
of logits, in the order in which `generate` applies them.

    python scripts/goldens/sampler.py
"""

import json
import pathlib

import torch
import transformers
from transformers.generation import logits_process as lp

OUT = pathlib.Path(__file__).parents[2] / "Tests/MartletEngineTests/Goldens/sampler.json"


def rows():
    generator = torch.Generator().manual_seed(20240607)
    normal = torch.randn(48, generator=generator)
    return {
        "normal": normal * 2,
        "flat": normal * 0.1,
        "peaked": normal * 8,
        "offset": normal * 3 + 1000,
        "tied": torch.round(normal * 2),
        "forbidden": torch.where(normal > 1, -torch.inf, normal * 2),
    }


PENALTIES = [
    {},
    {"repetitionPenalty": 1.3},
    {"repetitionPenalty": 0.8},
    {"logitBias": {"3": 2.5, "17": -100.0, "40": -1.25}},
    {"repetitionPenalty": 1.7, "logitBias": {"0": 4.0, "5": -2.0, "9": 1.0}},
]
FILTERS = [
    {"temperature": 1.0},
    {"temperature": 0.6},
    {"temperature": 2.5},
    {"temperature": 1.0, "topK": 1},
    {"temperature": 0.9, "topK": 7},
    {"temperature": 1.0, "topK": 1000},
    {"temperature": 1.0, "topP": 0.9},
    {"temperature": 0.7, "topP": 0.35},
    {"temperature": 1.0, "topP": 0.001},
    {"temperature": 1.0, "minP": 0.05},
    {"temperature": 1.5, "minP": 0.5},
    {"temperature": 1.0, "minP": 1.0},
    {"temperature": 1.2, "topK": 20, "topP": 0.8},
    {"temperature": 1.2, "topK": 20, "minP": 0.2},
    {"temperature": 0.8, "topP": 0.8, "minP": 0.1},
    {"temperature": 1.1, "topK": 25, "topP": 0.95, "minP": 0.08},
]
PROMPT = [3, 5, 5, 11, 40]
OUTPUT = [9, 9, 17, 3]


def penalise(parameters, scores):
    ids = torch.tensor([PROMPT + OUTPUT])
    if "logitBias" in parameters:
        bias = {(int(token),): value for token, value in parameters["logitBias"].items()}
        scores = lp.SequenceBiasLogitsProcessor(bias)(ids, scores)
    if "repetitionPenalty" in parameters:
        scores = lp.RepetitionPenaltyLogitsProcessor(parameters["repetitionPenalty"])(ids, scores)
    return scores


def warp(parameters, scores):
    chain = [
        ("temperature", lp.TemperatureLogitsWarper),
        ("topK", lp.TopKLogitsWarper),
        ("topP", lp.TopPLogitsWarper),
        ("minP", lp.MinPLogitsWarper),
    ]
    for name, warper in chain:
        if name in parameters:
            scores = warper(parameters[name])(None, scores)
    return torch.softmax(scores.double(), dim=-1)


def number(value):
    """JSON has no infinity; Martlet's test reads null as -infinity."""
    return None if value == float("-inf") else value


def main():
    logits = rows()
    cases = []
    for name, row in logits.items():
        for penalties in PENALTIES:
            processed = penalise(penalties, row[None])
            # With ties torch.sort is free in which of several equal tokens top-p keeps, so those cases go without top-p.
            filters = FILTERS if not penalties else FILTERS[-1:]
            for filters in [f for f in filters if name != "tied" or "topP" not in f]:
                probabilities = warp(filters, processed)[0]
                cases.append({
                    "row": name,
                    "parameters": penalties | filters,
                    "processed": [number(x) for x in processed[0].tolist()] if penalties else None,
                    "kept": probabilities.nonzero()[:, 0].tolist(),
                    "probabilities": probabilities[probabilities > 0].tolist(),
                })
    golden = {
        "transformers": transformers.__version__,
        "prompt": PROMPT,
        "output": OUTPUT,
        "rows": {name: [number(x) for x in row.tolist()] for name, row in logits.items()},
        "logSoftmax": {
            name: [number(x) for x in torch.log_softmax(row.double(), dim=-1).tolist()] for name, row in logits.items()
        },
        "cases": cases,
    }
    OUT.write_text(json.dumps(golden, separators=(",", ":")).replace('{"row"', '\n{"row"') + "\n")
    print(f"{OUT.name}: {len(cases)} cases, {OUT.stat().st_size} bytes")


if __name__ == "__main__":
    main()
