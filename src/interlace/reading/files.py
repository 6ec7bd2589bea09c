"""Regular files as bytes and as text, with their size checked before they are read."""

import os
import shlex
import stat
from pathlib import Path
from typing import BinaryIO

from interlace.errors import UserError
from interlace.reading.limits import exceeded, format_limit, limit

BOMS = {
    b"\xff\xfe\0\0": "UTF-32", b"\0\0\xfe\xff": "UTF-32", b"\xff\xfe": "UTF-16", b"\xfe\xff": "UTF-16",
}  # fmt: skip
KINDS = (
    (stat.S_ISDIR, "a folder"), (stat.S_ISFIFO, "a named pipe"), (stat.S_ISSOCK, "a socket"),
    (stat.S_ISCHR, "a device"), (stat.S_ISBLK, "a device"),
)  # fmt: skip


class NoRegularFile(OSError):
    """A folder, pipe, socket or device instead of a file; `strerror` names the kind."""


def require_regular(path: Path | str) -> None:
    """Check a file before a library opens it by name: raises NoRegularFile, or OSError if there is none."""
    _check_mode(os.stat(path).st_mode, path)


def open_regular(path: Path | str) -> BinaryIO:
    """Open a regular file for reading bytes. Raises OSError like `open`, and NoRegularFile (never blocks on a pipe)."""
    require_regular(path)  # before it is opened, as opening a device can have effects
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | getattr(os, "O_NONBLOCK", 0))
    try:
        _check_mode(os.fstat(descriptor).st_mode, path)
        return os.fdopen(descriptor, "rb")
    except BaseException:
        os.close(descriptor)
        raise


def read_bytes(path: Path | str, name: str = "text_bytes") -> bytes:
    """Read all bytes of a regular file. Raises OSError, and TooLarge beyond the limit `name`."""
    with open_regular(path) as stream:
        size = os.fstat(stream.fileno()).st_size
        if size > limit(name):
            raise exceeded(path, f"it has {format_limit('_bytes', size)}", name, size)
        return stream.read(size)


def read_text(path: Path | str, name: str = "text_bytes") -> str:
    """Read a UTF-8 text without its byte-order mark. Raises OSError, TooLarge, and UserError if it is not UTF-8."""
    return decode_utf8(read_bytes(path, name), path)


def decode_utf8(content: bytes, where: Path | str) -> str:
    """Decode UTF-8 without its byte-order mark. Raises UserError with the line of the first invalid byte."""
    if found := detected_encoding(content):
        raise UserError(f"{where}: the text is {found}, expected UTF-8; {conversion_command(where, found)}")
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content[: error.start].count(b"\n") + 1
        raise UserError(
            f"{where}: line {line}: byte {error.start} is 0x{content[error.start]:02x}, which is not UTF-8; "
            f"save it as UTF-8, e.g. with iconv -t utf-8"
        ) from None


def detected_encoding(head: bytes) -> str | None:
    """The encoding, UTF-16 or UTF-32, that a byte-order mark or alternating zero bytes show; None for others."""
    for mark, name in BOMS.items():
        if head.startswith(mark):
            return name
    if len(head) >= 8 and head[1:8:2] == b"\0\0\0\0" and b"\0" not in head[0:8:2]:
        return "UTF-16-LE"
    return "UTF-16-BE" if len(head) >= 8 and head[0:8:2] == b"\0\0\0\0" and b"\0" not in head[1:8:2] else None


def conversion_command(path: Path | str, encoding: str) -> str:
    """The command that converts a file to UTF-8."""
    source, target = conversion_paths(path, prefix="utf8-")
    return f"convert it: iconv -f {encoding} -t UTF-8 {source} > {target}"


def conversion_paths(path: Path | str, suffix: str | None = None, prefix: str = "converted-") -> tuple[str, str]:
    """The name of a file and an unused name for its converted copy, both quoted for a shell.

    `suffix`: that of the copy (None: the same). `prefix` is put before a name that is taken, and always without a
    suffix.
    """
    path = Path(path)
    target = path.with_suffix(suffix) if suffix else path.with_name(prefix + path.name)
    while target.name == path.name or os.path.lexists(target):
        target = target.with_name(prefix + target.name)
    source, made = (f"./{name}" if name.startswith("-") else name for name in (path.name, target.name))
    return shlex.quote(source), shlex.quote(made)


def _check_mode(mode: int, path: Path | str) -> None:
    if not stat.S_ISREG(mode):
        kind = next((text for test, text in KINDS if test(mode)), "not a file")
        raise NoRegularFile(0, f"it is {kind}, expected a regular file", str(path))
