import numpy as np
import pytest

from interlace.scenes.drawing import BACKGROUND, RGB, draw_pictures, sprite
from interlace.scenes.settings import SHAPES

from .test_world import settings_of, world_of


@pytest.mark.parametrize(
    ("shape", "share"), [("circle", np.pi / 4), ("square", 0.77), ("diamond", 0.36), ("cross", 0.54)]
)
def test_sprites_cover_the_area_of_their_shape(shape: str, share: float) -> None:
    assert sprite(shape, 40).mean() / 255 == pytest.approx(share, abs=0.03)


def test_sprites_are_smooth_and_differ() -> None:
    for shape in SHAPES:
        mask = sprite(shape, 12)
        assert ((mask > 0) & (mask < 255)).any()
    assert len({sprite(shape, 12).tobytes() for shape in SHAPES}) == len(SHAPES)


def test_each_object_has_its_colour_in_its_cell() -> None:
    world = world_of(1, 200)
    out = np.zeros((200, 3, 32, 32), dtype=np.uint8)
    draw_pictures(np.random.Generator(np.random.PCG64(1)), world, settings_of(1), out)
    for i in range(200):
        filled = 0
        for slot, cell in enumerate(world.cells[i]):
            y, x = 16 * (cell // 2), 16 * (cell % 2)
            patch = out[i, :, y : y + 16, x : x + 16].astype(int)
            paint = RGB[world.colours[i, slot]]
            solid = np.abs(patch - patch.max((1, 2))[:, None, None]).sum(0) == 0
            seen = patch[:, solid][:, 0]
            assert np.abs(seen / seen.max() - paint / paint.max()).max() < 0.02, "the hue is the colour's"
            filled += 1
        empty = set(range(4)) - set(world.cells[i])
        for cell in empty:
            y, x = 16 * (cell // 2), 16 * (cell % 2)
            assert (out[i, :, y : y + 16, x : x + 16] == BACKGROUND).all()
        assert filled == 2
