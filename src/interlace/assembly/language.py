"""Runs that train a language model with an optimizer."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytorch_lightning as pl
from lightning_fabric.utilities import move_data_to_device

from interlace.assembly.components import constructor, fitted_text_task
from interlace.assembly.continuation import continue_test_text
from interlace.assembly.experiment import Experiment
from interlace.assembly.models import build_language_model, model_node, parents_of
from interlace.assembly.texts import ScoredTexts, write_split
from interlace.configuration.checking import resolve_target
from interlace.data.corpus.datamodule import Corpus
from interlace.data.parallel.datamodule import ParallelText
from interlace.errors import UserError
from interlace.metrics.pseudo_perplexity import pseudo_log_likelihoods
from interlace.models.base import LanguageModel
from interlace.nn.costs import count_flops, training_flops
from interlace.nn.stack import Stack
from interlace.objectives.causal import CausalLM
from interlace.objectives.language import LanguageObjective
from interlace.objectives.masked import MaskedLM
from interlace.objectives.text_to_text import TextToText
from interlace.objectives.view import ObjectiveView
from interlace.tasks.continuation.task import Continuation
from interlace.tasks.language import LanguageTask
from interlace.tracking.files import write_json

Config = Mapping[str, Any]


def lossy_notes(corpus: Corpus) -> list[str]:
    """Return a sentence if the tokenizer does not reproduce the test text, so that bits per byte are left out."""
    share = corpus.restored("test")
    if share == 1:
        return []
    found = "does not reproduce every text"
    if share is not None:
        found = f"reproduces {int(1000 * share) / 10:g}% of the test documents"  # rounded down, never 100
    return [
        f"bits per byte are left out: the {corpus.tokenizer.kind} tokenizer {found} exactly, so that its "
        "loss is not that of the text"
    ]


def is_counted(config: Config) -> bool:
    """Return whether the model has `fit` and is not trained with an optimizer."""
    return hasattr(resolve_target("model", config["model"]), "fit")


class LanguageExperiment(Experiment):
    """A language model with its objective, and packed text or pairs of texts."""

    unit = "tokens"

    def __init__(self, config: Config) -> None:
        super().__init__(config)
        self.scored: ScoredTexts | None = None  # the texts generated for the test split
        self.objective: LanguageObjective = constructor(config["objective"])()
        if isinstance(self.data, ParallelText):
            self.data.needed_tokenizer()
        self.objective.bind(self.data.tokenizer, config["seed"]["data"])
        self.views = {name: self.view(name) for name in ("train", "val", "test")}
        self.loaders = self.loaders_of(self.views)
        self.parents = parents_of(config)

    def view(self, split: str) -> ObjectiveView:
        """Return the rows of a split as batches of the objective."""
        return ObjectiveView(self._rows(split), self.objective)

    def _rows(self, split: str) -> Any:
        """Return the input of the objective: blocks of its length, or pairs unchanged."""
        if isinstance(self.objective, TextToText):
            if not isinstance(self.data, ParallelText):
                raise UserError("objective=text_to_text needs pairs of texts; choose data=multi30k or parallel_text")
            if split == "train":
                self.text_task = fitted_text_task(self.config, self.data)
            return self.data.splits[split]
        if not isinstance(self.data, Corpus):
            raise UserError(
                f"objective: {type(self.objective).__name__} reads packed text, which data="
                f"{self.config['choices']['data']} does not give; choose data=corpus"
            )
        length = self.objective.content_length(self.data.block_length)
        if length < 2:
            raise UserError(f"data.block_length: got {self.data.block_length}; expected at least 6 for this objective")
        return self.data.blocks(split, length, lookahead=1 if self.objective.extra_tokens else 0)

    def build_task(self) -> LanguageTask:
        """Return the task with the model."""
        config = self.config
        model = build_language_model(config, self.data.tokenizer)
        self.objective.check_model(model)
        length = getattr(self.data, "block_length", None)
        if length is not None and model.max_length is not None and length > model.max_length:
            raise UserError(
                f"data.block_length: got {length}, and the model has positions for {model.max_length}; shorten the "
                "blocks or raise model.max_length"
            )
        self.apply_finetuning(model)
        if config["trainer"]["compile"]:
            for block in (b for stack in model.modules() if isinstance(stack, Stack) for b in stack.layers):
                block.compile()  # in place, so that the names of weights do not change
        return LanguageTask(
            model,
            self.objective,
            num_bytes=self._num_bytes(),
            **self.training_options(),
        )

    def _num_bytes(self) -> dict[str, int]:
        """Bytes of each split that is evaluated as a whole; a part would give too low a value of bits per byte."""
        options = self.config["trainer"]
        if not self.objective.scores_text or options["overfit_batches"]:
            return {}
        limits = {name: options[f"limit_{name}_batches"] for name in ("val", "test")}  # 1: one batch, 1.0: all batches
        whole = [name for name, limit in limits.items() if limit is None or (isinstance(limit, float) and limit == 1)]
        return {name: self.data.num_bytes(name) for name in whole if self.data.restored(name) == 1}

    def notes(self) -> list[str]:
        """Return also the reason why bits per byte are left out, if they are."""
        return super().notes() + (lossy_notes(self.data) if self.objective.scores_text else [])

    def describe(self) -> dict[str, Any]:
        """Also the trivial baseline of a text-to-text run's task."""
        if not isinstance(self.objective, TextToText):
            return super().describe()
        splits = self.data.splits
        return {**super().describe(), **self.text_task.describe(splits["train"].pairs, splits["test"].pairs)}

    def count_batch(self, batch: Mapping[str, Any]) -> tuple[int, int]:
        """Return the number of tokens that the model reads, of source and target if there are both, and of rows."""
        if "input_ids" not in batch:  # a joint objective has a batch for each of its parts
            inner = [self.count_batch(part) for part in batch.values() if isinstance(part, dict)]
            return sum(tokens for tokens, _ in inner), inner[0][1]
        tokens = sum(batch[name].numel() for name in ("input_ids", "decoder_input_ids") if name in batch)
        return tokens, len(batch["input_ids"])

    def units_per_step(self) -> float:
        """Mean number of tokens of one update, of both texts of a pair."""
        rows = self.data.batch_size * int(self.config["trainer"]["accumulate_grad_batches"])
        train = self.data.splits["train"]
        if isinstance(self.objective, TextToText):
            return rows * float(train.source_ids.lengths.mean() + train.target_ids.lengths.mean())
        return rows * float(self.data.block_length)

    def prepare_directory(self, directory: Path, task: Any) -> None:
        """Write tokenizer.json and model.json, with which a checkpoint can be used outside the run."""
        self.data.tokenizer.save(directory / "tokenizer.json")
        write_json(directory / "model.json", model_node(task.model))

    def evaluate(self, trainer: pl.Trainer, task: Any) -> dict[str, float]:
        """Return the losses of both splits, the coverage of the test text by the vocabulary, and metrics of generated
        texts or of masking each token (pseudo-perplexity)."""
        metrics = super().evaluate(trainer, task)
        if isinstance(self.data, Corpus):
            metrics["test/coverage"] = self.data.word_coverage("test")
        model: LanguageModel = task.model
        if isinstance(self.objective, TextToText):
            self.scored = ScoredTexts(self.text_task, write_split(self.config, model, self.data, "test"), "test")
            metrics |= self.scored.metrics
        if isinstance(self.objective, CausalLM) and self.config.get("task") is not None:
            continuation: Continuation = constructor(self.config["task"])()
            written = continue_test_text(self.config, model, self.data, continuation)
            self.scored = ScoredTexts(continuation, written, "test")
            metrics |= self.scored.metrics
        if isinstance(self.objective, MaskedLM) and self.objective.pseudo_rows:
            rows = self.objective.whole_rows(self.views["test"].split, self.objective.pseudo_rows)
            special = self.data.tokenizer.special_ids
            scored = pseudo_log_likelihoods(model, rows, mask_id=self.objective.mask_id, special_ids=special)
            metrics["test/pseudo_perplexity"] = scored.pseudo_perplexity
        return metrics

    def write_outputs(self, directory: Path, task: Any) -> None:
        """Write predictions.jsonl and predictions.parquet of generated texts: source, references, text, scores."""
        if self.scored is not None:
            self.scored.write(directory)

    def costs(self, task: Any) -> dict[str, int]:
        """Return the forward FLOPs of a row ("flops_per_example") and of a token."""
        flops, tokens, rows = self._forward_flops(task, "test")
        return {"flops_per_example": flops // rows, "flops_per_token": flops // tokens}

    def training_flops_per_token(self, task: Any) -> float:
        """Return the FLOPs of forward and backward pass per training token, from a few rows."""
        flops, tokens, _ = self._forward_flops(task, "train")
        return training_flops(flops / tokens, task.model)

    def _forward_flops(self, task: Any, split: str) -> tuple[int, int, int]:
        """Return FLOPs, tokens and number of some rows of a split."""
        rows = self.loaders[split].split
        batch = rows.batch(np.arange(min(4, len(rows))))
        batch = move_data_to_device(batch, task.device)
        flops = count_flops(task.model, lambda: self.objective.sums(task.model, batch))
        return flops, *self.count_batch(batch)

    def num_examples(self) -> dict[str, int]:
        """Number of rows of each split."""
        return {name: len(loader.split) for name, loader in self.loaders.items()}
