"""One worker a model: a thread that answers the requests that wait for it, in batches."""

import asyncio
import logging
import threading
from collections import deque
from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass, field
from typing import Any

from interlace.apps.answers import Answer, Answerer, Question
from interlace.apps.serving.guard import place_of
from interlace.apps.serving.limits import ServingLimits
from interlace.apps.serving.metrics import Metrics
from interlace.apps.serving.refusals import FAULT, STOPPING, Refusal, busy
from interlace.errors import UserError

log = logging.getLogger("interlace.serving")


@dataclass(eq=False)
class Job:
    """A request to a worker: a question to answer, one to stream, or a `work` of its own, such as a document.

    `events` gets STARTED, then pieces of a stream (str), and last the result: an Answer, what `work` returns, END of a
    stream, or an exception to raise. `cancelled` may be set at any time: a job that waits is then dropped, a stream
    stops at its next piece.
    """

    question: Question | None = None
    explain: bool = False
    stream: bool = False
    work: Callable[["Job"], Any] | None = None
    cancelled: threading.Event = field(default_factory=threading.Event)

    def __post_init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self.events: asyncio.Queue[Any] = asyncio.Queue()

    def tell(self, event: Any) -> None:
        """Hand an event to the request, from the worker's thread."""
        if not self._loop.is_closed():
            self._loop.call_soon_threadsafe(self.events.put_nowait, event)

    @property
    def key(self) -> Hashable:
        """Jobs of equal keys are answered together; None: alone, as is what is drawn at random."""
        if self.question is None or self.stream or (self.question.options and self.question.options.sample):
            return None
        return (self.explain, self.question.options)


@dataclass(frozen=True)
class Sign:
    """An event without a value."""

    name: str


STARTED, END = Sign("started"), Sign("end")


class Worker:
    """The thread of one model, and its queue of at most `limits.waiting` jobs.

    It never waits for more jobs to fill a batch: it takes those that came while it answered the last.
    """

    def __init__(self, answerer: Answerer, limits: ServingLimits, metrics: Metrics) -> None:
        self.answerer, self.limits, self.metrics = answerer, limits, metrics
        self.name = answerer.description.name
        self._queue: deque[Job] = deque()
        self._changed = threading.Condition()
        self._stopping = False
        self._thread = threading.Thread(target=self._run, name=f"interlace {self.name}", daemon=True)

    def start(self) -> None:
        """Start the thread."""
        self._thread.start()

    @property
    def waiting(self) -> int:
        """The number of jobs that have not begun."""
        return len(self._queue)

    @property
    def alive(self) -> bool:
        """True while the thread runs."""
        return self._thread.is_alive()

    def submit(self, job: Job) -> None:
        """Queue a job. Raises Refusal where the queue is full (429) or the worker stops (503)."""
        with self._changed:
            if self._stopping:
                raise STOPPING
            if not self.alive:
                raise Refusal(503, f"{self.name} has failed; restart the server", "failed")
            if len(self._queue) >= self.limits.waiting:
                self._drop_cancelled()
            if len(self._queue) >= self.limits.waiting:
                raise busy(f"{len(self._queue)} requests wait for {self.name}; try again", "queue_full", 429)
            self._queue.append(job)
            self._changed.notify()

    def stop(self, seconds: float) -> None:
        """Refuse what waits, and wait for the job that runs."""
        with self._changed:
            self._stopping = True
            for job in self._queue:
                job.tell(STOPPING)
            self._queue.clear()
            self._changed.notify()
        if self._thread.is_alive():
            self._thread.join(seconds)

    def _run(self) -> None:
        while jobs := self._taken():
            for job in jobs:
                job.tell(STARTED)
            try:
                self._perform(jobs)
            except Exception as error:  # of a library: the model goes on with the next jobs
                log.error("fault of %s: %s", self.name, place_of(error))
                for job in jobs:
                    job.tell(FAULT)

    def _taken(self) -> list[Job]:
        """Wait for jobs; return the first and those that can be answered with it, or none at the end."""
        with self._changed:
            while True:
                self._drop_cancelled()
                if self._queue or self._stopping:
                    break
                self._changed.wait()
            if not self._queue:
                return []
            first = self._queue.popleft()
            jobs = [first]
            if first.key is not None:
                same = [job for job in self._queue if job.key == first.key][: self.limits.batch - 1]
                for job in same:
                    self._queue.remove(job)
                jobs += same
            return jobs

    def _drop_cancelled(self) -> None:
        kept = [job for job in self._queue if not job.cancelled.is_set()]
        for _ in range(len(self._queue) - len(kept)):
            self.metrics.dropped(self.name)
        self._queue.clear()
        self._queue.extend(kept)

    def _perform(self, jobs: Sequence[Job]) -> None:
        self.metrics.batched(self.name, len(jobs))
        first = jobs[0]
        if first.work is not None:
            self._tell_result(first, lambda: first.work(first))  # type: ignore[misc]
        elif first.stream:
            self._tell_result(first, lambda: self._stream(first))
        else:
            for job, result in zip(jobs, self._answers(jobs), strict=True):
                job.tell(_refused(result) if isinstance(result, UserError) else result)

    def _answers(self, jobs: Sequence[Job]) -> list[Answer | UserError | Refusal]:
        """Answer a batch; where it fails as a whole, each alone, so that no question spoils another's answer."""
        questions = [job.question for job in jobs if job.question is not None]
        try:
            return list(self.answerer.answer(questions, explain=jobs[0].explain))
        except Exception as error:
            log.error("fault of %s in a batch of %d: %s", self.name, len(jobs), place_of(error))
        found: list[Answer | UserError | Refusal] = []
        for question in questions if len(questions) > 1 else ():
            try:
                found += self.answerer.answer([question], explain=jobs[0].explain)
            except Exception:
                found.append(FAULT)
        return found or [FAULT]

    def _stream(self, job: Job) -> Sign:
        assert job.question is not None
        for piece in self.answerer.stream(job.question):
            if job.cancelled.is_set():
                break
            job.tell(piece)
        return END

    def _tell_result(self, job: Job, work: Callable[[], Any]) -> None:
        try:
            job.tell(work())
        except UserError as error:
            job.tell(_refused(error))
        except Refusal as refusal:
            job.tell(refusal)


def _refused(error: UserError) -> Refusal:
    return Refusal(400, str(error), "unanswerable")
