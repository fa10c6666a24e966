"""Whether it is right: operators, tokens, bits that repeat, memory that comes back."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from report import GOLDENS, PYTHON_TESTS, Failure, Run, checkpoint, import_python_tests


def doctor(run: Run) -> None:
    """Every operator on the device against the processor: `martlet doctor`."""
    command = [str(run.martlet), "doctor", "--device", run.device]
    run.commands.append(" ".join(command))
    said = subprocess.run(command, capture_output=True, text=True)
    # The last line is the sum of all operators.
    counts = (re.findall(r"(\d+) passed, (\d+) failed", said.stdout) or [None])[-1]
    if not counts:
        raise Failure((said.stdout + said.stderr)[-1500:])
    table = run.table("operators against the processor", "device", "passed", "failed")
    table.add(run.device, int(counts[0]), int(counts[1]))
    for line in said.stdout.splitlines():
        if "FAILED" in line:
            run.expect(False, line)


def goldens(run: Run) -> None:
    """Greedy tokens in f32 against transformers', of every golden checkpoint, and of SmolLM2 if it is in the cache."""
    folders = sorted(path.parent for path in GOLDENS.glob("checkpoints/*/golden.json"))
    jobs = [(folder.name, folder, json.loads((folder / "golden.json").read_text())) for folder in folders]
    cache = Path(os.environ.get("MARTLET_CACHE") or Path.home() / ".cache/martlet")
    model = cache / "models/SmolLM2-135M-Instruct.Q4_1.gguf"
    if model.exists():
        jobs.append(("SmolLM2", model, json.loads((GOLDENS / "greedy-smollm2.json").read_text())))
    if run.small:
        jobs = jobs[:2]
    table = run.table("greedy tokens in f32 against transformers", "checkpoint", "prompts", "equal")

    def equal(job: tuple[str, Path, dict]) -> int:
        _, path, golden = job
        return sum(continued(run, path, prompt["prompt_ids"], golden) == wanted(prompt, golden) for prompt in golden["prompts"])

    total = 0
    with ThreadPoolExecutor(1 if run.device == "cpu" else 4) as pool:
        for (name, _, golden), count in zip(jobs, pool.map(equal, jobs)):
            total += count
            table.add(name, len(golden["prompts"]), count)
            run.expect(count == len(golden["prompts"]), f"tokens of {name} differ from transformers'")
    table.add("all", sum(len(golden["prompts"]) for _, _, golden in jobs), total)


def wanted(prompt: dict, golden: dict) -> list[int]:
    """The tokens of an answer without the one that ended it."""
    if prompt["finish"] == "length":
        return prompt["generated"]
    return [token for token in prompt["generated"] if token not in golden["stop_tokens"]]


def continued(run: Run, path: Path, ids: list[int], golden: dict) -> list[int]:
    answer = run.tool(
        "complete", path, "--prompt-ids", ",".join(map(str, ids)), "--max-tokens", golden["max_new_tokens"], "--device",
        run.device, "--compute", "f32", "--threads", 2)
    return answer["tokens"]


# A rule of each kind that is chosen on the device.
RULES = {
    "temperature": ["--temperature", 1.2],
    "top-k, top-p": ["--temperature", 0.9, "--top-k", 30, "--top-p", 0.9],
    "top-p": ["--temperature", 1, "--top-p", 0.8],
    "min-p": ["--temperature", 1.5, "--min-p", 0.05],
}


def sampling(run: Run) -> None:
    """Sampled tokens in f32 on the device against the processor's with the same seed.

    Logits differ in their last bits, so a token may differ once in some hundred thousand; more is wrong.
    """
    folders = sorted(path.parent for path in GOLDENS.glob("checkpoints/*/golden.json"))[: 2 if run.small else 8]
    table = run.table("sampled tokens against the processor", "rule", "answers", "equal")

    def tokens(job: tuple[Path, list, str]) -> list[int]:
        folder, flags, device = job
        answer = run.tool(
            "complete", folder, "--prompt-ids", "3,4,5", "--max-tokens", 40, "--device", device, "--compute", "f32", "--threads",
            2, "--seed", 11, *flags)
        return answer["tokens"]

    for name, flags in RULES.items():
        jobs = [(folder, flags, device) for folder in folders for device in (run.device, "cpu")]
        with ThreadPoolExecutor(1 if run.device == "cpu" else 4) as pool:
            answers = list(pool.map(tokens, jobs))
        same = sum(ours == theirs for ours, theirs in zip(answers[::2], answers[1::2]))
        table.add(name, len(folders), same)
        run.expect(same == len(folders), f"{name}: {len(folders) - same} of {len(folders)} answers differ from the processor's")


def inference(run: Run) -> None:
    """A whole 1.5B model beside transformers in one process: python/tests/test_infer.py, f32 and bf16."""
    folder = checkpoint(run)
    table = run.table("a model of the 1.5B shape beside transformers", "type", "tokens", "times as fast", "errors")
    for dtype, steps in (("f32", 128), ("bf16", 128)):
        said = run.call(
            sys.executable, PYTHON_TESTS / "test_infer.py", "--model", folder, "--test", "--dtype", dtype, "--device",
            run.python_device, "--max_steps", steps)
        faster = re.search(r"Martlet is ([\d.]+) times", said)
        errors = re.search(r"error of .*", said)
        table.add(
            dtype, "equal" if "tokens are equal" in said else "not equal", float(faster[1]) if faster else None,
            errors[0] if errors else None)


