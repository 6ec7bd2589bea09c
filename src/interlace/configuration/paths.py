"""Check, before large imports, that the files and folders of a configuration exist."""

import glob
from collections.abc import Iterator, Mapping
from difflib import get_close_matches
from pathlib import Path
from typing import Any

from interlace.errors import UserError

# Ends of keys whose value is a file or folder.
FILES = (
    "path", "init_from", "file", "encoder", "reranker", "graph", "templates", "relations", "index", "language_model"
)  # fmt: skip
CORPUS = ("train", "val", "test")  # of data=corpus: lists of files and globs
SECTIONS = ("data", "tokenizer", "model", "text_augmentation", "encoder", "encoders")


def check_paths(config: Mapping[str, Any]) -> None:
    """Raise UserError for the first file or folder that does not exist, with the nearest existing name."""
    for key, path in _named(config):
        if not Path(path).expanduser().exists():
            raise UserError(f"{key}: {missing(Path(path))}")
    for key in CORPUS if config.get("choices", {}).get("data") == "corpus" else ():
        for place in config["data"].get(key) or ():
            if isinstance(place, str) and not _found(Path(place).expanduser()):
                raise UserError(f"data.{key}: {missing(Path(place))}")


def _found(place: Path) -> bool:
    return place.exists() or bool(glob.glob(str(place), recursive=True))


def missing(path: Path) -> str:
    """Return the message for a path that does not exist, with the nearest name in the deepest existing folder."""
    path = path.expanduser()
    there = next((folder for folder in path.parents if folder.is_dir()), Path("/"))
    lost = path.relative_to(there).parts[0] if path != there else ""
    try:
        names = [each.name for each in there.iterdir()]
    except OSError:
        names = []
    near = get_close_matches(lost, names, n=1, cutoff=0.6)
    return f"{path}: no such file or folder" + (f"; did you mean {str(there / near[0])!r}?" if near else "")


def _named(config: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    for section in SECTIONS:
        yield from _within(section, config.get(section))


def _within(key: str, node: Any) -> Iterator[tuple[str, str]]:
    for name, value in node.items() if isinstance(node, Mapping) else ():
        if isinstance(value, str) and name in FILES and value != "???":
            yield f"{key}.{name}", value
        elif isinstance(value, Mapping):
            yield from _within(f"{key}.{name}", value)
