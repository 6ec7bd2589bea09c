"""Runs of models that generate texts and are fitted without the Trainer."""

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from pytorch_lightning.loggers import Logger

from interlace.assembly.components import constructor, fitted_text_task
from interlace.assembly.experiment import Experiment
from interlace.assembly.models import injected
from interlace.assembly.texts import ScoredTexts, as_written
from interlace.configuration.checking import resolve_target
from interlace.data.parallel.datamodule import ParallelText
from interlace.errors import UserError
from interlace.models.text_algorithm import TextAlgorithm

Config = Mapping[str, Any]
FOLDER = "algorithm"  # in checkpoints/


def is_text_algorithm(config: Config) -> bool:
    """True if the configured model is a `TextAlgorithm`."""
    if config["model"] is None:
        return False
    target = resolve_target("model", config["model"])
    return isinstance(target, type) and issubclass(target, TextAlgorithm)


def build_text_algorithm(config: Config) -> TextAlgorithm:
    """Return the configured algorithm, before it is fitted."""
    model: TextAlgorithm = constructor(config["model"])(**injected(config, None))
    return model


def load_text_algorithm(config: Config, directory: Path) -> TextAlgorithm:
    """Load the fitted algorithm of a run. Raises UserError if its files are absent or damaged."""
    model = build_text_algorithm(config)
    model.load(directory / "checkpoints" / FOLDER)
    return model


class TextAlgorithmExperiment(Experiment):
    """A text algorithm on pairs of texts: `fit`, then `compute_metrics` by its task. The texts are not tokenized;
    `tokenizer`, `objective`, `generation`, `optimizer` and options for steps have no effect."""

    uses_trainer = False

    def __init__(self, config: Config) -> None:
        super().__init__({**config, "tokenizer": None})
        self.config = config
        if not isinstance(self.data, ParallelText):
            raise UserError(
                f"model={config['choices']['model']}: it reads pairs of texts, which data={config['choices']['data']} "
                "lack; choose data=parallel_text or another with pairs"
            )
        self.text_task = fitted_text_task(config, self.data)
        self.model = build_text_algorithm(config)
        self.loggers: list[Logger] = []

    def describe(self) -> dict[str, Any]:
        """Return also the trivial baseline of the task."""
        splits = self.data.splits
        return {**super().describe(), **self.text_task.describe(splits["train"].pairs, splits["test"].pairs)}

    def fit(self, folder: Path) -> None:
        """Fit on the training pairs and save into `folder`."""
        splits = self.data.splits
        self.model.fit(splits["train"].pairs, splits["val"].pairs)
        target = folder / FOLDER
        target.mkdir(parents=True, exist_ok=True)
        self.model.save(target)

    def compute_metrics(self) -> dict[str, Any]:
        """Return metrics of validation and test texts for results.json, and the options chosen by `fit`."""
        metrics: dict[str, float] = {}
        for split in ("val", "test"):
            self.scored = self.score(split)
            metrics |= self.scored.metrics
        size = self.model.num_parameters
        return {
            "metrics": metrics,
            "num_parameters": size,
            "num_trainable_parameters": size,
            "flops_per_example": None,
            "chosen": self.model.chosen,
        }

    def score(self, split: str) -> ScoredTexts:
        """Generate the texts of a split and score them."""
        pairs = self.data.splits[split].pairs
        written = as_written(pairs, self.model.write(pairs.sources))
        candidates = self.text_task.candidates(pairs)
        if candidates is not None:
            written = replace(written, candidate_scores=self.model.rate(pairs.sources, candidates))
        return ScoredTexts(self.text_task, written, split)

    def write_outputs(self, directory: Path, task: Any) -> None:
        """Write predictions.jsonl and predictions.parquet of the test split."""
        self.scored.write(directory)
