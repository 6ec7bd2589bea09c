"""Files of word vectors against gensim's, and every way they can be broken."""

import gzip
import re

import numpy as np
import pytest

from interlace.errors import UserError
from interlace.pretrained.word_vectors import WordVectors

FORMATS = ["word2vec-text", "word2vec-binary", "glove"]
WORDS = ["the", "of", "naïve", "日本", "New_York", "the.", "1990", "Paris"]


@pytest.fixture
def vectors() -> WordVectors:
    matrix = np.random.default_rng(0).normal(0, 3, (len(WORDS), 5)).astype(np.float32)
    matrix[0] = [1e-38, -3.4e38, 0.1, 1 / 3, 10.0]  # 10.0 as binary holds no line feed, 0.1 needs all its digits
    matrix[1] = np.frombuffer(b"\n \n " * 5, dtype="<f4")  # vectors whose bytes look like word ends
    return WordVectors(WORDS, matrix)


@pytest.mark.parametrize("packed", ["", ".gz"])
@pytest.mark.parametrize("format", FORMATS)
def test_what_is_written_is_read_back_to_the_bit(tmp_path, vectors, format, packed):
    path = tmp_path / ("vectors.any" + packed)
    vectors.save(path, format)
    assert (path.read_bytes()[:2] == b"\x1f\x8b") == bool(packed)
    for read in (WordVectors.load(path), WordVectors.load(path, format)):  # told from its content, and named
        assert read.words == WORDS
        np.testing.assert_array_equal(read.matrix, vectors.matrix)
    assert [p.name for p in tmp_path.iterdir()] == [path.name]


@pytest.mark.parametrize("format", FORMATS)
def test_gensim_reads_ours(tmp_path, vectors, format):
    keyed = pytest.importorskip("gensim.models").KeyedVectors
    path = tmp_path / "vectors"
    vectors.save(path, format)
    theirs = keyed.load_word2vec_format(path, binary=format == "word2vec-binary", no_header=format == "glove")
    assert theirs.index_to_key == WORDS
    np.testing.assert_array_equal(theirs.vectors, vectors.matrix)


@pytest.mark.parametrize("format", FORMATS)
def test_we_read_gensims(tmp_path, vectors, format):
    keyed = pytest.importorskip("gensim.models").KeyedVectors
    theirs = keyed(5)
    theirs.add_vectors(WORDS, vectors.matrix)
    path = tmp_path / "vectors"
    theirs.save_word2vec_format(path, binary=format == "word2vec-binary", write_header=format != "glove")
    read = WordVectors.load(path)
    assert read.words == WORDS
    np.testing.assert_array_equal(read.matrix, vectors.matrix)


def test_binary_without_line_feeds_is_read(tmp_path):
    """GoogleNews has none after its vectors, word2vec.c writes one."""
    path = tmp_path / "vectors.bin"
    matrix = np.arange(6, dtype="<f4").reshape(2, 3)
    path.write_bytes(b"2 3\na " + matrix[0].tobytes() + b"b " + matrix[1].tobytes())
    read = WordVectors.load(path)
    assert read.words == ["a", "b"]
    np.testing.assert_array_equal(read.matrix, matrix)


def test_binary_longer_than_one_reading(tmp_path):
    words = [f"word{i}" for i in range(3000)]
    matrix = np.random.default_rng(0).normal(size=(3000, 200)).astype(np.float32)  # 2.4 MB, read by 1 MiB
    WordVectors(words, matrix).save(tmp_path / "v.bin")
    read = WordVectors.load(tmp_path / "v.bin")
    assert read.words == words
    np.testing.assert_array_equal(read.matrix, matrix)


def test_glove_words_with_spaces_are_words(tmp_path):
    path = tmp_path / "glove.txt"
    path.write_text("the 1 2 3\n. . . 4 5 6\nat name@domain.com 7 8 9\n", encoding="utf-8")
    read = WordVectors.load(path)
    assert read.words == ["the", ". . .", "at name@domain.com"]
    assert read.matrix.tolist() == [[1, 2, 3], [4, 5, 6], [7, 8, 9]]


def test_format_goes_by_the_name_when_writing(tmp_path, vectors):
    for name, start in (("v.bin", b"8 5\nthe "), ("v.txt", b"8 5\nthe 1e-38"), ("glove.8.txt", b"the 1e-38")):
        vectors.save(tmp_path / name)
        assert (tmp_path / name).read_bytes().startswith(start)


