"""Records from a folder tree: ROOT/CLASS/NAME.ext or ROOT/{train,val,test}/CLASS/NAME.ext, one file per modality."""

import os
from collections.abc import Iterator, Mapping
from pathlib import Path, PurePosixPath

from interlace.data import audio, features, images, videos
from interlace.data.manifest.rows import NumberedRecord, Record, Row
from interlace.data.manifest.splitting import NAMES
from interlace.data.problems import BadExample, Problem
from interlace.errors import UserError
from interlace.inputs import note, note_folder
from interlace.reading.files import read_bytes
from interlace.reading.limits import TooLarge, exceeded, limit

TEXT = ".txt"
FIELDS = {
    **dict.fromkeys(images.SUFFIXES, "image"), **dict.fromkeys(audio.SUFFIXES, "audio"),
    **dict.fromkeys(features.SUFFIXES, "features"), **dict.fromkeys(videos.SUFFIXES, "video"), TEXT: "text",
}  # fmt: skip
IGNORED = ("thumbs.db", "desktop.ini")  # files of file managers; names that begin with a dot are ignored too
EXPECTED = "expected ROOT/CLASS/NAME.ext or ROOT/{train,val,test}/CLASS/NAME.ext"


def read_folder(root: Path) -> Iterator[Row]:
    """An example for every stem in a class folder, in the order of names; the files with that stem are its modalities.

    Fields are named by kind: `image`, `audio`, `features`, `video`, `text` (the content of a .txt); a file with an
    unknown suffix has the suffix as its field. `label` is the name of the class folder, `split` that of the folder
    above it, `id` the path of both with the stem. Files without folders are examples without labels, for prediction.
    Paths are relative to ROOT's parent. Raises UserError for a tree of another shape.
    """
    note_folder(root, "**/*")
    folders, files = _listed(root)
    splits = [name for name in folders if name.lower() in NAMES]
    if splits and len(splits) != len(folders):
        others = ", ".join(name for name in folders if name not in splits)
        raise UserError(f"{root}: beside the splits {', '.join(splits)} it has the folders {others}; {EXPECTED}")
    if not folders:
        yield from _examples(root, "", files, {}, 0)
        return
    if stray := [name for name in files if PurePosixPath(name).suffix.lower() in FIELDS.keys() - {TEXT}]:
        raise UserError(f"{root}: the file {stray[0]} lies beside the class folders; {EXPECTED}")
    number = 0
    for split in splits or [""]:
        classes, loose = _listed(root / split)
        if split and loose and any(PurePosixPath(name).suffix.lower() in FIELDS for name in loose):
            raise UserError(f"{root / split}: the file {loose[0]} is not in a class folder; {EXPECTED}")
        for name in classes:
            deeper, found = _listed(root / split / name)
            if deeper:
                raise UserError(f"{root / split / name}: it contains a folder, {deeper[0]}; {EXPECTED}")
            shared = {"label": name, **({"split": split} if split else {})}
            for row in _examples(root, f"{split}/{name}/" if split else f"{name}/", found, shared, number):
                number = row[0]
                yield row


def _examples(root: Path, below: str, files: list[str], shared: Mapping[str, str], number: int) -> Iterator[Row]:
    """The examples of one folder; `below`: its path relative to the root."""
    stems: dict[str, list[str]] = {}
    for name in files:
        stems.setdefault(PurePosixPath(name).stem, []).append(name)
    for stem, names in stems.items():
        number += 1
        if number > limit("table_rows"):
            raise exceeded(root, f"it holds more than {limit('table_rows')} examples", "table_rows")
        record: Record = {"id": f"{below}{stem}", **shared}
        try:
            for name in names:
                suffix = PurePosixPath(name).suffix.lower()
                field = FIELDS.get(suffix, suffix.removeprefix(".") or "file")
                if field in record:
                    raise BadExample(
                        "two files of a kind", f"{below}{stem} has {', '.join(names)}; expected one of each"
                    )
                path = f"{root.resolve().name}/{below}{name}"
                record[field] = _text(root, f"{below}{name}") if suffix == TEXT else path
            yield NumberedRecord(number, record)
        except BadExample as bad:
            yield Problem(number, bad.reason, bad.detail)


def _text(root: Path, name: str) -> str | None:
    """The content of a text file; None if it is blank."""
    path = root / name
    note(path)
    try:
        if not path.resolve().is_relative_to(root.resolve()):
            raise BadExample("outside the folder", f"{name} is a link to a file outside of {root.name}/")
        return read_bytes(path, "line_bytes").decode("utf-8-sig").strip() or None
    except UnicodeDecodeError as error:
        raise BadExample("unreadable text", f"{name} is not UTF-8 at byte {error.start}") from None
    except TooLarge as error:
        raise BadExample("unreadable text", f"{name}: {error.detail}") from None
    except OSError as error:
        raise BadExample("unreadable text", f"{name}: {error.strerror or error}") from None


def _listed(folder: Path) -> tuple[list[str], list[str]]:
    """The names of folders and of other files, sorted."""
    try:
        with os.scandir(folder) as found:
            entries = [entry for entry in found if not entry.name.startswith(".") and entry.name.lower() not in IGNORED]
            folders = {entry.name for entry in entries if entry.is_dir()}
    except OSError as error:
        raise UserError(f"{folder}: cannot be read ({error.strerror or error}); {EXPECTED}") from None
    return sorted(folders), sorted(entry.name for entry in entries if entry.name not in folders)
