"""Rows of data as batches of an objective."""

from typing import Any

import numpy as np

from interlace.objectives.language import LanguageObjective


class ObjectiveView:
    """Batches of an objective over a split, one epoch at a time; the input of a BatchLoader."""

    def __init__(self, split: Any, objective: LanguageObjective) -> None:
        self.split = split
        self.objective = objective
        self.epoch = 0
        if hasattr(split, "order"):  # the order of the split, such as buckets of similar length
            self.order = split.order

    def __len__(self) -> int:
        return len(self.split)

    def set_epoch(self, epoch: int) -> None:
        """Set the epoch, on which masks, random windows and augmentation depend."""
        self.epoch = epoch

    def batch(self, indices: np.ndarray) -> dict[str, Any]:
        """Return the rows `indices` as the objective's batch."""
        return self.objective.batch(self.split, indices, self.epoch)

    def num_targets(self, indices: np.ndarray) -> Any:
        """Return the number of terms of the loss in these rows, (P,)."""
        return self.objective.num_targets(self.split, indices, self.epoch)
