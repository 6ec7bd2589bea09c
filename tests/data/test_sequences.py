import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tokenizers import Tokenizer, models, pre_tokenizers

from interlace.data.datamodule import DataModule
from interlace.data.problems import BadExample
from interlace.data.sequences import SequenceTokenizer, shortened, tokenizer_from_state
from interlace.data.text import WordTokenizer
from interlace.data.tokenizers import TextTokenizer
from interlace.errors import UserError
from interlace.tokens import ModalitySpec


def tokenizer(*special: str) -> TextTokenizer:
    """Words a, b, c with ids behind those of the special tokens."""
    words = {word: index for index, word in enumerate([*special, "a", "b", "c"])}
    made = Tokenizer(models.WordLevel(words, unk_token="[UNK]" if "[UNK]" in special else "a"))
    made.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    made.add_special_tokens(list(special))
    return TextTokenizer(made)


BERT = ("[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]")
ROBERTA = ("<s>", "<pad>", "</s>", "<unk>", "<mask>")
T5 = ("<pad>", "</s>", "<unk>")


def test_single_texts_have_the_special_tokens_that_there_are() -> None:
    def encode(special: tuple[str, ...]) -> list[int]:
        return SequenceTokenizer(tokenizer(*special), columns=["text"], max_tokens=8).encode("a b")

    assert encode(BERT) == [2, 5, 6, 3]
    assert encode(ROBERTA) == [0, 5, 6, 2]
    assert encode(T5) == [3, 4, 1]
    assert SequenceTokenizer(WordTokenizer(["a", "b"]), columns=["text"], max_tokens=8).encode("a b") == [2, 3]


def test_pairs_as_bert_and_as_transformers_build_them_for_roberta() -> None:
    def encode(special: tuple[str, ...]) -> list[int]:
        return SequenceTokenizer(tokenizer(*special), columns=["p", "q"], max_tokens=9).encode(["a b", "c"])

    assert encode(BERT) == [2, 5, 6, 3, 7, 3]
    assert encode(ROBERTA) == [0, 5, 6, 2, 2, 7, 2]
    assert encode(T5) == [3, 4, 1, 5, 1]
    words = SequenceTokenizer(WordTokenizer(["a", "b", "c"]), columns=["p", "q"], max_tokens=9)
    assert words.encode(["a b", "c"]) == [2, 3, 5, 4], "an id of its own, behind the words"
    assert len(words) == 6
    assert words.words == ("[PAD]", "[UNK]", "a", "b", "c", "[SEP]")
    assert words.decode([2, 3, 5, 4, 0]) == "a b c"


@given(st.integers(0, 40), st.integers(0, 40), st.integers(2, 30))
def test_pairs_are_cut_one_token_at_a_time_at_the_longer_text(first: int, second: int, room: int) -> None:
    a, b = [0] * first, [0] * second
    while len(a) + len(b) > room:  # _truncate_seq_pair of BERT's run_classifier.py
        (a if len(a) > len(b) else b).pop()
    assert shortened(first, second, room) == (len(a), len(b))


def test_long_texts_are_cut_and_keep_their_special_tokens() -> None:
    made = SequenceTokenizer(tokenizer(*BERT), columns=["text"], max_tokens=4)
    assert made.encode("a b c a b") == [2, 5, 6, 3]
    assert made.is_cut(made.bare([("a b c",)])[0])
    assert not made.is_cut(made.bare([("a b",)])[0])
    with pytest.raises(UserError, match=r"data\.max_tokens: got 2; expected at least 3"):
        SequenceTokenizer(tokenizer(*BERT), columns=["text"], max_tokens=2)
    with pytest.raises(UserError, match="need a tokenizer with a separator or an end token"):
        SequenceTokenizer(tokenizer("[PAD]", "[UNK]"), columns=["p", "q"], max_tokens=9)


def test_padding_is_the_tokenizers() -> None:
    made = SequenceTokenizer(tokenizer(*ROBERTA), columns=["text"], max_tokens=8)
    x, length = made.padded(made.encode_rows([("a",), ("a b",)]))
    assert x.tolist() == [[0, 5, 2, 1], [0, 5, 6, 2]]
    assert length.tolist() == [3, 4]


@pytest.mark.parametrize("base", [WordTokenizer(["a", "b", "c"]), tokenizer(*BERT), tokenizer(*ROBERTA)])
@pytest.mark.parametrize("columns", [["text"], ["p", "q"]])
def test_states_survive_json(base, columns) -> None:
    made = SequenceTokenizer(base, columns=columns, max_tokens=9)
    again = tokenizer_from_state(json.loads(json.dumps(made.state())))
    row = ["a b c"] * len(columns)
    assert isinstance(again, SequenceTokenizer)
    assert again.encode(row) == made.encode(row)
    assert len(again) == len(made)
    assert again.words == made.words
    plain = tokenizer_from_state(json.loads(json.dumps(WordTokenizer(["a"]).state())))
    assert isinstance(plain, WordTokenizer)


def test_new_records_are_encoded_by_a_module_restored_from_its_state(tmp_path) -> None:
    data = DataModule(batch_size=2)
    made = SequenceTokenizer(tokenizer(*BERT), columns=["p", "q"], max_tokens=6)
    data.tokenizers, data.classes = {"text": made}, ["no", "yes"]
    data.modalities = {"text": ModalitySpec("text", (6,), vocabulary_size=len(made), words=made.words)}
    again = DataModule.from_state(json.loads(json.dumps(data.state())))
    assert again.modalities == data.modalities, "the vocabulary plays no part in equality"
    split = again.encode([{"p": "a", "q": "b", "label": "yes"}, {"text": ["a b c", "b c a"]}], tmp_path)
    batch = split.batch(np.array([0, 1]))
    assert batch["inputs"]["text"].x.tolist() == [[2, 5, 3, 6, 3, 0], [2, 5, 6, 3, 6, 3]], "cut, not refused"
    assert batch["label"].tolist() == [1, 0]
    assert split.texts["text"] == ["a | b", "a b c | b c a"]
    with pytest.raises(UserError, match="half a pair: expected p and q, or text as a list of both texts"):
        again.encode([{"p": "a"}], tmp_path)
    with pytest.raises(UserError, match="line 1: nothing there"):
        again.encode([{"other": "a"}], tmp_path)
    with pytest.raises(BadExample):
        made.texts_of({"text": ["a", "b", "c"]}, "text")
