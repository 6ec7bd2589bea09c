"""Generation of text: the part without torch. Training and search are in `interlace.assembly.generation`."""

from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from interlace.data.problems import BadExample
from interlace.data.task_spec import Claim, Record, TargetArrays, TaskSpec

if TYPE_CHECKING:
    from interlace.data.datamodule import DataModule
    from interlace.data.labels import LabelSurvey
    from interlace.data.split import Split


class Generation(TaskSpec):
    """One text to generate per example, `Split.targets`, given `Split.prompts`. `labels` gives only the row count."""

    name = "generation"
    labels = "texts to write"
    reserved = ("prompt",)
    needed = (
        *("model=t5_v1_1", "tokenizer=bpe", "objective=target_text", "generation=beam", "fusion=attention"),
        "fusion.return_tokens=true",
    )
    usual = ("chrf", "exact_match", "loss", "perplexity", "bleu")
    writes = True
    pooled = False

    def claim(self, survey: "LabelSurvey") -> Claim | None:
        """Claim records with targets and without labels."""
        return Claim(2) if survey.targets and not survey.numbers.labels else None

    def check_labels(self, path: Path, records: Sequence[Record], fields: Sequence[str]) -> None:
        """Accept all records; lines without a target are reported one by one."""

    def read(self, record: Record, order: Sequence[str] | None) -> str:
        """Return the target text; the prompt has to be text or absent."""
        from interlace.data.encoding import check_text

        target, prompt = record.get("target"), record.get("prompt")
        if target is None:
            raise BadExample("no target", "every training example needs a text to write")
        if prompt is not None and not isinstance(prompt, str):
            raise BadExample("wrong type", f"prompt is {type(prompt).__name__} {str(prompt)[:40]!r}, expected text")
        return check_text("target", target)

    def arrays(self, answers: Sequence[Any], records: Sequence[Record], data: "DataModule") -> TargetArrays:
        """Return targets and prompts."""
        from interlace.data.encoding import prompts_of

        texts = {"targets": [str(answer) for answer in answers], "prompts": prompts_of(records)}
        return TargetArrays(np.zeros(len(answers), dtype=np.int64), texts)

    def check_record(self, record: Record) -> None:
        """Raise BadExample for a prompt that is not text."""
        from interlace.data.encoding import check_prompt

        check_prompt(record)

    def arrays_of_new(self, records: Sequence[Record], data: "DataModule") -> TargetArrays:
        """Return prompts without targets."""
        from interlace.data.encoding import prompts_of

        return TargetArrays(np.zeros(len(records), dtype=np.float32), {"prompts": prompts_of(records)})

    def answers_of(self, split: "Split") -> np.ndarray:
        """Return the target texts (N,)."""
        return np.asarray(split.targets, dtype=object)

    def constant(self, train: np.ndarray, test: np.ndarray, classes: Sequence[str]) -> dict[str, Any]:
        """Return the exact match of the most frequent text."""
        if not len(train) or not len(test):
            return {"text": None, "exact_match": None}
        counts = Counter(train.tolist())
        best = min(counts, key=lambda text: (-counts[text], text))
        return {"text": best, "exact_match": round(float(np.mean(test == best)), 4)}

    def shown_label(self, data: "DataModule", split: "Split", index: int) -> str:
        """Return the text."""
        return (split.targets or [])[index]
