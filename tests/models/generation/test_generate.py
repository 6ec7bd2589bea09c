"""Laws of generation, on models small enough to know, and errors in words."""

import itertools
from collections.abc import Sequence

import numpy as np
import pytest
import torch
from scipy import stats

from interlace.errors import UserError
from interlace.models.generation import Generated, GenerationOptions, Piece, generate, stream
from interlace.models.generation.beam import largest_sums
from tests.models.generation.models import Bigram, TinyAnswerer, TinyCausal, tiny

PROMPTS = [[1, 2, 3], [4], [5, 6, 7, 8, 9, 1, 2], [3, 3]]
KINDS = [TinyCausal, TinyAnswerer]
WAYS = {
    "greedy": {},
    "sample": {"sample": True, "temperature": 1.3, "top_k": 9, "top_p": 0.95, "num_return_sequences": 3},
    "beam": {"num_beams": 4, "num_return_sequences": 2},
    "beam, early": {"num_beams": 3, "early_stopping": True, "length_penalty": 0.5},
    "penalties": {"repetition_penalty": 1.4, "no_repeat_ngram_size": 2, "min_new_tokens": 4},
    "stops": {"stop_sequences": ((7, 7), (2,)), "sample": True},
    "slide": {"window": "slide", "max_new_tokens": 40, "sample": True},
}


def run(model: object, prompts: Sequence[Sequence[int]] = PROMPTS, **given: object) -> list[Generated]:
    names = ("decode", "on_token", "seed", "eos_id")
    call = {name: given.pop(name) for name in names if name in given}
    options = GenerationOptions(**{"max_new_tokens": 12, **given})  # type: ignore[arg-type]
    return generate(model, prompts, options, **{"eos_id": 0, "pad_id": 0, **call})  # type: ignore[arg-type]


def tokens_of(results: list[Generated]) -> list[tuple[list[int], str]]:
    return [(result.tokens, result.reason) for result in results]


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("way", WAYS)
def test_cached_is_uncached(kind: type[TinyCausal], way: str) -> None:
    model = tiny(kind)
    cached, uncached = run(model, **WAYS[way]), run(model, **WAYS[way], use_cache=False)
    assert tokens_of(cached) == tokens_of(uncached)
    assert [r.log_probability for r in cached] == pytest.approx([r.log_probability for r in uncached], abs=1e-4)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("way", WAYS)
def test_a_batch_is_its_prompts_one_at_a_time(kind: type[TinyCausal], way: str) -> None:
    model = tiny(kind, seed=1)
    alone = [result for prompt in PROMPTS for result in run(model, [prompt], **WAYS[way])]
    assert tokens_of(run(model, **WAYS[way])) == tokens_of(alone)


def test_the_cache_saves_the_work_and_finished_rows_drop_out() -> None:
    model = tiny()
    results = run(model)
    assert model.passes[0] == (len(PROMPTS), 7)
    assert all(columns == 1 for _, columns in model.passes[1:])
    ends = [len(result.tokens) + (result.reason == "eos") for result in results]
    assert len(set(ends)) > 1, "the prompts should end at different steps"
    assert [rows for rows, _ in model.passes] == [sum(end > step for end in ends) for step in range(max(ends))]


@pytest.mark.parametrize("kind", KINDS)
def test_one_beam_is_greedy_and_so_are_top_1_and_no_temperature(kind: type[TinyCausal]) -> None:
    model = tiny(kind, seed=2)
    greedy = tokens_of(run(model))
    assert tokens_of(run(model, sample=True, top_k=1)) == greedy
    assert tokens_of(run(model, sample=True, temperature=1e-40)) == greedy
    assert tokens_of(run(model, sample=True, top_p=1e-9)) == greedy
    assert tokens_of(run(model, sample=True, min_p=1.0)) == greedy


