"""Attention masks and positions from padding, packed documents and the causal rule."""

import math
from typing import NamedTuple

import torch
from torch import Tensor


class Visibility(NamedTuple):
    """Mask arguments of attention: a bias (B | 1, H | 1, Nq | 1, Nk) added to the scores, or the flag `causal`."""

    bias: Tensor | None
    causal: bool


def visibility(
    input_ids: Tensor,
    attention_mask: Tensor | None,
    *,
    causal: bool,
    dtype: torch.dtype,
    document_ids: Tensor | None = None,
    past: int = 0,
) -> Visibility:
    """Return the visibility of keys for tokens (B, T) after `past` cached ones; `attention_mask` is (B, past + T).

    `causal` hides later tokens; `document_ids` (B, T) hides other documents (only without a past). No bias is built if
    there is no padding: causal or full attention then needs no mask. A query that would see no key, which must be
    padding, sees itself (or all keys, if all are padding), since a softmax over no key is NaN in some kernels.
    """
    length, device = input_ids.shape[1], input_ids.device
    attention_mask = without_padding(attention_mask)
    if attention_mask is None and document_ids is None and (not causal or past == 0 or length == 1):
        return Visibility(None, causal and past == 0 and length > 1)
    seen: Tensor | None = None
    if causal and length > 1:
        seen = torch.ones(length, past + length, dtype=torch.bool, device=device).tril(past)[None]
    if document_ids is not None:
        same = document_ids.unsqueeze(2) == document_ids.unsqueeze(1)  # (B, T, T)
        seen = same if seen is None else seen & same
    if attention_mask is not None:
        real = attention_mask.bool().unsqueeze(1)  # (B, 1, past + T)
        if seen is None:
            seen = real | ~real.any(2, keepdim=True)
        else:
            itself = torch.ones_like(seen[:1]).tril(past).triu(past)
            seen = (seen & real) | itself
    assert seen is not None, "a bias is built only if a rule applies"
    return Visibility(additive(seen, dtype).unsqueeze(1), False)


def without_padding(attention_mask: Tensor | None) -> Tensor | None:
    """Return None for a mask that hides nothing; checked on CPUs only, where the check needs no synchronisation."""
    if torch.compiler.is_exporting():  # a program cannot tell it from values
        return attention_mask
    if attention_mask is not None and attention_mask.device.type == "cpu" and bool(attention_mask.all()):
        return None
    return attention_mask


def additive(seen: Tensor, dtype: torch.dtype) -> Tensor:
    """Return an additive mask: 0 where True, -inf where False."""
    return torch.zeros(seen.shape, dtype=dtype, device=seen.device).masked_fill_(~seen, -math.inf)


def compute_dtype(x: Tensor) -> torch.dtype:
    """Return the dtype of matrix products with x: that of autocast, if enabled."""
    kind = x.device.type
    return torch.get_autocast_dtype(kind) if torch.is_autocast_enabled(kind) else x.dtype


def document_positions(document_ids: Tensor) -> Tensor:
    """Return the position of each token in its document, (B, T); documents are contiguous runs of equal ids."""
    index = torch.arange(document_ids.shape[1], device=document_ids.device)
    starts = torch.zeros_like(document_ids, dtype=torch.bool)
    starts[:, 1:] = document_ids[:, 1:] != document_ids[:, :-1]
    return index - torch.where(starts, index, 0).cummax(1).values


def causal_positions(
    length: int, attention_mask: Tensor | None, document_ids: Tensor | None, past: int
) -> Tensor | None:
    """Return the positions of T new tokens, (B, T), counting real tokens only; None = past, past + 1, ..."""
    if document_ids is not None:
        return document_positions(document_ids)
    attention_mask = without_padding(attention_mask)
    if attention_mask is None:
        return None
    return (attention_mask.long().cumsum(1) - 1).clamp_min_(0)[:, -length:]
