"""inputs.json: the files that a run has read with their hashes, and the comparison with their present state."""

import glob
import hashlib
import json
import os
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from interlace.configuration.locations import data_folders
from interlace.errors import UserError
from interlace.inputs.hashing import hash_files, signature
from interlace.inputs.recording import InputFiles, matches
from interlace.tracking.files import read_json, write_atomically

INPUTS = "inputs.json"
DIGITS = 32  # of a sha256
ELSEWHERE = "elsewhere"  # files under no path of the configuration
DATA_SET = "INTERLACE_DATA/"  # prefix of the key of a data set in INTERLACE_DATA


def record(read: InputFiles, config: Mapping[str, Any]) -> dict[str, Any]:
    """The content of inputs.json: hashes by folder and name, the files that matched patterns, and `roots`: the paths in
    the configuration, absolute and with symbolic links resolved.

    Raises UserError when a file has changed since it was opened.
    """
    hashes = hash_files(read.files)
    for path, before in read.files.items():
        if hashes[path] is not None and signature(path) != before:
            raise UserError(f"{path}: changed while it was read; start again when nothing writes to it")
    folders: dict[str, dict[str, str | None]] = {}
    for path, digest in sorted(hashes.items()):
        folder, name = os.path.split(path)
        folders.setdefault(folder, {})[name] = digest and digest[:DIGITS]
    patterns = [[folder, pattern, found] for (folder, pattern), found in sorted(read.patterns.items())]
    cwd = os.getcwd()
    places = roots(config, cwd)
    places |= _data_sets_of(hashes, places)
    return {"cwd": cwd, "roots": places, "patterns": patterns, "folders": folders}


def fingerprints(content: Mapping[str, Any]) -> dict[str, str]:
    """A hash for each path in the configuration, of relative names and contents of its files; it does not depend on the
    folder.
    """
    places = content["roots"]
    kept: dict[str, list[str]] = {}
    for path, digest in _files(content):
        key, inside = _place(path, places)
        kept.setdefault(key, []).append(f"{inside}\0{digest}")
    for folder, pattern, found in content["patterns"]:
        key, inside = _place(folder, places)
        kept.setdefault(key, []).append(f"{inside}\0{pattern}\0{found}")
    return {key: hashlib.sha256("\n".join(sorted(lines)).encode()).hexdigest()[:16] for key, lines in kept.items()}


def roots(config: Mapping[str, Any], cwd: str) -> dict[str, list[str]]:
    """The values of a configuration that name a file, folder or pattern: key -> absolute path, resolved path."""
    found = {}
    for key, text in _texts(config, ""):
        path = _absolute(text, cwd)
        if path != cwd and os.path.exists(path):
            found[key] = [path, os.path.realpath(path)]
    return found


def changed(content: Mapping[str, Any], config: Mapping[str, Any], cwd: str, *, gone: bool) -> list[str]:
    """Differences between the recorded inputs and those that `config` names now, each as "PATH: how".

    Relative paths start from `cwd`. With `gone`, missing files count as differences too, except those of data sets in
    INTERLACE_DATA, which may be in any of its folders or missing.
    """
    moves = _moves(content["roots"], config, cwd)
    there = {_moved(path, moves): (digest, path) for path, digest in _files(content)}
    now = hash_files(there)
    found = []
    for path, (before, old) in there.items():
        after = now[path] and str(now[path])[:DIGITS]
        counts = gone and _place(old, content["roots"])[0] not in (ELSEWHERE, *_data_sets(content["roots"]))
        if after != before and (after is not None or counts):
            what = "is gone" if after is None else "was not there" if before is None else "has changed"
            found.append(f"{path}: {what}")
    for folder, pattern, before in content["patterns"]:
        place = _moved(folder, moves)
        after_all = matches(place, pattern)
        if after_all != before and (after_all or gone):
            other = min({*after_all} ^ {*before})
            found.append(f"{os.path.join(place, other)}: {'is new' if other in after_all else 'is gone'}")
    return found


def moved(content: Mapping[str, Any], config: Mapping[str, Any], cwd: str) -> bool:
    """True where the paths of `config` differ from the recorded ones."""
    return any(old != new for old, new in _moves(content["roots"], config, cwd))


def state(content: Mapping[str, Any], config: Mapping[str, Any], cwd: str) -> str:
    """A hash of the present content of the recorded inputs' paths."""
    moves = _moves(content["roots"], config, cwd)
    paths = [(path, _moved(path, moves)) for path, _ in _files(content)]
    now = hash_files(place for _, place in paths)
    lines = [f"{_place(path, content['roots'])}\0{now[place]}" for path, place in paths]
    lines += [f"{pattern}\0{matches(_moved(folder, moves), pattern)}" for folder, pattern, _ in content["patterns"]]
    return hashlib.sha256("\n".join(sorted(lines)).encode()).hexdigest()


