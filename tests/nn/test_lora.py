"""LoRA against its formula written out, merged and unmerged, alone and inside attention."""

import copy

import pytest
import torch
from torch import nn

from interlace.errors import UserError
from interlace.nn.attention import MultiHeadAttention
from interlace.nn.lora import LoRALinear, apply_lora, lora_state, merge_lora
from interlace.nn.transformer import TransformerEncoder

OPTIONS = {"rank": 3, "alpha": 6.0, "dropout": 0.0, "fused": {"*attention.projection": [True, False, True]}}


def make_encoder():
    torch.manual_seed(0)
    return TransformerEncoder(dim=8, num_layers=2, num_heads=2, ratio=2, dropout=0.0)


def draw(module):
    """B away from zero, so that adaptation has an effect."""
    for m in module.modules():
        if isinstance(m, LoRALinear):
            nn.init.normal_(m.lora_b)


@pytest.mark.parametrize("bias", [True, False])
def test_output_follows_the_formula(bias):
    torch.manual_seed(0)
    linear = nn.Linear(5, 7, bias=bias).double()
    layer = LoRALinear(linear, rank=2, alpha=3.0, dropout=0.0)
    draw(layer)
    x = torch.randn(4, 5, dtype=torch.float64)
    expected = torch.stack([linear.weight @ row + 1.5 * (layer.lora_b @ (layer.lora_a @ row)) for row in x])
    torch.testing.assert_close(layer(x), expected + (linear.bias if bias else 0.0))
    torch.testing.assert_close(layer.weight, linear.weight + 1.5 * layer.lora_b @ layer.lora_a)


def test_fused_parts_have_matrices_of_their_own_and_the_others_none():
    torch.manual_seed(0)
    linear = nn.Linear(4, 12).double()
    layer = LoRALinear(linear, rank=2, alpha=2.0, dropout=0.0, adapted=[True, False, True])
    draw(layer)
    x = torch.randn(3, 4, dtype=torch.float64)
    change = layer(x) - linear(x)
    (a_q, a_v), (b_q, b_v) = layer.lora_a.split(2), layer.lora_b.split(4)
    torch.testing.assert_close(change[:, :4], x @ a_q.T @ b_q.T)
    assert torch.equal(change[:, 4:8], torch.zeros(3, 4, dtype=torch.float64))
    torch.testing.assert_close(change[:, 8:], x @ a_v.T @ b_v.T)
    torch.testing.assert_close(nn.functional.linear(x, layer.weight, layer.bias), layer(x))


def test_no_effect_before_training():
    model = make_encoder()
    x = torch.randn(2, 5, 8)
    before = model(x)
    apply_lora(model, ["*attention.projection", "*feed_forward.*"], **OPTIONS)
    assert torch.equal(model(x), before)


def test_number_of_parameters():
    """r (in + out) for a whole matrix; r (P in + P out / 3) for P of three stacked ones."""
    model = make_encoder()
    before = sum(p.numel() for p in model.parameters())
    apply_lora(model, ["*attention.projection", "*attention.output"], **OPTIONS)
    added = sum(p.numel() for p in model.parameters()) - before
    assert added == 2 * (3 * (2 * 8 + 2 * 8) + 3 * (8 + 8))
    assert added == sum(t.numel() for t in lora_state(model).values())


def test_merged_is_unmerged_and_plain_again():
    model = make_encoder()
    keys = set(model.state_dict())
    names = apply_lora(model, ["*attention.*", "*feed_forward.*"], **OPTIONS)
    draw(model)
    x = torch.randn(2, 5, 8)
    expected = model(x)
    assert merge_lora(model) == names
    torch.testing.assert_close(model(x), expected, rtol=0, atol=1e-6 * float(expected.detach().abs().max()) * 10)
    assert set(model.state_dict()) == keys
    assert all(type(m) is not LoRALinear for m in model.modules())


