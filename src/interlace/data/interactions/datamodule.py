"""The interactions data set."""

import math
from typing import Any

import numpy as np

from interlace.data.additive import additive_logits_accuracy, best_additive_accuracy
from interlace.data.arrays import as_strings, full_array
from interlace.data.cache import content_hash, fingerprint_of
from interlace.data.datamodule import DataModule, check_range
from interlace.data.interactions.ceilings import (
    NUM_BITS,
    bayes_accuracy,
    bayes_by_subset,
    joint_table,
)
from interlace.data.split import Split
from interlace.errors import UserError
from interlace.tokens import ModalitySpec

SPLITS = ("train", "val", "test")


class Interactions(DataModule):
    """M vectors x1..xM that determine a bit; kind "features", one row each, classes "0" and "1".

    For each example a source is drawn from `mixture` (weights on the simplex over redundant, unique_1 ... unique_M,
    synergy) and recorded as the group `source`. The label is, by source: redundant, a bit contained in all modalities;
    unique_m, a bit contained only in modality m; synergy, the parity (XOR) of one bit of each, no proper subset of
    which carries information. The source itself is not observed. Observed bits are flipped with probability `flip`. A
    bit is +-1 with a jitter of at most `jitter` < 1 on one axis; the other `dim` - 3 axes are Gaussian noise, and a
    fixed rotation mixes the axes. The bits can thus be recovered exactly, and the accuracy of the best rule follows by
    enumeration.
    """

    def __init__(
        self,
        *,
        num_modalities: int,
        mixture: dict[str, float],
        flip: float,
        jitter: float,
        dim: int,
        num_train: int,
        num_val: int,
        num_test: int,
        seed: int,
        batch_size: int,
    ) -> None:
        super().__init__(batch_size=batch_size)
        check_range("num_modalities", num_modalities, minimum=2, maximum=3)
        check_range("flip", flip, minimum=0.0, maximum=0.5)
        check_range("jitter", jitter, minimum=0.0, maximum=0.99)
        check_range("dim", dim, minimum=NUM_BITS, maximum=4096)
        check_range("seed", seed, minimum=0)
        self.sizes = dict(zip(SPLITS, (num_train, num_val, num_test), strict=True))
        for name, size in self.sizes.items():
            check_range(f"num_{name}", size, minimum=1)
        self.names = [f"x{m + 1}" for m in range(num_modalities)]
        self.sources = ["redundant", *[f"unique_{m + 1}" for m in range(num_modalities)], "synergy"]
        self.mixture = _checked_mixture(mixture, self.sources)
        self.flip = flip
        self.jitter = jitter
        self.dim = dim
        self.seed = seed
        self.classes = ["0", "1"]
        self.modalities = {name: ModalitySpec("features", (1, dim)) for name in self.names}

    def prepare(self) -> None:
        """Draws all splits in memory, which is faster than reading them from the cache."""
        arguments = {
            "mixture": self.mixture, "flip": self.flip, "jitter": self.jitter, "dim": self.dim,
            "sizes": self.sizes, "seed": self.seed,
        }  # fmt: skip
        rng = np.random.Generator(np.random.PCG64([self.seed, 0]))
        rotations = [np.linalg.qr(rng.standard_normal((self.dim, self.dim)))[0] for _ in self.names]
        self.splits = {name: self._draw(i + 1, name, rotations) for i, name in enumerate(SPLITS)}
        content = {f"{s}_{n}": a.x for s, split in self.splits.items() for n, a in split.arrays.items()}
        content |= {f"{name}_label": split.labels for name, split in self.splits.items()}
        self.fingerprint = fingerprint_of(arguments, content_hash(content))

    def _draw(self, stream: int, split: str, rotations: list[np.ndarray]) -> Split:
        rng = np.random.Generator(np.random.PCG64([self.seed, stream]))
        num, modalities = self.sizes[split], len(self.names)
        shared = rng.integers(0, 2, num)
        own, parts = rng.integers(0, 2, (2, num, modalities))
        source = rng.choice(len(self.sources), num, p=list(self.mixture.values()))
        choices = np.column_stack([shared, own, parts.sum(1) % 2])  # in the order of `sources`
        labels = choices[np.arange(num), source]
        arrays = {}
        for m, name in enumerate(self.names):
            bits = np.column_stack([shared, own[:, m], parts[:, m]])
            bits = bits ^ (rng.random(bits.shape) < self.flip)
            x = rng.standard_normal((num, self.dim))
            x[:, :NUM_BITS] = 2 * bits - 1 + rng.uniform(-self.jitter, self.jitter, bits.shape)
            arrays[name] = full_array((x @ rotations[m].T).astype(np.float32)[:, None])
        names = as_strings([self.sources[i] for i in source])
        return Split(arrays, labels, [f"{split}-{i}" for i in range(num)], {"source": names})

    def describe(self) -> dict[str, Any]:
        """Adds the exact accuracy of the best rule ("bayes_accuracy"), also by subset of modalities ("ideal"), and to
        "priors" the accuracies of sums of one function per modality: of the most accurate sum ("sum_of_best_accuracy",
        null if not proven) and of the sum of least cross-entropy ("sum_of_least_cross_entropy"), which may be lower.
        """
        table = joint_table(len(self.names), self.mixture, self.flip)
        found = super().describe()
        return {
            **found,
            "mixture": self.mixture,
            "bayes_accuracy": round(bayes_accuracy(table), 6),
            "ideal": {subset: {"overall": share} for subset, share in bayes_by_subset(table, self.names).items()},
            "priors": {
                **found["priors"],
                "sum_of_least_cross_entropy": round(additive_logits_accuracy(table), 6),
                "sum_of_best_accuracy": best_additive_accuracy(table),
            },
        }


def _checked_mixture(mixture: dict[str, float], sources: list[str]) -> dict[str, float]:
    for name, weight in mixture.items():
        if name not in sources:
            raise UserError(f"data.mixture.{name}: unknown source; expected {', '.join(sources)}")
        check_range(f"mixture.{name}", weight, minimum=0.0, maximum=1.0)
    total = math.fsum(mixture.values())
    if abs(total - 1.0) > 1e-6:
        raise UserError(f"data.mixture: the weights sum to {total:g}; expected 1 (a point of the simplex)")
    return {name: float(mixture.get(name, 0.0)) / total for name in sources}
