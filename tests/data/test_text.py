import json

from hypothesis import given
from hypothesis import strategies as st

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


@given(st.lists(st.text(max_size=30), max_size=5))
def test_any_text_survives_json(texts: list[str]) -> None:
    texts = [text.encode("utf-8", "ignore").decode() for text in texts]
    tokenizer = WordTokenizer.train(texts)
    again = WordTokenizer.from_state(json.loads(json.dumps(tokenizer.state())))
    for text in texts:
        ids = tokenizer.encode(text)
        assert ids == again.encode(text)
        assert all(0 < i < len(tokenizer) for i in ids)
