"""Text encoders."""

import pytest
import torch
from torch.nn.utils.rnn import pack_sequence, unpack_sequence

from interlace.encoders.lstm import TextLSTM
from interlace.encoders.text import TextTransformer
from interlace.errors import UserError
from interlace.tokens import ModalitySpec, RawBatch

SPEC = ModalitySpec("text", (6,), vocabulary_size=9)


@pytest.mark.parametrize("bidirectional", [False, True])
@pytest.mark.parametrize("num_layers", [1, 2])
def test_lstm_is_torchs_on_each_sequence_alone(bidirectional: bool, num_layers: int) -> None:
    torch.manual_seed(0)
    encoder = TextLSTM(spec=SPEC, dim=8, num_layers=num_layers, bidirectional=bidirectional, dropout=0.0)
    ids, lengths = torch.randint(1, 9, (4, 6)), torch.tensor([2, 6, 1, 4])
    tokens = encoder(RawBatch(ids, lengths, torch.ones(4, dtype=torch.bool)))
    sequences = [encoder.embedding(row[:length]) for row, length in zip(ids, lengths, strict=True)]
    expected = unpack_sequence(encoder.lstm(pack_sequence(sequences, enforce_sorted=False))[0])
    for row, states in enumerate(expected):
        torch.testing.assert_close(tokens.x[row, : lengths[row]], states)
        assert tokens.mask[row].sum() == lengths[row]


def test_lstm_parameters() -> None:
    """V e + 4 h (i + h + 2) per layer and direction, e = i = 8, h = 4."""
    encoder = TextLSTM(spec=SPEC, dim=8, num_layers=1, bidirectional=True, dropout=0.0)
    assert sum(p.numel() for p in encoder.parameters()) == 9 * 8 + 2 * 4 * 4 * (8 + 4 + 2)


def test_transformer_knows_word_order() -> None:
    torch.manual_seed(0)
    encoder = TextTransformer(spec=SPEC, dim=8, num_layers=1, num_heads=2, feed_forward_ratio=2, dropout=0.0)
    one = torch.ones(1, dtype=torch.bool)
    first = encoder(RawBatch(torch.tensor([[1, 2, 3]]), torch.tensor([3]), one)).x
    second = encoder(RawBatch(torch.tensor([[3, 2, 1]]), torch.tensor([3]), one)).x
    assert (first - second.flip(1)).abs().max() > 1e-3


def test_words_are_left_out_in_training_alone_and_their_places_stay() -> None:
    options = {"dim": 8, "num_layers": 0, "num_heads": 2, "feed_forward_ratio": 2, "dropout": 0.0}
    spec = ModalitySpec("text", (50,), vocabulary_size=9)
    torch.manual_seed(0)
    plain = TextTransformer(spec=spec, **options)
    torch.manual_seed(0)
    encoder = TextTransformer(spec=spec, **options, word_dropout=0.3)
    assert [name for name, _ in encoder.named_parameters()] == [name for name, _ in plain.named_parameters()]
    ids = torch.randint(1, 9, (400, 50))
    raw = RawBatch(ids, torch.full((400,), 50), torch.ones(400, dtype=torch.bool))
    whole = plain(raw)
    assert torch.equal(encoder.eval()(raw).x, whole.x), "also the same weights, drawn in the same order"
    torch.manual_seed(1)
    tokens = encoder.train()(raw)
    assert torch.equal(tokens.mask, whole.mask)
    empty = plain(raw._replace(x=torch.zeros_like(ids))).x  # a place without a word
    left_out = (tokens.x == empty).all(-1)
    assert torch.equal(tokens.x[~left_out], whole.x[~left_out])
    assert abs(left_out.float().mean() - 0.3) < 0.02
    assert left_out.float().mean(0).max() < 0.45, "wherever it stands"
    before = torch.random.get_rng_state()
    assert torch.equal(plain.train()(raw).x, whole.x)
    assert torch.equal(torch.random.get_rng_state(), before), "nothing is drawn without it"


def test_user_errors() -> None:
    with pytest.raises(UserError, match="vocabulary"):
        TextLSTM(spec=ModalitySpec("text", (6,)), dim=8, num_layers=1, bidirectional=False, dropout=0.0)
    with pytest.raises(UserError, match="dim=7"):
        TextLSTM(spec=SPEC, dim=7, num_layers=1, bidirectional=True, dropout=0.0)
