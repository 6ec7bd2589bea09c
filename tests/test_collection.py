"""Each test file has a module name of its own, without which pytest collects none of those that share it."""

from collections import Counter
from pathlib import Path


def test_module_names_are_unique():
    files = [path for path in Path(__file__).parent.rglob("test_*.py") if not (path.parent / "__init__.py").exists()]
    shared = [name for name, number in Counter(path.name for path in files).items() if number > 1]
    assert not shared, f"add an __init__.py to all but one of the folders of {', '.join(shared)}"
