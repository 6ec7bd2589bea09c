"""Control conditions that change a modality of any data set."""

from typing import Annotated

import numpy as np
from pydantic import Field

from interlace.configuration.suggestions import did_you_mean
from interlace.data.datamodule import DataModule
from interlace.data.split import Split
from interlace.errors import UserError


class ShuffledModality:
    """A modality whose inputs are swapped between examples, in training, validation and test alike.

    The rows of each named modality are permuted within their split in one cycle, so that no example keeps its own and
    every row is still used once: the modality keeps its distribution and loses its information about the label and the
    other modalities. If a strategy exceeds the same model without the modality, that is chance or a leak. The
    permutation depends only on `seed`, the split and the position of the modality in the list.
    """

    def __init__(
        self, *, modality: str | Annotated[list[str], Field(min_length=1)], seed: Annotated[int, Field(ge=0)]
    ) -> None:
        self.names = [modality] if isinstance(modality, str) else list(modality)
        self.seed = seed

    def apply(self, data: DataModule) -> None:
        """Changes prepared data in place. Raises UserError for an unknown modality."""
        for name in self.names:
            check_known("control.modality", name, data)
        for index, (split_name, split) in enumerate(data.splits.items()):
            check_fixed("control", split_name, split)
            if len(split) < 2:
                raise UserError(
                    f"control=shuffled: the {split_name} split has {len(split)} example; it needs at least two"
                )
            for position, name in enumerate(self.names):
                rng = np.random.Generator(np.random.PCG64([self.seed, index, position]))
                rows = one_cycle(len(split), rng)
                split.source_rows[name] = rows
                if name in split.texts:
                    split.texts[name] = [split.texts[name][row] for row in rows]


class DuplicatedModality:
    """A modality given twice, under its own name and as `name` (null: `<modality>_copy`), with separate encoders.

    The copy adds parameters and no information: a gain from it is due to capacity (or to an ensemble of two encoders),
    not to a second modality. Records for prediction need not contain the copy.
    """

    def __init__(self, *, modality: str, name: str | None) -> None:
        self.modality = modality
        self.name = f"{modality}_copy" if name is None else name

    def apply(self, data: DataModule) -> None:
        """Changes prepared data in place. Raises UserError for an unknown modality or a name that is taken."""
        check_known("control.modality", self.modality, data)
        if self.name in data.modalities or not self.name:
            raise UserError(f"control.name: got {self.name!r}; expected a name other than {', '.join(data.modalities)}")
        for split_name, split in data.splits.items():
            check_fixed("control", split_name, split)
            split.duplicate(self.modality, self.name)
        data.add_copy(self.modality, self.name)


def one_cycle(num: int, rng: np.random.Generator) -> np.ndarray:
    """A random permutation (num,) that is a single cycle, so that no element keeps its position."""
    order = rng.permutation(num)
    rows = np.empty(num, dtype=np.int64)
    rows[order] = np.roll(order, 1)
    return rows


def check_known(where: str, name: str, data: DataModule) -> None:
    """Raise UserError unless the data have the modality."""
    if name not in data.modalities:
        raise UserError(f"{where}: the data have no modality {name!r}; {did_you_mean(name, data.modalities)}")


def check_fixed(where: str, name: str, split: Split) -> None:
    """Raise UserError for a split whose examples are generated in every epoch."""
    if type(split).batch is not Split.batch:
        raise UserError(
            f"{where}: the {name} examples of these data are generated again in every epoch and cannot be changed; "
            "leave out the augmentation"
        )
