"""First lines of docstrings: a noun phrase or a verb (PEP 257), never a question word."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parents[2] / "src" / "interlace"
OPENINGS = {
    "What", "Whatever", "Who", "Whoever", "Whom", "Whose", "How", "However", "Where", "Wherever", "Whether", "When",
    "Whenever", "Which", "Whichever", "Why",
}  # fmt: skip
ROOMS = sorted(
    path.name for path in PACKAGE.iterdir() if path.suffix == ".py" or (path.is_dir() and any(path.rglob("*.py")))
)


def docstrings(source: str) -> Iterator[tuple[int, str]]:
    """Line and text of every docstring of a module, its classes and its functions."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            text = ast.get_docstring(node)
            if text:
                yield node.body[0].lineno, text


def faults(source: str) -> list[str]:
    """First lines that open with a question word, each with its line number."""
    found = [(line, text.splitlines()[0]) for line, text in docstrings(source)]
    return [f"{line}: {first}" for line, first in found if first.split()[0].strip("\"'`,;:.") in OPENINGS]


@pytest.mark.parametrize("room", ROOMS)
def test_docstrings_open_with_a_noun_phrase_or_a_verb(room: str) -> None:
    path = PACKAGE / room
    files = [path] if path.is_file() else sorted(path.rglob("*.py"))
    found = [f"{file.relative_to(PACKAGE)}:{fault}" for file in files for fault in faults(file.read_text("utf-8"))]
    assert not found, "\n".join(found)


@pytest.mark.parametrize(("text", "faulty"), [
    ('"""What a file holds."""', True),
    ('"""The content of a file."""', False),
    ('class A:\n    """Where it lies."""', True),
    ('class A:\n    def f(self):\n        """Whether it is open."""', True),
    ('async def f():\n    """Open it. When it fails, raise OSError."""', False),
    ('x = "What is no docstring"', False),
])  # fmt: skip
def test_the_check_sees_every_kind_of_docstring(text: str, faulty: bool) -> None:
    assert bool(faults(text)) is faulty
