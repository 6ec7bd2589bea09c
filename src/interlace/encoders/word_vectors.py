"""Text encoder: a table of pretrained word vectors."""

import warnings
from pathlib import Path
from typing import Annotated, Any, Literal

import torch
from pydantic import Field
from torch import Tensor, nn

from interlace.encoders.text import text_mask, vocabulary_size
from interlace.errors import UserError
from interlace.nn.attention import zero_masked
from interlace.pretrained.word_vectors import Coverage, WordVectors
from interlace.tokens import ModalitySpec, RawBatch, Tokens

SCARCE = 0.5  # a warning is given if a smaller fraction of the words has a vector


class TextWordVectors(nn.Module):
    """Word vectors as tokens: ids (B, T) -> (B, T, D); with mean pooling after it, a bag of vectors.

    The table is initialised from the vectors in `path` (word2vec or GloVe, see `WordVectors`), looked up by the
    spellings of the vocabulary; `missing` sets the initialisation of words without a vector. `path` null: the table is
    trained from scratch, for comparison. `frozen` excludes the table from training. Vectors of another width E than
    `dim` go through a linear map. `coverage` counts the words found; it is an error if none is.
    Parameters: V E, and (E + 1) D for the map if E differs from D; the V E of a frozen table are not trained.
    FLOPs: 2 T E D for the map.
    """

    def __init__(
        self,
        *,
        spec: ModalitySpec,
        path: str | None,
        dim: Annotated[int, Field(ge=1)],
        frozen: bool,
        missing: Literal["zeros", "mean", "random"],
        lower_case: bool,
        dropout: Annotated[float, Field(ge=0, lt=1)],
    ) -> None:
        super().__init__()
        coverage: Coverage | None = None
        if path is None:
            table = torch.randn(vocabulary_size(spec), dim) * 0.02
        else:
            table, coverage = pretrained_table(spec, Path(path).expanduser(), missing, lower_case)
        table[0] = 0.0  # padding
        self._build(table, dim, frozen, dropout, coverage)

    def _build(self, table: Tensor, dim: int, frozen: bool, dropout: float, coverage: Coverage | None) -> None:
        """Build the layers around a table (V, E)."""
        self.out_dim = dim
        self.coverage = coverage
        self.embedding = nn.Embedding.from_pretrained(table, freeze=frozen, padding_idx=0)
        self.dropout = nn.Dropout(dropout)
        width = table.shape[1]
        self.projection = nn.Identity() if width == dim else nn.Linear(width, dim)

    def without_file(self) -> dict[str, Any]:
        """Return the component that holds these weights without the file of vectors; see StoredWordVectors."""
        return {
            "_target_": f"{StoredWordVectors.__module__}.{StoredWordVectors.__qualname__}",
            "width": self.embedding.embedding_dim,
            "dim": self.out_dim,
            "frozen": not self.embedding.weight.requires_grad,
            "dropout": self.dropout.p,
        }

    def forward(self, raw: RawBatch) -> Tokens:
        """Encode raw text; positions from `length` on are masked."""
        mask = text_mask(raw)
        x = self.projection(self.dropout(self.embedding(raw.x)))
        return Tokens(zero_masked(x, mask), mask, mask.any(1))


class StoredWordVectors(TextWordVectors):
    """TextWordVectors whose table is loaded from a checkpoint: zeros of width E = `width` until then.

    It replaces, in a run's encoders.json, an encoder that read a file, so that the run needs neither the file nor the
    spellings again. Parameters and FLOPs: those of TextWordVectors.
    """

    def __init__(
        self,
        *,
        spec: ModalitySpec,
        width: Annotated[int, Field(ge=1)],
        dim: Annotated[int, Field(ge=1)],
        frozen: bool,
        dropout: Annotated[float, Field(ge=0, lt=1)],
    ) -> None:
        nn.Module.__init__(self)
        self._build(torch.zeros(vocabulary_size(spec), width), dim, frozen, dropout, None)


def pretrained_table(
    spec: ModalitySpec, path: Path, missing: Literal["zeros", "mean", "random"], lower_case: bool
) -> tuple[Tensor, Coverage]:
    """Return rows (V, E) for the vocabulary's words, and how many of them, without padding, are in the file."""
    if spec.words is None:
        raise UserError(f"{path}: word vectors are looked up by spelling, but these data do not provide their words; "
                        "use a word tokenizer")  # fmt: skip
    seed = int(torch.randint(2**31, ()))  # so that the random rows depend on the model's seed
    vectors = WordVectors.load(path)
    table, coverage = vectors.matrix_for(spec.words[1:], missing=missing, lower_case=lower_case, seed=seed)
    if not coverage.exact + coverage.lower_cased:
        raise UserError(
            f"{path}: contains none of the {coverage.wanted} words of these data, such as {spec.words[-1]!r}; give "
            "vectors of the same language, and use a word tokenizer"
        )
    if coverage.share < SCARCE:
        warnings.warn(f"{path}: {coverage}; the others are initialised as {missing!r}", stacklevel=3)
    return torch.cat([torch.zeros(1, vectors.dim), torch.from_numpy(table)]), coverage
