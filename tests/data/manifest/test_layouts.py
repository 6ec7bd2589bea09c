"""Official layouts of sets that the field names, on small copies made here; what is wrong in them is told."""

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile
from PIL import Image

from interlace.data.datamodule import DataModule
from interlace.data.manifest import examine
from interlace.data.manifest.layouts import LAYOUTS
from interlace.data.manifest.layouts.cifar10 import CLASSES, SIZE
from interlace.data.manifest.rows import NumberedRecord
from interlace.errors import UserError
from interlace.inputs import record_inputs

Write = Callable[[Path], Path]


def records(name: str, folder: Path) -> list[dict[str, Any]]:
    rows = list(LAYOUTS[name].read(folder))
    assert [row[0] for row in rows] == list(range(rows[0][0], rows[0][0] + len(rows))) or name == "common_voice"
    return [row.record for row in rows if isinstance(row, NumberedRecord)]


def batch(labels: list[int], seed: int) -> bytes:
    pixels = np.random.default_rng(seed).integers(0, 256, (len(labels), SIZE - 1), dtype=np.uint8)
    return b"".join(bytes([label]) + row.tobytes() for label, row in zip(labels, pixels, strict=True))


def cifar10(folder: Path) -> Path:
    place = folder / "cifar-10-batches-bin"
    place.mkdir(parents=True)
    for i in range(1, 6):
        (place / f"data_batch_{i}.bin").write_bytes(batch([0, 3, 9, i], i))
    (place / "test_batch.bin").write_bytes(batch([9, 0, 3], 6))
    (place / "batches.meta.txt").write_text("\n".join(CLASSES) + "\n\n")
    return folder


def imagenet(folder: Path, *, flat: bool = False) -> Path:
    synsets = {"n01440764": "tench, Tinca tinca", "n01443537": "goldfish, Carassius auratus"}
    solution = ["ImageId,PredictionString"]
    for place, synset in enumerate(synsets):
        for part, number in (("train", 4), ("val", 2)):
            for i in range(number):
                inner = "" if flat and part == "val" else synset
                name = f"ILSVRC2012_val_{place}{i:07}" if part == "val" else f"{synset}_{i}"
                path = folder / part / inner / f"{name}.JPEG"
                path.parent.mkdir(parents=True, exist_ok=True)
                Image.new("RGB", (12, 9), (40 * i, 200 * place, 9)).save(path, "JPEG")
                solution += [f"{name},{synset} 1 2 3 4 {synset} 5 6 7 8"] if part == "val" else []
    (folder / "LOC_synset_mapping.txt").write_text("".join(f"{k} {v}\n" for k, v in synsets.items()))
    (folder / "LOC_val_solution.csv").write_text("\n".join(solution) + "\n")
    return folder


def sound(path: Path, seed: int) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    soundfile.write(path, np.random.default_rng(seed).uniform(-0.5, 0.5, 400), 8000)


def librispeech(folder: Path) -> Path:
    place = folder / "LibriSpeech"
    number = 0
    for subset, speakers in {"train-clean-100": [19, 26], "dev-clean": [84], "test-other": [367]}.items():
        for speaker in speakers:
            lines = []
            for i in range(3):
                number += 1
                name = f"{speaker}-198-{i:04}"
                sound(place / subset / str(speaker) / "198" / f"{name}.flac", number)
                lines.append(f"{name} WORDS NUMBER {'ABCDEFGHIJKLMNO'[number]}\n")
            (place / subset / str(speaker) / "198" / f"{speaker}-198.trans.txt").write_text("".join(lines))
    (place / "SPEAKERS.TXT").write_text(
        ";ID  |SEX| SUBSET           |MINUTES| NAME\n19   | F | train-clean-100  | 25.19 | Kara Shallenberg\n"
        "26   | M | train-clean-100  | 25.08 | Denny Sayers\n84 | F | dev-clean | 8.02 | Christie Nowak\n"
        "367  | M | test-other | 8.0 | A | B\n"
    )
    (place / "README.TXT").write_text("LibriSpeech")
    return folder


def common_voice(folder: Path) -> Path:
    columns = ["client_id", "path", "sentence_id", "sentence", "up_votes", "age", "gender", "accents", "locale"]
    number = 0
    for name, rows in {"train": 6, "dev": 3, "test": 3}.items():
        lines = ["\t".join(columns)]
        for i in range(rows):
            number += 1
            clip = f"common_voice_en_{number}.wav"  # MP3s are written by few machines; what a clip is its content tells
            sound(folder / "clips" / clip, number)
            said = f'He said "no" {number}' if i else f'"Unclosed {number}'
            accent = ["Scottish English", "United States English"][number % 2]
            lines.append("\t".join([f"c{name}{i // 2}", clip, f"s{number}", said, "2", "", "", accent, "en"]))
        (folder / f"{name}.tsv").write_text("\n".join(lines) + "\n")
    for other in ("validated", "invalidated", "other"):
        (folder / f"{other}.tsv").write_text("\t".join(columns) + "\n")
    return folder


