"""Extractive question answering: windows, loss, best span, thresholds, and whole runs."""

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch

from interlace.configuration.compose import compose
from interlace.configuration.tasks import task_named
from interlace.evaluation import evaluate_run
from interlace.metrics.answers import answer_scores
from interlace.tasks.span.learning import best_threshold
from interlace.training import train

OPTIONS = ["experiment=squad", "data=reading_comprehension", "logger=none", "trainer=cpu", "optimizer.learning_rate=0.01",
           "encoder/text=lstm", "data.val_articles=2", "data.test_articles=3", "tokenizer.vocabulary_size=120"]  # fmt: skip


def squad_file(path: Path, articles: int = 10, long: int = 0) -> Path:
    """The answer to "what colour is X" is the capitalised word behind "X is"."""
    rng = np.random.default_rng(0)
    things, colours = ["box", "cat", "sky", "sea"], ["Red", "Blue", "Green", "Black", "White"]
    data = []
    for article in range(articles):
        paragraphs = []
        for place in range(6):
            chosen = rng.permutation(things)[:3]
            told = [(thing, rng.choice(colours)) for thing in chosen]
            filler = "and so it goes on and on . " * long
            context = filler + " . ".join(f"the {thing} is {colour}" for thing, colour in told) + " . " + filler
            thing, colour = told[int(rng.integers(3))]
            start = context.index(f"the {thing} is ") + len(f"the {thing} is ")
            paragraphs.append({"context": context, "qas": [{
                "id": f"q{article}-{place}", "question": f"what colour is the {thing} ?",
                "answers": [{"text": str(colour), "answer_start": start}]}]})  # fmt: skip
        data.append({"title": f"article {article}", "paragraphs": paragraphs})
    path.write_text(json.dumps({"version": "1.1", "data": data}))
    return path


def test_a_run_learns_predicts_and_is_evaluated(tmp_path) -> None:
    path = squad_file(tmp_path / "all.json", 30)
    options = [*OPTIONS, f"data.path={path}", "trainer.max_epochs=12", "data.unanswerable=0.5", "data.batch_size=16"]
    run = train(compose(options), outputs=tmp_path / "out", quiet=True)
    table = pd.read_parquet(run.directory / "predictions.parquet")
    print(run.metrics)
    print(table.head().to_string())
    assert len(table) == 18 + 9
    assert table["score/f1"].mean() == pytest.approx(run.metrics["test/f1"])
    references = [[] if label == "" else label.split(" | ") for label in table["label"]]
    assert answer_scores(list(table["prediction"]), references) == pytest.approx(
        (run.metrics["test/exact_match"], run.metrics["test/f1"]))
    assert evaluate_run(run, [])["test/f1"] == pytest.approx(run.metrics["test/f1"])
    found = run.predict([{"question": "what colour is the sea ?", "context": "the sky is Red . the sea is Blue ."}])
    print(found)
