"""Models small enough to know everything about, with the interface of a LanguageModel."""

import math

import torch
from torch import Tensor, nn


class _Attention(nn.Module):
    """One head, no heads' worth of subtlety: keys and values may be cached."""

    def __init__(self, dim: int) -> None:
        super().__init__()
        self.projection = nn.Linear(dim, 3 * dim, bias=False)

    def forward(self, x: Tensor, allowed: Tensor, cache: "TinyCache | None") -> Tensor:
        q, k, v = self.projection(x).chunk(3, -1)
        if cache is not None:
            k, v = cache.extend(k, v)
        scores = q @ k.mT / math.sqrt(x.shape[-1])
        return scores.masked_fill(~allowed, -1e9).softmax(-1) @ v


class TinyCache:
    def __init__(self, capacity: int) -> None:
        self.capacity = capacity
        self.length = 0
        self._kv: tuple[Tensor, Tensor] | None = None

    def extend(self, k: Tensor, v: Tensor) -> tuple[Tensor, Tensor]:
        if self._kv is not None:
            k, v = torch.cat([self._kv[0], k], 1), torch.cat([self._kv[1], v], 1)
        self._kv, self.length = (k, v), k.shape[1]
        assert self.length <= self.capacity, "generation asked for more room than it said"
        return k, v

    def reorder(self, index: Tensor) -> None:
        if self._kv is not None:
            self._kv = (self._kv[0][index], self._kv[1][index])


class TinyCausal(nn.Module):
    """Embeddings, learned positions, one attention layer: depends on order, padding and all of the history."""

    family, direction, pad_id = "tiny", "causal", None

    def __init__(self, vocabulary_size: int = 13, dim: int = 8, max_length: int | None = 24) -> None:
        super().__init__()
        self.vocabulary_size, self.dim, self.max_length = vocabulary_size, dim, max_length
        self.tokens = nn.Embedding(vocabulary_size, dim)
        self.positions = nn.Embedding(max_length or 512, dim)
        self.attention = _Attention(dim)
        self.output = nn.Linear(dim, vocabulary_size)
        self.passes: list[tuple[int, int]] = []  # (rows, columns) of each forward pass

    def encode(self, input_ids, attention_mask=None, *, position_ids=None, cache=None) -> Tensor:
        self.passes.append(tuple(input_ids.shape))
        before = cache.length if cache is not None else 0
        total, new = before + input_ids.shape[1], input_ids.shape[1]
        if attention_mask is None:
            attention_mask = torch.ones(len(input_ids), total, dtype=torch.bool)
        allowed = torch.ones(total, total, dtype=torch.bool).tril()[-new:] & attention_mask[:, None].bool()
        x = self.tokens(input_ids) + self.positions(position_ids)
        return x + self.attention(x, allowed, cache)

    def logits(self, hidden: Tensor) -> Tensor:
        return 4 * self.output(hidden)

    def start_cache(self, batch_size: int, capacity: int) -> TinyCache:
        return TinyCache(capacity)


class TinyAnswerer(TinyCausal):
    """Sequence to sequence: decoder states are shifted by the mean of the encoded prompt."""

    direction = "seq2seq"

    def encode(self, input_ids, attention_mask=None, **_) -> Tensor:
        return self.tokens(input_ids)

    def decode(self, decoder_input_ids, memory, memory_mask=None, *, cache=None, **_) -> Tensor:
        mask = memory_mask[..., None].float()
        summary = (memory * mask).sum(1, keepdim=True) / mask.sum(1, keepdim=True)
        before = cache.length if cache is not None else 0
        positions = torch.arange(before, before + decoder_input_ids.shape[1]).expand_as(decoder_input_ids)
        return super().encode(decoder_input_ids, position_ids=positions, cache=cache) + summary


class Bigram(nn.Module):
    """Logits are a table (V, V) of the previous token: every distribution is known in closed form."""

    family, direction, max_length, dim, pad_id = "bigram", "causal", None, 1, None

    def __init__(self, table: Tensor) -> None:
        super().__init__()
        self.vocabulary_size = len(table)
        self.table = nn.Parameter(table.float())

    def encode(self, input_ids, attention_mask=None, *, position_ids=None, cache=None) -> Tensor:
        return self.table[input_ids]

    def logits(self, hidden: Tensor) -> Tensor:
        return hidden

    def start_cache(self, batch_size: int, capacity: int) -> TinyCache:
        return TinyCache(capacity)


def tiny(kind: type[TinyCausal] = TinyCausal, seed: int = 0, **sizes: int) -> TinyCausal:
    """A random model that ends now and then: token 0 is a little likelier than chance would have it."""
    torch.manual_seed(seed)
    model = kind(**sizes).eval()
    with torch.no_grad():
        model.output.bias[0] += 0.6
    return model
