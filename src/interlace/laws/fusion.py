"""The laws of fusion strategies, on six small examples of one, two and three modalities."""

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from interlace.errors import UserError
from interlace.fusion.base import Fusion
from interlace.laws.checking import (
    BrokenLawError,
    law,
    require,
    require_close,
    require_equal_shape,
    require_finite_gradients,
    weighed,
)
from interlace.tokens import Fused, Tokens

WIDTHS = {"image": 6, "text": 5, "audio": 4}
LENGTHS = {"image": 4, "text": 3, "audio": 5}
BATCH, CLASSES = 6, 3


@dataclass(frozen=True)
class FusionCase:
    """A strategy over the first `count` of three modalities, built by `make(in_dims, num_classes)`."""

    make: Callable[[dict[str, int], int | None], Fusion]
    count: int

    def build(self, seed: int = 0, count: int | None = None) -> Fusion:
        """Return the strategy in evaluation mode, with the weights of a seed."""
        torch.manual_seed(seed)
        return self.make(dict(list(WIDTHS.items())[: count or self.count]), CLASSES).eval()


def cases(make: Callable[[dict[str, int], int | None], Fusion], limit: int | None) -> list[tuple[str, FusionCase]]:
    """Return a case for one, two and three modalities each, up to `max_modalities` of the strategy."""
    counts = range(1, min(limit or len(WIDTHS), len(WIDTHS)) + 1)
    return [(f"{count} modalit{'y' if count == 1 else 'ies'}", FusionCase(make, count)) for count in counts]


def shapes(case: FusionCase) -> None:
    """pooled is (B, dim), tokens (B, N, dim) with a mask (B, N) of bool; logits (B, C) exist if `decides`."""
    module = case.build()
    fused = module(batch(module))
    require_equal_shape("pooled", fused.pooled.shape, (BATCH, module.dim))
    require_equal_shape("tokens", fused.tokens.shape[::2], (BATCH, module.dim))
    require_equal_shape("mask", fused.mask.shape, fused.tokens.shape[:2])
    require(fused.mask.dtype == torch.bool, f"mask is {fused.mask.dtype}, expected torch.bool")
    answers = "are" if fused.logits is not None else "are not"
    require((fused.logits is not None) == module.decides, f"decides is {module.decides}, and logits {answers} there")
    if fused.logits is not None:
        require_equal_shape("logits", fused.logits.shape, (BATCH, CLASSES))


def padding_changes_nothing(case: FusionCase) -> None:
    """Other values under the mask, also NaN, and three more masked tokens give the same output."""
    module = case.build()
    tokens = batch(module)
    for junk in (1e3, float("nan"), float("inf")):
        padded = {
            key: Tokens(
                torch.cat([torch.where(mask.unsqueeze(-1), x, junk), x.new_full((BATCH, 3, x.shape[2]), junk)], 1),
                torch.cat([mask, mask.new_zeros(BATCH, 3)], 1),
                present,
            )
            for key, (x, mask, present) in tokens.items()
        }
        require_same(module(padded), module(tokens), f", with {junk} under the mask,")


def gradients_survive_junk_under_the_mask(case: FusionCase) -> None:
    """With NaN under the mask every gradient is finite (0 * NaN is NaN, also in the backward pass)."""
    module = case.build()
    junk = {
        name: each._replace(x=torch.where(each.mask.unsqueeze(-1), each.x, float("nan")))
        for name, each in batch(module).items()
    }
    _summed(module(junk)).backward()  # type: ignore[no-untyped-call]
    require_finite_gradients(module)


def examples_do_not_see_each_other(case: FusionCase) -> None:
    """An example alone has the same output as in a batch, also in training mode."""
    module = case.build().train()
    tokens = batch(module)
    whole = module(tokens)
    for row in range(BATCH):
        alone = module({name: Tokens(*(part[row : row + 1] for part in each)) for name, each in tokens.items()})
        require_close("pooled of an example alone", alone.pooled[0], whole.pooled[row], 1e-5, 1e-6)
        if whole.logits is not None:
            require_close("logits of an example alone", alone.logits[0], whole.logits[row], 1e-5, 1e-6)


def order_of_the_dict_does_not_matter(case: FusionCase) -> None:
    """The order of modalities is that of `in_dims`, for any order of the dict of tokens."""
    module = case.build()
    tokens = batch(module)
    require_same(module(dict(reversed(tokens.items()))), module(tokens), ", with the dict in another order,")


