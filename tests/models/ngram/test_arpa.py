import re
import warnings
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest

from interlace.errors import UserError
from interlace.models.ngram import DiscountWarning, NgramModel, estimate_file, from_text

from .test_model import DOCUMENTS, model_of

FIXTURES = Path(__file__).parent / "fixtures"
MODELS = [*(f"{name}.{order}" for name in ("chain", "play") for order in (1, 2, 3, 4, 5)), "chain.4.pruned"]
HELD_OUT = [
    "der Über naïve мир война",
    "the a\u00a0b of e\u0301 nobody knows w3 w1",
    "",
    "Before we proceed any further, hear me speak.",
    "We are accounted poor citizens, the patricians good.",
]


def entries(path: Path) -> dict[str, tuple[float, float]]:
    """n-gram -> log10 p and backoff, by means of their own."""
    found: dict[str, tuple[float, float]] = {}
    for line in path.read_text(encoding="utf-8").split("\n"):
        prob, *rest = line.split("\t")
        if rest:
            found[rest[0]] = (float(prob), float(rest[1]) if len(rest) == 2 else 0.0)
    return found


def lines_of(name: str) -> list[str]:
    return (FIXTURES / f"{name}.txt").read_bytes().decode().split("\n")[:-1]


def estimated(model: str) -> NgramModel:
    name, order, *pruned = model.split(".")
    with warnings.catch_warnings():
        warnings.simplefilter("error" if name == "chain" else "ignore", DiscountWarning)
        return from_text(lines_of(name), int(order), prune=[0, 0, 1, 2] if pruned else [0])


@pytest.mark.parametrize("name", MODELS)
def test_every_number_is_that_of_lmplz(name: str, tmp_path: Path) -> None:
    estimated(name).to_arpa(tmp_path / "ours.arpa")
    ours, theirs = entries(tmp_path / "ours.arpa"), entries(FIXTURES / f"{name}.arpa")
    assert ours.keys() == theirs.keys()
    assert len(ours) > 100
    difference = np.array([ours[gram] for gram in theirs]) - np.array(list(theirs.values()))
    assert np.abs(difference).max() < 2e-6


def test_the_fixture_that_needs_it_warns() -> None:
    with pytest.warns(DiscountWarning) as caught:
        from_text(lines_of("play"), 5)
    assert [str(w.message)[0] for w in caught] == ["2", "3", "4", "5"]


@pytest.mark.parametrize("name", [model for model in MODELS if ".1" not in model])
def test_kenlm_scores_our_files_as_we_do(name: str, tmp_path: Path) -> None:
    kenlm = pytest.importorskip("kenlm")
    model = estimated(name)
    model.to_arpa(tmp_path / "ours.arpa")
    theirs = kenlm.Model(str(tmp_path / "ours.arpa"))
    for line in [*HELD_OUT, *lines_of(name.split(".")[0])[:60]]:
        words = model.encode(line)
        full = list(theirs.full_scores(line, bos=True, eos=True))
        np.testing.assert_allclose(model.score([words])[0], [score for score, _, _ in full], atol=1e-5)
        assert model.log10_sentence(words) == pytest.approx(theirs.score(line), abs=1e-4)
        assert model.perplexity([words]).num_unknown == sum(unknown for _, _, unknown in full)
        assert model.perplexity([words]).perplexity == pytest.approx(theirs.perplexity(line), rel=1e-4)


@pytest.mark.parametrize("name", MODELS)
def test_files_of_lmplz_are_read_and_written_back(name: str, tmp_path: Path) -> None:
    read, fitted = NgramModel.from_arpa(FIXTURES / f"{name}.arpa"), estimated(name)
    for line in HELD_OUT:
        np.testing.assert_allclose(
            read.score([read.encode(line)])[0], fitted.score([fitted.encode(line)])[0], atol=1e-5
        )
    read.to_arpa(tmp_path / "again.arpa")
    again, first = entries(tmp_path / "again.arpa"), entries(FIXTURES / f"{name}.arpa")
    assert again.keys() == first.keys()
    np.testing.assert_allclose([again[g] for g in first], list(first.values()), atol=1e-6)
    probs = read.next_distribution(read.encode("the of"))
    assert probs.sum() == pytest.approx(1.0, abs=1e-5)


