import json
import time
from pathlib import Path

import numpy as np
import pytest
import soundfile
from PIL import Image

from interlace.data.datamodule import DataModule
from interlace.errors import UserError

SMALL = {"num_train": 300, "num_val": 60, "num_test": 90}
GOLDEN = "a3b3f1829e6e51d3073a46c26a35eb1771f3c8d706b565b143bb2d3fdf501f06"


def test_the_bytes_are_the_same_on_every_machine(build) -> None:
    data = build("scenes", level=3, **SMALL)
    data.prepare()
    assert data.fingerprint == GOLDEN, "the generator draws other scenes than it did: recorded studies are stale"


def test_the_seed_and_the_splits_have_streams_of_their_own(build) -> None:
    one, two = build("scenes", seed=0, **SMALL), build("scenes", seed=1, **SMALL)
    one.prepare()
    two.prepare()
    assert one.fingerprint != two.fingerprint
    pictures = {name: {p.tobytes() for p in split.arrays["image"].x} for name, split in one.splits.items()}
    assert not pictures["train"] & pictures["test"]
    assert not pictures["train"] & pictures["val"]
    assert not pictures["val"] & pictures["test"]


def test_batches_hold_what_the_specs_say(build) -> None:
    data = build("scenes", **SMALL)
    data.prepare()
    batch = data.splits["train"].batch(np.arange(8))
    for name, spec in data.modalities.items():
        raw = batch["inputs"][name]
        assert raw.x.shape == (8, *spec.shape) or spec.kind == "text"
        assert raw.present.all()
        assert raw.length.min() >= 1
    assert batch["inputs"]["text"].x.max() < data.modalities["text"].vocabulary_size
    assert (batch["inputs"]["text"].x != 1).all(), "no question holds an unknown word"
    assert batch["label"].max() < len(data.classes)


def test_measured_priors_of_the_question_alone(build) -> None:
    data = build("scenes", num_train=8000, num_val=90, num_test=4000)
    data.prepare()
    found = data.describe()
    for split in ("train", "test"):
        measured = found["question_priors"][split]
        assert measured["text"]["question_only"] == 1.0
        for kind in ("image", "audio", "both", "either"):
            assert measured[kind]["question_only"] == pytest.approx(1 / 3, abs=0.015)
    assert found["priors"]["majority/requires"]["both"]["accuracy"] == pytest.approx(1 / 3, abs=0.01)


@pytest.mark.parametrize(("level", "objects", "colours"), [(1, 2, 3), (2, 3, 4)])
def test_ideal_accuracies_of_the_synergy_question(build, level: int, objects: int, colours: int) -> None:
    ideal = build("scenes", level=level, **SMALL)
    ideal.prepare()
    table = ideal.describe()["ideal"]
    assert table["text+image"]["both"] == pytest.approx(1 / objects, abs=1e-3)
    assert table["text+audio"]["both"] == pytest.approx(1 / colours, abs=1e-3)
    assert table["image+audio"]["both"] == 1.0
    assert table["text+image"]["either"] == table["text+audio"]["either"] == 1.0
    assert table["text+audio"]["audio"] == table["text+image"]["image"] == table["text"]["text"] == 1.0
    assert all(value == 1.0 for value in table["text+image+audio"].values())


def test_ideal_accuracies_hold_on_drawn_scenes(build) -> None:
    """The best rule for (question, picture's objects), counted over many drawn scenes, comes to the stated figure."""
    data = build("scenes", num_train=16000, num_val=9, num_test=9)
    data.prepare()
    from interlace.scenes.world import draw_world

    world = draw_world(np.random.Generator(np.random.PCG64(5)), 60_000, data.settings, data.kinds)
    objects = (1 << (world.shapes * 6 + world.colours)).sum(1)
    answers: dict[tuple[object, ...], list[int]] = {}
    for template, shape, colour, seen, answer in zip(
        world.template, world.shape, world.colour, objects, world.answer, strict=True
    ):
        asked = (template, shape if template in (0, 1, 2) else 0, colour if template in (0, 1, 3) else 0)
        answers.setdefault((*asked, seen), []).append(answer)
    right = sum(np.bincount(found).max() for found in answers.values())
    assert right / 60_000 == pytest.approx(data.describe()["ideal"]["text+image"]["overall"], abs=0.02)


def test_a_restored_module_encodes_what_was_exported(build, tmp_path: Path) -> None:
    data = build("scenes", **SMALL)
    data.prepare()
    shown = data.example("test", 5, tmp_path)
    assert Image.open(tmp_path / shown["image"]["image"]).size == (128, 128)
    assert soundfile.info(tmp_path / shown["audio"]["audio"]).samplerate == 16000
    restored = DataModule.from_state(json.loads(json.dumps(data.state())))
    assert restored.modalities == data.modalities
    record = {"id": "q", "text": shown["text"]["text"], "image": shown["image"]["image"], "audio": None}
    split = restored.encode([record, {"audio": shown["audio"]["audio"]}], tmp_path)
    original = data.splits["test"].example(5)["inputs"]
    assert (split.example(0)["inputs"]["text"] == original["text"]).all()
    assert split.example(0)["inputs"]["audio"] is None
    assert (split.example(1)["inputs"]["audio"] == original["audio"]).all()
    assert split.ids == ["q", "2"]
    with pytest.raises(UserError, match=r"line 1: missing file: image 'no.png'"):
        restored.encode([{"image": "no.png"}], tmp_path)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"level": 4}, "data.level: got 4"),
        ({"num_objects": 5}, "data.num_objects: got 5; expected a value at least 2 and at most 4"),
        ({"num_colours": 1}, "data.num_colours"),
        ({"num_train": 0}, "data.num_train: got 0"),
        ({"kinds": {"smell": 1.0}}, "data.kinds.smell"),
        ({"kinds": {"both": 0.0}}, "data.kinds: all weights are zero"),
        ({"kinds": {"both": -1.0}}, "data.kinds.both: got -1.0"),
        ({"image_size": 4}, "data.image_size"),
        ({"seed": -1}, "data.seed"),
    ],
)
def test_values_out_of_range_are_named(build, options, message) -> None:
    with pytest.raises(UserError, match=message):
        build("scenes", **options)


def test_sixteen_thousand_scenes_in_seconds_and_batches_in_no_time(build) -> None:
    data = build("scenes", seed=987)
    start = time.perf_counter()
    data.prepare()
    seconds = time.perf_counter() - start
    split, order = data.splits["train"], np.random.default_rng(0).permutation(16000)
    batches = order[: 64 * 200].reshape(200, 64)
    for indices in batches:
        split.batch(indices)
    start = time.perf_counter()
    for indices in batches:
        split.batch(indices)
    milliseconds = (time.perf_counter() - start) / 200 * 1e3
    print(f"generated in {seconds:.1f} s, {milliseconds:.3f} ms a batch")
    assert seconds < 20
    assert milliseconds < 1.0
