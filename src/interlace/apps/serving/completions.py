"""Answers as chat completions of OpenAI's interface, whole or as server-sent events."""

import json
import secrets
import time
from typing import Any

from interlace.apps.answers import Answer
from interlace.apps.serving.refusals import Refusal

EVENT_STREAM = "text/event-stream; charset=utf-8"
TOKENS = ("prompt_tokens", "completion_tokens")
DONE = b"data: [DONE]\n\n"


class Completion:
    """One chat completion: the fields that all its parts have."""

    def __init__(self, model: str) -> None:
        self.model = model
        self.id = f"chatcmpl-{secrets.token_hex(12)}"
        self.created = int(time.time())

    def whole(self, answer: Answer) -> dict[str, Any]:
        """The completion as one document."""
        message = {"role": "assistant", "content": answer.text, "refusal": None, "interlace": answer.plain()}
        reason = "length" if answer.details.get("reason") == "length" else "stop"
        choice = {"index": 0, "message": message, "finish_reason": reason, "logprobs": None}
        return {**self._common("chat.completion"), "choices": [choice], **usage(answer)}

    def opening(self) -> bytes:
        """The first event, with the role."""
        return self._event({"role": "assistant", "content": ""})

    def piece(self, text: str) -> bytes:
        """An event with a piece of the text."""
        return self._event({"content": text})

    def closing(self, answer: Answer | None) -> bytes:
        """The last events; of an answer that came as a whole also what is known of it."""
        return self._event({} if answer is None else {"interlace": answer.plain()}, "stop") + DONE

    def _common(self, kind: str) -> dict[str, Any]:
        return {"id": self.id, "object": kind, "created": self.created, "model": self.model}

    def _event(self, delta: dict[str, Any], reason: str | None = None) -> bytes:
        choice = {"index": 0, "delta": delta, "finish_reason": reason, "logprobs": None}
        return event({**self._common("chat.completion.chunk"), "choices": [choice]})


def usage(answer: Answer) -> dict[str, Any]:
    """The numbers of tokens, of an answer that tells them."""
    counts = {name: answer.details[name] for name in TOKENS if name in answer.details}
    return {"usage": {**counts, "total_tokens": sum(counts.values())}} if len(counts) == len(TOKENS) else {}


def event(document: dict[str, Any]) -> bytes:
    """A server-sent event of one JSON document, which JSON keeps on one line."""
    return f"data: {json.dumps(document, ensure_ascii=False, allow_nan=False)}\n\n".encode()


def failed(refusal: Refusal) -> bytes:
    """The event of an error in the middle of a stream; none follows."""
    return event(refusal.plain())
