#!/usr/bin/env python3
"""Finds what only one vendor understands in the text of kernels: the rule that `check_layout.py` applies to every file.

Alone it tries the rule on examples: `python3 scripts/gpu/portable.py`.
"""

import re
import sys
from typing import Iterator

# Names and habits of one vendor or one width: assembler, masks and widths of 32 lanes, exchanges between lanes, headers,
# and what only some hardware has.
VENDORS = re.compile(
    r"\basm\b|\b0x[fF]{8}u?\b|__shfl|__ballot|__activemask|__match_|__reduce_|__(?:any|all)_sync|__syncwarp|\bwarpSize\b"
    r"|threadIdx\.x\s*(?:[&%]|>>|/)\s*(?:5|31|32|63|64)\b|#\s*include|__nv_|__half|__bfloat|\bnv_bfloat|cooperative_groups"
    r"|__grid_constant__|__cluster|__cvta_|__byte_perm|__dp[24]a|__ldc?g\b|__builtin_mxc|__nanosleep|\bprintf\b"
    r"|__CUDA_ARCH|__MACA")
# A part for NVIDIA alone begins with one of these; MT_BULK_COPIES is defined in such a part only.
NVIDIA = re.compile(r"(?<!!)\bdefined\s*\(\s*(?:MT_PLATFORM_NVIDIA|MT_BULK_COPIES)\s*\)")
OTHERS = re.compile(r"!\s*defined\s*\(\s*MT_PLATFORM_NVIDIA\s*\)\s*$")


def violations(text: str) -> Iterator[tuple[int, str]]:
    """Lines outside the parts for NVIDIA that name what is a vendor's own: their numbers, and what they name."""
    parts: list[str] = []  # of the conditions around a line: "nvidia", "others", or "any"
    continues = False
    for number, line in enumerate(text.splitlines(), start=1):
        code = line.split("//")[0]
        condition = None if continues else re.match(r"\s*#\s*(ifdef|ifndef|if|elif|else|endif)\b(.*)", code)
        continues = code.rstrip().endswith("\\")
        if condition:
            word, rest = condition.groups()
            # With an alternative that is not NVIDIA's the part is everybody's.
            nvidia = bool(NVIDIA.search(rest)) and "||" not in rest
            kind = "nvidia" if nvidia else "others" if OTHERS.search(rest) else "any"
            if word in ("if", "ifdef", "ifndef"):
                parts.append(kind)
            elif parts and word == "elif":
                parts[-1] = kind
            elif parts and word == "else":
                parts[-1] = "nvidia" if parts[-1] == "others" else "any"
            elif parts:
                parts.pop()
            # A condition may ask for the vendor's architecture where it asks for the vendor first.
            if nvidia or "nvidia" in parts or word in ("else", "endif"):
                continue
        if "nvidia" not in parts and (found := VENDORS.search(code)):
            yield number, found.group(0)


# Texts, and the lines that must be found in them.
EXAMPLES = [
    ('asm volatile("bar.sync 0;");', [1]),
    ("#if defined(MT_PLATFORM_NVIDIA)\nasm(\"\");\n#else\nint x;\n#endif", []),
    ("#if defined(MT_PLATFORM_NVIDIA)\nint x;\n#else\nasm(\"\");\n#endif", [4]),
    ("#if !defined(MT_PLATFORM_NVIDIA)\nasm(\"\");\n#else\nasm(\"\");\n#endif\nasm(\"\");", [2, 6]),
    ("#if defined(MT_PLATFORM_NVIDIA) || defined(MT_PLATFORM_METAX)\nasm(\"\");\n#endif", [2]),
    ("#if defined(MT_PLATFORM_NVIDIA)\n#if X\nint x;\n#endif\nasm(\"\");\n#endif\nasm(\"\");", [7]),
    ("#if defined(MT_PLATFORM_NVIDIA) && defined(__CUDA_ARCH__)\n#if __CUDA_ARCH__ >= 900\n#endif\n#endif", []),
    ("#if __CUDA_ARCH__ >= 900\n#endif", [1]),
    ("v += __shfl_xor_sync(m, v, 1);\nu = __ballot_sync(m, p);", [1, 2]),
    ("const unsigned all = 0xffffffff;\nint lane = threadIdx.x & 31, w = threadIdx.x / 32;", [1, 2]),
    ("#include <cuda_fp16.h>\nfor (int i = 0; i < warpSize; i++) {}", [1, 2]),
    ("// asm, warpSize and 0xffffffff may be spoken of\nint x = 0xffffffff0, y = 0x0f0f0f0f;", []),
    ("#define A(x) \\\n  asm(x)", [2]),
]


def main() -> int:
    wrong = [(text, lines) for text, lines in EXAMPLES if [number for number, _ in violations(text)] != lines]
    for text, lines in wrong:
        print(f"expected lines {lines}, found {list(violations(text))} in:\n{text}\n", file=sys.stderr)
    print(f"portable: {len(EXAMPLES)} examples, {len(wrong)} failures")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
