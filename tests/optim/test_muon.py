"""Muon against torch.optim.Muon and the singular values' polynomial; AdamW against torch.optim.AdamW."""

import copy
import itertools

import numpy as np
import pytest
import torch
from torch import nn

from interlace.errors import UserError
from interlace.nn.transformer import TransformerEncoder
from interlace.optim.muon import (
    COEFFICIENTS,
    MuonAdamW,
    build_muon_adamw,
    hidden_matrices,
    minimax_quintics,
    newton_schulz,
    shape_factor,
)

OPTIONS = {
    "learning_rate": 0.02,
    "momentum": 0.9,
    "nesterov": True,
    "ns_steps": 5,
    "ns_smallest": None,
    "adjust_lr": "match_rms_adamw",
    "precision": "fp32",
    "weight_decay": 0.1,
    "matrices": ["*layers.*"],
    "fused": {"*.attention.projection.weight": 3},
    "adamw_learning_rate": 0.003,
    "adamw_betas": (0.9, 0.95),
    "adamw_eps": 1e-8,
    "adamw_weight_decay": 0.05,
}
SHAPES = [(16, 16), (48, 16), (16, 48), (16, 16), (48, 16)]


def muon_group(parameters, **options):
    return {
        "params": parameters,
        "row_parts": [[p.shape[0]] for p in parameters],
        "algorithm": "muon",
        "lr": 0.02,
        "momentum": 0.95,
        "nesterov": True,
        "coefficients": [COEFFICIENTS] * 5,
        "adjust_lr": "original",
        "precision": "bf16",
        "weight_decay": 0.1,
    } | options


class Model(nn.Module):
    """What a language model has: embeddings, positions in a layer, a stack, a head."""

    def __init__(self):
        super().__init__()
        self.embedding = nn.Embedding(11, 16)
        self.stack = TransformerEncoder(dim=16, num_layers=2, num_heads=2, ratio=2, dropout=0.0)
        self.head = nn.Linear(16, 11)

    def forward(self, ids):
        return self.head(self.stack(self.embedding(ids)))


def make_model():
    torch.manual_seed(0)
    return Model()


def train(model, optimizer, steps, first=0):
    for step in range(first, first + steps):
        ids = torch.randint(11, (4, 9), generator=torch.Generator().manual_seed(step))
        optimizer.zero_grad()
        nn.functional.cross_entropy(model(ids[:, :-1]).flatten(0, 1), ids[:, 1:].flatten()).backward()
        optimizer.step()


@pytest.mark.parametrize("adjust", ["original", "match_rms_adamw"])
@pytest.mark.parametrize("nesterov", [True, False])
def test_steps_are_those_of_torch_muon(adjust, nesterov):
    torch.manual_seed(0)
    start = [torch.randn(shape) for shape in SHAPES]
    theirs = [nn.Parameter(w.clone()) for w in start]
    ours = [nn.Parameter(w.clone()) for w in start]
    shared = {"lr": 0.02, "momentum": 0.95, "nesterov": nesterov, "weight_decay": 0.1}
    reference = torch.optim.Muon(theirs, adjust_lr_fn=adjust, **shared)
    optimizer = MuonAdamW([muon_group(ours, adjust_lr=adjust, **shared)])
    for _ in range(6):
        for a, b in zip(theirs, ours, strict=True):
            a.grad = torch.randn(a.shape)
            b.grad = a.grad.clone()
        reference.step()
        optimizer.step()
    moved = max(float((a - w).detach().abs().max()) for a, w in zip(theirs, start, strict=True))
    for a, b in zip(theirs, ours, strict=True):
        torch.testing.assert_close(b, a, rtol=0, atol=0.01 * moved)  # bf16 products in another order


