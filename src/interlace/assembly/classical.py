"""Runs of models fitted to all examples at once, without encoders: bag of words, linear model, sentence search."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from pytorch_lightning.loggers import Logger

from interlace.assembly.components import constructor
from interlace.assembly.experiment import Experiment
from interlace.assembly.measuring import (
    asked_of_unequal_classes,
    build_evaluator,
    check_monitored,
    evaluation_notes,
)
from interlace.assembly.multimodal import chosen_modalities, write_examples, write_predictions
from interlace.configuration.checking import resolve_target
from interlace.data.arrays import RawArray
from interlace.data.datamodule import DataModule
from interlace.data.split import Split
from interlace.data.task_spec import Joined
from interlace.encoders.pooled import pooled_vectors
from interlace.errors import UserError
from interlace.metrics.evaluation import labels_of
from interlace.models.bag_of_words import BagOfWords
from interlace.models.best_sentence import BestSentence
from interlace.models.linear import LinearInputs, LinearModel

Config = Mapping[str, Any]
ClassicalModel = BagOfWords | BestSentence | LinearModel
CHECKPOINTS = Path("checkpoints")  # in a run's directory
FILES: dict[type, str] = {
    BagOfWords: "bag_of_words.npz",
    BestSentence: "best_sentence.json",
    LinearModel: "linear.npz",
}
# `TaskSpec.fitted_as` of the tasks that each one answers.
ANSWERS: dict[type, tuple[str, ...]] = {
    BagOfWords: ("classes",),
    BestSentence: ("spans",),
    LinearModel: ("classes", "numbers"),
}


def is_classical(config: Config) -> bool:
    """Return whether the model is fitted to all examples at once, without fusion."""
    return config["fusion"] is None and resolve_target("model", config["model"]) in FILES


def load_classical(config: Config, directory: Path) -> ClassicalModel:
    """Load the model of a run. Raises UserError if it is absent or damaged."""
    target = resolve_target("model", config["model"])
    model: ClassicalModel = target.load(directory / CHECKPOINTS / FILES[target])
    return model


class ClassicalExperiment(Experiment):
    """Prediction of labels from fixed features of the modalities: `fit`, then `compute_metrics`.

    C is chosen by `checkpoint.monitor` on the validation split (null: accuracy, or the loss for numbers). Texts are not
    truncated (`data.max_tokens` has no effect), and a pair of texts is read as one text. Options of `trainer` for steps
    have no effect, and text augmentation gives the texts of its first epoch.
    """

    uses_trainer = False

    def __init__(self, config: Config) -> None:
        super().__init__(config)
        self.model: ClassicalModel = constructor(config["model"])()
        check_data(config, self.data)
        self.evaluator = build_evaluator(config, self.data)
        self.loggers: list[Logger] = []

    def default_monitor(self) -> str:
        """The default metric of the task."""
        return self.data.spec.monitor

    def monitored(self) -> tuple[str, str]:
        """Return the metric that chooses C, checked against the metrics of the data, and its direction."""
        name, mode = super().monitored()
        check_monitored(self.config, name, self.evaluator, self.data)
        return name, mode

    def notes(self) -> list[str]:
        """Return also the undefined metrics, and the options without effect on this kind of model."""
        return super().notes() + passed_over(self.config) + evaluation_notes(self.evaluator, self.data)

    def fit(self, folder: Path) -> None:
        """Fit on the training split, choose C on the validation split, and save into `folder`."""
        train, val = self.data.splits["train"], self.data.splits["val"]
        for name, split in self.data.splits.items():
            if not len(split):
                raise UserError(f"data: the {name} split is empty; give it at least one example")
        self.model.fit(
            self.inputs(train),
            np.asarray(train.labels),
            num_classes=len(self.data.classes) if self.data.spec.has_classes else None,
            held_out=self.inputs(val),
            score=self._score,
        )
        folder.mkdir(parents=True, exist_ok=True)
        self.model.save(folder / FILES[type(self.model)])

    def inputs(self, split: Split) -> Any:
        """Return the model's inputs from a split; see `inputs_of`."""
        return inputs_of(self.model, self.config, self.data, split)

    def _score(self, C: float, predictions: np.ndarray) -> float:
        """Return the monitored metric of one C, higher is better; write a line of metrics.jsonl."""
        metrics = self._metrics(predictions, "val", final=False)
        step = sorted(self.config["model"]["C"]).index(C)
        for logger in self.loggers:
            logger.log_metrics({**metrics, "C": C, "epoch": step}, step)
        name, mode = self.monitored()
        return metrics[name] if mode == "max" else -metrics[name]

    def _metrics(self, predictions: np.ndarray, name: str, *, final: bool) -> dict[str, float]:
        joined = self._joined(predictions, name)
        labels = labels_of(joined.labels)
        found = torch.from_numpy(joined.outputs)
        if self.data.spec.fitted_as == "numbers":
            found = found.to(labels.dtype)
        groups = {group: values[joined.rows] for group, values in self.data.splits[name].groups.items()}
        return self.evaluator(found, labels, groups, name, final=final)

    def _joined(self, predictions: np.ndarray, name: str) -> Joined:
        """Return predictions for the rows of a split as its task measures them."""
        split = self.data.splits[name]
        return self.data.spec.join(split, np.arange(len(split)), predictions, np.asarray(split.labels))

    def compute_metrics(self) -> dict[str, Any]:
        """Return metrics, costs and the chosen C for results.json."""
        metrics: dict[str, float] = {}
        for name in ("val", "test"):
            split = self.data.splits[name]
            inputs = self.inputs(split)
            predictions = self.model.predict(inputs)
            metrics |= self._metrics(predictions, name, final=True)
        self.tested = predictions
        size = self.model.num_parameters
        return {
            "metrics": metrics,
            "num_parameters": size,
            "num_trainable_parameters": size,
            "flops_per_example": self.model.flops(inputs),
            "chosen": self.model.chosen,
        }

    def write_outputs(self, directory: Path, task: Any) -> None:
        """Write predictions.parquet and examples/, as in other runs with labels."""
        joined = self._joined(self.tested, "test")
        evaluated = [torch.from_numpy(np.array(part)) for part in (joined.rows, joined.outputs, joined.labels)]
        write_predictions(directory / "predictions.parquet", evaluated, self.data)
        write_examples(directory, self.data)


