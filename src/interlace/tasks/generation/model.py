"""Model that generates text from modalities."""

from collections.abc import Mapping
from types import MappingProxyType

from torch import nn

from interlace.fusion.base import Fusion
from interlace.fusion.missing_modality import MissingModality
from interlace.heads.text_decoder import TextDecoder
from interlace.objectives.contrastive import ContrastiveAlignment
from interlace.tasks.supervised import MultimodalModel
from interlace.tokens import Condition, RawBatch, Tokens, condition_of


class GenerationModel(MultimodalModel):
    """Encoders, fusion, and a decoder conditioned on the fused tokens.

    It is trained by `LanguageTask` with the objective `TargetText`; `generate(model.decoder, prompts, condition=
    model.condition(inputs))` generates texts. For frozen encoders see `MultimodalModel`.
    """

    def __init__(
        self,
        encoders: Mapping[str, nn.Module],
        fusion: Fusion,
        decoder: TextDecoder,
        frozen: Mapping[str, int | None] = MappingProxyType({}),
        *,
        missing_modality: MissingModality | None = None,
        alignment: ContrastiveAlignment | None = None,
    ) -> None:
        super().__init__(encoders, fusion, None, frozen, missing_modality=missing_modality, alignment=alignment)
        self.decoder = decoder

    def condition(self, inputs: Mapping[str, RawBatch | Tokens]) -> Condition:
        """Return the fused tokens of a batch."""
        return condition_of(self.fuse(inputs))
