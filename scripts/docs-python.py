#!/usr/bin/env python3
"""Writes docs/python.md from the docstrings of the Python package; `--check` fails if the page is not what they say.

The sources are read, not imported, so neither the library nor anything else has to be there.
"""

from __future__ import annotations

import argparse
import ast
import sys
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
PAGE = ROOT / "docs" / "python.md"
PACKAGE = ROOT / "python"

INTRODUCTION = """\
# Python

<!-- Written by scripts/docs-python.py from the docstrings in python/: change those, then run it. -->

The distribution `martlet` carries two packages over one library, `libmartlet.so`, and needs nothing but Python 3.9 or newer
on Linux:

- `import martlet`: models, text, generations, tensors that share their memory with NumPy and PyTorch, all operators.
- `import llaisys`: LLAISYS's names, so that programs written for it run unchanged.

```console
$ pip install ./python                     # in a checkout; builds the library if it is not there (needs Swift)
$ scripts/build-wheel.sh                   # a wheel in .build/wheels, for machines without a compiler
```

`MARTLET_LIBRARY` names another `libmartlet.so` to load. All functions may be called from any thread; while one calculates or
waits, other threads of Python run. `examples/python/tour.py` shows most of what follows.

Two things of Python's own wait for the library:

- **Ctrl-C** is seen when the call that runs returns. Iterating a generation, or asking for its `result()`, that is at the next
  token, but no sooner than the first one, which takes as long as the prompt; `log_probabilities` and `perplexity` return
  when all is scored. To stay answerable, wait in a thread of your own, with `await`, or call `cancel()` from another thread.
- **`os.fork()`** leaves the library's threads behind. In a child of a process that had used Martlet before, every call raises
  `MartletError`, where it would wait for ever; in a child of one that had only imported it, all works.
  `multiprocessing` forks by default on Linux before Python 3.14: give it the method `spawn` or `forkserver`.

## Tests, and speed beside PyTorch

```console
$ scripts/test-python.sh                                        # all of them; make test runs it too
$ python python/tests/ops/linear.py --device cpu --profile      # one operator: against PyTorch and float64, and its speed
$ python python/tests/profile_operators.py --json speed.json    # all operators at the shapes of real models, in one table
$ python python/tests/test_infer.py --model FOLDER --test       # a whole Qwen2 beside transformers: tokens, errors, times
$ scripts/make-checkpoint.py FOLDER                             # DeepSeek-R1-Distill-Qwen-1.5B's shape with random weights
```

They need PyTorch, the last ones transformers too; `scripts/install-python-deps.sh` puts both into `.build/python` (Python 3.11
or newer; `MARTLET_TORCH_INDEX` names a package index with PyTorch's small build for processors). Martlet and PyTorch are measured
in turns, with as many threads each.

"""

# The page: headings, and the modules whose public names follow them.
SECTIONS = [
    ("Models", "martlet/model.py"),
    ("Generations", "martlet/generation.py"),
    ("Text", "martlet/tokenizer.py"),
    ("Tensors", "martlet/tensor.py"),
    ("Types", "martlet/dtypes.py"),
    ("Operators: `martlet.ops`", "martlet/ops.py"),
    ("Devices", "martlet/devices.py"),
    ("Errors", "martlet/errors.py"),
    ("LLAISYS: `llaisys`", "llaisys/__init__.py"),
    ("`llaisys.RuntimeAPI`", "llaisys/runtime.py"),
    ("`llaisys.Tensor`", "llaisys/tensor.py"),
    ("`llaisys.Ops`", "llaisys/ops.py"),
    ("`llaisys.models.Qwen2`", "llaisys/models/qwen2.py"),
]


@dataclass(frozen=True)
class Module:
    """A source file."""

    path: Path

    @property
    def lines(self) -> list[str]:
        return self.path.read_text(encoding="utf-8").splitlines()

    @property
    def tree(self) -> ast.Module:
        return ast.parse(self.path.read_text(encoding="utf-8"))

    def exported(self) -> list[str]:
        """`__all__`."""
        for node in self.tree.body:
            if isinstance(node, ast.Assign) and getattr(node.targets[0], "id", "") == "__all__":
                return list(ast.literal_eval(node.value))
        sys.exit(f"{self.path}: no __all__")


def documented(node: ast.AST, where: str) -> str:
    """A docstring. Ends the program where there is none: what is public is documented."""
    text = ast.get_docstring(node)
    if not text:
        sys.exit(f"{where} has no docstring")
    return text


def remark(module: Module, node: ast.stmt) -> str:
    """The lines beginning with `#:` above an attribute."""
    lines, number, found = module.lines, node.lineno - 2, []
    while number >= 0 and lines[number].strip().startswith("#:"):
        found.insert(0, lines[number].strip()[2:].strip())
        number -= 1
    return " ".join(found)


