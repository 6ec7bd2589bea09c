"""Fields that name several files, parts of files, rows of numbers, or the sound of a video."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile
from PIL import Image

import interlace
from interlace.data.manifest import examine
from interlace.errors import UserError
from tests.data.coded_media import greys, tone, write_video

RATE = 8000
OPTIONS = {"sample_rate": RATE, "image_size": 8, "max_seconds": 2.0}


@pytest.fixture
def media(tmp_path: Path) -> Path:
    """long.wav (ten seconds, of which second i has the level i / 20), sounds s0 to s4.wav of half a second, pictures
    p0 to p4.png of 50 i, film.mp4 (20 frames of 10 i, two seconds, with a sound), rows r0 to r4.npy (i + 1, 3)."""
    soundfile.write(tmp_path / "long.wav", np.repeat(np.arange(10) / 20, RATE), RATE)
    for i in range(5):
        soundfile.write(tmp_path / f"s{i}.wav", np.full(RATE // 2, i / 10), RATE)
        Image.new("RGB", (8, 8), (50 * i,) * 3).save(tmp_path / f"p{i}.png")
        np.save(tmp_path / f"r{i}.npy", np.full((i + 1, 3), i))
    write_video(tmp_path / "film.mp4", greys([10 * i for i in range(20)]), "libx264", "mp4", wave=tone(2.0, 16000))
    return tmp_path


def manifest(folder: Path, values: list[Any], field: str = "x") -> Path:
    rows = [{field: value, "label": "ab"[i % 2]} for i, value in enumerate(values)]
    (folder / "m.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    return folder / "m.jsonl"


def prepared(build, path: Path, **options: Any):
    data = build("manifest", path=str(path), **OPTIONS, **options)
    data.prepare()
    found = {}
    for split in data.splits.values():
        for row, name in enumerate(split.ids):
            array = next(iter(split.arrays.values()))
            found[int(name) - 1] = array.x[row, : array.length[row]] if array.is_sequence else array.x[row]
    return data, [found[i] for i in sorted(found)]


def notes(path: Path, **options: Any) -> list[str]:
    return [n for n in examine(path, **OPTIONS, **options).summary["notes"] if "'x'" in n or "'audio'" in n]


def test_parts_of_a_sound(media: Path, build) -> None:
    values = [{"path": "long.wav", "start": i, "end": i + 0.5} for i in range(9)] + [{"path": "long.wav", "start": 9}]
    data, found = prepared(build, manifest(media, values))
    assert data.modalities["x"].kind == "audio"
    for i, wave in enumerate(found):
        assert len(wave) == (RATE if i == 9 else RATE // 2)
        assert np.abs(wave / 32768 - i / 20).max() < 1e-3
    assert notes(media / "m.jsonl")[0] == "'x' names parts of files, by their start and end in seconds (audio)"


def test_parts_of_one_file_in_several_splits_are_told(media: Path, build) -> None:
    """By the content of the files: copies are the same recording."""
    (media / "copy.wav").write_bytes((media / "long.wav").read_bytes())
    names = [*["s0.wav"] * 4, "long.wav", *["s1.wav"] * 2, "s2.wav", "copy.wav", *["s3.wav"] * 2, "s4.wav"]
    splits = [*["train"] * 6, *["val"] * 2, *["test"] * 4]
    rows = [{"x": {"path": name, "start": i / 100, "end": i / 100 + 0.1}, "label": "ab"[i % 2], "split": split}
            for i, (name, split) in enumerate(zip(names, splits, strict=True))]  # fmt: skip
    path = media / "m.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    told = [
        "files of which 'x' names parts: 1 of 2 of validation are also in training, 1 of 3 of test are also in "
        "training: a leak, unless meant (a field that names the file as data.fold_group keeps its parts in one split)"
    ]
    assert [note for note in examine(path, **OPTIONS).summary["notes"] if note.startswith("files of")] == told
    data = build("manifest", path=str(path), **OPTIONS)
    data.prepare()
    assert [note for note in data.notes() if note.startswith("files of")] == told


def test_sounds_one_behind_another(media: Path, build) -> None:
    values = [[f"s{i % 5}.wav", {"path": "long.wav", "start": i, "end": i + 0.25}] for i in range(10)]
    _, found = prepared(build, manifest(media, values))
    for i, wave in enumerate(found):
        expected = np.repeat([i % 5 / 10, i / 20], [RATE // 2, RATE // 4])
        assert len(wave) == len(expected)
        assert np.abs(wave / 32768 - expected).max() < 1e-3
    assert "'x' holds lists of files, which are read one behind another (audio)" in notes(media / "m.jsonl")


def test_lists_of_pictures_are_frames(media: Path, build) -> None:
    values = [[f"p{j % 5}.png" for j in range(i + 1)] for i in range(10)]
    data, found = prepared(build, manifest(media, values))
    assert data.modalities["x"].kind == "video"
    for i, frames in enumerate(found):
        assert frames[:, 0, 4, 4].tolist() == [50 * (j % 5) for j in range(i + 1)]
    told = "'x' holds lists of pictures, each of which is read as the frames of a video"
    assert notes(media / "m.jsonl") == [told]
    single = manifest(media, [[f"p{i % 5}.png"] for i in range(10)])
    assert prepared(build, single)[0].modalities["x"].kind == "image"


def test_parts_of_a_video_and_several(media: Path, build) -> None:
    values = [{"path": "film.mp4", "start": i / 10, "end": (i + 2) / 10} for i in range(9)]
    values.append(["p4.png", {"path": "film.mp4", "start": 1.5}])
    _, found = prepared(build, manifest(media, values))
    for i, frames in enumerate(found[:9]):
        assert np.abs(frames.mean((1, 2, 3)) - [10 * i, 10 * i + 10]).max() < 4
    assert np.abs(found[9].mean((1, 2, 3)) - [200, 150, 160, 170, 180, 190]).max() < 4


@pytest.mark.parametrize("declared", [False, True])
def test_the_sound_of_a_video(media: Path, build, declared: bool) -> None:
    name = "x" if declared else "audio"
    values = [{"path": "film.mp4", "start": i / 10, "end": i / 10 + 1} for i in range(10)]
    options = {"modalities": {"x": "audio"}} if declared else {}
    data, found = prepared(build, manifest(media, values, name), **options)
    assert data.modalities[name].kind == "audio"
    wave = tone(2.0, RATE)
    for i, part in enumerate(found[1:9], start=1):
        assert np.abs(part / 32768 - wave[i * RATE // 10 :][: len(part)])[800:-800].max() < 0.02
    assert f"'{name}' names videos, of which the sound is read (audio)" in notes(media / "m.jsonl", **options)


def test_rows_of_numbers_in_the_line_and_files_of_rows_joined(media: Path, build) -> None:
    values = [[1.5, 2, 3], [[1, 2, 3], [4, 5, 6]], "r1.npy", ["r0.npy", "r2.npy"], *[[[i] * 3] * 2 for i in range(6)]]
    data, found = prepared(build, manifest(media, values), modalities={"x": "features"})
    assert data.modalities["x"].shape == (4, 3)
    assert found[0].tolist() == [[1.5, 2, 3]]
    assert found[1].tolist() == [[1, 2, 3], [4, 5, 6]]
    assert found[2].tolist() == [[1] * 3] * 2
    assert found[3].tolist() == [[0] * 3] + [[2] * 3] * 3
    inferred = manifest(media, [[i, 1.0] for i in range(10)], "features")
    assert prepared(build, inferred)[0].modalities["features"].kind == "features"


WRONG = [
    (
        {"path": "long.wav", "start": 9, "end": 11},
        "wrong segment: long.wav lasts 10.00 s, the line asks for 9 s to 11 s",
    ),
    ({"path": "long.wav", "start": 12}, "wrong segment: long.wav lasts 10.00 s, the line asks for 12 s to its end"),
    ({"path": "long.wav", "start": 3, "end": 2}, "wrong segment: x: the end, 2 s, is not after the start, 3 s"),
    ({"path": "long.wav", "start": -1}, "wrong segment: x: start is '-1', expected seconds, 0 or more"),
    ({"path": "long.wav", "end": "2"}, "wrong segment: x: end is '2', expected seconds, 0 or more"),
    ({"path": "long.wav", "end": True}, "wrong segment: x: end is 'True', expected seconds, 0 or more"),
    ({"path": "long.wav", "begin": 1}, "wrong type: x has the key 'begin', expected path, start, end"),
    ({"start": 1}, "wrong type: x is a mapping without a path"),
    (["s0.wav", "gone.wav"], "missing file: x 'gone.wav' is not found"),
    (["s0.wav", 3], "wrong type: x is int '3', expected a path"),
    (["s0.wav"] * 5, "audio too long: s0.wav and 4 more last more than 2 s together (data.max_seconds)"),
    (["../s0.wav"], "outside the folder"),
]


@pytest.mark.parametrize(("value", "told"), WRONG)
def test_what_is_wrong_with_a_line_is_one_sentence(media: Path, build, value: Any, told: str) -> None:
    path = manifest(media, [*["s1.wav"] * 9, value, *["s2.wav"] * 9])
    problems = examine(path, **OPTIONS).problems
    assert [problem.line for problem in problems] == [10]
    assert told in str(problems[0])
    with pytest.raises(UserError, match="1 bad line"):
        prepared(build, path)
    assert len(prepared(build, path, on_error="skip")[1]) == 18


@pytest.mark.parametrize(
    ("kind", "value", "told"),
    [
        ("image", ["p0.png", "p1.png"], "several files: x is a list of 2 files, expected one image; "
                                        "data.modalities={x: video} reads them as frames"),
        ("image", {"path": "p0.png", "start": 1}, "wrong segment: x: 1 s to its end was given for a file of kind"),
        ("video", {"path": "p0.png", "end": 1}, "wrong segment: p0.png has no time axis"),
        ("features", [1, "a"], "x holds str 'a' among its numbers"),
        ("features", [[1, 2], [3]], "x is lists that differ in length or are empty"),
        ("features", [[]], "x is lists that differ in length or are empty"),
        ("features", [1, None], "x holds NoneType 'None' among its numbers"),
        ("features", [1e39, 1.0], "x has a value that is not a finite float32 number"),
        ("features", [10**400, 1.0], "x has a value that is not a finite float32 number"),
        ("features", [True, 1.0], "x holds bool 'True' among its numbers"),
        ("features", ["r0.npy", "w.npy"], "x names files with rows of [2, 3] values, expected one width"),
        ("features", [1.0, 2.0], "rows of 2 values, others of 3"),
    ],
)  # fmt: skip
def test_what_a_kind_does_not_have_is_told(media: Path, kind: str, value: Any, told: str) -> None:
    np.save(media / "w.npy", np.zeros((1, 2)))
    plain = {"image": "p1.png", "video": "film.mp4", "features": "r1.npy"}[kind]
    path = manifest(media, [*[plain] * 9, value])
    problems = examine(path, **OPTIONS, modalities={"x": kind}).problems
    assert [problem.line for problem in problems] == [10]
    assert told in str(problems[0])


@pytest.mark.slow
def test_a_run_learns_from_them_and_predicts(media: Path, tmp_path: Path) -> None:
    """Parts of a sound, lists of pictures, numbers and a film's sound, of which the part tells the class."""
    rows = []
    for i in range(60):
        side = i % 2
        rows.append({
            "id": str(i), "label": "ab"[side], "split": "train" if i < 40 else "val" if i < 50 else "test",
            "part": {"path": "long.wav", "start": 8 * side + i / 100, "end": 8 * side + i / 100 + 0.5},
            "photos": ["p0.png", f"p{4 * side}.png"], "features": [float(side), i % 7],
            "voice": {"path": "film.mp4", "start": i / 100},
        })  # fmt: skip
    (media / "m.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    config = interlace.compose([
        "experiment=manifest", f"data.path={media / 'm.jsonl'}", *(f"data.{k}={v}" for k, v in OPTIONS.items()),
        "data.max_seconds=3.0", "fusion=concat", "logger=none", "trainer.threads=1", "trainer.max_epochs=3",
    ])  # fmt: skip
    run = interlace.train(config, outputs=tmp_path / "runs", quiet=True)
    assert run.metrics["test/accuracy"] == 1.0
    answers = run.predict([{k: v for k, v in row.items() if k != "label"} for row in rows[50:]], media)
    assert [answer["prediction"] for answer in answers] == [row["label"] for row in rows[50:]]


