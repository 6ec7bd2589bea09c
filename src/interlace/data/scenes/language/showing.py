"""Controls of what texts are written about: the right picture or sound, another example's, or none."""

from typing import Literal

import numpy as np

from interlace.data.arrays import RawArray
from interlace.data.controls import one_cycle
from interlace.data.split import Split
from interlace.errors import UserError

Shown = Literal["right", "wrong", "none"]


def show(split: Split, modality: str, how: Shown, rng: np.random.Generator, where: str) -> None:
    """Changes what the examples of a split show of a modality; `where` names the option in an error.

    "wrong": another example's of the split, each once (Elliott 2018); "none": the modality is missing.
    """
    if how == "wrong":
        if len(split) < 2:
            raise UserError(f"{where}: 'wrong' takes another example of the split, which has {len(split)}; ask for two")
        split.source_rows[modality] = one_cycle(len(split), rng)
    elif how == "none":
        array = split.arrays[modality]
        assert isinstance(array, RawArray), "tokens are made after the data are ready"
        absent = np.zeros(len(split), dtype=bool)
        split.arrays[modality] = array._replace(length=absent.astype(np.int64), present=absent)
