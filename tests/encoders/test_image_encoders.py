"""Picture encoders at every size and with models of every layout."""

import pytest
import torch

from interlace.encoders.image import ImageCNN
from interlace.encoders.timm_image import ImageTimm
from interlace.errors import UserError
from interlace.tokens import ModalitySpec, RawBatch


def pictures(channels: int, height: int, width: int) -> RawBatch:
    x = torch.randint(0, 256, (2, channels, height, width), generator=torch.Generator().manual_seed(0))
    return RawBatch(x.to(torch.uint8), torch.ones(2, dtype=torch.int64), torch.ones(2, dtype=torch.bool))


@pytest.mark.parametrize(
    ("shape", "count"),
    [((3, 32, 32), 16), ((1, 28, 28), 16), ((1, 1, 1), 1), ((3, 1, 9), 2), ((3, 7, 1), 1), ((3, 48, 48), 36)],
)
def test_tokens_a_picture(shape: tuple[int, int, int], count: int) -> None:
    """ceil(H / 8) ceil(W / 8) tokens with three convolutions of stride 2."""
    encoder = ImageCNN(spec=ModalitySpec("image", shape), dim=8, channels=[4, 6])
    tokens = encoder(pictures(*shape))
    assert tokens.x.shape == (2, count, 8)
    assert tokens.x.isfinite().all()


def test_parameters_of_the_cnn() -> None:
    encoder = ImageCNN(spec=ModalitySpec("image", (3, 32, 32)), dim=8, channels=[4, 6])
    convolutions = (9 * 3 * 4 + 4) + (9 * 4 * 6 + 6) + (9 * 6 * 8 + 8)
    assert sum(p.numel() for p in encoder.parameters()) == convolutions + (4 + 4 + 2) * 8


def test_a_picture_of_another_size_is_resized() -> None:
    encoder = ImageCNN(spec=ModalitySpec("image", (3, 32, 32)), dim=8, channels=[4, 6])
    small = pictures(3, 16, 16)
    large = small._replace(x=small.x.repeat_interleave(2, 2).repeat_interleave(2, 3))
    flat = small._replace(x=torch.full_like(small.x, 200))
    assert encoder(small).x.shape == encoder(large).x.shape
    same = encoder(flat._replace(x=torch.full((2, 3, 32, 32), 200, dtype=torch.uint8))).x
    torch.testing.assert_close(encoder(flat).x, same)


@pytest.mark.parametrize(
    "model",
    ["resnet18", "vit_tiny_patch16_224", "swin_tiny_patch4_window7_224", "test_efficientnet", "mobilenetv3_small_050"],
)
@pytest.mark.parametrize("channels", [1, 3])
def test_timm_layouts(model: str, channels: int) -> None:
    """Maps (ResNet), sequences (ViT), channels-last maps (Swin): (B, N, out_dim), from pictures of any size."""
    spec = ModalitySpec("image", (channels, 20, 20))
    encoder = ImageTimm(spec=spec, model=model, pretrained=False, frozen=True, size=None)
    tokens = encoder(pictures(channels, 20, 20))
    assert tokens.x.ndim == 3
    assert tokens.x.shape[2] == encoder.out_dim
    assert tokens.x.shape[1] > 1
    assert not any(p.requires_grad for p in encoder.parameters())
    assert not encoder.train().model.training


def test_timm_pictures_are_normalised_as_the_weights_expect() -> None:
    encoder = ImageTimm(spec=ModalitySpec("image", (3, 8, 8)), model="resnet18", pretrained=False, frozen=True, size=32)
    seen = []
    encoder.model.forward_features = lambda x: (seen.append(x), torch.zeros(2, 512, 1, 1))[1]
    encoder(pictures(3, 8, 8)._replace(x=torch.full((2, 3, 8, 8), 255, dtype=torch.uint8)))
    assert seen[0].shape == (2, 3, 32, 32)
    # ImageNet: (1 - mean) / deviation.
    assert seen[0][0, :, 5, 5].tolist() == pytest.approx([0.515 / 0.229, 0.544 / 0.224, 0.594 / 0.225], rel=1e-5)


def test_an_unknown_model_is_named_with_its_neighbours() -> None:
    with pytest.raises(UserError, match=r"resnet1888.*did you mean.*resnet18"):
        ImageTimm(spec=ModalitySpec("image", (3, 8, 8)), model="resnet1888", pretrained=False, frozen=False, size=None)
