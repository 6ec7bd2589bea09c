"""Predictions for the lines of a file: read ahead of the model, in bounded memory, resumed after an interruption."""

import hashlib
import json
import marshal
import time
from bisect import bisect
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextvars import copy_context
from math import prod
from pathlib import Path
from typing import Any, Literal, NamedTuple

import numpy as np

from interlace.assembly.prepared import Prepared
from interlace.data.encoding import DTYPES
from interlace.data.manifest.lines import read_lines
from interlace.data.manifest.rows import Lines
from interlace.data.problems import Problem, error_for
from interlace.inputs.checksums import recorded_checksums
from interlace.runs import SKIPPING, Run
from interlace.tracking.partial import PartialLines

CHUNK_BYTES = 2**25  # of the arrays of a chunk
MOST_LINES = 256  # of a chunk; of the first nothing is read ahead

Record = dict[str, Any]
OnError = Literal["raise", "skip"]
OnLong = Literal["error", "truncate"] | None
Tell = Callable[[str], None]


class Predicted(NamedTuple):
    """Numbers of lines of a file of predictions: all, with an error, of truncated texts, kept of an earlier call."""

    lines: int
    errors: int
    truncated: int
    resumed: int


def predict_file(
    run: Run,
    source: Path,
    output: Path,
    batch_size: int = 64,
    *,
    on_error: OnError = "raise",
    on_long: OnLong = None,
    tell: Tell = lambda sentence: None,
) -> Predicted:
    """Write the prediction for each line of `source` (see `Run.predict`) as a line of JSON, in the same order.

    Lines are read by a thread of their own in chunks of some batches, while the model works on the chunk before; memory
    holds two chunks. `output` appears when it is whole. A process that is killed leaves its lines beside it, and the
    same call goes on after the last whole chunk, with the same bytes as without the interruption, where the lines of
    `source`, the run and the options are the same; files that the lines name are taken to be. `tell` is called with the
    progress. Raises UserError that names all lines that cannot be read, with `on_error` "raise".
    """
    lines, bad = read_lines(source)
    if bad and on_error == "raise":
        raise error_for(str(source), bad, SKIPPING)
    size = chunk_size(run, batch_size)
    identity = {
        "lines": _digest(lines, bad),
        "run": dict(recorded_checksums(run.directory) or {}),
        "options": [batch_size, size, on_error, on_long],
    }
    with PartialLines.opened(output, identity) as partial:
        job = _Job(lines, sorted(bad), size)
        resumed = job.resume(partial)
        if resumed:
            tell(f"{resumed:,} lines were predicted before; going on after them")
        started, problems = time.monotonic(), list[Problem]()
        for chunk, prepared in job.prepared(lambda records: run.prepare(records, source.resolve().parent, on_long)):
            if on_error == "raise":
                problems += [each._replace(line=job.number(chunk, each.line)) for each in prepared.problems]
            if not problems:  # else the rest is read alone, as all that is wrong is told at once
                job.write(partial, chunk, run.answer(prepared, batch_size))
                rate = (job.counts.lines - resumed) / max(1e-9, time.monotonic() - started)
                tell(f"predicted {job.counts.lines:,} of {job.total:,} lines ({rate:,.0f} a second)")
        if problems:
            partial.discard()
            raise error_for("the examples to predict", sorted(problems), SKIPPING)
        partial.finish()
    return job.counts._replace(resumed=resumed)


