"""Controls that change what a modality shows, on any data set."""

from typing import Annotated

import numpy as np
from pydantic import Field

from interlace.configuration.suggestions import did_you_mean
from interlace.data.datamodule import DataModule
from interlace.data.split import Split
from interlace.errors import UserError


class ShuffledModality:
    """Every example shows another example's picture, sound or text, in training, validation and test alike.

    The rows of each modality named are permuted within their split in one cycle, so that no example keeps its own and
    every row is still shown once: the modality keeps its distribution and loses what it says about the label and the
    other modalities. What a strategy reaches beyond the same model without the modality is chance, or a leak. The
    permutation depends on `seed`, the split and the modality's place in the list alone.
    """

    def __init__(
        self, *, modality: str | Annotated[list[str], Field(min_length=1)], seed: Annotated[int, Field(ge=0)]
    ) -> None:
        self.names = [modality] if isinstance(modality, str) else list(modality)
        self.seed = seed

    def apply(self, data: DataModule) -> None:
        """Changes prepared data; UserError for an unknown modality."""
        for name in self.names:
            check_known("control.modality", name, data)
        for index, (split_name, split) in enumerate(data.splits.items()):
            check_plain("control", split_name, split)
            if len(split) < 2:
                raise UserError(f"control=shuffled: the {split_name} split has {len(split)} example; it takes two")
            for place, name in enumerate(self.names):
                rng = np.random.Generator(np.random.PCG64([self.seed, index, place]))
                rows = one_cycle(len(split), rng)
                split.source_rows[name] = rows
                if name in split.texts:
                    split.texts[name] = [split.texts[name][row] for row in rows]


class DuplicatedModality:
    """A modality is there twice, under its own name and as `name` (null: `<modality>_copy`), with encoders apart.

    The copy adds parameters and no information: what a strategy gains by it is the worth of capacity (or of an
    ensemble of two encoders), not of a second modality. Records to predict for need not hold it.
    """

    def __init__(self, *, modality: str, name: str | None) -> None:
        self.modality = modality
        self.name = f"{modality}_copy" if name is None else name

    def apply(self, data: DataModule) -> None:
        """Changes prepared data; UserError for an unknown modality or a name that is taken."""
        check_known("control.modality", self.modality, data)
        if self.name in data.modalities or not self.name:
            raise UserError(
                f"control.name: got {self.name!r}; expected a name that is none of {', '.join(data.modalities)}"
            )
        for split_name, split in data.splits.items():
            check_plain("control", split_name, split)
            split.duplicate(self.modality, self.name)
        data.add_copy(self.modality, self.name)


def one_cycle(num: int, rng: np.random.Generator) -> np.ndarray:
    """A random permutation (num,) that is a single cycle: nothing stays where it was."""
    order = rng.permutation(num)
    rows = np.empty(num, dtype=np.int64)
    rows[order] = np.roll(order, 1)
    return rows


def check_known(where: str, name: str, data: DataModule) -> None:
    """UserError unless the data have the modality."""
    if name not in data.modalities:
        raise UserError(f"{where}: the data have no modality {name!r}; {did_you_mean(name, data.modalities)}")


def check_plain(where: str, name: str, split: Split) -> None:
    """UserError for a split whose examples are made anew in every epoch."""
    if type(split).batch is not Split.batch:
        raise UserError(
            f"{where}: the {name} examples of these data are made anew in every epoch and cannot be changed; "
            "leave out the augmentation"
        )
