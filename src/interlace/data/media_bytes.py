"""Pictures and sounds that stand in a table as bytes: kept as files in the cache, by their content."""

import hashlib
import os
import tempfile
from collections.abc import Mapping
from pathlib import Path, PurePosixPath
from typing import Any

from interlace.configuration.locations import cache_dir
from interlace.data import audio, images
from interlace.data.problems import BadExample

FIELDS = {"bytes", "path"}
KNOWN = (*images.SUFFIXES, *audio.SUFFIXES)
SIGNS = (
    (0, b"\x89PNG", ".png"), (0, b"\xff\xd8\xff", ".jpg"), (0, b"GIF8", ".gif"), (0, b"BM", ".bmp"),
    (8, b"WEBP", ".webp"), (8, b"WAVE", ".wav"), (0, b"fLaC", ".flac"), (0, b"OggS", ".ogg"), (0, b"ID3", ".mp3"),
    (0, b"\xff\xfb", ".mp3"), (0, b"\xff\xf3", ".mp3"), (0, b"\xff\xf2", ".mp3"),
)  # fmt: skip


def media_folder() -> Path:
    """Where the files are kept."""
    return cache_dir() / "media"


def is_media(value: Mapping[str, Any]) -> bool:
    """Whether a struct is what `datasets` has for Image and Audio: {bytes, path}."""
    return value.keys() == FIELDS


def media_path(name: str, value: Mapping[str, Any]) -> str | None:
    """The file of a {bytes, path}: the bytes put into the cache, else the path that it names; None where it has none.

    Raises BadExample for bytes that are no picture or sound of a known kind.
    """
    content, path = value["bytes"], value["path"]
    if content is None:
        return None if path is None else str(path)
    if not isinstance(content, bytes):
        raise BadExample(
            "wrong type", f"{name} is {type(content).__name__}, expected the bytes of a picture or a sound"
        )
    suffix = PurePosixPath(str(path or "")).suffix.lower()
    found = next((end for start, sign, end in SIGNS if content[start : start + len(sign)] == sign), None)
    if found is None and suffix not in KNOWN:
        raise BadExample("unknown bytes", f"{name} holds {len(content)} bytes that are none of {', '.join(KNOWN)}")
    # The content's sign first: a path is a name from outside, and often that of another form.
    target = media_folder() / f"{hashlib.sha256(content).hexdigest()}{found or suffix}"
    if not target.is_file() or target.stat().st_size != len(content):
        target.parent.mkdir(parents=True, exist_ok=True)
        handle, temporary = tempfile.mkstemp(dir=target.parent)
        with os.fdopen(handle, "wb") as stream:
            stream.write(content)
        os.replace(temporary, target)
    return str(target.resolve())
