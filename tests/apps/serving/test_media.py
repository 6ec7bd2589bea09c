"""Pictures, sounds and videos of requests: addresses are refused, content tells the format, headers bound the size."""

import base64
import io
import json
import struct
import zipfile
import zlib

import numpy as np
import pytest
import soundfile
from PIL import Image

from interlace.apps.serving.limits import ServingLimits
from interlace.apps.serving.media import from_base64, from_data_uri
from interlace.apps.serving.refusals import Refusal
from tests.apps.serving.support import Echo, ask, chat, picture, picture_part, serving, sound, sound_part

LIMITS = ServingLimits()
SVG = b'<svg xmlns="http://www.w3.org/2000/svg"><script>alert(1)</script></svg>'


@pytest.fixture(scope="module")
def server():
    with serving(Echo("echo")) as running:
        yield running


def refused(server, part):
    """The status and code of a question with one part."""
    status, _, body = ask(server, chat([part]))
    return status, json.loads(body)["error"]["code"]


@pytest.mark.parametrize("kind", ["image_url", "video_url"])
@pytest.mark.parametrize(
    "url",
    ["http://127.0.0.1:{port}/health", "https://example.com/a.png", "file:///etc/passwd", "/etc/passwd", "a.png",
     "ftp://a/b", "data:text/html;base64,PGI+", "data:image/png,abc", "DATA:image/png;base64,", "", None, 7,
     "data:image/png;base64,http://127.0.0.1:{port}/health", "\\\\host\\share"],
)  # fmt: skip
def test_no_address_of_a_request_is_opened(server, kind, url):
    given = url.format(port=server.location[1]) if isinstance(url, str) else url
    before = len(server.server_state.connections)
    status, _ = refused(server, {"type": kind, kind: {"url": given}})
    assert status in (400, 415)
    assert len(server.server_state.connections) <= before + 1


def fifty_megapixels():
    """A picture of 8000 x 6250 equal pixels, in 200 kB."""
    line = zlib.compress(b"\0" * (8000 * 3 + 1) * 6250, 9)
    return png(8000, 6250, line)


def png(width, height, data):
    """A PNG of a header and compressed lines."""
    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    chunks = [(b"IHDR", header), (b"IDAT", data), (b"IEND", b"")]
    body = b"".join(
        struct.pack(">I", len(each)) + name + each + struct.pack(">I", zlib.crc32(name + each)) for name, each in chunks
    )
    return b"\x89PNG\r\n\x1a\n" + body


def ten_minutes():
    """A sound of ten minutes of silence, in a few kilobytes."""
    stream = io.BytesIO()
    soundfile.write(stream, np.zeros(600 * 8000), 8000, format="flac")
    return stream.getvalue()


def archive():
    """An archive as an Office document is one."""
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as made:
        made.writestr("word/document.xml", "<x/>")
    return stream.getvalue()


@pytest.mark.parametrize(
    ("part", "expected"),
    [
        (lambda: picture_part(fifty_megapixels()), (413, "too_large")),
        (lambda: picture_part(png(2**31 - 1, 2**31 - 1, b"")), (413, "too_large")),
        (lambda: picture_part(png(0, 5, b"")), (400, "unreadable")),
        (lambda: sound_part(ten_minutes(), "flac"), (413, "too_large")),
        (lambda: sound_part(sound()[:60]), (400, "unreadable")),
        (lambda: picture_part(SVG, "image/svg+xml"), (415, "unknown_format")),
        (lambda: picture_part(SVG), (415, "unknown_format")),
        (lambda: picture_part(b"GIF89a" + SVG, "image/gif"), (415, "polyglot")),
        (lambda: picture_part(picture() + archive()), (415, "polyglot")),
        (lambda: picture_part(b"\xff\xd8\xff%PDF-1.7", "image/jpeg"), (415, "polyglot")),
        (lambda: picture_part(picture(kind="jpeg")), (415, "wrong_format")),
        (lambda: picture_part(sound()), (415, "unknown_format")),
        (lambda: sound_part(picture()), (415, "unknown_format")),
        (lambda: sound_part(sound(), "mp3"), (415, "wrong_format")),
        (lambda: picture_part(archive()), (415, "unknown_format")),
        (lambda: picture_part(b"II*\0" + b"\0" * 50, "image/tiff"), (415, "unknown_format")),
        (lambda: picture_part(b""), (400, "invalid_value")),
        (lambda: {"type": "image_url", "image_url": {"url": "data:image/png;base64,a b"}}, (400, "no_base64")),
        (lambda: {"type": "image_url", "image_url": "data:image/png;base64,"}, (400, "invalid_value")),
        (lambda: {"type": "input_audio", "input_audio": {"data": "AAAA"}}, (400, "invalid_value")),
        (lambda: {"type": "input_audio", "input_audio": {"data": 5, "format": "wav"}}, (400, "invalid_value")),
    ],
)
def test_files_that_are_not_what_they_say_or_too_large_are_refused(server, part, expected):
    assert refused(server, part()) == expected


@pytest.mark.parametrize("kind", ["png", "jpeg", "gif", "webp", "bmp"])
def test_pictures_are_taken_as_they_are(kind):
    content = picture(kind=kind)
    part = picture_part(content, f"image/{kind}")
    media = from_data_uri("x", part["image_url"]["url"], "image", LIMITS)
    assert media.data == content
    assert media.suffix == {"jpeg": ".jpg"}.get(kind, f".{kind}")


@pytest.mark.parametrize("kind", ["wav", "flac", "ogg", "mp3"])
def test_sounds_are_taken_as_they_are(kind):
    content = sound(kind=kind, rate=16000, seconds=1.0)
    media = from_base64("x", base64.b64encode(content).decode(), "audio", kind, LIMITS)
    assert (media.data, media.suffix) == (content, f".{kind}")


def test_the_frames_of_a_video_are_bounded():
    stream = io.BytesIO()
    frames = [Image.new("L", (4, 4), number) for number in range(40)]
    frames[0].save(stream, "gif", save_all=True, append_images=frames[1:], duration=40)
    uri = f"data:video/gif;base64,{base64.b64encode(stream.getvalue()).decode()}"
    assert from_data_uri("x", uri, "video", ServingLimits(frames=40)).suffix == ".gif"
    with pytest.raises(Refusal, match="it has 40 frames, more than 39"):
        from_data_uri("x", uri, "video", ServingLimits(frames=39))
