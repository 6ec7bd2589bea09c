"""Wait-k: what is written depends on what was read alone, and reading everything first is greedy generation."""

import pytest
import torch
from hypothesis import example, given, settings
from hypothesis import strategies as st

from interlace.assembly.streaming import stream_answers, word_delays, words_begun, words_read
from interlace.data.tokenizers import TextTokenizer
from interlace.errors import UserError
from interlace.models.generation import GenerationOptions, Streamed, WaitKOptions, generate, generate_wait_k
from interlace.models.t5 import T5
from interlace.objectives.wait_k import prefixes

WORDS = ["the", "dog", "sees", "a", "cat", "and", "runs", "behind", "houses", "rainy"]
TEXTS = [" ".join(WORDS[(i * j + i) % 10] for j in range(1, 9)) for i in range(60)]
KINDS = {
    "unigram": {"vocabulary_size": 60, "num_sentinels": 0},
    "bpe": {"vocabulary_size": 290},
    "byte": {},
    "char": {},
}
TOKENIZERS = {kind: TextTokenizer.train(kind, TEXTS, **options) for kind, options in KINDS.items()}


def t5(size: int, *, causal: bool) -> T5:
    """An untrained model whose outputs depend on the source: they differ for most sources."""
    torch.manual_seed(1)
    return T5(
        vocabulary_size=size, pad_id=0, dim=16, num_layers=2, num_decoder_layers=2, num_heads=2, head_dim=8,
        feed_forward_dim=32, activation="gelu_tanh", gated=True, num_buckets=8, max_distance=16, norm_eps=1e-6,
        tie_embeddings=False, scale_logits=False, dropout=0.0, causal_encoder=causal,
    ).eval()  # fmt: skip


MODELS = {(kind, causal): t5(len(TOKENIZERS[kind]), causal=causal) for kind in KINDS for causal in (True, False)}


def streamed(kind, causal, texts, lag, length=10):
    tokenizer, model = TOKENIZERS[kind], MODELS[kind, causal]
    sources = [[*tokenizer.encode(text), tokenizer.eos_id] for text in texts]
    options = WaitKOptions(lags=[lag], max_new_tokens=length)
    return stream_answers(model, tokenizer, sources, options, lag, 64)


sentences = st.lists(st.sampled_from(WORDS), min_size=1, max_size=6)


@pytest.mark.parametrize("causal", [True, False])
@pytest.mark.parametrize("kind", sorted(KINDS))
@settings(max_examples=25, deadline=None)
@example(kept=["sees"], tails=(["the"], ["runs"]), lag=1)
@given(kept=sentences, tails=st.tuples(sentences, sentences), lag=st.integers(1, 6))
def test_words_that_were_not_read_change_no_word_that_was_written(kind, causal, kept, tails, lag) -> None:
    one, other = streamed(kind, causal, [" ".join([*kept, *tail]) for tail in tails], lag)
    alone = [sum(delay <= len(kept) for delay in answer.details["read"]) for answer in (one, other)]
    assert alone[0] == alone[1]
    assert one.text.split()[: alone[0]] == other.text.split()[: alone[0]]


def test_a_space_of_its_own_is_a_token_of_the_word_after_it() -> None:
    pieces = ["dog", " ", "r", "uns", ""]  # the last is the end token: no word follows it
    assert words_read(lambda ids: "".join(pieces[each] for each in ids), range(5)) == [0, 1, 2, 2, 2, 2]


@pytest.mark.parametrize("causal", [True, False])
def test_words_that_were_read_do_change_what_is_written(causal) -> None:
    texts = [f"{word} dog sees a cat and runs" for word in WORDS]
    assert len({answer.text for answer in streamed("unigram", causal, texts, 3)}) > 3


@pytest.mark.parametrize("causal", [True, False])
@pytest.mark.parametrize("lag", [None, 10_000])
def test_reading_everything_first_is_greedy_generation(causal, lag) -> None:
    tokenizer, model = TOKENIZERS["unigram"], MODELS["unigram", causal]
    sources = [[*tokenizer.encode(text), tokenizer.eos_id] for text in [*TEXTS[:20], "dog", "a cat"]]
    ends = {"eos_id": tokenizer.eos_id, "pad_id": tokenizer.pad_id}
    found = generate_wait_k(model, sources, lag, max_new_tokens=12, **ends)
    whole = generate(model, sources, GenerationOptions(max_new_tokens=12), **ends)
    assert [each.tokens for each in found] == [each.tokens for each in whole]
    for each, result, source in zip(found, whole, sources, strict=True):
        assert each.log_probability == pytest.approx(result.log_probability, abs=1e-4)
        assert set(each.read) == {len(source)}


@pytest.mark.parametrize("lag", [1, 3])
def test_each_token_is_the_likeliest_given_the_prefix_that_training_shows(lag) -> None:
    """Token by token with a cache, against one pass of the decoder with the mask of `objective=wait_k`."""
    tokenizer, model = TOKENIZERS["unigram"], MODELS["unigram", True]
    source = [*tokenizer.encode("a dog sees the rainy houses"), tokenizer.eos_id]
    found = generate_wait_k(model, [source], lag, max_new_tokens=7, eos_id=None, pad_id=0)[0]
    assert found.read == [min(lag + t, len(source)) for t in range(7)]
    seen = prefixes(torch.tensor([lag]), 7, len(source))
    assert seen[0].sum(1).tolist() == found.read
    memory = model.encode(torch.tensor([source]))
    hidden = model.decode(torch.tensor([[0, *found.tokens[:-1]]]), memory, seen)
    assert model.logits(hidden).argmax(-1)[0].tolist() == found.tokens


@pytest.mark.parametrize("lag", [1, 3])
def test_a_bidirectional_encoder_reads_the_bare_prefix(lag) -> None:
    tokenizer, model = TOKENIZERS["unigram"], MODELS["unigram", False]
    source = [*tokenizer.encode("a dog sees the rainy houses"), tokenizer.eos_id]
    found = generate_wait_k(model, [source], lag, max_new_tokens=1, eos_id=None, pad_id=0)[0]
    hidden = model.decode(torch.tensor([[0]]), model.encode(torch.tensor([source[:lag]])))
    assert int(model.logits(hidden).argmax()) == found.tokens[0]


def test_a_word_is_written_when_the_next_begins_or_the_text_ends() -> None:
    tokenizer = TOKENIZERS["byte"]
    source = tokenizer.encode("ab cd ef")
    begun = words_begun(tokenizer.decode, source)
    assert begun == [0, 1, 1, 1, 2, 2, 2, 3, 3]
    text = tokenizer.encode("xy z")
    made = Streamed(text, 0.0, [1, 2, 3, 4, 5])  # the end token was written when five were read
    assert word_delays(tokenizer.decode, begun, made) == [2, 2]
    cut = Streamed(text, 0.0, [1, 2, 3, 7])  # ended by the limit
    assert word_delays(tokenizer.decode, begun, cut) == [3, 3]
    assert word_delays(tokenizer.decode, begun, Streamed([], 0.0, [1])) == []


def test_options_that_do_not_fit_are_told() -> None:
    with pytest.raises(UserError, match=r"generation\.lags: got \[3, 3\]; name each lag once"):
        WaitKOptions(lags=[3, 3])
    for lags in ([], [0], ["a"]):
        with pytest.raises(UserError, match=r"generation\.lags"):
            WaitKOptions(lags=lags)
