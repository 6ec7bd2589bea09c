"""Inference of the use of each field of a manifest from names, suffixes and values."""

import shlex
from collections.abc import Callable, Mapping, Sequence
from mimetypes import guess_type
from pathlib import Path
from typing import NamedTuple

from interlace.configuration.spelling import spelled
from interlace.configuration.suggestions import did_you_mean
from interlace.data import graphs, videos
from interlace.data.manifest.fields import LOOKED_INTO, READ, SUFFIXES, Field, Shape, names_file, survey
from interlace.data.manifest.rows import Record
from interlace.errors import UserError
from interlace.tokens import KINDS, Kind

RESERVED = ("id", "split", "label", "target")
SHOWN = 6  # fields listed in a sentence


class Schema(NamedTuple):
    """The use of the fields of a manifest.

    `modalities`: in the order of kinds. `uses`: the use of every field, or "not used" and the reason. `problem`: a
    sentence if the user has to decide. `notes`: sentences. `unused`: a sentence about unused fields. `fields`:
    statistics of each field.
    """

    modalities: dict[str, Kind]
    uses: dict[str, str]
    problem: str | None
    notes: list[str]
    unused: list[str]
    fields: dict[str, Field]


def infer_schema(
    records: Sequence[Record], folder: Path, roles: Mapping[str, str], declared: Mapping[str, Kind] | None
) -> Schema:
    """Infer the use of every field.

    `roles` maps fields that are not modalities to their use; `declared` modalities are accepted if the fields exist.

    Without a declaration a field is a modality in these cases. Most of its values are paths: its kind is that of most
    suffixes (if that is ambiguous, some files, relative to `folder`, are opened: images with several frames and folders
    of images are videos, an .npz with `nodes` and `edges` is a graph). It is text and its name is in TEXT_NAMES, or it
    is the only field of free text. It holds numbers and is `features`, or an entry of it. Lists of images are videos;
    of videos in a field whose name is in SOUND_NAMES the audio is read. Values that look like paths, or that name
    files, are never text: unknown suffixes are a problem.
    """
    fields = survey(records)
    if declared is not None:
        _check_declared(declared, fields, folder)
        modalities = dict(declared)
        others = {name: "not used: not in data.modalities" for name in fields if name not in modalities}
        uses = {**modalities, **others, **{n: r for n, r in roles.items() if n in fields}}
        notes = _on_media(fields, modalities)
        return Schema(modalities, {n: uses[n] for n in _ordered(uses, modalities)}, None, notes, [], fields)
    open_fields = {name: field for name, field in fields.items() if name not in roles}
    kinds: dict[str, Kind] = {}
    strange: dict[str, Field] = {}
    for name, field in open_fields.items():
        kind = _kind(field, folder)
        if kind is not None:
            kinds[name] = kind
        elif _looks_like_path(field, folder):
            strange[name] = field
    notes = _free_text(open_fields, kinds, strange) + _on_media(open_fields, kinds)
    uses = {name: roles.get(name) or kinds.get(name) or _why_not(field, folder) for name, field in fields.items()}
    modalities = {name: kind for kind in KINDS for name in sorted(kinds) if kinds[name] == kind}
    problem = _unknown_suffixes(strange, modalities) if strange else None
    if problem is None and not modalities:
        problem = _nothing_to_read(uses, open_fields)
    unused = [name for name in open_fields if name not in modalities]
    sentences = [f"fields that are not used: {_listed(unused)} (data.modalities names those to read)"] if unused else []
    return Schema(modalities, {n: uses[n] for n in _ordered(uses, modalities)}, problem, notes, sentences, fields)


def named(modalities: Mapping[str, str]) -> str:
    """The option that declares modalities, quoted for a shell."""
    return shlex.quote(spelled("data.modalities", dict(modalities)))


def _ordered(uses: Mapping[str, str], modalities: Mapping[str, Kind]) -> list[str]:
    return [*modalities, *(name for name in uses if name not in modalities)]