def test_one_beam_is_greedy() -> None:
    """num_beams=1 takes the greedy path, so the search itself is asked."""
    from interlace.models.generation.beam import beam_search
    from interlace.models.generation.steps import CausalSteps

    model = tiny(seed=2)
    for prompt, expected in zip(PROMPTS, run(model), strict=True):
        with torch.inference_mode():
            steps = CausalSteps(model, max_new_tokens=12, use_cache=True)  # type: ignore[arg-type]
            [[best]] = beam_search(steps, torch.tensor([prompt]), [12], GenerationOptions(max_new_tokens=12), (), 0)
        assert (best.tokens, best.reason) == (expected.tokens, expected.reason)
        assert best.log_probability == pytest.approx(expected.log_probability, abs=1e-5)


def every_continuation(table: torch.Tensor, first: int, length: int) -> dict[tuple[int, ...], float]:
    """log p of each continuation of a Bigram that ends with token 0 or at the length."""
    logs, found = table.double().log_softmax(1), {}
    for n in range(1, length + 1):
        for tokens in itertools.product(range(len(table)), repeat=n):
            if 0 not in tokens[:-1] and (tokens[-1] == 0 or n == length):
                pairs = zip((first, *tokens), tokens, strict=False)
                found[tokens] = sum(float(logs[a, b]) for a, b in pairs)
    return found


@pytest.mark.parametrize("vocabulary", [5, 511, 512, 640, 1000])
@pytest.mark.parametrize("n", [1, 8])
def test_the_largest_sums_are_those_of_all_tokens(vocabulary: int, n: int) -> None:
    generator = torch.Generator().manual_seed(vocabulary + n)
    for banned in (0.0, 0.5, 0.999):
        sums, scores = (torch.randn(shape, generator=generator) for shape in ((3, 4), (12, vocabulary)))
        scores[torch.rand(scores.shape, generator=generator) < banned] = -torch.inf
        sums[1, 1:] = -torch.inf
        every = (sums[:, :, None] + scores.view(3, 4, -1)).flatten(1)
        best, indices = largest_sums(sums, scores, n)
        assert torch.equal(best, every.topk(n, 1).values)
        assert torch.equal(every.gather(1, indices), best)
        assert all(len(set(row)) == n for row in indices.tolist())


@pytest.mark.parametrize("length_penalty", [0.0, 1.0, 2.0])
def test_a_wide_beam_finds_the_best_of_all_continuations(length_penalty: float) -> None:
    torch.manual_seed(3)
    table = torch.randn(4, 4) * 1.5
    scores = {t: p / len(t) ** length_penalty for t, p in every_continuation(table, 1, 4).items()}
    ranked = sorted(scores, key=scores.__getitem__, reverse=True)
    results = run(
        Bigram(table), [[1]], num_beams=100, num_return_sequences=5, max_new_tokens=4, length_penalty=length_penalty
    )
    assert [r.tokens for r in results] == [[t for t in tokens if t != 0] for tokens in ranked[:5]]
    assert [r.score for r in results] == pytest.approx([scores[t] for t in ranked[:5]], abs=1e-5)
    assert [r.reason for r in results] == ["eos" if tokens[-1] == 0 else "length" for tokens in ranked[:5]]


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ({}, [0.5, 0.3, 0.15, 0.05]),
        ({"temperature": 0.5}, [0.25, 0.09, 0.0225, 0.0025]),
        ({"top_k": 2}, [0.5, 0.3, 0, 0]),
        ({"top_p": 0.7}, [0.5, 0.3, 0, 0]),
        ({"min_p": 0.25}, [0.5, 0.3, 0.15, 0]),
    ],
)
def test_samples_follow_the_distribution(options: dict[str, float], expected: list[float]) -> None:
    table = torch.tensor([0.5, 0.3, 0.15, 0.05]).log().expand(4, 4)
    results = run(
        Bigram(table), [[1]], sample=True, num_return_sequences=4000, max_new_tokens=1, eos_id=None, **options
    )
    counts = np.bincount([r.tokens[0] for r in results], minlength=4)
    share = np.array(expected) / sum(expected)
    assert counts[share == 0].sum() == 0
    kept = share > 0
    assert stats.chisquare(counts[kept], 4000 * share[kept]).pvalue > 1e-3


