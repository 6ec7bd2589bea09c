"""Runs whose model classifies texts without an encoder: a bag of words."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from pytorch_lightning.loggers import Logger

from interlace.assembly.components import constructor
from interlace.assembly.experiment import Experiment
from interlace.assembly.multimodal import chosen_modalities, write_examples, write_predictions
from interlace.configuration.checking import resolve_target
from interlace.data.arrays import RawArray
from interlace.data.datamodule import DataModule
from interlace.data.split import Split
from interlace.errors import UserError
from interlace.metrics.evaluation import classification_metrics
from interlace.models.bag_of_words import BagOfWords

Config = Mapping[str, Any]
MODEL = Path("checkpoints") / "bag_of_words.npz"  # in a run's directory


def is_bag_of_words(config: Config) -> bool:
    """Whether the run's model is a bag of words: it classifies, and has no fusion."""
    return config["fusion"] is None and resolve_target("model", config["model"]) is BagOfWords


class BagOfWordsExperiment(Experiment):
    """Classification of one text modality from its words: `fit`, then `figures`.

    C is chosen by `training.monitor` on the validation split (null: accuracy). Texts are read whole, whatever
    `data.max_tokens` says, and the two texts of a pair as one; what `training` says of steps plays no part, and an
    augmentation gives the texts of its first epoch.
    """

    counted = True

    def __init__(self, config: Config) -> None:
        super().__init__(config)
        self.modality = text_modality(config, self.data)
        self.model: BagOfWords = constructor(config["model"])()
        self.loggers: list[Logger] = []

    def default_monitor(self) -> str:
        """Accuracy, as for other classifiers."""
        return "val/accuracy"

    def fit(self, folder: Path) -> None:
        """Fits on the training split, chooses C on the validation split, and saves into `folder`."""
        train, val = self.data.splits["train"], self.data.splits["val"]
        for name, split in self.data.splits.items():
            if not len(split):
                raise UserError(f"data: the {name} split is empty; give it at least one example")
        self.model.fit(
            texts_of(train, self.modality),
            np.asarray(train.labels),
            num_classes=len(self.data.classes),
            held_out=texts_of(val, self.modality),
            score=self._score,
        )
        folder.mkdir(parents=True, exist_ok=True)
        self.model.save(folder / MODEL.name)

    def _score(self, C: float, probabilities: np.ndarray) -> float:
        """The watched metric of one C, more is better; every C is a line of metrics.jsonl."""
        metrics = _metrics(probabilities, self.data.splits["val"], "val")
        step = sorted(self.config["model"]["C"]).index(C)
        for logger in self.loggers:
            logger.log_metrics({**metrics, "C": C, "epoch": step}, step)
        name, mode = self.monitored()
        if name not in metrics:
            raise UserError(f"training.monitor: got {name!r}; this run has {', '.join(metrics)}")
        return metrics[name] if mode == "max" else -metrics[name]

    def figures(self) -> dict[str, Any]:
        """Metrics and costs for results.json, and which C was chosen."""
        metrics: dict[str, float] = {}
        for name in ("val", "test"):
            split = self.data.splits[name]
            probabilities = self.model.probabilities(texts_of(split, self.modality))
            metrics |= _metrics(probabilities, split, name)
        self.tested = probabilities
        size = self.model.num_parameters
        return {
            "metrics": metrics,
            "num_parameters": size,
            "num_trainable_parameters": size,
            "flops_per_example": self.model.flops(texts_of(self.data.splits["test"], self.modality)),
            "chosen": self.model.chosen,
        }

    def write_outputs(self, directory: Path, task: Any) -> None:
        """predictions.parquet and examples/, as every classification run has them."""
        labels = torch.from_numpy(np.array(self.data.splits["test"].labels))
        evaluated = (torch.arange(len(labels)), torch.from_numpy(self.tested), labels)
        write_predictions(directory / "predictions.parquet", evaluated, self.data)
        write_examples(directory, self.data)


def text_modality(config: Config, data: DataModule) -> str:
    """The one text that a bag of words reads; UserError for other modalities, several, or labels that are numbers."""
    name = config["choices"]["model"]
    if not isinstance(data, DataModule) or data.task != "classification":
        raise UserError(f"model={name}: it gives classes, which data={config['choices']['data']} lack; choose others")
    specs = chosen_modalities(config, data.modalities)
    kinds = [spec.kind for spec in specs.values()]
    if kinds != ["text"]:
        given = ", ".join(f"{key} ({spec.kind})" for key, spec in specs.items())
        raise UserError(f"model={name}: it reads one text, and these are {given}; choose it with modalities=[NAME]")
    return next(iter(specs))


def texts_of(split: Split, modality: str) -> list[str]:
    """The text that each example shows; "" where it is missing."""
    rows = split.source_rows.get(modality, np.arange(len(split)))
    array = split.arrays[modality]
    present = np.asarray(array.present if isinstance(array, RawArray) else array.mask.any(1))[rows]
    return [text if there else "" for text, there in zip(split.texts[modality], present, strict=True)]


def _metrics(probabilities: np.ndarray, split: Split, prefix: str) -> dict[str, float]:
    labels = torch.from_numpy(np.array(split.labels))
    return classification_metrics(torch.from_numpy(probabilities), labels, split.groups, prefix)
