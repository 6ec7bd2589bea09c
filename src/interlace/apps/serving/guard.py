"""Checks of every request before it is answered, headers of every response, and one line of the log for each."""

import asyncio
import contextlib
import hmac
import ipaddress
import logging
import re
import time
import traceback
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

from starlette.datastructures import Headers, MutableHeaders
from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from interlace.apps.serving.bodies import ClientGone
from interlace.apps.serving.metrics import Metrics
from interlace.apps.serving.refusals import FAULT, JSON_TYPE, STOPPING, Refusal

log = logging.getLogger("interlace.serving")
LOOPBACK = ("127.0.0.1", "localhost", "::1")
HOST = re.compile(r"(?:\[([0-9A-Fa-f:.]{2,45})\]|([A-Za-z0-9._-]{1,253}))(?::\d{1,5})?")
OPEN = ("/", "/health", "/favicon.ico")  # without a token; the page asks for it
STATIC = "/static/"
SAFE = ("GET", "HEAD")
LINGER_SECONDS = 2.0  # in which the rest of a refused body is received, so that its client reads the refusal
TOO_SLOW = 408
GONE = 499  # status in the log of a request whose client left, as nginx has it
HEADERS = {
    # Of the page: only files of this server, no frames. Pictures and sounds that a person chose are blobs.
    "content-security-policy": "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; "
    "img-src 'self' data: blob:; media-src 'self' data: blob:; font-src 'self'; base-uri 'none'; form-action 'none'; "
    "frame-ancestors 'none'",
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
    "referrer-policy": "no-referrer",
    "cross-origin-resource-policy": "same-origin",
    "cross-origin-opener-policy": "same-origin",
    "permissions-policy": "microphone=(self), camera=(self), geolocation=()",
    "cache-control": "no-store",
}


@dataclass(frozen=True)
class Access:
    """Clients that may ask: host names by which they may call the server, and the token that they need."""

    hosts: frozenset[str] = frozenset(LOOPBACK)
    token: str | None = None
    any_address: bool = False  # any IP address is a right name too: no page can bind one of its own to it

    def check(self, method: str, path: str, headers: Headers) -> None:
        """Raise Refusal for a request that a page of another site may have sent, or without the token.

        A page in a browser of this machine reaches a server on loopback; by a name of its own that it lets point here
        (DNS rebinding) even as its own origin. The names in Host and Origin, which no page can choose, tell.
        """
        if not self._is_ours(headers.get("host", "")):
            raise Refusal(
                421, "Host: not a name of this server; call it by its address, or allow the name with --allowed-host",
                "wrong_host",
            )  # fmt: skip
        origin = headers.get("origin")
        own = (f"http://{headers['host']}", f"https://{headers['host']}")
        site = headers.get("sec-fetch-site", "same-origin")
        opened = method in SAFE and headers.get("sec-fetch-mode") == "navigate"  # a link to the page
        if (origin is not None and origin.lower() not in map(str.lower, own)) or (
            site not in ("same-origin", "none") and not opened
        ):
            raise Refusal(403, "Origin: pages of other sites may not ask this server", "wrong_origin")
        if self.token is not None and path not in OPEN and not path.startswith(STATIC):
            given = headers.get("authorization", "")
            if not hmac.compare_digest(given.encode(), f"Bearer {self.token}".encode()):
                raise Refusal(
                    401, "Authorization: expected Bearer and the token of this server", "wrong_token",
                    {"WWW-Authenticate": "Bearer"},
                )  # fmt: skip
        if method not in SAFE:
            check_content(headers)

    def _is_ours(self, host: str) -> bool:
        found = HOST.fullmatch(host)
        if found is None:
            return False
        name = (found[1] or found[2]).lower()
        if name in self.hosts:
            return True
        with contextlib.suppress(ValueError):
            ipaddress.ip_address(name)
            return self.any_address
        return False


def check_content(headers: Headers) -> None:
    """Raise Refusal unless a body is JSON: a form of another site's page cannot send it without asking first."""
    kind, _, parameters = headers.get("content-type", "").partition(";")
    if kind.strip().lower() != JSON_TYPE or parameters.strip().lower() not in ("", "charset=utf-8"):
        raise Refusal(415, f"Content-Type: expected {JSON_TYPE}", "no_json")
    if "content-encoding" in headers:
        raise Refusal(415, "Content-Encoding: expected a body that is not compressed", "compressed")