def test_merged_is_unmerged_to_1e_12_in_double():
    model = make_encoder().double()
    apply_lora(model, ["*attention.*", "*feed_forward.*"], **OPTIONS)
    draw(model)
    x = torch.randn(2, 5, 8, dtype=torch.float64)
    expected = model(x)
    merge_lora(model)
    torch.testing.assert_close(model(x), expected, rtol=0, atol=1e-12)


def test_cross_attention_which_slices_the_weight_is_adapted_too():
    torch.manual_seed(0)
    model = nn.ModuleDict({"attention": MultiHeadAttention(dim=8, num_heads=2)}).double()
    x, memory = torch.randn(2, 3, 8, dtype=torch.float64), torch.randn(2, 5, 8, dtype=torch.float64)
    before = model["attention"](x, memory)
    apply_lora(model, ["attention.projection"], **OPTIONS)
    draw(model)
    after = model["attention"](x, memory)
    assert not torch.allclose(after, before)
    merge_lora(model)
    torch.testing.assert_close(model["attention"](x, memory), after, rtol=0, atol=1e-12)


def test_gradients_reach_a_and_b_as_finite_differences_say():
    torch.manual_seed(0)
    layer = LoRALinear(nn.Linear(3, 6).double(), rank=2, alpha=2.0, dropout=0.0, adapted=[True, False])
    draw(layer)
    x = torch.randn(4, 3, dtype=torch.float64)

    def output(a, b):
        return torch.func.functional_call(layer, {"lora_a": a, "lora_b": b}, (x,))

    assert torch.autograd.gradcheck(output, (layer.lora_a, layer.lora_b))


def test_checkpoints_of_the_plain_layer_load_and_copies_keep_their_effect():
    plain, adapted = make_encoder(), make_encoder()
    apply_lora(adapted, ["*attention.projection"], **OPTIONS)
    for p in plain.parameters():
        nn.init.normal_(p)
    missing, unexpected = adapted.load_state_dict(plain.state_dict(), strict=False)
    assert {name.rsplit(".")[-1] for name in missing} == {"lora_a", "lora_b"}
    assert not unexpected
    draw(adapted)
    x = torch.randn(2, 5, 8)
    twin = copy.deepcopy(adapted)
    assert torch.equal(twin(x), adapted(x))
    again = make_encoder()
    apply_lora(again, ["*attention.projection"], **OPTIONS)
    again.load_state_dict(adapted.state_dict())
    assert torch.equal(again(x), adapted(x))
    assert adapted.double()(x.double()).dtype == torch.float64


def test_dropout_acts_on_the_low_rank_path_alone_and_in_training_alone():
    torch.manual_seed(0)
    linear = nn.Linear(4, 4)
    layer = LoRALinear(linear, rank=2, alpha=2.0, dropout=0.999)
    draw(layer)
    x = torch.randn(2, 4)
    torch.testing.assert_close(layer.train()(x), linear(x))  # with this seed every input is dropped
    torch.testing.assert_close(layer.eval()(x), nn.functional.linear(x, layer.weight, layer.bias))


def test_a_layer_in_two_places_stays_one():
    shared = nn.Linear(4, 4)
    model = nn.ModuleDict({"a": shared, "b": shared})
    assert apply_lora(model, ["*"], rank=1, alpha=1.0, dropout=0.0, fused={}) == ["a", "b"]
    assert model["a"] is model["b"]


def test_what_is_refused():
    model = make_encoder()
    with pytest.raises(UserError, match="no Linear layer has a name matching 'nowhere'"):
        apply_lora(model, ["nowhere"], **OPTIONS)
    with pytest.raises(UserError, match="at least one of them true"):
        apply_lora(model, ["*projection"], **OPTIONS | {"fused": {"*": [False]}})
    with pytest.raises(UserError, match="24 rows"):
        apply_lora(model, ["*projection"], **OPTIONS | {"fused": {"*": [True] * 5}})
    tied = nn.ModuleDict({"embedding": nn.Embedding(5, 4), "head": nn.Linear(4, 5, bias=False)})
    tied["head"].weight = tied["embedding"].weight
    with pytest.raises(UserError, match="shares its weight with embedding"):
        apply_lora(tied, ["head"], **OPTIONS)
