"""The route of chat completions."""

from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.types import Receive, Scope, Send

from interlace.apps.answers import Answer
from interlace.apps.serving.completions import EVENT_STREAM, Completion, failed
from interlace.apps.serving.questions import Asked, read_chat
from interlace.apps.serving.refusals import Refusal
from interlace.apps.serving.service import Service
from interlace.apps.serving.waiting import Waiter, submitted
from interlace.apps.serving.workers import END, Job, Worker


class ChatCompletions:
    """POST /v1/chat/completions: a question answered as one JSON document, or piece by piece as server-sent events."""

    def __init__(self, service: Service) -> None:
        self.service = service

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        request = Request(scope, receive)
        self.service.check_running()
        with self.service.bodies.room_for(request):
            worker, asked = await self._read(request)
            streams = asked.stream and worker.answerer.description.streams and not asked.explain
            job = Job(asked.question, explain=asked.explain, stream=streams)
            completion = Completion(worker.name)
            async with submitted(worker, job, receive) as waiter:
                first: Answer | str = await waiter.next()  # before the status is sent, so that an error has its own
                if asked.stream:
                    await _stream(waiter, first, completion, send)
                    return
        assert isinstance(first, Answer)
        await JSONResponse(completion.whole(first))(scope, receive, send)

    async def _read(self, request: Request) -> tuple[Worker, Asked]:
        def read(document: dict[str, Any]) -> tuple[Worker, Asked]:
            worker = self.service.worker(document.get("model"))
            return worker, read_chat(document, worker.answerer, self.service.limits)

        return await self.service.bodies.understood(await self.service.bodies.read(request), read)


async def _stream(waiter: Waiter, first: object, completion: Completion, send: Send) -> None:
    headers = [(b"content-type", EVENT_STREAM.encode()), (b"x-accel-buffering", b"no")]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await _part(send, completion.opening())
    event = first
    try:
        while isinstance(event, str):
            await _part(send, completion.piece(event))
            event = await waiter.next()
        if isinstance(event, Answer):
            await _part(send, completion.piece(event.text))
        assert isinstance(event, Answer) or event is END
        await _part(send, completion.closing(event if isinstance(event, Answer) else None))
    except Refusal as refusal:
        await _part(send, failed(refusal))
    await send({"type": "http.response.body", "body": b""})


async def _part(send: Send, content: bytes) -> None:
    await send({"type": "http.response.body", "body": content, "more_body": True})