PAIR = np.array([1, 2], dtype="<f4").tobytes()


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"2 2\na 1 2\na 3 4\n", "line 3: the word 'a' was on line 2 already"),
        (b"2 2\na 1 2\nb 3\n", "line 3: expected a word and 2 numbers, found 2 fields"),
        (b"2 2\na 1 2\nb 3 4 5\n", "line 3: expected a word and 2 numbers, found 4 fields"),
        (b"a 1 2\nb 3 4 5\n", "line 2: expected a word and 2 numbers, found 4 fields"),
        (b"a 1 2\nb 3 x\n", "line 2: expected 2 numbers after the word"),
        (b"a 1 2\nb 3 nan\n", "line 2: a number is infinite or NaN"),
        (b"a 1 2\nb 3 1e39\n", "line 2: a number is infinite or NaN"),
        (b"a 1 2\n\nb 3 4\n", "line 2: an empty line"),
        (b"a 1 2\n\xff\xfe 3 4\n", "line 2: the word b'\\xff\\xfe' is not UTF-8"),
        (b"3 2\na 1 2\nb 3 4\n", "line 1 states 3 words, the file ends after 2"),
        (b"1 2\na 1 2\nb 3 4\n", "line 3: line 1 states 1 words, here is one more"),
        (b"2 0\na\nb\n", "line 1: 0 dimensions"),
        (b"0 2\n", "line 1: expected the number of words and of dimensions, found '0 2'"),
        (b"", "the first line is empty"),
        (b"\na 1 2\n", "the first line is empty"),
        (b"2 2\na " + PAIR + b"\nb " + PAIR[:5], "byte 22: the file ends within word 2 of the 2 that line 1 states"),
        (b"2 2\na " + PAIR + b"\na " + PAIR, "byte 15: the word 'a' is there twice"),
        (b"2 2\na " + PAIR + b"\n\xff " + PAIR, "byte 15: the word b'\\xff' is not UTF-8"),
        (b"1 2\na " + PAIR + b"\nb " + PAIR, "line 1 states 1 words, but more follow"),
        (b"1 2\na " + np.array([1, np.nan], "<f4").tobytes(), "byte 4: the vector of 'a' holds an infinite number or"),
        (b"9 2\n" + b"\0" * 6000, "byte 4: no word ends here; the file is not word2vec binary"),
        (gzip.compress(b"a 1 2\nb 3 4\n", mtime=0)[:-9], "damaged or truncated"),
    ],
)
def test_faults_are_named_by_their_place(tmp_path, content, message):
    path = tmp_path / "vectors"
    path.write_bytes(content)
    with pytest.raises(UserError, match=re.escape(message)) as raised:
        WordVectors.load(path)
    assert str(path) in str(raised.value)


def test_a_file_that_is_not_there(tmp_path):
    with pytest.raises(UserError, match=r"none\.txt: no such file"):
        WordVectors.load(tmp_path / "none.txt")
    with pytest.raises(UserError, match="cannot be read"):
        WordVectors.load(tmp_path)


@pytest.mark.parametrize("word", ["a b", "", "a\n", "a\tb"])
def test_words_that_no_file_can_hold_leave_no_file(tmp_path, word):
    with pytest.raises(UserError, match="is empty or contains white space"):
        WordVectors([word], np.ones((1, 2))).save(tmp_path / "v.txt")
    assert not list(tmp_path.iterdir())


def test_nearest_and_analogy_are_gensims():
    keyed = pytest.importorskip("gensim.models").KeyedVectors
    words = [f"w{i}" for i in range(200)]
    matrix = np.random.default_rng(1).normal(size=(200, 8)).astype(np.float32)
    ours, theirs = WordVectors(words, matrix), keyed(8)
    theirs.add_vectors(words, matrix)
    for found, expected in (
        (ours.nearest("w7", 5), theirs.most_similar("w7", topn=5)),
        (ours.analogy("w1", "w2", "w3", 4), theirs.most_similar(positive=["w2", "w3"], negative=["w1"], topn=4)),
    ):
        assert [word for word, _ in found] == [word for word, _ in expected]
        assert [cosine for _, cosine in found] == pytest.approx([cosine for _, cosine in expected], abs=1e-6)
    assert len(ours.nearest("w7", 1000)) == 199


def test_unknown_words_are_told_with_a_spelling_that_is_there(vectors):
    with pytest.raises(UserError, match="'paris' has no vector among the 8 words; did you mean 'Paris'"):
        vectors.nearest("paris", 3)
    with pytest.raises(UserError, match=r"'xyz' has no vector among the 8 words$"):
        vectors.analogy("the", "of", "xyz")


def test_a_table_for_a_tokenizer(vectors):
    wanted = ["[PAD]", "The", "of", "Naïve", "paris", "日本"]
    table, coverage = vectors.matrix_for(wanted, missing="zeros")
    for row, word in ((1, "the"), (2, "of"), (3, "naïve"), (5, "日本")):
        np.testing.assert_array_equal(table[row], vectors.vector(word))
    assert not table[[0, 4]].any()
    assert tuple(coverage) == (6, 2, 2)
    assert coverage.share == pytest.approx(4 / 6)
    assert str(coverage) == "4 of 6 words have a vector (66.7%; 2 by their lower-case form)"
    table, coverage = vectors.matrix_for(wanted, missing="zeros", lower_case=False)
    assert tuple(coverage) == (6, 2, 0)
    assert not table[[0, 1, 3, 4]].any()


def test_rows_of_missing_words():
    matrix = np.random.default_rng(0).normal([2, -3], [0.5, 4], (500, 2)).astype(np.float32)
    vectors = WordVectors([f"w{i}" for i in range(500)], matrix)
    missing = [f"x{i}" for i in range(4000)]
    mean, _ = vectors.matrix_for(missing, missing="mean")
    np.testing.assert_allclose(mean, np.broadcast_to(matrix.mean(0), (4000, 2)), rtol=1e-6)
    random, _ = vectors.matrix_for(missing, missing="random", seed=5)
    np.testing.assert_allclose(random.mean(0), matrix.mean(0), atol=0.25)
    np.testing.assert_allclose(random.std(0), matrix.std(0), rtol=0.05)
    np.testing.assert_array_equal(random, vectors.matrix_for(missing, missing="random", seed=5)[0])
    assert not np.allclose(random, vectors.matrix_for(missing, missing="random", seed=6)[0])


def test_words_and_rows_must_fit():
    with pytest.raises(UserError, match="'a' occurs twice"):
        WordVectors(["a", "b", "a"], np.ones((3, 2)))
    with pytest.raises(UserError, match="2 words need a matrix with as many rows"):
        WordVectors(["a", "b"], np.ones((3, 2)))
