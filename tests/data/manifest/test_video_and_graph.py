"""Videos with sound tracks and graphs in a user's own file."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile
from PIL import Image

from interlace.data.datamodule import DataModule
from interlace.data.manifest import check
from interlace.errors import UserError


def grey(level: int) -> Image.Image:
    return Image.new("RGB", (8, 8), (level, level, level))


@pytest.fixture
def rows(tmp_path: Path) -> list[dict[str, Any]]:
    """Twenty examples: an animated file, a folder of frames, a sound track, a graph, a row of features, a word."""
    found = []
    for i in range(20):
        frames = [grey(10 * t) for t in range(2 + i % 3)]
        frames[0].save(tmp_path / f"{i}.gif", save_all=True, append_images=frames[1:], duration=100)
        (tmp_path / f"clip{i}").mkdir()
        for t in range(3):
            grey(50 + t).save(tmp_path / f"clip{i}" / f"{t}.png")
        soundfile.write(tmp_path / f"{i}.wav", np.full(400, 0.5), 8000)
        num = 2 + i % 4
        np.savez(tmp_path / f"{i}.npz", nodes=np.full((num, 3), i), edges=np.array([[0, 1]]))
        np.savez(tmp_path / f"row{i}.npz", np.full(5, i))
        found.append(
            {"scene": f"{i}.gif", "clip": f"clip{i}", "track": f"{i}.wav", "molecule": f"{i}.npz",
             "pose": f"row{i}.npz", "text": "see clip1", "label": "ab"[i % 2]}
        )  # fmt: skip
    return found


@pytest.fixture
def manifest(build: Callable[..., DataModule], tmp_path: Path) -> Callable[..., DataModule]:
    def make(rows: list[dict[str, Any]], **options: Any) -> DataModule:
        (tmp_path / "m.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
        options = {"sample_rate": 8000, "image_size": 8, "max_seconds": 1.0, **options}
        return build("manifest", path=str(tmp_path / "m.jsonl"), **options)

    return make


def test_kinds_are_told_from_what_the_files_hold(manifest, rows) -> None:
    data = manifest(rows)
    data.prepare()
    assert {name: spec.kind for name, spec in data.modalities.items()} == {
        "text": "text", "track": "audio", "pose": "features", "clip": "video", "scene": "video", "molecule": "graph",
    }  # fmt: skip
    assert data.modalities["scene"].shape == (4, 3, 8, 8)
    assert data.modalities["clip"].shape == (3, 3, 8, 8)
    assert data.modalities["molecule"].shape == (5, 3 + 5)
    split = data.splits["train"]
    batch = split.batch(np.arange(len(split)))["inputs"]
    assert batch["scene"].x.shape[1:] == (4, 3, 8, 8)
    assert set(batch["scene"].length.tolist()) == {2, 3, 4}
    shortest = int(np.argmin(split.arrays["scene"].length))
    assert split.batch(np.array([shortest]))["inputs"]["scene"].x.shape == (1, 2, 3, 8, 8), "cut at the longest"
    number = int(split.ids[0]) - 1
    shown = split.example(0)["inputs"]
    assert shown["clip"][:, 0, 4, 4].tolist() == [50, 51, 52]
    assert (shown["molecule"][:, :3] == number).all()
    assert shown["molecule"][:2, 3:5].tolist() == [[0, 1], [1, 0]]


def test_long_videos_are_thinned_and_the_bound_is_part_of_the_fingerprint(manifest, rows) -> None:
    long, short = manifest(rows), manifest(rows, max_frames=2)
    long.prepare()
    short.prepare()
    assert short.modalities["scene"].shape[0] == 2
    assert short.splits["test"].example(0)["inputs"]["clip"][:, 0, 4, 4].tolist() == [50, 52]
    assert short.fingerprint != long.fingerprint


def test_still_gifs_are_pictures_and_a_declaration_has_the_last_word(manifest, rows, tmp_path: Path) -> None:
    for i in range(20):
        grey(3 * i).save(tmp_path / f"{i}.gif")
    kept = [{key: row[key] for key in ("scene", "label")} for row in rows]
    data = manifest(kept)
    data.prepare()
    assert data.modalities["scene"].kind == "image"
    declared = manifest(kept, modalities={"scene": "video"})
    declared.prepare()
    assert declared.modalities["scene"].shape == (1, 3, 8, 8)


def test_missing_and_bad_ones_are_named(manifest, rows, tmp_path: Path) -> None:
    rows[3]["scene"] = None
    (tmp_path / "4.gif").write_bytes(b"GIF89a")
    rows[5]["clip"] = "clip5/0.txt"
    np.savez(tmp_path / "6.npz", nodes=np.zeros((2, 3)), edges=np.array([[0, 9]]))
    np.savez(tmp_path / "7.npz", nodes=np.zeros((2, 4)), edges=np.array([[0, 1]]))
    rows[8]["scene"] = "movie.mp4"
    (tmp_path / "movie.mp4").write_bytes(b"\0\0")
    data = manifest(rows)
    problems = {p.line: str(p) for p in check(data.path, sample_rate=8000, image_size=8, max_seconds=1.0)}
    assert "unreadable video: 4.gif" in problems[5]
    assert "missing file: clip" in problems[6]
    assert "an edge names node 9" in problems[7]
    assert "4 values a node, others 3" in problems[8]
    assert "movie.mp4 is not MP4, QuickTime" in problems[9]
    assert set(problems) == {5, 6, 7, 8, 9}
    with pytest.raises(UserError, match="5 bad lines"):
        data.prepare()
    skipped = manifest(rows, on_error="skip")
    skipped.prepare()
    assert sum(skipped.skipped.values()) == 5
    present = np.concatenate([split.arrays["scene"].present for split in skipped.splits.values()])
    assert (~present).sum() == 1


def test_a_changed_frame_is_a_changed_data_set(manifest, rows, tmp_path: Path) -> None:
    before = manifest(rows)
    before.prepare()
    grey(200).save(tmp_path / "clip0" / "1.png")
    after = manifest(rows)
    after.prepare()
    assert after.fingerprint != before.fingerprint


def test_new_examples_are_encoded_and_exported(manifest, rows, tmp_path: Path) -> None:
    data = manifest(rows)
    data.prepare()
    restored = DataModule.from_state(json.loads(json.dumps(data.state())))
    split = restored.encode([{"clip": "clip2", "molecule": "2.npz"}], tmp_path)
    assert split.example(0)["inputs"]["clip"].shape == (3, 3, 8, 8)
    np.savez(tmp_path / "large.npz", nodes=np.ones((6, 3)), edges=np.array([[0, 5]]))
    large = restored.encode([{"molecule": "large.npz"}, {"molecule": "2.npz"}], tmp_path)
    alone = restored.encode([{"molecule": "2.npz"}], tmp_path)
    rows_of = large.batch(np.arange(2))["inputs"]["molecule"]
    assert rows_of.x.shape == (2, 6, 3 + 6), "graphs may be larger than in training: encoders take any size"
    assert rows_of.x[0, 0, 3 + 5] == 1, "the edge to the sixth node"
    few = alone.batch(np.arange(1))["inputs"]["molecule"]
    assert (rows_of.x[1, : few.x.shape[1], : few.x.shape[2]] == few.x[0]).all()
    np.savez(tmp_path / "wide.npz", nodes=np.zeros((2, 4)), edges=np.array([[0, 1]]))
    with pytest.raises(UserError, match=r"wide\.npz has 4 values a node, others 3"):
        restored.encode([{"molecule": "wide.npz"}], tmp_path)
    written = data.example("test", 0, tmp_path / "out")
    assert (tmp_path / "out" / written["video"]["clip"]).suffix == ".apng"
