import io
import json
import struct
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image

from interlace.data.datamodule import DataModule
from interlace.data.encoding import RecordEncoder
from interlace.data.manifest import check, read_records
from interlace.errors import UserError

Row = dict[str, Any]


def write_media(folder: Path, index: int) -> None:
    Image.new("RGB", (20, 10), (index * 8 % 256, 0, 0)).save(folder / f"{index}.png")
    soundfile.write(folder / f"{index}.wav", np.full(800 + index, 0.5), 8000)
    np.save(folder / f"{index}.npy", np.full((2, 5), index, dtype=np.float64))


def row(index: int, **changes: Any) -> Row:
    base = {
        "id": str(index), "image": f"{index}.png", "audio": f"{index}.wav", "text": f"a word{index % 3} .",
        "features": {"pose": f"{index}.npy"}, "label": "cat" if index % 3 else "dog", "place": f"p{index % 2}",
    }  # fmt: skip
    return {k: v for k, v in {**base, **changes}.items() if v != "absent"}


@pytest.fixture
def manifest(build: Callable[..., DataModule], tmp_path: Path) -> Callable[..., DataModule]:
    for index in range(30):
        write_media(tmp_path, index)

    def make(rows: list[Row] | str, **options: Any) -> DataModule:
        text = rows if isinstance(rows, str) else "".join(json.dumps(r) + "\n" for r in rows)
        (tmp_path / "m.jsonl").write_text(text, encoding="utf-8")
        options = {"groups": ["place"], "sample_rate": 8000, "image_size": 16, "max_seconds": 2.0, **options}
        return build("manifest", path=str(tmp_path / "m.jsonl"), **options)

    return make


def test_modalities_classes_and_splits_are_inferred(manifest) -> None:
    data = manifest([row(i) for i in range(30)])
    data.prepare()
    assert {name: spec.kind for name, spec in data.modalities.items()} == {
        "text": "text", "image": "image", "audio": "audio", "pose": "features",
    }  # fmt: skip
    assert list(data.modalities) == ["text", "image", "audio", "pose"]
    assert data.task == "classification"
    assert data.classes == ["cat", "dog"]
    assert {name: len(split) for name, split in data.splits.items()} == {"train": 21, "val": 3, "test": 6}
    assert sorted(i for s in data.splits.values() for i in s.ids) == sorted(map(str, range(30)))
    assert data.splits["test"].labels.sum() == 2, "a third of the labels, as in all"
    split = data.splits["train"]
    batch = split.batch(np.arange(len(split)))
    for position, identity in enumerate(split.ids):
        index = int(identity)
        assert batch["label"][position] == (0 if index % 3 else 1)
        assert batch["inputs"]["audio"].length[position] == 800 + index
        assert batch["inputs"]["audio"].x[position, 0] == 16384
        assert (batch["inputs"]["pose"].x[position] == index).all()
        picture = batch["inputs"]["image"].x[position]
        assert picture[0, 8, 8] == index * 8 % 256, "fitted in the middle"
        assert picture[:, 0].max() == 0, "on black bars"
        assert split.groups["place"][position] == f"p{index % 2}"
    described = data.describe()
    assert described["skipped"] == {}
    assert described["class_counts"] == {
        name: {"cat": int((split.labels == 0).sum()), "dog": int((split.labels == 1).sum())}
        for name, split in data.splits.items()
    }


def test_missing_modalities_are_missing(manifest) -> None:
    rows = [row(i, image=None if i % 2 else f"{i}.png", audio="absent" if i % 3 else f"{i}.wav") for i in range(30)]
    data = manifest(rows)
    data.prepare()
    for split in data.splits.values():
        batch = split.batch(np.arange(len(split)))
        index = np.array([int(i) for i in split.ids])
        assert (batch["inputs"]["image"].present.numpy() == (index % 2 == 0)).all()
        absent = batch["inputs"]["audio"]
        assert (absent.present.numpy() == (index % 3 == 0)).all()
        assert not absent.x[~absent.present].any()
        assert not absent.length[~absent.present].any()


def test_splits_that_are_named_are_kept_and_absent_ones_taken_from_training(manifest) -> None:
    names = {0: "validation", 1: "dev", 2: "TEST"}
    data = manifest([row(i, split=names.get(i % 10, "train")) for i in range(30)])
    data.prepare()
    assert set(map(int, data.splits["val"].ids)) == {0, 1, 10, 11, 20, 21}
    assert set(map(int, data.splits["test"].ids)) == {2, 12, 22}
    two = manifest([row(i, split="test" if i < 5 else "train") for i in range(30)])
    two.prepare()
    assert set(two.splits["test"].ids) == {"0", "1", "2", "3", "4"}
    assert len(two.splits["val"]) == 2


