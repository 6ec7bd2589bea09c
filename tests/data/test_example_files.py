"""Example files: written anew with the same bytes, never over a user's file, and read as what they are said to hold."""

import json
import re
from pathlib import Path

import pytest

from interlace.cli.application import run
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
