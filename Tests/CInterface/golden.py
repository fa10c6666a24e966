#!/usr/bin/env python3
"""Prints golden.h for the tests of the C interface: what the goldens of the Swift tests hold, as C arrays.

    golden.py CHECKPOINT_FOLDER GREEDY_JSON
"""

import json
import sys
from pathlib import Path


def numbers(values) -> str:
    return ", ".join(str(value) for value in values)


def prompt(name: str, tokens, generated) -> str:
    return (f"static const int32_t {name}_tokens[] = {{{numbers(tokens)}}};\n"
            f"static const int32_t {name}_generated[] = {{{numbers(generated)}}};\n")


def entry(name: str) -> str:
    return (f"{{{name}_tokens, sizeof {name}_tokens / sizeof(int32_t), {name}_generated, "
            f"sizeof {name}_generated / sizeof(int32_t)}}")


def main(checkpoint: Path, greedy: Path) -> None:
    config = json.loads((checkpoint / "config.json").read_text(encoding="utf-8"))
    golden = json.loads((checkpoint / "golden.json").read_text(encoding="utf-8"))
    print("// Written by golden.py.\n#ifndef GOLDEN_H\n#define GOLDEN_H\n\n#include <stddef.h>\n#include <stdint.h>\n")
    print("#pragma GCC diagnostic ignored \"-Wunused-variable\"\n")
    for name, key in [("layers", "num_hidden_layers"), ("hidden", "hidden_size"), ("wide", "intermediate_size"),
                      ("vocabulary", "vocab_size")]:
        print(f"enum {{ golden_{name} = {config[key]} }};")
    print("\ntypedef struct {\n  const int32_t *tokens;\n  size_t count;\n  const int32_t *generated;\n"
          "  size_t generated_count;\n} golden_prompt;\n")
    for index, case in enumerate(golden["prompts"]):
        print(prompt(f"golden_{index}", case["prompt_ids"], case["generated"]), end="")
    entries = ", ".join(entry(f"golden_{index}") for index in range(len(golden["prompts"])))
    print(f"static const golden_prompt golden_prompts[] = {{{entries}}};")
    print("static const size_t golden_prompt_count = sizeof golden_prompts / sizeof *golden_prompts;")
    first = ", ".join(f"{{{row['token']}, {row['logprob']}f}}" for row in golden["prompts"][0]["first"][:5])
    print(f"static const struct {{ int32_t token; float logprob; }} golden_first[] = {{{first}}};\n")

    data = (checkpoint / "model.safetensors").read_bytes()
    size = int.from_bytes(data[:8], "little")
    header = json.loads(data[8:8 + size])
    weights = ", ".join(
        f"{{{json.dumps(name)}, {8 + size + value['data_offsets'][0]}, "
        f"{value['data_offsets'][1] - value['data_offsets'][0]}}}"
        for name, value in header.items() if name != "__metadata__")
    print(f"static const struct {{ const char *name; size_t offset, size; }} golden_weights[] = {{{weights}}};\n")

    chat = next(case for case in json.loads(greedy.read_text(encoding="utf-8"))["prompts"] if "messages" in case)
    print(prompt("golden_chat", chat["prompt_ids"], chat["generated"]), end="")
    print(f"static const golden_prompt golden_chat = {entry('golden_chat')};")
    print(f"static const char golden_chat_messages[] = {json.dumps(json.dumps(chat['messages']))};")
    print(f"static const char golden_chat_text[] = {json.dumps(chat['text'])};\n\n#endif")


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
