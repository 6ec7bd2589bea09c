"""On-the-fly gradient modulation."""

import math
from collections.abc import Iterable, Mapping
from typing import Annotated

import torch
from pydantic import Field
from torch import Tensor, nn


class OGMGE:
    """Slows down the encoders of modalities that are ahead (OGM-GE: Peng et al. 2022, equations 8 to 10), M modalities.

    s_u is the mean probability that modality u alone gives the true class, over the examples of an update that have u,
    and rho_u = s_u / mean over the other modalities v of s_v. The gradients of the encoder of u are multiplied by

        k_u = 1 - tanh(alpha rho_u) where rho_u > 1, else 1,

    and with `noise` a Gaussian of each parameter's gradient's own mean 0 and standard deviation (before modulation) is
    added (generalisation enhancement), to every encoder. For two modalities this is the paper's formula; three or more
    compare each with the mean of the others. A modality that no example of the update has neither takes part nor is
    modulated; with fewer than two there is nothing to compare and k = 1.

    Unlike the paper, whose s_u is read off the joint layer (the part of a concatenation's weights that u meets, and
    half of its bias), the probabilities here are those of heads of their own (`auxiliary`), so that any fusion and any
    number of modalities will do; with probes (unimodal_probes) the joint training is otherwise what it is without them.

    At work in epochs `start_epoch` to `end_epoch` (null: the last), both included. The published code modulates
    convolutions alone (gradients of four dimensions); here it is every parameter of the encoder, as in the paper. It
    was published with SGD: Adam divides a constant factor out again, so that with it only changes of k and the noise
    have an effect (experiments/balance has arms with either). Gradients are clipped after this.
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
        self._sums: dict[str, Tensor] = {}  # by modality (2,): sum of scores and examples since the last update

    def is_active(self, epoch: int) -> bool:
        """Whether gradients are modulated in this epoch."""
        return self.start_epoch <= epoch and (self.end_epoch is None or epoch <= self.end_epoch)

    def observe(self, logits: Mapping[str, Tensor], present: Mapping[str, Tensor], label: Tensor) -> None:
        """Takes in a batch of the update to come: logits (B, C) and present (B,) by modality, label (B,) class ids."""
        for name, each in logits.items():
            score = each.detach().float().softmax(-1).gather(1, label.unsqueeze(1)).squeeze(1)  # (B,)
            there = present[name].to(score.dtype)
            found = torch.stack([(score * there).sum(), there.sum()])
            self._sums[name] = self._sums[name] + found if name in self._sums else found

    def take_coefficients(self) -> dict[str, float]:
        """k_u by modality, of the batches since the last call."""
        sums, self._sums = self._sums, {}
        seen = {name: (float(score), float(count)) for name, (score, count) in sums.items()}
        scores = {name: score / count for name, (score, count) in seen.items() if count > 0}
        return dict.fromkeys(sums, 1.0) | coefficients(scores, self.alpha)

    @torch.no_grad()
    def modulate(self, parameters: Iterable[nn.Parameter], coefficient: float, generator: torch.Generator) -> None:
        """Changes the gradients of one modality's encoder; noise is drawn on the host from `generator`."""
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
    """k_u by modality from the scores s_u >= 0; all 1 when there are fewer than two, or the others score 0."""
    found = {}
    for name, score in scores.items():
        others = [value for other, value in scores.items() if other != name]
        mean = sum(others) / len(others) if others else 0.0
        ratio = score / mean if mean > 0 else 0.0
        found[name] = 1.0 - math.tanh(alpha * ratio) if ratio > 1 else 1.0
    return found