MADE: dict[str, Write] = {
    "cifar10": cifar10, "imagenet": imagenet, "librispeech": librispeech, "common_voice": common_voice,
}  # fmt: skip


@pytest.mark.parametrize("name", MADE)
def test_every_layout_is_checked_and_prepared(name: str, tmp_path: Path, build: Callable[..., DataModule]) -> None:
    folder = MADE[name](tmp_path / "set")
    options = {"sample_rate": 8000, "image_size": 16, "layout": name}
    options |= {"label": "accents"} if name == "common_voice" else {}
    problems, summary = examine(folder, **options)
    assert not problems
    assert LAYOUTS[name].note in summary["notes"]
    assert summary["problem"] is None
    data = build("manifest", path=str(folder), **options)
    data.prepare()
    found = records(name, folder)
    assert sum(map(len, data.splits.values())) == len(found)
    assert list(data.modalities) == (["image"] if name in ("cifar10", "imagenet") else ["audio"])
    assert data.task == ("generation" if name == "librispeech" else "classification")
    tests = [record["id"] for record in found if record["split"] == "test"]
    assert sorted(data.splits["test"].ids) == sorted(tests)


def test_pictures_of_cifar10_are_those_of_its_bytes(tmp_path: Path, build: Callable[..., DataModule]) -> None:
    """(label, 1024 red, 1024 green, 1024 blue), rows from the top."""
    folder = cifar10(tmp_path)
    data = build("manifest", path=str(folder), layout="cifar10", image_size=32)
    data.prepare()
    assert set(data.classes) <= set(CLASSES)
    assert len(data.splits["train"]) + len(data.splits["val"]) == 20
    for split in data.splits.values():
        for row, identity in enumerate(split.ids):
            file, _, place = identity.partition("/")
            content = (folder / "cifar-10-batches-bin" / f"{file}.bin").read_bytes()[int(place) * SIZE :][:SIZE]
            assert data.classes[split.labels[row]] == CLASSES[content[0]]
            expected = np.frombuffer(content[1:], np.uint8).reshape(3, 32, 32)
            assert np.array_equal(split.arrays["image"].x[row], expected)


def test_val_of_imagenet_may_be_flat(tmp_path: Path) -> None:
    """With the table that says its classes it is what folders of classes are."""

    def plain(folder: Path) -> list[tuple[str, str, str]]:
        return sorted((r["split"], r["label"], Path(r["image"]).name) for r in records("imagenet", folder))

    assert plain(imagenet(tmp_path / "folders")) == plain(imagenet(tmp_path / "flat", flat=True))
    inner = tmp_path / "kaggle" / "ILSVRC" / "Data" / "CLS-LOC"
    imagenet(inner, flat=True)
    assert plain(tmp_path / "kaggle") == plain(tmp_path / "flat")
    assert {r["label"] for r in records("imagenet", tmp_path / "flat")} == {"n01440764 tench", "n01443537 goldfish"}
    (tmp_path / "folders" / "LOC_synset_mapping.txt").unlink()
    assert {r["label"] for r in records("imagenet", tmp_path / "folders")} == {"n01440764", "n01443537"}


def test_librispeech_says_who_speaks_what(tmp_path: Path, build: Callable[..., DataModule]) -> None:
    found = records("librispeech", librispeech(tmp_path / "set"))
    first = next(record for record in found if record["id"] == "26-198-0001")
    assert first == {
        "id": "26-198-0001", "split": "train", "subset": "train-clean-100", "speaker": "26", "sex": "M",
        "chapter": "198", "audio": "set/LibriSpeech/train-clean-100/26/198/26-198-0001.flac",
        "target": "WORDS NUMBER F",
    }  # fmt: skip
    options = {"path": str(tmp_path / "set"), "layout": "librispeech", "sample_rate": 8000}
    data = build("manifest", label="sex", groups=["subset"], clusters="speaker", **options)
    data.prepare()
    assert data.classes == ["F", "M"]
    assert set(data.splits["test"].clusters) == {"367"}
    written = build("manifest", **options)
    written.prepare()
    assert written.splits["train"].targets == [r["target"] for r in found if r["split"] == "train"]


def test_quotes_of_common_voice_are_characters(tmp_path: Path) -> None:
    found = records("common_voice", common_voice(tmp_path / "en"))
    assert len(found) == 12
    assert found[0]["target"] == '"Unclosed 1'
    assert found[1]["target"] == 'He said "no" 2'
    assert found[0]["speaker"] == "ctrain0"
    assert found[0]["audio"] == "en/clips/common_voice_en_1.wav"
    assert "gender" not in found[0]
    assert [record["split"] for record in found] == ["train"] * 6 + ["val"] * 3 + ["test"] * 3


def drop(pattern: str) -> Callable[[Path], None]:
    def change(folder: Path) -> None:
        for path in sorted(folder.glob(pattern)):
            path.unlink()

    return change