class Guard:
    """Every request of an application: checked, refused in JSON, answered with the headers of safety, and logged.

    The line of the log has neither texts nor media: method, path, status, seconds and bytes.
    """

    def __init__(self, app: ASGIApp, access: Access, metrics: Metrics, body_bytes: int) -> None:
        self.app, self.access, self.metrics, self.body_bytes = app, access, metrics, body_bytes

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        headers = Headers(scope=scope)
        exchange = Exchange(receive, send, has_body="content-length" in headers or "transfer-encoding" in headers)
        scope["app"] = self.app  # the router then raises HTTPException
        try:
            self.access.check(scope["method"], scope["path"], headers)
            await self.app(scope, exchange.receive, exchange.send)
        except Refusal as refusal:
            await exchange.refuse(refusal, 0 if refusal.status == TOO_SLOW else self.body_bytes)
        except HTTPException as error:  # a method that the route has not
            code = "method_not_allowed" if error.status_code == 405 else "http"
            await exchange.refuse(Refusal(error.status_code, error.detail, code, error.headers), self.body_bytes)
        except ClientGone:
            exchange.status = GONE
        except asyncio.CancelledError:  # the time for a graceful stop is over
            await exchange.refuse(STOPPING, 0)
        except Exception as error:
            log.error("fault: %s", place_of(error))
            await exchange.refuse(FAULT, self.body_bytes)
        finally:
            seconds = time.monotonic() - exchange.begun
            self.metrics.answered(route_of(scope["path"]), exchange.status, seconds)
            log.info(
                "%s %s %d %.3f s %d bytes in %d bytes out", scope["method"][:10], quote(scope["path"][:80]),
                exchange.status, seconds, exchange.taken, exchange.sent,
            )  # fmt: skip


class Exchange:
    """One request and its response, counted."""

    def __init__(self, receive: Receive, send: Send, *, has_body: bool) -> None:
        self._receive, self._send = receive, send
        self.begun = time.monotonic()
        self.status, self.taken, self.sent = GONE, 0, 0
        self.started, self.whole = False, not has_body

    async def receive(self) -> Message:
        """The next part of the request."""
        message = await self._receive()
        self.taken += len(message.get("body", b""))
        self.whole = self.whole or not message.get("more_body", False)
        return message

    async def send(self, message: Message) -> None:
        """Send a part of the response, its start with the headers of safety."""
        if message["type"] == "http.response.start":
            self.started, self.status = True, message["status"]
            headers = MutableHeaders(scope=message)
            for name, value in HEADERS.items():
                headers.setdefault(name, value)
        self.sent += len(message.get("body", b""))
        await self._send(message)

    async def refuse(self, refusal: Refusal, rest: int) -> None:
        """Send a refusal; receive up to `rest` more bytes of the request first, which else are lost with the refusal.

        A response that has begun is cut short, as its status is sent.
        """
        if self.started:
            raise ConnectionAbortedError(refusal.code)
        body = refusal.body()
        headers = {"content-type": JSON_TYPE, "content-length": str(len(body)), **refusal.headers}
        if not self.whole:
            headers["connection"] = "close"
        raw = [(name.lower().encode(), value.encode()) for name, value in headers.items()]
        await self.send({"type": "http.response.start", "status": refusal.status, "headers": raw})
        await self.send({"type": "http.response.body", "body": body, "more_body": True})
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(LINGER_SECONDS):
                while not self.whole and self.taken < rest:
                    await self.receive()
        await self.send({"type": "http.response.body", "body": b""})


def route_of(path: str) -> str:
    """The path as a label of few values."""
    return path if path in ROUTES else f"{STATIC}*" if path.startswith(STATIC) else "other"


ROUTES = ("/", "/health", "/metrics", "/v1/models", "/v1/chat/completions", "/v1/documents", "/v1/ratings")


def place_of(error: BaseException) -> str:
    """The class of an error and the line that raised it; never its message, which may quote a request."""
    frames = traceback.extract_tb(error.__traceback__)
    last = frames[-1] if frames else None
    return type(error).__name__ + (f" in {Path(last.filename).name}:{last.lineno}" if last else "")


def names_of(hosts: Iterable[str]) -> frozenset[str]:
    """Names of hosts as `Access` compares them."""
    return frozenset(host.strip("[]").lower() for host in hosts)
