"""Objectives of models that rank passages: a bi-encoder and a cross-encoder."""

from collections.abc import Mapping
from typing import Annotated, Any

import numpy as np
import torch
from pydantic import Field
from torch import Tensor, nn
from torch.nn import functional as F

from interlace.data.passages.split import RankingSplit
from interlace.data.tokenizers import TextTokenizer
from interlace.errors import UserError
from interlace.models.base import LanguageModel
from interlace.retrieval.encoding import embed, frame, padded
from interlace.retrieval.reranking import CrossEncoder, Pairs, join_pairs

Negatives = Annotated[int, Field(ge=0, le=100)]


class RankingObjective:
    """Base. A batch is a pure function of (rows, seed, epoch), so that training resumes exactly.

    `num_negatives`: passages that BM25 ranks high though they are not relevant, for each query.
    """

    num_negatives: int

    def bind(self, tokenizer: TextTokenizer, seed: int, lengths: tuple[int, int]) -> None:
        """Tells the tokenizer, the seed of random draws, and the longest query and passage in tokens."""
        self.tokenizer, self.seed = tokenizer, seed
        self.max_query_tokens, self.max_passage_tokens = lengths

    def check_model(self, model: LanguageModel) -> None:
        """UserError for a model that cannot be trained so; remembers how the others read texts."""
        raise NotImplementedError

    def build_model(self, language_model: LanguageModel) -> nn.Module:
        """The module that is trained."""
        raise NotImplementedError

    def batch(self, split: RankingSplit, indices: np.ndarray, epoch: int) -> dict[str, Any]:
        """Rows `indices` of a split as tensors."""
        raise NotImplementedError

    def loss(self, model: nn.Module, batch: Mapping[str, Tensor]) -> tuple[Tensor, Tensor]:
        """Mean loss over the queries of a batch, and the share of those whose passage scores best among the given."""
        raise NotImplementedError

    def num_queries(self, batch: Mapping[str, Tensor]) -> int:
        """Queries of a batch."""
        raise NotImplementedError

    def drawn(self, split: RankingSplit, indices: np.ndarray, epoch: int) -> tuple[list[int], list[int]]:
        """A relevant passage of each query, and `num_negatives` others of each, one query after the other."""
        positives, negatives = [], []
        for row in map(int, indices):
            draw = np.random.Generator(np.random.PCG64([self.seed, epoch, row]))
            positives.append(split.positive(row, draw))
            known = split.negatives[row]
            known = known[known >= 0]
            if self.num_negatives and not len(known):  # a query without words in common: any other passage
                known = np.array(
                    [p for p in range(len(split.passage_ids or ())) if p not in split.queries.relevant[row]]
                )
            if self.num_negatives:
                negatives += draw.choice(known, self.num_negatives, replace=len(known) < self.num_negatives).tolist()
        return positives, negatives

    def ids(self, split: RankingSplit) -> tuple[Any, Any]:
        """Ids of queries and passages; UserError where the run has no tokenizer."""
        if split.query_ids is None or split.passage_ids is None:
            raise UserError("tokenizer: an encoder reads tokens; choose tokenizer=wordpiece or another")
        return split.query_ids, split.passage_ids