def put(name: str, content: str | bytes) -> Callable[[Path], None]:
    def change(folder: Path) -> None:
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content if isinstance(content, bytes) else content.encode())

    return change


def unflat(folder: Path) -> None:
    for path in sorted((folder / "val").glob("*/*")):
        path.rename(folder / "val" / path.name)
    for path in sorted((folder / "val").iterdir()):
        if path.is_dir():
            path.rmdir()
    (folder / "LOC_val_solution.csv").unlink()


BIN = "cifar-10-batches-bin"
WRONG = [
    ("cifar10", drop(f"{BIN}/data_batch_3.bin"), "data_batch_3.bin: not found; expected CIFAR-10, binary version"),
    ("cifar10", put(f"{BIN}/test_batch.bin", b"x" * (SIZE + 1)), r"3,074 bytes, expected a multiple of 3,073"),
    ("cifar10", put(f"{BIN}/test_batch.bin", b""), r"test_batch.bin: it has 0 bytes"),
    ("cifar10", put(f"{BIN}/batches.meta.txt", "cat\ndog\n"), "has 2 class names, expected 10"),
    ("cifar10", put(f"{BIN}/data_batch_1.bin", b"\x0b" + b"x" * (SIZE - 1)), "class 11, expected 0 to 9"),
    ("imagenet", drop("train/*/*"), "leave the train split empty|no examples"),
    ("imagenet", unflat, "images are not in class folders, and LOC_val_solution.csv is missing"),
    ("imagenet", put("LOC_synset_mapping.txt", "n01440764\n"), "line 1 has no name"),
    ("librispeech", drop("LibriSpeech/dev-clean/84/198/*.txt"), "84-198.trans.txt: not found; expected LibriSpeech"),
    ("librispeech", drop("LibriSpeech/dev-clean/84/198/84-198-0001.flac"), "84-198-0001.flac.* is not found"),
    ("librispeech", put("LibriSpeech/train-clean-100/19/198/19-198.trans.txt", "19-198-0000\n"), "no words after it"),
    ("librispeech", put("LibriSpeech/extra/x", ""), "extra: not a subset of LibriSpeech"),
    ("common_voice", drop("dev.tsv"), "dev.tsv: not found; expected Common Voice"),
    ("common_voice", put("test.tsv", "client_id\tpath\n"), "lacks the column sentence"),
    ("common_voice", put("test.tsv", "client_id\tpath\tsentence\na\tb.wav\n"), "test.tsv: 2, expected 3"),
    ("common_voice", put("test.tsv", "client_id\tpath\tsentence\na\t../../../x.wav\tb\n"), "outside the folder"),
]  # fmt: skip


@pytest.mark.parametrize(("name", "change", "said"), WRONG, ids=[f"{n}-{i}" for i, (n, *_) in enumerate(WRONG)])
def test_what_is_wrong_or_missing_is_told_in_a_sentence(
    name: str, change: Callable[[Path], None], said: str, tmp_path: Path, build: Callable[..., DataModule]
) -> None:
    folder = MADE[name](tmp_path / "set")
    change(folder)
    with pytest.raises(UserError, match=said):
        build("manifest", path=str(folder), layout=name, sample_rate=8000, image_size=16).prepare()


@pytest.mark.parametrize("name", MADE)
def test_another_folder_is_none_of_them(name: str, tmp_path: Path) -> None:
    with pytest.raises(UserError, match=f"{re.escape(str(tmp_path))}: expected"):
        list(LAYOUTS[name].read(tmp_path))


def test_pickles_of_cifar10_are_not_opened(tmp_path: Path) -> None:
    (tmp_path / "data_batch_1").write_bytes(b"cos\nsystem\n(S'touch pwned'\ntR.")
    with pytest.raises(UserError, match="whose pickles can run code when they are opened"):
        list(LAYOUTS["cifar10"].read(tmp_path))


def test_a_layout_wants_a_folder(tmp_path: Path, build: Callable[..., DataModule]) -> None:
    (tmp_path / "a.jsonl").write_text('{"text": "a", "label": "b"}\n')
    with pytest.raises(UserError, match=r"a file; data\.layout needs the folder"):
        build("manifest", path=str(tmp_path / "a.jsonl"), layout="cifar10").prepare()


@pytest.mark.parametrize("name", MADE)
def test_every_file_of_a_layout_is_an_input(name: str, tmp_path: Path, build: Callable[..., DataModule]) -> None:
    folder = MADE[name](tmp_path / "set")
    label = {"label": "accents"} if name == "common_voice" else {}
    with record_inputs() as read:
        build("manifest", path=str(folder), layout=name, sample_rate=8000, image_size=16, **label).prepare()
    others = {"README.TXT", "validated.tsv", "invalidated.tsv", "other.tsv"}
    others |= {"LOC_val_solution.csv"} if name == "imagenet" else set()
    wanted = {str(path) for path in folder.rglob("*") if path.is_file() and path.name not in others}
    assert wanted <= set(read.files)
