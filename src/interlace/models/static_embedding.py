"""A vector for each token, whatever stands beside it: the fastest encoder of texts."""

from typing import Annotated, Any

from pydantic import Field
from torch import Tensor, nn

from interlace.errors import UserError
from interlace.models.base import LanguageModel, OutputProjection, given_options
from interlace.nn.dropout import build_dropout


class StaticEmbedding(LanguageModel):
    """One table of word vectors; their mean is the vector of a text (as StaticEmbedding of sentence-transformers).

    Vectors are drawn from N(0, 1 / D). Parameters: V D. A token costs one look-up and no multiplication, so that a
    text takes microseconds; the order of words plays no part. It encodes only and has no head that predicts tokens.
    """

    direction = "masked"

    def __init__(
        self,
        *,
        vocabulary_size: Annotated[int, Field(ge=1)],
        pad_id: int | None,
        dim: Annotated[int, Field(ge=1)],
        dropout: Annotated[float, Field(ge=0, lt=1)],
    ) -> None:
        options = given_options(locals())
        super().__init__()
        self.options = options
        self.family = "static_embedding"
        self.vocabulary_size, self.pad_id, self.dim, self.max_length = vocabulary_size, pad_id, dim, None
        self.word = nn.Embedding(vocabulary_size, dim)
        self.dropout = build_dropout(dropout)
        nn.init.normal_(self.word.weight, std=dim**-0.5)

    def encode(
        self,
        input_ids: Tensor,
        attention_mask: Tensor | None = None,
        *,
        token_type_ids: Tensor | None = None,
        position_ids: Tensor | None = None,
        document_ids: Tensor | None = None,
        cache: Any = None,
    ) -> Tensor:
        """See `LanguageModel`; masks, positions and types change nothing."""
        hidden: Tensor = self.dropout(self.word(input_ids))
        return hidden

    def output_projection(self, hidden: Tensor) -> OutputProjection:
        """Raises UserError: there is nothing to predict a token from."""
        raise UserError("a static_embedding model only encodes texts; choose bert to predict masked tokens")
