"""What `data check` says: counts, classes that only test has, other formats, and equal complaints as one."""

import json
from pathlib import Path

import pytest

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
    assert "40 lines, 40 examples that can be used; task: classification into 3 classes" in told


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
        "  line 11: missing file: image 'p/10.png' is not there; "
        "so also 29 more lines (12, 13, 14, 15, 16, and 24 more)"
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
        ("a.jsonl", lambda rows: b"\x1f\x8b\x08\0", "gzip data; unpack it: gunzip -k"),
        ("a.jsonl", lambda rows: b"PK\x03\x04", "a zip archive or a spreadsheet"),
        ("a.jsonl", lambda rows: b"hello\nworld\n", "2 bad lines .*expected one JSON object a line"),
    ],
)  # fmt: skip
def test_another_format_is_told_with_its_conversion(tmp_path: Path, name: str, write, message: str) -> None:
    (tmp_path / name).write_bytes(write(_rows()))
    with pytest.raises(UserError, match=message):
        check(tmp_path / name)


def test_a_first_line_of_any_length_is_read(tmp_path: Path) -> None:
    rows = _rows()
    rows[0]["note"] = "long, " * 50_000
    assert check(_written(tmp_path / "a.jsonl", rows), groups=["speaker", "note"]) == []