def test_many_numbers_are_a_regression_and_few_are_classes(manifest) -> None:
    data = manifest([row(i, label=i / 7) for i in range(30)])
    data.prepare()
    assert data.task == "regression"
    assert data.splits["train"].labels.dtype == np.float32
    assert data.splits["train"].labels[0] == pytest.approx(int(data.splits["train"].ids[0]) / 7)
    stars = manifest([row(i, label=(10, 2, 1)[i % 3]) for i in range(30)])
    stars.prepare()
    assert stars.classes == ["1", "2", "10"]
    forced = manifest([row(i, label=i % 3) for i in range(30)], task="regression")
    forced.prepare()
    assert forced.task == "regression"


def test_modalities_can_be_declared(manifest) -> None:
    data = manifest([row(i, extra="x") for i in range(30)], modalities={"audio": "audio", "text": "text"})
    data.prepare()
    assert list(data.modalities) == ["audio", "text"]


def bomb(width: int) -> bytes:
    """A PNG whose header claims width x width pixels."""
    header = b"IHDR" + struct.pack(">IIBBBBB", width, width, 8, 2, 0, 0, 0)
    chunks = [header, b"IDAT" + zlib.compress(bytes(100)), b"IEND"]
    framed = [struct.pack(">I", len(c) - 4) + c + struct.pack(">I", zlib.crc32(c)) for c in chunks]
    return b"\x89PNG\r\n\x1a\n" + b"".join(framed)


def test_every_bad_line_is_named_with_its_reason(manifest, tmp_path: Path) -> None:
    noise = np.random.default_rng(0).integers(0, 255, (64, 64, 3), dtype=np.uint8)
    buffer = io.BytesIO()
    Image.fromarray(noise).save(buffer, "png")
    (tmp_path / "cut.png").write_bytes(buffer.getvalue()[:3000])
    (tmp_path / "text.png").write_text("no picture")
    (tmp_path / "bomb.png").write_bytes(bomb(60_000))
    (tmp_path / "wide.png").write_bytes(bomb(9_000))
    soundfile.write(tmp_path / "empty.wav", np.zeros(0), 8000)
    soundfile.write(tmp_path / "long.wav", np.zeros(20_000), 8000)
    (tmp_path / "torn.wav").write_bytes(b"RIFF\x10\0\0\0WAVE")
    (tmp_path / "folder.png").mkdir()
    np.save(tmp_path / "nan.npy", np.array([1.0, np.nan, 1, 1, 1]))
    np.save(tmp_path / "pickled.npy", np.array([{"a": 1}], dtype=object), allow_pickle=True)
    np.save(tmp_path / "wide.npy", np.ones(9))
    (tmp_path.parent / "outside.png").write_bytes(buffer.getvalue())
    bad = [
        ({"image": "none.png"}, "missing file"),
        ({"image": "folder.png"}, "missing file"),
        ({"image": "a\0b.png"}, "missing file"),
        ({"image": "../outside.png"}, "outside the folder"),
        ({"image": "/etc/hostname"}, "outside the folder"),
        ({"image": "cut.png"}, "unreadable image"),
        ({"image": "text.png"}, "unreadable image"),
        ({"image": "bomb.png"}, "too many pixels"),
        ({"image": "wide.png"}, "too many pixels"),
        ({"image": 7}, "wrong type"),
        ({"audio": "empty.wav"}, "empty audio"),
        ({"audio": "long.wav"}, "audio too long"),
        ({"audio": "torn.wav"}, "unreadable audio"),
        ({"features": {"pose": "nan.npy"}}, "features not finite"),
        ({"features": {"pose": "pickled.npy"}}, "unreadable features"),
        ({"features": {"pose": "wide.npy"}}, "wrong type"),
        ({"text": ["a"]}, "wrong type"),
        ({"text": " "}, "empty text"),
        ({"label": None}, "no label"),
        ({"split": "trainn"}, "wrong split"),
        ({"id": "3"}, "duplicate id"),
        ({"text": "w " * 600}, "text too long"),
    ]
    rows = [row(i) for i in range(8)] + [row(i + 8, **change) for i, (change, _) in enumerate(bad)]
    lines = "".join(json.dumps(r) + "\n" for r in rows) + '{"id": \n[1]\n'
    problems = check(Path(manifest(lines).path), groups=["place"], sample_rate=8000, max_seconds=2.0)
    expected = [(i + 9, reason) for i, (_, reason) in enumerate(bad)]
    expected += [(len(rows) + 1, "invalid JSON"), (len(rows) + 2, "not an object")]
    assert [(p.line, p.reason) for p in problems] == expected
    with pytest.raises(UserError, match=r"m.jsonl: 24 bad lines .*data.on_error=skip") as caught:
        manifest(lines).prepare()
    assert "line 9: missing file: image 'none.png' is not found" in str(caught.value)
    assert "and 3 more" in str(caught.value)
    data = manifest(lines, on_error="skip")
    data.prepare()
    assert sum(len(split) for split in data.splits.values()) == 8
    assert sum(data.skipped.values()) == 24
    assert data.skipped["too many pixels"] == 2
    assert manifest(lines, on_error="skip").prepare() is None, "a second time, from the cache"


