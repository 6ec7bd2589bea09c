"""Files cut short, with bytes changed or put in: they are read, or told in one sentence; nothing else is raised."""

import bz2
import contextlib
import gzip
import io
import struct
import tempfile
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import soundfile
import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image

from interlace.data.audio import decode_audio
from interlace.data.corpus import read_documents
from interlace.data.features import decode_features
from interlace.data.graphs import decode_graph
from interlace.data.images import FORMATS, decode_image
from interlace.data.manifest.lines import read_records
from interlace.data.problems import BadExample
from interlace.data.videos import decode_video
from interlace.data.word_vector_files import read_vectors
from interlace.errors import UserError
from interlace.models.ngram.arpa_reading import read_arpa
from interlace.reading.compressed import read_decompressed
from interlace.reading.documents import read_json, read_yaml
from interlace.reading.tables import read_table
from tests.data.coded_media import greys, tone, write_sound, write_video

DUMP = (
    b'<mediawiki><siteinfo><namespaces><namespace key="6">File</namespace></namespaces></siteinfo><page>'
    b"<title>A</title><ns>0</ns><revision>"
    b"<text>Some [[File:a.png]] ''words'' {{a|b}}</text></revision></page></mediawiki>"
)
ARPA = "\\data\\\nngram 1=4\n\n\\1-grams:\n-1\t<unk>\n-1\t<s>\t0\n-1\t</s>\n-1\ta\n\n\\end\\\n"


def _saved(write) -> bytes:
    stream = io.BytesIO()
    write(stream)
    return stream.getvalue()


def _sound(kind: str) -> bytes:
    return _saved(lambda s: soundfile.write(s, np.sin(np.arange(800) / 9), 8000, format=kind))


def _picture(kind: str) -> bytes:
    return _saved(lambda s: Image.effect_noise((24, 16), 50).save(s, kind))


def _graph(stream) -> None:
    np.savez_compressed(stream, nodes=np.ones((3, 2)), edges=np.array([[0, 1]]))


def _coded(codec: str, form: str) -> bytes:
    with tempfile.TemporaryDirectory() as folder:
        if codec in ("libx264", "libvpx-vp9", "mjpeg"):
            return write_video(Path(folder) / "a", greys([0, 90, 180]), codec, form).read_bytes()
        rate = 48000 if codec == "libopus" else 16000
        return write_sound(Path(folder) / "a", tone(0.2, rate), rate, codec, form).read_bytes()


def _frames(path: Path) -> None:
    decode_video(path, 8, 3, 16, 100_000)


def _samples(path: Path) -> None:
    decode_audio(path, 16000, 1.0)


FILES = {
    "wav": (_sound("WAV"), lambda p: decode_audio(p, 16000, 1.0)),
    "flac": (_sound("FLAC"), lambda p: decode_audio(p, 16000, 1.0)),
    "ogg": (_sound("OGG"), lambda p: decode_audio(p, 16000, 1.0)),
    **{kind: (_picture(kind), lambda p: decode_image(p, 16, 3, 10_000)) for kind in FORMATS},
    **{f"{codec}.{form}": (_coded(codec, form), read) for codec, form, read in [
        ("libx264", "mp4", _frames), ("libvpx-vp9", "webm", _frames), ("mjpeg", "avi", _frames),
        ("aac", "ipod", _samples), ("libopus", "webm", _samples), ("flac", "matroska", _samples),
        ("aac", "adts", _samples)]},
    "npy": (_saved(lambda s: np.save(s, np.ones((4, 3)))), decode_features),
    "npz": (_saved(lambda s: np.savez_compressed(s, a=np.ones((4, 3)))), decode_features),
    "graph": (_saved(_graph), decode_graph),
    "jsonl": (b'{"id": "a", "text": "x y"}\n{"id": "b", "text": "z"}\n', read_records),
    "json": (b'{"a": [1, {"b": "c"}], "d": null}', read_json),
    "yaml": (b"a: &x [1, 2]\nb: *x\nc: {d: e}\n", lambda p: read_yaml(p, yaml.safe_load)),
    "vec": (b"2 3\na 1 2 3\nb 4 5 6\n", lambda p: read_vectors(p, None)),
    "bin": (b"1 2\na " + struct.pack("<2f", 1, 2), lambda p: read_vectors(p, None)),
    "arpa": (ARPA.encode(), lambda p: read_arpa(p, escape=False)),
    "gz": (gzip.compress(b"some text\n" * 20), read_decompressed),
    "bz2": (bz2.compress(b"some text\n" * 20), read_decompressed),
    "xml": (DUMP, lambda path: list(read_documents([path]))),
    "parquet": (_saved(lambda s: pq.write_table(pa.table({"id": ["a", "b"], "x": [1.0, 2.0]}), s)), read_table),
}  # fmt: skip
# What readers of documents raise for what is none; their callers say which file it is.
NO_DOCUMENT = {"json": (ValueError,), "yaml": (yaml.YAMLError,), "parquet": (pa.ArrowException, ValueError, OSError)}


@pytest.mark.parametrize("kind", FILES)
def test_a_damaged_file_is_read_or_told(kind: str, tmp_path: Path) -> None:
    content, read = FILES[kind]
    read(_written(tmp_path, kind, content))

    @settings(max_examples=40, deadline=None, suppress_health_check=list(HealthCheck))
    @given(st.data())
    def damaged(data) -> None:
        changed = bytearray(content)
        for _ in range(data.draw(st.integers(1, 4))):
            at = data.draw(st.integers(0, max(0, len(changed) - 1)))
            how = data.draw(st.sampled_from(["cut", "set", "put", "high"]))
            if how == "cut":
                del changed[at:]
            elif how == "put":
                changed[at:at] = data.draw(st.binary(max_size=6))
            elif changed:
                changed[at] = data.draw(st.integers(0, 255)) if how == "set" else 255
        with contextlib.suppress(UserError, BadExample, *NO_DOCUMENT.get(kind, ())):
            read(_written(tmp_path, kind, bytes(changed)))

    damaged()


@pytest.mark.parametrize("kind", FILES)
def test_a_header_that_ends_early_or_states_the_impossible_is_read_or_told(kind: str, tmp_path: Path) -> None:
    content, read = FILES[kind]
    content = content if isinstance(content, bytes) else content.encode()
    for at in range(min(64, len(content))):
        for changed in (content[:at], content[:at] + b"\xff" * 8 + content[at + 8 :]):
            with contextlib.suppress(UserError, BadExample, *NO_DOCUMENT.get(kind, ())):
                read(_written(tmp_path, kind, changed))


def test_a_box_longer_than_any_file_is_told(tmp_path: Path) -> None:
    content, read = FILES["libx264.mp4"]
    with pytest.raises(BadExample, match="header states"):
        read(_written(tmp_path, "mp4", struct.pack(">I4sQ", 1, content[4:8], 2**64 - 1) + content[8:]))


def _written(folder: Path, kind: str, content: bytes) -> Path:
    path = folder / f"a.{kind}"
    path.write_bytes(content)
    return path
