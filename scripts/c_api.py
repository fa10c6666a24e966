#!/usr/bin/env python3
"""Reads martlet.h and llaisys.h: writes docs/c-api.md, and the list of symbols that libmartlet.so shows.

    scripts/c_api.py docs            writes docs/c-api.md
    scripts/c_api.py docs --check    says whether it is up to date
    scripts/c_api.py symbols         prints the names of all functions
    scripts/c_api.py exports         prints a version script for the linker

The headers are written for this reader: declarations stand at the beginning of a line below their `///` comment, chapters
begin with `// MARK:`, and the comment of the file itself comes first.
"""

import re
import sys
from dataclasses import dataclass, field
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
HEADERS = ROOT / "Sources/CMartlet/include"
PAGE = ROOT / "docs/c-api.md"
FUNCTION = re.compile(r"\b(\w+)\((?!\*)")


@dataclass
class Declaration:
    """A declaration with its comment; the code is as in the header, without the comments inside."""

    comment: list[str]
    code: str
    members: list[tuple[str, list[str]]] = field(default_factory=list)

    @property
    def function(self) -> str | None:
        if self.code.startswith(("typedef", "#")):
            return None
        match = FUNCTION.search(self.code)
        return match.group(1) if match else None

    @property
    def name(self) -> str:
        if self.function:
            return self.function
        if self.code.startswith("#define"):
            return self.code.split()[1]
        pointer = re.search(r"\(\*(\w+)\)", self.code)
        if pointer:
            return pointer.group(1)
        return re.findall(r"\w+", self.code.split("{")[0] if "typedef" not in self.code else self.code)[-1]


@dataclass
class Chapter:
    title: str
    comment: list[str]
    declarations: list[Declaration] = field(default_factory=list)


def comment_of(lines: list[str]) -> list[str]:
    return [re.sub(r"^\s*///? ?", "", line) for line in lines]


def members_of(block: list[str]) -> list[tuple[str, list[str]]]:
    """The members of an enumeration or structure with their comments."""
    members, comment = [], []
    for line in block:
        text = line.strip()
        if text.startswith("///"):
            comment.append(line)
        elif text:
            members.append((text.rstrip(",;"), comment_of(comment)))
            comment = []
    return members


def read(header: Path) -> tuple[list[str], list[Chapter]]:
    """The comment of a header, and its chapters."""
    lines = header.read_text(encoding="utf-8").splitlines()
    about = []
    while lines and lines[0].startswith("///"):
        about.append(lines.pop(0))
    chapters: list[Chapter] = []
    comment: list[str] = []
    index = 0
    while index < len(lines):
        line = lines[index]
        index += 1
        if line.startswith("// MARK: "):
            chapters.append(Chapter(line.removeprefix("// MARK: "), []))
            while index < len(lines) and lines[index].startswith("//") and not lines[index].startswith("///"):
                chapters[-1].comment += comment_of([lines[index]])
                index += 1
        elif line.startswith("///"):
            comment.append(line)
        elif not line.strip():
            comment = []
        elif chapters and line.startswith("#define"):
            chapters[-1].declarations.append(Declaration(comment_of(comment), line))
            comment = []
        elif chapters and re.match(r"[a-zA-Z]", line) and not line.startswith("extern"):
            block = [line]
            while not (block[-1].endswith(";") and not block[-1].startswith(" " * 2 + "/")) or (
                "{" in block[0] and not block[-1].startswith("}")
            ):
                block.append(lines[index])
                index += 1
            inner = block[1:-1] if "{" in block[0] else []
            code = "\n".join(text for text in block if not text.strip().startswith("///"))
            chapters[-1].declarations.append(Declaration(comment_of(comment), code, members_of(inner)))
            comment = []
    return comment_of(about), chapters


def headers() -> list[tuple[Path, list[str], list[Chapter]]]:
    return [(HEADERS / name, *read(HEADERS / name)) for name in ("martlet.h", "martlet_tensor.h", "llaisys.h")]


# --- The page --------------------------------------------------------------------------------------------------------


def paragraphs(comment: list[str]) -> list[str]:
    """Comment lines as Markdown: `@param` and `@returns` become a list."""
    result: list[str] = []
    for line in comment:
        if match := re.match(r"@param (\w+) (.*)", line):
            result += ([""] if result and not result[-1].startswith(("-", " ")) else []) + [
                f"- `{match.group(1)}`: {match.group(2)}"]
        elif match := re.match(r"@returns (.*)", line):
            result += ([""] if result and not result[-1].startswith(("-", " ")) else []) + [
                f"- Returns {match.group(1)}"]
        else:
            result.append(line)
    return result


def page() -> str:
    out = [
        "# The C interface",
        "",
        "<!-- Written by scripts/c_api.py from Sources/CMartlet/include; change the headers and run `python3 scripts/c_api.py docs`. -->",
        "",
        "`make build` makes `.build/release/libmartlet.so`: one file that needs the C and C++ libraries of the system and",
        "nothing else. `martlet.h` is its interface; `llaisys.h` is that of LLAISYS in the same library. A whole program is",
        "in `examples/c`. Adapters cannot be loaded through it yet.",
        "",
    ]
    for header, about, chapters in headers():
        out += [f"## {header.name}", "", *about, ""]
        for chapter in chapters:
            out += [f"### {chapter.title}", ""]
            if text := [line for line in chapter.comment if line]:
                out += [*text, ""]
            for declaration in chapter.declarations:
                out += [f"#### `{declaration.name}`", ""]
                if declaration.comment:
                    out += [*paragraphs(declaration.comment), ""]
                out += ["```c", declaration.code, "```", ""]
                if any(comment for _, comment in declaration.members):
                    for member, comment in declaration.members:
                        name = re.sub(r"(\w+) = (-?\w+)", r"\1", member)
                        out += [f"- `{name}`: {' '.join(comment)}" if comment else f"- `{name}`"]
                    out += [""]
    return "\n".join(out).rstrip("\n") + "\n"


# --- Commands --------------------------------------------------------------------------------------------------------


def functions() -> list[str]:
    return sorted(
        declaration.function
        for _, _, chapters in headers()
        for chapter in chapters
        for declaration in chapter.declarations
        if declaration.function
    )


def main(arguments: list[str]) -> int:
    if arguments == ["exports"]:
        print("{\n  global:")
        for name in functions():
            print(f"    {name};")
        print("  local: *;\n};")
    elif arguments == ["symbols"]:
        print("\n".join(functions()))
    elif arguments == ["docs"]:
        PAGE.write_text(page(), encoding="utf-8")
    elif arguments == ["docs", "--check"]:
        if not PAGE.exists() or PAGE.read_text(encoding="utf-8") != page():
            print(f"{PAGE.relative_to(ROOT)} is not what the headers say: python3 scripts/c_api.py docs", file=sys.stderr)
            return 1
    else:
        print(__doc__, file=sys.stderr)
        return 64
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