class _Job:
    """The lines of a file in chunks: lines with a record, and bad ones between them, whose answer is an error."""

    def __init__(self, lines: Lines, bad: Sequence[Problem], size: int) -> None:
        self.lines, self.bad, self.size = lines, bad, size
        self.total = len(lines) + len(bad)
        self.counts = Predicted(0, 0, 0, 0)
        self._chunks = max(1, -(-len(lines) // size))
        self._start = 0

    def resume(self, partial: PartialLines) -> int:
        """Keep the lines of the whole chunks that were written, and return their number."""
        kinds = [_kind(line) for line in partial.whole_lines()]
        while self._start < self._chunks and self._before(self._start + 1) <= len(kinds):
            self._start += 1
        kept = self._before(self._start)
        partial.keep(kept)
        self._count(kinds[:kept])
        return kept

    def prepared(self, prepare: Callable[[list[Record]], Prepared]) -> Iterator[tuple[int, Prepared]]:
        """Yield the chunks that are left with their records, of which one is read while another is used."""
        with ThreadPoolExecutor(1, thread_name_prefix="predict") as pool:
            waiting: Future[Prepared] | None = None
            for chunk in range(self._start, self._chunks):
                read = waiting or pool.submit(copy_context().run, prepare, self._records(chunk))
                prepared = read.result()
                waiting = None
                if chunk + 1 < self._chunks:
                    waiting = pool.submit(copy_context().run, prepare, self._records(chunk + 1))
                yield chunk, prepared

    def write(self, partial: PartialLines, chunk: int, answers: Sequence[Record]) -> None:
        """Append the answers to a chunk, with the errors of the bad lines among them."""
        numbered = {self.number(chunk, row): answer for row, answer in enumerate(answers, 1)}
        for each in self.bad[self._bad_before(chunk) : self._bad_before(chunk + 1)]:
            numbered[each.line] = {"id": str(each.line), "error": f"{each.reason}: {each.detail}"}
        rows = [numbered[number] for number in sorted(numbered)]
        partial.write(json.dumps(row, ensure_ascii=False) for row in rows)
        self._count([("error" in row, "truncated" in row) for row in rows])

    def number(self, chunk: int, row: int) -> int:
        """Return the number in the file of the line that is number `row`, from 1, of a chunk."""
        return self.lines[chunk * self.size + row - 1].number

    def _records(self, chunk: int) -> list[Record]:
        """Return the records of a chunk; one without an id gets its line number, in which blank and bad lines count."""
        part = self.lines[chunk * self.size : (chunk + 1) * self.size]
        records = [(line.number, line.record) for line in part]
        return [{**record, "id": number} if record.get("id") is None else record for number, record in records]

    def _before(self, chunk: int) -> int:
        """Return the number of lines of the output before a chunk."""
        return min(chunk * self.size, len(self.lines)) + self._bad_before(chunk)

    def _bad_before(self, chunk: int) -> int:
        first = chunk * self.size
        if not first:
            return 0
        return bisect(self.bad, (self.lines[first].number,)) if first < len(self.lines) else len(self.bad)

    def _count(self, kinds: Sequence[tuple[bool, bool]]) -> None:
        errors, truncated = (sum(each[place] for each in kinds) for place in (0, 1))
        known = self.counts
        self.counts = Predicted(known.lines + len(kinds), known.errors + errors, known.truncated + truncated, 0)


def _kind(line: bytes) -> tuple[bool, bool]:
    """Return whether a written line is an error, and whether it is of a truncated text."""
    row = json.loads(line)
    return "error" in row, "truncated" in row


def chunk_size(run: Run, batch_size: int) -> int:
    """Return the lines that are read together: whole batches, within CHUNK_BYTES and MOST_LINES, one at least."""
    if not (run.classifies or run.writes):
        return batch_size
    specs = run.data_for_prediction().modalities.values()
    each = sum(prod(spec.shape) * np.dtype(DTYPES[spec.kind]).itemsize for spec in specs)
    return max(1, min(MOST_LINES, CHUNK_BYTES // max(1, each)) // batch_size) * batch_size


def _digest(lines: Lines, bad: Sequence[Problem]) -> str:
    """Return a SHA-256 over the records and their numbers."""
    digest = hashlib.sha256(repr(bad).encode())
    for line in lines:
        digest.update(marshal.dumps((line.number, line.record), 2))  # a version without references, which vary
    return digest.hexdigest()
