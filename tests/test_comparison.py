"""Runs that were measured on other tests are not compared in silence."""

import json
from pathlib import Path
from typing import Any

import pytest

import interlace
from interlace.cli.application import run as command
from interlace.comparison import compare_tests
from interlace.configuration.spelling import spelled
from interlace.runs import Run

SPLITS = ("train", "train", "train", "val", "test")


def rows() -> list[dict[str, Any]]:
    return [
        {"id": f"r{i}", "split": SPLITS[i % 5], "text": f"{'ab'[i // 5 % 2]} {i}", "label": "ab"[i // 5 % 2]}
        for i in range(40)
    ]  # fmt: skip


def swapped(row: dict[str, Any], split: str) -> dict[str, Any]:
    return {**row, "label": {"a": "b", "b": "a"}[row["label"]]} if row["split"] == split else row


CHANGES = {
    "labels": lambda rows: [swapped(row, "test") for row in rows],
    "ids": lambda rows: [{**row, "id": "x" + row["id"]} if row["split"] == "test" else row for row in rows],
    "fewer": lambda rows: rows[:-1],
    "training": lambda rows: [swapped(row, "train") for row in rows],
    "nothing": lambda rows: rows,
}
SAID = {
    "labels": "8 of 8 test examples have other labels than in the first run",
    "ids": "was tested on 8 examples and the first run on 8, of which 0 are the same",
    "fewer": "was tested on 7 examples and the first run on 8, of which 7 are the same",
    "training": None,  # of another file: that its training data differ is meant
    "nothing": None,
}


def train(path: Path, rows: list[dict[str, Any]], outputs: Path) -> Run:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    options = ["experiment=manifest", spelled("data.path", str(path)), "fusion=majority", "logger=none"]
    return interlace.train(interlace.compose(options), outputs=outputs, quiet=True)


@pytest.fixture(scope="module")
def first(tmp_path_factory: pytest.TempPathFactory) -> Run:
    folder = tmp_path_factory.mktemp("first")
    return train(folder / "data.jsonl", rows(), folder / "outputs")


@pytest.mark.parametrize("change", CHANGES)
def test_other_test_labels_or_examples_are_said(first: Run, tmp_path: Path, capsys, change: str) -> None:
    other = train(tmp_path / "data.jsonl", CHANGES[change](rows()), tmp_path / "outputs")
    notes = compare_tests([first, other])
    assert [SAID[change] in note for note in notes] == ([] if SAID[change] is None else [True])
    assert command(["compare", str(first.directory), str(other.directory)]) == 0
    assert ("note:" in capsys.readouterr().out) == bool(notes)
    assert command(["compare", str(first.directory), str(other.directory), "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["notes"] == notes


def test_other_content_under_the_same_options_is_said(tmp_path: Path) -> None:
    path = tmp_path / "data.jsonl"
    before = train(path, rows(), tmp_path / "one")
    after = train(path, CHANGES["training"](rows()), tmp_path / "two")
    (note,) = compare_tests([before, after])
    assert (
        "data of different content than the first run, under the same options; test examples and labels are the same"
        in note
    )
