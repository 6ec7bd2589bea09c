"""MFB against explicit bilinear forms, the low-rank strategy and its own formula."""

from collections.abc import Callable

import torch

from interlace import fusion
from interlace.tokens import Tokens


def test_it_is_a_bilinear_form_of_rank_k(padded: Callable[..., Tokens]) -> None:
    """Yu et al. 2017, eqs. 2-3: p_o = z_1' (sum_k u_ok v_ok') z_2; then the signed root, then unit length."""
    torch.manual_seed(0)
    module = fusion.build("mfb", in_dims={"a": 3, "b": 4}, dim=5, num_factors=2).double()
    tokens = {"a": padded([1, 1], 3), "b": padded([1, 1], 4)}
    # With [1; z] in place of z the biases are part of the matrices.
    u, v = (torch.cat([p.bias[:, None], p.weight], 1).unflatten(0, (5, 2)) for p in module.projections)
    matrices = torch.einsum("oki,okj->oij", u, v)
    assert all(torch.linalg.matrix_rank(matrix) == 2 for matrix in matrices)
    z1, z2 = (torch.cat([torch.ones(2, 1), tokens[m].x[:, 0]], 1) for m in "ab")
    p = torch.einsum("bi,oij,bj->bo", z1, matrices, z2)
    y = p.sign() * p.abs().sqrt()
    torch.testing.assert_close(module(tokens).pooled, y / y.norm(dim=1, keepdim=True), rtol=1e-4, atol=1e-5)


def test_without_normalisation_it_is_low_rank_fusion(padded: Callable[..., Tokens]) -> None:
    """Three modalities; LMF's rank is the number of factors, its rank weights 1 and its bias 0."""
    torch.manual_seed(0)
    in_dims = {"a": 3, "b": 4, "c": 2}
    module = fusion.build("mfb", in_dims=in_dims, dim=5, num_factors=4, normalize=False).double()
    low_rank = fusion.build("low_rank", in_dims=in_dims, dim=5, rank=4).double()
    with torch.no_grad():
        low_rank.rank_weights.fill_(1.0)
        for factor, projection in zip(low_rank.factors, module.projections, strict=True):
            matrix = torch.cat([projection.bias[:, None], projection.weight], 1)  # (D K, 1 + d)
            factor.copy_(matrix.unflatten(0, (5, 4)).permute(1, 2, 0))
    tokens = {name: padded([2, 3, 1], width) for name, width in in_dims.items()}
    torch.testing.assert_close(module(tokens).pooled, low_rank(tokens).pooled)


def test_the_output_has_unit_length_and_a_missing_modality_leaves_the_product(padded: Callable[..., Tokens]) -> None:
    torch.manual_seed(0)
    module = fusion.build("mfb", in_dims={"a": 3, "b": 4}, dim=5).double()
    pooled = module({"a": padded([2, 1, 0], 3), "b": padded([2, 0, 0], 4)}).pooled
    torch.testing.assert_close(pooled.norm(dim=1), torch.tensor([1.0, 1.0, 0.0]).double(), rtol=0, atol=1e-4)


def test_gradients_are_finite_at_zero() -> None:
    """The slope of a root at zero is infinite, as of the norm of nothing; 0 * inf would be NaN."""
    module = fusion.build("mfb", in_dims={"a": 3, "b": 4}, dim=5)
    for parameter in module.parameters():
        torch.nn.init.zeros_(parameter)
    ones = torch.ones(2, 1, dtype=torch.bool)
    module({m: Tokens(torch.randn(2, 1, n), ones, ones[:, 0]) for m, n in (("a", 3), ("b", 4))}).pooled.sum().backward()
    assert all(p.grad.isfinite().all() for p in module.parameters())