def every_parameter_gets_a_gradient(case: FusionCase) -> None:
    """A loss has a gradient in each parameter; a parameter without one is counted but never trained."""
    module = case.build()
    fused = module(batch(module))
    loss = module.joint_loss_weight * weighed(fused.pooled if fused.logits is None else fused.logits)
    for key, mask in fused.aux.items():
        if key.startswith("unimodal_mask/"):
            unimodal = fused.aux[key.replace("mask", "logits")]
            loss = loss + module.unimodal_loss_weight * weighed(unimodal * mask.unsqueeze(1))
    if loss.requires_grad:
        loss.backward()  # type: ignore[no-untyped-call]
    for name, parameter in module.named_parameters():
        require(parameter.requires_grad, f"{name} requires no gradient")
        require(parameter.grad is not None, f"{name} gets no gradient")
        assert parameter.grad is not None
        largest = parameter.grad.abs().max().item()
        require(largest > 1e-8, f"the gradient of {name} is {largest:.3g} everywhere")


def missing_equals_dropped(case: FusionCase) -> None:
    """A modality that no example has (present False) gives the same output as one that is not in the dict."""
    module = case.build()
    tokens = batch(module, missing=False)
    for absent in module.names if case.count > 1 else ():
        x, mask, present = tokens[absent]
        missing = tokens | {absent: Tokens(x, mask, torch.zeros_like(present))}
        dropped = {name: each for name, each in tokens.items() if name != absent}
        require_same(module(missing), module(dropped), f", with {absent} missing,")


def finite_with_one_modality_or_none(case: FusionCase) -> None:
    """Outputs and gradients are finite for a batch with one modality only, or with none."""
    module = case.build()
    tokens = batch(module, missing=False)
    for left in [*module.names, None]:
        some = {
            name: each._replace(present=each.present & (name == left), mask=each.mask & (name == left))
            for name, each in tokens.items()
        }
        module.zero_grad()
        fused = module(some)
        require_finite(fused, f" with {left or 'no modality'} alone")
        _summed(fused).backward()  # type: ignore[no-untyped-call]
        require_finite_gradients(module)


def parameters_follow_the_formula(case: FusionCase) -> None:
    """`expected_parameters` is the number of parameters."""
    module = case.build()
    found, expected = sum(p.numel() for p in module.parameters()), module.expected_parameters()
    require(found == expected, f"it has {found:,} parameters, and expected_parameters says {expected:,}")


def same_weights_same_result(case: FusionCase) -> None:
    """The same seed gives the same result, and `state_dict` transfers it to a strategy of another seed."""
    first, second, other = case.build(), case.build(), case.build(seed=1)
    tokens = batch(first)
    expected = outputs(first(tokens))
    require(_equal(expected, outputs(second(tokens))), "the same seed gives another result")
    other.load_state_dict(first.state_dict())
    require(_equal(expected, outputs(other(tokens))), "its state_dict gives another result: a tensor is kept elsewhere")


def finite_in_bfloat16(case: FusionCase) -> None:
    """Under bfloat16 autocast outputs and gradients are finite, and pooled differs from that in float32 by at most 0.1,
    except in one of six examples, where a hard choice (of an expert) may change."""
    module = case.build()
    tokens = batch(module)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        fused = module(tokens)
        _summed(fused).backward()  # type: ignore[no-untyped-call]
    require_finite(fused, " in bfloat16")
    require_finite_gradients(module)
    _require_nearly("pooled in bfloat16", fused.pooled, module(tokens).pooled, 0.1)


def computes_in_the_type_of_its_weights(case: FusionCase) -> None:
    """With weights and tokens in float64 or bfloat16 (trainer.precision=64-true, bf16-true) outputs have that dtype,
    and pooled is close to that in float32, except in one example, as under autocast."""
    for dtype, tolerance in ((torch.float64, 1e-5), (torch.bfloat16, 0.15)):
        module = case.build()
        tokens = batch(module)
        expected = module(tokens)
        module.to(dtype)
        fused = module({name: each._replace(x=each.x.to(dtype)) for name, each in tokens.items()})
        precise = torch.promote_types(dtype, torch.float32)  # a loss may have a higher precision than the weights
        for each in outputs(fused):
            require(each.dtype in (dtype, precise, torch.bool), f"an output is {each.dtype} with weights in {dtype}")
        for name, each in (("pooled", fused.pooled), ("tokens", fused.tokens)):
            require(each.dtype == dtype, f"{name} is {each.dtype} with weights in {dtype}")
        _require_nearly(f"pooled in {dtype}", fused.pooled, expected.pooled, tolerance)
        _summed(fused).backward()  # type: ignore[no-untyped-call]
        require_finite_gradients(module)


