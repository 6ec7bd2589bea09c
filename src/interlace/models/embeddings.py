"""Embeddings of token ids."""

import torch
from torch import Tensor, nn

from interlace.nn.dropout import build_dropout


class Embeddings(nn.Module):
    """Sum of word, position and token type vectors, then norm and dropout (Devlin et al. 2019, figure 2).

    `num_positions` or `num_types` None: without these; `first_position`: the row of position 0 (RoBERTa leaves the rows
    before it unused). Parameters: (V + positions + types) D and those of the norm.
    """

    def __init__(
        self,
        *,
        vocabulary_size: int,
        dim: int,
        num_positions: int | None,
        num_types: int | None,
        norm: nn.Module | None,
        dropout: float,
        first_position: int = 0,
    ) -> None:
        super().__init__()
        self.word = nn.Embedding(vocabulary_size, dim)
        self.position = nn.Embedding(num_positions, dim) if num_positions is not None else None
        self.token_type = nn.Embedding(num_types, dim) if num_types is not None else None
        self.norm = norm if norm is not None else nn.Identity()
        self.dropout = build_dropout(dropout)
        self.first_position = first_position

    def forward(
        self,
        input_ids: Tensor,
        positions: Tensor | None = None,
        types: Tensor | None = None,
        *,
        past: int = 0,
        prefix: Tensor | None = None,
    ) -> Tensor:
        """Embed ids (B, T) as (B, T, D); `positions` (B, T): None = past, past + 1, ...; `types` None: all 0.

        `prefix` (B, P, D) precedes the words and gets positions too; the result is then (B, P + T, D).
        """
        x = self.word(input_ids)  # (B, T, D)
        if prefix is not None:
            x = torch.cat([prefix.to(x.dtype), x], 1)
        shared: Tensor | None = None  # (T, D), added in one pass
        if self.position is not None:
            if positions is not None:
                x = x + self.position(positions)
            else:
                first = self.first_position + past
                shared = self.position.weight[first : first + x.shape[1]]
        if self.token_type is not None:
            if types is not None:
                x = x + self.token_type(types)
            else:
                shared = self.token_type.weight[0] if shared is None else shared + self.token_type.weight[0]
        return self.dropout(self.norm(x if shared is None else x + shared))


def normal_(module: nn.Module, std: float) -> None:
    """Draw all linear and embedding weights of a module from N(0, std^2) and set linear biases to zero."""
    for part in module.modules():
        if isinstance(part, nn.Linear | nn.Embedding):
            nn.init.normal_(part.weight, std=std)
        if isinstance(part, nn.Linear) and part.bias is not None:
            nn.init.zeros_(part.bias)
