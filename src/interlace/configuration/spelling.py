"""Conversion of values to text of overrides and back: Hydra's grammar, and JSON for values outside it."""

import json
import math
import re
import shlex
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.override_parser.types import Override, OverrideType, Quote, QuotedString
from hydra.errors import HydraException

from interlace.configuration.paths import FILES
from interlace.errors import UserError

PLAIN_KEY = re.compile(r"[A-Za-z_][A-Za-z0-9_-]*")
RESERVED = re.compile(r"(?i)(true|false|null|nan|inf)")
INTERPOLATION = re.compile(r"(\\*)\$\{")
PREFIXES = {"": OverrideType.CHANGE, "~": OverrideType.DEL, "+": OverrideType.ADD, "++": OverrideType.FORCE_ADD}
PARTS = re.compile(r"(~|\+{0,2})([^=]*)(?:=(.*))?", re.DOTALL)
NAMES = frozenset({"study", "arm", "label"})  # always text, even if it looks like a number


@dataclass
class BeyondHydra(Override):
    """An override whose key or value is outside Hydra's grammar (`data.modalities={"größe": "text"}`)."""


def spelled(key: str, value: Any) -> str:
    """Return `KEY=VALUE` for plain data (text, numbers, true, false, null, lists, and mappings with text keys).

    `parse_override` and composition give the same value back: text stays text even if it looks like a number or an
    interpolation. Raises UserError for a value that no configuration can have.
    """
    return f"{key}={literal(value)}"


def literal(value: Any) -> str:
    """Return the right-hand side of `spelled`."""
    try:
        return _in_hydra(value)
    except _NotInHydraError:
        return json.dumps(_escaped(value), ensure_ascii=False)


class _NotInHydraError(ValueError):
    """A mapping whose keys are outside Hydra's grammar."""


def _in_hydra(value: Any) -> str:
    if value is None or isinstance(value, bool | int):
        return json.dumps(value)
    if isinstance(value, float):
        return repr(value) if math.isfinite(value) else str(value)
    if isinstance(value, str):
        text = _escaped(value)
        plain = PLAIN_KEY.fullmatch(text) and not RESERVED.fullmatch(text)
        return text if plain else QuotedString(text, Quote.double).with_quotes()
    if isinstance(value, list | tuple):
        return f"[{', '.join(map(_in_hydra, value))}]"
    if isinstance(value, dict):
        if not all(isinstance(key, str) for key in value):
            raise UserError(f"{value!r}: an option that is a mapping has text for keys")
        if not all(PLAIN_KEY.fullmatch(key) and not RESERVED.fullmatch(key) for key in value):
            raise _NotInHydraError
        return f"{{{','.join(f'{key}:{_in_hydra(each)}' for key, each in value.items())}}}"
    raise UserError(
        f"{value!r}: no value of an option; expected text, a number, true, false, null, a list or a mapping"
    )


def _escaped(value: Any) -> Any:
    """Return a value in which `${` is escaped at any depth."""
    if isinstance(value, str):
        if value == "???":
            raise UserError("'???' marks a required value and is no value itself")
        return INTERPOLATION.sub(lambda found: found[1] * 2 + r"\${", value)
    if isinstance(value, list | tuple):
        return [_escaped(each) for each in value]
    if isinstance(value, dict):
        if not all(isinstance(key, str) for key in value):
            raise UserError(f"{value!r}: an option that is a mapping has text for keys")
        return {key: _escaped(each) for key, each in value.items()}
    return value


def parse_override(text: str) -> Override:
    """Parse one override, `KEY=VALUE`, `+KEY=VALUE` or `~KEY`. Raises UserError, with a quoted form, if it is invalid.

    The value is parsed by Hydra's grammar, else as JSON, else taken as text if a file of that name exists. The values
    of `study`, `arm` and `label` are text.
    """
    found = PARTS.fullmatch(text)
    key, value = (found[2], found[3]) if found else (text, None)
    if not key or (value is None and not text.startswith("~")):
        raise UserError(f"{text!r} is not an override; expected KEY=VALUE, +KEY=VALUE or ~KEY")
    override = _parse(text)
    if value is None or not value.strip():
        if override is None:
            raise UserError(f"{text!r} is not an override; {key!r} is no key of a configuration")
        return override
    if _is_text(key, value, override):
        override = _parse(text.removesuffix(value) + literal(value)) or override
    if override is None:
        override = _beyond_hydra(text, key, value)
    if override is None or (override.is_sweep_override() and key.rpartition(".")[2] in FILES):
        raise UserError(_how_to_quote(text, key, value))
    return override


def _parse(text: str) -> Override | None:
    try:
        return OverridesParser.create().parse_override(text)
    except (HydraException, ValueError, RecursionError):  # the last two: 5,000 digits, 500 nested brackets
        return None


def _is_text(key: str, value: str, override: Override | None) -> bool:
    """Return whether the value is plain text although the grammar parses it otherwise or not at all."""
    parsed = None if override is None else override.value()
    if override is not None and parsed is None and not override.is_sweep_override():
        return False
    if override is None or override.is_sweep_override() or "${" in value:
        return _exists(value)
    if key in NAMES or key.rpartition(".")[2] in FILES:
        return isinstance(parsed, int | float)
    return False


def _exists(value: str) -> bool:
    try:
        return Path(value).expanduser().exists()
    except (OSError, ValueError, RuntimeError):  # name too long; NUL character; home of an unknown user
        return False


def _beyond_hydra(text: str, key: str, value: str) -> Override | None:
    """Return an override with a key of another script or a JSON value; None if it is neither."""
    if re.search(r"[\s@/:=,{}\[\]()'\"]|^\.|\.\.|\.$", key):
        return None
    as_hydra = _parse(f"value={value}")
    try:
        content = json.loads(value) if as_hydra is None else as_hydra.value()
    except (ValueError, RecursionError):
        items = re.fullmatch(r"\[(.*)\]", value, re.DOTALL)  # lists of file names that Hydra would need quoted
        names = [part.strip() for part in items[1].split(",")] if items else []
        if not names or not all(map(_exists, names)):
            return None
        content = _escaped(names)
    prefix = (re.match(r"~|\+{0,2}", text) or [""])[0]
    kind = as_hydra.value_type if as_hydra is not None else None
    return BeyondHydra(PREFIXES[prefix], key, kind, content, input_line=text)


def _how_to_quote(text: str, key: str, value: str) -> str:
    if not value.isprintable():
        return f"{key}: {value!r} cannot be read as a value, and holds characters that no line shows"
    wanted = shlex.quote(text.removesuffix(value) + literal(_unquoted(value)))
    if key.rpartition(".")[2] in FILES:
        return f"{key}: no file {value!r} exists, and a name with such characters is written in quotes: {wanted}"
    return f"{key}: {value!r} cannot be read as a value; as text it is written in quotes: {wanted}"


def _unquoted(value: str) -> str:
    return value[1:-1] if len(value) > 1 and value[0] == value[-1] and value[0] in "'\"" else value
