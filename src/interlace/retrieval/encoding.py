"""Texts as vectors of a language model."""

import hashlib
from collections.abc import Sequence
from typing import Annotated

import numpy as np
import torch
from pydantic import Field
from torch import Tensor
from torch.nn import functional as F

from interlace.data.tokenizers import TextTokenizer
from interlace.errors import UserError
from interlace.models.base import LanguageModel
from interlace.nn.pooling import masked_mean

Length = Annotated[int, Field(ge=3)]


def frame(ids: Sequence[int], tokenizer: TextTokenizer, direction: str, limit: int) -> list[int]:
    """A text's ids as its model reads them, cut to `limit`: masked models `[CLS] text [SEP]`, encoder-decoders with an
    end token, causal models the bare text."""
    first, last = tokenizer.cls_id, tokenizer.sep_id
    if direction != "masked":
        first, last = None, tokenizer.eos_id if direction == "seq2seq" else None
    before, after = ([] if each is None else [each] for each in (first, last))
    return [*before, *list(ids)[: limit - len(before) - len(after)], *after]


def padded(rows: Sequence[Sequence[int]], pad_id: int) -> tuple[Tensor, Tensor]:
    """Ids (B, T) int64 with padding behind them, and the mask (B, T) of real ones; T is 1 at least."""
    longest = max(1, *map(len, rows))
    ids = np.full((len(rows), longest), pad_id, dtype=np.int64)
    mask = np.zeros((len(rows), longest), dtype=bool)
    for number, row in enumerate(rows):
        ids[number, : len(row)] = row
        mask[number, : len(row)] = True
    return torch.from_numpy(ids), torch.from_numpy(mask)


def embed(model: LanguageModel, ids: Tensor, mask: Tensor) -> Tensor:
    """Mean of the hidden states over real tokens, of length 1: (B, D); 0 for a text without tokens."""
    attended = mask if bool(mask.any(1).all()) else mask | (~mask.any(1, keepdim=True) & first_column(mask))
    hidden = model.encode(ids, attended)[..., : model.dim]  # (B, T, D)
    return F.normalize(masked_mean(hidden, mask), dim=1)


def first_column(mask: Tensor) -> Tensor:
    """A mask (B, T), True in the first column: attention over no token at all is NaN."""
    found = torch.zeros_like(mask)
    found[:, 0] = True
    return found


class TextEncoder:
    """A language model and its tokenizer, which give a text a vector (Reimers and Gurevych 2019, section 3: mean)."""

    def __init__(self, model: LanguageModel, tokenizer: TextTokenizer, *, max_tokens: int) -> None:
        if model.max_length is not None and max_tokens > model.max_length:
            raise UserError(
                f"max_passage_tokens: got {max_tokens}, and the encoder has positions for {model.max_length}; lower it"
            )
        self.model, self.tokenizer, self.max_tokens = model, tokenizer, max_tokens

    def encode(self, texts: Sequence[str], batch_size: int = 32) -> np.ndarray:
        """Vectors (N, D) float32 in the order of the texts, which are batched by length."""
        rows = [frame(ids, self.tokenizer, self.model.direction, self.max_tokens)
                for ids in self.tokenizer.encode_batch(texts)]  # fmt: skip
        order = np.argsort([-len(row) for row in rows], kind="stable")
        vectors = np.zeros((len(rows), self.model.dim), dtype=np.float32)
        training = self.model.training
        self.model.eval()
        device = next(self.model.parameters()).device
        with torch.inference_mode():
            for start in range(0, len(order), batch_size):
                part = order[start : start + batch_size]
                ids, mask = padded([rows[i] for i in part], self.tokenizer.pad_id or 0)
                vectors[part] = embed(self.model, ids.to(device), mask.to(device)).float().cpu().numpy()
        self.model.train(training)
        return vectors

    @property
    def hashes(self) -> dict[str, str]:
        """SHA-256 of the weights and of the tokenizer, and the longest text: what decides the vectors."""
        return {
            "encoder": weights_hash(self.model),
            "tokenizer": self.tokenizer.hash,
            "max_tokens": str(self.max_tokens),
        }


def weights_hash(model: torch.nn.Module) -> str:
    """SHA-256 over the names, types, shapes and bytes of all weights, wherever they lie."""
    digest = hashlib.sha256()
    for name, value in sorted(model.state_dict().items()):
        array = value.detach().cpu().contiguous()
        digest.update(f"{name} {array.dtype} {tuple(array.shape)}\0".encode())
        digest.update(array.reshape(-1).view(torch.uint8).numpy().data)
    return digest.hexdigest()