def test_seeds_belong_to_requests() -> None:
    model = tiny(seed=4)
    options = {"sample": True, "temperature": 2.0}
    one = tokens_of(run(model, seed=1, **options))
    assert tokens_of(run(model, seed=1, **options)) == one
    assert tokens_of(run(model, seed=2, **options)) != one
    assert tokens_of(run(model, PROMPTS[::-1], seed=1, **options))[::-1] == one
    assert tokens_of(run(model, [[1], [1]], seed=[1, 2], **options))[0] != tokens_of(run(model, [[1]], seed=2))[0]
    same = tokens_of(run(model, [[1], [1]], seed=1, **options))
    assert same[0] == same[1]
    copies = tokens_of(run(model, [[1]], num_return_sequences=4, **options))
    assert len({tuple(tokens) for tokens, _ in copies}) > 1


def test_log_probability_is_the_models_own() -> None:
    table = torch.randn(5, 5, generator=torch.Generator().manual_seed(0))
    logs = table.log_softmax(1)
    for options in ({"sample": True, "temperature": 0.3, "top_k": 2}, {"num_beams": 3, "repetition_penalty": 2.0}):
        [result] = run(Bigram(table), [[1]], **options)
        path = [1, *result.tokens, *([0] if result.reason == "eos" else [])]
        expected = sum(float(logs[a, b]) for a, b in itertools.pairwise(path))
        assert result.log_probability == pytest.approx(expected, abs=1e-4)


CYCLE = torch.full((6, 6), -9.0).index_put((torch.arange(6), torch.tensor([1, 2, 3, 4, 5, 0])), torch.tensor(9.0))


def test_ends() -> None:
    """1 2 3 4 5 0, the surest way."""
    model = Bigram(CYCLE)
    assert tokens_of(run(model, [[1]])) == [([2, 3, 4, 5], "eos")]
    assert tokens_of(run(model, [[1]], max_new_tokens=2)) == [([2, 3], "length")]
    assert tokens_of(run(model, [[1]], stop_sequences=((9, 9), (3, 4)))) == [([2], "stop")]
    assert tokens_of(run(model, [[1]], stop_sequences=((2,),), min_new_tokens=2)) == [([2, 3, 4, 5], "eos")]
    assert tokens_of(run(model, [[1]], num_beams=2, stop_sequences=((3, 4),))) == [([2], "stop")]
    assert len(run(model, [[1]], min_new_tokens=7)[0].tokens) >= 7
    assert tokens_of(run(model, [[1]], eos_id=None, max_new_tokens=6)) == [([2, 3, 4, 5, 0, 1], "length")]


@pytest.mark.parametrize("options", [{}, {"num_beams": 2}])
def test_nothing_left_to_say_is_said(options: dict[str, int]) -> None:
    table = torch.zeros(3, 3)
    [result] = run(Bigram(table), [[1]], no_repeat_ngram_size=1, suppress_tokens=(0,), **options)
    assert (result.tokens, result.reason) == ([2], "blocked")


def test_context() -> None:
    model = tiny(max_length=8)
    prompt = [1, 2, 3, 4, 5]
    [result] = run(model, [prompt], eos_id=None)
    assert (len(result.tokens), result.reason) == (3, "length")
    assert len(run(model, [prompt], eos_id=None, window="slide")[0].tokens) == 12
    long = [*prompt, *prompt]
    with pytest.raises(UserError, match=r"prompt 2 has 10 tokens.* takes at most 7"):
        run(model, [prompt, long])
    cut = run(model, [long], eos_id=None, truncate_prompt=True, max_new_tokens=4)
    assert tokens_of(cut) == tokens_of(run(model, [long[-4:]], eos_id=None, max_new_tokens=4))
    with pytest.raises(UserError, match="leave no room"):
        run(model, [long], truncate_prompt=True)


