"""GLUE's nine tasks out of small files in their official layout."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from interlace.data.datamodule import DataModule
from interlace.data.text_classification.glue_files import TABLES, read_glue
from interlace.errors import UserError
from interlace.inputs import record_inputs

HEADERS = {
    "sst2": "sentence\tlabel", "mrpc": "Quality\t#1 ID\t#2 ID\t#1 String\t#2 String",
    "qqp": "id\tqid1\tqid2\tquestion1\tquestion2\tis_duplicate",
    "stsb": "index\tgenre\tfilename\tyear\told_index\tsource1\tsource2\tsentence1\tsentence2\tscore",
    "mnli": "index\tpromptID\tpairID\tgenre\tsentence1_binary_parse\tsentence2_binary_parse\tsentence1_parse\t"
            "sentence2_parse\tsentence1\tsentence2\tlabel1\tgold_label",
    "qnli": "index\tquestion\tsentence\tlabel", "rte": "index\tsentence1\tsentence2\tlabel",
    "wnli": "index\tsentence1\tsentence2\tlabel",
}  # fmt: skip
# Quotes that are opened and not closed, and others: characters like any.
ENDS = ['"unclosed', 'he said "no"', "it's", '""', "plain"]
ROWS = {"train": 20, "dev": 6, "dev_matched": 6, "dev_mismatched": 6}


def texts_of(index: int) -> tuple[str, str]:
    return f"First text {index} {ENDS[index % len(ENDS)]}", f"Second, {index % 7} {ENDS[(index + 1) % len(ENDS)]}"


def label_of(name: str, index: int) -> str:
    classes = TABLES[name].classes
    return f"{index % 11 / 2:.3f}" if classes is None else list(classes)[index % len(classes)]


def line(name: str, index: int, file: str) -> str:
    first, second = texts_of(index)
    label = label_of(name, index)
    match name:
        case "cola":
            return f"gj04\t{label}\t{'' if label == '1' else '*'}\t{first}"
        case "sst2":
            return f"{first} \t{label}"
        case "mrpc":
            return f"{label}\t{index}\t{index + 1}\t{first}\t{second}"
        case "qqp":
            return f"{index}\t{2 * index}\t{2 * index + 1}\t{first}\t{second}\t{label}"
        case "stsb":
            return f"{index}\tmain-news\tMSRvid\t2012test\t{index:04}\tnone\tnone\t{first}\t{second}\t{label}"
        case "mnli":
            votes = "\t".join([label] * (1 if file == "train" else 5))
            parses = "( a )\t( b )\t(ROOT)\t(ROOT)"
            return f"{index}\t{index}\t{index}n\tfiction\t{parses}\t{first}\t{second}\t{votes}\t{label}"
        case _:
            return f"{index}\t{first}\t{second}\t{label}"


def glue(folder: Path, name: str) -> Path:
    """The task's folder below `folder`, with the unlabelled test set and CoLA's missing header."""
    place = folder / TABLES[name].folder
    place.mkdir(parents=True)
    for file in ["train.tsv", *TABLES[name].dev]:
        stem = file.removesuffix(".tsv")
        header = [] if name == "cola" else [HEADERS[name]]
        if name == "mnli" and stem != "train":
            header = [HEADERS[name].replace("label1", "label1\tlabel2\tlabel3\tlabel4\tlabel5")]
        rows = [line(name, i + 100 * (stem != "train"), stem) for i in range(ROWS[stem])]
        mark = "\ufeff" if name == "mrpc" else ""
        (place / file).write_text(mark + "\n".join([*header, *rows]) + "\n", encoding="utf-8", newline="\n")
    (place / "test.tsv").write_text("index\tsentence\n0\tnot labelled\n")
    return folder


@pytest.mark.parametrize("name", TABLES)
@pytest.mark.parametrize("inner", [False, True])
def test_every_task_is_read_as_its_files_have_it(
    name: str, inner: bool, tmp_path: Path, build: Callable[..., DataModule]
) -> None:
    folder = glue(tmp_path, name)
    table = TABLES[name]
    data = build("glue", name=name, path=str(folder / table.folder if inner else folder))
    data.prepare()
    assert {n: len(s) for n, s in data.splits.items()} == {"train": 18, "val": 2, "test": 6 * len(table.dev)}
    wanted: list[str] = [] if table.classes is None else list(table.classes.values())
    assert data.classes == wanted
    assert data.task == ("regression" if name == "stsb" else "classification")
    for split, rows in data.splits.items():
        for row, identity in enumerate(rows.ids):
            file, _, number = identity.rpartition("-")
            index = int(number) - (1 if name == "cola" else 2) + 100 * (file != "train")
            assert (split == "test") == (file != "train")
            pair = texts_of(index)
            assert rows.texts["text"][row] == (" | ".join(pair) if len(table.texts) == 2 else pair[0])
            label = label_of(name, index)
            found = rows.labels[row]
            assert found == pytest.approx(float(label)) if name == "stsb" else wanted[found] == table.classes[label]
    assert any("test set are not public" in note for note in data.notes())


def test_both_dev_sets_of_mnli_are_told_apart(tmp_path: Path, build: Callable[..., DataModule]) -> None:
    data = build("glue", name="mnli", path=str(glue(tmp_path, "mnli")))
    data.prepare()
    test = data.splits["test"]
    assert test.groups["domain"].tolist() == ["matched"] * 6 + ["mismatched"] * 6
    assert set(data.splits["train"].groups["domain"]) == {"matched"}
    assert [i.partition("-")[0] for i in test.ids] == ["dev_matched"] * 6 + ["dev_mismatched"] * 6


def test_numbers_of_stsb_are_not_stratified_nor_classes(tmp_path: Path, build: Callable[..., DataModule]) -> None:
    data = build("glue", name="stsb", path=str(glue(tmp_path, "stsb")), train_fraction=0.5)
    data.prepare()
    assert len(data.splits["train"]) == 9
    assert data.splits["train"].labels.dtype == np.float32
    folded = build("glue", name="stsb", path=str(tmp_path), fold=1, num_folds=4)
    folded.prepare()
    assert {n: len(s) for n, s in folded.splits.items()} == {"train": 10, "val": 5, "test": 5}


def change(path: Path, edit: Callable[[list[str]], list[str]]) -> None:
    path.write_text("\n".join(edit(path.read_text(encoding="utf-8").split("\n"))), encoding="utf-8")


def test_a_few_lines_cut_short_are_left_out_and_counted(tmp_path: Path, build: Callable[..., DataModule]) -> None:
    """As in older releases of QQP; empty questions stay."""
    folder = glue(tmp_path, "qqp")
    many = [line("qqp", i, "train") for i in range(200)]
    change(
        folder / "QQP" / "train.tsv",
        lambda lines: [lines[0], *many, "7\t8\t9\tWhat is", "7\t8\t9\t\tWhat is empty?\t0", ""],
    )
    data = build("glue", name="qqp", path=str(folder))
    data.prepare()
    assert len(data.splits["train"]) + len(data.splits["val"]) == 201
    assert any(note.startswith("1 line is cut short") for note in data.notes())


def test_pairs_without_a_majority_are_left_out(tmp_path: Path) -> None:
    folder = glue(tmp_path, "mnli")
    many = [line("mnli", i, "train") for i in range(200)]
    change(folder / "MNLI" / "train.tsv", lambda lines: [lines[0], *many, many[0].removesuffix("entailment") + "-"])
    found = read_glue(folder, "mnli")
    assert found.left_out == 1
    assert len(found.rows) == 200 + 12


WRONG = [
    ("rte", lambda lines: [lines[0].replace("sentence2", "b"), *lines[1:]], "lacks the column 'sentence2'"),
    (
        "rte",
        lambda lines: [*lines[:3], "7\ta\tb\tmaybe", *lines[4:]],
        "line 4: wrong label: label is 'maybe'",
    ),
    ("rte", lambda lines: [*lines[:3], "7\t\t \tentailment", *lines[4:]], "line 4: empty text"),
    ("cola", lambda lines: ["source\tlabel\tmark\tsentence", *lines], "line 1: wrong label: label is 'label'"),
    (
        "stsb",
        lambda lines: [*lines[:5], lines[5].rpartition("\t")[0] + "\t5.5", *lines[6:]],
        "a number from 0",
    ),
    ("qqp", lambda lines: [lines[0], *(row.rpartition("\t")[0] for row in lines[1:] if row)], "cut short: 5 cells"),
    ("sst2", lambda lines: lines[:1], "no examples in it; download GLUE's SST-2 again"),
]


@pytest.mark.parametrize(("name", "edit", "said"), WRONG)
def test_what_is_wrong_is_told_with_its_line(name: str, edit: Any, said: str, tmp_path: Path) -> None:
    folder = glue(tmp_path, name)
    change(folder / TABLES[name].folder / "train.tsv", edit)
    with pytest.raises(UserError, match=said):
        read_glue(folder, name)


@pytest.mark.parametrize("name", TABLES)
def test_missing_files_are_named_and_all_are_inputs(
    name: str, tmp_path: Path, build: Callable[..., DataModule]
) -> None:
    with pytest.raises(UserError, match=rf"expected GLUE's {TABLES[name].folder}: train\.tsv"):
        read_glue(tmp_path, name)
    folder = glue(tmp_path, name)
    files = ["train.tsv", *TABLES[name].dev]
    with record_inputs() as read:
        build("glue", name=name, path=str(folder)).prepare()
    assert {str(folder / TABLES[name].folder / file) for file in files} <= set(read.files)
    (folder / TABLES[name].folder / files[-1]).unlink()
    with pytest.raises(UserError, match=rf"{files[-1]}: not found"):
        read_glue(folder, name)
