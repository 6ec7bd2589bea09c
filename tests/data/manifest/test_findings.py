"""What `data check` says: counts, classes that only test has, other formats, and equal complaints as one."""

import json
import os
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import soundfile

from interlace.assembly import assemble
from interlace.cli.application import run
from interlace.configuration.compose import compose
from interlace.data.manifest import check, examine
from interlace.data.manifest.findings import table
from interlace.data.problems import Problem, grouped
from interlace.errors import UserError


def _rows() -> list[dict]:
    rows = [
        {"id": f"a{i}", "split": ("train", "train", "val", "test")[i % 4], "text": f"word {i}",
         "label": ("red", "blue")[i // 4 % 2], "speaker": "s"}
        for i in range(40)
    ]  # fmt: skip
    rows[3]["label"] = "green"  # of test
    return rows


def _written(path: Path, rows: list[dict]) -> Path:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


def test_it_counts_by_split_class_and_modality(tmp_path: Path) -> None:
    problems, summary = examine(_written(tmp_path / "a.jsonl", _rows()), groups=["speaker"])
    assert problems == []
    assert {name: split["examples"] for name, split in summary["splits"].items()} == {
        "train": 20,
        "val": 10,
        "test": 10,
    }
    assert summary["splits"]["test"]["classes"] == {"blue": 5, "green": 1, "red": 4}
    assert summary["splits"]["val"]["present"] == {"text": 10}
    assert summary["fields"] == {"text": "text", "id": "id", "split": "split", "label": "label", "speaker": "group"}
    assert summary["drawn"] == []
    told = "\n".join(table(summary))
    assert "class 'green' is only in test (1): a model cannot learn it from the training split" in told
    assert "40 lines, 40 usable examples; task: classification into 3 classes" in told


def test_it_says_which_splits_are_drawn(tmp_path: Path) -> None:
    rows = [{k: v for k, v in row.items() if k != "split"} for row in _rows()]
    summary = examine(_written(tmp_path / "a.jsonl", rows)).summary
    assert summary["drawn"] == ["val", "test"]
    assert any(line.startswith("drawn with data.seed=0") for line in table(summary))
    assert summary["fields"]["speaker"] == "not used: one value"


def test_equal_complaints_are_one(tmp_path: Path) -> None:
    rows = [row | {"image": f"p/{i}.png"} if i > 9 else row for i, row in enumerate(_rows())]
    problems, summary = examine(_written(tmp_path / "a.jsonl", rows), groups=["speaker"])
    assert len(problems) == 30
    assert (summary["lines"], summary["examples"]) == (40, 10)
    assert grouped(problems) == [
        "  line 11: missing file: image 'p/10.png' is not found; "
        "the same on 29 more lines (12, 13, 14, 15, 16, and 24 more)"
    ]
    few = [Problem(1, "a", "x 'y'"), Problem(2, "b", "z"), Problem(7, "a", "x 'w'")]
    assert grouped(few) == ["  line 1: a: x 'y'", "  line 7: a: x 'w'", "  line 2: b: z"]


@pytest.mark.parametrize(
    ("name", "write", "message"),
    [
        ("a.jsonl", lambda rows: "".join(json.dumps(r) + "\n" for r in rows).encode("utf-16"),
         r"it is UTF-16 text, expected UTF-8; convert it: iconv -f UTF-16 -t UTF-8 a\.jsonl > utf8-a\.jsonl"),
        ("a.json", lambda rows: json.dumps(rows).encode(),
         r"one JSON array; convert it: jq -c '\.\[\]' a\.json > a\.jsonl"),
        ("a.json", lambda rows: json.dumps(rows, indent=2).encode(), "one JSON array"),
        ("a.json", lambda rows: json.dumps({"rows": rows}, indent=2).encode(), "pretty-printed"),
        ("a.json", lambda rows: json.dumps({k: [r[k] for r in rows] for k in rows[0]}).encode(),
         "JSON object of columns"),
        ("a.jsonl", lambda rows: "\r".join(json.dumps(r) for r in rows).encode(), r"carriage return; .*tr '\\r' '\\n'"),
        ("a.jsonl", lambda rows: b"\x1f\x8b\x08\0", "gzip data; decompress it: gunzip -k"),
        ("a.jsonl", lambda rows: b"PK\x03\x04", "a zip archive or a spreadsheet"),
        ("a.jsonl", lambda rows: b"hello\nworld\n", "2 bad lines .*expected one JSON object per line"),
    ],
)  # fmt: skip
def test_another_format_is_told_with_its_conversion(tmp_path: Path, name: str, write, message: str) -> None:
    (tmp_path / name).write_bytes(write(_rows()))
    with pytest.raises(UserError, match=message):
        check(tmp_path / name)


@pytest.mark.parametrize("name", ["a.jsonl", "my 'own' $(touch canary) data.jsonl", "-n.jsonl"])
@pytest.mark.parametrize("taken", [(), ("a.csv", "utf8-a.jsonl", "converted-a.jsonl", "lf-a.jsonl")])
@pytest.mark.parametrize("write", [
    lambda rows: json.dumps(rows).encode(),
    lambda rows: json.dumps({k: [r[k] for r in rows] for k in rows[0]}).encode(),
    lambda rows: "".join(json.dumps(r) + "\n" for r in rows).encode("utf-16"),
    lambda rows: "\r".join(json.dumps(r) for r in rows).encode(),
    lambda rows: ("\n".join(["text,label", *(f"{r['text']},{r['label']}" for r in rows)])).encode(),
])  # fmt: skip
def test_the_advised_command_mends_and_harms_nothing(tmp_path: Path, name: str, taken: tuple[str, ...], write) -> None:
    path = tmp_path / name
    path.write_bytes(before := write(_rows()))
    for other in taken:
        (tmp_path / other).write_text("mine")
    with pytest.raises(UserError) as told:
        check(path)
    command = re.search(r"(?:convert|rename) it: (.*?)(?:; expected.*|)$", str(told.value), re.DOTALL)[1]
    words = shlex.split(command)
    if shutil.which(words[0]) is None:
        pytest.skip(f"{words[0]} is not installed")
    there = {each.name for each in tmp_path.iterdir()}
    environment = os.environ | {"PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}"}
    done = subprocess.run(["sh", "-c", command], cwd=tmp_path, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, (command, done.stderr)
    (made,) = {each.name for each in tmp_path.iterdir()} - there
    assert check(tmp_path / made) == []
    assert all((tmp_path / other).read_text() == "mine" for other in taken)
    assert (path if path.exists() else tmp_path / made).read_bytes() == before


def test_a_name_as_long_as_names_can_be_is_told_too(tmp_path: Path) -> None:
    path = tmp_path / ("n" * 249 + ".jsonl")
    path.write_text(json.dumps(_rows()))
    with pytest.raises(UserError, match="one JSON array; convert it"):
        check(path)


def test_a_first_line_of_any_length_is_read(tmp_path: Path) -> None:
    rows = _rows()
    rows[0]["note"] = "long, " * 50_000
    assert check(_written(tmp_path / "a.jsonl", rows), groups=["speaker", "note"]) == []


def test_it_takes_the_options_of_train_and_no_others(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    rows = [{**row, "label": i % 5, "remark": f"a b c {i}", "image": "1.png" if i < 2 else None}
            for i, row in enumerate(_rows())]  # fmt: skip
    path = str(_written(tmp_path / "a.jsonl", rows))
    assert run(["data", "check", path, "data.task=regression", "data.modalities={remark: text}"]) == 0
    told = capsys.readouterr().out
    assert "task: regression" in told
    assert "fields: remark (text), id, split, label" in told
    assert "labels of train" in told
    assert run(["data", "check", path]) == 1, "two pictures are not there"
    assert "note: label: 5 whole numbers from 0 to 4 are classes; data.task=regression" in capsys.readouterr().out
    assert run(["data", "check", path, "data.on_error=skip", "--json"]) == 0
    assert len(json.loads(capsys.readouterr().out)["problems"]) == 2
    for wrong, said in (
        ("data.tsk=regression", "did you mean 'task'"),
        ("data.task=rank", "data.task: got 'rank'"),
        ("fusion=sum", "expected only options of the data"),
        ("~data.task", "expected only options of the data"),
        ("data.modalities={remrk: text}", "did you mean 'remark'"),
    ):
        assert run(["data", "check", path, wrong]) == 2
        assert said in capsys.readouterr().err


def test_a_problem_of_fields_is_told_beside_what_is_known(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = _written(tmp_path / "a.jsonl", [{**row, "scan": f"scans/{i}.foo"} for i, row in enumerate(_rows())])
    assert run(["data", "check", str(path)]) == 1
    told = capsys.readouterr().out
    assert "scan     paths of unknown suffixes" in told
    assert "problem: data.path: 'scan' (.foo, as in 'scans/0.foo')" in told
    assert "class red" in told
    nothing = _written(tmp_path / "b.jsonl", [{"code": f"c{i % 3}", "label": "ab"[i % 2]} for i in range(20)])
    assert run(["data", "check", str(nothing)]) == 1
    assert "data.modalities={code:text}" in capsys.readouterr().out


def test_what_training_has_to_know_is_told_there_too(tmp_path: Path, build) -> None:
    rows = _rows()
    for i, row in enumerate(rows):
        if row["split"] == "val":
            row["label"] = "red"
        if row["split"] == "test":
            row["title"] = f"a title {i}"
    rows[0]["text"] = None
    rows[5]["label"] = "Red"
    path = _written(tmp_path / "a.jsonl", rows)
    data = build("manifest", path=str(path), on_error="skip")
    data.prepare()
    for note in (
        "fields that are not used: speaker (data.modalities names those to read)",
        'label "red" (23) and "Red" (1) may be spellings of one; if they are, write them alike',
        "class 'green' is only in test (1): a model cannot learn it from the training split",
        "modality 'title' is only in test (10): a model cannot learn it from the training split",
        "all validation examples are of class 'red': a constant is right on all of them",
        "1 of 40 lines are left out (data.on_error=skip): nothing there (1)",
    ):
        assert note in data.notes()
    assert data.describe()["fields"]["speaker"] == "not used: one value"
    scores = [{**row, "label": i / 7} for i, row in enumerate(rows[1:])]
    numbers = build("manifest", path=str(_written(tmp_path / "b.jsonl", scores)))
    numbers.prepare()
    assert numbers.task == "regression"
    assert any("data.task=classification" in note for note in numbers.notes())


@pytest.mark.parametrize("labels", ["numbers", "classes"])
def test_a_head_of_the_other_kind_names_the_option_of_the_task(tmp_path: Path, labels: str) -> None:
    made = [{**row, "label": i / 7 if labels == "numbers" else i % 4} for i, row in enumerate(_rows())]
    path = _written(tmp_path / "a.jsonl", made)
    head, other = ("classification", "regression") if labels == "numbers" else ("regression", "classification")
    options = ["experiment=manifest", f"data.path={path}", "fusion=sum", f"head={head}"]
    with pytest.raises(UserError, match=rf"add head={other}, or data\.task={head} to take them as"):
        assemble(compose(options)).build_task()
    assemble(compose([*options, f"data.task={head}"])).build_task()


def test_what_a_decoder_decided_is_told_by_check_and_by_training(tmp_path: Path, outputs: Path) -> None:
    rows = []
    for i in range(20):
        tone = (0.4 * np.sin(2 * np.pi * 300 * np.arange(1600) / 16000)).astype(np.float32)
        channels = np.stack([tone, -tone if i == 3 else tone], 1)
        soundfile.write(tmp_path / f"{i}.wav", channels, 16000)
        label = ("low", "high")[i // 4 % 2]
        rows.append({"split": ("train", "train", "val", "test")[i % 4], "audio": f"{i}.wav", "label": label})
    path = _written(tmp_path / "a.jsonl", rows)
    told = "1 file (3.wav): its channels cancel each other"
    assert any(told in note for note in examine(path).summary["notes"])
    for _ in range(2):  # also where the decoded arrays come from the cache
        experiment = assemble(compose(["experiment=manifest", f"data.path={path}", "logger=none"]))
        assert any(told in note for note in experiment.notes())
