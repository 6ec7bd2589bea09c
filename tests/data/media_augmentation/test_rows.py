"""Augmented rows: functions of (seed, epoch, row) alone, that leave padding, missing examples and the split alone."""

import numpy as np
import pytest
import torch

from interlace.data.arrays import RawArray
from interlace.data.datamodule import DataModule
from interlace.data.loader import BatchLoader
from interlace.data.media_augmentation import AugmentedRows, MediaAugmentation
from interlace.data.media_augmentation.images import ImageAugmentation
from interlace.data.media_augmentation.mixup import Mixup
from interlace.data.media_augmentation.sounds import NoiseAugmentation, SpecAugment
from interlace.data.missing import MissingModalities
from interlace.data.split import Split
from interlace.errors import UserError
from interlace.tokens import ModalitySpec

NUM = 24
SPECS = {
    "image": ModalitySpec("image", (3, 12, 12)),
    "audio": ModalitySpec("audio", (400,), sample_rate=8000),
    "vector": ModalitySpec("features", (3, 2)),
    "video": ModalitySpec("video", (4, 1, 6, 6)),
}
PARTS = {
    "images": ImageAugmentation(num_ops=2, magnitude=9, crop_padding=2, flip_probability=0.5),
    "noise": NoiseAugmentation(min_snr_db=5.0, max_snr_db=20.0, probability=1.0),
    "spectrograms": SpecAugment(num_time_masks=2, max_time_share=0.2, num_frequency_masks=1, max_frequency_share=0.3),
    "mixup": Mixup(alpha=0.4),
}


def split(dtype=np.int16):
    """Rows of many lengths; every fourth has no picture, every fifth no sound."""
    rng = np.random.Generator(np.random.PCG64(0))
    rows = np.arange(NUM)
    arrays = {}
    for name, spec in SPECS.items():
        sequence = spec.kind != "image"
        length = 1 + rows % spec.shape[0] if sequence else np.ones(NUM, np.int64)
        length = 100 + 10 * rows if name == "audio" else length
        present = np.ones(NUM, bool)
        if name in ("image", "audio"):
            present = rows % (4 if name == "image" else 5) != 0
        if name == "vector":
            x = rng.standard_normal((NUM, *spec.shape)).astype(np.float32)
        elif name == "audio":
            x = rng.integers(-9000, 9000, (NUM, *spec.shape)).astype(dtype)
        else:
            x = rng.integers(0, 256, (NUM, *spec.shape)).astype(np.uint8)
        length = np.where(present, length, 0)
        if sequence:
            x[np.arange(x.shape[1]) >= length[:, None]] = 0
        arrays[name] = RawArray(x, length, present)
    return Split(arrays, rows % 3, [str(i) for i in rows])


def augmented(rows=None, num_classes=3, seed=7, **parts):
    chosen = {name: parts.get(name, PARTS[name]) for name in PARTS}
    return AugmentedRows(rows or split(), MediaAugmentation(**chosen), SPECS, num_classes=num_classes, seed=seed)


def only(*names):
    return {name: None for name in PARTS if name not in names}


def flat(batch):
    found = {"target": batch["target"]} if "target" in batch else {}
    for name, raw in batch["inputs"].items():
        found |= {f"{name}/{part}": value for part, value in zip(raw._fields[:3], raw[:3], strict=True)}
        if raw.masks is not None:
            found |= {f"{name}/time": raw.masks.time, f"{name}/frequency": raw.masks.frequency}
    return found


def same(one, other):
    assert one.keys() == other.keys()
    return all(torch.equal(one[key], other[key]) for key in one)


def test_a_row_is_the_same_in_any_batch_and_leaves_other_random_numbers_alone():
    everything, rows = augmented(), np.arange(NUM)
    torch.manual_seed(3)
    whole = flat(everything.batch(rows))
    after = torch.rand(1)
    assert torch.equal(after, torch.rand(1, generator=torch.Generator().manual_seed(3)))
    for row in (1, 7, 23):
        alone = flat(augmented().batch(np.array([row])))
        for key, value in alone.items():
            there = whole[key][[row]]
            if value.ndim > 1 and key.endswith("/x") and not key.startswith("image"):  # cut at the batch's longest
                there = there[:, : value.shape[1]]
            assert torch.equal(there, value), (row, key)