@pytest.mark.parametrize(
    ("key", "value"), [("groups", ["place", "plaice"]), ("fold_group", "plaice"), ("clusters", "plaice")]
)
def test_a_field_that_no_line_has_is_named_with_the_nearest(manifest, key, value) -> None:
    with pytest.raises(UserError, match=rf"data\.{key}: no line has the field 'plaice'; .*did you mean 'place'"):
        manifest([row(i) for i in range(30)], **{key: value}).prepare()


def test_paths_may_lead_out_where_that_is_allowed(manifest, tmp_path: Path) -> None:
    Image.new("L", (4, 4)).save(tmp_path.parent / "out.png")
    rows = [row(i) for i in range(29)] + [row(29, image="../out.png")]
    manifest(rows, allow_outside=True).prepare()
    with pytest.raises(UserError, match="line 30: outside the folder"):
        manifest(rows).prepare()


def test_words_come_from_training_texts_alone(manifest) -> None:
    data = manifest([row(i, text=f"w{i} same", split=("train", "val", "test")[i % 3]) for i in range(30)])
    data.prepare()
    assert set(data.tokenizers["text"].words) == {"same"} | {f"w{i}" for i in range(0, 30, 3)}
    assert (data.splits["test"].batch(np.arange(10))["inputs"]["text"].x[:, 0] == 1).all()


def test_prediction_needs_neither_labels_nor_training_data(manifest, tmp_path: Path) -> None:
    data = manifest([row(i) for i in range(30)])
    data.prepare()
    restored = DataModule.from_state(json.loads(json.dumps(data.state())))
    split = restored.encode([row(3, label="absent"), {"text": "a word0", "extra": 1}], tmp_path)
    position = [i for s in data.splits.values() for i in s.ids if i == "3"]
    assert position == ["3"]
    owner = next(s for s in data.splits.values() if "3" in s.ids)
    before = owner.example(owner.ids.index("3"))["inputs"]
    for name, x in split.example(0)["inputs"].items():
        assert (x == before[name]).all()
    assert split.example(1)["inputs"]["image"] is None
    with pytest.raises(UserError, match="line 1: nothing there"):
        restored.encode([{"id": "1"}], tmp_path)
    with pytest.raises(UserError, match=r"line 1: outside the folder"):
        restored.encode([{"image": "../x.png"}], tmp_path)


def test_the_fingerprint_follows_the_content(manifest, tmp_path: Path) -> None:
    one = manifest([row(i) for i in range(30)])
    one.prepare()
    two = manifest([row(i) for i in range(30)])
    two.prepare()
    Image.new("RGB", (20, 10), (1, 2, 3)).save(tmp_path / "4.png")
    three = manifest([row(i) for i in range(30)])
    three.prepare()
    assert one.fingerprint == two.fingerprint != three.fingerprint


def test_whole_file_errors(manifest, build, tmp_path: Path) -> None:
    with pytest.raises(UserError, match="no such file"):
        build("manifest", path=str(tmp_path / "none.jsonl")).prepare()
    with pytest.raises(UserError, match="no examples"):
        manifest("\n\n").prepare()
    with pytest.raises(UserError, match="at least two classes"):
        manifest([row(i, label="same") for i in range(5)]).prepare()
    with pytest.raises(UserError, match="split empty"):
        manifest([row(1), row(2), row(3)], test_fraction=0.6, val_fraction=0.3).prepare()
    with pytest.raises(UserError, match=r"data.image_size: got 1"):
        manifest([row(1)], image_size=1)
    (tmp_path / "records.jsonl").write_text('{"a": 1}\n{"a"\n')
    with pytest.raises(UserError, match="line 2: invalid JSON"):
        read_records(tmp_path / "records.jsonl")


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=6),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner, max_size=3),
    max_leaves=6,
)
fields = st.sampled_from(["id", "label", "split", "text", "image", "audio", "features", "place", "x"])
values = json_values | st.sampled_from(["1.png", "2.wav", "3.npy", "..", "train", "a", "b"])
records = st.dictionaries(fields, values, max_size=6)


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.lists(records.map(json.dumps) | st.text(max_size=20), min_size=1, max_size=6), st.sampled_from(["raise", "skip"])
)
def test_any_lines_give_data_or_one_clear_error(manifest, lines: list[str], on_error: str) -> None:
    text = "\n".join(lines).encode("utf-8", "ignore").decode()
    try:
        data = manifest(text, on_error=on_error)
        data.prepare()
    except UserError:
        return
    for split in data.splits.values():
        split.batch(np.arange(len(split)))
    data.describe()