def check_data(config: Config, data: Any) -> None:
    """Raise UserError if the model does not support the modalities or the task of the data."""
    name, source = config["choices"]["model"], config["choices"]["data"]
    alone = resolve_target("model", config["model"]) is not LinearModel
    wanted = ANSWERS[resolve_target("model", config["model"])]
    if not isinstance(data, DataModule) or data.spec.fitted_as not in wanted:
        held = f"have {data.spec.labels}" if isinstance(data, DataModule) else "are no examples"
        raise UserError(
            f"model={name}: it gives {' or '.join(wanted)} of whole examples, and data={source} {held}; choose others"
        )
    specs = chosen_modalities(config, data.modalities)
    if alone and [spec.kind for spec in specs.values()] != ["text"]:
        given = ", ".join(f"{key} ({spec.kind})" for key, spec in specs.items())
        raise UserError(f"model={name}: it reads one text, and these are {given}; choose it with modalities=[NAME]")


def inputs_of(model: ClassicalModel, config: Config, data: DataModule, split: Split) -> Any:
    """Return the model's inputs from a split: texts, LinearInputs, or the split itself."""
    if isinstance(model, BestSentence):
        return split
    specs = chosen_modalities(config, data.modalities)
    texts = {name: texts_of(split, name) for name, spec in specs.items() if spec.kind == "text"}
    if isinstance(model, BagOfWords):
        return next(iter(texts.values()))
    return LinearInputs(texts, pooled_vectors(split, specs, image_size=model.options["image_size"]))


def texts_of(split: Split, modality: str) -> list[str]:
    """Return the text of each example; "" if it is missing."""
    rows = split.source_rows.get(modality, np.arange(len(split)))
    array = split.arrays[modality]
    present = np.asarray(array.present if isinstance(array, RawArray) else array.mask.any(1))[rows]
    return [text if there else "" for text, there in zip(split.texts[modality], present, strict=True)]


def passed_over(config: Config) -> list[str]:
    """Return a note on configured options for imbalanced classes, which these models do not use; else nothing."""
    asked = asked_of_unequal_classes(config)
    return [f"{', '.join(asked)}: without effect on model={config['choices']['model']}"] if asked else []