def test_epochs_and_seeds_differ_and_come_back():
    rows, everything = np.arange(NUM), augmented()
    first = flat(everything.batch(rows))
    everything.set_epoch(1)
    second = flat(everything.batch(rows))
    everything.set_epoch(0)
    assert same(first, flat(everything.batch(rows)))
    other = flat(augmented(seed=8).batch(rows))
    for key in ("image/x", "audio/x", "video/x", "vector/x", "audio/time", "audio/frequency", "target"):
        assert not torch.equal(first[key], second[key]), key
        assert not torch.equal(first[key], other[key]), key


def test_the_tail_of_an_epoch_is_the_same_when_it_is_resumed():
    def loader():
        return BatchLoader(augmented(), 5, shuffle=True, seed=1, drop_last=False)

    whole, late = loader(), loader()
    batches = []
    for epoch in (0, 1):
        whole.set_epoch(epoch)
        batches += [flat(batch) for batch in whole]
    late.set_epoch(1)
    late.start_batch = 2
    for expected, found in zip(batches[len(whole) + 2 :], late, strict=True):
        assert same(expected, flat(found))


def test_two_ranks_see_what_one_sees():
    alone = flat(next(iter(BatchLoader(augmented(), 8, shuffle=True, seed=1, drop_last=False))))
    for rank in (0, 1):
        loader = BatchLoader(augmented(), 4, shuffle=True, seed=1, drop_last=False, rank=rank, world_size=2)
        share = flat(next(iter(loader)))
        for key in ("image/x", "target", "audio/time"):
            assert torch.equal(share[key], alone[key][4 * rank : 4 * rank + 4])


@pytest.mark.parametrize("parts", [("images",), ("noise",), ("spectrograms",), ("mixup",), tuple(PARTS)])
def test_padding_and_missing_examples_stay_as_they_are(parts):
    rows = np.arange(NUM)
    plain, changed = split().batch(rows)["inputs"], augmented(**only(*parts)).batch(rows)["inputs"]
    for name, raw in changed.items():
        assert torch.equal(raw.present, plain[name].present)
        assert (raw.x[~raw.present] == 0).all()
        assert (raw.length[~raw.present] == 0).all()
        if name != "image":
            assert raw.x.shape[1] >= plain[name].x.shape[1]
            behind = torch.arange(raw.x.shape[1]) >= raw.length.unsqueeze(1)
            assert (raw.x[behind] == 0).all(), name
        if name == "vector" and "mixup" not in parts:
            assert torch.equal(raw.x, plain[name].x)
        if raw.x.dtype == torch.uint8:
            assert plain[name].x.dtype == torch.uint8


@pytest.mark.parametrize("dtype", [np.int16, np.float32])
def test_the_ratio_holds_on_the_real_samples_of_a_padded_batch(dtype):
    rows = np.arange(NUM)
    noise = NoiseAugmentation(min_snr_db=6.0, max_snr_db=6.0, probability=1.0)
    clean = split(dtype).batch(rows)["inputs"]["audio"]
    noisy = augmented(split(dtype), **only("noise"), noise=noise).batch(rows)["inputs"]["audio"]
    scale = 32768.0 if dtype is np.int16 else 1.0
    for row in np.flatnonzero(clean.present):
        n = int(clean.length[row])
        signal = clean.x[row, :n].double() / scale
        added = noisy.x[row, :n].double() - signal
        assert 10 * torch.log10((signal**2).sum() / (added**2).sum()) == pytest.approx(6.0, abs=1e-3)


