import numpy as np
import pytest
from sklearn.neighbors import KNeighborsClassifier

from interlace.data.av_digits.degradation import add_noise, fit_components, reconstruct
from interlace.data.av_digits.pairing import pair
from interlace.data.sources import locate
from interlace.errors import UserError

SMALL = {"num_train": 2000, "num_val": 200, "num_test": 500}


def need_originals() -> None:
    for name in ("mnist", "fsdd"):
        if locate(name) is None:
            pytest.skip(f"no folder {name!r} in INTERLACE_DATA")


def test_pairs_agree_and_use_every_recording_alike() -> None:
    rng = np.random.default_rng(0)
    labels, digits = rng.integers(0, 10, 1000), np.repeat(np.arange(10), 7)
    chosen = pair(rng, labels, digits)
    assert (digits[chosen] == labels).all()
    for digit in range(10):
        counts = np.bincount(chosen[labels == digit], minlength=70)[digits == digit]
        assert counts.max() - counts.min() <= 1


def test_noise_has_the_ratio_asked_for_and_none_is_none() -> None:
    rng = np.random.default_rng(0)
    wave = (3000 * np.sin(np.arange(80000) / 7)).astype(np.int16)
    assert add_noise(rng, wave, None) is wave
    for snr in (-5.0, 0.0, 10.0):
        noisy = add_noise(rng, wave, snr).astype(float)
        gain = noisy @ wave / (wave.astype(float) @ wave)
        rest = noisy - gain * wave
        ratio = 10 * np.log10(np.mean((gain * wave.astype(float)) ** 2) / np.mean(rest**2))
        assert ratio == pytest.approx(snr, abs=0.2)
    loud = (32000 * np.sin(np.arange(8000) / 7)).astype(np.int16)
    assert np.abs(add_noise(rng, loud, -10.0).astype(int)).max() == 32767, "turned down, not clipped"


def test_components_have_their_mean_added_back() -> None:
    images = np.random.default_rng(0).integers(0, 256, (900, 28, 28), dtype=np.uint8)
    components = fit_components(images, 784)
    assert np.abs(reconstruct(components, images).astype(int) - images).max() <= 1, "all components lose nothing"
    few = reconstruct(fit_components(images, 1), images)
    assert abs(few.mean() - images.mean()) < 2


def test_splits_share_no_image_and_no_speaker(build) -> None:
    need_originals()
    data = build("av_digits", **SMALL)
    data.prepare()
    speakers = {name: set(split.groups["speaker"]) for name, split in data.splits.items()}
    assert speakers == {"train": {"george", "jackson", "nicolas", "theo"}, "val": {"lucas"}, "test": {"yweweler"}}
    images = {name: {i.split("+")[0] for i in split.ids} for name, split in data.splits.items()}
    assert not images["train"] & images["val"]
    assert all(i.startswith("t10k-") for i in images["test"])
    for split in data.splits.values():
        assert [int(i.split("+")[1][0]) for i in split.ids] == split.labels.tolist(), "picture, sound, label agree"
    found = data.describe()
    assert found["recordings"] == {"train": 2000, "val": 500, "test": 500}
    assert found["recordings_cut"] == {"train": 4, "val": 16, "test": 0}


def test_known_variances_of_mnist(build) -> None:
    """On all 60,000 training images the first three components hold 9.7 + 7.1 + 6.2% of the variance."""
    need_originals()
    data = build("av_digits", num_components=3, num_train=59000, num_val=10, num_test=10, max_seconds=0.05)
    data.prepare()
    assert data.describe()["explained_variance"] == pytest.approx(0.2297, abs=0.003)


def test_fewer_components_make_digits_harder(build) -> None:
    need_originals()
    scores = []
    for k in (2, 4, 9):
        data = build("av_digits", num_components=k, **SMALL)
        data.prepare()
        train, test = (data.splits[name] for name in ("train", "test"))
        known = KNeighborsClassifier(15).fit(train.arrays["image"].x.reshape(2000, -1), train.labels)
        scores.append(known.score(test.arrays["image"].x.reshape(500, -1), test.labels))
    # 15-NN on components of t10k: 45, 65 and 91% for 2, 4 and 9 of them.
    assert scores == pytest.approx([0.43, 0.62, 0.87], abs=0.06)


def test_same_seed_same_data(build) -> None:
    need_originals()
    tiny = {"num_train": 100, "num_val": 20, "num_test": 20, "snr_db": 5.0}
    one, two, other = build("av_digits", **tiny), build("av_digits", **tiny), build("av_digits", **{**tiny, "seed": 1})
    for data in (one, two, other):
        data.prepare()
    assert one.fingerprint == two.fingerprint != other.fingerprint


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"num_components": 0}, "data.num_components: got 0"),
        ({"num_train": 60000}, "data.num_val"),
        ({"val_speakers": ["theo"]}, "'theo' is also a train speaker"),
        ({"test_speakers": []}, "data.test_speakers: got none"),
        ({"max_seconds": 0.0}, "data.max_seconds"),
    ],
)
def test_values_out_of_range_are_named(build, options, message) -> None:
    with pytest.raises(UserError, match=message):
        build("av_digits", **options)


def test_unknown_speakers_are_named(build) -> None:
    need_originals()
    with pytest.raises(UserError, match=r"data.val_speakers: got 'bob'; expected some of george"):
        build("av_digits", **SMALL, val_speakers=["bob"]).prepare()
