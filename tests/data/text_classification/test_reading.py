from pathlib import Path

import pytest

from interlace.data.text_classification.reading import Columns, read_examples
from interlace.errors import UserError

NAMED = Columns(["text"], "label", None, [], True, None)
NUMBERED = Columns([0], 1, None, [], False, {"0": "bad", "1": "good"})


def write(path: Path, content: str) -> Path:
    path.write_bytes(content.encode())
    return path


def test_the_three_formats_hold_the_same_examples(tmp_path: Path) -> None:
    tsv = write(tmp_path / "a.tsv", 'text\tlabel\nhe said "no\t1\r\n\ntwo, words\t0\n')
    csv = write(tmp_path / "a.csv", '\ufefftext,label\n"he said ""no",1\n"two, words",0\n')
    jsonl = write(tmp_path / "a.jsonl", '{"text": "he said \\"no", "label": 1}\n{"text": "two, words", "label": "0"}\n')
    for path in (tsv, csv, jsonl):
        assert [(e.texts, e.label, e.split) for e in read_examples(path, NAMED)] == [
            (('he said "no',), "1", None),
            (("two, words",), "0", None),
        ]


def test_a_folder_has_a_file_for_each_split_and_names_for_its_classes(tmp_path: Path) -> None:
    for split in ("train", "dev", "test"):
        write(tmp_path / f"{split}.tsv", f"the {split}\t1\nother\t0\n")
    write(tmp_path / "README.md", "not a table")
    examples = read_examples(tmp_path, NUMBERED)
    assert [e.split for e in examples] == ["train", "train", "val", "val", "test", "test"]
    assert [e.id for e in examples[:3]] == ["train-1", "train-2", "val-1"]
    assert {e.label for e in examples} == {"good", "bad"}
    write(tmp_path / "valid.tsv", "x\t1\n")
    with pytest.raises(UserError, match=r"dev\.tsv and valid\.tsv are both its val split"):
        read_examples(tmp_path, NUMBERED)


def test_pairs_splits_and_groups_come_from_columns(tmp_path: Path) -> None:
    path = write(tmp_path / "p.csv", "p,q,y,part,site\na,b,yes,training,x\nc,d,no,,y\n")
    columns = Columns(["p", "q"], "y", "part", ["site"], True, None)
    first, second = read_examples(path, columns)
    assert first.texts == ("a", "b")
    assert (first.split, second.split) == ("train", None)
    assert (first.groups, second.groups) == (("x",), ("y",))


def test_a_quoted_value_with_line_breaks_counts_its_lines(tmp_path: Path) -> None:
    path = write(tmp_path / "a.csv", 'text,label\n"one\ntwo",1\n,0\n')
    with pytest.raises(UserError, match="line 4: empty text: text has no words"):
        read_examples(path, NAMED)


def test_every_bad_line_is_named_with_its_number(tmp_path: Path) -> None:
    path = write(tmp_path / "a.tsv", "good text\t1\nno label\t\n \t0\nthree\tcolumns\there\nodd\t7\n")
    with pytest.raises(UserError) as caught:
        read_examples(path, NUMBERED)
    assert str(caught.value).splitlines()[1:] == [
        "  line 2: no label: column 1 is empty; every example needs a class",
        "  line 3: empty text: column 0 has no words",
        "  line 4: wrong number of columns: 3, expected 2",
        "  line 5: unknown label: '7' is not one of 0, 1 (data.class_names)",
    ]


@pytest.mark.parametrize(
    ("name", "content", "columns", "words"),
    [
        ("a.csv", "txt,label\nx,1\n", NAMED, "text: its header lacks that column .*; did you mean 'txt'"),
        ("a.jsonl", '{"body": "x", "label": 1}\n', NAMED, "text: no line has that key"),
        ("a.jsonl", '{"text": "x", "label": 1}\n{"text": \n', NAMED, "line 2: invalid JSON"),
        ("a.jsonl", '{"text": 3, "label": 1}\n', NAMED, "line 1: wrong type: text is int '3', expected text"),
        ("a.tsv", "x\n", NUMBERED, "column 1: no such column"),
        ("a.csv", 'text,label\n"x,1\n', NAMED, "line 2: unexpected end of data"),
        ("a.tsv", "", NUMBERED, "no examples in it"),
        ("a.txt", "x", NAMED, "expected a file that ends in .tsv, .csv, .jsonl"),
    ],
)
def test_what_is_wrong_with_a_file_is_said(tmp_path: Path, name, content, columns, words) -> None:
    with pytest.raises(UserError, match=words):
        read_examples(write(tmp_path / name, content), columns)


def test_files_that_cannot_be_read(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="no such file; expected a table of labelled texts"):
        read_examples(tmp_path / "absent.csv", NAMED)
    (tmp_path / "latin.csv").write_bytes(b"text,label\nok,1\ncaf\xe9,0\n")
    with pytest.raises(UserError, match=r"line 3: byte .* which is not UTF-8"):
        read_examples(tmp_path / "latin.csv", NAMED)
    with pytest.raises(UserError, match="no training file in it"):
        read_examples(tmp_path, NAMED)
