"""Controls of what texts are written about: the right picture or sound, another example's, or none."""

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

Shown = Literal["right", "wrong", "none"]


def shown_by_split(**modalities: tuple[Shown, Shown | None]) -> dict[str, dict[str, Shown]]:
    """Split -> modality -> what is shown of it; each modality as (all splits, the test split alone or None)."""
    everywhere = {name: all_splits for name, (all_splits, _) in modalities.items()}
    test = {name: alone or all_splits for name, (all_splits, alone) in modalities.items()}
    return {name: test if name == "test" else everywhere for name in SPLITS}


def ask_for_texts(data: DataModule) -> None:
    """Makes a data set of questions and classes one of texts to write; the question is no modality of its own."""
    data.task = "generation"
    data.classes = []
    data.tokenizers = {}
    del data.modalities["text"]


def fingerprint_with_texts(shown: Mapping[str, Any], splits: Mapping[str, Split], fingerprint: str) -> str:
    """A fingerprint of pictures and sounds, of what is shown of them, and of the texts about them."""
    texts = {name: [split.prompts, split.targets] for name, split in splits.items()}
    return fingerprint_of({"shown": shown, "texts": texts}, fingerprint)


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
