from interlace.data.tokenizer_cache import trained_tokenizer
from interlace.data.tokenizers import TextTokenizer, UnigramBuilder, WordPieceBuilder

TEXTS = [f"some words and number {i} are here" for i in range(30)]


class Counting(WordPieceBuilder):
    built = 0

    def build(self, texts):
        Counting.built += 1
        return super().build(texts)


def test_the_same_texts_are_trained_on_once() -> None:
    Counting.built = 0
    first = trained_tokenizer(Counting(vocabulary_size=80), TEXTS)
    again = trained_tokenizer(Counting(vocabulary_size=80), iter(TEXTS))
    assert Counting.built == 1
    assert again.hash == first.hash == WordPieceBuilder(vocabulary_size=80).build(iter(TEXTS)).hash
    assert again.encode("number 7") == first.encode("number 7")
    trained_tokenizer(Counting(vocabulary_size=80), TEXTS[1:])
    trained_tokenizer(Counting(vocabulary_size=81), TEXTS)
    assert Counting.built == 3, "other texts and other options are trained anew"


def test_a_ready_tokenizer_stays_as_it_is() -> None:
    ready = TextTokenizer.train("unigram", TEXTS, 160)
    assert trained_tokenizer(ready, ["other"]) is ready
    assert trained_tokenizer(UnigramBuilder(vocabulary_size=160), TEXTS).eos_id == ready.eos_id