def more_modalities_than_it_states_are_refused(case: FusionCase) -> None:
    """With more modalities than `max_modalities` the constructor raises UserError."""
    limit = case.build().max_modalities
    for count in range((limit or len(WIDTHS)) + 1, len(WIDTHS) + 1):
        try:
            case.build(count=count)
        except UserError:
            continue
        raise BrokenLawError(f"max_modalities is {limit}, and it is built with {count}")


def unknown_modalities_are_refused(case: FusionCase) -> None:
    """Tokens of a modality that is not in `in_dims` raise UserError."""
    module = case.build()
    try:
        module({**batch(module), "imagee": next(iter(batch(module).values()))})
    except UserError:
        return
    raise BrokenLawError("it takes tokens of the unknown modality 'imagee'")


LAWS = tuple(
    law(each)
    for each in (
        shapes,
        padding_changes_nothing,
        gradients_survive_junk_under_the_mask,
        examples_do_not_see_each_other,
        order_of_the_dict_does_not_matter,
        every_parameter_gets_a_gradient,
        missing_equals_dropped,
        finite_with_one_modality_or_none,
        parameters_follow_the_formula,
        same_weights_same_result,
        finite_in_bfloat16,
        computes_in_the_type_of_its_weights,
        more_modalities_than_it_states_are_refused,
        unknown_modalities_are_refused,
    )
)


def batch(module: Fusion, missing: bool = True) -> dict[str, Tokens]:
    """Return six examples with padding; with `missing` each modality is missing in one, and all in the last."""
    generator = torch.Generator().manual_seed(1)
    result = {}
    for index, (name, width) in enumerate(module.in_dims.items()):
        length = LENGTHS[name]
        x = torch.randn(BATCH, length, width, generator=generator)
        present = torch.ones(BATCH, dtype=torch.bool)
        if missing:
            present[index] = False
            present[-1] = False
        real = torch.randint(1, length + 1, (BATCH, 1), generator=generator)
        mask = (torch.arange(length) < real) & present[:, None]
        result[name] = Tokens(x * mask.unsqueeze(-1), mask, present)
    return result


def outputs(fused: Fused) -> list[Tensor]:
    """Return the tensors used by heads and objectives: pooled, logits, aux and the real tokens."""
    logits = [] if fused.logits is None else [fused.logits]
    return [fused.pooled, *logits, *fused.aux.values(), fused.tokens[fused.mask]]


def require_same(found: Fused, expected: Fused, where: str) -> None:
    """Raise BrokenLawError unless two outputs are equal within a tolerance."""
    require(found.aux.keys() == expected.aux.keys(), f"aux{where} has the keys {', '.join(found.aux)}")
    logits = [] if expected.logits is None else ["logits"]
    names = ["pooled", *logits, *(f"aux[{key!r}]" for key in expected.aux), "real tokens"]
    for name, one, other in zip(names, outputs(found), outputs(expected), strict=True):
        require_close(f"{name}{where}", one, other, 1e-5, 1e-6)


def require_finite(fused: Fused, where: str) -> None:
    """Raise BrokenLawError for an output that is not finite."""
    require(all(bool(each.float().isfinite().all()) for each in outputs(fused)), f"the output{where} is not finite")


def _require_nearly(what: str, found: Tensor, expected: Tensor, tolerance: float) -> None:
    """Raise BrokenLawError unless all rows except one are equal within the tolerance."""
    difference = (found.detach().double() - expected.detach().double()).abs()
    rows = (difference <= tolerance * (1 + expected.detach().double().abs())).all(1)
    require(int(rows.sum()) >= len(rows) - 1, f"{what} differs by up to {difference.max().item():.3g}")


def _summed(fused: Fused) -> Tensor:
    """Return the sum of all outputs with a gradient; zero without gradient if there are none."""
    parts = [each.float().sum() for each in outputs(fused) if each.requires_grad]
    return torch.stack(parts).sum() if parts else torch.zeros((), requires_grad=True)


def _equal(first: list[Tensor], second: list[Tensor]) -> bool:
    return all(torch.equal(a, b) for a, b in zip(first, second, strict=True))
