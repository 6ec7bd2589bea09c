"""The same examples in every form that `data.path` takes are the same records; what is none is told in a sentence."""

import json
import tracemalloc
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from PIL import Image

from interlace.data.manifest import check, read_records
from interlace.data.manifest.lines import read_lines
from interlace.data.manifest.rows import CHUNK, Lines, NumberedRecord
from interlace.data.problems import Problem
from interlace.errors import UserError
from interlace.inputs import record_inputs

Row = dict[str, Any]
SPLITS = ("train", "validation", "test")


def quoted(value: str | None, delimiter: str) -> str:
    if value is None:
        return ""
    special = any(sign in value for sign in (delimiter, '"', "\n", "\r"))
    return '"' + value.replace('"', '""') + '"' if special else value


def delimited(rows: list[Row], delimiter: str) -> bytes:
    names = list(rows[0])
    lines = [
        delimiter.join(quoted(row[name], delimiter) for name in names)
        for row in [{name: name for name in names}, *rows]
    ]
    return ("\n".join(lines) + "\n").encode()


def table_of(rows: list[Row]) -> pa.Table:
    return pa.table({name: pa.array([row[name] for row in rows], pa.string()) for name in rows[0]})


def save(folder: Path, table: pa.Table, features: Row | None = None, split: str | None = None, **state: Any) -> Path:
    """What `datasets` writes to disk (5.x), by hand."""
    target = folder / split if split else folder
    target.mkdir(parents=True, exist_ok=True)
    with pa.ipc.new_stream(str(target / "data-00000-of-00001.arrow"), table.schema) as writer:
        writer.write_table(table)
    files = [{"filename": "data-00000-of-00001.arrow"}]
    (target / "state.json").write_text(json.dumps({"_data_files": files, "_split": split, **state}))
    (target / "dataset_info.json").write_text(json.dumps({"features": features or {}}))
    if split:
        names = [path.parent.name for path in folder.glob("*/state.json")]
        (folder / "dataset_dict.json").write_text(json.dumps({"splits": sorted(names, key=SPLITS.index)}))
    return folder


def as_parquet(path: Path, rows: list[Row]) -> Path:
    pq.write_table(table_of(rows), path)
    return path


def as_file(write: Callable[[list[Row]], bytes]) -> Callable[[Path, list[Row]], Path]:
    def written(path: Path, rows: list[Row]) -> Path:
        path.write_bytes(write(rows))
        return path

    return written


def as_dictionary(path: Path, rows: list[Row]) -> Path:
    pq.write_table(pa.table({name: column.dictionary_encode() for name, column in
                             zip(table_of(rows).column_names, table_of(rows).columns, strict=True)}), path)  # fmt: skip
    return path


FORMS: dict[str, tuple[str, Callable[[Path, list[Row]], Path]]] = {
    "json lines": ("a.jsonl", as_file(lambda rows: "".join(json.dumps(row) + "\n" for row in rows).encode())),
    "csv": ("a.csv", as_file(lambda rows: delimited(rows, ","))),
    "csv with a mark": ("a.csv", as_file(lambda rows: b"\xef\xbb\xbf" + delimited(rows, ","))),
    "csv with semicolons": ("a.csv", as_file(lambda rows: delimited(rows, ";"))),
    "csv of another name": ("a.txt", as_file(lambda rows: delimited(rows, "|"))),
    "tsv": ("a.tsv", as_file(lambda rows: delimited(rows, "\t"))),
    "parquet": ("a.parquet", as_parquet),
    "parquet of dictionaries": ("a.bin", as_dictionary),
    "saved data set": ("a", lambda path, rows: save(path, table_of(rows))),
}
ROWS: list[Row] = [
    {"id": "a", "text": "plain", "label": "1.0", "split": "train"},
    {"id": "b", "text": None, "label": "0", "split": "train"},
    {"id": "c", "text": 'two\nlines, a "quote"; a\ttab | bar', "label": "1", "split": "test"},
    {"id": "d", "text": "Übung — 試験 \u2028 end", "label": "0", "split": None},
]


@pytest.mark.parametrize("form", FORMS)
def test_every_form_gives_the_same_records(form: str, tmp_path: Path) -> None:
    name, write = FORMS[form]
    found = read_records(write(tmp_path / name, ROWS))
    assert [{k: v for k, v in record.items() if v is not None} for record in found] == [
        {k: v for k, v in row.items() if v is not None} for row in ROWS
    ]


