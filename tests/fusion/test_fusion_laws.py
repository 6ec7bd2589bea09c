"""The laws of every fusion: each test runs over every file of conf/fusion. A new strategy needs no new test."""

import pytest
import torch
from hydra.utils import get_object
from torch import Tensor

from interlace import fusion
from interlace.configuration.compose import compose_node
from interlace.configuration.names import choices
from interlace.errors import UserError
from interlace.fusion.base import Fusion
from interlace.tokens import Fused, Tokens

WIDTHS = {"image": 6, "text": 5, "audio": 4}
LENGTHS = {"image": 4, "text": 3, "audio": 5}
BATCH, DIM, CLASSES = 6, 16, 3
STRATEGIES = choices("fusion")
LIMITS = {name: get_object(compose_node("fusion", name)["_target_"]).max_modalities for name in STRATEGIES}
# Options that change what a strategy computes, under the laws too: name of the case -> strategy, options.
VARIANTS: dict[str, tuple[str, dict[str, object]]] = {
    "gated-sigmoid": ("gated", {"gate": "sigmoid"}),
    "moe-entropy": ("moe", {"entropy_weight": 0.1, "experts_per_token": 2}),
    "cross_attention-paper": ("cross_attention", {"kernel_size": 3, "positions": True}),
    "cross_attention-even": ("cross_attention", {"kernel_size": 2}),
}
CASES = [(name, count) for name in STRATEGIES for count in (1, 2, 3) if count <= (LIMITS[name] or 3)]
CASES += [(name, count) for name in VARIANTS for count in (1, 3)]
every_case = pytest.mark.parametrize(("name", "count"), CASES)


def build(name: str, count: int, seed: int = 0) -> Fusion:
    """The strategy over the first `count` modalities."""
    in_dims = dict(list(WIDTHS.items())[:count])
    torch.manual_seed(seed)
    strategy, options = VARIANTS.get(name, (name, {}))
    return fusion.build(strategy, in_dims=in_dims, dim=DIM, num_classes=CLASSES, **options).eval()


@pytest.mark.parametrize("name", [name for name, limit in LIMITS.items() if limit is not None and limit < len(WIDTHS)])
def test_more_modalities_than_it_states_are_refused(name: str) -> None:
    for count in range(LIMITS[name] + 1, len(WIDTHS) + 1):
        with pytest.raises(UserError, match=f"takes {LIMITS[name]} modalit"):
            build(name, count)


def batch(module: Fusion, missing: bool = True) -> dict[str, Tokens]:
    """Six examples with padding; every modality is missing for some, all of them for the last."""
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
    """What a head or an objective reads: pooled, logits, aux and the real tokens."""
    logits = [] if fused.logits is None else [fused.logits]
    return [fused.pooled, *logits, *fused.aux.values(), fused.tokens[fused.mask]]


def assert_same(first: Fused, second: Fused) -> None:
    assert first.aux.keys() == second.aux.keys()
    for a, b in zip(outputs(first), outputs(second), strict=True):
        torch.testing.assert_close(a, b, rtol=1e-5, atol=1e-6)


def assert_finite(fused: Fused) -> None:
    assert all(each.float().isfinite().all() for each in outputs(fused))


def weighed(x: Tensor) -> Tensor:
    """A loss without symmetries: a plain sum would cancel behind a LayerNorm."""
    return (x * torch.randn(x.shape, generator=torch.Generator().manual_seed(2))).sum()


def take(tokens: dict[str, Tokens], rows: slice) -> dict[str, Tokens]:
    return {name: Tokens(*(part[rows] for part in each)) for name, each in tokens.items()}


@every_case
def test_shapes(name: str, count: int) -> None:
    module = build(name, count)
    fused = module(batch(module))
    assert fused.pooled.shape == (BATCH, DIM)
    assert fused.tokens.shape[::2] == (BATCH, DIM)
    assert fused.mask.shape == fused.tokens.shape[:2]
    assert fused.mask.dtype == torch.bool
    assert (fused.logits is not None) == module.decides
    assert fused.logits is None or fused.logits.shape == (BATCH, CLASSES)


@every_case
@pytest.mark.parametrize("junk", [1e3, float("nan"), float("inf")])
def test_padding_changes_nothing(name: str, count: int, junk: float) -> None:
    module = build(name, count)
    tokens = batch(module)
    padded = {
        key: Tokens(
            torch.cat([torch.where(mask.unsqueeze(-1), x, junk), x.new_full((BATCH, 3, x.shape[2]), junk)], 1),
            torch.cat([mask, mask.new_zeros(BATCH, 3)], 1),
            present,
        )
        for key, (x, mask, present) in tokens.items()
    }
    assert_same(module(tokens), module(padded))


@every_case
def test_gradients_survive_junk_under_the_mask(name: str, count: int) -> None:
    module = build(name, count)
    tokens = batch(module)
    junk = {k: t._replace(x=torch.where(t.mask.unsqueeze(-1), t.x, float("nan"))) for k, t in tokens.items()}
    sum(each.sum() for each in outputs(module(junk)) if each.requires_grad).backward()  # type: ignore[union-attr]
    assert all(p.grad is None or p.grad.isfinite().all() for p in module.parameters())


