"""The forward pass of encoders that are not trained."""

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from interlace.tokens import ModalitySpec, Raw, Tokens

# Products of fewer rows take other kernels, whose rounding differs.
LEAST_ROWS = 16


def padded_width(spec: ModalitySpec) -> int | None:
    """To how many items a modality's sequences are padded for `encode_frozen`; None: no sequence (a picture)."""
    return None if spec.kind == "image" else spec.shape[0]


def encode_frozen(encoder: nn.Module, raw: Raw, width: int | None) -> Tokens:
    """Tokens of a frozen encoder: without gradient, in full precision, and the same whatever else is in the batch.

    Rounding depends on the shapes of products, so sequences are padded to `width`, whatever the longest of the batch,
    and batches of few rows are filled up; tokens behind the last real one are cut. (An LSTM over packed sequences
    multiplies as many rows as are that long: there the last digit still depends on the batch.)
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
    """Number of tokens up to the last that is real in any example, `real` (N,) bool; at least 1."""
    return max(1, int(real.nonzero().max()) + 1) if bool(real.any()) else 1