signs = st.characters(exclude_categories=["Cs", "Cc"]) | st.sampled_from('\n\t",;|')
cells = st.none() | st.text(signs, min_size=1).filter(lambda text: not text.isspace())
records = st.lists(st.fixed_dictionaries({"text": cells, "note": cells}), min_size=1, max_size=5)
TABLES = ["csv", "csv with semicolons", "tsv", "parquet", "parquet of dictionaries", "saved data set"]


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(records, st.sampled_from(TABLES))
@example([{"text": None, "note": "0\n"}], "tsv")  # the only quote that closes stands in the last line
def test_any_texts_come_back_from_any_form(tmp_path: Path, rows: list[Row], form: str) -> None:
    rows = [{"id": str(i), **row} for i, row in enumerate(rows)]
    if form == "tsv":  # what begins with a quote may be a quoted cell or a quotation: the form cannot tell
        rows = [{k: v and v.replace('"', "'") for k, v in row.items()} for row in rows]
    name, write = FORMS[form]
    found = read_records(write(tmp_path / name, rows))
    assert [{k: record.get(k) for k in rows[0]} for record in found] == rows


def test_a_row_is_known_by_the_line_on_which_it_begins(tmp_path: Path) -> None:
    content = b'text,label\n"a\nb\nc",x\n\nd,y,z\n"e"f,x\ng\xe9,x\nh,y\n"i,x\n'
    (tmp_path / "a.csv").write_bytes(content.replace(b"\n", b"\r\n"))
    lines, problems = read_lines(tmp_path / "a.csv")
    assert [(each.number, each.record) for each in lines] == [
        (2, {"text": "a\nb\nc", "label": "x"}),
        (9, {"text": "h", "label": "y"}),
    ]
    assert [(p.line, p.reason) for p in problems] == [
        (6, "wrong number of cells"), (7, "unreadable row"), (8, "unreadable row"), (10, "unreadable row"),
    ]  # fmt: skip
    assert "it has 3, the first row names 2 columns" in problems[0].detail
    assert "0xe9, which is not UTF-8; save the file as UTF-8" in problems[2].detail
    assert "a double quote is never closed" in problems[3].detail


@pytest.mark.parametrize("held", [1, 1 << 20])
@pytest.mark.parametrize("count", [1, CHUNK - 1, CHUNK, 3 * CHUNK + 7])
def test_records_are_kept_whether_in_memory_or_in_a_file(monkeypatch, held: int, count: int) -> None:
    monkeypatch.setattr("interlace.data.manifest.rows.HELD_BYTES", held)
    lines = Lines()
    rows = [
        {"id": i, "text": "ü" * (i % 7), "pose": [[i / 3, 1.0]], "more": {"a": None, "b": True}} for i in range(count)
    ]
    for number, row in enumerate(rows, start=1):
        lines.append(NumberedRecord(number, row))
    assert list(lines.records) == rows
    assert [line.record for line in lines] == rows
    for index in np.random.default_rng(count).integers(-count, count, 50).tolist():
        assert lines.records[index] == rows[index]
        assert lines[index].record == rows[index]
    assert lines.records[1:5] == rows[1:5]
    with pytest.raises(IndexError):
        lines.records[count]


def test_lines_take_few_bytes_whatever_they_hold(tmp_path: Path, monkeypatch) -> None:
    monkeypatch.setattr("interlace.data.manifest.rows.HELD_BYTES", 1 << 16)
    path = tmp_path / "a.jsonl"
    path.write_text("".join(json.dumps({"text": f"{i} " * 1000, "pose": [i / 7] * 100}) + "\n" for i in range(5000)))
    tracemalloc.start()
    lines, _ = read_lines(path)
    held, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert len(lines) == 5000
    assert held < 400 * len(lines) + (1 << 17) + 3_000_000, "3 MB: a lot of records that is not packed yet"
    assert peak < path.stat().st_size / 2


