"""Reading the YAML of a study file: data, the line of each value, and errors for values that YAML misinterprets."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from interlace.errors import UserError
from interlace.reading.documents import read_yaml

TAG = "tag:yaml.org,2002:"
NUMBER_AS_TEXT = re.compile(r"([-+]?)(\d+\.?\d*|\.\d+)[eE]([-+]?)(\d+)")  # YAML 1.1 requires a point and a sign
BASE_60_OR_8 = re.compile(r"[-+]?(0[0-7_]+|[0-9_]+(:[0-5]?[0-9])+(\.[0-9_]*)?)")
KINDS = {"bool": "true or false", "int": "a number", "float": "a number", "null": "nothing", "timestamp": "a date",
         "binary": "bytes", "merge": "a merge key", "value": "a default value"}  # fmt: skip

Place = tuple[str | int, ...]


@dataclass
class StudyFile:
    """The content of a study file.

    `lines`: line numbers of keys and items by their place. `texts`: source texts of values that YAML does not read as
    strings.
    """

    path: Path
    content: Any = None
    lines: dict[Place, int] = field(default_factory=dict)
    texts: dict[Place, str] = field(default_factory=dict)

    def at(self, place: Place) -> str:
        """`FILE, line N` of the place, or of the nearest enclosing place in the file; `FILE` where there is none."""
        found: Place = ()
        for part in place:
            if (*found, part) in self.lines:
                found = (*found, part)
        return f"{self.path}, line {self.lines[found]}" if found else str(self.path)

    def in_quotes(self, place: Place) -> str | None:
        """A sentence that shows how to quote a value that YAML does not read as a string; None for a string."""
        text = self.texts.get(place)
        return None if text is None else f'YAML reads {text} as {_kind_of(text)}; write it in quotes: "{text}"'


def read_study_file(path: Path) -> StudyFile:
    """Reads a study file.

    Raises UserError with the line for invalid YAML, for duplicate keys, and for values that YAML 1.1 reads differently
    than expected (`1e-3`, `on:`, `010`, a date).
    """

    def load(text: str) -> yaml.Node | None:
        try:
            return yaml.compose(text, Loader=yaml.SafeLoader)  # type: ignore[no-any-return]
        except yaml.YAMLError as error:
            raise UserError(f"{path}{_why(error, text)}") from None

    node = read_yaml(path, load)
    read = StudyFile(path)
    if node is not None:
        read.content = _Reader(read).value(node, ())
    return read


class _Reader:
    """Converts YAML nodes to plain data."""

    def __init__(self, read: StudyFile) -> None:
        self.read = read
        self.loader = yaml.SafeLoader("")

    def value(self, node: yaml.Node, place: Place) -> Any:
        self.read.lines.setdefault(place, node.start_mark.line + 1)
        if not isinstance(node, yaml.ScalarNode) and node.tag not in (f"{TAG}map", f"{TAG}seq"):
            raise self._refused(node, f"{node.tag}: a study file holds text, numbers, lists and mappings, and no tags")
        if isinstance(node, yaml.MappingNode):
            return {key: self.value(inner, (*place, key)) for key, inner in self._items(node, place)}
        if isinstance(node, yaml.SequenceNode):
            return [self.value(inner, (*place, index)) for index, inner in enumerate(node.value)]
        assert isinstance(node, yaml.ScalarNode)  # the only other kind of node
        return self._scalar(node, place)

    def _items(self, node: yaml.MappingNode, place: Place) -> Iterator[tuple[str, yaml.Node]]:
        first: dict[str, int] = {}
        for key, _ in node.value:
            if isinstance(key, yaml.ScalarNode) and key.tag != f"{TAG}merge":
                line = key.start_mark.line + 1
                if key.value in first:
                    raise self._refused(key, f"duplicate key {key.value!r}, first in line {first[key.value]}; keep one")
                first[key.value] = line
        try:
            self.loader.flatten_mapping(node)
        except (yaml.YAMLError, RecursionError) as error:
            raise UserError(f"{self.read.path}{_why(error, '')}") from None
        last = {
            each.value if isinstance(each, yaml.ScalarNode) else id(each): (each, value) for each, value in node.value
        }
        for key, inner in last.values():  # a key of the mapping itself overrides a merged one
            if not isinstance(key, yaml.ScalarNode):
                raise self._refused(key, "expected text as key, got a list or mapping")
            if key.tag != f"{TAG}str":
                what = KINDS.get(key.tag.removeprefix(TAG), "something else")
                how = f'write it in quotes: "{key.value}":'
                raise self._refused(key, f"YAML reads the key {key.value} as {what}; {how}")
            self.read.lines[(*place, key.value)] = key.start_mark.line + 1
            yield key.value, inner

    def _scalar(self, node: yaml.ScalarNode, place: Place) -> Any:
        text, kind = str(node.value), node.tag.removeprefix(TAG)
        if kind == "str":
            found = NUMBER_AS_TEXT.fullmatch(text) if node.style is None else None
            if found:
                sign, digits, exponent_sign, exponent = found.groups()
                whole, _, rest = digits.partition(".")
                number = f"{sign}{whole or 0}.{rest or 0}e{exponent_sign or '+'}{exponent}"
                raise self._refused(
                    node, f'YAML reads {text} as text; write {number} for the number, or "{text}" for the text'
                )
            return text
        if kind not in ("bool", "int", "float", "null"):
            what = KINDS.get(kind, f"a value of its own kind ({node.tag})")
            raise self._refused(node, f'YAML reads {text} as {what}; write it in quotes: "{text}"')
        try:
            value = self.loader.construct_object(node, deep=True)
        except (ValueError, yaml.YAMLError):
            raise self._refused(node, f"{text[:40]} is not a valid YAML {kind}") from None
        if kind in ("int", "float") and BASE_60_OR_8.fullmatch(text):
            raise self._refused(node, f'YAML reads {text} as {value}; write "{text}" for the text, else {value}')
        self.read.texts[place] = text
        return value

    def _refused(self, node: yaml.Node, problem: str) -> UserError:
        return UserError(f"{self.read.path}, line {node.start_mark.line + 1}: {' '.join(problem.split())}")


def _kind_of(text: str) -> str:
    return KINDS[yaml.SafeLoader("").resolve(yaml.ScalarNode, text, (True, False)).removeprefix(TAG)]


def _why(error: Exception, text: str) -> str:
    """The end of a message on invalid YAML, `, line N: ...`, with a remedy for common mistakes."""
    mark = getattr(error, "problem_mark", None) or getattr(error, "context_mark", None)
    problem = " ".join(str(getattr(error, "problem", None) or getattr(error, "reason", None) or "too deep").split())
    if mark is None:
        line = text[: getattr(error, "position", 0) or 0].count("\n") + 1
        return f", line {line}: not YAML: {problem}"
    written = (text.splitlines() or [""])[min(mark.line, len(text.splitlines()) - 1)] if text else ""
    where = f", line {mark.line + 1}: not YAML: "
    if "'\\t'" in problem or "\t" in written[: mark.column + 1]:
        return f"{where}a tab; YAML is indented by spaces"
    if problem == "mapping values are not allowed here":
        key, _, value = written.strip().partition(": ")
        return f"{where}a colon and a space within a value; put the value in quotes: {key}: {_quoted(value)}"
    return f"{where}{problem} (column {mark.column + 1})"


def _quoted(text: str) -> str:
    return f'"{text}"' if '"' not in text else "'" + text.replace("'", "''") + "'"


def place_of(message: str, lines: Mapping[Place, int]) -> Place:
    """The place that a message begins with ("tuning.seeds: ..."), where the file has it."""
    name = message.partition(":")[0]
    return next((place for place in lines if ".".join(map(str, place)) == name), ())
