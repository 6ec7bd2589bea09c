"""Runs that rank passages for queries: those that train an encoder or a re-ranker, and those that use trained ones."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytorch_lightning as pl
from lightning_fabric.utilities import move_data_to_device
from pytorch_lightning.loggers import Logger

from interlace.assembly.components import constructor
from interlace.assembly.experiment import Experiment
from interlace.assembly.models import build_language_model, model_node, parents_of
from interlace.assembly.ranking import Measured, build_ranking
from interlace.configuration.checking import resolve_target
from interlace.data.passages.datamodule import Passages, check_queries
from interlace.errors import UserError
from interlace.nn.costs import count_flops, count_parameters
from interlace.objectives.retrieval import CrossEncoderRanking, RankingObjective, RankingView
from interlace.pretrained.parents import parent_hash
from interlace.retrieval.bm25 import BM25
from interlace.retrieval.encoding import TextEncoder
from interlace.retrieval.loading import TrainedRankers
from interlace.retrieval.reranking import Reranker
from interlace.tasks.retrieval import RetrievalTask
from interlace.tracking.files import write_json

Config = Mapping[str, Any]
NUM_HARD = 30  # passages that BM25 ranks high, from which negatives are drawn
REMEDY = {
    "train": "give qrels/train.tsv, or use trained models with model=retriever",
    "val": "give qrels/dev.tsv",
    "test": "give qrels/test.tsv",
}


def retrieval_experiment(config: Config) -> Experiment:
    """The experiment of a run that ranks passages."""
    target = None if config["model"] is None else resolve_target("model", config["model"])
    return RetrievalExperiment(config) if target is TrainedRankers else RetrieverTraining(config)


class PassageRanking(Experiment):
    """Rankings of passages for queries, which are measured and kept with their index."""

    data: Passages
    measured: Measured

    def num_examples(self) -> dict[str, int]:
        """Queries of each split."""
        return {name: len(queries) for name, queries in self.data.queries.items()}

    def write_outputs(self, directory: Path, task: Any) -> None:
        """predictions.parquet, ranking.trec and the index."""
        self.measured.write(directory, str(self.config["arm"]))


class RetrievalExperiment(PassageRanking):
    """Passages ranked by BM25 and by models that are trained already: nothing is trained, weights are chosen on the
    validation queries, and the index is kept."""

    uses_trainer = False

    def __init__(self, config: Config) -> None:
        super().__init__({**config, "tokenizer": None})
        self.config = config
        self.ranking = build_ranking(config)
        check_queries(self.data, ["test"], REMEDY)
        self.rankers: TrainedRankers = constructor(config["model"])()
        self.rankers.check(self.ranking)
        self.parents = {path: parent_hash(Path(path)) for path in self.rankers.paths}
        self.loggers: list[Logger] = []

    def fit(self, folder: Path) -> None:
        """Indexes the passages and chooses the weights."""
        folder.mkdir(parents=True, exist_ok=True)
        self.measured = Measured(self.data, self.ranking, *self.rankers.load(self.data.max_passage_tokens))

    def compute_metrics(self) -> dict[str, Any]:
        """Metrics of the rankings for results.json, and the weights."""
        retriever = self.measured.retriever
        models = [each.model for each in (retriever.encoder, retriever.reranker) if each is not None]
        size = sum(count_parameters(model)[0] for model in models)
        size += retriever.bm25.num_scores if retriever.bm25 is not None else 0
        return {
            "metrics": self.measured.metrics(),
            "num_parameters": size,
            "num_trainable_parameters": 0,
            "flops_per_example": None,
            "chosen": self.measured.chosen(),
        }


class RetrieverTraining(PassageRanking):
    """A bi-encoder or a cross-encoder trained on the queries of a split, then measured on all passages."""

    unit = "queries"

    def __init__(self, config: Config) -> None:
        super().__init__(config)
        self.ranking = build_ranking(config)
        self.objective: RankingObjective = constructor(config["objective"])()
        self._check(self.objective)
        data = self.data
        if data.tokenizer is None:
            raise UserError("tokenizer: an encoder reads tokens; choose tokenizer=wordpiece or another")
        check_queries(data, ["train", "val", "test"], REMEDY)
        self.objective.bind(data.tokenizer, config["seed"]["data"], (data.max_query_tokens, data.max_passage_tokens))
        if self.objective.num_negatives:
            self._find_negatives()
        views = {name: RankingView(split, self.objective) for name, split in data.splits.items()}
        self.loaders = self.loaders_of(views)
        self.parents = parents_of(config)

    def _check(self, objective: RankingObjective) -> None:
        """UserError for a ranking in which what is trained plays no part."""
        chosen = self.config["choices"]
        if not isinstance(objective, RankingObjective):
            raise UserError(
                f"objective={chosen['objective']}: passages and queries are learned with objective=in_batch_negatives "
                "or cross_encoder"
            )
        reranks = isinstance(objective, CrossEncoderRanking)
        if reranks and self.ranking.uses_vectors:
            raise UserError(
                f"retrieval.combine: {self.ranking.combine} needs vectors, and objective=cross_encoder trains none; "
                "choose retrieval=bm25, and put both together later with model=retriever"
            )
        if not reranks and not self.ranking.uses_vectors:
            raise UserError(
                "retrieval=bm25: it ranks without the encoder that objective=in_batch_negatives trains; choose "
                "retrieval=dense, rrf or weighted"
            )

    def _find_negatives(self) -> None:
        """Passages that BM25 ranks high for the queries of each split, those that are relevant left out."""
        bm25 = BM25(k1=self.ranking.k1, b=self.ranking.b, terms=self.ranking.terms)
        bm25.fit(self.data.searched())
        for split in self.data.splits.values():
            found = bm25.search(split.queries.texts, NUM_HARD).rows
            relevant = split.queries.gains(found) > 0
            split.negatives = np.where(relevant, -1, found)

    def build_task(self) -> RetrievalTask:
        """The model in its task."""
        config = self.config
        language_model = build_language_model(config, self.data.tokenizer)
        self.objective.check_model(language_model)
        longest = self.data.max_passage_tokens
        if isinstance(self.objective, CrossEncoderRanking):
            longest += self.data.max_query_tokens
        if language_model.max_length is not None and longest > language_model.max_length:
            raise UserError(
                f"data.max_passage_tokens: a text may have {longest} tokens, and the model has positions for "
                f"{language_model.max_length}; shorten the texts or raise model.max_length"
            )
        self.node = model_node(language_model)
        model = self.objective.build_model(language_model)
        self.apply_finetuning(model)
        return RetrievalTask(model, self.objective, **self.training_options())

    def count_batch(self, batch: Mapping[str, Any]) -> tuple[int, int]:
        """Queries of a batch, twice: they are the unit and the examples."""
        number = self.objective.num_queries(batch)
        return number, number

    def units_per_step(self) -> float:
        """Queries of one update."""
        return float(self.data.batch_size * self.config["trainer"]["accumulate_grad_batches"])

    def prepare_directory(self, directory: Path, task: Any) -> None:
        """tokenizer.json and model.json: with a checkpoint, all that is needed to use the model elsewhere."""
        self.data.tokenizer.save(directory / "tokenizer.json")
        write_json(directory / "model.json", self.node)

    def evaluate(self, trainer: pl.Trainer, task: Any) -> dict[str, float]:
        """Losses within batches, and how passages are found among all."""
        metrics = super().evaluate(trainer, task)
        encoder = reranker = None
        if isinstance(self.objective, CrossEncoderRanking):
            longest = self.data.max_query_tokens + self.data.max_passage_tokens
            reranker = Reranker(task.model, self.data.tokenizer, max_tokens=longest)
        else:
            encoder = TextEncoder(task.model, self.data.tokenizer, max_tokens=self.data.max_passage_tokens)
        self.measured = Measured(self.data, self.ranking, encoder, reranker)
        weights = {f"val/{name}_weight": value for name, value in self.measured.chosen().items()}
        return metrics | self.measured.metrics() | weights

    def costs(self, task: Any) -> dict[str, int]:
        """Forward FLOPs of a query with its passages in a batch of training."""
        split = self.loaders["test"].split
        batch = move_data_to_device(split.batch(np.arange(min(4, len(split)))), task.device)
        flops = count_flops(task.model, lambda: self.objective.loss(task.model, batch))
        return {"flops_per_example": flops // self.objective.num_queries(batch)}
