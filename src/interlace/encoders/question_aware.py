"""Text encoder for a question and its context: how each token of the context matches the question is part of it."""

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any, NamedTuple

import torch
from pydantic import Field
from torch import Tensor, nn
from torch.nn import functional as F

from interlace.encoders.language_model import second_text
from interlace.encoders.text import text_mask, vocabulary_size
from interlace.encoders.word_vectors import pretrained_table
from interlace.errors import UserError
from interlace.nn.attention import zero_masked
from interlace.tokens import ModalitySpec, RawBatch, Tokens

EMBEDDING_STD = 0.1
NUM_SHAPES = 7
NUM_MATCHES = 3
NEVER = -1e4  # finite in half precision
CONTINUES = "##"  # begins a WordPiece that continues a word


class _Pair(NamedTuple):
    """Properties of the tokens (B, T) that need no weights: masks of real tokens, of the question's first n positions
    (B, n) and of the context, lower-cased ids, first token of each one's word, and the positions with each row's
    order reversed."""

    mask: Tensor
    asked: Tensor
    context: Tensor
    folded: Tensor
    begins: Tensor
    flipped: Tensor


class QuestionAwareLSTM(nn.Module):
    """Reader of `question, separator, context` for few examples: ids (B, T) -> states (B, T, D).

    After DrQA (Chen et al. 2017, section 3.2) and BiDAF (Seo et al. 2017). Of each token are known: its embedding
    (E; one for all casings of a spelling), 7 features of its spelling (capital, digits, punctuation...), with `match`
    whether its word, its piece or the first piece of its word occurs in the question, and the mean of these over
    windows of `match_widths` tokens, weighted by the piece; and the aligned question embedding (DrQA, equation 1). A
    bidirectional LSTM reads them; each state h with its attention over the question's states c and the question's
    summary q is [h; c; h * c; h * q] (BiDAF, equation 5), a linear map and ReLU narrow that to D, and a second
    bidirectional LSTM gives the states. A single text is its own question.

    Embeddings start from the word vectors in `path` where these have the spelling, else at random. Spellings are those
    of the vocabulary; where it hides them, casings are told apart and no feature of spelling is known. Both directions
    read the real tokens only.
    Parameters, W = 2 E + 11 + 2 len(match_widths): V E + E^2 + 2 E + 1 + 4 D (W + 2 D + 4) + 5 D^2 + 2 D.
    FLOPs: 8 T D (W + 3 D) for LSTMs and narrowing, 2 T (D^2 + E^2) for keys, 4 T n (D + E) for attention over n tokens.
    """

    folded: Tensor
    shapes: Tensor
    starts: Tensor
    codes: Tensor

    def __init__(
        self,
        *,
        spec: ModalitySpec,
        dim: Annotated[int, Field(ge=2)],
        embedding_dim: Annotated[int, Field(ge=1)],
        dropout: Annotated[float, Field(ge=0, lt=1)],
        match: bool,
        match_widths: list[Annotated[int, Field(ge=1)]],
        path: str | None,
    ) -> None:
        super().__init__()
        self.options: dict[str, Any] = {
            "dim": dim, "embedding_dim": embedding_dim, "dropout": dropout, "match": match,
            "match_widths": list(match_widths),
        }  # fmt: skip
        if dim % 2:
            raise UserError(f"encoder.text.dim: got {dim}; two directions share it, so choose an even number")
        if any(width % 2 == 0 for width in match_widths):
            raise UserError(f"encoder.text.match_widths: got {match_widths}; expected odd numbers of tokens")
        size = vocabulary_size(spec)
        self.out_dim = dim
        self.separator = spec.pair_separator
        self.match = match
        self.match_widths = list(match_widths)
        folded, shapes, starts = spelling_tables(spec.words, size)
        self.register_buffer("folded", folded)
        self.register_buffer("shapes", shapes)
        self.register_buffer("starts", starts)
        # A word's code is a sum over its pieces and their places: equal for equal words, else almost never.
        self.register_buffer("codes", torch.randint(1, 2**40, (size,)))
        self.embedding = nn.Embedding(size, embedding_dim, padding_idx=0)
        nn.init.normal_(self.embedding.weight[1:], std=EMBEDDING_STD)
        if path is not None:
            self._start_from(Path(path).expanduser(), spec)
        self.dropout = nn.Dropout(dropout)
        self.weigh = nn.Linear(embedding_dim, 1)
        self.align = nn.Linear(embedding_dim, embedding_dim)
        width = 2 * embedding_dim + NUM_SHAPES + NUM_MATCHES + 1 + 2 * len(match_widths)
        self.first = _Bidirectional(width, dim)
        self.key = nn.Linear(dim, dim, bias=False)
        self.summary = nn.Linear(dim, 1, bias=False)
        self.narrow = nn.Linear(4 * dim, dim)
        self.second = _Bidirectional(dim, dim)

    def _start_from(self, path: Path, spec: ModalitySpec) -> None:
        """Take the embeddings of a file of word vectors, scaled to the usual standard deviation."""
        table, _ = pretrained_table(spec, path, "random", True)
        if table.shape[1] != self.embedding.embedding_dim:
            raise UserError(
                f"encoder.text.embedding_dim: got {self.embedding.embedding_dim}, and the vectors in {path} have "
                f"{table.shape[1]} numbers each; set it to that"
            )
        with torch.no_grad():
            self.embedding.weight[1:] = table[1:] * (EMBEDDING_STD / table[1:].std())

    def without_file(self) -> dict[str, Any]:
        """Return the component that holds these weights without the file of vectors."""
        return {"_target_": f"{type(self).__module__}.{type(self).__qualname__}", **self.options, "path": None}

    def forward(self, raw: RawBatch) -> Tokens:
        """Encode raw text; positions from `length` on are masked."""
        if torch.compiler.is_exporting():
            raise UserError(
                "encoder/text=question_aware: its attention has the size of the longest question of a batch, which an "
                "exported program cannot tell from values; encoder/text=language_model can be exported"
            )
        pair = self._pair(raw)
        mask = pair.mask
        x = self.dropout(self.embedding(pair.folded))  # (B, T, E)
        inputs = torch.cat([x, self._features(raw.x, x, pair)], -1)  # (B, T, W)
        states = self.dropout(self.first(zero_masked(inputs, mask), pair.flipped))  # (B, T, D)
        question = states[:, : pair.asked.shape[1]]  # (B, n, D)
        scores = self.key(states) @ question.transpose(1, 2) / states.shape[-1] ** 0.5
        attended = _over(scores, pair.asked.unsqueeze(1)) @ question  # (B, T, D)
        summary = _over(self.summary(question).transpose(1, 2), pair.asked.unsqueeze(1)) @ question  # (B, 1, D)
        joined = torch.cat([states, attended, states * attended, states * summary], -1)
        narrowed = self.dropout(torch.relu(self.narrow(joined)))
        read = zero_masked(self.second(narrowed, pair.flipped), mask)
        return Tokens(read, mask, mask.any(1))

    def _pair(self, raw: RawBatch) -> _Pair:
        mask, ids = text_mask(raw), raw.x
        positions = torch.arange(ids.shape[1], device=ids.device).expand_as(ids)
        if self.separator is None:
            asked = context = mask
        else:
            between = ids == self.separator
            second = second_text(ids, mask, self.separator).bool()
            context = second & ~between
            asked = mask & ~second & ~between
        starts = self.starts[ids] | ~mask | (positions == 0)
        length = mask.sum(1, keepdim=True)
        return _Pair(
            mask=mask,
            asked=asked[:, : max(1, int((asked * (positions + 1)).max()))],
            context=context,
            folded=self.folded[ids],
            begins=torch.where(starts, positions, 0).cummax(1).values,
            flipped=torch.where(mask, length - 1 - positions, positions),
        )

    def _features(self, ids: Tensor, x: Tensor, pair: _Pair) -> Tensor:
        """Spelling, matches and aligned question embedding of each token, (B, T, W - E)."""
        found = self._matches(pair) if self.match else x.new_zeros(*ids.shape, NUM_MATCHES)
        weight = torch.sigmoid(self.weigh(x)) * pair.context.unsqueeze(-1)  # (B, T, 1)
        hits = (found[..., ::2] * weight).transpose(1, 2)  # (B, 2, T): words and first pieces
        near = [F.avg_pool1d(hits, width, 1, width // 2) * width**0.5 for width in self.match_widths]
        keys = torch.relu(self.align(x))
        scores = keys @ keys[:, : pair.asked.shape[1]].transpose(1, 2)
        aligned = _over(scores, pair.asked.unsqueeze(1)) @ x[:, : pair.asked.shape[1]]
        parts = [self.shapes[ids], pair.context.unsqueeze(-1), found, *(each.transpose(1, 2) for each in near), aligned]
        return torch.cat([part.to(x.dtype) for part in parts], -1)

    def _matches(self, pair: _Pair) -> Tensor:
        """(B, T, 3) bool: whether the word, the piece, the first piece of the word occurs in the question."""
        places = torch.arange(pair.begins.shape[1], device=pair.begins.device) - pair.begins
        words = torch.zeros_like(pair.begins).scatter_add(1, pair.begins, self.codes[pair.folded] * (2 * places + 1))
        keys = (words.gather(1, pair.begins), pair.folded, pair.folded.gather(1, pair.begins))
        count = pair.asked.shape[1]
        same = [(each.unsqueeze(2) == each[:, None, :count]) & pair.asked.unsqueeze(1) for each in keys]
        return torch.stack([each.any(2) for each in same], -1)


class _Bidirectional(nn.Module):
    """An LSTM in each direction, D / 2 units each, over the real tokens.

    Not nn.LSTM's own: packed sequences are several times as slow on CPUs, and without packing the way back begins in
    the padding.
    """

    def __init__(self, width: int, dim: int) -> None:
        super().__init__()
        self.there = nn.LSTM(width, dim // 2, batch_first=True)
        self.back = nn.LSTM(width, dim // 2, batch_first=True)

    def forward(self, x: Tensor, flipped: Tensor) -> Tensor:
        """(B, T, D); `flipped` (B, T) are the positions in reverse order."""
        index = flipped.unsqueeze(-1)
        back = self.back(x.gather(1, index.expand_as(x)))[0]
        return torch.cat([self.there(x)[0], back.gather(1, index.expand_as(back))], -1)


def _over(scores: Tensor, mask: Tensor) -> Tensor:
    """Softmax of scores (B, ., n) over where mask (B, 1, n) is True; zeros where nothing is."""
    return scores.masked_fill(~mask, NEVER).softmax(-1) * mask


def spelling_tables(words: Sequence[str] | None, size: int) -> tuple[Tensor, Tensor, Tensor]:
    """By id: the id of the lower-cased spelling (V,), features of it (V, 7) float, whether it begins a word (V,) bool.

    Features: capital first, capitals only, four digits, digits, some digit, no letter or digit, continues a word.
    """
    folded, shapes = torch.arange(size), torch.zeros(size, NUM_SHAPES)
    starts = torch.ones(size, dtype=torch.bool)
    ids: dict[str, int] = {}
    for index, word in enumerate(words or ()):
        ids.setdefault(word, index)
    for index, word in enumerate(words or ()):
        bare = word.removeprefix(CONTINUES).strip("\u0120\u2581")  # marks of a space before the word
        folded[index] = ids.get(word.lower(), index)
        starts[index] = not word.startswith(CONTINUES)
        shapes[index] = torch.tensor(
            [bare[:1].isupper(), bare.isupper() and len(bare) > 1, bare.isdigit() and len(bare) == 4, bare.isdigit(),
             any(map(str.isdigit, bare)), not any(map(str.isalnum, bare)), word.startswith(CONTINUES)],
            dtype=torch.float,
        )  # fmt: skip
    return folded, shapes, starts
