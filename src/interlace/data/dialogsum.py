"""DialogSum: dialogues with summaries, three of each test dialogue (Chen et al. 2021)."""

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal

import numpy as np
from pydantic import Field

from interlace.data.parallel.datamodule import ParallelText
from interlace.data.parallel.reading import read_records
from interlace.data.sources import find
from interlace.data.text_pairs import Pairs
from interlace.errors import UserError

SUMMARIES = ("summary1", "summary2", "summary3")


class DialogSum(ParallelText):
    """Dialogues of everyday life as sources, summaries as targets; options as `ParallelText`.

    `train: dev` learns from the 500 development dialogues, of which `val_examples`, drawn by `seed`, are the validation
    split; `train: official` from dialogsum.train.jsonl (12,460 dialogues) beside them, all development dialogues being
    the validation split. The test split is the official one, with three references.
    """

    text_task = "summarization"
    fixed_options = frozenset({"name", "path", "source", "target", "groups"})

    def __init__(
        self,
        *,
        train: Literal["dev", "official"],
        val_examples: Annotated[int, Field(ge=1, le=499)],
        **pairs: Any,
    ) -> None:
        super().__init__(name="dialogsum", path=None, source="dialogue", target="summary", **pairs)
        self.train: Literal["dev", "official"] = train
        self.val_examples = val_examples

    def read_pairs(self) -> dict[str, Pairs]:
        """The splits."""
        folder = find("dialogsum")
        dev, test = (self._read(folder / f"dialogsum.{split}.jsonl") for split in ("dev", "test"))
        if self.train == "official":
            path = folder / "dialogsum.train.jsonl"
            if not path.is_file():
                raise UserError(
                    f"data.train=official: {path} is missing; put the official file there, or take data.train=dev"
                )
            return {"train": self._read(path), "val": dev, "test": test}
        if self.val_examples >= len(dev):
            raise UserError(
                f"data.val_examples: got {self.val_examples}, and there are {len(dev)} dialogues; expected fewer"
            )
        order = np.random.Generator(np.random.PCG64([self.seed, 1])).permutation(len(dev)).tolist()
        val, train = sorted(order[: self.val_examples]), sorted(order[self.val_examples :])
        return {"train": dev.take(train), "val": dev.take(val), "test": test}

    @staticmethod
    def _read(path: Path) -> Pairs:
        """Lines {"fname", "dialogue", "summary"} or, of the test split, "summary1" to "summary3"."""

        def record(line: Any) -> Any:
            if not isinstance(line, Mapping):
                return line
            summaries = [line[name] for name in SUMMARIES if name in line] or line.get("summary")
            return {"id": line.get("fname"), "dialogue": line.get("dialogue"), "summary": summaries}

        return read_records(path, record, ("dialogue", "summary"))

    def _arguments(self) -> dict[str, Any]:
        return {**super()._arguments(), "train": self.train, "val_examples": self.val_examples}
