"""Experts against each token routed alone, and the balance loss against its extremes."""

import math

import pytest
import torch
from torch.nn import functional as F

from interlace import fusion
from interlace.errors import UserError
from interlace.fusion.moe import Experts, entropy_loss
from interlace.tokens import Tokens


@pytest.mark.parametrize("experts_per_token", [1, 2, 3])
def test_each_token_by_itself(experts_per_token: int) -> None:
    torch.manual_seed(0)
    experts = Experts(dim=6, hidden_dim=5, num_experts=3, experts_per_token=experts_per_token).double()
    for parameter in experts.parameters():
        torch.nn.init.normal_(parameter)
    x = torch.randn(20, 6, dtype=torch.float64)
    y, *_ = experts(x)
    for token, expected in zip(x, y, strict=True):
        p = (experts.router.weight @ token).softmax(0).float().double()
        total = torch.zeros(6, dtype=torch.float64)
        for e in sorted(range(3), key=lambda e: -p[e])[:experts_per_token]:
            h = F.gelu(experts.up_projection[e] @ token + experts.up_bias[e])
            total = total + p[e] * (experts.down_projection[e] @ h + experts.down_bias[e])
        torch.testing.assert_close(expected, total, rtol=1e-5, atol=1e-5)


def test_equal_experts_all_selected_are_one_feed_forward() -> None:
    """k = E: the weights sum to one."""
    torch.manual_seed(0)
    experts = Experts(dim=6, hidden_dim=5, num_experts=3, experts_per_token=3)
    with torch.no_grad():
        for stack in (experts.up_projection, experts.down_projection):
            stack.copy_(stack[:1].expand_as(stack))
    x = torch.randn(20, 6)
    torch.testing.assert_close(
        experts(x)[0], F.linear(F.gelu(F.linear(x, experts.up_projection[0])), experts.down_projection[0])
    )


def test_balance_is_one_when_even_and_the_number_of_experts_when_collapsed() -> None:
    """Fedus et al. 2022, eq. 4: N sum f P is 1 under uniform routing."""
    experts = Experts(dim=4, hidden_dim=3, num_experts=4, experts_per_token=1)
    with torch.no_grad():
        experts.router.weight.copy_(50 * torch.eye(4))
    even = experts(torch.eye(4).repeat(5, 1))[1]
    assert even.item() == pytest.approx(1.0)
    collapsed = experts(torch.eye(4)[:1].repeat(20, 1))[1]
    assert collapsed.item() == pytest.approx(4.0)
    assert experts(torch.zeros(0, 4))[1].item() == 0


def test_padding_takes_no_part_in_the_balance() -> None:
    torch.manual_seed(0)
    module = fusion.build("moe", in_dims={"a": 3}, dim=8)
    x, ones = torch.randn(2, 3, 3), torch.ones(2, 3, dtype=torch.bool)
    padded = Tokens(F.pad(x, (0, 0, 0, 4), value=9.0), F.pad(ones, (0, 4)), ones[:, 0])
    losses = [module({"a": each}).aux["loss/balance"] for each in (Tokens(x, ones, ones[:, 0]), padded)]
    torch.testing.assert_close(*losses)


def test_more_experts_a_token_than_there_are_is_refused() -> None:
    with pytest.raises(UserError, match="experts_per_token=5 is more than num_experts=4"):
        fusion.build("moe", in_dims={"a": 3}, experts_per_token=5)


def test_entropy_losses_by_hand() -> None:
    """Mustafa et al. 2022, section 2.2: local 0 where each token is sure, global 0 where S experts are used alike."""
    sure = torch.eye(4)[[0, 1, 0, 1, 2, 2]]
    modality = torch.tensor([0, 0, 0, 0, 1, 1])
    # Modality 0 uses two experts alike, modality 1 one: max(0, log 2 - 0) over two modalities.
    assert entropy_loss(sure, modality, 2.0).item() == pytest.approx(math.log(2) / 2)
    assert entropy_loss(sure, modality, 1.0).item() == pytest.approx(0.0)
    unsure = torch.full((6, 4), 0.25)
    assert entropy_loss(unsure, modality, 4.0).item() == pytest.approx(math.log(4))
    assert entropy_loss(unsure[:0], modality[:0], 4.0).item() == 0.0


def test_more_experts_than_there_are_cannot_be_asked_for() -> None:
    with pytest.raises(UserError, match="entropy_experts=5"):
        fusion.build("moe", in_dims={"a": 3}, num_experts=4, entropy_experts=5)
