"""Small runs that several modules of these tests ask."""

import json
from functools import cache

import pytest

from interlace.configuration.compose import compose
from interlace.training import train
from tests.apps.text_runs import train_text_run, write_data

SMALL = ["trainer.max_epochs=1", *(f"trainer.limit_{split}_batches=1" for split in ("train", "val", "test")),
         "logger=none"]  # fmt: skip


@pytest.fixture(scope="session")
def scenes(tmp_path_factory):
    """A classifier of a text, a picture and a sound."""
    return train(compose(["experiment=scenes", *SMALL]), outputs=tmp_path_factory.mktemp("scenes"), quiet=True)


@pytest.fixture(scope="session")
def reader(tmp_path_factory):
    """A reader of three articles, trained for two steps."""
    folder = tmp_path_factory.mktemp("reader")
    text = "Long ago Ada founded {}. It lies on a river."
    lines = [
        {"id": t, "title": t, "question": f"who founded {t}", "context": text.format(t), "answers": ["Ada"]}
        for t in ("abcd", "efgh", "ijkl")
    ]
    (folder / "all.jsonl").write_text("\n".join(map(json.dumps, lines)))
    overrides = ["logger=none", "trainer=cpu", "trainer.threads=1", "experiment=squad", "data=reading_comprehension",
                 f"data.path={folder / 'all.jsonl'}", "data.val_articles=1", "data.test_articles=1",
                 "tokenizer.vocabulary_size=60", "data.max_tokens=60", "data.max_question_tokens=20", "data.stride=30",
                 "trainer.max_steps=2", "encoder.text.dim=8"]  # fmt: skip
    return train(compose(overrides), outputs=folder / "out", quiet=True)


@pytest.fixture(scope="session")
def text_run(tmp_path_factory):
    """A function that returns a run of `text_runs.RUNS`, trained at the first call."""
    folder = tmp_path_factory.mktemp("texts")
    write_data(folder)
    return cache(lambda name: train_text_run(name, folder, tmp_path_factory.mktemp(f"out-{name}")))
