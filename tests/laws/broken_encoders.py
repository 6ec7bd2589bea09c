"""Encoders of features that each break one law of `interlace.laws.encoder`, by the name of that law."""

import torch
from torch import Tensor, nn

from interlace.tokens import ModalitySpec, RawBatch, Tokens


class Whole(nn.Module):
    """A linear map of each item: keeps every law. Its parts are what the others break."""

    out_dim = 4

    def __init__(self, *, spec: ModalitySpec) -> None:
        super().__init__()
        self.map = nn.Linear(spec.shape[-1], self.out_dim)

    def forward(self, raw: RawBatch) -> Tokens:
        present = raw.present & (raw.length > 0)
        mask = (torch.arange(raw.x.shape[1]) < raw.length[:, None]) & present[:, None]
        x = self.mapped(torch.where(mask.unsqueeze(-1), raw.x, 0), mask)
        return Tokens(x * mask.unsqueeze(-1), mask, present)

    def mapped(self, x: Tensor, mask: Tensor) -> Tensor:
        return self.map(x)


class TokensOfPresentMissingAndEmptyExamples(Whole):
    """Calls an example without content present."""

    def forward(self, raw: RawBatch) -> Tokens:
        return super().forward(raw)._replace(present=raw.present)


class ExamplesDoNotSeeEachOther(Whole):
    """Adds a tenth of the batch's mean over real tokens."""

    def mapped(self, x: Tensor, mask: Tensor) -> Tensor:
        x = self.map(x)
        return x + 0.1 * x[mask].sum(0) / mask.sum().clamp_min(1)


class PaddingChangesNothing(Whole):
    """Adds the share of real tokens among all of the batch's length."""

    def mapped(self, x: Tensor, mask: Tensor) -> Tensor:
        return self.map(x) + mask.to(x.dtype).mean(1)[:, None, None]


class EveryParameterGetsAFiniteGradient(Whole):
    """Has a layer that it does not use."""

    def __init__(self, *, spec: ModalitySpec) -> None:
        super().__init__(spec=spec)
        self.forgotten = nn.Linear(2, 2)


class ABatchOfMissingExamplesIsFinite(Whole):
    """Takes the root of a sum of squares, which has no gradient where no example has content."""

    def mapped(self, x: Tensor, mask: Tensor) -> Tensor:
        x = self.map(x)
        return x + 0.0 * (x * mask.unsqueeze(-1)).pow(2).sum().sqrt()


class SameWeightsSameTokens(Whole):
    """Keeps a tensor where no state_dict sees it."""

    def __init__(self, *, spec: ModalitySpec) -> None:
        super().__init__(spec=spec)
        self.kept = [torch.randn(self.out_dim)]

    def mapped(self, x: Tensor, mask: Tensor) -> Tensor:
        return self.map(x) + self.kept[0].to(x.dtype)


class FiniteInBfloat16(Whole):
    """Writes into a tensor of the features' type, which autocast does not change."""

    def mapped(self, x: Tensor, mask: Tensor) -> Tensor:
        result = x.new_zeros(*mask.shape, self.out_dim)
        rows = torch.arange(len(x))
        result[rows] = self.map(x)
        return result


class ComputesInTheTypeOfItsWeights(Whole):
    """Adds a constant of the type float32."""

    def mapped(self, x: Tensor, mask: Tensor) -> Tensor:
        return self.map(x) + torch.ones(self.out_dim, dtype=torch.float32)


BROKEN = {
    "tokens of present missing and empty examples": TokensOfPresentMissingAndEmptyExamples,
    "examples do not see each other": ExamplesDoNotSeeEachOther,
    "padding changes nothing": PaddingChangesNothing,
    "every parameter gets a finite gradient": EveryParameterGetsAFiniteGradient,
    "a batch of missing examples is finite": ABatchOfMissingExamplesIsFinite,
    "same weights same tokens": SameWeightsSameTokens,
    "finite in bfloat16": FiniteInBfloat16,
    "computes in the type of its weights": ComputesInTheTypeOfItsWeights,
}
