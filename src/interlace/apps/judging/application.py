"""The application behind the raters' page: its files, the media of tasks, and the ratings, behind the guard."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable
from typing import Any

from starlette.requests import Request
from starlette.responses import FileResponse, JSONResponse, Response
from starlette.routing import Route, Router
from starlette.types import Receive, Scope, Send

from interlace.apps.serving.bodies import Bodies, parsed
from interlace.apps.serving.guard import Access, Guard
from interlace.apps.serving.limits import ServingLimits
from interlace.apps.serving.metrics import Metrics
from interlace.apps.serving.pages import INDEX, Pages
from interlace.apps.serving.refusals import Refusal
from interlace.errors import UserError
from interlace.judging.folder import MEDIA, JudgingFolder
from interlace.judging.sessions import Sessions
from interlace.judging.store import Conflict, RatingStore
from interlace.reading.files import require_regular

LIMITS = ServingLimits(body_bytes=64 * 2**10, all_bodies_bytes=16 * 2**20, stop_seconds=10)


class Judging:
    """The routes of a folder of judgements. Its store is open from the first request to the end."""

    def __init__(self, folder: JudgingFolder, access: Access, limits: ServingLimits = LIMITS) -> None:
        self.folder, self.store = folder, RatingStore(folder.ratings)
        self.sessions, self.bodies = Sessions(folder, self.store), Bodies(limits)
        self.pages = Pages("page", "judging/page")
        routes = [
            Route("/", self.page, methods=["GET"]),
            Route("/static/{name}", self.page, methods=["GET"]),
            Route("/media/{name}", self.media, methods=["GET"]),
            *(Route(f"/judge/{verb}", self.asked(read), methods=["POST"]) for verb, read in self._verbs().items()),
        ]
        router = Router(routes, redirect_slashes=False, default=_not_found, lifespan=self._running)
        self.application = Guard(router, access, Metrics(), limits.body_bytes)

    async def page(self, request: Request) -> Response:
        """GET / and GET /static/NAME: the page and its files."""
        return self.pages.response(request.path_params.get("name", INDEX))

    async def media(self, request: Request) -> Response:
        """GET /media/NAME: a file that a task shows; the name is looked up, and no path is made of another."""
        name = request.path_params["name"]
        kind = self.folder.media_type(name)
        if kind is None:
            raise Refusal(404, "no such file of a task", "not_found")
        try:
            require_regular(self.folder.path / MEDIA / name)
        except OSError:
            raise Refusal(404, "the file of this task is gone; tell the person who asked you", "not_found") from None
        return FileResponse(self.folder.path / MEDIA / name, media_type=kind)

    def asked(self, read: Callable[[dict[str, Any]], Any]) -> Callable[[Request], Any]:
        """The endpoint that answers with what `read` makes of the JSON of a body."""

        async def endpoint(request: Request) -> Response:
            with self.bodies.room_for(request):
                document = parsed(await self.bodies.read(request))
            try:
                return JSONResponse(await asyncio.to_thread(read, document))
            except Conflict as error:
                raise Refusal(409, str(error), "conflict") from None
            except UserError as error:
                raise Refusal(400, str(error), "invalid_value") from None

        return endpoint

    def _verbs(self) -> dict[str, Callable[[dict[str, Any]], Any]]:
        return {
            "begin": lambda body: {"state": self.sessions.begin(_text(body, "code"), body.get("join") is True)},
            "rate": lambda body: {
                "state": self.sessions.rate(
                    _text(body, "code"), _position(body), _text(body, "value"), _seconds(body.get("seconds"))
                )
            },
            "undo": lambda body: {"state": self.sessions.undo(_text(body, "code"), _position(body))},
        }

    @contextlib.asynccontextmanager
    async def _running(self, _: object) -> AsyncIterator[None]:
        try:
            yield
        finally:
            self.store.close()


async def _not_found(scope: Scope, receive: Receive, send: Send) -> None:
    raise Refusal(404, "path: nothing is here; raters begin at /", "not_found")


def _text(body: dict[str, Any], name: str) -> str:
    value = body.get(name)
    if not isinstance(value, str) or len(value) > 200:
        raise Refusal(400, f"{name}: expected a short text", "invalid_value")
    return value


def _position(body: dict[str, Any]) -> int:
    value = body.get("position")
    if not isinstance(value, int) or isinstance(value, bool) or not 0 <= value < 2**31:
        raise Refusal(400, "position: expected a whole number from 0", "invalid_value")
    return value


def _seconds(value: Any) -> float | None:
    return float(value) if isinstance(value, int | float) and not isinstance(value, bool) and abs(value) < 1e9 else None