def graphs(run: Run) -> None:
    """The same bits from a step that is launched kernel by kernel and from one that is launched as a graph.

    Martlet launches the first step of a shape kernel by kernel and records it; those that follow are graphs. So of equal
    requests to a new model the first has no graph and the others have. Prompts are so short that nothing of them is
    taken from the cache.
    """
    import_python_tests()
    import martlet

    folders = sorted(path.parent for path in GOLDENS.glob("checkpoints/*/golden.json"))
    table = run.table("bits with and without graphs", "checkpoint", "type", "steps", "equal")
    for folder in folders[:1] if run.small else folders[:12]:
        for compute in ("f32", "bf16"):
            with martlet.Model.load(folder, device=run.python_device, compute=compute, context=64, threads=2) as model:
                steps = same = 0
                for length in range(1, 9):
                    prompt = [3 + 7 * place % 50 for place in range(length)]
                    rounds = [model.generate(prompt, max_tokens=1, logprobs=20, ignore_end=True).result() for _ in range(3)]
                    bits = [(answer.tokens, answer.logprobs, answer.top) for answer in rounds]
                    steps += 1
                    same += bits[0] == bits[1] == bits[2]
            table.add(folder.name, compute, steps, same)
            run.expect(same == steps, f"{folder.name} in {compute}: {steps - same} of {steps} steps have other bits as graphs")


# Requests whose bits are looked at: the prompt's tokens, and how tokens are chosen.
SUBJECTS = [
    (1, {"logprobs": 20}), (8, {"logprobs": 20}), (9, {"logprobs": 20}), (31, {"logprobs": 20}), (70, {"logprobs": 20}),
    (33, {"temperature": 1.1, "top_p": 0.9, "seed": 5}), (40, {}),
]
COMPANY = (1, 7, 20, 40)


def determinism(run: Run) -> None:
    """Bits of a request alone and with up to 40 others of other lengths beside it, as `--deterministic` promises them.

    For comparison also without the mode, where a GPU may give other last bits.
    """
    import_python_tests()
    import martlet

    folders = sorted(path.parent for path in GOLDENS.glob("checkpoints/*/golden.json"))
    jobs = [(folder.name, folder) for folder in (folders[:1] if run.small else folders[:8])]
    # Of this shape all run at once, and a prompt is longer than a step.
    jobs.append(("r1-qwen-1.5b" if not run.small else "tiny r1-qwen", checkpoint(run)))
    table = run.table(
        "bits of a request alone and in company", "checkpoint", "type", "with the mode", "equal", "without", "equal ")
    for name, folder in jobs:
        for compute in ("f32", "bf16"):
            counts = []
            for mode in (True, False):
                with martlet.Model.load(
                    folder, device=run.python_device, compute=compute, deterministic=mode, threads=2) as model:
                    counts.append(kept_bits(run, model))
            (count, same), (other, unforced) = counts
            table.add(name, compute, count, same, other, unforced)
            run.expect(same == count, f"{name} in {compute}: {count - same} of {count} answers have other bits in company")


def kept_bits(run: Run, model: Any) -> tuple[int, int]:
    """How many answers were compared with those of the same requests alone, and how many have the same bits."""
    most = model.context_length
    subjects = [(length, flags) for length, flags in SUBJECTS if length + 16 <= most]
    if most >= 2200 and not run.small:
        subjects.append((2100, {"logprobs": 20}))
    count = same = 0

    def begin(length: int, text: int, tokens: int, **flags: Any) -> Any:
        prompt = [3 + (7 * place + 5 * text) % 50 for place in range(length)]
        return model.generate(prompt, max_tokens=tokens, ignore_end=True, **flags)

    def bits(generation: Any) -> tuple:
        answer = generation.result()
        return answer.tokens, answer.logprobs, answer.top

    for length, flags in subjects:
        alone = bits(begin(length, 0, 16, **flags))
        for others in COMPANY[:2] if run.small else COMPANY:
            # Some are there before, some come later, and all go on for longer.
            lengths = [min(1 + 13 * number % 61, most - 32) for number in range(others)]
            before = [begin(n, 1 + number, 30) for number, n in enumerate(lengths[::2])]
            subject = begin(length, 0, 16, **flags)
            after = [begin(n, 100 + number, 30, temperature=0.7, seed=number) for number, n in enumerate(lengths[1::2])]
            count += 1
            same += bits(subject) == alone
            for generation in before + after:
                generation.result()
    return count, same


def leaks(run: Run) -> None:
    """Loads a model, generates and unloads it, 50 times: the device's memory must be as before."""
    import_python_tests()
    import martlet

    folder = min(path.parent for path in GOLDENS.glob("checkpoints/*/golden.json"))
    table = run.table("memory after loading and unloading", "times", "MB used", "more than after 5")
    first = 0.0
    for count in range(1, 51):
        with martlet.Model.load(folder, device=run.python_device, threads=2) as model:
            model.generate([3, 4, 5], max_tokens=4, temperature=0.8, top_k=5, seed=1).result()
        if count == 5:
            first = used_bytes(run)
        if count % 15 == 5:
            table.add(count, used_bytes(run) / 1e6, (used_bytes(run) - first) / 1e6)
    # What one load holds is far more than this; the driver itself takes memory in pieces of 2 MB.
    grown = used_bytes(run) - first
    run.expect(grown < (4e6 if run.device != "cpu" else 64e6), f"50 loads left {grown / 1e6:.1f} MB")


def used_bytes(run: Run) -> float:
    """Memory in use: of the device by everybody, or of this process where the device is the processor."""
    if run.device == "cpu":
        return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")
    import torch

    free, total = torch.cuda.mem_get_info()
    return total - free
