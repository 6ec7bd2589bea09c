"""Texts as targets, and the same texts with typing errors as sources."""

from pathlib import Path
from typing import Annotated, Any

import numpy as np
from pydantic import Field

from interlace.data.parallel.datamodule import ParallelText
from interlace.data.parallel.reading import read_folder
from interlace.data.sources import find
from interlace.data.text_pairs import Pairs
from interlace.data.typing_errors import TypingErrors
from interlace.errors import UserError


class CorruptedText(ParallelText):
    """Texts of one language with the typing errors of `TypingErrors`; other options as `ParallelText`.

    `language`: suffix of the files, or key of the lines of .jsonl files. The errors of a text depend on `seed`, its
    split and its row alone.
    """

    text_task = "correction"
    fixed_options = frozenset({"source", "target", "groups"})

    def __init__(
        self,
        *,
        language: str,
        rate: Annotated[float, Field(ge=0, le=1)],
        min_letters: Annotated[int, Field(ge=2)],
        letters: str,
        real_words: Annotated[float, Field(ge=0, le=1)],
        **pairs: Any,
    ) -> None:
        if language == "typed":
            raise UserError("data.language: typed is the name of the side with errors; rename the files")
        super().__init__(source="typed", target=language, **pairs)
        self.language = language
        self.errors = TypingErrors(rate=rate, min_letters=min_letters, letters=letters, real_words=real_words)

    def read_pairs(self) -> dict[str, Pairs]:
        """The splits, each text with errors of its own."""
        folder = self.path if self.path is not None else find(str(self.name))
        splits = read_folder(Path(folder), self.language, self.language)
        self.errors.learn(splits["train"].sources)
        return {split: self._corrupted(number, splits[split]) for number, split in enumerate(("train", "val", "test"))}

    def _corrupted(self, split: int, pairs: Pairs) -> Pairs:
        def generator(row: int) -> np.random.Generator:
            return np.random.Generator(np.random.PCG64([self.seed, split, row, 1]))

        typed = [self.errors.corrupt(text, generator(row)) for row, text in enumerate(pairs.sources)]
        return Pairs(typed, pairs.references, pairs.ids)

    def _arguments(self) -> dict[str, Any]:
        errors = {name: getattr(self.errors, name) for name in ("rate", "min_letters", "letters", "real_words")}
        return {**super()._arguments(), "language": self.language, **errors}
