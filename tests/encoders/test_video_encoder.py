"""Frames are encoded one by one and told apart by their time alone."""

import pytest
import torch

from interlace.encoders.image import ImageCNN
from interlace.encoders.video import VideoFrames, frame_indices
from interlace.tokens import ModalitySpec, RawBatch

SPEC = ModalitySpec("video", (6, 3, 32, 32))


def build(**options: object) -> VideoFrames:
    torch.manual_seed(0)
    settings = {"num_frames": None, "window": 1, "pool": False, "num_layers": 0, "num_heads": 2}
    settings["feed_forward_ratio"] = 2
    return VideoFrames(
        spec=SPEC, image=lambda spec: ImageCNN(spec=spec, dim=16, channels=[8, 8]), dropout=0.0, **settings | options
    ).eval()  # type: ignore[arg-type]


def videos(lengths: list[int]) -> RawBatch:
    generator = torch.Generator().manual_seed(0)
    x = torch.randint(0, 256, (len(lengths), *SPEC.shape), generator=generator).to(torch.uint8)
    length = torch.tensor(lengths)
    return RawBatch(x, length, length > 0)


def test_tokens_are_those_of_the_image_encoder_for_each_frame() -> None:
    encoder, raw = build(), videos([6, 2])
    found = encoder(raw)
    assert found.x.shape == (2, 6 * 16, 16)
    assert found.mask.sum(1).tolist() == [96, 32]
    for row, frame in ((0, 0), (0, 5), (1, 1)):
        picture = RawBatch(raw.x[row, frame][None], torch.ones(1, dtype=torch.long), torch.ones(1, dtype=torch.bool))
        alone = encoder.image(picture).x[0] + encoder.positions(torch.zeros(1, 6, 16))[0, frame]
        expected = encoder.encoder.norm(alone)
        torch.testing.assert_close(found.x[row, 16 * frame : 16 * (frame + 1)], expected)


def test_a_pooled_frame_is_the_mean_of_its_tokens() -> None:
    raw = videos([4])
    pooled, whole = build(pool=True), build()
    pooled.encoder.norm = whole.encoder.norm = torch.nn.Identity()
    expected = whole(raw).x.unflatten(1, (6, 16)).mean(2)
    torch.testing.assert_close(pooled(raw).x, expected)


def test_the_order_of_the_frames_matters_with_layers_only_through_time() -> None:
    raw = videos([6])
    turned = raw._replace(x=raw.x.flip(1))
    still = build(pool=True)
    assert not torch.allclose(still(raw).x.mean(1), still(turned).x.mean(1), atol=1e-3), "positions tell times apart"
    deep = build(pool=True, num_layers=2)
    assert not torch.allclose(deep(raw).x.mean(1), deep(turned).x.mean(1), atol=1e-3)


@pytest.mark.parametrize(
    ("length", "num", "expected"),
    [(10, 5, [1, 3, 5, 7, 9]), (9, 3, [1, 4, 7]), (7, 2, [1, 5]), (3, 3, [0, 1, 2]), (2, 4, [0, 1]), (0, 2, [])],
)
def test_frames_are_chosen_evenly(length: int, num: int, expected: list[int]) -> None:
    index, real = frame_indices(torch.tensor([length]), num)
    assert index[real].tolist() == expected


def test_what_is_looked_at_does_not_depend_on_the_batch() -> None:
    encoder = build(num_frames=3, pool=True, num_layers=1)
    raw = videos([6, 5, 2])
    together = encoder(raw)
    for row, length in enumerate([6, 5, 2]):
        alone = encoder(RawBatch(raw.x[row : row + 1, :length], raw.length[row : row + 1], raw.present[row : row + 1]))
        real = together.x[row][together.mask[row]]
        torch.testing.assert_close(real, alone.x[0][alone.mask[0]], rtol=1e-4, atol=1e-5)


def test_a_window_shows_a_frame_with_its_neighbours() -> None:
    encoder, raw = build(window=3), videos([6, 4])
    found = encoder(raw)
    for row, frame, near in ((0, 0, [0, 0, 1]), (0, 3, [2, 3, 4]), (1, 3, [2, 3, 3])):
        picture = raw.x[row, near].flatten(0, 1)[None]
        tokens = encoder.image(RawBatch(picture, torch.ones(1, dtype=torch.long), torch.ones(1, dtype=torch.bool))).x[0]
        alone = encoder.encoder.norm(tokens + encoder.positions(torch.zeros(1, 6, 16))[0, frame])
        torch.testing.assert_close(found.x[row, 16 * frame : 16 * (frame + 1)], alone)


def test_parameters_are_counted_as_stated() -> None:
    encoder = build(num_layers=2)
    layer = (4 + 2 * 2) * 16**2 + (9 + 2) * 16
    image = sum(p.numel() for p in encoder.image.parameters())
    assert sum(p.numel() for p in encoder.parameters()) == image + 2 * layer + 2 * 16
