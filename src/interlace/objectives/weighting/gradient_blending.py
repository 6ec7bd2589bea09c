"""Gradient blending: weights from generalisation gain and overfitting of each head."""

import warnings
from collections.abc import Mapping, Sequence
from typing import Annotated

import torch
from pydantic import Field
from torch import Tensor

from interlace.objectives.weighting.base import LossWeighting
from interlace.optim.gradient_blending import Change, blend


class GradientBlending(LossWeighting):
    """G-Blend (Wang et al. 2020, algorithms 1 to 3): w_k proportional to G_k / O_k^2 over the joint head and the M
    unimodal ones (and any further loss), summing to 1.

    In a trial a copy of the model is trained on each loss alone for `trial_epochs` (null, as in the paper: for as long
    as the weights will be in use), from the current weights, learning rate and position in the data; G is the
    decrease of that loss on validation data and O the growth of its gap to the training data. Offline (`every_epochs`
    null) there is one trial before the first epoch, of the untrained model; online one before every
    `every_epochs`-th epoch, a super-epoch. Before a trial with a head that generalises, all weights are 1 / K. See
    `interlace.optim.gradient_blending` for the formula and its three guards.

    Cost of a trial: its epochs of the joint model and as many of each modality alone, plus K + 1 evaluations
    of the training data, none of which counts as a step. Weights depend on validation data, not on test data.
    MultiBench's code (gradient_blend.py) takes the validation loss itself for G and the gap itself for O, and holds out
    8% of the training data instead.
    """

    needs_shared_trunk = True
    values: Tensor
    trial_of: Tensor

    def __init__(
        self,
        *,
        names: Sequence[str],
        trial_epochs: Annotated[int, Field(ge=1)] | None,
        every_epochs: Annotated[int, Field(ge=1)] | None,
        overfitting_floor: Annotated[float, Field(gt=0)],
    ) -> None:
        super().__init__(names=names)
        self.trial_epochs = trial_epochs
        self.every_epochs = every_epochs
        self.overfitting_floor = overfitting_floor
        self.register_buffer("values", torch.full((len(self.names),), 1.0 / len(self.names)))
        self.register_buffer("trial_of", torch.tensor(-1))  # the epoch before which the last trial was made

    def weights(self) -> Tensor:
        return self.values

    def is_due(self, epoch: int) -> bool:
        """Return whether a trial is due before this epoch; False if it was done, in a run resumed in mid-epoch."""
        at_start = epoch == 0 if self.every_epochs is None else epoch % self.every_epochs == 0
        return at_start and int(self.trial_of) != epoch

    def length_of_trial(self, epoch: int, max_epochs: int) -> int:
        """Return the number of epochs of the trial before this epoch."""
        left = max_epochs - epoch
        in_use = left if self.every_epochs is None else min(self.every_epochs, left)
        return max(1, in_use if self.trial_epochs is None else self.trial_epochs)

    def take(self, changes: Mapping[str, Change], epoch: int) -> None:
        """Set the weights from a trial; unchanged if no head generalised. A diverged head is reported and left out."""
        lost = [name for name, each in changes.items() if not each.is_finite]
        if lost:
            warnings.warn(
                f"gradient blending: the trial before epoch {epoch} did not stay finite for {', '.join(lost)}, which "
                "has no weight until the next trial; try a lower optimizer.learning_rate",
                stacklevel=2,
            )
        found = blend(changes, self.overfitting_floor)
        if found is not None:
            self.values.copy_(torch.tensor([found[name] for name in self.names]))
        self.trial_of.fill_(epoch)
