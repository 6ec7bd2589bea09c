"""Runs whose model is fitted to examples in one go, without encoders: a bag of words, a linear model."""

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
from interlace.encoders.pooled import pooled_vectors
from interlace.errors import UserError
from interlace.metrics.evaluation import labels_of
from interlace.models.bag_of_words import BagOfWords
from interlace.models.linear import LinearInputs, LinearModel

Config = Mapping[str, Any]
ClassicalModel = BagOfWords | LinearModel
CHECKPOINTS = Path("checkpoints")  # in a run's directory
FILES: dict[type, str] = {BagOfWords: "bag_of_words.npz", LinearModel: "linear.npz"}


def is_classical(config: Config) -> bool:
    """True for models fitted to all examples at once, without fusion: classifiers and regressors."""
    return config["fusion"] is None and resolve_target("model", config["model"]) in FILES


def load_classical(config: Config, directory: Path) -> ClassicalModel:
    """The model that a run has left. Raises UserError when it is absent or damaged."""
    target = resolve_target("model", config["model"])
    model: ClassicalModel = target.load(directory / CHECKPOINTS / FILES[target])
    return model


class ClassicalExperiment(Experiment):
    """Classes or numbers from fixed features of the modalities: `fit`, then `compute_metrics`.

    C is chosen by `checkpoint.monitor` on the validation split (null: accuracy, for numbers the loss). Texts are read
    whole, whatever `data.max_tokens` says, and the two texts of a pair as one; what `training` says of steps plays no
    part, and an augmentation gives the texts of its first epoch.
    """

    uses_trainer = False

    def __init__(self, config: Config) -> None:
        super().__init__(config)
        self.model: ClassicalModel = constructor(config["model"])()
        check_data(config, self.data)
        self.evaluator = build_evaluator(config, self.data)
        self.loggers: list[Logger] = []

    def default_monitor(self) -> str:
        """That of the task."""
        return self.data.spec.monitor

    def monitored(self) -> tuple[str, str]:
        """The metric that chooses C, which has to be one of the data's."""
        name, mode = super().monitored()
        check_monitored(self.config, name, self.evaluator, self.data)
        return name, mode

    def notes(self) -> list[str]:
        """Also which metrics are undefined, and which options a model that is fitted in one go passes over."""
        return super().notes() + passed_over(self.config) + evaluation_notes(self.evaluator, self.data)

    def fit(self, folder: Path) -> None:
        """Fits on the training split, chooses C on the validation split, and saves into `folder`."""
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
        """The model's inputs from a split, see `inputs_of`."""
        return inputs_of(self.model, self.config, self.data, split)

    def _score(self, C: float, predictions: np.ndarray) -> float:
        """The watched metric of one C, more is better; every C is a line of metrics.jsonl."""
        metrics = self._metrics(predictions, "val", final=False)
        step = sorted(self.config["model"]["C"]).index(C)
        for logger in self.loggers:
            logger.log_metrics({**metrics, "C": C, "epoch": step}, step)
        name, mode = self.monitored()
        return metrics[name] if mode == "max" else -metrics[name]

    def _metrics(self, predictions: np.ndarray, name: str, *, final: bool) -> dict[str, float]:
        split = self.data.splits[name]
        labels = labels_of(split.labels)
        found = torch.from_numpy(predictions)
        if not self.data.spec.has_classes:
            found = found.to(labels.dtype)
        return self.evaluator(found, labels, split.groups, name, final=final)

    def compute_metrics(self) -> dict[str, Any]:
        """Metrics and costs for results.json, and which C was chosen."""
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
        """predictions.parquet and examples/, as every classification run has them."""
        labels = torch.from_numpy(np.array(self.data.splits["test"].labels))
        evaluated = (torch.arange(len(labels)), torch.from_numpy(self.tested), labels)
        write_predictions(directory / "predictions.parquet", evaluated, self.data)
        write_examples(directory, self.data)


def check_data(config: Config, data: Any) -> None:
    """UserError where the model cannot read these data or answer what they ask."""
    name, source = config["choices"]["model"], config["choices"]["data"]
    alone = resolve_target("model", config["model"]) is BagOfWords
    wanted = ["classes"] if alone else ["classes", "numbers"]
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
    """The model's inputs from a split: texts, or LinearInputs."""
    specs = chosen_modalities(config, data.modalities)
    texts = {name: texts_of(split, name) for name, spec in specs.items() if spec.kind == "text"}
    if isinstance(model, BagOfWords):
        return next(iter(texts.values()))
    return LinearInputs(texts, pooled_vectors(split, specs, image_size=model.options["image_size"]))


def texts_of(split: Split, modality: str) -> list[str]:
    """The text that each example shows; "" where it is missing."""
    rows = split.source_rows.get(modality, np.arange(len(split)))
    array = split.arrays[modality]
    present = np.asarray(array.present if isinstance(array, RawArray) else array.mask.any(1))[rows]
    return [text if there else "" for text, there in zip(split.texts[modality], present, strict=True)]


def passed_over(config: Config) -> list[str]:
    """A note on what the configuration asks of unequal classes, which these models do not do."""
    asked = asked_of_unequal_classes(config)
    return [f"{', '.join(asked)}: play no part in model={config['choices']['model']}"] if asked else []
