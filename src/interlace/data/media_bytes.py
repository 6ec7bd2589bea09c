"""Images and audio stored as bytes in a table, written to the cache as files named by a hash of their content."""

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
    """The folder of the cache that holds the files."""
    return cache_dir() / "media"


def is_media(value: Mapping[str, Any]) -> bool:
    """True if a struct is an Image or Audio value of `datasets`: {bytes, path}."""
    return value.keys() == FIELDS


def media_path(name: str, value: Mapping[str, Any]) -> str | None:
    """The file of a {bytes, path} value: the bytes written to the cache, or else its path; None if it has neither.

    Raises BadExample for bytes that are not an image or audio of a known format.
    """
    content, path = value["bytes"], value["path"]
    if content is None:
        return None if path is None else str(path)
    if not isinstance(content, bytes):
        raise BadExample("wrong type", f"{name} is {type(content).__name__}, expected the bytes of an image or a sound")
    suffix = PurePosixPath(str(path or "")).suffix.lower()
    found = next((end for start, sign, end in SIGNS if content[start : start + len(sign)] == sign), None)
    if found is None and suffix not in KNOWN:
        raise BadExample(
            "unknown bytes", f"{name} holds {len(content)} bytes in none of the formats {', '.join(KNOWN)}"
        )
    # The signature of the content takes precedence: the path is untrusted and often names another format.
    target = media_folder() / f"{hashlib.sha256(content).hexdigest()}{found or suffix}"
    if not target.is_file() or target.stat().st_size != len(content):
        target.parent.mkdir(parents=True, exist_ok=True)
        handle, temporary = tempfile.mkstemp(dir=target.parent)
        with os.fdopen(handle, "wb") as stream:
            stream.write(content)
        os.replace(temporary, target)
    return str(target.resolve())
