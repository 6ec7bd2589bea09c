"""Example files: written anew with the same bytes, never over a user's file, and read as what they are said to hold."""

import json
import re
from pathlib import Path

import numpy as np
import pytest

from interlace.assembly import build_data
from interlace.cli.application import run
from interlace.configuration.compose import compose
from interlace.data.datamodule import DataModule
from interlace.data.example_files import write_example_files
from tests.documentation.blocks import blocks, pages


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    place = tmp_path_factory.mktemp("examples") / "my"
    write_example_files(place)
    return place


def contents(place: Path) -> dict[str, bytes]:
    return {path.relative_to(place).as_posix(): path.read_bytes() for path in place.rglob("*") if path.is_file()}


def test_the_same_files_are_written_again_and_a_changed_one_is_kept(folder, tmp_path, capsys):
    assert run(["data", "example", str(tmp_path / "my")]) == 0
    assert contents(tmp_path / "my") == contents(folder)
    assert run(["data", "example", str(tmp_path / "my")]) == 0
    told = capsys.readouterr().out.splitlines()
    assert {Path(line.split()[0]).name for line in told} == {path.name for path in folder.iterdir() if path.is_file()}
    (tmp_path / "my" / "labelled.tsv").write_text("mine")
    (tmp_path / "my" / "one.txt").unlink()
    assert run(["data", "example", str(tmp_path / "my")]) == 2
    assert "labelled.tsv: it is there already and holds something else" in capsys.readouterr().err
    assert (tmp_path / "my" / "labelled.tsv").read_text() == "mine"
    assert not (tmp_path / "my" / "one.txt").exists()


@pytest.mark.parametrize(
    ("name", "task", "overrides"),
    [
        ("data.jsonl", "classification into 3 classes", []),
        ("captions.jsonl", "generation", []),
        ("labelled.tsv", "classification into 2 classes", []),
        ("tags.jsonl", "multi_label", []),
        ("words.jsonl", "sequence_labels", ["data.task=sequence_labels"]),
        ("levels.jsonl", "classification into 3 classes", []),
        ("several.jsonl", "classification into 2 classes", ["data.label=colour"]),
    ],
)
def test_data_check_finds_nothing_bad_in_them(folder, name, task, overrides, capsys):
    assert run(["data", "check", str(folder / name), *overrides]) == 0
    told = capsys.readouterr().out
    assert "no bad lines" in told
    assert f"task: {task}" in told


def test_new_lines_have_no_label(folder):
    lines = [json.loads(line) for line in (folder / "new.jsonl").read_text().splitlines()]
    assert len(lines) == 6
    assert all("label" not in line and (folder / line["image"]).is_file() for line in lines)


def test_every_page_that_reads_files_in_my_writes_them_first():
    """A reader copies what a page shows: a file that only a hidden comment of the test makes would be missing."""
    made = ("my/data.jsonl", "my/new.jsonl", "my/captions.jsonl", "my/*.txt", "my/labelled.tsv", "my/tags.jsonl")
    for page in pages():
        text, written = page.read_text(encoding="utf-8"), ""
        for comment in re.findall(r"<!-- test: setup(.*?)-->", text, re.DOTALL):
            assert "open(" not in comment, f"{page.name}: show the block that writes these files"
        for block in blocks(text):
            written += block.text
            for name in made if block.language == "bash" else ():
                there = "interlace data example my" in written or f"> {name}" in written
                assert there or name not in block.text, f"{page.name}:{block.line}"


SMALL = ["data.num_train=8", "data.num_val=4", "data.num_test=4"]


@pytest.mark.parametrize(
    "overrides",
    [
        ["data=scenes", *SMALL],
        ["experiment=scenes_answers", *SMALL],
        ["data=scenes_sentiment", "data.target=value", *SMALL],
        ["data=scenes_videos", *SMALL],
        ["data=interactions", *SMALL],
        ["data=manifest", "data.path={folder}/data.jsonl"],
        ["data=manifest", "data.path={folder}/tags.jsonl"],
    ],
    ids=lambda words: "-".join(words[:2]),
)
def test_what_is_written_of_a_configuration_reads_back_as_its_data(folder, overrides, tmp_path, capsys):
    overrides = [each.format(folder=folder) for each in overrides]
    shown = tmp_path / "shown"
    assert run(["data", "example", str(shown), *overrides, "--split", "val", "--number", "3"]) == 0
    told = capsys.readouterr().out
    data = build_data(compose(overrides))
    restored = DataModule.from_state(json.loads(json.dumps(data.state())))
    lines = [json.loads(line) for line in (shown / "examples.jsonl").read_text().splitlines()]
    again, original = restored.encode(lines, shown), data.splits["val"]
    assert again.ids == original.ids[:3] == [line["id"] for line in lines]
    for row, line in enumerate(lines):
        mine, theirs = again.example(row)["inputs"], original.example(row)["inputs"]
        assert mine.keys() == theirs.keys() == data.modalities.keys()
        for name, x in theirs.items():
            assert (mine[name] is None) == (x is None), name
            assert x is None or np.array_equal(mine[name], x), name
        answer = data.spec.shown_label(data, original, row)
        assert line.get("label", line.get("target")) == answer
        assert answer in told
        assert original.prompts is None or (line["prompt"] == original.prompts[row] and line["prompt"] in told)
    before = contents(shown)
    assert run(["data", "example", str(shown), *overrides, "--split", "val", "--number", "3"]) == 0
    assert contents(shown) == before
    (shown / "examples.jsonl").write_text("mine")
    assert run(["data", "example", str(shown), *overrides, "--split", "val"]) == 2
    assert "examples.jsonl: it is there already and holds something else" in capsys.readouterr().err


def test_data_of_texts_alone_are_refused(tmp_path, capsys):
    for split in ("train", "val", "test"):
        (tmp_path / f"{split}.jsonl").write_text(f'{{"en": "a dog of {split}", "de": "ein Hund"}}\n')
    given = ["experiment=summaries/abstractive", "data=parallel_text", f"data.path={tmp_path}"]
    assert run(["data", "example", str(tmp_path / "shown"), *given]) == 2
    assert "files of texts already" in capsys.readouterr().err
    assert not (tmp_path / "shown").exists()
