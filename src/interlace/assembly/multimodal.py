"""Runs with encoders, fusion and head."""

import os
from collections.abc import Mapping, Sequence
from functools import cached_property
from pathlib import Path
from types import MappingProxyType
from typing import Any, cast

import numpy as np
import pandas as pd
import torch
from torch import nn

from interlace.assembly.budget import check_within, size_of
from interlace.assembly.components import accepts, constructor
from interlace.assembly.experiment import Experiment
from interlace.assembly.features import (
    encoder_parents,
    frozen_by,
    frozen_encoders,
    spelled_out,
    why_not_cached,
    with_cached_features,
)
from interlace.assembly.measuring import build_evaluator, check_monitored, evaluation_notes, unequal_notes
from interlace.assembly.models import build_language_model, model_node, parents_of
from interlace.assembly.switches import augmented, balance, check_learned_tokens, side_modules
from interlace.configuration.fitting import wants_decoder
from interlace.configuration.tasks import task_class, task_named, task_names
from interlace.data.datamodule import DataModule
from interlace.data.further_labels import LabelSpec
from interlace.data.sequences import SequenceTokenizer
from interlace.data.split import Split
from interlace.data.tokenizers import TextTokenizer
from interlace.encoders.trained import ARCHITECTURES, encoder_node
from interlace.errors import UserError
from interlace.fusion.base import Fusion
from interlace.metrics.evaluation import Evaluator
from interlace.models.base import LanguageModel
from interlace.nn.costs import count_flops
from interlace.tasks.supervised import MultimodalModel, SupervisedTask
from interlace.tokens import ModalitySpec
from interlace.tracking.files import write_atomically, write_json

Config = Mapping[str, Any]
NUM_EXAMPLES = 8
NUM_COUNTED = 8  # number of examples for counting FLOPs


