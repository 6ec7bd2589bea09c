"""The recurrent baseline against LSTM cells stepped one by one."""

from collections.abc import Callable

import pytest
import torch
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

from interlace import fusion
from interlace.errors import UserError
from interlace.tokens import Tokens


@pytest.mark.parametrize("readout", ["last", "mean"])
def test_each_example_by_cells_one_by_one(readout: str, padded: Callable[..., Tokens]) -> None:
    torch.manual_seed(0)
    in_dims = {"image": 2, "text": 4, "audio": 3}
    module = fusion.build("recurrent", in_dims=in_dims, dim=6, time="text", readout=readout).double()
    tokens = {"image": padded([2, 0, 4, 1], 2), "text": padded([3, 5, 0, 1], 4), "audio": padded([1, 2, 3, 0], 3)}
    cell = nn.LSTMCell(9, 6).double()
    cell.load_state_dict({k.removesuffix("_l0"): v for k, v in module.lstm.state_dict().items()})
    pooled = module(tokens).pooled
    for row in range(4):
        z = [tokens[m].x[row][tokens[m].mask[row]] for m in ("image", "audio")]
        beside = [each.mean(0) if len(each) else each.new_zeros(each.shape[1]) for each in z]
        words = tokens["text"].x[row][tokens["text"].mask[row]]
        state, states = None, []
        for word in words if len(words) else words.new_zeros(1, 4):
            state = cell(torch.cat([word, *beside])[None], state)
            states.append(state[0][0])
        expected = states[-1] if readout == "last" else torch.stack(states).mean(0)
        torch.testing.assert_close(pooled[row], expected)


def test_order_of_the_real_tokens_counts_and_holes_do_not(padded: Callable[..., Tokens]) -> None:
    torch.manual_seed(0)
    module = fusion.build("recurrent", in_dims={"text": 4}, dim=6).double()
    tokens = padded([3], 4)
    spread = torch.zeros(1, 5, 4, dtype=torch.float64)
    mask = torch.tensor([[False, True, False, True, True]])
    spread[mask] = tokens.x[0]
    torch.testing.assert_close(
        module({"text": Tokens(spread, mask, tokens.present)}).pooled, module({"text": tokens}).pooled
    )
    backwards = tokens._replace(x=tokens.x.flip(1))
    assert (module({"text": backwards}).pooled - module({"text": tokens}).pooled).abs().max() > 1e-4


def test_flops_are_those_of_the_cells() -> None:
    module = fusion.build("recurrent", in_dims={"text": 16, "image": 8}, dim=32, num_layers=2)
    cells = [nn.LSTMCell(24, 32), nn.LSTMCell(32, 32)]
    with FlopCounterMode(display=False) as counter, torch.no_grad():
        for _ in range(7):
            cells[0](torch.zeros(1, 24))
            cells[1](torch.zeros(1, 32))
    assert module.flops({"text": 7, "image": 3}) == counter.get_total_flops()


def test_an_unknown_time_modality_is_refused() -> None:
    with pytest.raises(UserError, match="time: no modality 'txt'; did you mean 'text'"):
        fusion.build("recurrent", in_dims={"text": 4}, time="txt")
