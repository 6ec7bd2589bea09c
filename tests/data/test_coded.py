"""MP4, WebM and the like: what PyAV wrote is read back; what is damaged, foreign or asks for much is told."""

import struct
import sys
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest

from interlace.data import coded
from interlace.data.audio import decode_audio, probe_audio
from interlace.data.problems import BadExample
from interlace.data.spans import Span
from interlace.data.videos import Clip, decode_clips, decode_video, probe_video
from tests.data.coded_media import greys, tone, write_sound, write_video

PIXELS = 100_000
SOUNDS = {
    "aac in m4a": ("a.m4a", "aac", "ipod", 16000, 0.01),
    "alac in m4a": ("a.m4a", "alac", "ipod", 16000, 1e-4),
    "opus in webm": ("a.weba", "libopus", "webm", 48000, 0.02),
    "flac in Matroska": ("a.mka", "flac", "matroska", 16000, 1e-4),
    "pcm in AVI": ("a.avi", "pcm_s16le", "avi", 16000, 1e-4),
    "pcm in QuickTime": ("a.mov", "pcm_s16le", "mov", 16000, 1e-4),
}
VIDEOS = {
    "h264 in mp4": ("a.mp4", "libx264", "mp4"),
    "h265 in Matroska": ("a.mkv", "libx265", "matroska"),
    "vp9 in webm": ("a.webm", "libvpx-vp9", "webm"),
    "vp8 in webm": ("a.webm", "libvpx", "webm"),
    "mpeg4 in mov": ("a.mov", "mpeg4", "mov"),
    "mpeg4 in 3gp": ("a.3gp", "mpeg4", "3gp"),
    "mjpeg in AVI": ("a.avi", "mjpeg", "avi"),
}


def sound(folder: Path, kind: str, seconds: float = 2.0, **options: int) -> Path:
    name, codec, form, rate, _ = SOUNDS[kind]
    return write_sound(folder / name, tone(seconds, rate), rate, codec, form, **options)


def video(folder: Path, kind: str, num: int = 20, **options) -> Path:
    name, codec, form = VIDEOS[kind]
    return write_video(folder / name, greys([10 * i for i in range(num)]), codec, form, **options)


def levels(frames: np.ndarray) -> np.ndarray:
    return frames.mean((1, 2, 3))


