"""Connections of the server with the deadlines that uvicorn lacks, and a bound on their number."""

import asyncio
import json
import socket
from typing import Any

from uvicorn.protocols.http.h11_impl import H11Protocol

from interlace.apps.serving.limits import ServingLimits
from interlace.apps.serving.refusals import Refusal, busy

CLOSING_SECONDS = 1.0  # for a client to take the last bytes before its connection is cut


class Connection(H11Protocol):
    """One HTTP/1.1 connection.

    It is closed where the headers of a request are not complete `header_seconds` after its beginning (slowloris;
    uvicorn alone waits without end), and where a client takes nothing for `send_seconds`. Beyond the limit
    `connections` the one that has waited longest for headers is closed; if none waits, the new one.
    """

    limits: ServingLimits  # of a subclass

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._reading: asyncio.TimerHandle | None = None
        self._writing: asyncio.TimerHandle | None = None
        self._since = 0.0  # the time at which it began to wait for headers
        self._ended = False  # a last response was written
        self._begun = False  # bytes of a request have arrived whose headers are not complete

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Accept a client, or tell it that there are too many."""
        super().connection_made(transport)
        # asyncio does so only where the protocol of the listening socket was named; else each response waits 40 ms.
        transport.get_extra_info("socket").setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if len(self.connections) > self.limits.connections and not self._make_room():
            self._end(busy(f"more than {self.limits.connections} connections are open; try again", "connections"))
            return
        self._wait_for_headers()

    def data_received(self, data: bytes) -> None:
        """Take bytes, and stop the clock of the headers when they are complete."""
        if self._ended or self.transport.is_closing():
            return
        before = self.cycle
        self._begun = True
        super().data_received(data)
        if self.cycle is not before and not self.cycle.response_complete:
            self._stop_waiting()

    def on_response_complete(self) -> None:
        """Wait for the next request, whatever remains of the last one's body; uvicorn's clock stops at any byte."""
        self._begun = False
        self._wait_for_headers()
        before = self.cycle
        super().on_response_complete()
        if self.cycle is not before:  # a pipelined request
            self._stop_waiting()

    def pause_writing(self) -> None:
        """Start the clock of a client that does not take what is sent."""
        super().pause_writing()
        self._writing = self.loop.call_later(self.limits.send_seconds, self.transport.abort)

    def resume_writing(self) -> None:
        """Stop that clock."""
        super().resume_writing()
        if self._writing is not None:
            self._writing.cancel()

    def connection_lost(self, exc: Exception | None) -> None:
        """Stop all clocks."""
        self._stop_waiting()
        super().connection_lost(exc)

    def send_400_response(self, msg: str) -> None:
        """Answer bytes that are not HTTP."""
        self._end(Refusal(400, "not a request of HTTP/1.1, or its headers are too long", "no_http"))

    def _make_room(self) -> bool:
        """Cut the connection that has waited longest for the headers of a request; False if all are at work."""
        waiting = [each for each in self.connections if isinstance(each, Connection) and each._reading is not None]
        if waiting:
            oldest = min(waiting, key=lambda each: each._since)
            oldest._stop_waiting()  # it is gone for the next that needs room, before the loop tells it so
            oldest.transport.abort()
        return bool(waiting)

    def _wait_for_headers(self) -> None:
        self._stop_waiting()
        self._since = self.loop.time()
        self._reading = self.loop.call_later(self.limits.header_seconds, self._too_late)

    def _stop_waiting(self) -> None:
        if self._reading is not None:
            self._reading.cancel()
            self._reading = None

    def _too_late(self) -> None:
        if not self._begun or self.transport.is_closing():
            self.transport.abort()
            return
        seconds = self.limits.header_seconds
        self._end(Refusal(408, f"the headers of the request took more than {seconds} s; send them faster", "too_slow"))

    def _end(self, refusal: Refusal) -> None:
        """Write a whole response past h11, whose state may allow none, and close."""
        if self.cycle is None or self.cycle.response_complete:
            body = json.dumps(refusal.plain()).encode()
            head = f"HTTP/1.1 {refusal.status} \r\ncontent-type: application/json\r\ncontent-length: {len(body)}\r\n"
            extra = "".join(f"{name}: {value}\r\n" for name, value in refusal.headers.items())
            self.transport.write(f"{head}{extra}connection: close\r\n\r\n".encode() + body)
        self._ended = True
        self._stop_waiting()
        self.transport.write_eof()  # what the client still sends is received and dropped, so that it reads the response
        self.loop.call_later(CLOSING_SECONDS, self.transport.abort)


def connections_within(limits: ServingLimits) -> type[Connection]:
    """The class of connections of a server with its limits."""
    return type("LimitedConnection", (Connection,), {"limits": limits})
