"""Pictures as cameras, scanners and programs write them: any shape, depth and format."""

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from interlace.data.images import FORMATS, UNREAD, decode_image
from interlace.data.problems import BadExample
from interlace.data.remarks import collect_remarks


@given(st.integers(1, 1200), st.integers(1, 1200), st.sampled_from([8, 64]), st.sampled_from(["L", "RGB", "RGBA", "P"]))
@settings(max_examples=40, deadline=None)
def test_a_picture_of_any_shape_is_seen(tmp_path_factory, width: int, height: int, size: int, mode: str) -> None:
    path = tmp_path_factory.mktemp("p") / "a.png"
    Image.new("RGB", (width, height), (200, 200, 200)).convert(mode).save(path)
    with collect_remarks() as remarks:
        x = decode_image(path, size, 3, 2_000_000)
    assert (x.max((1, 2)) >= 190).all()
    share = round(min(width, height) / max(width, height) * size)
    assert (x > 100).mean() >= max(1, share) / size - 1e-9
    assert bool(remarks) == (share == 0)


@pytest.mark.parametrize("suffix", ["png", "tif"])
@pytest.mark.parametrize("white", [255, 4095, 65535])
def test_greys_of_sixteen_bits_have_the_range_that_is_used(tmp_path: Path, white: int, suffix: str) -> None:
    grey = np.linspace(0, white, 64).round().astype(np.uint16).reshape(8, 8)
    Image.fromarray(grey).save(tmp_path / f"a.{suffix}")
    with collect_remarks() as remarks:
        x = decode_image(tmp_path / f"a.{suffix}", 8, 3, 100)
    assert np.abs(x - grey / (white / 255.0)).max() <= 0.501
    assert list(remarks) == ([f"its 16-bit greys do not exceed {white}, which is read as white"] * (white < 65535))


@pytest.mark.parametrize("mode", ["1", "L", "P", "RGB", "RGBA", "CMYK", "LA", "I;16"])
@pytest.mark.parametrize("compression", [None, "tiff_deflate", "tiff_lzw", "packbits"])
def test_a_tiff_is_read_as_a_png_of_the_same(tmp_path: Path, mode: str, compression: str | None) -> None:
    noise = Image.effect_noise((12, 12), 80)
    if mode == "I;16":
        image = Image.fromarray(np.asarray(noise).astype(np.uint16) * 257)
    else:
        image = noise.convert("RGB").convert(mode)
    image.save(tmp_path / "a.tif", compression=compression, save_all=True, append_images=[Image.new(mode, (9, 9))])
    image.convert("RGB").save(tmp_path / "b.png") if mode == "CMYK" else image.save(tmp_path / "b.png")
    np.testing.assert_array_equal(
        decode_image(tmp_path / "a.tif", 12, 3, 200), decode_image(tmp_path / "b.png", 12, 3, 200)
    )


@pytest.mark.parametrize(("dtype", "what"), [(np.float32, "floating-point pixels"), (np.int32, "pixels from -5 to")])
def test_pixels_without_black_and_white_are_refused(tmp_path: Path, dtype: type, what: str) -> None:
    Image.fromarray(np.arange(-5, 59, dtype=dtype).reshape(8, 8)).save(tmp_path / "a.tif")
    with pytest.raises(BadExample, match=rf"unreadable image: a\.tif has {what}.*features \(\.npy\)"):
        decode_image(tmp_path / "a.tif", 8, 3, 100)


@pytest.mark.parametrize("suffix", UNREAD)
def test_pictures_that_are_not_read_are_told_with_what_converts_them(tmp_path: Path, suffix: str) -> None:
    (tmp_path / f"a{suffix}").write_bytes(b"\0\0\0\x1cftypheic" + bytes(40))
    with pytest.raises(
        BadExample, match=rf"not an image; expected {', '.join(FORMATS)}; convert it: magick a\{suffix}"
    ):
        decode_image(tmp_path / f"a{suffix}", 8, 3, 100)


@pytest.mark.parametrize(("made", "name", "read"), [
    ("TIFF", "a.png", False), ("TIFF", "a.jpg", False), ("TIFF", "a.TIFF", True), ("TIFF", "a", True),
    ("PNG", "a.jpg", True), ("JPEG", "a.png", True), ("PPM", "a.png", False), ("EPS", "a.png", False),
    ("ICO", "a.png", False), ("PDF", "a.png", False), ("TGA", "a.png", False), ("PCX", "a.bmp", False),
])  # fmt: skip
def test_formats_are_told_by_content_and_none_beyond_the_list(tmp_path: Path, made: str, name: str, read: bool) -> None:
    Image.new("RGB", (16, 16), "red").save(tmp_path / name, format=made)
    if read:
        assert decode_image(tmp_path / name, 8, 3, 300).shape == (3, 8, 8)
    else:
        with pytest.raises(BadExample, match="is not an image; expected PNG"):
            decode_image(tmp_path / name, 8, 3, 300)
