"""Conformal calibration of a run on its validation data, for each pattern of missing modalities, and its file."""

import contextlib
import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from pathlib import Path
from typing import Any, Literal

import numpy as np
import torch

from interlace.analysis.encoded import EncodedModel
from interlace.analysis.reading import results_hash
from interlace.analysis.shapley import MOST_EXACT
from interlace.analysis.subject import sample
from interlace.assembly import build_data
from interlace.assembly.classical import is_classical
from interlace.data.arrays import RawArray
from interlace.data.datamodule import DataModule
from interlace.data.split import Split
from interlace.data.task_spec import TaskSpec
from interlace.errors import UserError
from interlace.inputs.checksums import recorded_checksums
from interlace.runs import Run
from interlace.statistics.conformal import class_scores, least_examples, number_scores, threshold
from interlace.tracking.computing import configure_torch
from interlace.tracking.files import read_json, write_json

FILE = "calibration.json"
FORMAT = 1
MOST_EXAMPLES = 1000  # of validation; the coverage then varies by about 1 point between draws of them
BATCH = 256
Pattern = tuple[str, ...]
AnswerKind = Literal["classes", "numbers"]


@dataclass(frozen=True)
class Calibration:
    """Sorted nonconformity scores (n,) of validation examples for each pattern, the modalities that are present.

    An example counts for every pattern whose modalities it has; the others are hidden from the model. That is the
    distribution of questions with this pattern where modalities are missing for reasons unrelated to their content.
    """

    kind: AnswerKind
    modalities: tuple[str, ...]
    scores: Mapping[Pattern, np.ndarray]

    def threshold(self, present: Sequence[str], coverage: float) -> float | str:
        """Return the threshold of a pattern, or the reason why validation does not give one."""
        pattern = tuple(name for name in self.modalities if name in present)
        scores = self.scores.get(pattern)
        given = " + ".join(pattern) or "nothing"
        if scores is None:
            return (
                f"not calibrated for questions with {given} alone: of {len(self.modalities)} modalities only all, all "
                "but one and single ones are"
            )
        if len(scores) < least_examples(coverage):
            return (
                f"validation has {len(scores)} examples with {given}; coverage {coverage:g} needs at least "
                f"{least_examples(coverage)}"
            )
        return threshold(scores, coverage)

    def plain(self) -> dict[str, Any]:
        """Return the calibration in types of JSON."""
        return {
            "kind": self.kind,
            "modalities": list(self.modalities),
            "scores": {"+".join(pattern): values.tolist() for pattern, values in self.scores.items()},
        }


def answer_kind(spec: TaskSpec) -> AnswerKind | None:
    """Return "classes" or "numbers" for tasks whose answers have conformal sets; None for others."""
    return spec.fitted_as if spec.fitted_as in ("classes", "numbers") else None


def calibrate(run: Run) -> Calibration:
    """Return the calibration of a finished run, from its file or computed and written there.

    Raises UserError for a run whose answers are neither one class nor a number, and where its data cannot be read.
    """
    bound = _seal(run)
    if (known := _read(run.directory / FILE, bound)) is not None:
        return known
    found = compute(run)
    with contextlib.suppress(OSError):  # in a folder that cannot be written it is computed at the next opening too
        write_json(run.directory / FILE, {**bound, **found.plain()})
    return found


def copy_calibration(run: Run, folder: Path) -> None:
    """Write the calibration of a run, if it has one, into a folder with an export of the same model."""
    known = _read(run.directory / FILE, _seal(run))
    if known is not None:
        write_json(folder / FILE, {**_seal(Run(folder)), **known.plain()})


def compute(run: Run) -> Calibration:
    """Return the calibration of a run on at most `MOST_EXAMPLES` validation examples."""
    trained = run.data_for_prediction()
    kind = answer_kind(trained.spec)
    if kind is None or not run.classifies:
        raise UserError(f"{run.directory}: conformal sets are for answers of one class or one number; leave --coverage")
    configure_torch(run.config)
    data = build_data({**run.config, "missing_data": None}, trained)
    if data.fingerprint != trained.fingerprint:
        raise UserError(f"{run.directory}: its data have changed since it was trained; train it again to calibrate it")
    run.restored(data)
    split, arrays = sample(data.splits["val"], MOST_EXAMPLES, 0)
    predict, names = predictor(run, data, split, arrays)
    return Calibration(kind, names, pattern_scores(kind, predict, split, names))


