"""The server of answerers: its application behind the guard."""

import socket
from collections.abc import Mapping
from pathlib import Path

from starlette.routing import Route, Router
from starlette.types import Receive, Scope, Send

from interlace.apps.answers import Answerer
from interlace.apps.serving.chat import ChatCompletions
from interlace.apps.serving.documents import Documents
from interlace.apps.serving.guard import Access, Guard
from interlace.apps.serving.limits import ServingLimits
from interlace.apps.serving.listening import HttpServer
from interlace.apps.serving.ratings import Ratings
from interlace.apps.serving.refusals import Refusal
from interlace.apps.serving.service import Service


def application(service: Service, access: Access, ratings: Path | None = None) -> Guard:
    """The ASGI application of a service; `ratings`: the file for people's ratings, None: it takes none."""
    routes = [
        Route("/", service.page, methods=["GET"]),
        Route("/static/{name}", service.page, methods=["GET"]),
        Route("/health", service.health, methods=["GET"]),
        Route("/metrics", service.figures, methods=["GET"]),
        Route("/v1/models", service.models, methods=["GET"]),
        Route("/v1/chat/completions", ChatCompletions(service), methods=["POST"]),
        Route("/v1/documents", Documents(service), methods=["POST"]),
    ]
    if ratings is not None:
        routes.append(Route("/v1/ratings", Ratings(service, ratings).rate, methods=["POST"]))
    router = Router(routes, redirect_slashes=False, default=_not_found, lifespan=service.running)
    return Guard(router, access, service.metrics, service.limits.body_bytes)


async def _not_found(scope: Scope, receive: Receive, send: Send) -> None:
    raise Refusal(404, "path: nothing is here; see /v1/models and /v1/chat/completions", "not_found")


class Server(HttpServer):
    """A server of answerers on a bound socket."""

    def __init__(
        self,
        answerers: Mapping[str, Answerer],
        limits: ServingLimits,
        access: Access,
        bound: socket.socket,
        ratings: Path | None = None,
    ) -> None:
        self.service = Service(answerers, limits)
        super().__init__(application(self.service, access, ratings), limits, bound)

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Stop: no new connections, no new questions on open ones."""
        self.service.stopping = True
        await super().shutdown(sockets)
