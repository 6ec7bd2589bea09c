"""Each processor against the transformers library's on random logits, and what they do by hand."""

import pytest
import torch
from torch import Tensor

from interlace.models.generation import GenerationOptions
from interlace.models.generation.processors import (
    MinNewTokens,
    MinP,
    NoRepeatNgram,
    RepetitionPenalty,
    SuppressTokens,
    Temperature,
    TopK,
    TopP,
    build_processors,
    process,
)

theirs = pytest.importorskip("transformers.generation.logits_process")

PAIRS = [
    (TopK(5), theirs.TopKLogitsWarper(5)),
    (TopK(99), theirs.TopKLogitsWarper(99)),
    (TopP(0.6), theirs.TopPLogitsWarper(0.6)),
    (TopP(0.01), theirs.TopPLogitsWarper(0.01)),
    (MinP(0.2), theirs.MinPLogitsWarper(0.2)),
    (RepetitionPenalty(1.7), theirs.RepetitionPenaltyLogitsProcessor(1.7)),
    (RepetitionPenalty(0.5), theirs.RepetitionPenaltyLogitsProcessor(0.5)),
    (NoRepeatNgram(1), theirs.NoRepeatNGramLogitsProcessor(1)),
    (NoRepeatNgram(2), theirs.NoRepeatNGramLogitsProcessor(2)),
    (NoRepeatNgram(3), theirs.NoRepeatNGramLogitsProcessor(3)),
    (SuppressTokens((3, 7)), theirs.SuppressTokensLogitsProcessor([3, 7])),
    (MinNewTokens(4, 9, 2), theirs.MinNewTokensLengthLogitsProcessor(9, 4, 2)),
    (MinNewTokens(4, 8, 2), theirs.MinNewTokensLengthLogitsProcessor(8, 4, 2)),
]


def examples(seed: int = 0) -> tuple[Tensor, Tensor]:
    """Histories (64, 12) of few tokens, so that n-grams repeat, and logits (64, 20)."""
    generator = torch.Generator().manual_seed(seed)
    return torch.randint(4, (64, 12), generator=generator), torch.randn(64, 20, generator=generator) * 3


@pytest.mark.parametrize(("ours", "theirs"), PAIRS, ids=lambda p: "" if "transformers" in str(type(p)) else str(p))
def test_processors_are_the_transformers_librarys(ours, theirs) -> None:
    history, logits = examples()
    torch.testing.assert_close(ours(history, logits), theirs(history, logits), atol=0, rtol=0)


def test_temperature_divides() -> None:
    history, logits = examples()
    torch.testing.assert_close(Temperature(0.7)(history, logits).softmax(1), (logits / 0.7).softmax(1))
    cold = Temperature(1e-40)(history, logits).softmax(1)
    torch.testing.assert_close(cold, torch.nn.functional.one_hot(logits.argmax(1), 20).float())
    banned = torch.full((1, 4), -torch.inf)
    assert (Temperature(0.5)(history[:1], banned) == -torch.inf).all()


@pytest.mark.parametrize("ours", [RepetitionPenalty(1.7), NoRepeatNgram(1), NoRepeatNgram(2), NoRepeatNgram(4)])
def test_padding_on_the_left_says_nothing(ours) -> None:
    history, logits = examples()
    padded = torch.cat([torch.full((64, 5), -1), history], 1)
    torch.testing.assert_close(ours(padded, logits), ours(history, logits), atol=0, rtol=0)
    short = torch.cat([torch.full((64, 5), -1), history[:, :1]], 1)
    torch.testing.assert_close(ours(short, logits), ours(history[:, :1], logits), atol=0, rtol=0)
    empty = torch.full((64, 5), -1)
    torch.testing.assert_close(ours(empty, logits), logits, atol=0, rtol=0)


def test_order_is_the_transformers_librarys() -> None:
    from transformers import GenerationConfig, GPT2Config, GPT2LMHeadModel

    given = {"repetition_penalty": 1.3, "no_repeat_ngram_size": 2, "suppress_tokens": [5], "min_new_tokens": 30}
    sampling = {"temperature": 0.6, "top_k": 9, "top_p": 0.8, "min_p": 0.05}
    history, logits = examples(1)
    ours = build_processors(
        GenerationOptions(**{**given, "suppress_tokens": (5,)}, **sampling, sample=True, max_new_tokens=40),
        prompt_columns=12,
        eos_id=1,
    )
    config = GenerationConfig(**given, **sampling, do_sample=True)
    config._eos_token_tensor = torch.tensor([1])
    model = GPT2LMHeadModel(GPT2Config(vocab_size=20, n_embd=4, n_layer=1, n_head=1))
    expected = model._get_logits_processor(config, input_ids_seq_length=12)(history, logits)
    torch.testing.assert_close(process(ours, history, logits).softmax(1), expected.softmax(1))
