"""The GLUE data sets."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from interlace.data.augmentation.base import TrainingText
from interlace.data.manifest.splitting import Fraction
from interlace.data.text_classification.datamodule import TextClassification
from interlace.data.text_classification.glue_files import TABLES, Name, read_glue
from interlace.data.text_classification.reading import LabelledText


class Glue(TextClassification):
    """A task of GLUE (Wang et al. 2019) from its official files; STS-B is a regression, the others are classification.

    Labels of the official test sets are not public: the dev set is the test split (for MNLI both dev sets, with the
    group `domain`), and validation is drawn from training. `path` is the folder of the task, or that of all tasks; the
    other options are those of `TextClassification`.
    """

    fixed_options = frozenset(
        {
            "text_columns", "label_column", "split_column", "group_columns", "header", "class_names", "fold_group",
            "test_fraction",
        }
    )  # fmt: skip

    def __init__(
        self,
        *,
        name: Name,
        path: str,
        val_fraction: Fraction,
        **options: Any,
    ) -> None:
        table = TABLES[name]
        super().__init__(
            name=None, path=path, text_columns=list(table.texts), label_column=table.label, split_column=None,
            group_columns=["domain"] if len(table.dev) > 1 else [], header=table.columns is None, class_names=None,
            fold_group=None, val_fraction=val_fraction, test_fraction=val_fraction, **options,
        )  # fmt: skip
        self.glue: Name = name
        self.left_out = 0
        if table.classes is None:
            self.task = "regression"

    def read(self, folder: Path) -> list[LabelledText]:
        """Reads all labelled examples."""
        rows, self.left_out = read_glue(folder, self.glue)
        return rows

    def ordered(self, names: set[str]) -> list[str]:
        """Classes in the order of their official numbers."""
        classes: Mapping[str, str] = TABLES[self.glue].classes or {}
        return [name for name in classes.values() if name in names]

    def _labels(self, rows: Sequence[LabelledText] | Sequence[TrainingText]) -> np.ndarray:
        if not self.spec.has_classes:
            return np.array([float(row.label) for row in rows], dtype=np.float32)
        return super()._labels(rows)

    def notes(self) -> list[str]:
        """Adds the origin of the splits, and the number of skipped lines."""
        folder, dev = TABLES[self.glue].folder, " and ".join(TABLES[self.glue].dev)
        origin = [
            f"GLUE's {folder}: labels of its test set are not public: {dev} is the test split, and validation is drawn "
            "from training"
        ]
        lines = "line is" if self.left_out == 1 else "lines are"
        skipped = [f"{self.left_out:,} {lines} cut short or without a majority, and left out"] if self.left_out else []
        return [*super().notes(), *origin, *skipped]

    def describe(self) -> dict[str, Any]:
        """Adds the name of the GLUE task."""
        return {**super().describe(), "glue": self.glue}