def test_sliding_is_conditioning_on_the_last_tokens() -> None:
    model, history = tiny(max_length=6), [1, 2, 3]
    [result] = run(model, [history], eos_id=None, window="slide")
    with torch.inference_mode():
        for token in result.tokens:
            window = torch.tensor([history[-6:]])
            hidden = model.encode(window, position_ids=torch.arange(window.shape[1])[None])
            assert token == int(model.logits(hidden[0, -1]).argmax())
            history = [*history, token]


def test_pieces_are_the_result() -> None:
    """Held back while they may begin a stop sequence, given out when not; joined they are the tokens."""
    pieces: list[Piece] = []
    results = run(tiny(seed=5), sample=True, stop_sequences=((7, 2, 7), (3, 4)), on_token=pieces.append)
    assert any(len(piece.tokens) != 1 for piece in pieces)
    for result in results:
        given = [token for piece in pieces if piece.prompt == result.prompt for token in piece.tokens]
        assert given == result.tokens


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("way", [way for way, options in WAYS.items() if "num_beams" not in options])
def test_a_stream_gives_the_pieces_of_generate_and_computes_none_ahead(kind: type[TinyCausal], way: str) -> None:
    model = tiny(kind).train()
    options = {**WAYS[way], "num_return_sequences": 1}
    decode = lambda ids: "".join(f" {token}" for token in ids)  # noqa: E731
    for prompt in PROMPTS:
        pieces: list[Piece] = []
        [whole] = run(model, [prompt], **options, decode=decode, on_token=pieces.append)
        given = {"eos_id": 0, "pad_id": 0, "decode": decode}
        limits = GenerationOptions(**{"max_new_tokens": 12, **options})  # type: ignore[arg-type]
        assert list(stream(model, prompt, limits, **given)) == pieces  # type: ignore[arg-type]
        assert "".join(piece.text for piece in pieces) == whole.text
        assert model.training
        model.passes.clear()
        made = stream(model, prompt, limits, **given)  # type: ignore[arg-type]
        if pieces:
            next(made)
            computed = len(model.passes)
            made.close()
            assert len(model.passes) == computed
            assert computed <= 1 + len(pieces[0].tokens) + 2  # a stop sequence is held back
        assert model.training


def test_the_start_of_a_stop_sequence_waits() -> None:
    """2 3 may begin 2 3 9 and 3 4 is an end: nothing of it is given out before that is known."""
    pieces: list[Piece] = []
    options = {"stop_sequences": ((3, 9), (4, 5)), "on_token": pieces.append}
    assert tokens_of(run(Bigram(CYCLE), [[1]], **options)) == [([2, 3], "stop")]
    assert [piece.tokens for piece in pieces] == [[2], [3]]
    pieces.clear()
    assert tokens_of(run(Bigram(CYCLE), [[1]], **{**options, "stop_sequences": ((3, 4, 5, 1),)}))[0][1] == "eos"
    assert [piece.tokens for piece in pieces] == [[2], [3, 4, 5]]


@pytest.mark.parametrize("use_cache", [True, False])
def test_searches_that_end_at_different_steps(use_cache: bool) -> None:
    """What is left of a batch keeps its own prompts' encodings, though others have dropped out."""
    model, ends = tiny(TinyAnswerer, seed=6), set()
    for eos in range(13):
        options = {"num_beams": 2, "early_stopping": True, "eos_id": eos, "use_cache": use_cache}
        together = run(model, **options)
        assert tokens_of(together) == tokens_of([result for p in PROMPTS for result in run(model, [p], **options)])
        ends |= {(result.prompt, len(result.tokens)) for result in together if result.reason == "eos"}
    assert len({length for _, length in ends}) > 1
    assert len({prompt for prompt, _ in ends}) > 1


