"""The laws of every fusion, over every file of conf/fusion. A new strategy needs no new test."""

from functools import partial

import pytest

from interlace import fusion
from interlace.configuration.compose import compose_node
from interlace.configuration.construction import constructor, located
from interlace.configuration.names import choices
from interlace.errors import UserError
from interlace.fusion.base import Fusion
from interlace.laws.checking import Law
from interlace.laws.fusion import LAWS, FusionCase, cases

DIM = 16
STRATEGIES = choices("fusion")
LIMITS = {name: located(compose_node("fusion", name)["_target_"]).max_modalities for name in STRATEGIES}
# Options that change what a strategy computes, under the laws too: name of the case -> strategy, options.
VARIANTS: dict[str, tuple[str, dict[str, object]]] = {
    "gated-sigmoid": ("gated", {"gate": "sigmoid"}),
    "moe-entropy": ("moe", {"entropy_weight": 0.1, "experts_per_token": 2}),
    "cross_attention-paper": ("cross_attention", {"kernel_size": 3, "positions": True}),
    "cross_attention-even": ("cross_attention", {"kernel_size": 2}),
}


def build(name: str, in_dims: dict[str, int], num_classes: int | None) -> Fusion:
    strategy, options = VARIANTS.get(name, (name, {}))
    node = {**compose_node("fusion", strategy), "dim": DIM, **options}
    made: Fusion = constructor(node)(in_dims=in_dims, num_classes=num_classes)
    return made


CASES = [
    pytest.param(case, id=f"{name}, {count}")
    for name in [*STRATEGIES, *VARIANTS]
    for count, case in cases(partial(build, name), LIMITS.get(name))
]


@pytest.mark.parametrize("law", LAWS, ids=lambda law: law.name)
@pytest.mark.parametrize("case", CASES)
def test_every_strategy_keeps_every_law(case: FusionCase, law: Law[FusionCase]) -> None:
    law.check(case)


@pytest.mark.parametrize("name", STRATEGIES)
def test_bad_input_is_one_sentence(name: str) -> None:
    with pytest.raises(UserError, match="no such option"):
        fusion.build(name, in_dims={"text": 4}, num_classes=2, nonsense=1)
    with pytest.raises(UserError, match="no modality"):
        fusion.build(name, in_dims={}, num_classes=2)
    if fusion.build(name, in_dims={"text": 4}, num_classes=2).decides:
        with pytest.raises(UserError, match="num_classes"):
            fusion.build(name, in_dims={"text": 4})


def test_an_unknown_modality_is_answered_with_the_nearest() -> None:
    module = fusion.build("concat", in_dims={"image": 4})
    with pytest.raises(UserError, match="unknown modality 'imagee'; did you mean 'image'"):
        module({"imagee": None})
