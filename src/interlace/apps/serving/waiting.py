"""Waiting for a worker on behalf of a client that may leave, with the limits in seconds."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from typing import Any

from starlette.types import Receive

from interlace.apps.serving.bodies import ClientGone
from interlace.apps.serving.limits import ServingLimits
from interlace.apps.serving.refusals import Refusal, busy
from interlace.apps.serving.workers import STARTED, Job, Worker


class Waiter:
    """A job of a worker and the connection of its client."""

    def __init__(self, job: Job, limits: ServingLimits, gone: "asyncio.Task[None]", seconds: float) -> None:
        self.job, self.limits, self._gone, self._seconds = job, limits, gone, seconds
        self._started = False

    async def next(self) -> Any:
        """Return the next piece or the result. Raises what the worker told as an error, Refusal and ClientGone."""
        if not self._started:
            event = await self._event(self.limits.wait_seconds)
            if event is None:
                raise busy(f"the model was busy for {self.limits.wait_seconds} s; try again", "timeout")
            if isinstance(event, Exception):
                raise event
            assert event is STARTED
            self._started = True
        event = await self._event(self._seconds)
        if event is None:
            raise Refusal(504, f"the answer took more than {self._seconds} s; ask for less at one time", "timeout")
        if isinstance(event, Exception):
            raise event
        return event

    async def _event(self, seconds: float) -> Any | None:
        """Return the next event, or None after some seconds. Raises ClientGone."""
        taken = asyncio.ensure_future(self.job.events.get())
        try:
            done, _ = await asyncio.wait({taken, self._gone}, timeout=seconds, return_when=asyncio.FIRST_COMPLETED)
            if taken in done:
                return taken.result()
            if self._gone in done:
                raise ClientGone
            return None
        finally:
            taken.cancel()


@contextlib.asynccontextmanager
async def submitted(worker: Worker, job: Job, receive: Receive, seconds: float | None = None) -> AsyncIterator[Waiter]:
    """Submit a job; it is cancelled on leaving, so that nobody works for a client that is gone or was refused."""
    gone = asyncio.ensure_future(disconnected(receive))
    try:
        worker.submit(job)
        yield Waiter(job, worker.limits, gone, seconds or worker.limits.answer_seconds)
    finally:
        job.cancelled.set()
        gone.cancel()


async def disconnected(receive: Receive) -> None:
    """Wait until the client closes the connection."""
    while (await receive())["type"] != "http.disconnect":
        pass
