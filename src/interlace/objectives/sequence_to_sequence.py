"""Batches and losses of encoder-decoder models."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor

from interlace.models.base import LanguageModel
from interlace.objectives.language import IGNORED, counts


def seq2seq_batch(sources: Sequence[np.ndarray], targets: Sequence[np.ndarray], pad: int) -> dict[str, Any]:
    """Return the batch of an encoder-decoder from source and target ids; `decoder_input_ids` begin with padding."""
    inputs, real = padded(sources, pad)
    outputs, used = padded(targets, pad)
    labels = np.where(used, outputs, IGNORED)
    batch = {
        "input_ids": torch.from_numpy(inputs),
        "labels": torch.from_numpy(labels),
        "decoder_input_ids": torch.from_numpy(shifted_right(outputs, pad)),
        "num_targets": counts(int(used.sum())),
    }
    if not real.all():
        batch["attention_mask"] = torch.from_numpy(real)
    return batch


def padded(sequences: Sequence[np.ndarray], pad: int) -> tuple[np.ndarray, np.ndarray]:
    """Return sequences as one array (B, T) int64, and the mask of real tokens."""
    lengths = np.asarray([len(sequence) for sequence in sequences])
    real = np.arange(lengths.max(initial=1)) < lengths[:, None]
    ids = np.full(real.shape, pad, dtype=np.int64)
    ids[real] = np.concatenate(sequences)
    return ids, real


def seq2seq_sums(
    model: LanguageModel, batch: Mapping[str, Tensor], label_smoothing: float, memory_mask: Tensor | None = None
) -> tuple[Tensor, dict[str, Tensor]]:
    """Return the decoder's loss summed over its targets, (1,). `memory_mask` (B, T, S): the source tokens that a target
    token may see; None: all."""
    mask = batch.get("attention_mask")
    memory = model.encode(batch["input_ids"], mask)  # (B, S, D)
    seen = mask if memory_mask is None else memory_mask
    hidden = model.decode(started(model, batch["decoder_input_ids"]), memory, seen)  # (B, T, D)
    labels = batch["labels"].flatten()
    return model.cross_entropy_sum(hidden.flatten(0, 1), labels, label_smoothing=label_smoothing).reshape(1), {}


def started(model: LanguageModel, decoder_input_ids: Tensor) -> Tensor:
    """Return decoder inputs (B, T) of a batch with the start token of the model."""
    if model.start_id is None:
        return decoder_input_ids
    first = torch.full_like(decoder_input_ids[:, :1], model.start_id)
    return torch.cat([first, decoder_input_ids[:, 1:]], 1)


def shifted_right(labels: np.ndarray, start: int) -> np.ndarray:
    """Return the decoder inputs of labels (B, T): `start`, then all labels except the last."""
    inputs = np.empty_like(labels)
    inputs[:, 0] = start
    inputs[:, 1:] = labels[:, :-1]
    return inputs