def _check_declared(declared: Mapping[str, Kind], fields: Mapping[str, Field], folder: Path) -> None:
    for name, kind in declared.items():
        if name not in fields:
            raise UserError(f"data.modalities: no line has the field {name!r}; {did_you_mean(name, fields)}")
        if kind == "text" and _names_files(fields[name], folder):
            example = fields[name].samples[0]
            raise UserError(
                f"data.modalities: {name!r} holds paths of files ({example!r}), which are not read as text; "
                "put the text itself into the field, or name the kind of the files"
            )


def _kind(field: Field, folder: Path) -> Kind | None:
    """The kind of an undeclared field; None if its values do not determine it."""
    paths, unknown = field.kinds.total(), field.suffixes.total()
    if field.shape == "vector":
        return "features" if field.nested or field.name == "features" else None
    if paths and paths >= unknown and 2 * (paths + unknown) > field.lines:
        kind = _looked_into(field.kinds.most_common(1)[0][0], field.samples, folder)
        if kind == "video" and field.has_sound_name:
            return "audio"
        return "video" if kind == "image" and field.lists else kind
    if field.nested and field.lines:  # a file of rows, with any suffix
        return "features"
    if field.shape == "text" and _most(field.samples, folder, lambda path: path.is_dir() and videos.is_video(path)):
        return "video"
    if field.shape == "text" and field.has_text_name and not _names_files(field, folder):
        return "text"
    return None


def _looked_into(kind: Kind, values: Sequence[str], folder: Path) -> Kind:
    """The kind of a field of paths after opening some of its files."""
    tests: dict[Kind, tuple[Callable[[Path], bool], Kind]] = {
        "image": (lambda path: path.suffix.lower() in videos.ANIMATED and videos.is_video(path), "video"),
        "features": (lambda path: path.suffix.lower() == graphs.SUFFIX and graphs.is_graph(path), "graph"),
    }
    if kind not in tests:
        return kind
    test, other = tests[kind]
    return other if _most(values, folder, test) else kind


def _most(values: Sequence[str], folder: Path, test: Callable[[Path], bool]) -> bool:
    return sum(_holds(test, folder, value) for value in values[:LOOKED_INTO]) > len(values) / 2


def _holds(test: Callable[[Path], bool], folder: Path, value: str) -> bool:
    try:
        return test(folder / value)
    except (OSError, ValueError):  # not a path
        return False


def _names_files(field: Field, folder: Path) -> bool:
    return sum(names_file(folder, value) for value in field.samples) > len(field.samples) / 2


def _looks_like_path(field: Field, folder: Path) -> bool:
    """True if most values look like paths with unknown suffixes, or name existing files."""
    return bool(field.lines) and (2 * field.suffixes.total() > field.lines or _names_files(field, folder))


def _free_text(fields: Mapping[str, Field], kinds: dict[str, Kind], strange: Mapping[str, Field]) -> list[str]:
    """Add the only field of free text to `kinds` if no field is text by its name; returns a note about it."""
    if "text" in kinds.values():
        return []
    free = [name for name, field in fields.items() if name not in kinds and name not in strange and field.is_free_text]
    if len(free) == 1:
        kinds[free[0]] = "text"
        return [f"{free[0]!r} is read as text, as the only field of free text"]
    return []


def _on_media(fields: Mapping[str, Field], kinds: Mapping[str, Kind]) -> list[str]:
    """Notes on fields of files with lists, spans, or audio of videos."""
    notes = []
    for name, field in fields.items():
        kind = kinds.get(name)
        if kind is None:
            continue
        suffixes = field.kinds.most_common(1)
        if kind == "audio" and suffixes and suffixes[0][0] == "video":
            notes.append(f"{name!r} names videos, of which the sound is read (audio)")
        if field.lists and kind == "video" and suffixes and suffixes[0][0] == "image":
            notes.append(f"{name!r} holds lists of pictures, each of which is read as the frames of a video")
        elif field.lists and kind in ("audio", "video", "features"):
            notes.append(f"{name!r} holds lists of files, which are read one behind another ({kind})")
        if field.parts:
            notes.append(f"{name!r} names parts of files, by their start and end in seconds ({kind})")
    return notes


