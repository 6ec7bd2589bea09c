"""On-the-fly gradient modulation (OGM-GE)."""

import math
from collections.abc import Iterable, Mapping
from typing import Annotated

import torch
from pydantic import Field
from torch import Tensor, nn


class OGMGE:
    """Gradient modulation that slows down the encoders of dominant modalities (OGM-GE: Peng et al. 2022, equations 8 to
    10), for M modalities.

    s_u is the mean probability of the true class predicted from modality u alone, over the examples of an update that
    have u, and rho_u = s_u / mean over the other modalities v of s_v. The gradients of the encoder of u are multiplied
    by
        k_u = 1 - tanh(alpha rho_u) where rho_u > 1, else 1,
    and with `noise`, Gaussian noise with mean 0 and the standard deviation of each parameter's gradient (before
    modulation) is added for every encoder (generalisation enhancement). For two modalities this is the paper's formula;
    with three or more, each is compared with the mean of the others. A modality that no example of the update has is
    ignored and not modulated; with fewer than two modalities k = 1.

    Unlike the paper, which computes s_u from the joint layer (the part of a concatenation's weights that multiplies u,
    and half of its bias), the probabilities here are those of separate heads (`auxiliary`), so that any fusion and any
    number of modalities can be used; probes (unimodal_probes) do not influence the joint training otherwise.

    It is active in epochs `start_epoch` to `end_epoch` (null: the last), both included. The published code modulates
    only convolutions (gradients with four dimensions); here, as in the paper, every parameter of the encoder is
    modulated. It was published with SGD: Adam divides by a constant factor again, so that with Adam only changes of k
    and the noise have an effect (experiments/balance has arms with either). Gradients are clipped after modulation.
    """

    def __init__(
        self,
        *,
        alpha: Annotated[float, Field(gt=0)],
        noise: bool,
        start_epoch: Annotated[int, Field(ge=0)],
        end_epoch: Annotated[int, Field(ge=0)] | None,
    ) -> None:
        self.alpha = alpha
        self.noise = noise
        self.start_epoch = start_epoch
        self.end_epoch = end_epoch
        self._sums: dict[str, Tensor] = {}  # by modality (2,): sum of scores, number of examples

    def is_active(self, epoch: int) -> bool:
        """Return True if gradients are modulated in this epoch."""
        return self.start_epoch <= epoch and (self.end_epoch is None or epoch <= self.end_epoch)

    def observe(self, logits: Mapping[str, Tensor], present: Mapping[str, Tensor], label: Tensor) -> None:
        """Add a batch of the next update: logits (B, C) and present (B,) by modality, label (B,) class ids."""
        for name, each in logits.items():
            score = each.detach().float().softmax(-1).gather(1, label.unsqueeze(1)).squeeze(1)  # (B,)
            weight = present[name].to(score.dtype)
            found = torch.stack([(score * weight).sum(), weight.sum()])
            self._sums[name] = self._sums[name] + found if name in self._sums else found

    def take_coefficients(self) -> dict[str, float]:
        """Return k_u by modality for the batches since the last call, and reset."""
        sums, self._sums = self._sums, {}
        seen = {name: (float(score), float(count)) for name, (score, count) in sums.items()}
        scores = {name: score / count for name, (score, count) in seen.items() if count > 0}
        return dict.fromkeys(sums, 1.0) | coefficients(scores, self.alpha)

    @torch.no_grad()
    def modulate(self, parameters: Iterable[nn.Parameter], coefficient: float, generator: torch.Generator) -> None:
        """Modulate the gradients of one modality's encoder; noise is drawn on the CPU from `generator`."""
        for parameter in parameters:
            gradient = parameter.grad
            if gradient is None:
                continue
            deviation = gradient.std() if self.noise and gradient.numel() > 1 else None
            gradient.mul_(coefficient)
            if deviation is not None:
                drawn = torch.randn(gradient.shape, generator=generator)
                gradient.add_(drawn.to(gradient) * deviation)


def coefficients(scores: Mapping[str, float], alpha: float) -> dict[str, float]:
    """Return k_u by modality from the scores s_u >= 0; 1 for fewer than two modalities or if the others score 0."""
    found = {}
    for name, score in scores.items():
        others = [value for other, value in scores.items() if other != name]
        mean = sum(others) / len(others) if others else 0.0
        ratio = score / mean if mean > 0 else 0.0
        found[name] = 1.0 - math.tanh(alpha * ratio) if ratio > 1 else 1.0
    return found
