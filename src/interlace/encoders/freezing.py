"""Forward pass of encoders that are not trained."""

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from interlace.tokens import ModalitySpec, RawBatch, Tokens

# Matrix products of fewer rows use other kernels with different rounding.
LEAST_ROWS = 16


def padded_width(spec: ModalitySpec) -> int | None:
    """Return the length to which `encode_frozen` pads sequences of a modality; None for images, which have none."""
    return None if spec.kind == "image" else spec.shape[0]


def encode_frozen(encoder: nn.Module, raw: RawBatch, width: int | None) -> Tokens:
    """Compute tokens of a frozen encoder without gradient, in full precision and independent of the rest of the batch.

    Rounding depends on the shapes of matrix products, so sequences are padded to `width` instead of the longest of the
    batch, and small batches are filled up; tokens after the last real one are removed. (For an LSTM over packed
    sequences the number of rows at each step depends on the batch, and so does the last digit.)
    """
    rows = len(raw.length)
    if width is not None and raw.x.shape[1] < width:
        padding = [0, 0] * (raw.x.ndim - 2) + [0, width - raw.x.shape[1]]
        raw = raw._replace(x=F.pad(raw.x, padding))
    if rows < LEAST_ROWS:
        repeated = torch.arange(LEAST_ROWS, device=raw.x.device) % rows
        raw = raw.select(repeated)
    with torch.no_grad(), torch.autocast(raw.x.device.type, enabled=False):
        tokens: Tokens = encoder(raw)
    longest = tokens.mask.shape[1] if width is None else last_real(tokens.mask[:rows].any(0))
    return Tokens(tokens.x[:rows, :longest], tokens.mask[:rows, :longest], tokens.present[:rows])


def last_real(real: Tensor) -> int:
    """Return the number of tokens up to the last real one, at least 1; `real` (N,) is True where any example's is."""
    return max(1, int(real.nonzero().max()) + 1) if bool(real.any()) else 1
