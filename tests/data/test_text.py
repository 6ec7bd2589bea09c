import json
import unicodedata
from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from interlace.data import text as text_module
from interlace.data.text import WordTokenizer


def test_words_marks_and_the_two_special_ids() -> None:
    tokenizer = WordTokenizer.train(["The cat, the dog.", "the END"])
    assert tokenizer.words == ["the", ",", ".", "cat", "dog", "end"], "by frequency, then by spelling"
    assert tokenizer.encode("The zebra.") == [2, 1, 4]
    assert tokenizer.decode([2, 5, 0, 0]) == "the cat"
    assert len(tokenizer) == 8


def test_padding_and_lengths() -> None:
    x, length = WordTokenizer(["a", "b"]).encode_all(["a b a", "b", ""], 2)
    assert x.tolist() == [[2, 3], [3, 0], [0, 0]]
    assert length.tolist() == [2, 1, 0]


def test_the_vocabulary_can_be_bounded() -> None:
    assert WordTokenizer.train(["a a b"], max_words=1).words == ["a"]


SENTENCES = {
    "Chinese": ("今天的饭菜很好。", list("今天的饭菜很好。")),
    "Chinese among Latin": ("NBA总决赛 2024年", ["nba", *"总决赛", "2024", "年"]),
    "rare Chinese": ("\U00020bb7野家", ["\U00020bb7", *"野家"]),
    "Japanese": ("今日はラーメン", list("今日はラーメン")),
    "Thai": ("ที่รัก ดี", ["ที่", "รั", "ก", "ดี"]),
    "Burmese": ("မြန်မာ", ["မြ", "န်", "မာ"]),
    "Khmer": ("ខ្មែរ", ["ខ្", "មែ", "រ"]),
    "Korean": ("한국어 문장입니다", ["한국어", "문장입니다"]),
    "Hindi": ("हिन्दी भाषा", ["हिन्दी", "भाषा"]),
    "Arabic": ("اللغة العربية", ["اللغة", "العربية"]),
    "Tibetan": ("བོད་སྐད", ["བོད", "་", "སྐད"]),
    "Vietnamese": ("Tiếng Việt", ["tiếng", "việt"]),
    "emoji": ("good😍😍 ok👍🏽", ["good", "😍", "😍", "ok", "👍🏽"]),
    "a family and flags": ("👨\u200d👩\u200d👧🇩🇪🇫🇷", ["👨\u200d👩\u200d👧", "🇩🇪", "🇫🇷"]),
}


@pytest.mark.parametrize(("text", "words"), SENTENCES.values(), ids=SENTENCES)
def test_scripts_without_spaces_are_read_by_character_and_others_by_word(text: str, words: list[str]) -> None:
    text, words = unicodedata.normalize("NFC", text), [unicodedata.normalize("NFC", word) for word in words]
    tokenizer = WordTokenizer.train([text], characters=True)
    assert [tokenizer.words[i - 2] for i in tokenizer.encode(text)] == words
    assert WordTokenizer.from_state(json.loads(json.dumps(tokenizer.state()))).encode(text) == tokenizer.encode(text)


@given(st.text(st.characters(max_codepoint=0x0DFF, exclude_categories=["Cs", "So"]), max_size=30))
def test_where_words_are_separated_characters_change_nothing(text: str) -> None:
    assert WordTokenizer.train([text], characters=True).words == WordTokenizer.train([text]).words


LETTERS = st.sampled_from("aAbBß ΣςİéÉ,.[]漢字\u0301\u2028") | st.characters(exclude_categories=["Cs"])


@given(st.lists(st.text(LETTERS, max_size=20) | st.just("[PAD] [UNK]"), max_size=8), st.none() | st.integers(1, 5))
def test_words_are_counted_as_one_by_one(texts: list[str], most: int | None) -> None:
    """The words that the tokenizer itself finds, most frequent first, ties by spelling."""
    empty = WordTokenizer([])._tokenizer
    counts = Counter(
        word for text in texts for word, _ in empty.pre_tokenizer.pre_tokenize_str(empty.normalizer.normalize_str(text))
    )
    ordered = sorted(counts, key=lambda word: (-counts[word], word))
    assert WordTokenizer.train(texts, most).words == ordered[:most]


EUROPEAN = [chr(c) for c in range(0x500) if text_module.PLAIN.fullmatch(chr(c))]
NEAR = (
    st.sampled_from("aZ .'-\u00a0\u2019\u2026\u20ac\u0130\u00df\u0451")
    | st.sampled_from(EUROPEAN)
    | st.characters(max_codepoint=0x2100, exclude_categories=["Cs"])
)


def by_library(tokenizer: WordTokenizer, text: str) -> list[str]:
    backend = tokenizer._tokenizer
    return [word for word, _ in backend.pre_tokenizer.pre_tokenize_str(backend.normalizer.normalize_str(text))]


@pytest.mark.parametrize("characters", [False, True])
def test_every_plain_character_makes_the_words_of_the_library(characters: bool) -> None:
    tokenizer = WordTokenizer([], characters=characters)
    plain = [c for c in map(chr, range(0x3000)) if text_module.PLAIN.fullmatch(c)]
    assert len(plain) > 500
    for c in plain:
        text = f"a{c}b {c}{c}.{c}"
        assert text_module._plain_words(text) == by_library(tokenizer, text), hex(ord(c))


@pytest.mark.parametrize("characters", [False, True])
@given(texts=st.lists(st.text(NEAR, max_size=25), max_size=6))
def test_words_and_ids_are_those_of_the_library(texts: list[str], characters: bool) -> None:
    tokenizer = WordTokenizer.train(texts, characters=characters)
    ids = [tokenizer._tokenizer.encode(text, add_special_tokens=False).ids for text in texts]
    assert [tokenizer.encode(text) for text in texts] == ids
    assert tokenizer.encode_batch(texts) == ids
    few = WordTokenizer(tokenizer.words[:2], characters=characters)
    for text in texts:
        words = by_library(few, text)
        assert few.encode(text) == [2 + few.words.index(word) if word in few.words else 1 for word in words]


@given(st.lists(st.text(max_size=30), max_size=5))
def test_any_text_survives_json(texts: list[str]) -> None:
    texts = [text.encode("utf-8", "ignore").decode() for text in texts]
    tokenizer = WordTokenizer.train(texts)
    again = WordTokenizer.from_state(json.loads(json.dumps(tokenizer.state())))
    for text in texts:
        ids = tokenizer.encode(text)
        assert ids == again.encode(text)
        assert all(0 < i < len(tokenizer) for i in ids)