def test_ids_without_unknown_word(tmp_path: Path) -> None:
    """A byte-level tokenizer: no `<unk>`, ids as digits, and padding that is left out."""
    kenlm = pytest.importorskip("kenlm")
    model = model_of(DOCUMENTS, 3, unk_id=None, excluded_ids=(0, 3))
    model.to_arpa(tmp_path / "ids.arpa")
    theirs = kenlm.Model(str(tmp_path / "ids.arpa"))
    for document in [*DOCUMENTS, [11, 4, 5]]:
        assert model.log10_sentence(document) == pytest.approx(theirs.score(" ".join(map(str, document))), abs=1e-4)
    assert "\t3\t" not in (tmp_path / "ids.arpa").read_text().split("\\2-grams:")[0]


UNITS = ["?", "<bos>", "<eos>", "<pad>", " ", "\n", "", "<s>", "<unk>", "\\u0020", "a b", "\u3000é"]


def test_awkward_units_are_an_error_or_escaped(tmp_path: Path) -> None:
    model = model_of(DOCUMENTS, 3, units=UNITS)
    with pytest.raises(UserError, match=r"unit ' ' \(id 4\): an ARPA file cannot hold .* escape=True"):
        model.to_arpa(tmp_path / "units.arpa")
    assert not list(tmp_path.iterdir())
    model.to_arpa(tmp_path / "units.arpa", escape=True)
    read = NgramModel.from_arpa(tmp_path / "units.arpa", escape=True)
    assert read.settings.units is not None
    place = {unit: read.settings.units.index(unit, 2 if unit.startswith("<") else 0) for unit in UNITS[4:]}
    for document in [*DOCUMENTS, [11, 4]]:
        moved = [place[UNITS[token]] for token in document]
        assert read.log10_sentence(moved) == pytest.approx(model.log10_sentence(document), abs=1e-5)
    kenlm = pytest.importorskip("kenlm")
    assert kenlm.Model(str(tmp_path / "units.arpa")).order == 3


def test_two_ids_of_one_name_and_a_folder_that_cannot_be_written(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="'x' is the name of several ids"):
        model_of(DOCUMENTS, 2, units=["?", "s", "e", "p", *"abcdefxx"]).to_arpa(tmp_path / "a.arpa")
    (tmp_path / "file").write_text("")
    with pytest.raises(UserError, match="cannot write the ARPA file"):
        model_of(DOCUMENTS, 2).to_arpa(tmp_path / "file" / "a.arpa")


def test_a_file_without_unknown_word_warns(tmp_path: Path) -> None:
    text = "\\data\\\nngram 1=3\n\n\\1-grams:\n-99\t<s>\n-0.3\t</s>\n-0.3\ta\n\n\\end\\\n"
    (tmp_path / "no.arpa").write_text(text)
    with pytest.warns(UserWarning, match="no <unk>; unknown words get log10 p -100"):
        model = NgramModel.from_arpa(tmp_path / "no.arpa")
    assert model.log10_sentence(model.encode("a zzz")) == pytest.approx(-100.6, abs=1e-4)


def changed(text: str, line: int, new: str | None) -> str:
    lines = text.split("\n")
    if new is None:
        return "\n".join(lines[: line - 1]) + "\n"
    lines[line - 1] = new
    return "\n".join(lines)


GOOD = """\\data\\
ngram 1=4
ngram 2=2

\\1-grams:
-1.5\t<unk>\t0
0\t<s>\t-0.2
-0.4\t</s>\t0
-0.6\ta\t-0.3

\\2-grams:
-0.1\t<s> a
-0.2\ta </s>

\\end\\
"""


