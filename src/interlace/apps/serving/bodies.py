"""Bodies of requests: JSON documents received whole, within bytes and seconds."""

import asyncio
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, TypeVar

from starlette.requests import Request
from starlette.types import Receive

from interlace.apps.serving.limits import ServingLimits
from interlace.apps.serving.refusals import Refusal, busy
from interlace.errors import UserError
from interlace.reading.documents import parse_json
from interlace.reading.limits import TooLarge, format_limit

T = TypeVar("T")
PARSED_TOGETHER = 2  # bodies: each takes several times its bytes for that moment
MOST_VALUES = 300_000  # brackets and commas of a body, as each empty list takes 64 bytes


class ClientGone(Exception):
    """The client closed its connection before the response was complete."""


class Bodies:
    """The bytes of all bodies that are held at one time, within the limit all_bodies_bytes."""

    def __init__(self, limits: ServingLimits) -> None:
        self.limits = limits
        self.held = 0
        self._parsing = asyncio.Semaphore(PARSED_TOGETHER)

    @contextmanager
    def room_for(self, request: Request) -> Iterator[None]:
        """Reserve what a request states as its length, or the most that one may have. Raises Refusal."""
        most = self.limits.body_bytes
        stated = None if "transfer-encoding" in request.headers else request.headers.get("content-length")
        size = most if stated is None else int(stated)  # h11 lets numbers of at most 20 digits pass
        if size > most:
            raise Refusal(413, f"the body has {size} bytes, more than {told(most)} (--limits body_bytes)", "too_large")
        if self.held + size > self.limits.all_bodies_bytes:
            raise busy("the server holds as many bytes of requests as it may; try again", "memory")
        self.held += size
        try:
            yield
        finally:
            self.held -= size

    async def read(self, request: Request) -> bytes:
        """Return the whole body. Raises Refusal beyond the limits body_bytes and body_seconds, and ClientGone."""
        seconds = self.limits.body_seconds
        try:
            async with asyncio.timeout(seconds):
                return await self._received(request.receive)
        except TimeoutError:
            raise Refusal(408, f"the body took more than {seconds} s (--limits body_seconds)", "too_slow") from None

    async def understood(self, body: bytes, read: Callable[[dict[str, Any]], T]) -> T:
        """Return what `read` makes of a body's JSON, in a thread. Raises Refusal."""
        async with self._parsing:
            return await asyncio.to_thread(lambda: read(parsed(body)))

    async def _received(self, receive: Receive) -> bytes:
        most, content = self.limits.body_bytes, bytearray()
        while True:
            message = await receive()
            if message["type"] == "http.disconnect":
                raise ClientGone
            content += message.get("body", b"")
            if len(content) > most:
                raise Refusal(413, f"the body has more than {told(most)} (--limits body_bytes)", "too_large")
            if not message.get("more_body", False):
                return bytes(content)


def parsed(body: bytes) -> dict[str, Any]:
    """Return the JSON object of a body. Raises Refusal."""
    if sum(map(body.count, (b"[", b"{", b","))) > MOST_VALUES:
        raise Refusal(413, f"the body: its JSON has more than {MOST_VALUES} values or commas", "too_many_values")
    try:
        document = parse_json(body.decode("utf-8"), "the body")
    except TooLarge:
        raise Refusal(400, "the body: its JSON nests too deeply", "json_depth") from None
    except (ValueError, UserError):
        raise Refusal(400, "the body is not JSON in UTF-8", "no_json") from None
    if not isinstance(document, dict):
        raise Refusal(400, 'the body is JSON, but no object; expected {"model": ..., ...}', "no_object")
    return document


def told(size: int) -> str:
    """A number of bytes in a larger unit."""
    return f"{format_limit('_bytes', size)}B"
