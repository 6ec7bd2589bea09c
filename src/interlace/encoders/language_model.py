"""Text encoder: a language model, from scratch or pretrained."""

from typing import Literal

import torch
from torch import Tensor, nn

from interlace.encoders.text import text_mask
from interlace.errors import UserError
from interlace.models.base import LanguageModel
from interlace.nn.attention import zero_masked
from interlace.tokens import ModalitySpec, RawBatch, Tokens


class LanguageModelEncoder(nn.Module):
    """Hidden states of a language model as tokens: ids (B, T) -> (B, T, D), or (B, 1, D) for one of them.

    `take`: "all" states; the "first" (BERT's [CLS]); the "last" real one (the only state of a causal model that depends
    on the whole text). Of an encoder-decoder model the encoder is used. In a model with token types the second text of
    a pair has type 1, its separator included (Devlin et al. 2019, figure 2). Parameters and FLOPs: those of the model;
    its output heads, which get no gradient here, are kept but not trained.
    """

    def __init__(
        self, *, spec: ModalitySpec, language_model: LanguageModel, take: Literal["all", "first", "last"]
    ) -> None:
        super().__init__()
        if language_model.max_length is not None and spec.shape[0] > language_model.max_length:
            raise UserError(
                f"the texts have up to {spec.shape[0]} tokens, but the language model has positions for only "
                f"{language_model.max_length}; set data.max_tokens={language_model.max_length}"
            )
        self.language_model = language_model
        self.take = take
        self.pair_separator = spec.pair_separator if language_model.num_token_types > 1 else None
        self.out_dim = language_model.dim
        reached = reached_parameters(language_model)
        for parameter in language_model.parameters():
            parameter.requires_grad_(parameter.requires_grad and id(parameter) in reached)

    def forward(self, raw: RawBatch) -> Tokens:
        """Encode raw text; positions from `length` on are masked."""
        mask = text_mask(raw)  # (B, T)
        present = mask.any(1)
        # A missing text is encoded as one padding token, since attention over no token at all is NaN.
        whole = not torch.compiler.is_exporting() and bool(present.all())
        attended = mask if whole else mask | (~present[:, None] & first_column(mask))
        types = None if self.pair_separator is None else second_text(raw.x, mask, self.pair_separator)
        states = self.language_model.encode(raw.x, attended, token_type_ids=types)
        states = states[..., : self.out_dim]  # bigram logits come last
        x = zero_masked(states, mask)  # (B, T, D)
        if self.take == "all":
            return Tokens(x, mask, present)
        index = mask.sum(1).clamp_min(1) - 1 if self.take == "last" else torch.zeros_like(raw.length)
        state = x.gather(1, index[:, None, None].expand(-1, 1, x.shape[-1]))  # (B, 1, D)
        return Tokens(state, present[:, None], present)


def second_text(ids: Tensor, mask: Tensor, separator: int) -> Tensor:
    """Return token types (B, T) int64: 1 for the real tokens after the first separator of a row, else 0."""
    separators = (ids == separator).long()
    return ((separators.cumsum(1) - separators > 0) & mask).long()


def first_column(mask: Tensor) -> Tensor:
    """Return a mask (B, T), True in the first column only."""
    positions = torch.zeros_like(mask)
    positions[:, 0] = True
    return positions


def reached_parameters(model: LanguageModel) -> set[int]:
    """Return the `id` of each parameter that the hidden states depend on, without output heads and decoders."""
    with torch.enable_grad():
        model.encode(torch.zeros(1, 2, dtype=torch.long)).float().sum().backward()
    found = {id(p) for p in model.parameters() if p.grad is not None}
    model.zero_grad(set_to_none=True)
    return found
