"""Gated multimodal unit."""

from typing import Annotated, Literal

import torch
from pydantic import Field
from torch import Tensor, nn

from interlace.fusion.base import Fusion, as_one_token, pool, presence
from interlace.tokens import Fused, Tokens


class GatedFusion(Fusion):
    """Gated multimodal unit with a vector gate (Arevalo et al. 2017, section 3.1).

    h = sum_m g_m * tanh(W_m z_m + b_m), elementwise. `gate` "softmax": g = softmax over the present m of (V_m [z_1;
    ...; z_M] + c_m), which sums to one; for M = 2 that is the paper's bimodal unit, z and 1 - z with z = sigmoid of the
    difference of the two scores. "sigmoid": g_m = sigmoid of the same scores, independent gates, the paper's unit for
    more than two modalities (figure 2a). Unlike the paper, the maps have biases and missing modalities have no gate.
    z_m (B, d_m) is the mean of the real tokens; h is (B, D), zero when every modality is missing. With one modality
    there is no gate. aux "weights" (B, M) is the gate averaged over the units.

    Parameters, S = sum_m d_m: D S + M D, and for M > 1 a gate of M D S + M D. FLOPs: 2 D S + 2 M D S (if M > 1).
    """

    def __init__(
        self,
        *,
        in_dims: dict[str, int],
        dim: Annotated[int, Field(ge=1)],
        num_classes: int | None,
        gate: Literal["softmax", "sigmoid"],
    ) -> None:
        super().__init__(in_dims=in_dims, dim=dim, num_classes=num_classes)
        self.adapters = self.make_adapters()
        width = sum(in_dims.values())
        self.independent = gate == "sigmoid"
        self.gate = nn.Linear(width, len(in_dims) * dim) if len(in_dims) > 1 else None

    def fuse(self, tokens: list[Tokens]) -> Fused:
        present = presence(tokens)
        z = pool(tokens)
        projected = [adapter(each) for adapter, each in zip(self.adapters, z, strict=True)]
        values = torch.tanh(torch.stack(projected, 1))  # (B, M, D)
        gate = torch.ones_like(values) if self.gate is None else self._gates(self.gate(torch.cat(z, 1)), present)
        gate = gate * present.unsqueeze(-1)
        return as_one_token((gate * values).sum(1), present, {"weights": gate.mean(2)})

    def _gates(self, scores: Tensor, present: Tensor) -> Tensor:
        """Scores (B, M D) -> gates (B, M, D)."""
        scores = scores.unflatten(1, (-1, self.dim))
        if self.independent:
            return scores.sigmoid()
        # Missing modalities get a finite score: a softmax over -inf alone is NaN. The caller's mask sets the gate to 0.
        return scores.masked_fill(~present.unsqueeze(-1), torch.finfo(scores.dtype).min).softmax(1)

    def expected_parameters(self) -> int:
        modalities, width = len(self.in_dims), sum(self.in_dims.values())
        gate = modalities * self.dim * (width + 1) if modalities > 1 else 0
        return self.adapter_parameters() + gate

    def flops(self, num_tokens: dict[str, int]) -> int:
        modalities, width = len(self.in_dims), sum(self.in_dims.values())
        return 2 * self.dim * width * (1 + modalities if modalities > 1 else 1)