@every_case
def test_examples_do_not_see_each_other(name: str, count: int) -> None:
    module = build(name, count).train()
    tokens = batch(module)
    whole = module(tokens)
    for row in range(BATCH):
        alone = module(take(tokens, slice(row, row + 1)))
        torch.testing.assert_close(alone.pooled[0], whole.pooled[row], rtol=1e-5, atol=1e-6)
        if whole.logits is not None:
            torch.testing.assert_close(alone.logits[0], whole.logits[row], rtol=1e-5, atol=1e-6)


@every_case
def test_order_of_the_dict_does_not_matter(name: str, count: int) -> None:
    module = build(name, count)
    tokens = batch(module)
    assert_same(module(tokens), module(dict(reversed(tokens.items()))))


@every_case
def test_every_parameter_gets_a_gradient(name: str, count: int) -> None:
    module = build(name, count)
    fused = module(batch(module))
    read = fused.pooled if fused.logits is None else fused.logits
    loss = module.joint_loss_weight * weighed(read)
    for key, mask in fused.aux.items():
        if key.startswith("unimodal_mask/"):
            unimodal = fused.aux[key.replace("mask", "logits")]
            loss = loss + module.unimodal_loss_weight * weighed(unimodal * mask.unsqueeze(1))
    loss.backward()
    for key, parameter in module.named_parameters():
        assert parameter.requires_grad
        assert parameter.grad is not None, key
        assert parameter.grad.abs().max() > 1e-8, key


@every_case
def test_missing_equals_dropped(name: str, count: int) -> None:
    module = build(name, count)
    tokens = batch(module, missing=False)
    for absent in module.names:
        x, mask, present = tokens[absent]
        missing = tokens | {absent: Tokens(x, mask, torch.zeros_like(present))}
        dropped = {key: each for key, each in tokens.items() if key != absent}
        if dropped:
            assert_same(module(missing), module(dropped))


@every_case
def test_finite_with_one_modality_or_none(name: str, count: int) -> None:
    module = build(name, count)
    tokens = batch(module, missing=False)
    for left in [*module.names, None]:
        some = {k: t._replace(present=t.present & (k == left), mask=t.mask & (k == left)) for k, t in tokens.items()}
        module.zero_grad()
        fused = module(some)
        assert_finite(fused)
        sum(each.sum() for each in outputs(fused) if each.requires_grad).backward()  # type: ignore[union-attr]
        assert all(p.grad is None or p.grad.isfinite().all() for p in module.parameters())


@every_case
def test_parameters_follow_the_formula(name: str, count: int) -> None:
    module = build(name, count)
    assert module.expected_parameters() == sum(p.numel() for p in module.parameters())


@every_case
def test_same_seed_same_result(name: str, count: int) -> None:
    first, second, other = build(name, count), build(name, count), build(name, count, seed=1)
    tokens = batch(first)
    assert all(torch.equal(a, b) for a, b in zip(outputs(first(tokens)), outputs(second(tokens)), strict=True))
    other.load_state_dict(first.state_dict())
    assert all(torch.equal(a, b) for a, b in zip(outputs(first(tokens)), outputs(other(tokens)), strict=True))


@every_case
def test_finite_in_bfloat16(name: str, count: int) -> None:
    module = build(name, count)
    tokens = batch(module)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        fused = module(tokens)
        sum(each.float().sum() for each in outputs(fused) if each.requires_grad).backward()  # type: ignore[union-attr]
    assert_finite(fused)
    assert all(p.grad is None or p.grad.isfinite().all() for p in module.parameters())
    torch.testing.assert_close(fused.pooled.float(), module(tokens).pooled, rtol=0.1, atol=0.1)


@every_case
@pytest.mark.parametrize(("dtype", "tolerance"), [(torch.float64, 1e-5), (torch.bfloat16, 0.15)])
def test_computes_in_the_type_of_its_weights(name: str, count: int, dtype: torch.dtype, tolerance: float) -> None:
    """trainer.precision=64-true and bf16-true; the default type stays float32, so that it cannot lend a hand."""
    module = build(name, count)
    tokens = batch(module)
    expected = module(tokens)
    module.to(dtype)
    fused = module({key: each._replace(x=each.x.to(dtype)) for key, each in tokens.items()})
    precise = torch.promote_types(dtype, torch.float32)  # a loss may keep more digits than the weights
    for each in outputs(fused):
        assert each.dtype in (dtype, precise, torch.bool)
    assert fused.pooled.dtype == fused.tokens.dtype == dtype
    torch.testing.assert_close(fused.pooled.float(), expected.pooled, rtol=tolerance, atol=tolerance)
    sum(each.sum() for each in outputs(fused) if each.requires_grad).backward()  # type: ignore[union-attr]
    assert all(p.grad is None or p.grad.isfinite().all() for p in module.parameters())


@pytest.mark.parametrize("name", STRATEGIES)
def test_bad_input_is_one_sentence(name: str) -> None:
    with pytest.raises(UserError, match="no such option"):
        fusion.build(name, in_dims={"text": 4}, num_classes=2, nonsense=1)
    with pytest.raises(UserError, match="no modality"):
        fusion.build(name, in_dims={}, num_classes=2)
    module = build(name, 1)
    with pytest.raises(UserError, match="unknown modality 'imagee'; did you mean 'image'"):
        module({"imagee": next(iter(batch(module).values()))})
    if module.decides:
        with pytest.raises(UserError, match="num_classes"):
            fusion.build(name, in_dims={"text": 4})
