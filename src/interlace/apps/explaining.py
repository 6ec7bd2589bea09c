"""Contributions and highlights of single questions to a run with a fusion."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from interlace.analysis.contribution import modality_values, token_values
from interlace.analysis.encoded import EncodedModel
from interlace.analysis.examples import attention_of, words_of
from interlace.apps.answers import Highlight
from interlace.data.arrays import RawArray
from interlace.data.datamodule import DataModule
from interlace.report.example_maps import grid_shape
from interlace.runs import Run
from interlace.tasks.learning import TaskLearning

BATCH = 256
MOST_MODALITIES = 10  # of a question, as the exact Shapley values of M take 2^M predictions
PERMUTATIONS = 5  # orders of the tokens, each also reversed, where a strategy has no attention
ATTENTION = "attention rollout (Abnar and Zuidema 2020)"
SHAPLEY = "Shapley values of the tokens for the probability of the answer, from sampled orders"


class Explanation(NamedTuple):
    """Contribution by modality, highlight by modality, and the method of the highlights."""

    contributions: dict[str, float]
    highlights: dict[str, Highlight]
    method: str


def can_explain(run: Run, data: DataModule) -> bool:
    """True for a run with a fusion whose answer is one for the whole example."""
    if run.config["fusion"] is None or run.writes or len(data.modalities) > MOST_MODALITIES:
        return False
    return type(data.spec.learning).answered_share is not TaskLearning.answered_share


def explain(run: Run, data: DataModule, records: Sequence[Mapping[str, Any]], folder: Path) -> list[Explanation | None]:
    """Return the explanation of each record of `Run.predict`; None for one that cannot be read.

    A contribution is the exact Shapley value of a modality for the probability of the answer (for a number: its value),
    an absent modality being missing: they add up to that probability minus the one without any modality.
    """
    model = run.kept_model
    encoded = data.encode_readable([dict(record) for record in records], folder)
    found: list[Explanation | None] = [None] * len(records)
    if not encoded.rows:
        return found
    split = encoded.split.select(model.names)
    arrays = {name: array for name, array in split.arrays.items() if isinstance(array, RawArray)}
    examples = EncodedModel(model, split, arrays, batch_size=BATCH)
    attention, _ = attention_of(examples, np.arange(len(split)))
    for row, place in enumerate(encoded.rows):
        shares = modality_values(examples, data.spec.learning, row)
        if attention is None:
            weights = token_values(examples, data.spec.learning, row, permutations=PERMUTATIONS, seed=0)
        else:
            weights = {name: each[row][examples.tokens[name].mask[row].numpy()] for name, each in attention.items()}
        highlights = {name: _highlight(examples, data, name, row, weights[name]) for name in shares}
        found[place] = Explanation(shares, highlights, SHAPLEY if attention is None else ATTENTION)
    return found


def _highlight(examples: EncodedModel, data: DataModule, name: str, row: int, weights: np.ndarray) -> Highlight:
    kind = data.modalities[name].kind
    if kind == "video":
        weights = _by_frame(examples, name, row, weights)
    words = words_of(examples, data, name, row) if kind == "text" else None
    shape: tuple[int, ...] = (len(weights),)
    if kind == "image" and len(weights):
        height, width = examples.arrays[name].x.shape[2:]
        shape = grid_shape(len(weights), height, width)
    return Highlight(kind, shape, tuple(round(float(each), 6) for each in weights), tuple(words or ()))


def _by_frame(examples: EncodedModel, name: str, row: int, weights: np.ndarray) -> np.ndarray:
    """Return the sums of weights over the tokens of each frame, of an encoder with several tokens a frame."""
    encoder = examples.model.encoder_of(name)
    frames = min(int(examples.arrays[name].length[row]), getattr(encoder, "num_frames", len(weights)))
    if not frames or len(weights) % frames:
        return weights
    summed: np.ndarray = weights.reshape(frames, -1).sum(1)
    return summed