def test_all_frames_of_a_video_are_changed_alike():
    still = split()
    video = still.arrays["video"]
    still.arrays["video"] = video._replace(x=np.where(
        np.arange(4)[:, None, None, None] < video.length[:, None, None, None, None], video.x[:, :1], 0
    ))  # fmt: skip
    raw = augmented(still, **only("images")).batch(np.arange(NUM))["inputs"]["video"]
    for row in range(NUM):
        real = raw.x[row, : raw.length[row]]
        assert torch.equal(real, real[:1].expand_as(real))


def test_mixup_is_the_formula_with_partners_of_the_same_modalities():
    rows = np.arange(NUM)
    plain, mixed = split().batch(rows), augmented(**only("mixup"), mixup=Mixup(alpha=1.0)).batch(rows)
    presence = split().presence()
    found = set()
    for row in rows:
        target = mixed["target"][row].numpy()
        assert target.sum() == pytest.approx(1.0)
        # The partner and the weight, from the features; then every other modality must agree.
        for partner in np.flatnonzero((presence == presence[row]).all(1)):
            one, other = (plain["inputs"]["vector"].x[i] for i in (row, partner))
            average, apart = mixed["inputs"]["vector"].x[row], one - other
            weight = float(((average - other) * apart).sum() / (apart * apart).sum().clamp_min(1e-9))
            if torch.allclose(average, weight * one + (1 - weight) * other, atol=1e-5):
                break
        else:
            raise AssertionError("no partner explains the features")
        found.add(int(partner))
        if partner == row:
            continue
        expected = np.zeros(3)
        expected[row % 3] += weight
        expected[partner % 3] += 1 - weight
        assert target == pytest.approx(expected, abs=1e-5)
        for name in ("image", "audio", "video"):
            raw, source = mixed["inputs"][name], plain["inputs"][name]
            average = weight * source.x[row].float() + (1 - weight) * source.x[partner].float()
            assert (raw.x[row].float() - average).abs().max() <= 0.5 + 2e-2  # integers are rounded
            assert raw.length[row] == max(source.length[row], source.length[partner])
    assert len(found) > 6


def test_numbers_are_averaged():
    rows = split()
    rows.labels = np.arange(NUM, dtype=np.float32)
    batch = augmented(rows, num_classes=None, **only("mixup")).batch(np.arange(NUM))
    assert batch["target"].shape == (NUM,)
    assert ((batch["target"] >= 0) & (batch["target"] <= NUM - 1)).all()
    assert not torch.equal(batch["target"], batch["label"])


def test_modalities_that_go_missing_anew_stay_missing_in_mixed_examples():
    data = DataModule(batch_size=8)
    data.modalities, data.splits = dict(SPECS), {"train": split()}
    MissingModalities(train=0.4, val=None, test=0.0, keep_one=True, redraw=True, seed=0).apply(data)
    train = data.splits["train"].select(list(SPECS))
    rows = augmented(train)
    for epoch in (0, 1, 2):
        rows.set_epoch(epoch)
        batch = rows.batch(np.arange(NUM))
        for name, raw in batch["inputs"].items():
            assert torch.equal(raw.present, torch.from_numpy(train.arrays[name].present)), name
            assert (raw.x[~raw.present] == 0).all()


def test_a_part_without_its_modality_is_refused():
    augmentation = MediaAugmentation(**PARTS)
    with pytest.raises(UserError, match="images: the data have no image or video, only audio; add"):
        augmentation.check({"audio": SPECS["audio"]}, ["audio"])
    text = {**SPECS, "words": ModalitySpec("text", (8,), vocabulary_size=9)}
    with pytest.raises(UserError, match="'words' is text, which cannot be averaged"):
        augmentation.check(text, list(text))
    augmentation.check(text, list(SPECS))
    augmentation.check(text, ["vector"])  # an arm without pictures, of data that have them
    with pytest.raises(UserError, match="'image' has 4 channels"):
        augmentation.check({**SPECS, "image": ModalitySpec("image", (4, 8, 8))}, ["image"])