def test_quotations_in_a_tsv_are_text(tmp_path: Path) -> None:
    content = 'id\ttext\n1\t"Yes", he said\n2\t5" pipe\n3\t"No\n4\tso\n'
    (tmp_path / "a.tsv").write_text(content)
    assert [r["text"] for r in read_records(tmp_path / "a.tsv")] == ['"Yes", he said', '5" pipe', '"No', "so"]


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("a.csv", b"0.5,good film\n0.1,bad film\n", r"row holds the value '0\.5', not names; expected a table"),
        ("a.csv", b"a/1.png,cat\na/2.png,dog\n", r"first row holds the value 'a/1\.png', not names"),
        ("a.tsv", b"text\ttext\nx\ty\n", r"'text' 2 times; give every column a unique name"),
        ("a.csv", b"", "no examples in it|first row cannot be read"),
        ("a.csv", b'"text\n', "first row cannot be read"),
        ("a.csv", b"text,label\n", "no examples in it; expected JSON lines, CSV"),
        ("a.csv", "text,label\nx,y\n".encode("utf-16"), "UTF-16 text, expected UTF-8; convert it: iconv"),
        ("a.jsonl", b"text,label\nx,y\n", r"a table, and named \.jsonl; rename it: mv -n a\.jsonl a\.csv"),
        ("a.parquet", b"PAR1 and no more", "not a readable parquet file"),
        ("a.arrow", b"nothing", "not a readable Arrow stream"),
        ("a.arrow", b"ARROW1\0\0", r"an Arrow file \(Feather\); expected .*save it as parquet"),
    ],
)  # fmt: skip
def test_what_is_no_table_is_told_in_a_sentence(tmp_path: Path, name: str, content: bytes, message: str) -> None:
    (tmp_path / name).write_bytes(content)
    with pytest.raises(UserError, match=message) as caught:
        read_records(tmp_path / name)
    assert "\n" not in str(caught.value)


def test_columns_of_every_type_are_fields(tmp_path: Path) -> None:
    table = pa.table({
        "label": pa.array([0.5, float("nan"), None]),
        "pose": pa.array([[[1.0, 2.0], [3.0, 4.0]], [[5.0, 6.0]], None]),
        "pictures": pa.array([["a.png", "b.png"], [], None]),
        "sound": pa.array([{"path": "a.wav", "start": 0.0, "end": 1.0}, None, None]),
        "when": pa.array(np.array(["2020-01-02", "2021-01-01", "NaT"], "datetime64[s]")),
        "kind": pa.array(["x", "y", "x"]).dictionary_encode(),
    })  # fmt: skip
    pq.write_table(table, tmp_path / "a.parquet")
    assert read_records(tmp_path / "a.parquet") == [
        {"label": 0.5, "pose": [[1.0, 2.0], [3.0, 4.0]], "pictures": ["a.png", "b.png"], "when": "2020-01-02T00:00:00",
         "sound": {"path": "a.wav", "start": 0.0, "end": 1.0}, "kind": "x"},
        {"pose": [[5.0, 6.0]], "pictures": [], "when": "2021-01-01T00:00:00", "kind": "y"},
        {"kind": "x"},
    ]  # fmt: skip


def png(folder: Path, colour: int) -> bytes:
    Image.new("RGB", (8, 8), (colour, 0, 0)).save(folder / "made.png")
    return (folder / "made.png").read_bytes()


FEATURES: Row = {
    "label": {"names": ["neg", "pos"], "_type": "ClassLabel"},
    "tags": {"feature": {"names": ["x", "y"], "_type": "ClassLabel"}, "_type": "List"},
    "picture": {"_type": "Image"},
}


def described(folder: Path, start: int) -> pa.Table:
    """Rows as `datasets` stores pictures and classes; the last one without a label."""
    pictures = [{"bytes": png(folder, start + i), "path": "x.jpeg" if i else None} for i in range(10)]
    return pa.table({
        "picture": pa.array(pictures, pa.struct([("bytes", pa.binary()), ("path", pa.string())])),
        "label": pa.array([(start + i) % 2 for i in range(9)] + [-1]), "tags": pa.array([[0], [1, 0]] * 5),
    })  # fmt: skip