def test_several_threads_make_the_arrays_of_one(
    media: Path, build, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Byte for byte, bad lines and what decoders decided included."""
    rows = []
    for i in range(80):
        rows.append({
            "photos": ["p0.png", f"p{i % 5}.png"], "features": [i, 1.0], "label": "ab"[i % 2], "text": f"a {i}",
            "part": {"path": "long.wav", "start": i / 10, "end": i / 10 + 1}, "sound": f"s{i % 5}.wav",
        })  # fmt: skip
    Image.new("L", (2, 900)).save(media / "thin.png")
    Image.effect_noise((64, 64), 50).save(media / "bad.png")
    (media / "bad.png").write_bytes((media / "bad.png").read_bytes()[:1000])
    rows[50]["photos"] = ["thin.png", "p1.png"]
    rows[70]["photos"] = ["p1.png", "bad.png"]
    (media / "m.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    made = []
    for threads in (1, 3):
        monkeypatch.setenv("INTERLACE_CACHE", str(tmp_path / f"cache{threads}"))
        monkeypatch.setattr("interlace.data.parallel_reading.threads_of_each", lambda _, number=threads: number)
        monkeypatch.setattr("interlace.data.parallel_reading.MIN_SECONDS", 0.0)
        data = build("manifest", path=str(media / "m.jsonl"), **OPTIONS, on_error="skip")
        data.prepare()
        files = sorted((tmp_path / f"cache{threads}").rglob("*.npy"))
        made.append((data.fingerprint, data.notes(), data.skipped, [(f.name, f.read_bytes()) for f in files]))
    assert made[0] == made[1]
    assert made[0][2] == {"unreadable video": 1}
    assert any("so thin that its short side is reduced to one pixel" in note for note in made[0][1])
    assert len(made[0][3]) == 3 * 3 * 5
