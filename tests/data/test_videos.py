from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from interlace.data.export import write_video
from interlace.data.problems import BadExample
from interlace.data.videos import decode_video, frame_files, is_video, kept_frames, probe_video


def grey(level: int, size: tuple[int, int] = (8, 8)) -> Image.Image:
    return Image.new("RGB", size, (level, level, level))


def levels(x: np.ndarray) -> list[int]:
    """The grey of the middle of every frame."""
    return [int(frame[0, 4, 4]) for frame in x]


def animate(path: Path, num: int, **options: object) -> Path:
    first, *others = [grey(20 * i) for i in range(num)]
    first.save(path, save_all=True, append_images=others, duration=100, **options)
    return path


@pytest.mark.parametrize("suffix", ["gif", "webp", "png", "apng"])
def test_animated_files_give_their_frames_in_order(tmp_path: Path, suffix: str) -> None:
    options = {"webp": {"lossless": True}, "apng": {"format": "PNG"}}.get(suffix, {})
    path = animate(tmp_path / f"a.{suffix}", 6, **options)
    x = decode_video(path, 8, 3, 64, 1000)
    assert x.shape == (6, 3, 8, 8)
    assert x.dtype == np.uint8
    assert levels(x) == [0, 20, 40, 60, 80, 100]
    assert probe_video(path, 1000) == 6
    assert is_video(path)
    assert levels(decode_video(path, 8, 1, 3, 1000)) == [20, 60, 100]


def test_folders_give_their_pictures_in_natural_order(tmp_path: Path) -> None:
    for number in (10, 9, 1, 2):
        grey(number).save(tmp_path / f"f{number}.png")
    (tmp_path / "notes.txt").write_text("no picture")
    grey(200).save(tmp_path / ".hidden.png")
    assert [path.name for path in frame_files(tmp_path)] == ["f1.png", "f2.png", "f9.png", "f10.png"]
    assert levels(decode_video(tmp_path, 8, 3, 64, 1000)) == [1, 2, 9, 10]
    assert probe_video(tmp_path, 1000) == 4


def test_pillow_composes_frames_that_change_a_part_only(tmp_path: Path) -> None:
    first = grey(255)
    second = first.copy()
    second.paste((0, 0, 0), (0, 0, 4, 4))
    first.save(tmp_path / "a.gif", save_all=True, append_images=[second], duration=100, optimize=True)
    x = decode_video(tmp_path / "a.gif", 8, 3, 64, 1000)
    assert x[1, 0, 0, 0] == 0
    assert x[1, 0, 7, 7] == 255, "what did not change is still there"


def test_what_export_writes_is_read_back_exactly(tmp_path: Path) -> None:
    x = np.random.default_rng(0).integers(0, 256, (5, 3, 16, 16), dtype=np.uint8)
    path = write_video(x, tmp_path / "v.apng")
    assert Image.open(path).n_frames == 5  # type: ignore[attr-defined]
    assert (decode_video(path, 64, 3, 9, 100_000)[:, :, ::4, ::4] == x).all()


@pytest.mark.parametrize(("num", "most", "expected"), [(3, 5, [0, 1, 2]), (10, 5, [1, 3, 5, 7, 9]), (7, 1, [3])])
def test_long_videos_are_thinned_evenly(num: int, most: int, expected: list[int]) -> None:
    assert kept_frames(num, most) == expected


def test_what_is_no_video_is_told(tmp_path: Path) -> None:
    (tmp_path / "a.mp4").write_bytes(b"\0" * 100)
    with pytest.raises(BadExample, match=r"unreadable video: a\.mp4 is not MP4, QuickTime.*convert it: ffmpeg"):
        probe_video(tmp_path / "a.mp4", 1000)
    (tmp_path / "empty").mkdir()
    with pytest.raises(BadExample, match="no frames: empty/ holds no images"):
        decode_video(tmp_path / "empty", 8, 3, 4, 1000)
    (tmp_path / "b.gif").write_bytes(b"GIF89a nothing")
    with pytest.raises(BadExample, match=r"unreadable video: b\.gif"):
        decode_video(tmp_path / "b.gif", 8, 3, 4, 1000)
    path = animate(tmp_path / "c.gif", 6)
    path.write_bytes(path.read_bytes()[:-60])
    with pytest.raises(BadExample, match=r"c\.gif"):
        decode_video(path, 8, 3, 64, 1000)
    assert not is_video(tmp_path / "b.gif")
    assert not is_video(tmp_path / "empty")
    with pytest.raises(BadExample, match="too many pixels"):
        decode_video(animate(tmp_path / "d.gif", 2), 8, 3, 4, 10)
    frames = tmp_path / "frames"
    frames.mkdir()
    (frames / "1.png").write_bytes(b"no picture")
    with pytest.raises(BadExample, match=r"unreadable video: 1\.png"):
        decode_video(frames, 8, 3, 4, 1000)


def test_a_still_picture_is_a_video_of_one_frame_where_that_is_asked(tmp_path: Path) -> None:
    grey(7).save(tmp_path / "a.png")
    assert levels(decode_video(tmp_path / "a.png", 8, 3, 4, 1000)) == [7]
    assert not is_video(tmp_path / "a.png")
