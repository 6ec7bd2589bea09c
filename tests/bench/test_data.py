"""Both sides of the data benchmark do the same work."""

import dataclasses
import json
import os
from pathlib import Path

import numpy as np
import pytest

from interlace.bench import data_ours
from interlace.bench.data import ROWS, Options, chosen
from interlace.bench.data_made import CLASSES, WIDTH, make
from interlace.bench.peers import datasets_manifest
from interlace.bench.rows import SCRATCH
from interlace.errors import UserError

OPTIONS = Options(threads=2, repeats=1, timeout=None, quick=False, lines=1000)


@pytest.fixture(scope="module")
def manifest(tmp_path_factory) -> Path:
    path = tmp_path_factory.mktemp("made") / "manifest.jsonl"
    assert make(output=path, lines=600)["lines"] == 600
    return path


def test_the_manifest_is_what_it_says(manifest, tmp_path):
    rows = [json.loads(line) for line in manifest.read_text().splitlines()]
    assert [row["id"] for row in rows] == [f"e{i}" for i in range(600)]
    assert [row["split"] for row in rows].count("train") == 480
    assert {row["label"] for row in rows} == set(CLASSES)
    assert all(np.shape(row["features"]) == (WIDTH,) for row in rows)
    assert all(6 <= len(row["text"].split()) <= 26 for row in rows)
    make(output=tmp_path / "again.jsonl", lines=600)
    assert (tmp_path / "again.jsonl").read_bytes() == manifest.read_bytes()


@pytest.mark.parametrize("name", ROWS)
def test_every_contender_is_measured_once_and_belongs_to_a_side(name):
    row = ROWS[name](OPTIONS, Path("/manifest.jsonl"))
    assert row.name == name
    assert "1,000 lines" in row.title
    measured = [label for command in row.commands for label in command.readings]
    assert sorted(measured) == sorted(row.ours + row.peers)
    for command in row.commands:
        assert SCRATCH in command.arguments
        assert command.arguments[command.arguments.index("--work") + 1] == name
        assert command.arguments[-1] == "2"
    assert len(row.peers) == (name != "check")


def test_rows_are_chosen_by_name():
    assert chosen([]) == list(ROWS)
    assert chosen(["batches", "check"]) == ["check", "batches"]
    with pytest.raises(UserError, match="bench data chek: no such row"):
        chosen(["chek"])
    assert dataclasses.replace(OPTIONS, lines=5).lines == 5


def test_both_sides_see_the_same_tokens(manifest, tmp_path, monkeypatch):
    pytest.importorskip("datasets")
    monkeypatch.setattr(os, "environ", os.environ)  # `datasets.map` puts a copy in its place
    monkeypatch.setenv("HF_HOME", str(tmp_path / "home"))
    monkeypatch.setitem(os.environ, "INTERLACE_CACHE", str(tmp_path / "cache"))
    ours = data_ours.measure(manifest=manifest, work="batches", scratch=tmp_path / "ours", threads=1)
    theirs = datasets_manifest.measure(manifest=manifest, work="batches", scratch=tmp_path / "peer", processes=1)
    assert ours["examples"] == theirs["examples"] == 480
    assert ours["tokens"] == theirs["tokens"]


def test_ours_checks_and_prepares_every_line(manifest, tmp_path, monkeypatch):
    monkeypatch.setitem(os.environ, "INTERLACE_CACHE", str(tmp_path / "cache"))
    for work in ("check", "prepare"):
        found = data_ours.measure(manifest=manifest, work=work, scratch=tmp_path / work, threads=1)
        assert found["examples"] == 600
        assert found["value"] > 0