class MultimodalExperiment(Experiment):
    """Prediction of the labels of any task from one or more modalities."""

    data: DataModule
    can_be_matched = True

    def __init__(self, config: Config, known: DataModule | None = None) -> None:
        super().__init__(config, known)
        names = config["modalities"] or list(self.data.modalities)
        splits = {name: split.select(names) for name, split in self.data.splits.items()}
        self.loaders = self.loaders_of(splits, augmented(config, self.data, splits["train"]))
        self.caches_tokens = self._decide_caching(splits)
        self.parents = parents_of(config) | encoder_parents(config, chosen_modalities(config, self.data.modalities))

    @cached_property
    def evaluator(self) -> Evaluator:
        """The metrics, for data with a task."""
        return build_evaluator(self.config, self.data)

    def build_task(self) -> SupervisedTask:
        """Return the task with a MultimodalModel."""
        config, data = self.config, self.data
        data.spec.learn_from(data)
        model = build_model(config, data)
        self.apply_finetuning(model)
        check_frozen(model)
        if self.caches_tokens:
            self._read_cached_features(model)
        check_learned_tokens(model, data)
        if any(isinstance(module, nn.modules.batchnorm._BatchNorm) and module.training for module in model.modules()):
            self.loaders["train"].no_batch_of_one()
        task = SupervisedTask(
            model,
            self._objective(),
            learning=data.spec.learning,
            evaluator=self.evaluator,
            splits={name: cast(Split, loader.split) for name, loader in self.loaders.items()},
            **self.training_options(),
        )
        balance(config, task, self.loaders)
        return task

    def _objective(self) -> Any:
        """Return the objective, which may weight classes by their frequency in training."""
        node, data = self.config["objective"], self.data
        if not accepts("objective", node, "class_counts"):
            return constructor(node)()
        ids = data.spec.class_ids(data.splits["train"]) if data.spec.has_softmax else None
        counts = [] if ids is None else np.bincount(ids, minlength=len(data.classes)).tolist()
        return constructor(node)(class_counts=dict(zip(data.classes if counts else [], counts, strict=True)))

    def notes(self) -> list[str]:
        """Return also the undefined metrics, and a note on the choice of best.ckpt for imbalanced classes."""
        if self.data.spec.writes:
            return super().notes()
        chosen_by = unequal_notes(self.config, self.monitored()[0])
        return super().notes() + chosen_by + evaluation_notes(self.evaluator, self.data)

    def _decide_caching(self, splits: Mapping[str, Split]) -> bool:
        """Return whether tokens of frozen encoders are cached. Raises UserError if that is required but impossible."""
        frozen = frozen_by(self.config)
        if frozen is None or frozen.cache is False:
            return False
        reason = why_not_cached(self.config, splits)
        if reason is None:
            self.remarks.append("finetuning: tokens of frozen encoders are computed once and cached")
        elif frozen.cache is True:
            raise UserError(f"finetuning.cache: {reason}; use finetuning.cache=auto or false")
        else:
            self.remarks.append(f"finetuning: tokens of frozen encoders are computed for each batch, as {reason}")
        return reason is None

    def _read_cached_features(self, model: MultimodalModel) -> None:
        """Replace the inputs of frozen encoders in the loaders by cached tokens."""
        splits = {name: split.select(model.names) for name, split in self.data.splits.items()}
        cached = with_cached_features(self.config, self.data, model, splits, self.remarks)
        overfit = bool(self.config["trainer"]["overfit_batches"])
        for name, loader in self.loaders.items():
            loader.split = cached["train" if overfit and name == "val" else name]

    def prepare_directory(self, directory: Path, task: Any) -> None:
        """Write the files that rebuild the model without its parent runs: model.json and tokenizer.json for a language
        model as text encoder, encoders.json for encoders from another run or from word vectors."""
        built = dict(zip(task.model.names, task.model.encoders, strict=True))
        encoders = spelled_out(self.config, chosen_modalities(self.config, self.data.modalities), built)
        if encoders:
            write_json(directory / ARCHITECTURES, encoders)
        for name, encoder in zip(task.model.names, task.model.encoders, strict=True):
            if isinstance(getattr(encoder, "language_model", None), LanguageModel):
                write_json(directory / "model.json", model_node(encoder.language_model))
                tokenizer = self.data.tokenizers[name]
                if isinstance(tokenizer, SequenceTokenizer) and isinstance(tokenizer.tokenizer, TextTokenizer):
                    tokenizer.tokenizer.save(directory / "tokenizer.json")

    def monitored(self) -> tuple[str, str]:
        """Return the metric that chooses best.ckpt, checked against those of the task, and its direction."""
        name, mode = super().monitored()
        check_monitored(self.config, name, self.evaluator, self.data)
        return name, mode

    def default_monitor(self) -> str:
        """The default metric of the task."""
        return self.data.spec.monitor

    def count_batch(self, batch: Mapping[str, Any]) -> tuple[int, int]:
        """Return the number of examples, as units and as examples."""
        return len(batch["label"]), len(batch["label"])

    def units_per_step(self) -> float:
        """Number of examples of one update."""
        return self.data.batch_size * int(self.config["trainer"]["accumulate_grad_batches"])

    def write_outputs(self, directory: Path, task: Any) -> None:
        """Write predictions.parquet and examples/."""
        write_predictions(directory / "predictions.parquet", task.evaluated, self.data, task.evaluated_further)
        write_examples(directory, self.data)

    def costs(self, task: Any) -> dict[str, int]:
        """Return the forward FLOPs of one example, including the encoders."""
        sample = self._sample()
        model = task.model
        return {"flops_per_example": count_flops(model, lambda: model(sample["inputs"])) // len(sample["label"])}

    def check_budget(self, task: Any) -> None:
        """See `Experiment`."""
        budget = self.config.get("budget")
        if budget is not None:
            sample = self._sample()
            examples = len(sample["label"])
            check_within(budget, size_of(task.model, sample["inputs"], examples, flops=budget["cost"] == "flops"))

    def _sample(self) -> dict[str, Any]:
        split = self.data.splits["test"]
        return split.batch(np.arange(min(NUM_COUNTED, len(split))))


def chosen_modalities(config: Config, available: Mapping[str, ModalitySpec]) -> dict[str, ModalitySpec]:
    """Return the modalities of a model, in the order of the configuration, else of the data."""
    names = config["modalities"] or list(available)
    for name in names:
        if name not in available:
            raise UserError(f"modalities: the data have no {name!r}; they have {', '.join(available)}")
    for name in config["encoders"]:
        if name not in available:
            raise UserError(f"encoders.{name}: the data have no such modality; they have {', '.join(available)}")
    return {name: available[name] for name in names}


def build_model(config: Config, data: DataModule, encoders: Mapping[str, nn.Module] | None = None) -> MultimodalModel:
    """Build encoders (unless given), fusion and head, with weights drawn from `seed.model`."""
    check_task(config, data)
    torch.manual_seed(config["seed"]["model"])
    specs = chosen_modalities(config, data.modalities)
    if encoders is None:
        encoders = {name: build_encoder(config, data, name, spec) for name, spec in specs.items()}
    outputs = data.spec.num_outputs(data.classes)
    dims = {name: int(encoder.out_dim) for name, encoder in encoders.items()}  # type: ignore[arg-type]
    fusion: Fusion = constructor(config["fusion"])(in_dims=dims, num_classes=outputs)
    data.spec.check_model(fusion, encoders)
    head = None
    if not fusion.decides:
        named = data.spec.token_modality
        of_tokens = {} if named is None else {"token_dim": dims[named]}
        head = constructor(config["head"])(in_dim=fusion.dim, num_classes=outputs, **of_tokens)
    frozen = frozen_encoders(config, specs)
    modules = side_modules(config, data, fusion, outputs)
    return MultimodalModel(encoders, fusion, head, frozen, token_modality=data.spec.token_modality, **modules)


def check_frozen(model: MultimodalModel) -> None:
    """Raise UserError if parameters of a frozen encoder require gradients, such as LoRA matrices."""
    for name, encoder in zip(model.names, model.encoders, strict=True):
        if name in model.frozen and any(p.requires_grad for p in encoder.parameters()):
            raise UserError(
                f"finetuning: the encoder of {name!r} is frozen and would be trained; leave out what trains it"
            )


def check_task(config: Config, data: DataModule) -> None:
    """Raise UserError for a head that does not fit the task of the data."""
    spec = data.spec
    if spec.writes:
        raise UserError(wants_decoder(config["choices"]["data"]))
    head = config["choices"].get("head")
    others = [each for name in task_names() if head in (each := task_class(name)).heads]
    if others and head not in spec.heads:
        # Integer labels of a manifest can be read as classes or as numbers.
        other = (
            f", or data.task={others[0].name} to take them as {others[0].labels}" if "task" in config["data"] else ""
        )
        wanted = " or ".join(spec.heads)
        raise UserError(f"head={head}: the labels of these data are {spec.labels}; add head={wanted}{other}")


def build_encoder(config: Config, data: DataModule, name: str, spec: ModalitySpec) -> Any:
    """Build the encoder of one modality, with the language model of the run if it takes one."""
    node = encoder_node(config, name, spec.kind)
    injected: dict[str, Any] = {"spec": spec}
    if accepts(f"encoder.{spec.kind}", node, "language_model"):
        if config["model"] is None:
            raise UserError(
                f"encoder.{spec.kind}: this encoder needs a language model; choose one with model=NAME, or "
                "model=pretrained model.init_from=DIR"
            )
        injected["language_model"] = build_language_model(config, data.tokenizers[name])
    return constructor(node)(**injected)


def write_predictions(
    path: Path,
    evaluated: Sequence[torch.Tensor],
    data: DataModule,
    further: Mapping[str, tuple[torch.Tensor, torch.Tensor]] = MappingProxyType({}),
) -> None:
    """Write predictions.parquet: one row per test example, in the order of the split.

    `evaluated`: rows (N,), answers and labels (N, ...), from which the task makes its columns. `cluster`: the group of
    dependent items, if known. `further`: answers and labels (N, ...) of each further label, in columns `<label>/...`;
    null for an example without the label.
    """
    index, prediction, label = (part.numpy() for part in evaluated)
    split = data.splits["test"]
    table: dict[str, Any] = {"id": [split.ids[i] for i in index]}
    table |= data.spec.columns(data, prediction, label)
    for name, (answers, labels) in further.items():
        table |= _further_columns(name, data.further_labels[name], answers, labels)
    table |= {f"group/{name}": values[index] for name, values in split.groups.items()}
    if split.clusters is not None:
        table["cluster"] = split.clusters[index]
    frame = pd.DataFrame(table)
    write_atomically(path, lambda temporary: frame.to_parquet(temporary, index=False))


def _further_columns(name: str, kind: LabelSpec, answers: torch.Tensor, labels: torch.Tensor) -> dict[str, Any]:
    """Return the columns `<name>/label` and `<name>/prediction` of a further label."""
    spec = task_named(kind.kind)
    there = spec.learning.has_label(labels).tolist()
    found = spec.columns(kind, answers.numpy(), spec.learning.filled(labels).numpy())
    known = [label if has else None for label, has in zip(found["label"], there, strict=True)]
    return {f"{name}/label": known, f"{name}/prediction": found["prediction"]}


def write_examples(directory: Path, data: DataModule) -> None:
    """Write a few test examples with their media, evenly over the groups; the same rows for every arm and seed."""
    split = data.splits["test"]
    group = next(iter(split.groups.values()), np.zeros(len(split)))
    values = np.unique(group)
    share = max(1, NUM_EXAMPLES // len(values))
    rows = [int(i) for value in values for i in np.flatnonzero(group == value)[:share]][:NUM_EXAMPLES]
    folder = directory / "examples"
    folder.mkdir(parents=True, exist_ok=True)
    examples = [data.example("test", row, folder) for row in rows]
    for example in examples:
        for kind in ("image", "video", "audio"):
            example[kind] = {n: os.path.relpath(folder / p, directory) for n, p in example.get(kind, {}).items()}
    write_json(folder / "examples.json", examples)
