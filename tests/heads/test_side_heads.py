"""Heads beside the main one: a classifier for each modality, and one for each further label."""

import pytest
import torch

from interlace.heads.multitask import MultitaskHeads
from interlace.heads.unimodal import UnimodalHeads
from interlace.tokens import Fused, Tokens

WIDTHS = {"image": 6, "te.xt": 5}


def unimodal(**options):
    torch.manual_seed(0)
    settings = {"hidden": None, "detach": False, "loss_weight": 1.0}
    return UnimodalHeads(in_dims=WIDTHS, num_classes=3, **{**settings, **options})


def tokens():
    generator = torch.Generator().manual_seed(1)
    result = {}
    for name, width in WIDTHS.items():
        mask = torch.tensor([[True, True, False], [False] * 3, [True, False, False], [True] * 3])
        result[name] = Tokens(
            torch.randn(4, 3, width, generator=generator), mask, torch.tensor([True, True, True, False])
        )
    return result


@pytest.mark.parametrize("hidden", [None, 7])
def test_parameters_follow_the_formula(hidden):
    heads = unimodal(hidden=hidden)
    assert sum(p.numel() for p in heads.parameters()) == heads.expected_parameters()
    assert heads.expected_parameters() == (3 * (11 + 2) if hidden is None else 7 * (11 + 2) + 2 * 8 * 3)


def test_logits_are_of_the_mean_token_and_missing_ones_are_marked():
    heads, given = unimodal(), tokens()
    found = heads(given)
    mean = given["te.xt"].x[0, :2].mean(0)
    torch.testing.assert_close(found["unimodal_logits/te.xt"][0], heads.classifiers[1](mean))
    assert found["unimodal_mask/te.xt"].tolist() == [True, False, True, False]
    assert set(heads({"image": given["image"]})) == {"unimodal_logits/image", "unimodal_mask/image"}


def test_junk_under_the_mask_changes_nothing():
    heads, given = unimodal(), tokens()
    junk = {k: t._replace(x=torch.where(t.mask.unsqueeze(-1), t.x, float("nan"))) for k, t in given.items()}
    for name, value in heads(given).items():
        torch.testing.assert_close(heads(junk)[name], value)


def test_probes_learn_and_do_not_teach():
    for detach in (False, True):
        heads, given = unimodal(detach=detach), tokens()
        x = given["image"].x.requires_grad_()
        heads(given)["unimodal_logits/image"].square().sum().backward()
        assert (x.grad is None) == detach
        assert heads.classifiers[0].weight.grad.abs().max() > 0


def test_a_head_for_each_further_label():
    torch.manual_seed(0)
    labels = {"mood": "classification", "strength": "regression"}
    heads = MultitaskHeads(in_dim=8, outputs={"mood": 4, "strength": 1}, labels=labels, hidden=None, loss_weight=1.0)
    assert sum(p.numel() for p in heads.parameters()) == 9 * 5
    pooled = torch.randn(2, 8)
    found = heads(Fused(pooled.unsqueeze(1), torch.ones(2, 1, dtype=torch.bool), pooled, None, {}))
    assert {name: tuple(value.shape) for name, value in found.items()} == {"task/mood": (2, 4), "task/strength": (2, 1)}
    deep = MultitaskHeads(in_dim=8, outputs={"mood": 4, "strength": 1}, labels=labels, hidden=3, loss_weight=1.0)
    assert sum(p.numel() for p in deep.parameters()) == 2 * 9 * 3 + 4 * 5
