import json
from pathlib import Path

import numpy as np
import pytest

from interlace.data.datamodule import DataModule
from interlace.errors import UserError

SMALL = {"num_train": 120, "num_val": 40, "num_test": 60}
GOLDEN = "c1763afd04155d4bbfa5ff7e3b30528a35502c72bd19d7c3e6bd94cb93e1ad0e"


def test_the_bytes_are_the_same_on_every_machine(build) -> None:
    data = build("scenes_videos", **SMALL)
    data.prepare()
    assert data.fingerprint == GOLDEN, "the generator draws other videos than it did: recorded studies are stale"


def test_batches_priors_and_export(build, tmp_path: Path) -> None:
    data = build("scenes_videos", **SMALL)
    data.prepare()
    batch = data.splits["train"].batch(np.arange(6))
    assert batch["inputs"]["video"].x.shape == (6, 8, 3, 32, 32)
    assert batch["inputs"]["video"].length.tolist() == [8] * 6
    assert (batch["inputs"]["text"].x != 1).all(), "no unknown word"
    found = data.describe()
    assert set(found["question_priors"]["test"]) == {"video", "audio", "both", "overall"}
    assert found["ideal"]["text+video+audio"]["overall"] == 1.0
    shown = data.example("test", 3, tmp_path)
    restored = DataModule.from_state(json.loads(json.dumps(data.state())))
    record = {"text": shown["text"]["text"], "video": shown["video"]["video"], "audio": shown["audio"]["audio"]}
    again = restored.encode([record], tmp_path).example(0)["inputs"]
    original = data.splits["test"].example(3)["inputs"]
    # Small frames are written enlarged, and smoothed a little where they are made small again.
    apart = np.abs(again["video"][:, None].astype(int) - original["video"][None]).mean((2, 3, 4))  # (frames, frames)
    assert apart.diagonal().max() < 8
    assert (apart.diagonal()[:-1] < np.diagonal(apart, 1)).all(), "frames are in their order"
    assert (again["audio"] == original["audio"]).all()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"num_frames": 3}, "data.num_frames: got 3"),
        ({"num_shapes": 1}, "data.num_shapes"),
        ({"kinds": {"smell": 1.0}}, "data.kinds.smell"),
        ({"kinds": {"both": 0.0}}, "data.kinds: all weights are zero"),
        ({"image_noise": 300}, "data.image_noise"),
    ],
)
def test_values_out_of_range_are_named(build, options, message) -> None:
    with pytest.raises(UserError, match=message):
        build("scenes_videos", **options)
