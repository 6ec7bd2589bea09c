"""Modality dropout and learned missing tokens, before every fusion strategy."""

import pytest
import torch

from interlace import fusion
from interlace.configuration.names import choices
from interlace.errors import UserError
from interlace.fusion.missing_modality import MissingModality, draw_dropped
from interlace.tokens import Tokens

WIDTHS = {"image": 6, "text": 5, "audio": 4}


def presence(rate=0.0, *, keep_one=True, learned_token=False):
    torch.manual_seed(0)
    return MissingModality(in_dims=WIDTHS, modality_dropout=rate, keep_one=keep_one, learned_token=learned_token)


def tokens(batch=64, length=3):
    generator = torch.Generator().manual_seed(1)
    return {
        name: Tokens(torch.randn(batch, length, width, generator=generator),
                     torch.ones(batch, length, dtype=torch.bool), torch.ones(batch, dtype=torch.bool))
        for name, width in WIDTHS.items()
    }  # fmt: skip


def without(given, name, rows):
    x, mask, present = given[name]
    gone = torch.zeros_like(present)
    gone[rows] = True
    return given | {name: Tokens(x, mask & ~gone.unsqueeze(1), present & ~gone)}


def test_rates_are_met_and_one_is_kept():
    generator = torch.Generator().manual_seed(0)
    there = torch.ones(40_000, 3, dtype=torch.bool)
    there[:10_000, 0] = False
    rates = torch.tensor([0.5, 0.9, 0.2])
    u = torch.rand(there.shape, generator=generator)
    free = draw_dropped(there, rates, u, keep_one=False)
    assert free[10_000:].float().mean(0).tolist() == pytest.approx(rates.tolist(), abs=0.01)
    kept = draw_dropped(there, rates, u, keep_one=True)
    assert (there & ~kept).any(1).all()
    assert not (kept & ~there).any()
    assert kept[10_000:].float().mean(0).tolist() == pytest.approx((rates - 0.09 / 3).tolist(), abs=0.01)


def test_dropout_is_for_training_alone_and_drops_whole_modalities():
    layer = presence({"image": 0.5, "text": 0.5})
    given = tokens()
    shown = layer.eval()(given)
    assert all(torch.equal(a, b) for name in WIDTHS for a, b in zip(shown[name], given[name], strict=True))
    torch.manual_seed(3)
    shown = layer.train()(given)
    for name in ("image", "text"):
        assert 10 < shown[name].present.sum() < 54
        assert torch.equal(shown[name].mask.any(1), shown[name].present)
        assert torch.equal(shown[name].mask.all(1), shown[name].present)
    assert shown["audio"].present.all()
    torch.manual_seed(3)
    assert torch.equal(layer(given)["text"].present, shown["text"].present)


def test_a_missing_modality_shows_its_token_and_others_are_left():
    layer = presence(learned_token=True).eval()
    assert sum(p.numel() for p in layer.parameters()) == layer.expected_parameters() == 15
    given = without(tokens(8), "text", [2, 5])
    shown = layer({name: given[name] for name in ("text", "image")})
    assert shown["audio"].present.all()  # not even in the dict
    assert torch.equal(shown["audio"].x[4, 0], layer.tokens[2])
    assert shown["audio"].mask[:, 0].all()
    assert shown["text"].mask[2].tolist() == [True, False, False]
    assert torch.equal(shown["text"].x[5, 0], layer.tokens[1])
    assert torch.equal(shown["text"].x[3], given["text"].x[3])
    assert torch.equal(shown["image"].x, given["image"].x)


@pytest.mark.parametrize("name", [n for n in choices("fusion") if n not in ("single", "majority")])
def test_every_token_gets_a_gradient_through_every_strategy(name):
    torch.manual_seed(0)
    module = fusion.build(name, in_dims=WIDTHS, dim=16, num_classes=3).eval()
    layer = presence(learned_token=True)
    given = tokens(6)
    for row, absent in enumerate(WIDTHS):
        given = without(given, absent, [row])
    fused = module(layer(given))
    read = [fused.pooled if fused.logits is None else fused.logits]
    if module.unimodal_loss_weight > 0:  # some learn nothing from the joint prediction
        read += [value for key, value in fused.aux.items() if key.startswith("unimodal_logits/")]
    generator = torch.Generator().manual_seed(2)
    sum((each * torch.randn(each.shape, generator=generator)).sum() for each in read).backward()
    for parameter in layer.parameters():
        assert parameter.grad is not None
        assert parameter.grad.abs().max() > 1e-8


@pytest.mark.parametrize("name", ["attention", "late_mean", "concat"])
def test_without_a_token_dropped_is_missing(name):
    torch.manual_seed(0)
    module = fusion.build(name, in_dims=WIDTHS, dim=16, num_classes=3).eval()
    layer = presence({"text": 0.999}, keep_one=False).train()
    given = tokens(16)
    shown = layer(given)
    assert not shown["text"].present.any()
    torch.testing.assert_close(module(shown).pooled, module({k: v for k, v in given.items() if k != "text"}).pooled)


def test_a_token_that_nothing_would_teach_is_refused():
    layer = presence({"image": 0.3}, learned_token=True)
    layer.check_missing({"text": True, "audio": True})
    with pytest.raises(UserError, match="audio is never missing in training"):
        layer.check_missing({"text": True, "audio": False})
    with pytest.raises(UserError, match=r"missing_modality\.modality_dropout\.imagee.*did you mean 'image'"):
        presence({"imagee": 0.3})
    with pytest.raises(UserError, match="does nothing"):
        presence(0.0)
    with pytest.raises(UserError, match="one modality alone is always kept"):
        MissingModality(in_dims={"image": 4}, modality_dropout=0.2, keep_one=True, learned_token=False)


def test_junk_under_the_mask_stays_harmless():
    layer = presence(0.5, learned_token=True).train()
    given = without(tokens(8), "text", [0, 1])
    x = given["text"].x.clone()
    x[:2] = float("nan")
    shown = layer(given | {"text": given["text"]._replace(x=x)})
    assert shown["text"].x[shown["text"].mask].isfinite().all()
    shown["text"].x[shown["text"].mask].sum().backward()
    assert layer.tokens[1].grad.isfinite().all()
