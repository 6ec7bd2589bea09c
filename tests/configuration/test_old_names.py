"""Old names of the changelog's tables: none is left in the code, the configuration, the tests or the documentation."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
HOLDERS = {
    "CHANGELOG.md",
    "src/interlace/configuration/renamed.py",
    "tests/configuration/test_renamed.py",
    "tests/configuration/test_old_names.py",
}
# Old names that are also English words or terms of something else; each with its present use.
WORDS = {
    "training": "the phase of a run", "schedule": "a learning-rate schedule", "adaptation": "low-rank adaptation",
    "freezing": "interlace.encoders.freezing, functions", "presence": "interlace.fusion.base.presence, a function",
    "augmentation": "interlace.data.augmentation, a package", "missing": "English, and missing-modality curves",
    "leads": "English", "contract": "the import contract", "places": "English", "there": "English", "back": "English",
    "blank": "English", "level": "a level of a factor", "separated": "English", "pairs": "English",
    "count": "English", "chosen": "English", "theirs": "peers of benchmarks", "damaged": "English",
    "converted": "English", "conversion": "English", "reading": "interlace.reading, a package", "Reading": "English",
    "whole": "English", "remedy": "English", "show": "English", "shown": "English", "Shown": "English",
    "tag": "English",
    "Seen": "classes of tests", "keys": "English", "told": "English", "alike": "English", "ahead": "English",
    "home": "English", "copies": "English", "shared_values": "interlace.metrics.groups.shared_values, a function",
    "tell": "English", "seal": "English", "Mirror": "mirror descent", "cut": "English",
    "predictions": "English", "report": "English", "laws": "English",
}  # fmt: skip
# Heads of rows that say where the names were, and stand for something else now or still.
MODULES = {
    "INTERLACE_LIMITS", "augmentation.replacements", "manifest.leaks", "laws.checking", "pretrained", "scenes.language",
    "callbacks", "tasks", "of", "and", "models", "inverted", "reproduce_run", "Experts",
}  # fmt: skip
TEXT = {".py", ".yaml", ".yml", ".md", ".toml", ".jinja", ".html", ".css", ".js", ".ipynb", ".sh", ".cfg", ".txt", ""}
NAME = re.compile(r"[A-Za-z_]\w*(?:[.=][A-Za-z_]\w*)*")


def old_names() -> list[str]:
    """Every name in the left columns of the two tables."""
    text = (ROOT / "CHANGELOG.md").read_text(encoding="utf-8").partition("### Old and new names")[2]
    rows = re.findall(r"^\| (`.+?) \| `", text.partition("\n### ")[0], re.MULTILINE)
    assert len(rows) > 90
    return sorted({name for row in rows for name in NAME.findall(row)} - MODULES - WORDS.keys())


def files() -> Iterator[Path]:
    for folder in ("src", "conf", "docs", "tests", "tools", "experiments"):
        yield from (path for path in (ROOT / folder).rglob("*") if path.is_file() and path.suffix in TEXT)
    yield from (path for path in ROOT.iterdir() if path.is_file() and path.suffix in TEXT)


@pytest.fixture(scope="module")
def texts() -> dict[str, str]:
    """Text of every file that a reader or a program reads, except those that hold the tables."""
    named = {path.relative_to(ROOT).as_posix(): path for path in files()}
    kept = {name: path for name, path in named.items() if name not in HOLDERS and "/results/" not in name}
    assert len(kept) > 1000
    return {name: path.read_text(encoding="utf-8", errors="replace") for name, path in kept.items()}


def having(texts: dict[str, str], word: str) -> list[str]:
    """The files in which a name stands as a whole word."""
    whole = re.compile(rf"(?<!\w){re.escape(word)}(?!\w)")
    return [name for name, text in texts.items() if word in text and whole.search(text)]


@pytest.mark.parametrize("old", old_names())
def test_no_file_has_an_old_name(old: str, texts: dict[str, str]) -> None:
    assert not having(texts, old)


@pytest.mark.parametrize("old", [name for name in old_names() if re.fullmatch(r"[\w.]+\.\w+", name)])
def test_its_module_or_class_does_not_define_it(old: str, texts: dict[str, str]) -> None:
    owner, _, name = old.rpartition(".")
    ends = tuple(f"/{owner.replace('.', '/')}{end}" for end in (".py", "/__init__.py"))
    for path, text in texts.items():
        if path.startswith("src/interlace/") and (path.endswith(ends) or f"class {owner}" in text):
            assert name not in definitions(ast.parse(text), owner), path


def definitions(module: ast.Module, owner: str) -> set[str]:
    """Names that a module defines, or the class `owner` in it where it has one."""
    classes = [node for node in module.body if isinstance(node, ast.ClassDef) and node.name == owner]
    kinds = ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef
    return {node.name for part in classes or [module] for node in part.body if isinstance(node, kinds)}


def test_every_exception_is_an_old_name() -> None:
    text = (ROOT / "CHANGELOG.md").read_text(encoding="utf-8").partition("### Old and new names")[2]
    assert WORDS.keys() <= set(re.findall(r"\w+", text.partition("\n### ")[0]))