def _unknown_suffixes(strange: Mapping[str, Field], modalities: Mapping[str, Kind]) -> str:
    """The problem of fields with paths of unknown suffixes, with the option that continues without them."""
    listed = []
    for name, field in list(strange.items())[:SHOWN]:
        common = ", ".join(suffix or "no suffix" for suffix, _ in field.suffixes.most_common(3)) or "no suffix"
        listed.append(f"{name!r} ({common}, as in {field.samples[0][:80]!r})")
    read = {kind: [suffix for suffix in READ if SUFFIXES[suffix] == kind] for kind in KINDS}
    known = "; ".join(f"{kind} {' '.join(suffixes)}" for kind, suffixes in read.items() if suffixes)
    guesses = {name: _guess(field) for name, field in strange.items()}
    advice = f"name what to read: {named({**modalities, **guesses})}"
    advice += f", or continue without: {named(modalities)}" if modalities else ""
    return (f"data.path: {', '.join(listed)}: paths of unknown suffixes, which are not read as text; known: {known}; "
            f"convert the files, or {advice}")  # fmt: skip


def _guess(field: Field) -> str:
    """The kind of the most frequent suffix by its MIME type, or by the field's name; else `features`."""
    for suffix, _ in field.suffixes.most_common(1):
        major = (guess_type(f"a{suffix}")[0] or "").partition("/")[0]
        if major in ("image", "audio", "video"):
            return major
    return next((kind for kind in ("image", "audio", "video") if kind in field.name.lower()), "features")


def _nothing_to_read(uses: Mapping[str, str], fields: Mapping[str, Field]) -> str:
    """The problem of a manifest without any modality, with the option that names a field."""
    texts = [name for name, field in fields.items() if field.shape == "text"]
    texts.sort(key=lambda name: -fields[name].words / max(1, fields[name].counted))
    vectors = [name for name, field in fields.items() if field.shape == "vector"]
    guess = {texts[0]: "text"} if texts else dict.fromkeys(vectors[:1], "features")
    what = ", ".join(
        f"{name} ({uses[name].removeprefix('not used: ').partition(';')[0]})" for name in list(fields)[:12]
    )
    example = named(guess) if guess else "data.modalities={FIELD: KIND}"
    return f"data.path: no field is clearly an input; name one, as in {example}; fields: {what or 'none'}"


WHY_NOT: dict[Shape, str] = {
    "number": "numbers",
    "time": "times or dates",
    "truth": "true or false",
    "url": "addresses, not local files",
    "list": "lists",
    "mapping": "mappings",
    "empty": "empty in every line",
    "unknown path": "paths of unknown suffixes",
    "path": "paths",
}


def _why_not(field: Field, folder: Path) -> str:
    """The reason why a field is not a modality, with the option that makes it one."""
    if field.shape == "vector":
        width = f" of {field.width}" if field.width else ""
        return f"not used: inline vectors{width}; {named({field.name: 'features'})} reads them"
    if field.shape != "text":
        few = f" ({len(field.distinct)} values)" if field.shape == "number" and field.is_categorical else ""
        return f"not used: {WHY_NOT[field.shape]}{few}"
    if _looks_like_path(field, folder):
        return "not used: paths of unknown suffixes"
    if len(field.distinct) == 1:
        return "not used: one value"
    if field.is_categorical:
        return f"not used: {len(field.distinct)} values"
    return f"not used: {'free text' if field.is_free_text else 'words'}; {named({field.name: 'text'})} reads it"


def _listed(names: Sequence[str]) -> str:
    more = f" and {len(names) - SHOWN} more" if len(names) > SHOWN else ""
    return ", ".join(names[:SHOWN]) + more
