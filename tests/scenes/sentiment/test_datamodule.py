import numpy as np
import pytest

from interlace.errors import UserError

SMALL = {"num_train": 144, "num_val": 72, "num_test": 72}
GOLDEN = "a611415278d4d4f7d16eeac88cb92e8cb27f87efd4a3fa22dead877846b756d4"


def test_the_bytes_are_the_same_on_every_machine(build) -> None:
    data = build("scenes_sentiment", **SMALL)
    data.prepare()
    assert data.fingerprint == GOLDEN, "the generator draws other speakers than it did: recorded studies are stale"


def test_groups_labels_and_batches(build) -> None:
    data = build("scenes_sentiment", **SMALL)
    data.prepare()
    split = data.splits["train"]
    assert set(split.groups["agreement"]) == {"agree", "conflict"}
    assert set(split.groups["decider"]) == {"words", "face", "voice"}
    assert np.bincount(split.labels).tolist() == [48, 48, 48]
    batch = split.batch(np.arange(8))
    for name, spec in data.modalities.items():
        assert batch["inputs"][name].x.shape[2:] == spec.shape[1:]
    assert (batch["inputs"]["text"].x != 1).all(), "no unknown word"
    found = data.describe()
    assert found["ideal"]["text+image+audio"]["conflict"] == 1.0
    assert found["priors"]["majority"]["accuracy"] == pytest.approx(1 / 3, abs=0.08)


def test_values_are_those_of_the_classes(build) -> None:
    classes, values = build("scenes_sentiment", **SMALL), build("scenes_sentiment", target="value", **SMALL)
    classes.prepare()
    values.prepare()
    assert values.task == "regression"
    assert values.classes == []
    assert values.fingerprint != classes.fingerprint
    assert (np.sign(values.splits["test"].labels) + 1 == classes.splits["test"].labels).all()
    assert set(values.splits["test"].labels.tolist()) == {-1.0, -0.5, 0.0, 0.5, 1.0}
    assert values.splits["test"].texts == classes.splits["test"].texts
    assert values.describe()["ideal"]["image"]["rmse"] > 0


def test_splits_and_seeds_draw_apart(build) -> None:
    one, two = build("scenes_sentiment", **SMALL), build("scenes_sentiment", seed=1, **SMALL)
    one.prepare()
    two.prepare()
    assert one.fingerprint != two.fingerprint
    pictures = {name: {p.tobytes() for p in split.arrays["image"].x} for name, split in one.splits.items()}
    assert not pictures["train"] & pictures["test"]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"agreement": 1.5}, "data.agreement: got 1.5"),
        ({"num_test": 0}, "data.num_test"),
        ({"image_size": 8}, "data.image_size"),
        ({"seconds": 0.01}, "data.seconds"),
        ({"sound_noise": 2.0}, "data.sound_noise"),
    ],
)
def test_values_out_of_range_are_named(build, options, message) -> None:
    with pytest.raises(UserError, match=message):
        build("scenes_sentiment", **options)