@pytest.mark.parametrize("shape", [(3, 12, 12), (2, 30, 12), (2, 12, 30)])
def test_newton_schulz_applies_its_polynomial_to_each_singular_value(shape):
    torch.manual_seed(1)
    x = torch.randn(shape, dtype=torch.float64)
    u, s, v = torch.linalg.svd(x, full_matrices=False)
    s = s / s.square().sum(-1, keepdim=True).sqrt()
    a, b, c = COEFFICIENTS
    for _ in range(5):
        s = a * s + b * s**3 + c * s**5
    expected = u @ torch.diag_embed(s) @ v
    torch.testing.assert_close(newton_schulz(x, [COEFFICIENTS] * 5, dtype=torch.float64), expected)


def test_minimax_quintics():
    """A single one has the errors of Chebyshev's alternation; a composition beats the fixed quintic's five steps."""
    ((a, b, c),) = minimax_quintics(1, 0.1)
    x = np.linspace(0.1, 1.02, 20001)
    errors = a * x + b * x**3 + c * x**5 - 1
    ends = [errors[0], *errors[1:-1][np.diff(np.sign(np.diff(errors))) != 0], errors[-1]]
    assert len(ends) == 4
    np.testing.assert_allclose(np.abs(ends), np.abs(errors).max(), rtol=1e-4)
    assert all(first * second < 0 for first, second in itertools.pairwise(ends))

    def after(coefficients, values):
        for a, b, c in coefficients:
            values = a * values + b * values**3 + c * values**5
        return np.abs(values - 1).max()

    values = np.linspace(0.01, 1.01, 5000)
    assert after(minimax_quintics(3, 0.01), values) < 0.28 < 0.3 < after([COEFFICIENTS] * 5, values)


def test_update_has_the_root_mean_square_of_adamw():
    """0.2 sqrt(max(rows, columns)) brings an orthogonal matrix to a root mean square of about 0.2 (Liu et al. 2025)."""
    for rows, columns in [(64, 64), (192, 64), (64, 256)]:
        q = torch.linalg.svd(torch.randn(rows, columns), full_matrices=False)
        orthogonal = q.U @ q.Vh
        assert float(orthogonal.square().mean().sqrt() * shape_factor((rows, columns), "match_rms_adamw")) == (
            pytest.approx(0.2, abs=1e-4)
        )


def test_fused_projection_is_split_into_its_matrices():
    torch.manual_seed(0)
    whole = nn.Parameter(torch.randn(48, 16))
    parts = [nn.Parameter(p.clone()) for p in whole.detach().split(16)]
    whole.grad = torch.randn(48, 16)
    for p, g in zip(parts, whole.grad.split(16), strict=True):
        p.grad = g.clone()
    MuonAdamW([muon_group([whole], row_parts=[[16, 16, 16]], precision="fp32")]).step()
    MuonAdamW([muon_group(parts, precision="fp32")]).step()
    torch.testing.assert_close(whole.detach(), torch.cat(list(parts)).detach())


def test_which_parameters_are_muons():
    model = make_model()
    names = set(hidden_matrices(model, ["*layers.*"]))
    kinds = ("attention.projection", "attention.output", "feed_forward.up_projection", "feed_forward.down_projection")
    assert names == {f"stack.layers.{i}.{kind}.weight" for i in (0, 1) for kind in kinds}
    optimizer = build_muon_adamw(model, **OPTIONS)
    assert sum(len(g["params"]) for g in optimizer.param_groups) == len(list(model.parameters()))
    assert optimizer.param_groups[0]["row_parts"][0] == [16, 16, 16]
    with pytest.raises(UserError, match="choose optimizer=adamw"):
        build_muon_adamw(model, **OPTIONS | {"matrices": ["nothing.*"]})
    with pytest.raises(UserError, match="equal matrices"):
        build_muon_adamw(model, **OPTIONS | {"fused": {"*": 5}})


