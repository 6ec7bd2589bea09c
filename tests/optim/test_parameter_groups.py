"""What decays, and how fast each layer learns."""

import pytest
from torch import nn

from interlace.nn.transformer import TransformerEncoder
from interlace.optim.adamw import build_adamw
from interlace.optim.parameter_groups import decay_groups, layer_index, layers_below_top


def test_matrices_decay_and_nothing_else():
    module = nn.Sequential(nn.Embedding(5, 4), nn.Linear(4, 3), nn.LayerNorm(3))
    decays, rest = decay_groups(module, 0.1)
    assert [p.shape for p in decays["params"]] == [(3, 4)]
    assert decays["weight_decay"] == 0.1
    assert rest["weight_decay"] == 0.0
    assert sum(p.numel() for g in (decays, rest) for p in g["params"]) == sum(p.numel() for p in module.parameters())


def test_frozen_parameters_are_left_out():
    module = nn.Linear(4, 3)
    module.weight.requires_grad_(False)
    optimizer = build_adamw(module, 1e-3, (0.9, 0.99), 1e-8, 0.1)
    assert [p.shape for g in optimizer.param_groups for p in g["params"]] == [(3,)]


class Classifier(nn.Module):
    def __init__(self):
        super().__init__()
        self.embedding = nn.Embedding(7, 4)
        self.encoder = TransformerEncoder(dim=4, num_layers=3, num_heads=1, ratio=1, dropout=0.0)
        self.head = nn.Linear(4, 2)


def test_each_layer_learns_at_a_share_of_the_rate_above_it():
    model = Classifier()
    optimizer = build_adamw(model, 1e-3, (0.9, 0.99), 1e-8, 0.1, layer_decay=0.5)
    rate = {id(p): g["lr"] for g in optimizer.param_groups for p in g["params"]}
    decay = {id(p): g["weight_decay"] for g in optimizer.param_groups for p in g["params"]}
    assert len(rate) == len(list(model.parameters()))
    expected = {"head": 1.0, "encoder.norm": 1.0, "encoder.layers.2": 0.5, "encoder.layers.1": 0.25,
                "encoder.layers.0": 0.125, "embedding": 0.0625}  # fmt: skip
    plain = {id(p): g["weight_decay"] for g in decay_groups(model, 0.1) for p in g["params"]}
    assert decay == plain
    for name, p in model.named_parameters():
        prefix = next(k for k in expected if name.startswith(k))
        assert rate[id(p)] == pytest.approx(1e-3 * expected[prefix]), name


def test_layer_places():
    assert layer_index("encoders.0.stack.layers.11.attention.output.weight") == ("encoders.0.stack.layers", 11)
    assert layer_index("bert.encoder.layer.3.output.bias") == ("bert.encoder.layer", 3)
    assert layer_index("layers.2.feed_forward.layers.0.weight") == ("layers", 2)
    assert layer_index("encoder.lstm.weight_hh_l1_reverse") == ("encoder.lstm", 1)
    assert layer_index("player.3.weight") is None
    assert layer_index("head.weight") is None


def test_every_stack_counts_from_its_own_top():
    names = ["encoder.layers.0.w", "encoder.layers.5.w", "encoder.embeddings.norm.w", "decoder.layers.0.w",
             "decoder.layers.1.w", "decoder.positions.w", "token_embedding.w", "shared.w",
             "decoder.norm.w"]  # fmt: skip
    assert layers_below_top(names, embeddings={"shared.w"}) == dict(
        zip(names, [6, 1, 7, 2, 1, 3, 7, 7, 0], strict=True)
    )


def test_without_layer_decay_groups_are_two_and_take_the_optimizers_rate():
    groups = decay_groups(Classifier(), 0.1)
    assert len(groups) == 2
    assert all("lr" not in g for g in groups)
