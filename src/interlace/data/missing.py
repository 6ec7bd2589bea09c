"""Removal of modalities from some examples of any data set."""

from collections.abc import Collection, Mapping
from typing import Annotated

import numpy as np
from pydantic import Field

from interlace.data.arrays import RawArray, as_strings
from interlace.data.controls import check_fixed, check_known
from interlace.data.datamodule import DataModule
from interlace.data.split import Split

Rate = Annotated[float, Field(ge=0, le=1)]
Rates = Rate | dict[str, Rate]


class MissingModalities:
    """Random removal of modalities from examples, each with its rate, independently of the others and of the label.

    A rate is one number for all modalities or a number for each by name (0 if not named); `val` null means as `train`,
    since the test rates are not known when a model is selected. Modalities that are already missing stay missing. With
    `keep_one` an example that would lose all modalities keeps one of those it had, each with equal probability; the
    share of examples without a modality is then below its rate.

    The removed modalities are a function of (seed, split, epoch, row) only: all arms of a study, whichever modalities
    they use, lack the same ones. As the random numbers compared with the rates do not depend on the rates, a modality
    that is removed at a low rate is also removed at every higher one (except for the one that is kept). With `redraw`
    the draw is repeated in every epoch of training; without it each example permanently lacks the same modalities, as
    in data recorded without them. Validation and test examples do not change between epochs and have the group
    "missing" ("complete", "without_image", ...), so that metrics are also reported by missing modalities.
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
        """Changes prepared data in place. Raises UserError for an unknown modality."""
        for index, (name, split) in enumerate(data.splits.items()):
            check_fixed("missing_data", name, split)
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
            check_known(f"missing_data.{split}", name, data)
        return {name: float(given.get(name, 0.0)) for name in data.modalities}


class IncompleteSplit(Split):
    """A split from which a draw, a function of (seed, epoch, row), removes modalities."""

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
        # A draw covers all modalities of the data, used by the model or not, so that all arms lack the same ones.
        self._present = np.stack([self._original_presence(name) for name in rates], 1)  # (N, M)
        self._hide(0)
        if grouped and any(rates.values()):
            self.groups = {**split.groups, "missing": self._patterns()}

    def set_epoch(self, epoch: int) -> None:
        """Sets the epoch, which determines the modalities missing from the following batches."""
        if self.redraw:
            self._hide(epoch)

    def dropped(self, epoch: int) -> np.ndarray:
        """Mask (N, M) of the modalities removed in an epoch, in the order of the data."""
        rng = np.random.Generator(np.random.PCG64([*self.seed, epoch]))
        return draw_dropped(self._present, np.array([*self.rates.values()]), rng, keep_one=self.keep_one)

    def select(self, names: Collection[str]) -> Split:
        """As Split.select; the same modalities stay missing from each example."""
        chosen = super().select(names)
        assert isinstance(chosen, IncompleteSplit)
        chosen.complete = {name: array for name, array in self.complete.items() if name in names}
        return chosen

    def _original_presence(self, name: str) -> np.ndarray:
        present = self.complete[name].present
        return present[self._source_rows_of(name, np.arange(len(present)))]

    def _hide(self, epoch: int) -> None:
        dropped = self.dropped(epoch)
        for column, name in enumerate(self.rates):
            if name not in self.complete:
                continue
            array = self.complete[name]
            kept = array.present.copy()
            kept[self._source_rows_of(name, np.arange(len(kept)))] &= ~dropped[:, column]
            self.arrays[name] = RawArray(array.x, np.where(kept, array.length, 0), kept)

    def _patterns(self) -> np.ndarray:
        left = self._present & ~self.dropped(0)
        names = np.array([*self.rates])
        return as_strings(["complete" if row.all() else f"without_{'+'.join(names[~row])}" for row in left])


def draw_dropped(present: np.ndarray, rates: np.ndarray, rng: np.random.Generator, *, keep_one: bool) -> np.ndarray:
    """Mask (N, M) bool of the modalities removed from `present` (N, M) bool at `rates` (M,); False where absent before.

    Each cell has one uniform number u and is removed if u < rate. With `keep_one` a row that would lose everything
    keeps the cell of largest u / rate. Given removal these ratios are independent and uniform, so that each cell is
    kept with equal probability.
    """
    u = rng.random(present.shape)
    dropped = (u < rates) & present
    if keep_one:
        stripped = present.any(1) & (dropped == present).all(1)
        nearness = np.where(present, u / np.maximum(rates, np.finfo(float).tiny), -1.0)
        dropped[stripped, nearness[stripped].argmax(1)] = False
    return dropped
