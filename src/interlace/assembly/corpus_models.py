"""Runs of models fitted to a corpus without the Trainer: n-gram models and word vectors."""

import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from pytorch_lightning.loggers import Logger

from interlace.assembly.components import constructor
from interlace.assembly.experiment import Experiment
from interlace.assembly.language import lossy_notes
from interlace.assembly.models import injected
from interlace.data.corpus.datamodule import Corpus
from interlace.data.sources import locate
from interlace.errors import UserError
from interlace.metrics.language import perplexities
from interlace.metrics.word_vectors import (
    analogy_scores,
    read_analogies,
    read_judged_pairs,
    similarity_score,
)
from interlace.models.ngram import NgramModel
from interlace.pretrained.word_vectors import WordVectors

Config = Mapping[str, Any]
SIMILARITY = {
    "ws353": "EN-WS-353-ALL.txt", "ws353_sim": "EN-WS-353-SIM.txt", "ws353_rel": "EN-WS-353-REL.txt",
    "simlex999": "EN-SIMLEX-999.txt", "men": "EN-MEN-TR-3k.txt",
}  # fmt: skip


class CorpusModelExperiment(Experiment):
    """An n-gram model or word2vec on a corpus: `fit`, then `compute_metrics`."""

    unit = "tokens"
    uses_trainer = False

    def __init__(self, config: Config) -> None:
        super().__init__(config)
        if not isinstance(self.data, Corpus):
            raise UserError(f"model={config['choices']['model']} reads a corpus; choose data=corpus")
        self.model = constructor(config["model"])(**injected(config, self.data.tokenizer))
        self.loggers: list[Logger] = []

    def fit(self, folder: Path) -> None:
        """Fit on the training split and save into `folder`."""
        ids, bounds = self.data.documents("train")
        folder.mkdir(parents=True, exist_ok=True)
        if isinstance(self.model, NgramModel):
            self.model.fit(ids, bounds)
            self.model.save(folder / "ngram")
            self.data.tokenizer.save(folder.parent / "tokenizer.json")
        else:
            self.model.fit(ids, bounds, excluded_ids=self.data.tokenizer.special_ids, report=self._report)
            vectors = WordVectors(self.model.words, self.model.input_vectors.numpy())
            vectors.save(folder / "vectors.bin")

    def compute_metrics(self) -> dict[str, Any]:
        """Return metrics and costs for results.json."""
        if isinstance(self.model, NgramModel):
            metrics = {k: v for split in ("val", "test") for k, v in self._text_metrics(self.model, split).items()}
            size = sum(self.model.num_ngrams)
        else:
            metrics = vector_metrics(WordVectors(self.model.words, self.model.input_vectors.numpy()))
            metrics["train/loss"] = self.loss
            size = 2 * self.model.input_vectors.numel()
        return {"metrics": metrics, "num_parameters": size, "num_trainable_parameters": size, "flops_per_example": None}

    def num_examples(self) -> dict[str, int]:
        """Number of documents of each split."""
        return {name: len(self.data.documents(name)[1]) - 1 for name in ("train", "val", "test")}

    def notes(self) -> list[str]:
        """Return also the reason why bits per byte are left out, if they are."""
        return super().notes() + (lossy_notes(self.data) if isinstance(self.model, NgramModel) else [])

    def _text_metrics(self, model: NgramModel, split: str) -> dict[str, float]:
        """Return the metrics of a language model on a split; the end of each document is also a target."""
        ids, bounds = self.data.documents(split)
        scores = model.score_documents(ids, bounds)
        nats = -float(scores.sum()) * math.log(10)
        metrics = {
            f"{split}/loss": nats / len(scores),
            f"{split}/perplexity": math.exp(nats / len(scores)),
            f"{split}/coverage": self.data.word_coverage(split),
        }
        if self.data.restored(split) == 1:
            metrics[f"{split}/bits_per_byte"] = nats / math.log(2) / self.data.num_bytes(split)
        unknown = self.data.tokenizer.unk_id
        if unknown is not None and not self.data.tokenizer.lossless:
            flags = np.insert(np.asarray(ids) == unknown, bounds[1:], False)  # the end of a document is no unknown word
            both = perplexities(-scores * math.log(10), flags)
            metrics[f"{split}/perplexity_without_unknown"] = both.excluding_unknown
            if both.num_unknown:
                metrics[f"{split}/unknown_share"] = both.num_unknown / len(ids)
        return metrics

    def _report(self, epoch: Any) -> None:
        self.loss = float(epoch.loss)
        for logger in self.loggers:
            logger.log_metrics({"train/loss": self.loss, "epoch": epoch.number}, epoch.number)


def vector_metrics(vectors: WordVectors) -> dict[str, float]:
    """Return analogy accuracy and Spearman's rho on the available word-pair ratings, each with its coverage."""
    metrics: dict[str, float] = {}
    folder = locate("word-analogy")
    if folder is not None:
        scores = analogy_scores(vectors.words, vectors.matrix, read_analogies(folder / "questions-words.txt"))
        total = scores[-1]
        metrics |= {"test/analogy": _number(total.accuracy), "test/analogy_coverage": total.coverage}
    folder = locate("word-similarity")
    if folder is None:
        return metrics
    for name, file in SIMILARITY.items():
        score = similarity_score(vectors.words, vectors.matrix, read_judged_pairs(folder / file), name=name)
        metrics |= {f"test/{name}": _number(score.spearman), f"test/{name}_coverage": score.coverage}
    return metrics


def _number(value: float | None) -> float:
    return float("nan") if value is None else value
