"""Target text of which each token sees a prefix of the source, for translation while the source is read."""

from collections.abc import Mapping
from typing import Annotated, Any

import numpy as np
import torch
from pydantic import Field
from torch import Tensor

from interlace.errors import UserError
from interlace.models.base import LanguageModel
from interlace.objectives.sequence_to_sequence import seq2seq_sums
from interlace.objectives.text_to_text import TextToText

Lag = Annotated[int, Field(ge=1)]
WHOLE = 1 << 30  # a lag that reads every source before the first target token


class WaitK(TextToText):
    """-sum_t log p(y_t | y_<t, x_<=g(t)) with g(t) = min(k + t - 1, |x|) (Ma et al. 2019, "STACL").

    k, x and y count tokens. Each row draws its k from `lags` in each epoch: several lags in one model (Elbayad et al.
    2020, "Efficient Wait-k Models for Simultaneous Machine Translation"); null is the whole source. The
    encoder must be causal: otherwise the states of the prefix x_<=g(t) would depend on words after it. One pass costs
    what `TextToText` costs.
    """

    def __init__(
        self,
        *,
        label_smoothing: Annotated[float, Field(ge=0, lt=1)],
        lags: Annotated[list[Lag | None], Field(min_length=1)],
    ) -> None:
        super().__init__(label_smoothing=label_smoothing)
        self.lags = [WHOLE if lag is None else lag for lag in lags]

    def check_model(self, model: LanguageModel) -> None:
        """See `LanguageObjective`; refuses an encoder that sees later words."""
        super().check_model(model)
        if not getattr(model, "causal_encoder", False):
            raise UserError(
                "objective=wait_k: the encoder of this model sees words after the prefix that is read; choose "
                "model=t5_v1_1 model.causal_encoder=true"
            )

    def batch(self, split: Any, indices: np.ndarray, epoch: int) -> dict[str, Any]:
        """Return the batch of `TextToText`, and the lag (B,) of each row."""
        drawn = [self.lags[int(self.generator(epoch, row).integers(len(self.lags)))] for row in indices]
        return {**super().batch(split, indices, epoch), "lag": torch.tensor(drawn)}

    def sums(self, model: LanguageModel, batch: Mapping[str, Tensor]) -> tuple[Tensor, dict[str, Tensor]]:
        """Return the sum of -log p over the target tokens including EOS, (1,)."""
        seen = prefixes(batch["lag"], batch["decoder_input_ids"].shape[1], batch["input_ids"].shape[1])
        if "attention_mask" in batch:
            seen = seen & batch["attention_mask"].bool().unsqueeze(1)
        return seq2seq_sums(model, batch, self.label_smoothing if model.training else 0.0, seen)


def prefixes(lag: Tensor, num_targets: int, num_sources: int) -> Tensor:
    """Return the source tokens that each target token sees, (B, T, S) bool: the first k + t - 1 for t = 1, 2, ..."""
    read = lag[:, None] + torch.arange(num_targets, device=lag.device)  # (B, T)
    return torch.arange(num_sources, device=lag.device) < read[..., None]