@pytest.mark.parametrize("kind", SOUNDS)
def test_sounds_are_what_was_written_whole_and_in_part(tmp_path: Path, kind: str) -> None:
    path = sound(tmp_path, kind)
    rate, tolerance = SOUNDS[kind][3:]
    wave, inner = tone(2.0, rate), slice(rate // 10, -rate // 10)  # codecs settle, and end in silence
    found = decode_audio(path, rate, 5.0)
    assert len(wave) <= len(found) <= len(wave) + 2048
    assert np.abs(found[: len(wave)] / 32768 - wave)[inner].max() < tolerance
    assert abs(probe_audio(path, rate, 5.0) - len(wave)) < 0.02 * len(wave)
    part = decode_audio(path, rate, 5.0, Span(0.5, 1.25))
    assert len(part) == round(0.75 * rate)
    assert np.abs(part / 32768 - wave[rate // 2 : rate * 5 // 4]).max() < tolerance
    with pytest.raises(BadExample, match=r"wrong segment: a\..* lasts 2\.\d+ s, the line asks for 1 s to 9 s"):
        decode_audio(path, rate, 50.0, Span(1.0, 9.0))
    with pytest.raises(BadExample, match=r"too long|max_seconds"):
        decode_audio(path, rate, 1.0)


def test_aac_without_a_container_is_what_the_decoder_gives(tmp_path: Path) -> None:
    path = write_sound(tmp_path / "a.aac", tone(1.0, 16000), 16000, "aac", "adts")
    with av.open(str(path)) as container:
        expected = np.concatenate([frame.to_ndarray()[0] for frame in container.decode(audio=0)])
    found = decode_audio(path, 16000, 5.0)
    assert len(found) == len(expected)
    assert np.abs(found / 32768 - expected).max() < 1e-4


@pytest.mark.parametrize("kind", VIDEOS)
def test_frames_are_those_that_were_written_in_order_and_in_part(tmp_path: Path, kind: str) -> None:
    path = video(tmp_path, kind)
    expected = np.arange(20) * 10.0
    assert probe_video(path, PIXELS) == 20
    assert np.abs(levels(decode_video(path, 8, 3, 64, PIXELS)) - expected).max() < 4
    for most in (1, 4, 7):  # by seeking, and without
        kept = [(2 * i + 1) * 20 // (2 * most) for i in range(most)]
        assert np.abs(levels(decode_video(path, 8, 3, most, PIXELS)) - expected[kept]).max() < 4
    assert probe_video(path, PIXELS, Span(0.5, 1.2)) == 7
    part = decode_clips([Clip(path, Span(0.5, 1.2)), Clip(path, Span(None, 0.1))], 8, 3, 64, PIXELS)
    assert np.abs(levels(part) - [50, 60, 70, 80, 90, 100, 110, 0]).max() < 4
    with pytest.raises(BadExample, match=r"wrong segment: a\..* lasts 2\.\d+ s, the line asks for 1 s to 3 s"):
        probe_video(path, PIXELS, Span(1.0, 3.0))
    with pytest.raises(BadExample, match="has 4096 a frame, more than 4000"):
        probe_video(path, 4000)


def test_a_video_has_a_sound_of_its_own(tmp_path: Path) -> None:
    path = video(tmp_path, "h264 in mp4", wave=tone(1.0, 16000))
    found = decode_audio(path, 16000, 5.0)[:16000] / 32768
    assert np.abs(found - tone(1.0, 16000))[1600:-1600].max() < 0.01


def test_a_film_of_a_turned_phone_stands_upright(tmp_path: Path) -> None:
    frame = np.zeros((64, 64, 3), np.uint8)
    frame[:32] = 200  # bright above
    path = write_video(tmp_path / "a.mp4", [frame] * 3, "libx264", "mp4")
    content = path.read_bytes()
    straight, turned = ([65536, 0, 0, 0, 65536, 0], [0, 65536, 0, -65536, 0, 0])
    at = content.index(struct.pack(">6i", *straight), content.index(b"tkhd"))
    path.write_bytes(content[:at] + struct.pack(">6i", *turned) + content[at + 24 :])
    shown = decode_video(path, 8, 1, 1, PIXELS)[0, 0]
    assert shown[:, 5:].min() > 150, "turned by a quarter to the right, what was above is at the right"
    assert shown[:, :3].max() < 50


ALL = {**dict.fromkeys(SOUNDS, (sound, decode_audio, (16000, 5.0))),
       **dict.fromkeys(VIDEOS, (video, decode_video, (8, 3, 64, PIXELS)))}  # fmt: skip


@pytest.mark.parametrize("kind", ALL)
@pytest.mark.parametrize("left", [0.3, 0.8, 0.98])
def test_what_ends_early_is_told(tmp_path: Path, kind: str, left: float) -> None:
    make, read, options = ALL[kind]
    path = make(tmp_path, kind)
    content = path.read_bytes()
    path.write_bytes(content[: int(left * len(content))])
    with pytest.raises(BadExample, match=rf"cut short: {path.name}.* header states; get the complete file"):
        read(path, *options)


@pytest.mark.parametrize("name", ["a.m4a", "a.mp4", "a.webm", "a.mkv", "a.mpg", "a.wmv"])
@pytest.mark.parametrize(
    "content", [
        b"", b"some text\n" * 20, b"#EXTM3U\n#EXTINF:1,\nhttp://localhost/a.ts\n",
        b"ffconcat version 1.0\nfile /etc/passwd\n", b"v=0\no=- 0 0 IN IP4 127.0.0.1\n",
        b"<MPD xmlns='urn:mpeg:dash:schema:mpd:2011'></MPD>", b"G@\0\x10" * 94,
    ],
)  # fmt: skip
def test_what_is_none_of_them_is_refused_whatever_its_name(tmp_path: Path, name: str, content: bytes) -> None:
    (tmp_path / name).write_bytes(content)
    with pytest.raises(BadExample, match=rf"unreadable video: {name} is not MP4, .*; convert it: ffmpeg -i {name}"):
        probe_video(tmp_path / name, PIXELS)
    with pytest.raises(BadExample, match=rf"(unreadable|empty) audio: {name}"):
        decode_audio(tmp_path / name, 16000, 5.0)


def test_a_sound_without_frames_and_a_film_without_sound_are_told(tmp_path: Path) -> None:
    silent = video(tmp_path, "h264 in mp4")
    with pytest.raises(BadExample, match=r"unreadable audio: a\.mp4 has no sound, only video"):
        probe_audio(silent, 16000, 5.0)
    heard = sound(tmp_path, "aac in m4a").rename(tmp_path / "b.mp4")
    with pytest.raises(BadExample, match=r"unreadable video: b\.mp4 has no video, only audio"):
        probe_video(heard, PIXELS)


def test_a_codec_beyond_those_that_are_read_is_named(tmp_path: Path) -> None:
    path = write_video(tmp_path / "a.mkv", greys([1, 2]), "ffv1", "matroska")
    with pytest.raises(BadExample, match=r"a\.mkv uses the codec ffv1, which is not read; convert it"):
        probe_video(path, PIXELS)


def test_more_streams_than_the_limit_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("INTERLACE_LIMITS", "media_streams=3")
    for kind in ("pcm in QuickTime", "flac in Matroska"):
        assert len(decode_audio(sound(tmp_path, kind, streams=3), 16000, 5.0)) == 32000
        with pytest.raises(BadExample, match=r"too large: a.* too many streams, more than 3 .*media_streams"):
            decode_audio(sound(tmp_path, kind, streams=4), 16000, 5.0)


@pytest.mark.parametrize("table", ["stsz", "stts"])
def test_a_small_file_that_promises_billions_of_frames_is_refused(tmp_path: Path, table: str) -> None:
    path = video(tmp_path, "h264 in mp4")
    content = bytearray(path.read_bytes())
    at = content.index(table.encode()) + 8
    content[at : at + 12] = struct.pack(">III", *((1, 2**31 - 1, 0) if table == "stsz" else (1, 2**31 - 1, 1)))
    path.write_bytes(content)
    with pytest.raises(BadExample, match="its tables declare 2147483647 frames or packets, more than 4000000"):
        probe_video(path, PIXELS)


def test_frames_that_grow_midway_are_refused(tmp_path: Path) -> None:
    """Of a stream whose header says 64 x 64, a later picture has 2,048 x 2,048."""
    path = tmp_path / "a.avi"
    with av.open(str(path), "w", format="avi") as container:
        track = container.add_stream("mjpeg", rate=10)
        track.width, track.height, track.pix_fmt = 64, 64, "yuvj420p"
        for place, size in enumerate([64, 64, 2048]):
            context = av.CodecContext.create("mjpeg", "w")
            context.width, context.height, context.pix_fmt, context.time_base = size, size, "yuvj420p", Fraction(1, 10)
            frame = av.VideoFrame.from_ndarray(greys([9], size)[0], format="rgb24")
            for packet in context.encode(frame):
                packet.pts = packet.dts = place
                packet.stream = track
                container.mux(packet)
    assert probe_video(path, PIXELS) == 3
    with pytest.raises(BadExample, match=r"too many pixels|unreadable video: a\.avi"):
        decode_video(path, 8, 3, 64, PIXELS)
    assert len(decode_video(path, 8, 3, 64, 2048 * 2048)) == 3


@pytest.mark.parametrize("kind", ["flac in Matroska", "vp9 in webm"])
def test_a_header_that_lies_about_the_length_is_told(tmp_path: Path, kind: str) -> None:
    make, read, options = ALL[kind]
    path = make(tmp_path, kind)
    content = bytearray(path.read_bytes())
    at = content.index(b"\x44\x89\x88") + 3  # the element Duration, a float64
    content[at : at + 8] = struct.pack(">d", 2 * struct.unpack(">d", content[at : at + 8])[0])
    path.write_bytes(content)
    with pytest.raises(BadExample, match=r"header states|too long"):
        read(path, *options)


@pytest.mark.parametrize(("kind", "what"), [("aac in m4a", decode_audio), ("vp9 in webm", decode_video)])
def test_without_the_extra_the_sentence_names_it(monkeypatch, tmp_path: Path, kind: str, what) -> None:
    make, read, options = ALL[kind]
    path = make(tmp_path, kind)
    monkeypatch.setitem(sys.modules, "av", None)
    with pytest.raises(BadExample, match=r"no decoder: a\.\w+: it is read with PyAV.*pip install 'interlace\[av\]'"):
        read(path, *options)


def test_a_long_video_is_looked_through_once_for_all_its_parts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = video(tmp_path, "h264 in mp4", 25)
    demuxed = []
    real = coded.opened_media
    monkeypatch.setattr(coded, "opened_media", lambda *given: demuxed.append(1) or real(*given))
    for i in range(20):
        assert probe_video(path, PIXELS, Span(i / 10, (i + 3) / 10)) == 3
    assert len(demuxed) == 1
    video(tmp_path, "h264 in mp4", 15)
    assert probe_video(path, PIXELS) == 15, "another file of that name is another video"


def test_a_part_within_one_frame_is_that_frame(tmp_path: Path) -> None:
    path = video(tmp_path, "h264 in mp4")
    for start in (0.0, 0.32, 1.93):
        found = levels(decode_clips([Clip(path, Span(start, start + 0.04))], 8, 3, 64, PIXELS))
        assert np.abs(found - [10 * int(10 * start)]).max() < 4


@pytest.mark.parametrize("kind", ["aac in m4a", "flac in Matroska", "pcm in AVI"])
def test_channels_are_averaged(tmp_path: Path, kind: str) -> None:
    name, codec, form, rate, tolerance = SOUNDS[kind]
    left, right = tone(1.0, rate), tone(1.0, rate, 660.0)
    path = write_sound(tmp_path / name, np.stack([left, right]), rate, codec, form)
    found = decode_audio(path, rate, 5.0)[: len(left)] / 32768
    assert np.abs(found - (left + right) / 2)[1600:-1600].max() < max(tolerance, 0.02 * (codec == "aac"))


def test_what_a_browser_recorded_has_no_length_and_is_read(tmp_path: Path) -> None:
    """Written as it was recorded: neither a duration nor the sizes of its parts are stated."""
    heard = write_sound(tmp_path / "a.webm", tone(2.0, 48000), 48000, "libopus", "webm", live="1")
    found = decode_audio(heard, 48000, 5.0)
    assert abs(len(found) - 96000) < 2000
    assert abs(probe_audio(heard, 48000, 5.0) - 96000) < 2000
    assert len(decode_audio(heard, 48000, 5.0, Span(0.5, 1.0))) == 24000
    with pytest.raises(BadExample, match="too long"):
        decode_audio(heard, 48000, 1.0)
    shown = write_video(tmp_path / "b.webm", greys([10 * i for i in range(20)]), "libvpx", "webm", live="1")
    assert np.abs(levels(decode_video(shown, 8, 3, 64, PIXELS)) - np.arange(20) * 10).max() < 4