def predictor(
    run: Run, data: DataModule, split: Split, arrays: Mapping[str, RawArray]
) -> tuple[Callable[[np.ndarray], np.ndarray], tuple[str, ...]]:
    """Return a function from presence (n, M) to answers (n, C) or (n,) after `TaskLearning.activate`, and the M names.

    A model with a fusion encodes the examples once.
    """
    if is_classical(run.config):
        names = tuple(split.arrays)

        def hidden(present: np.ndarray) -> np.ndarray:
            return run.predict_split(_hide(split, dict(zip(names, present.T, strict=True))), data.spec, BATCH)

        return hidden, names
    model = run.kept_model
    chosen = split.select(model.names)
    encoded = EncodedModel(model, chosen, {name: arrays[name] for name in model.names}, batch_size=BATCH)
    return lambda present: activated(data.spec, encoded.predict_present(present)), encoded.names


def activated(spec: TaskSpec, outputs: np.ndarray) -> np.ndarray:
    """Return answers of `TaskLearning.activate` from outputs of the model."""
    found: np.ndarray = spec.learning.activate(torch.from_numpy(outputs)).numpy()
    return found


def pattern_scores(
    kind: AnswerKind, predict: Callable[[np.ndarray], np.ndarray], split: Split, names: Sequence[str]
) -> dict[Pattern, np.ndarray]:
    """Return the sorted scores of the examples of each pattern of `patterns`, (0,) for one that no example has."""
    presence = dict(zip(split.arrays, split.presence().T, strict=True))
    labels, found = np.asarray(split.labels), {}
    for pattern in patterns(names):
        rows = np.logical_and.reduce([presence[name] for name in pattern])
        present = np.tile([name in pattern for name in names], (len(split), 1))
        score = class_scores if kind == "classes" else number_scores
        found[pattern] = np.sort(score(predict(present)[rows], labels[rows])) if rows.any() else np.zeros(0)
    return found


def patterns(names: Sequence[str]) -> list[Pattern]:
    """Return the patterns that are calibrated, the complete one first: all, for more than four modalities those with
    all, with one missing and with one alone."""
    count = len(names)
    sizes = range(count, 0, -1) if count <= MOST_EXACT else sorted({count, count - 1, 1}, reverse=True)
    return [pattern for size in sizes for pattern in combinations(names, size)]


def _hide(split: Split, present: Mapping[str, np.ndarray]) -> Split:
    """Return a split without the modalities of examples that are not present."""
    hidden = {}
    for name, array in split.arrays.items():
        assert isinstance(array, RawArray), "sampled splits hold raw arrays"
        kept = array.present & present[name]
        hidden[name] = RawArray(array.x, np.where(kept, array.length, 0), kept)
    return Split(hidden, split.labels, split.ids, split.groups, split.texts)


def _seal(run: Run) -> dict[str, Any]:
    """Return what a calibration belongs to: the results and the weights of a run."""
    weights = sorted((recorded_checksums(run.directory) or {}).items())
    kept = repr([pair for pair in weights if pair[0].startswith("checkpoints/") or pair[0] == "data_state.json"])
    return {
        "format": FORMAT,
        "examples": MOST_EXAMPLES,
        "results": results_hash(run.directory),
        "weights": hashlib.sha256(kept.encode()).hexdigest(),
    }


def _read(path: Path, bound: Mapping[str, Any]) -> Calibration | None:
    """Return the calibration in a file; None if there is none, or it belongs to other results or weights."""
    if not path.is_file():
        return None
    try:
        content: Any = read_json(path)
        if any(content[name] != value for name, value in bound.items()):
            return None
        names = tuple(map(str, content["modalities"]))
        scores = {
            pattern: np.asarray(content["scores"]["+".join(pattern)], dtype=np.float64) for pattern in patterns(names)
        }
        kind: AnswerKind = content["kind"]
        if kind not in ("classes", "numbers") or any(each.ndim != 1 for each in scores.values()):
            raise ValueError
        return Calibration(kind, names, scores)
    except (OSError, ValueError, KeyError, TypeError):
        raise UserError(f"{path}: not a calibration; delete it, and it is computed again") from None
