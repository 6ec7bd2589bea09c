"""JSON and YAML documents, bounded in size, in depth, and in the number of values that YAML aliases expand to."""

import json
import re
from collections.abc import Callable
from itertools import accumulate
from pathlib import Path
from typing import TYPE_CHECKING, Any

from interlace.errors import UserError
from interlace.reading.files import read_bytes, read_text
from interlace.reading.limits import exceeded, limit

if TYPE_CHECKING:
    import yaml

STRING = re.compile(r'"[^"\\]*+(?:\\.[^"\\]*+)*+"?', re.DOTALL)
NO_BRACKET = re.compile(r"[^\[\]{}]+")
ALIAS = re.compile(r"(?:^|[\s\[{,:?-])\*\S")
STEP = {"[": 1, "{": 1, "]": -1, "}": -1}


def parse_json(text: str, where: Path | str) -> Any:
    """Parse a JSON document. Raises ValueError if it is not JSON, and TooLarge beyond the limit json_depth."""
    _check_depth(text, where)
    try:
        return json.loads(text)
    except RecursionError:  # the limit was raised beyond the depth of Python's parser
        raise UserError(f"{where}: nested deeper than Python's JSON parser can follow; flatten it") from None


def read_json(path: Path | str) -> Any:
    """Read the JSON document of a file.

    Raises OSError, ValueError if it is not JSON or not UTF-8, and TooLarge beyond the limits document_bytes and
    json_depth.
    """
    return parse_json(read_bytes(path, "document_bytes").decode("utf-8-sig"), path)


def read_yaml(path: Path | str, load: Callable[[str], Any]) -> Any:
    """Read a YAML file and parse its text with `load`.

    Raises OSError, the errors of `load`, and UserError for a file that is not text or exceeds the limits
    document_bytes, json_depth or, with its aliases expanded, yaml_nodes.
    """
    return parse_yaml(read_text(path, "document_bytes"), path, load)


def parse_yaml(text: str, where: Path | str, load: Callable[[str], Any]) -> Any:
    """Parse a YAML text with `load` after checking the bounds of its depth and of its aliases."""
    _check_depth(text, where)
    try:
        if ALIAS.search(text):
            _check_aliases(text, where)
        return load(text)
    except RecursionError:
        raise exceeded(where, "it nests too deeply", "json_depth") from None


def _check_depth(text: str, where: Path | str) -> None:
    most = limit("json_depth")
    if text.count("[") + text.count("{") <= most:
        return
    brackets = NO_BRACKET.sub("", STRING.sub("", text))
    if (deepest := max(accumulate(map(STEP.__getitem__, brackets)), default=0)) > most:
        raise exceeded(where, f"it nests {deepest} deep", "json_depth", deepest)


def _check_aliases(text: str, where: Path | str) -> None:
    import yaml

    try:
        root = yaml.compose(text, Loader=yaml.SafeLoader)
    except yaml.YAMLError:
        return  # `load` raises the better message
    if root is not None:
        _count_expanded(root, where, {})


def _count_expanded(node: "yaml.Node", where: Path | str, sizes: dict[int, int]) -> int:
    """The number of values with aliases expanded, cached by node; UserError for a node that contains itself."""
    known = sizes.get(id(node))
    if known == 0:
        raise UserError(f"{where}: an alias refers to a value that contains the alias itself; write the value out")
    if known is None:
        sizes[id(node)] = 0
        known = 1 + sum(_count_expanded(child, where, sizes) for child in _children(node))
        sizes[id(node)] = known
        if known > limit("yaml_nodes"):
            raise exceeded(where, f"with its aliases expanded it has {known} values or more", "yaml_nodes")
    return known


def _children(node: "yaml.Node") -> list["yaml.Node"]:
    value: Any = node.value
    if not isinstance(value, list):
        return []
    return [child for entry in value for child in (entry if isinstance(entry, tuple) else (entry,))]
