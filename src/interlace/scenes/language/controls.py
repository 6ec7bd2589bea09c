"""Input controls: each example gets its own image or sound, that of another example, or none."""

from collections.abc import Mapping
from typing import Any, Literal

import numpy as np

from interlace.data.arrays import RawArray
from interlace.data.cache import fingerprint_of
from interlace.data.controls import one_cycle
from interlace.data.datamodule import DataModule
from interlace.data.split import Split
from interlace.errors import UserError
from interlace.scenes.datamodule import SPLITS

Control = Literal["right", "wrong", "none"]


def controls_by_split(**modalities: tuple[Control, Control | None]) -> dict[str, dict[str, Control]]:
    """Split -> modality -> control. Each modality is given as (control of all splits, control of the test split or
    None).
    """
    everywhere = {name: all_splits for name, (all_splits, _) in modalities.items()}
    test = {name: alone or all_splits for name, (all_splits, alone) in modalities.items()}
    return {name: test if name == "test" else everywhere for name in SPLITS}


def make_generation_task(data: DataModule) -> None:
    """Turn a data set of questions and classes into one for text generation, without the question as a modality."""
    data.task = "generation"
    data.classes = []
    data.tokenizers = {}
    del data.modalities["text"]


def fingerprint_with_texts(shown: Mapping[str, Any], splits: Mapping[str, Split], fingerprint: str) -> str:
    """A fingerprint of the media (`fingerprint`), of their controls, and of the texts about them."""
    texts = {name: [split.prompts, split.targets] for name, split in splits.items()}
    return fingerprint_of({"shown": shown, "texts": texts}, fingerprint)


def apply_control(split: Split, modality: str, control: Control, rng: np.random.Generator, where: str) -> None:
    """Apply a control to a modality of a split; `where` names the option in an error.

    "wrong": each example gets the input of another example of the split, each used once (Elliott 2018); "none": the
    modality is missing.
    """
    if control == "wrong":
        if len(split) < 2:
            raise UserError(
                f"{where}: 'wrong' needs another example in the split, which has {len(split)}; use at least two"
            )
        split.source_rows[modality] = one_cycle(len(split), rng)
    elif control == "none":
        array = split.arrays[modality]
        assert isinstance(array, RawArray), "tokens are made after the data are ready"
        absent = np.zeros(len(split), dtype=bool)
        split.arrays[modality] = array._replace(length=absent.astype(np.int64), present=absent)
