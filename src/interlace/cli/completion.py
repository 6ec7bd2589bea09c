"""Shell completion of Hydra overrides: `fusion=<TAB>` gives the files of the group, `trainer.<TAB>` its options.

Configuration files are read as plain YAML; Hydra and torch are not imported, so that an answer takes a fraction of a
second.
"""

import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import typer


def complete_override(context: typer.Context, incomplete: str) -> list[str]:
    """Overrides that begin with the typed text.

    Where several groups or sections match, each is offered up to its "=" or "."; a single one is offered with its
    choices. Bash splits words at "=" and expects the part after it.
    """
    given = list(context.params.get("overrides") or [])
    before, word = _in_bash(incomplete) if _bash() else ("", incomplete)
    return [found.removeprefix(before) for found in overrides_from(word, given)]


def complete_study(incomplete: str) -> list[str]:
    """Names of studies that begin with the typed text."""
    from interlace.configuration.names import studies

    return [name for name in sorted(studies()) if name.startswith(incomplete)]


def _in_bash(incomplete: str) -> tuple[str, str]:
    """The part of the word up to its "=", which bash has split off, and the whole word."""
    words = os.environ.get("COMP_WORDS", "").split("\n")
    last = int(os.environ.get("COMP_CWORD") or 0)
    current = words[last] if last < len(words) else ""
    if current == "=" and last > 0:
        return f"{words[last - 1]}=", f"{words[last - 1]}="
    if last > 1 and words[last - 1] == "=":
        return f"{words[last - 2]}=", f"{words[last - 2]}={current}"
    return "", incomplete


def overrides_from(word: str, given: list[str]) -> list[str]:
    """Overrides that begin with `word`; options are those of the default choices, or of the choices in `given`."""
    from interlace.configuration.names import groups

    known = groups()
    group, equals, _ = word.partition("=")
    if equals:
        found = list(_values(group, known, given))
    else:
        found = sorted({*(f"{each}=" for each in known), *_option_prefixes(known, given, word)})
        matching = [each for each in found if each.startswith(word)]
        if len(matching) == 1 and matching[0].endswith("="):
            found = list(_values(matching[0][:-1], known, given))
    return [each for each in found if each.startswith(word)]


def _values(key: str, known: set[str], given: list[str]) -> Iterator[str]:
    """`key=value` for each choice of a group; for an option its default, or true and false."""
    from interlace.configuration.names import choices

    if key in known:
        yield from (f"{key}={name}" for name in choices(key))
        return
    options = _options(known, given)
    if key in options:
        default = options[key]
        values = ("true", "false") if isinstance(default, bool) else (_text(default),)
        yield from (f"{key}={value}" for value in values)


def _option_prefixes(known: set[str], given: list[str], word: str) -> Iterator[str]:
    """Options that begin with the word: up to the next "." after it, or whole with "="."""
    for name in _options(known, given):
        rest = name[len(word) :] if name.startswith(word) else ""
        inner, dot, _ = rest.partition(".")
        yield f"{word}{inner}." if dot else f"{name}="


def _options(known: set[str], given: list[str]) -> dict[str, Any]:
    """Dotted keys of the configuration with their values: train.yaml, and the chosen file of each group."""
    from interlace.configuration.locations import conf_dir

    root = conf_dir()
    primary = _read(root / "train.yaml")
    defaults = [entry for entry in primary.pop("defaults", ()) if isinstance(entry, dict)]
    chosen = {key: name for entry in defaults for key, name in entry.items()}
    chosen |= dict(text.split("=", 1) for text in given if text.count("=") == 1)
    sections = dict(primary)
    for group in sorted(known & set(chosen)):
        if isinstance(name := chosen[group], str) and (path := root / group / f"{name}.yaml").is_file():
            sections[group.replace("/", ".")] = {k: v for k, v in _read(path).items() if not k.startswith("_")}
    return _flat(sections)


def _flat(value: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    found: dict[str, Any] = {}
    for key, inner in value.items():
        if key == "defaults":
            continue
        found |= _flat(inner, f"{prefix}{key}.") if isinstance(inner, dict) and inner else {f"{prefix}{key}": inner}
    return found


def _read(path: Path) -> dict[str, Any]:
    import yaml

    from interlace.reading.documents import read_yaml

    found = read_yaml(path, lambda text: yaml.load(text, Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader)))
    return found if isinstance(found, dict) else {}


def _text(value: Any) -> str:
    import json

    return "null" if value is None else value if isinstance(value, str) else json.dumps(value, separators=(",", ":"))


def _bash() -> bool:
    return any(name.endswith("_COMPLETE") and value == "complete_bash" for name, value in os.environ.items())
