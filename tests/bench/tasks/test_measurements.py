"""Measurements of `interlace bench tasks` on small data: both sides compute the same, or it is an error."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from interlace.bench.peers import bare_bm25s
from interlace.bench.tasks import beam_search, dense, made, reading, retrieval
from interlace.bench.tasks.turns import rates_in_turn
from interlace.errors import UserError


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("made") / "inputs"
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(made, "WORDS", 300)
        patch.setattr(made, "AT_ONCE", 70)
        found = made.make(folder=path, passages=200, queries=90)
    assert (found["passages"], found["queries"]) == (200, 90)
    return path


def test_a_query_has_words_of_a_passage(folder: Path) -> None:
    passages = [text.lower().rstrip(".").split() for text in retrieval.lines_of(folder / made.PASSAGES)]
    queries = [text.rstrip("?").split() for text in retrieval.lines_of(folder / made.QUERIES)]
    assert (len(passages), len(queries)) == (200, 90)
    assert all(20 <= len(passage) <= 180 for passage in passages)
    assert all(any(set(query) <= set(passage) for passage in passages) for query in queries)


@pytest.mark.parametrize("work", ["index", "query"])
def test_ours_and_bm25s_compute_the_same_scores(folder: Path, work: Any) -> None:
    ours, bare = retrieval.measure(folder=folder, work=work), bare_bm25s.measure(folder=folder, work=work)
    assert ours["digest"] == bare["digest"]
    assert ours["value"] > 0
    assert bare["value"] > 0


def test_other_scores_have_another_digest() -> None:
    scores = np.array([[0.5, 0.25]], dtype=np.float32)
    assert retrieval.digest(scores) != retrieval.digest(np.nextafter(scores, np.float32(1)))


def test_works_are_measured_in_turn_after_one_call_each() -> None:
    calls: list[str] = []

    def work(name: str, size: int) -> Callable[[], object]:
        return lambda: (calls.append(name), np.random.default_rng(0).random(size).sort())

    rates = rates_in_turn({"long": work("long", 400_000), "short": work("short", 40_000)}, 10, 3)
    assert calls == ["long", "short"] * 4
    assert all(long < short for long, short in zip(*rates.values(), strict=True))
    assert len(rates["long"]) == 3


def test_the_nearest_vectors_are_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    found = dense.measure(vectors=3_000, queries=20, rounds=2)
    assert {name: len(found[name]) for name in ("interlace", "numpy", "torch")} == dict.fromkeys(
        ("interlace", "numpy", "torch"), 2
    )
    monkeypatch.setattr(dense, "by_torch", lambda vectors, queries: np.ones((len(queries), dense.DEPTH), np.float32))
    with pytest.raises(UserError, match="the ten best scores of torch differ from ours by 0"):
        dense.measure(vectors=300, queries=20, rounds=1)


@pytest.mark.parametrize("ends", ["vary", "equal"])
def test_translations_equal_those_of_transformers(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, ends: Any) -> None:
    pytest.importorskip("transformers")
    small = {"VOCABULARY": 600, "LIMIT": {"vary": 8, "equal": 6}, "END_WEIGHT": 1.8, "END_SPREAD": 1.0}
    for name, value in small.items():
        monkeypatch.setattr(beam_search, name, value)
    given = {"sentences": 6, "rounds": 1, "ends": ends, "quick": True}
    found = beam_search.measure(**given, scratch=tmp_path)
    tokens = found["tokens"]
    assert (tokens["least"] == tokens["most"]) == (ends == "equal")
    assert found["interlace"][0] > 0
    assert found["transformers"][0] > 0
    (tmp_path / "again").mkdir()
    monkeypatch.setattr(beam_search, "by_transformers", lambda directory, prompts, limit: lambda: [[]] * len(prompts))
    with pytest.raises(UserError, match="of 6 translations differ, the first is number"):
        beam_search.measure(**given, scratch=tmp_path / "again")


def test_windows_have_the_same_answers_in_either_order(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reading, "WORDS", 200)
    monkeypatch.setattr(reading, "SPLITS", {"train": 3, "val": 3})
    found = reading.measure(questions=12, rounds=1, quick=True, scratch=tmp_path)
    assert found["windows"] >= found["questions"] == 12
    assert found["interlace"][0] > 0
    monkeypatch.setattr(reading, "in_order_of_file", lambda model, split, learning: np.zeros((len(split), 6)))
    with pytest.raises(UserError, match="the outputs of windows differ by"):
        reading.measure(questions=12, rounds=1, quick=True, scratch=tmp_path)
