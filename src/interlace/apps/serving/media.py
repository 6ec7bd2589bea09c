"""Pictures, sounds and videos of a request: bytes in base64, told by their content and bounded by their headers."""

import base64
import binascii
import re
import tempfile
from pathlib import Path

from interlace.apps.answers import Media, MediaKind
from interlace.apps.serving.limits import ServingLimits
from interlace.apps.serving.refusals import Refusal, invalid
from interlace.data import audio, images, videos
from interlace.data.problems import BadExample

# Signatures: offset, bytes, suffix, and the subtypes of MIME that state it.
SIGNATURES: dict[MediaKind, tuple[tuple[int, bytes, str, tuple[str, ...]], ...]] = {
    "image": (
        (0, b"\x89PNG\r\n\x1a\n", ".png", ("png", "apng")), (0, b"\xff\xd8\xff", ".jpg", ("jpeg", "jpg")),
        (0, b"GIF8", ".gif", ("gif",)), (8, b"WEBP", ".webp", ("webp",)), (0, b"BM", ".bmp", ("bmp", "x-ms-bmp")),
    ),
    "audio": (
        (8, b"WAVE", ".wav", ("wav", "x-wav", "wave", "vnd.wave")), (0, b"fLaC", ".flac", ("flac", "x-flac")),
        (0, b"OggS", ".ogg", ("ogg", "opus", "vorbis")), (0, b"ID3", ".mp3", ("mp3", "mpeg")),
        *((0, b"\xff" + bytes([second]), ".mp3", ("mp3", "mpeg")) for second in (0xFB, 0xFA, 0xF3, 0xF2)),
        (0, b"\x1a\x45\xdf\xa3", ".weba", ("webm",)), (4, b"ftyp", ".m4a", ("mp4", "m4a", "x-m4a", "aac")),
    ),
    "video": (
        (4, b"ftyp", ".mp4", ("mp4", "quicktime", "mov")), (0, b"\x1a\x45\xdf\xa3", ".webm", ("webm",)),
        (0, b"GIF8", ".gif", ("gif",)), (8, b"WEBP", ".webp", ("webp",)),
    ),
}  # fmt: skip
# Of a second format in the same bytes: a page or document at the start, an archive at the end.
SECOND = re.compile(rb"<(?:!doctype|html|svg|script|iframe|body)\b|%PDF-", re.IGNORECASE)
ARCHIVE = b"PK\5\6"
START, END = 1024, 65_536 + 22  # bytes in which readers look for these
DATA = re.compile(r"data:(image|audio|video)/([A-Za-z0-9.+-]{1,40})(?:;[A-Za-z0-9=.,+-]{1,80})*;base64,")
NO_LIMIT = 1e9


def from_data_uri(where: str, uri: object, kind: MediaKind, limits: ServingLimits) -> Media:
    """Return the file of a data URI. Raises Refusal for any other address, which is never opened."""
    if not isinstance(uri, str):
        raise invalid(where, f"expected a data URI, data:{kind}/...;base64,...")
    found = DATA.match(uri)
    if found is None or found[1] != kind:
        raise invalid(
            where, f"expected data:{kind}/...;base64,...; this server opens no addresses: send the file itself",
            "no_data_uri",
        )  # fmt: skip
    return from_base64(where, uri[found.end() :], kind, found[2].lower(), limits)


def from_base64(where: str, text: object, kind: MediaKind, stated: str, limits: ServingLimits) -> Media:
    """Return the file of a base64 text; its content must be of the format `stated`. Raises Refusal."""
    content = decoded(where, text)
    signature = next((each for each in SIGNATURES[kind] if content[each[0] :].startswith(each[1])), None)
    if signature is None:
        known = ", ".join(dict.fromkeys(each[2][1:] for each in SIGNATURES[kind]))
        raise Refusal(415, f"{where}: its content is no {kind} of a known format; expected {known}", "unknown_format")
    if stated not in signature[3]:
        raise Refusal(
            415, f"{where}: stated as {stated}, but its content is {signature[2][1:]}; state the right format",
            "wrong_format",
        )  # fmt: skip
    if SECOND.search(content[:START]) or ARCHIVE in content[-END:]:
        raise Refusal(415, f"{where}: its content is also a page, a document or an archive", "polyglot")
    media = Media(kind, content, signature[2])
    _check_header(where, media, limits)
    return media


def decoded(where: str, text: object) -> bytes:
    """Return the bytes of a base64 text. Raises Refusal."""
    if not isinstance(text, str) or not text:
        raise invalid(where, "expected base64")
    try:
        return base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        raise invalid(where, "not base64", "no_base64") from None


def _check_header(where: str, media: Media, limits: ServingLimits) -> None:
    """Raise Refusal for a file that cannot be read, or whose header states more than the limits allow."""
    # A file that this user alone may read, as the readers take files; a folder of its own would cost some ms more.
    with tempfile.NamedTemporaryFile(prefix="interlace-", suffix=media.suffix) as file:
        file.write(media.data)
        file.flush()
        path = Path(file.name)
        try:
            _check_size(where, path, media.kind, limits)
        except BadExample as bad:
            status, code = (413, "too_large") if bad.reason in TOO_LARGE else (400, "unreadable")
            detail = bad.detail.replace(path.name, f"the {media.kind}")
            raise Refusal(status, f"{where}: {bad.reason}: {detail}", code) from None


TOO_LARGE = ("too many pixels", "too large", "audio too long")


def _check_size(where: str, path: Path, kind: MediaKind, limits: ServingLimits) -> None:
    if kind == "audio":
        samples, most = audio.probe_audio(path, 1000, NO_LIMIT), limits.sound_seconds
        if samples > 1000 * most:
            raise too_much(where, f"it lasts {samples / 1000:.1f} s", f"{most} s", "sound_seconds")
        return
    if kind == "video":
        frames = videos.probe_video(path, limits.pixels)
        if frames > limits.frames:
            raise too_much(where, f"it has {frames} frames", str(limits.frames), "frames")
        return
    width, height = images.probe_image(path, images.MOST_PIXELS)
    if width * height > limits.pixels:
        raise too_much(where, f"it has {width} x {height} pixels", str(limits.pixels), "pixels")


def too_much(where: str, found: str, most: str, name: str) -> Refusal:
    """The refusal of something beyond a limit."""
    return Refusal(413, f"{where}: {found}, more than {most} (--limits {name})", "too_large")
