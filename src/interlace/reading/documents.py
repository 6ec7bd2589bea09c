"""JSON and YAML from outside: bounded in size, in depth, and in what a YAML document's aliases unfold to."""

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
    """A JSON document. Raises ValueError for what is none, and TooLarge beyond the limit json_depth."""
    _check_depth(text, where)
    try:
        return json.loads(text)
    except RecursionError:  # the limit was raised beyond what Python's parser can do
        raise UserError(f"{where}: nested deeper than Python's JSON parser can follow; flatten it") from None


def read_json(path: Path | str) -> Any:
    """The JSON document of a file. Raises OSError, ValueError for what is no JSON or not UTF-8, and TooLarge beyond the
    limits document_bytes and json_depth.
    """
    return parse_json(read_bytes(path, "document_bytes").decode("utf-8-sig"), path)


def read_yaml(path: Path | str, load: Callable[[str], Any]) -> Any:
    """What `load` makes of a YAML file's text. Raises OSError, what `load` raises, and UserError for what is no text or
    exceeds the limits document_bytes, json_depth or, with its aliases written out, yaml_nodes.
    """
    return parse_yaml(read_text(path, "document_bytes"), path, load)


def parse_yaml(text: str, where: Path | str, load: Callable[[str], Any]) -> Any:
    """What `load` makes of a YAML text, once its depth and its aliases are known to be bounded."""
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
        return  # the loader tells better
    if root is not None:
        _unfolded(root, where, {})


def _unfolded(node: "yaml.Node", where: Path | str, sizes: dict[int, int]) -> int:
    """The number of values with aliases written out; each node is counted once, and one inside itself has no end."""
    known = sizes.get(id(node))
    if known == 0:
        raise UserError(f"{where}: an alias stands inside what it names, which has no end; write the value out")
    if known is None:
        sizes[id(node)] = 0
        known = 1 + sum(_unfolded(child, where, sizes) for child in _children(node))
        sizes[id(node)] = known
        if known > limit("yaml_nodes"):
            raise exceeded(where, f"with its aliases written out it has {known} values or more", "yaml_nodes")
    return known


def _children(node: "yaml.Node") -> list["yaml.Node"]:
    value: Any = node.value
    if not isinstance(value, list):
        return []
    return [child for each in value for child in (each if isinstance(each, tuple) else (each,))]
