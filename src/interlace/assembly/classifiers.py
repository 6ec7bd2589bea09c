"""Finished runs that label texts or read contexts, for models that ask one."""

import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from interlace.assembly.classical import FILES, inputs_of, is_classical, load_classical
from interlace.assembly.finished import predict_split, with_trained_weights, without_parent
from interlace.assembly.multimodal import build_model
from interlace.configuration.checking import resolve_target
from interlace.configuration.targets import check_recorded
from interlace.data.problems import error_for
from interlace.data.reading_comprehension import ReadingComprehension
from interlace.data.split import Split
from interlace.errors import UserError
from interlace.inputs import note
from interlace.inputs.checksums import read_verified_json, verify_files
from interlace.nn.costs import count_parameters
from interlace.pretrained.parents import OF_A_RUN, checkpoint_of, read_config
from interlace.tracking.identity import with_newer_options

BATCH = 64
CHUNK = 1024  # questions with a context that are encoded at a time
DRAW = ("templates", "unseen_entities", "unseen_templates", "two_hops", "most_answers", "seed")


class FinishedModel:
    """The model of a finished run on labels, opened with the fitted state of its data.

    Raises UserError for a folder that is no run, a run of another kind than `expected`, and damaged files.
    """

    expected = "a finished run that predicts labels"

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        if not (directory / "config.yaml").is_file():
            raise UserError(f"{directory}: no run directory; expected one of {self.expected}")
        verify_files(directory)
        config = check_recorded(directory / "config.yaml", read_config(directory))
        self.config: dict[str, Any] = with_newer_options(config)
        self.classical = is_classical(self.config)
        if self.config["fusion"] is None and not self.classical:
            raise UserError(f"{directory}: its model gives no classes; expected {self.expected}")
        note(*self._files())
        self.data = resolve_target("data", self.config["data"]).from_state(
            read_verified_json(directory, "data_state.json")
        )
        if not self.fits:
            raise UserError(f"{directory}: expected {self.expected}")
        if self.classical:
            self.model: Any = load_classical(self.config, directory)
        else:
            built = build_model(without_parent(self.config, directory), self.data)
            self.model = with_trained_weights(built, self.config, checkpoint_of(directory))

    @property
    def fits(self) -> bool:
        """True if the data are those of a run of the expected kind."""
        return True

    @property
    def num_parameters(self) -> int:
        """Fitted parameters of the model."""
        found: int = self.model.num_parameters if self.classical else count_parameters(self.model)[0]
        return found

    def outputs(self, split: Split) -> np.ndarray:
        """Return the outputs (N, ...) of a split, such as probabilities."""
        if self.classical:
            found: np.ndarray = self.model.predict(inputs_of(self.model, self.config, self.data, split))
            return found
        return predict_split(self.model, split, self.data.spec, BATCH)

    def copy_to(self, folder: Path) -> None:
        """Copies the files that this needs into a new folder, which can be opened in the place of the run."""
        for path in self._files():
            target = folder / path.relative_to(self.directory)
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(path, target)

    def _files(self) -> list[Path]:
        described = [self.directory / name for name in (*OF_A_RUN, "results.json")]
        model = (
            self.directory / "checkpoints" / FILES[resolve_target("model", self.config["model"])]
            if self.classical
            else checkpoint_of(self.directory)
        )
        return [*(path for path in described if path.is_file()), model]


class RunClassifier(FinishedModel):
    """P(class | text) by the model of a finished run that classifies one text.

    `data`: the node of the data that will be classified; options that decide which questions are test questions
    (`DRAW`) and stand in both nodes have to be those of the run. UserError where they differ.
    """

    expected = "a finished run that classifies texts"

    def __init__(self, directory: Path, data: Mapping[str, Any] | None = None) -> None:
        super().__init__(directory)
        _check_draw(directory, self.config["data"], data or {})

    @property
    def fits(self) -> bool:
        """True for one of several classes of one text."""
        return bool(self.data.spec.has_softmax) and [each.kind for each in self.data.modalities.values()] == ["text"]

    @property
    def classes(self) -> list[str]:
        """The classes in the order of the probabilities."""
        found: list[str] = self.data.classes
        return found

    def probabilities(self, texts: Sequence[str]) -> np.ndarray:
        """P(class | text), (N, C)."""
        (name,) = self.data.modalities
        return self.outputs(self.data.encode([{name: text} for text in texts], Path(".")))


class RunReader(FinishedModel):
    """Answers as spans of contexts by the model of a finished run of the task `span`."""

    expected = "a finished run that reads, such as one of experiment=squad"

    @property
    def fits(self) -> bool:
        """True for data of reading comprehension."""
        return isinstance(self.data, ReadingComprehension)

    def __call__(self, pairs: Sequence[tuple[str, str]]) -> list[tuple[str, float]]:
        """Return the answer in the context, "" for none, and its score for each (question, context), in their order."""
        self.data.spec.restore(read_verified_json(self.directory, "results.json")["metrics"], self.data.classes)
        answers: list[tuple[str, float]] = [("", 0.0)] * len(pairs)
        order = sorted(range(len(pairs)), key=lambda row: len(pairs[row][1]))  # batches of similar lengths
        for start in range(0, len(order), CHUNK):
            rows = order[start : start + CHUNK]
            records = [{"question": pairs[row][0], "context": pairs[row][1]} for row in rows]
            encoded = self.data.encode_readable(records, Path("."))
            if encoded.problems:
                raise error_for("the questions and passages to read", encoded.problems, "correct or remove them")
            split = encoded.split
            joined = self.data.spec.join(split, np.arange(len(split)), self.outputs(split), split.labels)
            for row, found in zip(rows, self.data.spec.answers(self.data, joined.outputs, split), strict=True):
                answers[row] = (found["prediction"] or "", found["score"])
        return answers


def _check_draw(directory: Path, trained: Mapping[str, Any], asked: Mapping[str, Any]) -> None:
    """UserError where a classifier of questions saw other ones in training, among them test questions perhaps."""
    both = [key for key in DRAW if key in trained and key in asked] if "graph" in trained and "graph" in asked else []
    other = next((key for key in both if trained[key] != asked[key]), None)
    if other is not None:
        raise UserError(
            f"{directory}: it was trained with data.{other}={trained[other]}, here it is {asked[other]}: patterns of "
            "test questions here may be among its training questions; train it with the same options of data"
        )
