"""Comparison of an exported program with the run's own model over the test split, and their speeds."""

import statistics
import time
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor

from interlace.data.split import Split
from interlace.errors import UserError
from interlace.export.about import ProgramInput
from interlace.export.program import Program, tensors_of
from interlace.export.tracing import Apply
from interlace.tokens import RawBatch

SIZE = 64
SINGLE = 8  # examples that are also computed alone
HIDDEN = 256  # examples that are also computed without each modality in turn
SECONDS = 1.0  # for which each side is timed at each size, at most
REPEATS = 30


def compare(program: Program, inputs: Sequence[ProgramInput], apply: Apply, split: Split) -> dict[str, Any]:
    """Return the largest differences of an exported program from the model over a split.

    Batches of 64 over the whole split; the first examples also alone, and without each modality in turn. Tokens are
    compared where they are real.
    """
    largest = dict.fromkeys(program.outputs, 0.0)
    classes = program.has_classes and program.encoder is None
    scale, equal, counted = 0.0, 0, 0
    for raw in _batches(split, program):
        tensors = tensors_of(inputs, raw)
        with torch.inference_mode():
            expected = program(*tensors_of(program.inputs, raw))
        found = apply(tensors)
        if program.encoder is not None:
            expected, found = _real_tokens(expected, found)
        for name, ours, theirs in zip(program.outputs, expected, found, strict=True):
            largest[name] = max(largest[name], _difference(ours, theirs))
        scale = max(scale, float(expected[0].abs().max()))
        counted += len(expected[0])
        if classes:
            equal += int((expected[0].argmax(-1) == found[0].argmax(-1)).sum())
    named = {f"largest_difference_of_{name}": value for name, value in largest.items()}
    share = {"share_of_equal_classes": equal / max(1, counted)} if classes else {}
    return {"test_examples": len(split), "comparisons": counted, **named, **share, "largest_output": scale}


def check(found: Mapping[str, Any], tolerance: float) -> None:
    """Raise UserError if an output differs by more than `tolerance`, relative to outputs above 1."""
    bound = tolerance * max(1.0, found["largest_output"])
    for name, value in found.items():
        if name.startswith("largest_difference") and not value <= bound:
            raise UserError(
                f"the export differs from the run: {name.replace('_', ' ')} is {value:.3g} over the test split, more "
                f"than {bound:.3g}; nothing was written (--tolerance allows more)"
            )


def speeds(program: Program, inputs: Sequence[ProgramInput], apply: Apply, split: Split) -> dict[str, Any]:
    """Return the median milliseconds of a batch of 1 and of 64 test examples, of the model and of the program: with one
    thread of processor time, which other processes do not change, else of wall time."""
    found: dict[str, Any] = {}
    for size in (1, SIZE):
        rows = np.arange(size) % len(split)
        raw = _chosen(split.batch(rows)["inputs"], program)
        ours, theirs = tensors_of(program.inputs, raw), tensors_of(inputs, raw)

        def eager(tensors: list[Tensor] = ours) -> None:
            with torch.inference_mode():
                program(*tensors)

        def exported(tensors: list[Tensor] = theirs) -> None:
            apply(tensors)

        found[f"eager_ms_batch_{size}"] = _milliseconds(eager)
        found[f"export_ms_batch_{size}"] = _milliseconds(exported)
    return {**found, "threads": torch.get_num_threads()}


def _clock() -> float:
    return time.process_time() if torch.get_num_threads() == 1 else time.perf_counter()


def _milliseconds(work: Any) -> float:
    work()
    times: list[float] = []
    ends = time.perf_counter() + SECONDS
    while len(times) < REPEATS and (len(times) < 3 or time.perf_counter() < ends):
        start = _clock()
        work()
        times.append(1000 * (_clock() - start))
    return round(statistics.median(times), 4)


def _batches(split: Split, program: Program) -> Iterator[dict[str, RawBatch]]:
    rows = np.arange(len(split))
    for start in range(0, len(rows), SIZE):
        yield _chosen(split.batch(rows[start : start + SIZE])["inputs"], program)
    for row in rows[:SINGLE]:
        yield _chosen(split.batch(rows[row : row + 1])["inputs"], program)
    names = list(dict.fromkeys(each.modality for each in program.inputs))
    for name in names if len(names) > 1 else []:
        for start in range(0, min(len(rows), HIDDEN), SIZE):
            chosen = _chosen(split.batch(rows[start : min(start + SIZE, HIDDEN)])["inputs"], program)
            yield {**chosen, name: _missing(chosen[name])}


def _chosen(raw: Mapping[str, Any], program: Program) -> dict[str, RawBatch]:
    names = {each.modality for each in program.inputs}
    return {name: batch for name, batch in raw.items() if name in names}


def _missing(batch: RawBatch) -> RawBatch:
    x, length, present = (torch.zeros_like(part) for part in (batch.x, batch.length, batch.present))
    return RawBatch(x, length, present)


def _difference(ours: Tensor, theirs: Tensor) -> float:
    if ours.shape != theirs.shape:
        return float("inf")
    if ours.dtype == torch.bool:
        return float((ours != theirs).any())
    return float((ours.double() - theirs.double()).abs().max()) if ours.numel() else 0.0


def _real_tokens(expected: Sequence[Tensor], found: Sequence[Tensor]) -> tuple[list[Tensor], list[Tensor]]:
    """Return the tokens (B, N, D) of both sides, zero where they are padding, and their masks, of the shorter N."""
    length = min(expected[0].shape[1], found[0].shape[1])
    beyond = [bool(mask[:, length:].any()) for _, mask in (expected, found)]
    if any(beyond):
        length = -1  # one side has real tokens that the other lacks: shapes differ
    sides = []
    for x, mask in (expected, found):
        kept = length if length >= 0 else x.shape[1]
        x, mask = x[:, :kept], mask[:, :kept]
        sides.append([torch.where(mask.unsqueeze(-1), x, 0.0), mask])
    return sides[0], sides[1]
