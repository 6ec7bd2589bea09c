"""Modalities that are missing from some examples, on any data set."""

from collections.abc import Collection, Mapping
from typing import Annotated

import numpy as np
from pydantic import Field

from interlace.data.arrays import RawArray, as_strings
from interlace.data.controls import check_known, check_plain
from interlace.data.datamodule import DataModule
from interlace.data.split import Split

Rate = Annotated[float, Field(ge=0, le=1)]
Rates = Rate | dict[str, Rate]


class MissingModalities:
    """Takes modalities away from examples: each is missing with its rate, independently of the others and the label.

    A rate is one number for all modalities or a number for each by name (0 where none is named); `val` null is as
    `train`, since the test rates are not known when a model is chosen. Modalities that the data lack already stay
    missing. With `keep_one` an example that would lose everything keeps one of what it had, each with equal chance;
    the share of examples that a modality is missing from is then below its rate.

    What is missing is a function of (seed, split, epoch, row) and of nothing else: all arms of a study, whatever
    modalities they use, miss the same; and since the numbers that are compared with the rates are the same for all
    rates, what is missing at a low rate is missing at a higher one too (but for the one that is kept). With `redraw`
    the draw is made anew for every epoch of training; without it an example lacks what it lacks for good, as in data
    that were recorded so. Validation and test examples never change, and have the group "missing" ("complete",
    "without_image", ...), so that metrics are also given by what is missing.
    """

    def __init__(
        self,
        *,
        train: Rates,
        val: Rates | None,
        test: Rates,
        keep_one: bool,
        redraw: bool,
        seed: Annotated[int, Field(ge=0)],
    ) -> None:
        self.rates = {"train": train, "val": train if val is None else val, "test": test}
        self.keep_one = keep_one
        self.redraw = redraw
        self.seed = seed

    def apply(self, data: DataModule) -> None:
        """Changes prepared data; UserError for an unknown modality."""
        for index, (name, split) in enumerate(data.splits.items()):
            check_plain("missing", name, split)
            data.splits[name] = IncompleteSplit(
                split,
                self._rates(name, data),
                keep_one=self.keep_one,
                redraw=self.redraw and name == "train",
                seed=(self.seed, index),
                grouped=name != "train",
            )

    def _rates(self, split: str, data: DataModule) -> dict[str, float]:
        """The rate of every modality of the data, in their order."""
        given = self.rates[split]
        if not isinstance(given, Mapping):
            return dict.fromkeys(data.modalities, float(given))
        for name in given:
            check_known(f"missing.{split}", name, data)
        return {name: float(given.get(name, 0.0)) for name in data.modalities}


class IncompleteSplit(Split):
    """A split without what a draw of (seed, epoch, row) takes away from it."""

    def __init__(
        self,
        split: Split,
        rates: Mapping[str, float],
        *,
        keep_one: bool,
        redraw: bool,
        seed: tuple[int, int],
        grouped: bool,
    ) -> None:
        self.__dict__.update(split.__dict__)
        self.complete = {name: array for name, array in split.arrays.items() if isinstance(array, RawArray)}
        self.rates = dict(rates)
        self.keep_one = keep_one
        self.redraw = redraw
        self.seed = seed
        # A draw covers all modalities of the data, also those that a model does not use: arms miss the same.
        self._present = np.stack([self._shown_presence(name) for name in rates], 1)  # (N, M)
        self._hide(0)
        if grouped and any(rates.values()):
            self.groups = {**split.groups, "missing": self._patterns()}

    def set_epoch(self, epoch: int) -> None:
        """Chooses what is missing in the following batches."""
        if self.redraw:
            self._hide(epoch)

    def lost(self, epoch: int) -> np.ndarray:
        """What is taken away in an epoch, (N, M), modalities in the order of the data."""
        rng = np.random.Generator(np.random.PCG64([*self.seed, epoch]))
        return draw_lost(self._present, np.array([*self.rates.values()]), rng, keep_one=self.keep_one)

    def select(self, names: Collection[str]) -> Split:
        """As Split.select; the same examples miss the same."""
        chosen = super().select(names)
        assert isinstance(chosen, IncompleteSplit)
        chosen.complete = {name: array for name, array in self.complete.items() if name in names}
        return chosen

    def _shown_presence(self, name: str) -> np.ndarray:
        present = self.complete[name].present
        return present[self._shown_rows(name, np.arange(len(present)))]

    def _hide(self, epoch: int) -> None:
        lost = self.lost(epoch)
        for column, name in enumerate(self.rates):
            if name not in self.complete:
                continue
            array = self.complete[name]
            kept = array.present.copy()
            kept[self._shown_rows(name, np.arange(len(kept)))] &= ~lost[:, column]
            self.arrays[name] = RawArray(array.x, np.where(kept, array.length, 0), kept)

    def _patterns(self) -> np.ndarray:
        left = self._present & ~self.lost(0)
        names = np.array([*self.rates])
        return as_strings(["complete" if row.all() else f"without_{'+'.join(names[~row])}" for row in left])


def draw_lost(present: np.ndarray, rates: np.ndarray, rng: np.random.Generator, *, keep_one: bool) -> np.ndarray:
    """What is lost of `present` (N, M) bool at `rates` (M,): (N, M) bool, False where nothing was there.

    One uniform number u a cell: lost where u < rate. With `keep_one` a row that would lose all it has keeps the one
    with the largest u / rate, which given the loss are uniform and independent: each is kept with equal chance.
    """
    u = rng.random(present.shape)
    lost = (u < rates) & present
    if keep_one:
        stripped = present.any(1) & (lost == present).all(1)
        nearness = np.where(present, u / np.maximum(rates, np.finfo(float).tiny), -1.0)
        lost[stripped, nearness[stripped].argmax(1)] = False
    return lost
