"""Image encoder: any model of timm."""

from difflib import get_close_matches
from typing import Annotated, Any

import torch
from pydantic import Field
from torch import Tensor, nn
from torch.nn import functional as F

from interlace.encoders.image import image_tokens
from interlace.errors import UserError
from interlace.nn.precision import weight_dtype
from interlace.tokens import ModalitySpec, RawBatch, Tokens


class ImageTimm(nn.Module):
    """The last features of a timm model as tokens: uint8 (B, C, H, W) -> (B, N, D).

    A feature map (B, D, h, w) gives h w tokens, a sequence gives its tokens (class tokens included). Images are resized
    to `size` (null: the size the weights were trained at) and normalised by the mean and standard deviation of the
    weights; a single grey channel is repeated three times. D is the model's feature width.

    With `frozen` the model is not trained and stays in evaluation mode. Without it, models with BatchNorm mix the
    examples of a batch in training; in evaluation they too process each example separately.
    Raises UserError for an unknown model or weights that cannot be downloaded.
    """

    mean: Tensor
    std: Tensor

    def __init__(
        self,
        *,
        spec: ModalitySpec,
        model: str,
        pretrained: bool,
        frozen: bool,
        size: Annotated[int, Field(ge=1)] | None,
    ) -> None:
        from timm.data import resolve_model_data_config  # imported here: timm takes a second

        super().__init__()
        self.frozen = frozen
        self.model = create_model(model, pretrained, size)
        config = resolve_model_data_config(self.model)
        self.size = (size, size) if size else tuple(config["input_size"][-2:])
        self.register_buffer("mean", torch.tensor(config["mean"])[:, None, None], persistent=False)
        self.register_buffer("std", torch.tensor(config["std"])[:, None, None], persistent=False)
        self.out_dim = int(self.model.num_features)
        self.model.requires_grad_(not frozen)
        self.train()

    def train(self, mode: bool = True) -> "ImageTimm":
        """Set the training mode; a frozen model stays in evaluation mode."""
        super().train(mode)
        self.model.train(mode and not self.frozen)
        return self

    def forward(self, raw: RawBatch) -> Tokens:
        """Encode raw images; all tokens of a missing image are masked."""
        x = raw.x.float() / 255.0
        if x.shape[1] == 1:
            x = x.expand(-1, 3, -1, -1)
        if tuple(x.shape[-2:]) != self.size:
            x = F.interpolate(x, self.size, mode="bicubic", antialias=True, align_corners=False).clamp(0.0, 1.0)
        x = self.model.forward_features(((x - self.mean) / self.std).to(weight_dtype(self.model)))
        return image_tokens(self._as_sequence(x), raw.present & (raw.length > 0))

    def _as_sequence(self, x: Tensor) -> Tensor:
        """Convert features in any of timm's layouts to (B, N, D)."""
        if x.ndim == 2:
            return x.unsqueeze(1)
        if x.ndim == 4:  # (B, D, h, w), or (B, h, w, D) as in Swin
            x = x.flatten(1, 2) if getattr(self.model, "output_fmt", "NCHW") == "NHWC" else x.flatten(2).mT
        return x


def create_model(name: str, pretrained: bool, size: int | None) -> Any:
    """Return a timm model without its classifier. Raises UserError for unknown names and unavailable weights."""
    import timm

    if not timm.is_model(name):
        near = get_close_matches(name, timm.list_models(), n=5, cutoff=0.4)
        hint = f"did you mean {' or '.join(near)}?" if near else "`timm.list_models()` lists all"
        raise UserError(f"timm has no model named {name!r}; {hint}")
    if pretrained and not timm.is_model_pretrained(name):
        raise UserError(f"timm has no pretrained weights for {name!r}; use pretrained=false or another model")
    try:
        if size is None:
            return timm.create_model(name, pretrained=pretrained, num_classes=0)
        try:
            return timm.create_model(name, pretrained=pretrained, num_classes=0, img_size=size)
        except TypeError:  # convolutional models take images of any size and have no such argument
            return timm.create_model(name, pretrained=pretrained, num_classes=0)
    except (OSError, RuntimeError) as error:
        raise UserError(
            f"the weights of {name!r} cannot be downloaded ({str(error).splitlines()[0]}); use pretrained=false, or "
            "download them to the cache on a machine with access"
        ) from None
