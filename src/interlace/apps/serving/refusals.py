"""Errors of a request as JSON, in the form of OpenAI's interface."""

import json
from collections.abc import Mapping

JSON_TYPE = "application/json"
# By status: `error.type` as the clients of OpenAI's interface know them.
TYPES = {
    400: "invalid_request_error", 401: "authentication_error", 403: "permission_error", 404: "not_found_error",
    429: "rate_limit_error",
}  # fmt: skip


class Refusal(Exception):
    """A request that is not answered: an HTTP status, one sentence, and a short code for programs."""

    def __init__(self, status: int, message: str, code: str, headers: Mapping[str, str] | None = None) -> None:
        super().__init__(message)
        self.status, self.message, self.code = status, message, code
        self.headers = dict(headers or {})

    def body(self) -> bytes:
        """The response's body."""
        return json.dumps(self.plain(), ensure_ascii=False).encode()

    def plain(self) -> dict[str, dict[str, str]]:
        """The error in types of JSON."""
        kind = TYPES.get(self.status, "invalid_request_error" if self.status < 500 else "server_error")
        return {"error": {"message": self.message, "type": kind, "code": self.code}}


def invalid(where: str, message: str, code: str = "invalid_value") -> Refusal:
    """The refusal of a wrong value at a place of the request's JSON."""
    return Refusal(400, f"{where}: {message}", code)


def busy(message: str, code: str = "busy", status: int = 503) -> Refusal:
    """The refusal of a request that can be repeated after a second."""
    return Refusal(status, message, code, {"Retry-After": "1"})


FAULT = Refusal(500, "a fault of the server; its log names the place", "fault")
STOPPING = busy("the server is stopping; ask again when it is back", "stopping")