def test_folds_test_every_example_once_and_keep_groups_together(manifest) -> None:
    rows = [row(i, split="test" if i >= 27 else None, site=f"s{i // 3}") for i in range(30)]
    tested: list[str] = []
    for fold in range(3):
        data = manifest(rows, fold=fold, num_folds=3, fold_group="site")
        data.prepare()
        assert list(data.modalities) == ["text", "image", "audio", "pose"], "the field of the groups is no modality"
        assert [len(data.splits[name]) for name in ("train", "val", "test")] == [9, 9, 9]
        homes = [{int(i) // 3 for i in split.ids} for split in data.splits.values()]
        assert sum(map(len, homes)) == 9, "no site is in two splits"
        assert all(split.labels.sum() == 3 for split in data.splits.values()), "a third of the labels, as in all"
        tested += data.splits["test"].ids
    assert sorted(map(int, tested)) == list(range(27)), "the official test split is set aside"
    with pytest.raises(UserError, match=r"data\.fold_group: no line has the field 'no'"):
        manifest(rows, fold=0, num_folds=3, fold_group="no").prepare()


def test_lines_that_share_a_unit_are_a_cluster(manifest) -> None:
    rows = [row(i, speaker=f"s{i // 4}" if i else None) for i in range(30)]
    data = manifest(rows, clusters="speaker")
    data.prepare()
    assert "speaker" not in data.modalities
    for split in data.splits.values():
        expected = [f"s{int(name) // 4}" if int(name) else "only 0" for name in split.ids]
        assert split.clusters.tolist() == expected
    with pytest.raises(UserError, match=r"data\.clusters: no line has the field 'no'"):
        manifest(rows, clusters="no").prepare()


def written(index: int, **changes: Any) -> Row:
    """A row that asks for a text."""
    return row(index, **{"label": "absent", "target": f"eine Katze {index}", "prompt": f"what {index}?", **changes})


def test_targets_without_labels_are_texts_to_write(manifest) -> None:
    data = manifest([written(i) for i in range(29)] + [written(29, prompt=None)])
    data.prepare()
    assert data.task == "generation"
    assert data.classes == []
    assert "prompt" not in data.modalities
    assert "target" not in data.modalities
    everything = {
        identity: (split.targets[row], split.prompts[row])
        for split in data.splits.values()
        for row, identity in enumerate(split.ids)
    }
    assert everything["7"] == ("eine Katze 7", "what 7?")
    assert everything["29"] == ("eine Katze 29", "")
    restored = type(data).from_state(json.loads(json.dumps(data.state())))
    again = restored.encode([{"image": "3.png", "prompt": "what?"}, {"image": "4.png"}], data.path.parent)
    assert again.prompts == ["what?", ""]
    np.testing.assert_array_equal(
        again.arrays["image"].x[0],
        RecordEncoder(data.modalities, {}, data.limits).read("image", row(3), data.path.parent),
    )
    with pytest.raises(UserError, match="line 1: wrong type: prompt is int '5', expected text"):
        restored.encode([{"image": "3.png", "prompt": 5}], data.path.parent)


def test_a_prompt_is_a_modality_of_data_with_labels_as_before(manifest) -> None:
    data = manifest([row(i, prompt="hm", target="x") for i in range(30)])
    data.prepare()
    assert data.task == "classification"
    assert data.modalities["prompt"].kind == "text"
    assert data.splits["train"].targets is None


def test_bad_targets_are_told_by_line(manifest) -> None:
    rows = [written(i) for i in range(30)]
    rows[2] |= {"target": None}
    rows[3] |= {"target": " "}
    rows[4] |= {"prompt": ["a"]}
    with pytest.raises(UserError, match="no target") as caught:
        manifest(rows).prepare()
    text = str(caught.value)
    assert all(f"line {number}" in text for number in (3, 4, 5))
    assert "every training example needs a text to write" in text
    assert "target has no words" in text
    assert "prompt is list" in text
    with pytest.raises(UserError, match="target, prompt cannot be modalities"):
        manifest([written(i) for i in range(30)], modalities={"prompt": "text", "image": "image"}).prepare()
