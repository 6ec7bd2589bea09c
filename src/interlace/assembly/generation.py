"""Runs that generate text from modalities: encoders, fusion and a decoder with a language model."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, cast

import numpy as np
import pandas as pd
import pytorch_lightning as pl
import torch
from lightning_fabric.utilities import move_data_to_device

from interlace.assembly.components import accepts, build_tokenizer, constructor
from interlace.assembly.features import frozen_encoders
from interlace.assembly.models import build_language_model, model_node
from interlace.assembly.multimodal import (
    MultimodalExperiment,
    build_encoder,
    check_frozen,
    chosen_modalities,
    write_examples,
)
from interlace.assembly.switches import check_learned_tokens, side_modules
from interlace.configuration.checking import resolve_target
from interlace.data.datamodule import DataModule, Split
from interlace.data.tokenizer_cache import trained_tokenizer
from interlace.data.tokenizers import TextTokenizer
from interlace.encoders.trained import encoder_node
from interlace.errors import UserError
from interlace.fusion.base import Fusion
from interlace.metrics.written import plain, written_metrics
from interlace.models.generation import generate
from interlace.nn.costs import count_flops
from interlace.nn.stack import Stack
from interlace.objectives.target_text import TargetRows, TargetText
from interlace.tasks.generation.model import GenerationModel
from interlace.tasks.language import LanguageTask
from interlace.tracking.files import write_atomically, write_json

Config = Mapping[str, Any]
BATCH = 64


@dataclass
class Written:
    """Texts generated for the first rows of a split, ln p of each text, and their metrics."""

    texts: list[str]
    log_probabilities: list[float]
    metrics: dict[str, float] = field(default_factory=dict)
    signatures: dict[str, str] = field(default_factory=dict)


class GenerationExperiment(MultimodalExperiment):
    """Generation of captions, answers or translations: the targets of the data, given modalities and prompts."""

    def __init__(self, config: Config, known: DataModule | None = None) -> None:
        super().__init__(config, known)
        if not self.data.spec.writes:
            raise UserError(
                f"decoder={config['choices'].get('decoder')}: data={config['choices']['data']} has labels and no texts "
                "to write; choose data with targets, or decoder=null"
            )
        self.tokenizer = tokenizer_of(config, self.data)
        self.objective = build_objective(config, self.tokenizer)

    def build_task(self) -> LanguageTask:  # type: ignore[override]  # trained as language models are
        """Return the task with a GenerationModel."""
        config = self.config
        model: Any = build_generation_model(config, self.data, self.tokenizer)
        self.objective.check_model(model.decoder)
        self.apply_finetuning(model)
        check_frozen(model)
        check_learned_tokens(model, self.data)
        if self.caches_tokens:
            self._read_cached_features(model)
        if config["trainer"]["compile"]:
            for block in (b for s in model.decoder.modules() if isinstance(s, Stack) for b in s.layers):
                block.compile()
        for name, loader in self.loaders.items():
            loader.split = TargetRows(cast(Split, loader.split), self.objective, name)
        return LanguageTask(
            model,
            self.objective,
            num_bytes={},
            **self.training_options(),
        )

    def monitored(self) -> tuple[str, str]:
        """Return the metric of the language model that chooses best.ckpt, and its direction."""
        return super(MultimodalExperiment, self).monitored()

    def default_monitor(self) -> str:
        """The loss of the target tokens."""
        return "val/loss"

    def prepare_directory(self, directory: Path, task: Any) -> None:
        """Write tokenizer.json and model.json of the language model."""
        super().prepare_directory(directory, task)
        self.tokenizer.save(directory / "tokenizer.json")
        write_json(directory / "model.json", model_node(task.model.decoder.language_model))

    def evaluate(self, trainer: pl.Trainer, task: Any) -> dict[str, float]:
        """Return the losses of both splits and the metrics of the texts generated for the test split."""
        metrics = super().evaluate(trainer, task)
        split, limit = self.data.splits["test"], self.loaders["test"].limit_batches
        rows = len(split) if limit is None else min(len(split), limit * self.data.batch_size)
        self.written = write_split(self.config, task.model, self.objective, split, rows)
        references = (split.targets or [])[:rows]
        groups = {name: values[:rows] for name, values in split.groups.items()}
        scores, self.written.signatures = written_metrics(self.written.texts, references, groups, "test")
        self.written.metrics = scores
        return metrics | scores

    def write_outputs(self, directory: Path, task: Any) -> None:
        """Write predictions.parquet, scores.json (with sacrebleu's signatures) and examples/."""
        write_texts(directory / "predictions.parquet", self.written, self.data.splits["test"])
        scores = {"metrics": self.written.metrics, "signatures": self.written.signatures}
        write_json(directory / "scores.json", scores)
        write_examples(directory, self.data)

    def costs(self, task: Any) -> dict[str, int]:
        """Return the forward FLOPs of one example with given target, including the encoders."""
        rows = TargetRows(self.data.splits["test"], self.objective, "test")
        sample = rows.batch(np.arange(min(8, len(rows))))
        flops = count_flops(task.model, lambda: self.objective.sums(task.model, sample))
        return {"flops_per_example": flops // len(sample["index"])}


def build_objective(config: Config, tokenizer: TextTokenizer) -> TargetText:
    """Return the objective of a run with a decoder, with its tokenizer."""
    objective = constructor(config["objective"])()
    if not isinstance(objective, TargetText):
        raise UserError(f"objective={config['choices'].get('objective')}: decoder=... needs objective=target_text")
    objective.bind(tokenizer, config["seed"]["data"])
    return objective


def tokenizer_of(config: Config, data: DataModule) -> TextTokenizer:
    """Return the tokenizer of the model that the run starts from, or one trained on prompts and targets of training."""
    given = build_tokenizer(config)
    if given is None:
        raise UserError("tokenizer: a model trained from scratch needs one; choose tokenizer=bpe, char or another")
    train = data.splits["train"]
    return trained_tokenizer(given, [*(train.prompts or []), *(train.targets or [])])


def build_generation_model(config: Config, data: DataModule, tokenizer: TextTokenizer) -> GenerationModel:
    """Build encoders, fusion, language model and decoder, with weights drawn from `seed.model`."""
    if resolve_target("fusion", config["fusion"]).decides:
        raise UserError(
            f"fusion={config['choices'].get('fusion')}: it decides by itself and gives nothing to write about; "
            "choose a fusion that returns tokens, such as attention or single"
        )
    language_model = build_language_model(config, tokenizer)
    torch.manual_seed(config["seed"]["model"])
    encoders = {}
    for name, spec in chosen_modalities(config, data.modalities).items():
        if accepts(f"encoder.{spec.kind}", encoder_node(config, name, spec.kind), "language_model"):
            raise UserError(
                f"encoder.{spec.kind}: the run's language model writes and cannot encode {name!r} as well; choose "
                f"another encoder/{spec.kind}"
            )
        encoders[name] = build_encoder(config, data, name, spec)
    dims = {name: encoder.out_dim for name, encoder in encoders.items()}
    fusion: Fusion = constructor(config["fusion"])(in_dims=dims, num_classes=None)
    decoder = constructor(config["decoder"])(language_model=language_model, in_dim=fusion.dim)
    frozen = frozen_encoders(config, chosen_modalities(config, data.modalities))
    return GenerationModel(encoders, fusion, decoder, frozen, **side_modules(config, data, fusion, 0))


def write_split(
    config: Config, model: GenerationModel, objective: TargetText, split: Split, rows: int, batch_size: int = BATCH
) -> Written:
    """Generate texts for the first `rows` of a split with the options of the `generation` section."""
    options = constructor(config["generation"])()
    tokenizer = objective.tokenizer
    prompts = objective.prompts((split.prompts or [""] * len(split))[:rows])
    device = next(model.parameters()).device
    written, split = Written([], []), split.select(model.names)
    model.eval()
    for start in range(0, rows, batch_size):
        index = np.arange(start, min(start + batch_size, rows))
        inputs = move_data_to_device(split.batch(index)["inputs"], device)
        with torch.inference_mode():
            condition = model.condition(inputs)
        made = generate(
            model.decoder,
            [prompts[row] for row in index],
            options,
            eos_id=tokenizer.eos_id,
            pad_id=tokenizer.pad_id,
            seed=config["seed"]["model"],
            condition=condition,
        )
        written.texts += [tokenizer.decode(result.tokens).strip() for result in made]
        written.log_probabilities += [result.log_probability for result in made]
    return written


def write_texts(path: Path, written: Written, split: Split) -> None:
    """Write predictions.parquet: id, prompt, reference, text, correct, log_probability, groups, cluster."""
    rows = len(written.texts)
    references = (split.targets or [])[:rows]
    table: dict[str, Any] = {
        "id": split.ids[:rows],
        "prompt": (split.prompts or [""] * len(split))[:rows],
        "reference": references,
        "text": written.texts,
        "correct": [plain(a) == plain(b) for a, b in zip(written.texts, references, strict=True)],
        "log_probability": written.log_probabilities,
    }
    table |= {f"group/{name}": values[:rows] for name, values in split.groups.items()}
    if split.clusters is not None:
        table["cluster"] = split.clusters[:rows]
    frame = pd.DataFrame(table)
    write_atomically(path, lambda temporary: frame.to_parquet(temporary, index=False))


def answer(
    config: Config, model: GenerationModel, tokenizer: TextTokenizer, split: Split, batch_size: int
) -> Sequence[str]:
    """Generate texts with a trained model for new examples, in their order."""
    objective = build_objective(config, tokenizer)
    objective.check_model(model.decoder)
    return write_split(config, model, objective, split, len(split), batch_size).texts
