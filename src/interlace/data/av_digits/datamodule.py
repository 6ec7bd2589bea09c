"""The av_digits data set."""

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from interlace.data.arrays import RawArray, as_strings, full_array
from interlace.data.av_digits.degradation import add_noise, fit_components, reconstruct
from interlace.data.av_digits.originals import SAMPLE_RATE, Recordings, read_fsdd, read_mnist
from interlace.data.av_digits.pairing import pair
from interlace.data.cache import cached_arrays, content_hash, fingerprint_of, source_hash
from interlace.data.datamodule import DataModule, check_range
from interlace.data.sources import find
from interlace.data.split import Split
from interlace.errors import UserError
from interlace.inputs import hash_files, note_folder
from interlace.tokens import ModalitySpec

SPLITS = ("train", "val", "test")
NUM_MNIST = {"train": 60000, "test": 10000}


class AVDigits(DataModule):
    """MNIST image + FSDD recording of the same digit -> digit; modalities image and audio, group `speaker`.

    Training and validation images are disjoint parts of MNIST's training set, test images come from t10k; the splits
    have disjoint speakers. `num_components` keeps that many principal components of the images (fitted only on the
    training images of this split; the mean is added back; null keeps the images unchanged). `snr_db` adds white noise
    drawn for each example (null: none). Recordings longer than `max_seconds` are cut; `describe` counts them. Audio is
    at 8 kHz. This construction avoids defects of the public versions of AV-MNIST (PCA fitted per split, no mean,
    unseeded noise, misaligned labels).
    """

    def __init__(
        self,
        *,
        num_components: int | None,
        snr_db: float | None,
        max_seconds: float,
        num_train: int,
        num_val: int,
        num_test: int,
        train_speakers: list[str],
        val_speakers: list[str],
        test_speakers: list[str],
        seed: int,
        batch_size: int,
    ) -> None:
        super().__init__(batch_size=batch_size)
        check_range("num_components", num_components, minimum=1, maximum=784)
        check_range("snr_db", snr_db, minimum=-60, maximum=120)
        check_range("max_seconds", max_seconds, minimum=0.05, maximum=5)
        check_range("num_train", num_train, minimum=1, maximum=NUM_MNIST["train"])
        check_range("num_val", num_val, minimum=1, maximum=NUM_MNIST["train"] - num_train)
        check_range("num_test", num_test, minimum=1, maximum=NUM_MNIST["test"])
        check_range("seed", seed, minimum=0)
        if num_components is not None and num_train < num_components:
            raise UserError(f"data.num_components: got {num_components}; expected at most data.num_train={num_train}")
        self.num_components = num_components
        self.snr_db = snr_db
        self.num_samples = int(max_seconds * SAMPLE_RATE)
        self.sizes = dict(zip(SPLITS, (num_train, num_val, num_test), strict=True))
        self.speakers = dict(zip(SPLITS, (train_speakers, val_speakers, test_speakers), strict=True))
        _check_disjoint(self.speakers)
        self.seed = seed
        self.classes = [str(digit) for digit in range(10)]
        self.modalities = {
            "image": ModalitySpec("image", (1, 28, 28)),
            "audio": ModalitySpec("audio", (self.num_samples,), sample_rate=SAMPLE_RATE),
        }
        self._facts: dict[str, Any] = {}

    def prepare(self) -> None:
        """Reads, pairs and degrades the original data, or loads the result from the cache."""
        mnist, fsdd = find("mnist"), find("fsdd")
        arguments = {
            "num_components": self.num_components,
            "snr_db": self.snr_db,
            "num_samples": self.num_samples,
            "sizes": self.sizes,
            "speakers": self.speakers,
            "seed": self.seed,
        }
        key = {
            **arguments,
            "originals": [*_stamps(mnist, "-ubyte.gz"), *_stamps(fsdd / "recordings", ".wav")],
            "code": source_hash(Path(__file__).parent),
        }
        arrays, self._facts = cached_arrays("av_digits", key, lambda folder: self._build(folder, mnist, fsdd))
        self.fingerprint = fingerprint_of(arguments, self._facts["hash"])
        self.splits = {name: self._split(name, arrays) for name in SPLITS}

    def _build(self, folder: Path, mnist: Path, fsdd: Path) -> dict[str, Any]:
        recordings = read_fsdd(fsdd)
        rng = np.random.Generator(np.random.PCG64([self.seed, 0]))
        chosen = self._choose_images(rng, mnist)
        facts: dict[str, Any] = {"names": {}, "cut": {}, "recordings": {}, "explained_variance": 1.0}
        components = None
        if self.num_components is not None:
            components = fit_components(chosen["train"][0], self.num_components)
            facts["explained_variance"] = float(components.explained_variance_ratio_.sum())
        made: dict[str, np.ndarray] = {}
        for index, (name, (images, labels, rows)) in enumerate(chosen.items()):
            rng = np.random.Generator(np.random.PCG64([self.seed, index + 1]))
            usable = self._recordings_of(name, recordings)
            picked = usable[pair(rng, labels, recordings.digits[usable])]
            shown = images if components is None else reconstruct(components, images)
            made[f"{name}_image"] = shown[:, None]
            made[f"{name}_audio"], made[f"{name}_length"] = self._sounds(rng, recordings, picked)
            made[f"{name}_label"] = labels.astype(np.int64)
            part = "t10k" if name == "test" else "train"
            facts["names"][name] = [f"{part}-{row}+{recordings.names[r]}" for row, r in zip(rows, picked, strict=True)]
            facts["cut"][name] = int(sum(len(recordings.samples[r]) > self.num_samples for r in usable))
            facts["recordings"][name] = len(usable)
        for name, array in made.items():
            np.save(folder / f"{name}.npy", array)
        return {**facts, "hash": content_hash(made)}

    def _choose_images(
        self, rng: np.random.Generator, mnist: Path
    ) -> dict[str, tuple[np.ndarray, np.ndarray, np.ndarray]]:
        """Images, labels and rows in the original file, by split."""
        images, labels = read_mnist(mnist, "train")
        order = rng.permutation(len(images))
        train, val = np.split(order[: self.sizes["train"] + self.sizes["val"]], [self.sizes["train"]])
        chosen = {name: (images[rows], labels[rows], rows) for name, rows in (("train", train), ("val", val))}
        images, labels = read_mnist(mnist, "t10k")
        rows = rng.permutation(len(images))[: self.sizes["test"]]
        return {**chosen, "test": (images[rows], labels[rows], rows)}

    def _recordings_of(self, split: str, recordings: Recordings) -> np.ndarray:
        known = sorted({str(speaker) for speaker in recordings.speakers})
        for speaker in self.speakers[split]:
            if speaker not in known:
                raise UserError(f"data.{split}_speakers: got {speaker!r}; expected some of {', '.join(known)}")
        return np.flatnonzero(np.isin(recordings.speakers, self.speakers[split]))

    def _sounds(
        self, rng: np.random.Generator, recordings: Recordings, picked: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray]:
        """Audio samples (n, S) int16 and lengths (n,)."""
        x = np.zeros((len(picked), self.num_samples), dtype=np.int16)
        length = np.zeros(len(picked), dtype=np.int64)
        for row, recording in enumerate(picked):
            wave = add_noise(rng, recordings.samples[recording][: self.num_samples], self.snr_db)
            x[row, : len(wave)] = wave
            length[row] = len(wave)
        return x, length

    def _split(self, name: str, arrays: Mapping[str, np.ndarray]) -> Split:
        labels = np.array(arrays[f"{name}_label"])
        length = np.array(arrays[f"{name}_length"])
        inputs = {
            "image": full_array(arrays[f"{name}_image"]),
            "audio": RawArray(arrays[f"{name}_audio"], length, np.ones(len(labels), dtype=bool)),
        }
        names = self._facts["names"][name]
        return Split(
            inputs,
            labels,
            names,
            {"speaker": as_strings([text.split("_")[1] for text in names])},
            clusters=as_strings([text.split("+")[1] for text in names]),  # several images share a recording
        )

    def describe(self) -> dict[str, Any]:
        """Adds speakers, the numbers of recordings and of cut ones by split, and the variance explained by the
        components.
        """
        return {
            **super().describe(),
            "speakers": self.speakers,
            "recordings": self._facts["recordings"],
            "recordings_cut": self._facts["cut"],
            "explained_variance": round(self._facts["explained_variance"], 4),
            "snr_db": self.snr_db,
        }


def _stamps(folder: Path, suffix: str) -> list[list[Any]]:
    """Name and content hash of the files in a folder with a suffix, sorted by name."""
    paths = sorted(folder.glob(f"*{suffix}"))
    note_folder(folder, f"*{suffix}")
    return [[os.path.basename(name), digest] for name, digest in hash_files(paths).items()]


def _check_disjoint(speakers: Mapping[str, Sequence[str]]) -> None:
    seen: dict[str, str] = {}
    for split, names in speakers.items():
        if not names:
            raise UserError(f"data.{split}_speakers: got none; expected at least one speaker")
        for name in names:
            if seen.setdefault(name, split) != split:
                raise UserError(
                    f"data.{split}_speakers: {name!r} is also a {seen[name]} speaker; give each speaker one split"
                )