class InBatchNegatives(RankingObjective):
    """Bi-encoder: a query is near its passage and far from the others of its batch (Karpukhin et al. 2020, eq. 2).

    loss = -log softmax over passages of cos(query, passage) / temperature, at the query's own; passages are those of
    all queries of the batch and `hard_negatives` of each that BM25 ranks high. A passage that is relevant for a query
    is left out of its denominator unless it is the one drawn. One model reads queries and passages. The vector is the
    mean of the hidden states. `pretext_queries`: this many sentences for each query, drawn anew in each epoch, are
    taken out of a passage of the collection and have to find it (inverse cloze task, Lee et al. 2019; in one of ten the
    sentence stays). Cost of a step: B queries and B (1 + hard_negatives) passages.
    """

    def __init__(
        self,
        *,
        temperature: Annotated[float, Field(gt=0)],
        hard_negatives: Negatives,
        pretext_queries: Annotated[float, Field(ge=0, le=10)],
    ) -> None:
        self.temperature = temperature
        self.num_negatives = hard_negatives
        self.pretext_queries = pretext_queries

    def build_model(self, language_model: LanguageModel) -> nn.Module:
        """The model itself."""
        return language_model

    def batch(self, split: RankingSplit, indices: np.ndarray, epoch: int) -> dict[str, Any]:
        """Ids and masks of "queries" and "passages"; "relevant" (Q, P): those that a query's denominator leaves out."""
        query_ids, passage_ids = self.ids(split)
        positives, negatives = self.drawn(split, indices, epoch)
        queries = [list(query_ids[row]) for row in map(int, indices)]
        passages = [list(passage_ids[row]) for row in positives]
        known = [split.queries.relevant[int(row)] for row in indices]
        if self.pretext_queries:
            for query, passage, row in self._pretext(passage_ids, indices, epoch):
                queries.append(query)
                passages.append(passage)
                positives.append(row)
                known.append({row: 1})
        passages += [list(passage_ids[row]) for row in negatives]
        rows = [*positives, *negatives]
        relevant = torch.tensor([[row in each for row in rows] for each in known])
        relevant[torch.arange(len(queries)), torch.arange(len(queries))] = False
        pad = self.tokenizer.pad_id or 0
        found: dict[str, Any] = {"relevant": relevant}
        for name, texts, limit in (
            ("queries", queries, self.max_query_tokens),
            ("passages", passages, self.max_passage_tokens),
        ):
            found[name], found[f"{name}_mask"] = padded(
                [frame(ids, self.tokenizer, self.direction, limit) for ids in texts], pad
            )
        return found

    def _pretext(self, passage_ids: Any, indices: np.ndarray, epoch: int) -> list[tuple[list[int], list[int], int]]:
        """Spans of a sentence's length with the rest of their passages, as many as `pretext_queries` says."""
        draw = np.random.Generator(np.random.PCG64([self.seed, epoch, int(indices[0]), 1]))
        found = []
        for _ in range(round(self.pretext_queries * len(indices))):
            row = int(draw.integers(len(passage_ids)))
            ids = list(passage_ids[row])
            length = min(int(draw.integers(8, 33)), len(ids) // 2)
            start = int(draw.integers(0, max(1, len(ids) - length)))
            rest = ids if draw.random() < 0.1 else ids[:start] + ids[start + length :]
            found.append((ids[start : start + length], rest, row))
        return found

    def check_model(self, model: LanguageModel) -> None:
        """Takes any encoder: remembers how it reads texts."""
        self.direction = model.direction

    def num_queries(self, batch: Mapping[str, Tensor]) -> int:
        """See the base class; pretext queries count."""
        return len(batch["queries"])

    def loss(self, model: nn.Module, batch: Mapping[str, Tensor]) -> tuple[Tensor, Tensor]:
        """See the base class."""
        assert isinstance(model, LanguageModel), "what build_model gave"
        queries = embed(model, batch["queries"], batch["queries_mask"])  # (Q, D)
        passages = embed(model, batch["passages"], batch["passages_mask"])  # (P, D)
        scores = queries @ passages.T / self.temperature
        scores = scores.masked_fill(batch["relevant"], float("-inf"))
        own = torch.arange(len(queries), device=scores.device)
        return F.cross_entropy(scores, own), (scores.argmax(1) == own).float().mean()


class CrossEncoderRanking(RankingObjective):
    """Cross-encoder: the relevant passage of a query scores above `negatives` that BM25 ranks high.

    loss = -log softmax over 1 + negatives passages of score(query, passage), at the relevant one (listwise, as Gao et
    al. 2021, equation 5). Cost of a step: B (1 + negatives) pairs.
    """

    def __init__(self, *, negatives: Annotated[int, Field(ge=1, le=100)]) -> None:
        self.num_negatives = negatives

    def build_model(self, language_model: LanguageModel) -> nn.Module:
        """The model with a linear map to one score."""
        return CrossEncoder(language_model)

    def check_model(self, model: LanguageModel) -> None:
        """UserError for a model that reads one text alone."""
        if model.direction == "seq2seq":
            raise UserError(f"objective=cross_encoder: {model.family} gives no state of a pair; choose bert or roberta")

    def batch(self, split: RankingSplit, indices: np.ndarray, epoch: int) -> dict[str, Any]:
        """Entries "ids", "mask" and "types" of B (1 + negatives) pairs, the relevant one first of each query."""
        query_ids, passage_ids = self.ids(split)
        positives, negatives = self.drawn(split, indices, epoch)
        queries, passages = [], []
        for number, row in enumerate(map(int, indices)):
            others = negatives[number * self.num_negatives : (number + 1) * self.num_negatives]
            for passage in (positives[number], *others):
                queries.append(query_ids[row])
                passages.append(passage_ids[passage])
        limit = self.max_query_tokens + self.max_passage_tokens
        return join_pairs(queries, passages, self.tokenizer, limit)._asdict()

    def num_queries(self, batch: Mapping[str, Tensor]) -> int:
        """See the base class."""
        return len(batch["ids"]) // (1 + self.num_negatives)

    def loss(self, model: nn.Module, batch: Mapping[str, Tensor]) -> tuple[Tensor, Tensor]:
        """See the base class."""
        scores = model(Pairs(batch["ids"], batch["mask"], batch["types"])).view(-1, 1 + self.num_negatives)  # (B, 1+N)
        own = torch.zeros(len(scores), dtype=torch.long, device=scores.device)
        return F.cross_entropy(scores, own), (scores.argmax(1) == 0).float().mean()


class RankingView:
    """A split as batches of an objective, for `BatchLoader`."""

    def __init__(self, split: RankingSplit, objective: RankingObjective) -> None:
        self.split, self.objective, self.epoch = split, objective, 0

    def __len__(self) -> int:
        return len(self.split)

    def set_epoch(self, epoch: int) -> None:
        """The pass whose random draws the next batches have."""
        self.epoch = epoch

    def batch(self, indices: np.ndarray) -> dict[str, Any]:
        """Rows of the split."""
        return self.objective.batch(self.split, np.asarray(indices), self.epoch)
