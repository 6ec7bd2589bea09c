"""Differentiable negative-sampling losses."""

import torch
from torch import Tensor
from torch.nn import functional as F


def skip_gram_loss(
    input_vectors: Tensor, output_vectors: Tensor, centre: Tensor, context: Tensor, negatives: Tensor
) -> Tensor:
    """Mean over P pairs of -log s(u . v_w) - sum_k log s(-u . v_k) (Mikolov et al. 2013b, equation 4).

    u is the *input* vector of the context word and v_w the *output* vector of the centre word, as in word2vec.c:
    over a corpus with symmetric windows both directions give the same set of pairs. Tables (V, D); `centre` and
    `context` (P,) ids; `negatives` (P, K) ids, of which those equal to the centre word are left out.
    """
    return negative_sampling_loss(input_vectors[context], output_vectors, centre, negatives)


def cbow_loss(
    input_vectors: Tensor,
    output_vectors: Tensor,
    centre: Tensor,
    context: Tensor,
    context_mask: Tensor,
    negatives: Tensor,
) -> Tensor:
    """Negative-sampling loss with u the mean input vector of a window: `context` (B, C) ids, real where `context_mask`.

    Every row needs at least one real context word. The trainer's step is not exactly the gradient of this loss:
    word2vec.c adds the undivided error to each of the n context words, n times the derivative of their mean.
    """
    weights = context_mask.to(input_vectors.dtype)
    hidden = (input_vectors[context] * weights.unsqueeze(-1)).sum(1) / weights.sum(1, keepdim=True)  # (B, D)
    return negative_sampling_loss(hidden, output_vectors, centre, negatives)


def negative_sampling_loss(hidden: Tensor, output_vectors: Tensor, target: Tensor, negatives: Tensor) -> Tensor:
    """Mean negative-sampling loss of hidden vectors (P, D) for target words (P,) and negatives (P, K)."""
    positive = (hidden * output_vectors[target]).sum(-1)  # (P,)
    negative = (hidden.unsqueeze(1) * output_vectors[negatives]).sum(-1)  # (P, K)
    noise = torch.where(negatives == target.unsqueeze(1), 0.0, F.softplus(negative)).sum(1)
    return (F.softplus(-positive) + noise).mean()
