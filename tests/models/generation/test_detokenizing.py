"""Streamed text: joined it is the whole text, and no piece of it holds half a character."""

import itertools
import string

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from interlace.data import tokenizers
from interlace.errors import UserError
from interlace.models.generation import GenerationOptions, IncrementalText, Piece, generate
from interlace.models.generation.detokenizing import StopText, held_back
from tests.models.generation.models import tiny

TEXTS = [
    "The owl was quiet, the cat was not. Why?",
    "Ünïcödé straße — naïve café, ¿qué?",
    "日本語のテキスト、你好。 Привет мир",
    "emoji 👩‍👩‍👧 and 🇩🇪 and ❤️‍🔥 end",
]
KINDS = {
    "byte": {},
    "bpe": {"vocabulary_size": 300},
    "unigram": {"vocabulary_size": 160, "num_sentinels": 0},
    "unigram, bytes": {"vocabulary_size": 420, "byte_fallback": True, "num_sentinels": 0},
    "wordpiece": {"vocabulary_size": 200, "lowercase": False},
    "char": {"byte_fallback": True},
}


@pytest.fixture(scope="module", params=KINDS)
def tokenizer(request: pytest.FixtureRequest):
    builder = tokenizers.builder_of(request.param.split(",")[0], **KINDS[request.param])
    return builder.build(iter(TEXTS * 20))


@pytest.mark.parametrize("text", TEXTS)
def test_pieces_join_to_the_text_after_any_prompt(tokenizer, text: str) -> None:
    ids = tokenizer.encode(text)
    for cut in range(len(ids)):
        before = tokenizer.decode(ids[:cut])
        if before.endswith("\N{REPLACEMENT CHARACTER}"):
            continue  # a prompt that ends in half a character has no text to go on from
        stream = IncrementalText(tokenizer.decode, ids[:cut])
        pieces = [stream.add(token) for token in ids[cut:]]
        assert not any("\N{REPLACEMENT CHARACTER}" in piece for piece in pieces)
        assert before + "".join([*pieces, stream.finish()]) == tokenizer.decode(ids)


@settings(max_examples=200, deadline=None)
@given(data=st.binary(max_size=40))
def test_bytes_that_are_no_text_join_as_well(data: bytes) -> None:
    tokenizer = tokenizers.builder_of("byte").build(iter(()))
    ids = [tokenizer.encode("a")[0] - ord("a") + byte for byte in data]
    if not data.isascii() or not data:  # the offset above holds only if bytes are numbered in order
        known = {tokenizer.encode(c)[0] - ord(c) for c in string.ascii_letters}
        assert len(known) == 1
    stream = IncrementalText(tokenizer.decode)
    assert "".join([*map(stream.add, ids), stream.finish()]) == data.decode("utf-8", errors="replace")


def test_a_character_appears_when_its_last_byte_does() -> None:
    tokenizer = tokenizers.builder_of("byte").build(iter(()))
    stream = IncrementalText(tokenizer.decode)
    assert [stream.add(token) for token in tokenizer.encode("a€b")] == ["a", "", "", "€", "b"]
    half = IncrementalText(tokenizer.decode)
    assert [half.add(token) for token in tokenizer.encode("€")[:2]] == ["", ""]
    assert half.finish() == "\N{REPLACEMENT CHARACTER}"
    assert half.finish() == ""


@pytest.mark.parametrize("size", [1, 2, 3, 7])
@pytest.mark.parametrize(
    ("text", "stops", "expected"),
    [
        ("one two three", ("two",), "one "),
        ("one two three", ("three!", "o th"), "one tw"),
        ("ababac", ("abac",), "ab"),
        ("nothing of it", ("zebra", "it!"), "nothing of it"),
        ("\n\nUser: hi", ("User:", "\n\n\n"), "\n\n"),
    ],
)
def test_stop_texts_are_cut_off_wherever_pieces_end(
    size: int, text: str, stops: tuple[str, ...], expected: str
) -> None:
    stop, out = StopText(stops), ""
    for piece in (text[i : i + size] for i in range(0, len(text), size)):
        out += stop.add(piece)
        assert expected.startswith(out)
        if stop.found:
            break
    assert stop.found == (expected != text)
    assert out + stop.finish() == expected


@given(
    text=st.lists(st.integers(0, 2), max_size=8).map(tuple),
    stop=st.lists(st.integers(0, 2), min_size=1, max_size=4).map(tuple),
)
def test_held_back_is_what_may_begin_a_stop(text: tuple[int, ...], stop: tuple[int, ...]) -> None:
    starts = [n for n in range(len(stop)) if n <= len(text) and text[len(text) - n :] == stop[:n]]
    assert held_back(text, [stop]) == max(starts)


@pytest.mark.parametrize("options", [{}, {"stop_texts": ("q", "a")}, {"stop_sequences": ((40, 41),)}])
@pytest.mark.parametrize("seed", range(4))
def test_streamed_is_final(options: dict, seed: int) -> None:
    """A random model babbles bytes, most of them no UTF-8; the pieces still join to the result."""
    tokenizer = tokenizers.builder_of("byte").build(iter(()))
    model = tiny(vocabulary_size=len(tokenizer), max_length=None)
    pieces: list[Piece] = []
    results = generate(
        model,
        [tokenizer.encode(prompt) for prompt in ("Hello", "Ünï", "x")],
        GenerationOptions(max_new_tokens=60, sample=True, temperature=3.0, **options),
        eos_id=tokenizer.eos_id,
        seed=seed,
        decode=tokenizer.decode,
        on_token=pieces.append,
    )
    for place, result in enumerate(results):
        own = [piece for piece in pieces if piece.prompt == place]
        assert "".join(piece.text for piece in own) == result.text
        assert list(itertools.chain.from_iterable(piece.tokens for piece in own)) == result.tokens
        whole = tokenizer.decode(result.tokens)
        assert result.text == whole if result.reason != "stop" else whole.startswith(result.text)
        assert not any(stop in result.text for stop in options.get("stop_texts", ()))
    if "stop_texts" in options:
        assert any(result.reason == "stop" for result in results)


def test_stop_texts_need_what_greedy_has() -> None:
    with pytest.raises(UserError, match="num_beams=1"):
        generate(
            tiny(), [[1]], GenerationOptions(num_beams=2, stop_texts=("x",)), eos_id=0, decode=lambda ids: str(ids)
        )
