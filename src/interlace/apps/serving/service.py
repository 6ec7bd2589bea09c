"""The models of a server, and the routes that tell of them."""

import contextlib
import time
from collections.abc import AsyncIterator, Mapping
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response

from interlace.apps.answers import Answerer
from interlace.apps.serving.bodies import Bodies
from interlace.apps.serving.limits import ServingLimits
from interlace.apps.serving.metrics import Metrics
from interlace.apps.serving.pages import INDEX, Pages
from interlace.apps.serving.refusals import STOPPING, Refusal
from interlace.apps.serving.workers import Worker

PROMETHEUS = "text/plain; version=0.0.4; charset=utf-8"


class Service:
    """The models of a server, each with its worker."""

    def __init__(self, answerers: Mapping[str, Answerer], limits: ServingLimits) -> None:
        self.limits, self.metrics, self.bodies, self.pages = limits, Metrics(), Bodies(limits), Pages("page")
        self.workers = {name: Worker(each, limits, self.metrics) for name, each in answerers.items()}
        self.created = int(time.time())
        self.stopping = False

    @contextlib.asynccontextmanager
    async def running(self, _: object) -> AsyncIterator[None]:
        """Run the workers while the server runs."""
        for worker in self.workers.values():
            worker.start()
        try:
            yield
        finally:
            for worker in self.workers.values():
                worker.stop(self.limits.stop_seconds)

    def check_running(self) -> None:
        """Raise Refusal when the server stops."""
        if self.stopping:
            raise STOPPING

    def worker(self, name: Any) -> Worker:
        """Return the worker of a model. Raises Refusal for an unknown name."""
        worker = self.workers.get(name) if isinstance(name, str) else None
        if worker is None:
            raise Refusal(404, f"model: not open here; expected one of {', '.join(self.workers)}", "model_not_found")
        return worker

    async def health(self, _: Request) -> Response:
        """GET /health: whether all models can answer."""
        healthy = not self.stopping and all(worker.alive for worker in self.workers.values())
        models = {name: {"waiting": worker.waiting, "alive": worker.alive} for name, worker in self.workers.items()}
        status = "ok" if healthy else "stopping" if self.stopping else "failed"
        return JSONResponse({"status": status, "models": models}, 200 if healthy else 503)

    async def figures(self, _: Request) -> Response:
        """GET /metrics."""
        waiting = {name: worker.waiting for name, worker in self.workers.items()}
        return PlainTextResponse(self.metrics.text(waiting), media_type=PROMETHEUS)

    async def models(self, _: Request) -> Response:
        """GET /v1/models: the models and what each takes."""
        data = [
            {
                "id": name, "object": "model", "created": self.created, "owned_by": "interlace",
                "interlace": worker.answerer.description.plain(),
            }
            for name, worker in self.workers.items()
        ]  # fmt: skip
        return JSONResponse({"object": "list", "data": data})

    async def page(self, request: Request) -> Response:
        """GET / and GET /static/NAME: the page and its files."""
        return self.pages.response(request.path_params.get("name", INDEX))
