"""Fields that give the label away and content that splits share are told, in a check and at training."""

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from interlace.data.manifest import examine
from interlace.data.manifest.fields import survey
from interlace.data.manifest.leaks import leaking_fields
from interlace.errors import UserError

SPLITS = ("train", "train", "train", "val", "test")


def write(path: Path, rows) -> Path:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return path


def rows(number=60, **more):
    labels = [("red", "blue")[i // 5 % 2] for i in range(number)]
    return [
        {"id": f"r{i}", "split": SPLITS[i % 5], "text": f"{label} words {i}", "label": label,
         **{k: v(i, label) for k, v in more.items()}}
        for i, label in enumerate(labels)
    ]  # fmt: skip


def noted(path: Path, **options) -> str:
    return "\n".join(examine(path, **options).summary["notes"])


def test_fields_that_stand_for_the_label_are_found_and_others_are_not() -> None:
    rng = np.random.default_rng(0)
    records = [
        {"copy": {"a": "x", "b": "y"}[label], "number": {"a": 1.0, "b": 2.0}[label] + 0.01 * rng.normal(),
         "noise": rng.normal(),
         "as_text": str({"a": 5, "b": 7}[label]), "flag": label == "a", "half": label if rng.random() < 0.5 else "a",
         "name": f"{label}{i}", "random": "pqr"[rng.integers(3)], "label": label}
        for i, label in enumerate(rng.choice(["a", "b"], 300))
    ]  # fmt: skip
    labels = [record.pop("label") for record in records]
    found = leaking_fields(records, labels, survey(records), regression=False)
    assert set(found) == {"copy", "number", "as_text", "flag"}
    assert all(score > 0.97 and 0.4 < floor < 0.65 for score, floor in found.values())
    scores = [10.0 * record["number"] for record in records]
    assert set(leaking_fields(records, scores, survey(records), regression=True)) == {
        "copy",
        "number",
        "as_text",
        "flag",
    }
    assert leaking_fields(records[:9], labels[:9], survey(records), regression=False) == {}, "too few to tell"


def test_a_check_points_at_them_and_training_at_those_that_are_read(tmp_path: Path, build) -> None:
    path = write(tmp_path / "a.jsonl", rows(sentiment=lambda i, label: {"red": "good", "blue": "bad"}[label]))
    assert "'sentiment' determines the label almost alone (accuracy 1.00, the most frequent class 0.50)" in noted(path)
    modalities = {"text": "text", "sentiment": "text"}
    data = build("manifest", path=str(path), modalities=modalities)
    data.prepare()
    assert any(note.startswith("'sentiment' determines the label") and "a leak" in note for note in data.notes())
    plain = build("manifest", path=str(path), modalities={"text": "text"})
    plain.prepare()
    assert not any("determines the label" in note for note in plain.notes())


def test_the_same_file_content_in_two_splits_is_told(tmp_path: Path, build) -> None:
    made = rows(image=lambda i, label: f"{i}.png")
    for i in range(60):
        Image.new("RGB", (8, 8), (i * 4, 0, 0)).save(tmp_path / f"{i}.png")
    assert "content of" not in noted(write(tmp_path / "a.jsonl", made))
    for i in (4, 9, 14):  # of test: other names, the bytes of training pictures
        shutil.copy(tmp_path / f"{i + 1}.png", tmp_path / f"{i}.png")
    path = write(tmp_path / "b.jsonl", made)
    assert "content of image: 3 of 12 test examples repeat that of training examples" in noted(path)
    data = build("manifest", path=str(path), image_size=8)
    data.prepare()
    assert any("content of image: 3 of 12 test examples" in note for note in data.notes())
    for i in (4, 9):
        made[i] |= {"text": made[i + 1]["text"], "label": made[i + 1]["label"]}
    assert "text and image and label: 2 of 12 test examples repeat" in noted(write(tmp_path / "c.jsonl", made))


def test_the_same_text_with_its_label_is_told_however_it_is_composed(tmp_path: Path) -> None:
    made = rows()
    made[4]["text"], made[5]["text"] = "caf\u00e9 ", "cafe\u0301"
    made[4]["label"] = made[5]["label"]
    assert "text and label: 1 of 12 test examples repeat that of training examples" in noted(
        write(tmp_path / "a.jsonl", made)
    )
    made[4]["label"] = {"red": "blue", "blue": "red"}[made[5]["label"]]
    assert "repeat" not in noted(write(tmp_path / "a.jsonl", made))


@pytest.mark.parametrize("named", [True, False], ids=["named", "drawn"])
def test_groups_stay_together_where_splits_are_drawn_and_are_told_where_lines_part_them(
    tmp_path: Path, build, named: bool
) -> None:
    made = rows(speaker=lambda i, label: f" S{i // 4} " if i % 2 else f"S{i // 4}")
    path = write(tmp_path / "a.jsonl", made if named else [{k: v for k, v in r.items() if k != "split"} for r in made])
    told = "values of 'speaker'" in noted(path)
    assert told, "a field of that name is looked at even where nobody asks"
    data = build("manifest", path=str(path), fold_group="speaker")
    data.prepare()
    homes = [set(split.clusters) for split in data.splits.values()]
    apart = sum(map(len, homes)) == len(set().union(*homes))
    assert apart != named
    assert any("values of 'speaker'" in note for note in data.notes()) == named
    assert {"S3", "S14"} <= set().union(*homes), "outer white space is no difference"
    with pytest.raises(UserError, match=r"data\.fold_group: no line has the field 'no'"):
        build("manifest", path=str(path), fold_group="no").prepare()