@pytest.mark.parametrize("number", [0.0, 1 - 2**-53])
def test_the_ends_of_the_unit_interval_draw_no_banned_token(number: float, monkeypatch: pytest.MonkeyPatch) -> None:
    from interlace.models.generation.sampling import draw

    monkeypatch.setattr(torch, "rand", lambda *_, **__: torch.tensor(number, dtype=torch.float64))
    scores = torch.tensor([[-torch.inf, 1.0, -torch.inf, 0.3, -torch.inf]])
    assert draw(scores, [torch.Generator()]).tolist() == [1 if number == 0 else 3]


def test_a_table_of_counts_generates_too() -> None:
    class Counts:
        vocabulary_size = 6

        def next_distribution(self, context: Sequence[int]) -> np.ndarray:
            return CYCLE.softmax(1).numpy()[context[-1]]

    for options in ({}, {"num_beams": 2}, {"sample": True}):
        assert tokens_of(run(Counts(), [[1], [3, 4]], **options)) == [([2, 3, 4, 5], "eos"), ([5], "eos")]


def test_training_mode_and_gradients_are_left_as_they_were() -> None:
    model = tiny().train()
    run(model)
    assert model.training
    assert run(model, []) == []


@pytest.mark.parametrize(
    ("call", "message"),
    [
        ({"prompts": [[]]}, "prompt 1 is empty"),
        ({"prompts": [[1], [99]]}, "prompt 2 holds a token outside the model's vocabulary of 13"),
        ({"seed": [1]}, "1 seeds for 4 prompts"),
        ({"num_beams": 2, "on_token": print}, "cannot stream"),
        ({"stop_texts": ("x",)}, "need `decode`"),
        ({"suppress_tokens": (99,)}, "99 is outside the vocabulary of 13"),
    ],
)
def test_requests_that_cannot_be(call: dict, message: str) -> None:
    with pytest.raises(UserError, match=message):
        run(tiny(), **call)


def test_lists_from_yaml_are_tuples() -> None:
    options = GenerationOptions(stop_sequences=[[3, 4]], suppress_tokens=[1])  # type: ignore[arg-type]
    assert options == GenerationOptions(stop_sequences=((3, 4),), suppress_tokens=(1,))
    assert hash(options) == hash(GenerationOptions(stop_sequences=((3, 4),), suppress_tokens=(1,)))


def test_masked_models_refuse() -> None:
    model = tiny()
    model.direction, model.family = "masked", "bert"
    with pytest.raises(UserError, match="bert is a masked language model"):
        run(model)
    with pytest.raises(UserError, match="object cannot predict a next token"):
        run(object())


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"temperature": 0.0, "sample": True}, "generation.temperature: got 0.0"),
        ({"top_p": 1.5, "sample": True}, "generation.top_p: got 1.5"),
        ({"top_k": 0, "sample": True}, "generation.top_k: got 0"),
        ({"max_new_tokens": 0}, "generation.max_new_tokens: got 0"),
        ({"early_stopping": "soon", "num_beams": 2}, "generation.early_stopping: got 'soon'"),
        ({"stop_sequences": ((),)}, "generation.stop_sequences"),
        ({"top_k": 5}, "generation.top_k: 5 has no effect without sampling"),
        ({"sample": True, "num_beams": 2}, "beam search is deterministic"),
        ({"length_penalty": 2.0}, "set num_beams above 1"),
        ({"num_return_sequences": 2}, "2 different continuations need sampling"),
        ({"min_new_tokens": 9, "max_new_tokens": 8}, "9 is more than max_new_tokens=8"),
    ],
)
def test_options_out_of_range(options: dict, message: str) -> None:
    with pytest.raises(UserError, match=message):
        GenerationOptions(**options)