def decorators(node: ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef) -> set[str]:
    return {ast.unparse(decorator).partition("(")[0] for decorator in node.decorator_list}


def signature(node: ast.FunctionDef | ast.AsyncFunctionDef, method: bool) -> str:
    """The call as one writes it, without `self` or `cls`."""
    arguments = node.args
    if method and "staticmethod" not in decorators(node):
        first = (arguments.posonlyargs or arguments.args)[:1]
        arguments.args = [argument for argument in arguments.args if argument not in first]
    result = f" -> {ast.unparse(node.returns)}" if node.returns else ""
    return f"{node.name}({ast.unparse(arguments)}){result}"


def functions(node: ast.ClassDef) -> list[ast.FunctionDef | ast.AsyncFunctionDef]:
    return [
        m for m in node.body if isinstance(m, (ast.FunctionDef, ast.AsyncFunctionDef)) and not m.name.startswith("_")
    ]


def attributes(module: Module, node: ast.ClassDef) -> list[str]:
    """Fields with a remark: in the class, or set by `__init__`."""
    bodies = [node.body, *(m.body for m in node.body if isinstance(m, ast.FunctionDef) and m.name == "__init__")]
    found = []
    for statement in (statement for body in bodies for statement in body):
        target = getattr(statement, "target", None) or (getattr(statement, "targets", None) or [None])[0]
        name = getattr(target, "id", None) or getattr(target, "attr", None)
        if name and not name.startswith("_") and (text := remark(module, statement)):
            kind = ast.unparse(statement.annotation) if isinstance(statement, ast.AnnAssign) else ""
            value = default(node, statement)
            label = f"{name}: {kind}" if kind else name
            found.append(f"- `{label}{' = ' + value if value else ''}`: {text}")
    return found


def default(node: ast.ClassDef, statement: ast.stmt) -> str:
    """What a dataclass's field is if it is left out, where that is a value that can be written down."""
    if statement not in node.body or "dataclass" not in decorators(node) or statement.value is None:
        return ""
    return "" if isinstance(statement.value, ast.Call) else ast.unparse(statement.value)


def members(module: Module, node: ast.ClassDef) -> list[str]:
    found = attributes(module, node)
    for member in functions(node):
        where = f"{module.path.name}: {node.name}.{member.name}"
        text = indented(documented(member, where))
        if "property" in decorators(member):
            kind = f": {ast.unparse(member.returns)}" if member.returns else ""
            found.append(f"- `{member.name}{kind}`: {text}")
        else:
            found.append(f"- `{signature(member, method=True)}`: {text}")
    return found


def indented(text: str) -> str:
    """A docstring as the text of a list's item."""
    first, *rest = text.splitlines()
    return "\n".join([first, *("  " + line if line else "" for line in rest)])


def described(module: Module, node: ast.stmt) -> list[str]:
    """One public class or function."""
    where = f"{module.path.name}: {node.name}"
    if isinstance(node, ast.ClassDef):
        bases = ", ".join(ast.unparse(base) for base in node.bases)
        lines = [f"### {node.name}" + (f" ({bases})" if bases else ""), "", documented(node, where), ""]
        if "IntEnum" in bases:
            names = [f"`{s.targets[0].id}` {s.value.value}" for s in node.body if isinstance(s, ast.Assign)]
            lines += [", ".join(names), ""]
        if listed := members(module, node):
            lines += ["\n".join(listed), ""]
        return lines
    return [f"### {node.name}", "", f"`{signature(node, method=False)}`", "", documented(node, where), ""]


def section(heading: str, path: str) -> list[str]:
    module = Module(PACKAGE / path)
    lines = [f"## {heading}", "", documented(module.tree, path), ""]
    defined = {
        node.name: node
        for node in module.tree.body
        if isinstance(node, (ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef))
    }
    for name in sorted(module.exported(), key=lambda name: getattr(defined.get(name), "lineno", 0)):
        if name in defined:
            lines += described(module, defined[name])
    return lines


def page() -> str:
    lines = [line for heading, path in SECTIONS for line in section(heading, path)]
    return INTRODUCTION + "\n".join(lines).rstrip() + "\n"


def unlisted() -> list[str]:
    """Public names of `martlet` that no section defines."""
    shown = {name for _, path in SECTIONS for name in Module(PACKAGE / path).exported()}
    return [name for name in Module(PACKAGE / "martlet/__init__.py").exported() if name not in shown and name != "ops"]


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--check", action="store_true", help="write nothing, and fail if the page would change")
    options = parser.parse_args()
    if missing := unlisted():
        print(f"no section of scripts/docs-python.py has {', '.join(missing)}", file=sys.stderr)
        return 1
    text = page()
    if not options.check:
        PAGE.write_text(text, encoding="utf-8")
    elif not PAGE.is_file() or PAGE.read_text(encoding="utf-8") != text:
        print(f"docs/{PAGE.name} is not what the docstrings say: run scripts/docs-python.py", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
