"""The route of ratings: which of several answers a person finds better."""

import threading
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from interlace.apps.serving.media import too_much
from interlace.apps.serving.questions import check_text
from interlace.apps.serving.refusals import Refusal, invalid
from interlace.apps.serving.service import Service
from interlace.errors import UserError
from interlace.judging.store import MAX_ANSWERS, RatingStore


class Ratings:
    """POST /v1/ratings: a preference, in the store of `interlace judge`, on the disk before the response is sent."""

    def __init__(self, service: Service, path: Path) -> None:
        self.service, self.path = service, path
        self._lock = threading.Lock()
        self._store: RatingStore | None = None  # made at the first rating

    async def rate(self, request: Request) -> Response:
        """Store a preference."""
        self.service.check_running()
        bodies = self.service.bodies
        with bodies.room_for(request):
            await bodies.understood(await bodies.read(request), self._add)
        return JSONResponse({"stored": True})

    def _add(self, body: Mapping[str, Any]) -> None:
        answers, preferred = body.get("answers"), body.get("preferred")
        if not isinstance(answers, list) or not all(isinstance(each, dict) for each in answers):
            raise invalid("answers", 'expected a list of {"model": ..., "text": ...}')
        if len(answers) > MAX_ANSWERS:
            raise invalid("answers", f"expected at most {MAX_ANSWERS}")
        question = check_text("question", body.get("question"))
        pairs = [
            (self.service.worker(each.get("model")).name, check_text("answers.text", each.get("text")))
            for each in answers
        ]
        most = self.service.limits.ratings_bytes
        try:
            with self._lock:
                if self._store is None:
                    self.path.parent.mkdir(parents=True, exist_ok=True)
                    self._store = RatingStore(self.path)
                if (size := self.path.stat().st_size) > most:
                    raise too_much("ratings", f"their file has {size} bytes", str(most), "ratings_bytes")
                self._store.add_preference(
                    question, pairs, None if preferred is None else check_text("preferred", preferred)
                )
        except (UserError, OSError) as error:
            raise Refusal(400, str(error), "not_stored") from None