def test_a_saved_data_set_of_splits_and_pictures_is_a_manifest(build, tmp_path: Path) -> None:
    for number, split in enumerate(("train", "validation", "test")):
        save(tmp_path / "set", described(tmp_path, 10 * number), FEATURES, split)
    with record_inputs() as inputs:
        lines, problems = read_lines(tmp_path / "set")
    assert problems == []
    assert [line.number for line in lines] == list(range(1, 31))
    assert [line.record["split"] for line in lines[::10]] == ["train", "validation", "test"]
    assert [line.record.get("label") for line in lines[:10]] == ["neg", "pos"] * 4 + ["neg", None]
    assert lines[1].record["tags"] == ["y", "x"]
    names = {Path(name).name for name in inputs.files}
    assert {"dataset_dict.json", "state.json", "dataset_info.json", "data-00000-of-00001.arrow"} <= names
    problem = check(tmp_path / "set", modalities={"picture": "image"})
    assert [(p.line, p.reason) for p in problem] == [(10, "no label"), (20, "no label"), (30, "no label")]
    data = build("manifest", path=str(tmp_path / "set"), modalities={"picture": "image"}, on_error="skip", image_size=8)
    data.prepare()
    assert {name: len(split) for name, split in data.splits.items()} == {"train": 9, "val": 9, "test": 9}
    shown = data.splits["val"].batch(np.arange(9))["inputs"]["picture"].x
    assert shown[:, 0, 4, 4].tolist() == list(range(10, 19)), "each row its own picture"


def test_the_schema_of_a_parquet_file_names_its_classes(tmp_path: Path) -> None:
    table = described(tmp_path, 0)
    told = {b"huggingface": json.dumps({"info": {"features": FEATURES}}).encode()}
    pq.write_table(table.replace_schema_metadata(told), tmp_path / "a.parquet")
    assert [r.get("label") for r in read_records(tmp_path / "a.parquet")[:2]] == ["neg", "pos"]


def test_what_datasets_itself_writes_is_read(tmp_path: Path) -> None:
    datasets = pytest.importorskip("datasets")
    classes = datasets.ClassLabel(names=["no", "yes"])
    made = datasets.Dataset.from_dict(
        {"text": [f"t{i}" for i in range(30)], "label": [i % 2 for i in range(30)]},
        features=datasets.Features({"text": datasets.Value("string"), "label": classes}),
    )
    datasets.DatasetDict({"train": made, "test": made.filter(lambda row: row["label"] == 1)}).save_to_disk(
        tmp_path / "a"
    )
    found = read_records(tmp_path / "a")
    assert [r["label"] for r in found] == ["no", "yes"] * 15 + ["yes"] * 15
    assert [r["split"] for r in found] == ["train"] * 30 + ["test"] * 15


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (lambda f: (f / "train/state.json").write_text("{}"), "it names no files; expected the folder"),
        (lambda f: (f / "train/state.json").unlink(), "cannot be read"),
        (lambda f: (f / "dataset_dict.json").write_text('{"splits": ["../train"]}'), "not the name of a file in it"),
        (lambda f: (f / "train/data-00000-of-00001.arrow").unlink(), "cannot be read"),
        (lambda f: (f / "train/data-00000-of-00001.arrow").write_bytes(b"x" * 99), "not a readable Arrow stream"),
        (lambda f: save(f, table_of(ROWS), None, "train", _indices_data_files=[{"filename": "i.arrow"}]),
         r"flatten_indices\(\) before save_to_disk"),
    ],
)  # fmt: skip
def test_a_damaged_saved_data_set_is_told(tmp_path: Path, spoil, message: str) -> None:
    save(tmp_path / "set", table_of(ROWS), None, "train")
    spoil(tmp_path / "set")
    with pytest.raises(UserError, match=message) as caught:
        read_records(tmp_path / "set")
    assert "\n" not in str(caught.value)


def test_offsets_that_lead_out_of_a_batch_are_refused(tmp_path: Path) -> None:
    """A reader that trusts them reads the memory of the process."""
    good = tmp_path / "good"
    save(good, pa.table({"text": ["abcd", "efgh"]}))
    content = (good / "data-00000-of-00001.arrow").read_bytes()
    offsets = np.array([0, 4, 8], "<i4").tobytes()
    assert content.count(offsets) == 1
    (good / "data-00000-of-00001.arrow").write_bytes(
        content.replace(offsets, np.array([0, 4, 1 << 20], "<i4").tobytes())
    )
    with pytest.raises(UserError, match="not a readable Arrow stream"):
        read_records(good)


