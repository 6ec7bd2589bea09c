"""Pseudo-perplexity against one masked pass at a time in float64, and models whose answer is known."""

import copy
import math

import pytest
import torch
from torch import Tensor, nn

from interlace.errors import UserError
from interlace.metrics.pseudo_perplexity import pseudo_log_likelihoods
from interlace.models.bert import BERT

CLS, SEP, MASK, PAD = 1, 2, 3, 0
SEQUENCES = [[CLS, 7, 8, 9, SEP], [CLS, 5, SEP], [CLS, 9, 9, 4, 7, 6, 8, SEP], [CLS, SEP]]


@pytest.fixture(params=["bert", "roberta"])
def model(request: pytest.FixtureRequest) -> nn.Module:
    """Random, sharp, in training mode with dropout."""
    torch.manual_seed(0)
    model = BERT(
        vocabulary_size=13, pad_id=PAD, family=request.param, dim=16, num_layers=2, num_heads=2, feed_forward_dim=32,
        activation="gelu", max_length=12, num_token_types=2, norm_eps=1e-12, tie_embeddings=True, masked_head=True,
        pooling="none", dropout=0.2, attention_dropout=0.1,
    )  # fmt: skip
    with torch.no_grad():
        for parameter in model.parameters():
            if parameter.dim() > 1:
                parameter.normal_(0, 0.4)
    return model.train()


def brute_force(model: nn.Module, sequences: list[list[int]]) -> list[list[float]]:
    """One row at a time, no padding, float64."""
    model = copy.deepcopy(model).double().eval()
    result = []
    for sequence in sequences:
        scores = []
        for position, token in enumerate(sequence):
            if token in (CLS, SEP):
                continue
            ids = torch.tensor([[*sequence[:position], MASK, *sequence[position + 1 :]]])
            with torch.no_grad():
                scores.append(float(model(ids).logits[0, position].log_softmax(0)[token]))
        result.append(scores)
    return result


@pytest.mark.parametrize("batch_size", [1, 3, 64])
def test_it_is_one_masked_pass_a_token(model: nn.Module, batch_size: int) -> None:
    found = pseudo_log_likelihoods(
        model,
        SEQUENCES,
        mask_id=MASK,
        special_ids={CLS, SEP},
        batch_size=batch_size,  # type: ignore[arg-type]
    )
    expected = brute_force(model, SEQUENCES)
    assert [len(sequence) for sequence in found.tokens] == [3, 1, 6, 0]
    for ours, right in zip(found.tokens, expected, strict=True):
        assert ours == pytest.approx(right, abs=1e-4)
    total = math.fsum(map(math.fsum, expected))
    assert found.num_tokens == 10
    assert found.sequences == pytest.approx([math.fsum(right) for right in expected], abs=1e-3)
    assert found.pseudo_perplexity == pytest.approx(math.exp(-total / 10), rel=1e-4)
    assert found.bits_per_byte(25) == pytest.approx(-total / math.log(2) / 25, rel=1e-4)
    assert model.training


class Known(nn.Module):
    """Scores of every position are the same fixed logits, whatever the text."""

    direction, max_length, pad_id = "masked", 8, None

    def __init__(self, logits: Tensor) -> None:
        super().__init__()
        self.vocabulary_size = len(logits)
        self.scores = nn.Parameter(logits)
        self.seen: list[Tensor] = []

    def encode_at(self, positions: Tensor, input_ids: Tensor, attention_mask: Tensor | None = None) -> Tensor:
        self.seen.append(input_ids)
        return input_ids.gather(1, positions)[..., None].float()

    def logits(self, hidden: Tensor) -> Tensor:
        return self.scores.expand(*hidden.shape[:-1], -1)


def test_a_uniform_model_is_as_perplexed_as_its_vocabulary_is_large() -> None:
    model = Known(torch.zeros(13))
    assert pseudo_log_likelihoods(model, SEQUENCES, mask_id=MASK).pseudo_perplexity == pytest.approx(13)  # type: ignore[arg-type]


def test_a_model_of_frequencies_gives_their_cross_entropy() -> None:
    p = torch.arange(1.0, 14.0) / 91
    found = pseudo_log_likelihoods(Known(p.log()), [[4, 5], [12]], mask_id=MASK)  # type: ignore[arg-type]
    assert found.pseudo_perplexity == pytest.approx(float(1 / (p[4] * p[5] * p[12]) ** (1 / 3)))


def test_one_token_is_masked_at_a_time_and_the_frame_never() -> None:
    model = Known(torch.zeros(13))
    pseudo_log_likelihoods(model, [[CLS, 7, 8, SEP]], mask_id=MASK, special_ids={CLS, SEP})  # type: ignore[arg-type]
    assert torch.cat(model.seen).tolist() == [[CLS, MASK, 8, SEP], [CLS, 7, MASK, SEP]]


@pytest.mark.parametrize(
    ("sequences", "changes", "message"),
    [
        ([[4]], {"direction": "causal"}, "needs a masked language model"),
        ([[4], [4] * 9], {}, "sequence 2 has 9 tokens, and the model takes 8"),
        ([[4, 13]], {}, "outside the vocabulary of 13"),
        ([[], [MASK]], {}, "nothing to score"),
    ],
)
def test_what_cannot_be_scored(sequences: list[list[int]], changes: dict, message: str) -> None:
    model = Known(torch.zeros(13))
    for name, value in changes.items():
        setattr(model, name, value)
    with pytest.raises(UserError, match=message):
        pseudo_log_likelihoods(model, sequences, mask_id=MASK)  # type: ignore[arg-type]
