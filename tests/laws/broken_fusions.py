"""Fusion strategies that each break one law of `interlace.laws.fusion`, by the name of that law."""

import torch
from torch import Tensor, nn

from interlace.fusion.base import Fusion, as_one_token, pool, presence
from interlace.tokens import Fused, Tokens


class Whole(Fusion):
    """A sum of projected means, without a bias: keeps every law. Its parts are what the others break."""

    def __init__(self, *, in_dims: dict[str, int], dim: int, num_classes: int | None) -> None:
        super().__init__(in_dims=in_dims, dim=dim, num_classes=num_classes)
        self.maps = nn.ModuleList(nn.Linear(width, dim, bias=False) for width in in_dims.values())

    def fuse(self, tokens: list[Tokens]) -> Fused:
        pooled = self.finished(torch.stack([m(x) for m, x in zip(self.maps, self.pooled(tokens), strict=True)]).sum(0))
        return as_one_token(pooled, presence(tokens))

    def pooled(self, tokens: list[Tokens]) -> list[Tensor]:
        return pool(tokens)

    def finished(self, x: Tensor) -> Tensor:
        return x


class Shapes(Whole):
    """Has logits, and does not say that it decides."""

    def __init__(self, *, in_dims: dict[str, int], dim: int, num_classes: int | None) -> None:
        super().__init__(in_dims=in_dims, dim=dim, num_classes=num_classes)
        self.classes = nn.Linear(self.dim, self.num_classes)

    def fuse(self, tokens: list[Tokens]) -> Fused:
        fused = super().fuse(tokens)
        return fused._replace(logits=self.classes(fused.pooled))


class PaddingChangesNothing(Whole):
    """Divides by the length of the batch instead of that of the example."""

    def pooled(self, tokens: list[Tokens]) -> list[Tensor]:
        return [each.x.mean(1) for each in tokens]


class GradientsSurviveJunkUnderTheMask(Whole):
    """Projects what lies under the mask, and hides it only then."""

    def forward(self, tokens):
        prepared = self.prepare(tokens)
        raw = [
            Tokens(tokens[name].x if name in tokens else each.x, each.mask, each.present)
            for name, each in zip(self.names, prepared, strict=True)
        ]
        hidden = [torch.where(each.mask.unsqueeze(-1), m(each.x), 0) for m, each in zip(self.maps, raw, strict=True)]
        counts = [each.mask.sum(1, keepdim=True).clamp_min(1) for each in raw]
        pooled = torch.stack([x.sum(1) / n for x, n in zip(hidden, counts, strict=True)]).sum(0)
        return as_one_token(pooled.to(prepared[0].x.dtype), presence(prepared))


class ExamplesDoNotSeeEachOther(Whole):
    """Adds a tenth of the batch's mean."""

    def finished(self, x: Tensor) -> Tensor:
        return x + 0.1 * x.mean(0)


class OrderOfTheDictDoesNotMatter(Whole):
    """Listens to the order in which modalities are given."""

    def forward(self, tokens):
        fused = super().forward(tokens)
        backwards = len(tokens) > 1 and list(tokens) == list(reversed(self.names))
        return fused._replace(pooled=fused.pooled * (2 if backwards else 1))


class EveryParameterGetsAGradient(Whole):
    """Has a layer that it does not use."""

    def __init__(self, *, in_dims: dict[str, int], dim: int, num_classes: int | None) -> None:
        super().__init__(in_dims=in_dims, dim=dim, num_classes=num_classes)
        self.forgotten = nn.Linear(2, 2)


class MissingEqualsDropped(Whole):
    """Adds one for each modality that is in the dict, whether examples have it or not."""

    def forward(self, tokens):
        fused = super().forward(tokens)
        return fused._replace(pooled=fused.pooled + len(tokens))


class FiniteWithOneModalityOrNone(Whole):
    """Takes the root of a sum of squares, which has no gradient where a batch is empty."""

    def finished(self, x: Tensor) -> Tensor:
        return x + 0.0 * x.pow(2).sum().sqrt()


class ParametersFollowTheFormula(Whole):
    """Counts one more."""

    def expected_parameters(self) -> int:
        return super().expected_parameters() + 1


class SameWeightsSameResult(Whole):
    """Keeps a tensor where no state_dict sees it."""

    def __init__(self, *, in_dims: dict[str, int], dim: int, num_classes: int | None) -> None:
        super().__init__(in_dims=in_dims, dim=dim, num_classes=num_classes)
        self.kept = [torch.randn(self.dim)]

    def finished(self, x: Tensor) -> Tensor:
        return x + self.kept[0].to(x.dtype)


class FiniteInBfloat16(Whole):
    """Writes into a tensor of the tokens' type, which autocast does not change."""

    def fuse(self, tokens: list[Tokens]) -> Fused:
        result = tokens[0].x.new_zeros(len(tokens[0].x), self.dim)
        rows = torch.arange(len(result))
        result[rows] = super().fuse(tokens).pooled
        return as_one_token(result, presence(tokens))


class ComputesInTheTypeOfItsWeights(Whole):
    """Adds a constant of the type float32."""

    def finished(self, x: Tensor) -> Tensor:
        return x + torch.ones(self.dim, dtype=torch.float32)


class MoreModalitiesThanItStatesAreRefused(Whole):
    """States two, and leaves out the third in silence."""

    max_modalities = 2

    def __init__(self, *, in_dims: dict[str, int], dim: int, num_classes: int | None) -> None:
        super().__init__(in_dims=dict(list(in_dims.items())[:2]), dim=dim, num_classes=num_classes)


class UnknownModalitiesAreRefused(Whole):
    """Leaves them out in silence."""

    def forward(self, tokens):
        return super().forward({name: each for name, each in tokens.items() if name in self.in_dims})


BROKEN = {
    "shapes": Shapes,
    "padding changes nothing": PaddingChangesNothing,
    "gradients survive junk under the mask": GradientsSurviveJunkUnderTheMask,
    "examples do not see each other": ExamplesDoNotSeeEachOther,
    "order of the dict does not matter": OrderOfTheDictDoesNotMatter,
    "every parameter gets a gradient": EveryParameterGetsAGradient,
    "missing equals dropped": MissingEqualsDropped,
    "finite with one modality or none": FiniteWithOneModalityOrNone,
    "parameters follow the formula": ParametersFollowTheFormula,
    "same weights same result": SameWeightsSameResult,
    "finite in bfloat16": FiniteInBfloat16,
    "computes in the type of its weights": ComputesInTheTypeOfItsWeights,
    "more modalities than it states are refused": MoreModalitiesThanItStatesAreRefused,
    "unknown modalities are refused": UnknownModalitiesAreRefused,
}
