"""The route of documents: a file translated by a run that writes texts for texts."""

import asyncio
import base64
import re
import tempfile
import threading
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.types import Receive, Scope, Send

from interlace.apps.answers import Question
from interlace.apps.run_answerer import RunAnswerer
from interlace.apps.serving.bodies import ClientGone
from interlace.apps.serving.media import decoded
from interlace.apps.serving.questions import check_text
from interlace.apps.serving.refusals import Refusal, invalid
from interlace.apps.serving.service import Service
from interlace.apps.serving.waiting import disconnected
from interlace.apps.serving.workers import STARTED, Job, Worker
from interlace.apps.text_answerer import TextAnswerer
from interlace.configuration.documents import DOCUMENTS, OUTPUTS
from interlace.data.remarks import collect_remarks, remark_lines
from interlace.errors import UserError
from interlace.runs import Run

STARTS = {".docx": b"PK\3\4", ".pdf": b"%PDF-"}
CONTROL = re.compile(r"[\x00-\x1f\x7f]")
LONGEST_NAME = 100
TOGETHER = 2  # documents that are translated at one time
PAUSE = 0.1  # seconds until a document asks again whether a full queue has room


@dataclass(frozen=True)
class Document:
    """A document of a request: the worker and the run that translate it, its name and kind, its bytes, the language."""

    worker: Worker
    run: Run
    stem: str
    suffix: str
    content: bytes
    tag: str | None


class Documents:
    """POST /v1/documents: the translation of a document.

    Its sentences go through the worker's queue in batches, among the other requests: a long document delays none of
    them by more than a batch, and ends with its client.
    """

    def __init__(self, service: Service) -> None:
        self.service = service
        self._together = asyncio.Semaphore(TOGETHER)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        request = Request(scope, receive)
        self.service.check_running()
        bodies = self.service.bodies
        with bodies.room_for(request):
            document = await bodies.understood(await bodies.read(request), self._read)
            made = await self._within_limits(document, receive)
        await JSONResponse(made)(scope, receive, send)

    def _read(self, body: Mapping[str, Any]) -> Document:
        worker = self.service.worker(body.get("model"))
        run = worker.answerer.run if isinstance(worker.answerer, RunAnswerer | TextAnswerer) else None
        if run is None or worker.answerer.description.kind != "rewrite":
            raise invalid("model", "it translates no documents; name one of the kind rewrite", "no_documents")
        name = PurePosixPath(CONTROL.sub("", check_text("name", body.get("name"))).replace("\\", "/"))
        suffix = name.suffix.lower()
        if suffix not in DOCUMENTS:
            raise Refusal(415, f"name: expected a document, {', '.join(DOCUMENTS)}", "unknown_format")
        content = decoded("data", body.get("data"))
        if not content.startswith(STARTS.get(suffix, b"")) or (suffix not in STARTS and b"\0" in content):
            raise Refusal(415, f"data: its content is no {suffix[1:]}, as which it is named", "wrong_format")
        tag = body.get("tag")
        return Document(
            worker, run, name.stem[:LONGEST_NAME], suffix, content, None if tag is None else check_text("tag", tag)
        )

    async def _within_limits(self, document: Document, receive: Receive) -> dict[str, Any]:
        """Translate in a thread; raises Refusal after the limit document_seconds, and ClientGone."""
        gone = asyncio.ensure_future(disconnected(receive))
        work = asyncio.ensure_future(self._translated(document, stopped := threading.Event()))
        try:
            seconds = self.service.limits.document_seconds
            done, _ = await asyncio.wait({work, gone}, timeout=seconds, return_when=asyncio.FIRST_COMPLETED)
            if work in done:
                return work.result()
            if gone in done:
                raise ClientGone
            raise Refusal(504, f"the document took more than {seconds} s; send it in parts", "timeout")
        finally:
            stopped.set()
            gone.cancel()
            work.cancel()

    async def _translated(self, document: Document, stopped: threading.Event) -> dict[str, Any]:
        loop = asyncio.get_running_loop()

        def predict(records: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
            answers: list[dict[str, Any]] = []
            for texts in _batches([str(record["text"]) for record in records], self.service.limits.batch):
                if stopped.is_set():
                    raise ClientGone
                asked = asyncio.run_coroutine_threadsafe(self._answers(document.worker, texts), loop)
                answers += [{"text": text} for text in asked.result()]
            return answers

        async with self._together:
            return await asyncio.to_thread(_translate, document, predict)

    async def _answers(self, worker: Worker, texts: Sequence[str]) -> list[str]:
        """Answer sentences through the queue of a worker. Raises Refusal."""
        jobs = [Job(Question(text)) for text in texts]
        try:
            for job in jobs:
                while worker.waiting >= worker.limits.waiting:
                    await asyncio.sleep(PAUSE)
                worker.submit(job)
            return [await _text_of(job) for job in jobs]
        finally:
            for job in jobs:
                job.cancelled.set()


async def _text_of(job: Job) -> str:
    while (event := await job.events.get()) is STARTED:
        pass
    if isinstance(event, Exception):
        raise event
    text: str = event.text
    return text


def _translate(document: Document, predict: Any) -> dict[str, Any]:
    """Translate a document as a file of a private temporary folder. Raises Refusal."""
    with tempfile.TemporaryDirectory(prefix="interlace-") as folder, collect_remarks() as remarks:
        path = Path(folder) / f"document{document.suffix}"
        path.write_bytes(document.content)
        try:
            made = document.run.translate(path, tag=document.tag, predict=predict)
        except UserError as error:
            raise Refusal(400, str(error).replace(f"{folder}/", ""), "unreadable") from None
        content = made.encode() if isinstance(made, str) else made
        suffix = OUTPUTS.get(document.suffix, (document.suffix, ""))[0]
        told = remark_lines(remarks)
    return {"name": f"{document.stem}{suffix}", "data": base64.b64encode(content).decode(), "remarks": told}


def _batches(texts: Sequence[str], size: int) -> Iterator[Sequence[str]]:
    for start in range(0, len(texts), size):
        yield texts[start : start + size]
