"""Cross-encoder: a query and a passage read together give one score (Nogueira and Cho 2019)."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor, nn

from interlace.data.tokenizers import TextTokenizer
from interlace.errors import UserError
from interlace.models.base import LanguageModel
from interlace.nn.pooling import masked_mean
from interlace.retrieval.encoding import padded
from interlace.retrieval.hits import NOTHING


class Pairs(NamedTuple):
    """Ids (B, T), the mask of real ones (B, T) and token types (B, T) of pairs of texts."""

    ids: Tensor
    mask: Tensor
    types: Tensor


class CrossEncoder(nn.Module):
    """Score of `[CLS] query [SEP] passage [SEP]`: a linear map of the mean hidden state. Scores have no unit.

    A model with two token types has type 1 for the passage. One with three or more has type 2 for those tokens of the
    passage that the query holds too: marks of exact matches (Boualili et al. 2020). Parameters: D + 1 beside the
    model's.
    """

    def __init__(self, language_model: LanguageModel) -> None:
        super().__init__()
        self.language_model = language_model
        self.score = nn.Linear(language_model.dim, 1)

    def forward(self, pairs: Pairs) -> Tensor:
        """Scores (B,)."""
        types = pairs.types.clamp_max(self.language_model.num_token_types - 1)
        given = types if self.language_model.num_token_types > 1 else None
        hidden = self.language_model.encode(pairs.ids, pairs.mask, token_type_ids=given)  # (B, T, D)
        return self.score(masked_mean(hidden[..., : self.language_model.dim], pairs.mask)).squeeze(1)


def join_pairs(
    queries: Sequence[Sequence[int]], passages: Sequence[Sequence[int]], tokenizer: TextTokenizer, limit: int
) -> Pairs:
    """Pairs of ids as a batch; passages are cut so that a pair has at most `limit` tokens, then queries."""
    first, last = tokenizer.cls_id, tokenizer.sep_id if tokenizer.sep_id is not None else tokenizer.eos_id
    if last is None:
        raise UserError(
            "tokenizer: a cross-encoder needs a separator or an end token between its two texts, which this one lacks; "
            "choose tokenizer=wordpiece or another with one"
        )
    before = [] if first is None else [first]
    rows, types = [], []
    for query, passage in zip(queries, passages, strict=True):
        kept = list(query)[: max(1, limit - len(before) - 3)]
        rest = list(passage)[: max(0, limit - len(before) - len(kept) - 2)]
        known = set(kept)
        rows.append([*before, *kept, last, *rest, last])
        types.append([0] * (len(before) + len(kept) + 1) + [2 if token in known else 1 for token in rest] + [1])
    ids, mask = padded(rows, tokenizer.pad_id or 0)
    return Pairs(ids, mask, padded(types, 0)[0])


class Reranker:
    """A trained cross-encoder with its tokenizer, which scores passages for queries."""

    def __init__(self, model: CrossEncoder, tokenizer: TextTokenizer, *, max_tokens: int) -> None:
        self.model, self.tokenizer, self.max_tokens = model, tokenizer, max_tokens

    def scores(
        self, queries: Sequence[str], passages: Sequence[str], rows: np.ndarray, batch_size: int = 64
    ) -> np.ndarray:
        """Scores (Q, K) float32 of the passages `rows` (Q, K) for each query; -inf where there is none."""
        found = np.full(rows.shape, -np.inf, dtype=np.float32)
        asked = self.tokenizer.encode_batch(queries)
        used = np.unique(rows[rows != NOTHING])
        texts = dict(zip(used.tolist(), self.tokenizer.encode_batch([passages[i] for i in used]), strict=True))
        places = [(q, k) for q, k in np.argwhere(rows != NOTHING).tolist()]
        places.sort(key=lambda place: -len(texts[int(rows[place])]) - len(asked[place[0]]))
        training = self.model.training
        self.model.eval()
        device = self.model.score.weight.device
        with torch.inference_mode():
            for start in range(0, len(places), batch_size):
                part = places[start : start + batch_size]
                pairs = join_pairs(
                    [asked[q] for q, _ in part], [texts[int(rows[p])] for p in part], self.tokenizer, self.max_tokens
                )
                values = self.model(Pairs(*(each.to(device) for each in pairs))).float().cpu().numpy()
                for place, value in zip(part, values, strict=True):
                    found[place] = value
        self.model.train(training)
        return found