def tree(root: Path, names: list[str]) -> Path:
    for index, name in enumerate(names):
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        if path.suffix == ".png":
            Image.new("RGB", (8, 8), (index, 0, 0)).save(path)
        elif path.suffix == ".npy":
            np.save(path, np.full((2, 3), index, dtype=np.float32))
        else:
            path.write_text(f"words of {name}", encoding="utf-8")
    return root


def test_a_tree_of_classes_is_a_manifest(build, tmp_path: Path) -> None:
    names = [f"{c}/{i}{s}" for c in ("cat", "dog") for i in range(15) for s in (".png", ".txt", ".npy")]
    root = tree(tmp_path / "pets", [*names, "cat/.DS_Store", "Thumbs.db", "README.md"])
    (root / "dog" / "3.npy").unlink()
    found = read_records(root)
    assert found[0] == {"id": "cat/0", "label": "cat", "image": "pets/cat/0.png", "text": "words of cat/0.txt",
                        "features": "pets/cat/0.npy"}  # fmt: skip
    assert [r["id"] for r in found if "features" not in r] == ["dog/3"]
    assert check(root) == []
    data = build("manifest", path=str(root), image_size=8)
    data.prepare()
    assert {n: s.kind for n, s in data.modalities.items()} == {"text": "text", "image": "image", "features": "features"}
    assert data.classes == ["cat", "dog"]
    assert sorted(i for s in data.splits.values() for i in s.ids) == sorted(r["id"] for r in found)


def test_folders_of_splits_are_splits(build, tmp_path: Path) -> None:
    names = [f"{s}/{c}/{i}.png" for s in ("train", "val", "test") for c in "ab" for i in range(3)]
    data = build("manifest", path=str(tree(tmp_path / "net", names)), image_size=8)
    data.prepare()
    assert {n: len(s) for n, s in data.splits.items()} == {"train": 6, "val": 6, "test": 6}
    assert data.splits["val"].ids == [f"val/{c}/{i}" for c in "ab" for i in range(3)]


def test_a_folder_of_files_is_to_be_predicted_for(tmp_path: Path) -> None:
    assert read_records(tree(tmp_path / "new", ["1.png", "2.png", "2.txt"])) == [
        {"id": "1", "image": "new/1.png"}, {"id": "2", "image": "new/2.png", "text": "words of 2.txt"},
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("names", "message"),
    [
        (["a/b/c/1.png"], "it contains a folder, b; expected ROOT/CLASS/NAME.ext"),
        (["train/a/1.png", "cat/1.png"], "beside the splits train it has the folders cat; expected ROOT/CLASS"),
        (["a/1.png", "2.png"], "the file 2.png lies beside the class folders"),
        (["train/1.png", "train/a/2.png"], "the file 1.png is not in a class folder"),
        (["notes.md"], "no examples in it"),
    ],
)
def test_a_tree_of_another_shape_is_told(tmp_path: Path, names: list[str], message: str) -> None:
    if names == ["notes.md"]:
        (tmp_path / "root").mkdir()
    else:
        tree(tmp_path / "root", names)
    with pytest.raises(UserError, match=message):
        read_records(tmp_path / "root")


def test_files_of_a_tree_that_cannot_be_used_are_bad_lines(tmp_path: Path) -> None:
    root = tree(tmp_path / "root", ["a/1.png", "a/2.png", "a/3.txt", "b/4.txt", "b/5.txt"])
    (root / "a" / "2.jpg").write_bytes(b"x")
    (root / "b" / "4.txt").write_bytes(b"\xff\xfe\xfd")
    (tmp_path / "secret.txt").write_text("secret")
    (root / "b" / "6.txt").symlink_to(tmp_path / "secret.txt")
    lines, problems = read_lines(root)
    assert [line.record["id"] for line in lines] == ["a/1", "a/3", "b/5"]
    assert problems == [
        Problem(2, "two files of a kind", "a/2 has 2.jpg, 2.png; expected one of each"),
        Problem(4, "unreadable text", "b/4.txt is not UTF-8 at byte 0"),
        Problem(6, "outside the folder", "b/6.txt is a link to a file outside of root/"),
    ]
