"""Files as bytes and as text: regular files only, within a size that is known before they are read."""

import os
import shlex
import stat
from pathlib import Path
from typing import BinaryIO

from interlace.errors import UserError
from interlace.reading.limits import exceeded, limit, spelled

BOMS = {
    b"\xff\xfe\0\0": "UTF-32", b"\0\0\xfe\xff": "UTF-32", b"\xff\xfe": "UTF-16", b"\xfe\xff": "UTF-16",
}  # fmt: skip
KINDS = (
    (stat.S_ISDIR, "a folder"), (stat.S_ISFIFO, "a named pipe"), (stat.S_ISSOCK, "a socket"),
    (stat.S_ISCHR, "a device"), (stat.S_ISBLK, "a device"),
)  # fmt: skip


class NoRegularFile(OSError):
    """A folder, pipe, socket or device where a file was expected; its `strerror` says which."""


def require_regular(path: Path | str) -> None:
    """For libraries that open files by name: raises NoRegularFile, or OSError for what is not there."""
    _check_mode(os.stat(path).st_mode, path)


def open_regular(path: Path | str) -> BinaryIO:
    """A regular file's bytes. Raises OSError like `open`, and NoRegularFile without waiting for a pipe's writer."""
    require_regular(path)  # before it is opened: opening a device can act on it
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | getattr(os, "O_NONBLOCK", 0))
    try:
        _check_mode(os.fstat(descriptor).st_mode, path)
        return os.fdopen(descriptor, "rb")
    except BaseException:
        os.close(descriptor)
        raise


def read_bytes(path: Path | str, name: str = "text_bytes") -> bytes:
    """All bytes of a regular file. Raises OSError, or TooLarge by the limit `name`."""
    with open_regular(path) as stream:
        size = os.fstat(stream.fileno()).st_size
        if size > limit(name):
            raise exceeded(path, f"it has {spelled('_bytes', size)}", name, size)
        return stream.read(size)


def read_text(path: Path | str, name: str = "text_bytes") -> str:
    """A file's text, a byte-order mark dropped. Raises OSError, TooLarge, and UserError for what is not UTF-8."""
    return decoded(read_bytes(path, name), path)


def decoded(content: bytes, where: Path | str) -> str:
    """UTF-8 as text, a byte-order mark dropped. Raises UserError with the line of the first byte that is none."""
    if found := other_encoding(content):
        raise UserError(f"{where}: the text is {found}, expected UTF-8; {conversion(where, found)}")
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content[: error.start].count(b"\n") + 1
        raise UserError(
            f"{where}: line {line}: byte {error.start} is 0x{content[error.start]:02x}, which is not UTF-8; "
            f"save it as UTF-8, e.g. with iconv -t utf-8"
        ) from None


def other_encoding(head: bytes) -> str | None:
    """ "UTF-16" or "UTF-32" where a text's first bytes say so: by a mark, or by zeros in every second place."""
    for mark, name in BOMS.items():
        if head.startswith(mark):
            return name
    if len(head) >= 8 and head[1:8:2] == b"\0\0\0\0" and b"\0" not in head[0:8:2]:
        return "UTF-16-LE"
    return "UTF-16-BE" if len(head) >= 8 and head[0:8:2] == b"\0\0\0\0" and b"\0" not in head[1:8:2] else None


def conversion(path: Path | str, encoding: str) -> str:
    """The command that makes UTF-8 of a file."""
    source, target = converted(path, prefix="utf8-")
    return f"convert it: iconv -f {encoding} -t UTF-8 {source} > {target}"


def converted(path: Path | str, suffix: str | None = None, prefix: str = "converted-") -> tuple[str, str]:
    """A file's name and that of what is to be made of it, quoted for a shell: another than any that is there.

    `suffix` is the new one's (None: the same). `prefix` is put before names that are taken; without a suffix, always.
    """
    path = Path(path)
    target = path.with_suffix(suffix) if suffix else path.with_name(prefix + path.name)
    while target.name == path.name or os.path.lexists(target):
        target = target.with_name(prefix + target.name)
    source, made = (f"./{name}" if name.startswith("-") else name for name in (path.name, target.name))
    return shlex.quote(source), shlex.quote(made)


def _check_mode(mode: int, path: Path | str) -> None:
    if not stat.S_ISREG(mode):
        kind = next((text for test, text in KINDS if test(mode)), "no file")
        raise NoRegularFile(0, f"it is {kind}, expected a regular file", str(path))
