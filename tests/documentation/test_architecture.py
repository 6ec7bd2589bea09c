"""The table of rooms is that of the import contract, in its order."""

import re
import tomllib

from tests.documentation.blocks import ROOT

PAGE = (ROOT / "docs" / "architecture.md").read_text(encoding="utf-8")


def test_rooms_are_those_of_the_contract():
    contract = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["tool"]["importlinter"]["contracts"]
    layers = [name.split(".")[1] for layer in contract[0]["layers"] for name in layer.split(" : ")]
    table = PAGE.split("## Rooms")[1].split("\n## ")[0]
    assert re.findall(r"^\| `(\w+)` \|", table, re.MULTILINE) == layers


def test_rooms_are_those_of_the_package():
    package = ROOT / "src" / "interlace"
    there = {path.stem for path in package.iterdir() if path.suffix == ".py" or (path / "__init__.py").exists()}
    table = PAGE.split("## Rooms")[1].split("\n## ")[0]
    assert set(re.findall(r"^\| `(\w+)` \|", table, re.MULTILINE)) == there - {"__init__", "__main__"}


def test_files_that_are_named_exist():
    for name in re.findall(r"`((?:tests|src|docs|conf|tools|experiments)/[\w/.-]+)`", PAGE):
        assert (ROOT / name).exists(), name