@pytest.mark.parametrize(
    ("line", "new", "message"),
    [
        (1, "data", r"line 1: 'data' where \\data\\ was expected"),
        (2, "ngram 2=4", "line 2: 'ngram 2=4' where 'ngram 1=<count>'"),
        (2, "ngram 1=x", "line 2"),
        (3, "ngram 2=3", r"line 14: ''; expected log10 p"),
        (3, "ngram 2=1", r"line 13: .* where \\end\\ was expected"),
        (5, "\\2-grams:", r"line 5: .* where \\1-grams: was expected"),
        (6, "-1.5 <unk> 0", "line 6: .* expected log10 p, tab"),
        (6, "x\t<unk>\t0", "line 6: .* is not a number"),
        (6, "0.5\t<unk>\t0", "line 6: .* log10 p must be at most 0"),
        (6, "nan\t<unk>\t0", "line 6: .* log10 p must be at most 0"),
        (7, "0\t<s>\tinf", "line 7: .* the backoff finite"),
        (7, "0\tb\t0", "line 9: the unigrams up to this line lack <s>"),
        (9, "-0.6\t<unk>\t0", "line 9: the unigram '<unk>' is a duplicate"),
        (12, "-0.1\t<s> b", "line 12: the word 'b' is not a unigram"),
        (12, "-0.1\t<s> a b", "line 12: .* 2 word"),
        (12, "-0.1\t<s>  a", "line 12"),
        (12, "-0.1\t<s> a\t-0.5", "line 12: .* 0 in the highest order"),
        (13, "-0.1\t<s> a", "line 13: this 2-gram is a duplicate"),
        (13, None, "line 12: the file ends where 1 more 2-grams were expected"),
        (15, None, r"line 14: the file ends where \\end\\ was expected"),
        (1, None, r"line 1: the file ends where \\data\\"),
        (15, "more", r"line 15: 'more' where \\end\\"),
    ],
)
def test_faults_are_named_with_their_line(tmp_path: Path, line: int, new: str | None, message: str) -> None:
    path = tmp_path / "m.arpa"
    path.write_text(GOOD)
    assert NgramModel.from_arpa(path).order == 2
    path.write_text(changed(GOOD, line, new))
    with pytest.raises(UserError, match=message) as caught:
        NgramModel.from_arpa(path)
    assert str(path) in str(caught.value)


def test_a_context_that_is_missing_and_bytes_that_are_no_text(tmp_path: Path) -> None:
    path = tmp_path / "m.arpa"
    text = GOOD.replace("ngram 2=2", "ngram 2=2\nngram 3=1").replace("\\end", "\\3-grams:\n-0.1\ta a a\n\n\\end")
    path.write_text(text)
    with pytest.raises(UserError, match="line 17: the first words of this n-gram are not an n-gram themselves"):
        NgramModel.from_arpa(path)
    path.write_bytes(GOOD.encode().replace(b"\ta\t", b"\t\xff\t"))
    with pytest.raises(UserError, match=r"line 9: the word b'\\xff' is not UTF-8"):
        NgramModel.from_arpa(path)
    with pytest.raises(UserError, match=r"cannot be read .No such file"):
        NgramModel.from_arpa(tmp_path / "none.arpa")


def test_text_file_to_arpa_file_in_blocks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    estimated("chain.3").to_arpa(tmp_path / "whole.arpa")
    for block in (1, 7, 1000):
        monkeypatch.setattr("interlace.models.ngram.text.BLOCK_BYTES", block)
        monkeypatch.setattr("interlace.models.ngram.text.CHUNK_TOKENS", 50)
        monkeypatch.setattr("interlace.models.ngram.arpa.ROWS", 13)
        estimate_file(FIXTURES / "chain.txt", 3, tmp_path / "blocks.arpa")
        assert (tmp_path / "blocks.arpa").read_bytes() == (tmp_path / "whole.arpa").read_bytes()


def test_header_states_what_follows(tmp_path: Path) -> None:
    model = estimated("chain.3")
    model.to_arpa(tmp_path / "m.arpa")
    text = (tmp_path / "m.arpa").read_text()
    assert [int(size) for size in re.findall(r"ngram \d=(\d+)", text)] == model.num_ngrams
    sections = [text.index(title) for title in ("\\data\\", "\\1-grams:", "\\2-grams:", "\\3-grams:", "\\end\\")]
    assert all(left < right for left, right in pairwise(sections))
