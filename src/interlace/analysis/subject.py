"""A finished run opened for analysis: its model with a sample of its data."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from interlace.analysis.encoded import EncodedModel
from interlace.analysis.robustness import cached_by_pattern
from interlace.analysis.settings import Settings
from interlace.analysis.shapley import MOST_EXACT
from interlace.assembly import build_data
from interlace.data.arrays import RawArray
from interlace.data.datamodule import DataModule
from interlace.data.split import Split
from interlace.errors import UserError
from interlace.metrics.measures import Measure
from interlace.runs import Run
from interlace.tracking.computing import configure_torch


@dataclass(frozen=True)
class Subject:
    """Run under analysis, used by every part: `encoded.predict`, `measure.score`, `labels` (n,) or (n, C)."""

    run: Run
    data: DataModule
    encoded: EncodedModel
    measure: Measure
    settings: Settings

    @property
    def names(self) -> tuple[str, ...]:
        """Modalities in the model's order."""
        return self.encoded.names

    @property
    def labels(self) -> np.ndarray:
        """Labels of the sample, (n,), or (n, C) where an example has several classes."""
        return np.asarray(self.encoded.split.labels)

    @cached_property
    def predict_present(self) -> Callable[[np.ndarray], np.ndarray]:
        """Function from presence (n, M) to outputs (n, C); each pattern is computed once."""
        return cached_by_pattern(self.encoded.predict_present, MOST_EXACT)


def open_subject(run: Run, settings: Settings) -> Subject:
    """Load model and data and encode the sample. Raises UserError for a run without multimodal predictions.

    The data are those of the run without `missing_data=`, so that curves start from complete examples. The fitted state
    of the data (`DataModule.take_over`) is that of the run.
    """
    if run.config["fusion"] is None or run.config.get("decoder") is not None:
        raise UserError(
            f"{run.directory}: analyze needs a run with a fusion that predicts a class or a number; give another run"
        )
    configure_torch(run.config)
    model = run.model()
    trained = run.data_for_prediction()
    data = build_data({**run.config, "missing_data": None}, trained)
    if len(data.classes) > len(trained.classes):
        raise UserError(f"{run.directory}: {data.notes()[0]}; analyze needs data of the run's own classes")
    split, arrays = sample(data.splits[settings.split].select(model.names), settings.examples, settings.seed)
    train = np.asarray(data.splits["train"].labels)
    run.restored(data)
    measure = data.spec.learning.measure(np.asarray(split.labels), train)
    encoded = EncodedModel(model, split, arrays, batch_size=settings.batch_size)
    return Subject(run, data, encoded, measure, settings)


def sample(split: Split, size: int, seed: int) -> tuple[Split, dict[str, RawArray]]:
    """Draw `size` examples without replacement, in their order, with their arrays; all for 0 or if there are fewer."""
    rows = np.arange(len(split))
    if 0 < size < len(split):
        rng = np.random.Generator(np.random.PCG64([seed, 1]))
        rows = np.sort(rng.choice(len(split), size, replace=False))
    arrays = {}
    for name, array in split.arrays.items():
        assert isinstance(array, RawArray), "data modules hold raw arrays"
        source = split.source_rows[name][rows] if name in split.source_rows else rows
        arrays[name] = RawArray(*(np.asarray(part[source]) for part in (array.x, array.length, array.present)))
    drawn = Split(
        arrays,
        np.asarray(split.labels)[rows],
        [split.ids[row] for row in rows.tolist()],
        {name: values[rows] for name, values in split.groups.items()},
        {name: [texts[row] for row in rows.tolist()] for name, texts in split.texts.items()},
    )
    return drawn, arrays