def test_weight_tied_to_an_embedding_is_not_muons():
    model = make_model()
    model.stack.layers[0].head = nn.Linear(16, 11, bias=False)
    model.stack.layers[0].head.weight = model.embedding.weight
    assert "embedding.weight" not in hidden_matrices(model, ["*"])
    assert "stack.layers.0.head.weight" not in hidden_matrices(model, ["*"])


def test_the_rest_is_torch_adamw():
    model = make_model()
    reference = copy.deepcopy(model)
    optimizer = build_muon_adamw(model, **OPTIONS)
    with torch.no_grad():
        for p, q in zip(model.parameters(), reference.parameters(), strict=True):
            p.grad = torch.randn_like(p)
            q.grad = p.grad.clone()
    hidden = hidden_matrices(reference, ["*layers.*"])
    rest = {n: p for n, p in reference.named_parameters() if n not in hidden}
    decays = [rest.pop("head.weight")]
    theirs = torch.optim.AdamW(
        [{"params": decays, "weight_decay": 0.05}, {"params": list(rest.values()), "weight_decay": 0.0}],
        lr=0.003, betas=(0.9, 0.95), eps=1e-8,
    )  # fmt: skip
    for _ in range(3):
        optimizer.step()
        theirs.step()
    for (name, p), q in zip(model.named_parameters(), reference.parameters(), strict=True):
        if name not in hidden:
            torch.testing.assert_close(p, q)


def test_state_survives_a_checkpoint(tmp_path):
    whole = make_model()
    optimizer = build_muon_adamw(whole, **OPTIONS)
    train(whole, optimizer, 3)
    torch.save({"model": whole.state_dict(), "optimizer": optimizer.state_dict()}, tmp_path / "c.ckpt")
    train(whole, optimizer, 3, first=3)
    resumed = make_model()
    again = build_muon_adamw(resumed, **OPTIONS)
    saved = torch.load(tmp_path / "c.ckpt", weights_only=True)
    resumed.load_state_dict(saved["model"])
    again.load_state_dict(saved["optimizer"])
    train(resumed, again, 3, first=3)
    for p, q in zip(whole.parameters(), resumed.parameters(), strict=True):
        assert torch.equal(p, q)


def test_schedule_scales_every_group_from_its_own_rate():
    optimizer = build_muon_adamw(make_model(), **OPTIONS)
    schedule = torch.optim.lr_scheduler.LambdaLR(optimizer, lambda step: 0.5**step)
    optimizer.step()
    schedule.step()
    assert [g["lr"] for g in optimizer.param_groups] == pytest.approx([0.01, 0.0015, 0.0015])


def test_found_inf_leaves_everything_as_it_was_even_with_gradients_of_nan():
    model = make_model()
    optimizer = build_muon_adamw(model, **OPTIONS)
    train(model, optimizer, 2)
    before = copy.deepcopy((model.state_dict(), optimizer.state_dict()["state"]))
    for p in model.parameters():
        p.grad = torch.full_like(p, float("nan"))
    optimizer.found_inf = torch.tensor(1.0)
    optimizer.step()
    after = (model.state_dict(), optimizer.state_dict()["state"])
    torch.testing.assert_close(after, before, rtol=0, atol=0)


def test_found_inf_of_zero_changes_nothing():
    plain, guarded = make_model(), make_model()
    a, b = build_muon_adamw(plain, **OPTIONS), build_muon_adamw(guarded, **OPTIONS)
    b.found_inf = torch.tensor(0.0)
    train(plain, a, 3)
    train(guarded, b, 3)
    torch.testing.assert_close(guarded.state_dict(), plain.state_dict())


def test_parameter_without_gradient_is_left_alone():
    model = make_model()
    optimizer = build_muon_adamw(model, **OPTIONS)
    train(model, optimizer, 2)
    before = copy.deepcopy(model.state_dict())
    optimizer.zero_grad()
    model.head.bias.grad = torch.ones(11)
    optimizer.step()
    changed = [n for n, v in model.state_dict().items() if not torch.equal(v, before[n])]
    assert changed == ["head.bias"]
