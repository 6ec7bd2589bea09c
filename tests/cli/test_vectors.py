"""interlace vectors, from the command line to what it prints."""

import json
from itertools import pairwise

import numpy as np
import pytest

from interlace.cli.application import run
from interlace.pretrained.word_vectors import WordVectors

WORDS = ["man", "king", "woman", "queen", "apple"]
MATRIX = np.array([[1, 0, 0], [1, 0, 2], [0, 1, 0], [0, 1, 2], [3, 3, -3]], dtype=np.float32)


@pytest.fixture
def file(tmp_path):
    WordVectors(WORDS, MATRIX).save(tmp_path / "vectors.txt")
    return tmp_path / "vectors.txt"


def test_nearest(file, capsys):
    assert run(["vectors", "nearest", str(file), "king", "-k", "2"]) == 0
    assert capsys.readouterr().out == " 0.8000  queen\n 0.4472  man\n"
    assert run(["vectors", "nearest", str(file), "King"]) == 2
    assert "did you mean 'king'" in capsys.readouterr().err


def test_analogy(file, capsys):
    assert run(["vectors", "analogy", str(file), "man", "king", "woman", "-k", "1", "--json"]) == 0
    assert [row["word"] for row in json.loads(capsys.readouterr().out)] == ["queen"]


def test_evaluate(file, tmp_path, capsys):
    (tmp_path / "questions.txt").write_text(": royal\nman king woman queen\nman king woman pear\n")
    (tmp_path / "pairs.txt").write_text("king queen 9\nking man 5\nking apple 1\nking pear 1\n")
    options = ["--analogies", str(tmp_path / "questions.txt"), "--similarity", str(tmp_path / "pairs.txt")]
    assert run(["vectors", "evaluate", str(file), *options, "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["analogies"][0] == {
        "name": "royal", "correct": 1, "asked": 1, "total": 2, "coverage": 0.5, "accuracy": 1.0
    }  # fmt: skip
    assert found["similarity"] == [
        {"name": "pairs", "spearman": pytest.approx(1.0), "used": 3, "total": 4, "coverage": 0.75}
    ]
    assert run(["vectors", "evaluate", str(file), *options]) == 0
    shown = capsys.readouterr().out
    assert "1 of 2" in shown
    assert "75.0%" in shown


def test_evaluate_finds_the_files_of_the_data_folder(file, tmp_path, capsys, monkeypatch):
    monkeypatch.setenv("INTERLACE_DATA", str(tmp_path / "data"))
    monkeypatch.setenv("INTERLACE_CACHE", str(tmp_path / "cache"))
    assert run(["vectors", "evaluate", str(file)]) == 2
    assert "name files with --analogies and --similarity" in capsys.readouterr().err
    (tmp_path / "data/word-similarity").mkdir(parents=True)
    (tmp_path / "data/word-similarity/EN-TOY.txt").write_text("king queen 9\nking apple 1\n")
    assert run(["vectors", "evaluate", str(file), "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["similarity"][0]["name"] == "EN-TOY"


def test_convert_there_and_back(file, tmp_path, capsys):
    chain = [file, tmp_path / "a.bin", tmp_path / "glove.txt.gz", tmp_path / "b.txt"]
    for source, target in pairwise(chain):
        assert run(["vectors", "convert", str(source), str(target)]) == 0
    assert chain[-1].read_bytes() == file.read_bytes()
    assert "5 words, 3 dimensions" in capsys.readouterr().out
    assert run(["vectors", "convert", str(tmp_path / "absent"), str(tmp_path / "c.bin")]) == 2
    assert not (tmp_path / "c.bin").exists()