def write_inputs(directory: Path, content: Mapping[str, Any]) -> None:
    """Writes inputs.json with a line for each folder, as there may be very many files."""
    head = {key: value for key, value in content.items() if key != "folders"}
    lines = ",\n".join(f" {json.dumps(folder)}: {json.dumps(names)}" for folder, names in content["folders"].items())
    text = json.dumps(head)[:-1] + ', "folders": {\n' + lines + "\n}}\n"
    write_atomically(directory / INPUTS, lambda temporary: temporary.write_text(text, encoding="utf-8"))


def read_inputs(directory: Path) -> dict[str, Any] | None:
    """The record of a run; None where it is missing or cannot be read."""
    try:
        content = read_json(directory / INPUTS)
        known = isinstance(content, dict) and {"cwd", "roots", "patterns", "folders"} <= set(content)
    except (OSError, ValueError, UserError):
        return None
    return content if known else None


def _files(content: Mapping[str, Any]) -> Iterator[tuple[str, str | None]]:
    for folder, names in content["folders"].items():
        for name, digest in names.items():
            yield os.path.join(folder, name), digest


def _texts(node: Any, key: str) -> Iterator[tuple[str, str]]:
    if isinstance(node, Mapping):
        for name, value in node.items():
            yield from _texts(value, f"{key}.{name}" if key else str(name))
    elif isinstance(node, list | tuple):
        for index, value in enumerate(node):
            yield from _texts(value, f"{key}.{index}")
    elif isinstance(node, str) and node and "\0" not in node and len(node) < 4096:
        yield key, node


def _place(path: str, places: Mapping[str, list[str]]) -> tuple[str, str]:
    """The key of the configuration whose path is the file, a folder above it or a file in its folder, and the path
    relative to that.
    """
    best: tuple[int, str, str] = (-1, ELSEWHERE, os.path.basename(path))
    for key, spellings in sorted(places.items()):
        for place in spellings:
            for depth, root in ((len(place) + 1, place), (len(os.path.dirname(place)), os.path.dirname(place))):
                if depth > best[0] and root not in ("", os.sep) and _within(path, root):
                    best = (depth, key, os.path.relpath(path, root))
    return best[1], best[2]


def _within(path: str, root: str) -> bool:
    return path == root or path.startswith(root + os.sep)


def _moves(before: Mapping[str, list[str]], config: Mapping[str, Any], cwd: str) -> list[tuple[str, str]]:
    """Recorded and present path of each path in the configuration, and of its parent folder; the longest first."""
    texts = dict(_texts(config, ""))
    found: dict[str, str] = {}
    for key, spellings in before.items():
        if key in _data_sets(before):
            name = key.removeprefix(DATA_SET)
            places = [folder / name for folder in data_folders() if (folder / name).exists()]
            path = os.path.abspath(places[0]) if places else spellings[0]
        else:
            path = _absolute(texts[key], cwd) if key in texts else spellings[0]
        for old, new in zip(spellings, (path, os.path.realpath(path)), strict=True):
            found.setdefault(os.path.dirname(old), os.path.dirname(new))
            found[old] = new
    return sorted(found.items(), key=lambda pair: -len(pair[0]))


def _absolute(text: str, cwd: str) -> str:
    """The absolute path of a text; of a pattern the folder before its first wildcard."""
    path = os.path.join(cwd, os.path.expanduser(text))
    while glob.has_magic(path) and not os.path.exists(path):
        path = os.path.dirname(path)
    return os.path.normpath(path)


def _data_sets(places: Mapping[str, list[str]]) -> list[str]:
    return [key for key in places if key.startswith(DATA_SET)]


def _data_sets_of(paths: Iterable[str], places: Mapping[str, list[str]]) -> dict[str, list[str]]:
    """The data sets of INTERLACE_DATA with files among `paths` that belong to no path of the configuration."""
    found: dict[str, list[str]] = {}
    for folder in [os.path.abspath(folder) for folder in data_folders()]:
        for path in paths:
            if _within(path, folder) and path != folder and _place(path, places)[0] == ELSEWHERE:
                name = os.path.relpath(path, folder).split(os.sep)[0]
                place = os.path.join(folder, name)
                found.setdefault(f"{DATA_SET}{name}", [place, os.path.realpath(place)])
    return found


def _moved(path: str, moves: list[tuple[str, str]]) -> str:
    for old, new in moves:
        if old not in ("", os.sep) and _within(path, old):
            return new + path[len(old) :]
    return path
