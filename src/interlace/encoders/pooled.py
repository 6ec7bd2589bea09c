"""Fixed pooled vectors of images, audio and features, for models without encoders."""

from collections.abc import Mapping

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from interlace.data.feature_statistics import BOUND
from interlace.data.split import Split
from interlace.encoders.log_mel import LogMel
from interlace.tokens import ModalitySpec, RawBatch, Tokens

ROWS = 256  # examples pooled at a time, to bound memory


def pooled_vectors(split: Split, specs: Mapping[str, ModalitySpec], *, image_size: int) -> np.ndarray:
    """Return the concatenated pooled vectors of a split's modalities other than text, (N, D) float32.

    Images are averaged over areas to at most `image_size` x `image_size` pixels and flattened, in [0, 1]; audio gives
    mean and standard deviation over time of 40 log-mel bands (25 ms windows every 10 ms); feature sequences, nodes of a
    graph and frames of a video are averaged. Each modality adds a column that is 1 where it is present; the vector of a
    missing modality is 0.
    """
    names = [name for name, spec in specs.items() if spec.kind != "text"]
    if not names:
        return np.empty((len(split), 0), dtype=np.float32)
    chosen = split.select(names)
    parts = []
    for start in range(0, len(split), ROWS):
        inputs = chosen.batch(np.arange(start, min(start + ROWS, len(split))))["inputs"]
        columns = [column for name in names for column in _columns(inputs[name], specs[name], image_size)]
        parts.append(torch.cat(columns, 1).numpy())
    if not parts:
        return np.empty((0, 0), dtype=np.float32)
    vectors: np.ndarray = np.concatenate(parts).astype(np.float32)
    return vectors


def _columns(raw: RawBatch | Tokens, spec: ModalitySpec, image_size: int) -> tuple[Tensor, Tensor]:
    """Return the vector of each example (B, D), zero where the modality is missing, and its presence (B, 1)."""
    present = raw.present.unsqueeze(1).float()
    vector = raw.mean() if isinstance(raw, Tokens) else _pool(raw, spec, image_size)
    return torch.where(raw.present.unsqueeze(1), vector, 0.0), present


def _pool(raw: RawBatch, spec: ModalitySpec, image_size: int) -> Tensor:
    if spec.kind == "image":
        return _pixels(raw.x, image_size)
    if spec.kind == "audio":
        log_mel = LogMel(spec=spec, window_ms=25.0, hop_ms=10.0, num_mels=40, floor=1e-5, normalize="fixed")
        frames, mask = log_mel(raw)  # (B, T, F), (B, T)
        return torch.cat([_mean(frames, mask), _mean(frames.square(), mask).sub_(_mean(frames, mask).square())
                          .clamp_min(0).sqrt()], 1)  # fmt: skip
    mask = torch.arange(raw.x.shape[1]) < raw.length.unsqueeze(1)
    if spec.kind == "video":
        frames = torch.stack([_pixels(frame, image_size) for frame in raw.x.unbind(1)], 1)  # (B, T, D)
        return _mean(frames, mask)
    x = raw.x[..., : spec.shape[1] - spec.shape[0]] if spec.kind == "graph" else raw.x
    return _mean(_within(x.float(), spec), mask)


def _within(x: Tensor, spec: ModalitySpec) -> Tensor:
    """Clip features (B, N, D) to BOUND standard deviations, as encoders do, if the data provide statistics."""
    if spec.statistics is None:
        return x
    center, scale = (torch.tensor(each, dtype=torch.float64) for each in spec.statistics)
    return torch.clamp(x, (center - BOUND * scale).float(), (center + BOUND * scale).float())


def _pixels(x: Tensor, size: int) -> Tensor:
    """Return images (B, C, H, W) uint8 as vectors (B, C * h * w) in [0, 1], h and w at most `size`."""
    height, width = x.shape[-2:]
    return F.adaptive_avg_pool2d(x.float() / 255, (min(size, height), min(size, width))).flatten(1)


def _mean(x: Tensor, mask: Tensor) -> Tensor:
    """Return the mean over the real positions of x (B, N, D), mask (B, N); zero if there are none."""
    return Tokens(x, mask, mask.any(1)).mean()
