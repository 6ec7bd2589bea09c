"""Base class of late fusion: one classifier per modality and a weighted average of their outputs."""

from abc import abstractmethod
from typing import ClassVar, Literal

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from interlace.errors import UserError
from interlace.fusion.base import Fusion, pool, presence
from interlace.tokens import Fused, Tokens


class LateFusion(Fusion):
    """Base of strategies that classify each modality separately and average the outputs: logits = sum_m w_m f_m(z_m).

    f_m(z) = V_m GELU(W_m z + b_m) + c_m maps the mean of the real tokens (B, d_m) through D hidden units to
    (B, C). The weights w (B, M) sum to one over the present modalities. With `combine` "probabilities" the
    average is of softmax(f_m), and logits are its logarithm. pooled (B, D) is the same average of the hidden
    units. All missing: logits and pooled are zero.

    aux: "weights" (B, M), and for each modality "unimodal_logits/<name>" (B, C) and "unimodal_mask/<name>" (B,).

    Parameters, S = sum_m d_m: D S + M D + M (D + 1) C. FLOPs: 2 D S + 2 M D C.
    """

    decides: ClassVar[bool] = True

    def __init__(
        self,
        *,
        in_dims: dict[str, int],
        dim: int,
        num_classes: int | None,
        combine: Literal["logits", "probabilities"],
    ) -> None:
        super().__init__(in_dims=in_dims, dim=dim, num_classes=num_classes)
        assert num_classes is not None  # checked by the base class
        if combine == "probabilities" and num_classes < 2:
            raise UserError(f"{type(self).__name__}: a regression has no probabilities to average; use combine=logits")
        self.num_outputs = num_classes
        self.combine = combine
        self.adapters = self.make_adapters()
        self.classifiers = nn.ModuleList(nn.Linear(dim, num_classes) for _ in in_dims)

    @abstractmethod
    def weights(self, present: Tensor) -> Tensor:
        """Weights (B, M): zero where `present` (B, M) is False; the others sum to one over M."""

    def pooling_weights(self, present: Tensor) -> Tensor:
        """Weights (B, M) of the hidden units in `pooled`."""
        return self.weights(present)

    def fuse(self, tokens: list[Tokens]) -> Fused:
        present = presence(tokens)
        hidden = [F.gelu(adapter(z)) for adapter, z in zip(self.adapters, pool(tokens), strict=True)]
        logits = [classifier(h) for classifier, h in zip(self.classifiers, hidden, strict=True)]
        weights = self.weights(present)
        pooled = (torch.stack(hidden, 1) * self.pooling_weights(present).unsqueeze(-1)).sum(1)  # (B, D)
        aux = {"weights": weights}
        for name, each, has_modality in zip(self.names, logits, present.unbind(1), strict=True):
            aux[f"unimodal_logits/{name}"] = each
            aux[f"unimodal_mask/{name}"] = has_modality
        joint = self.combined(torch.stack(logits, 1), weights, present)
        return Fused(pooled.unsqueeze(1), present.any(1, keepdim=True), pooled, joint, aux)

    def combined(self, logits: Tensor, weights: Tensor, present: Tensor) -> Tensor:
        """Joint logits (B, C) from unimodal logits (B, M, C)."""
        if self.combine == "logits":
            return (logits * weights.unsqueeze(-1)).sum(1)
        # log sum_m w_m p_m. The weight of a missing modality is 0, and log 0 has no finite gradient: the lowest finite
        # score stands in its place.
        scores = torch.where(present, weights, 1.0).log().unsqueeze(-1) + logits.log_softmax(-1)
        scores = scores.masked_fill(~present.unsqueeze(-1), torch.finfo(scores.dtype).min)
        return torch.where(present.any(1, keepdim=True), scores.logsumexp(1), 0.0)

    def expected_parameters(self) -> int:
        return self.adapter_parameters() + len(self.in_dims) * (self.dim + 1) * self.num_outputs

    def flops(self, num_tokens: dict[str, int]) -> int:
        return 2 * self.dim * (sum(self.in_dims.values()) + len(self.in_dims) * self.num_outputs)


def equal_weights(present: Tensor, dtype: torch.dtype) -> Tensor:
    """1 / (number of present modalities) for each present one, (B, M) bool -> (B, M) of `dtype`."""
    return present.to(dtype) / present.sum(1, keepdim=True).clamp_min(1)
