"""A W&B server on a port of this machine, to which the real client talks: state in memory, failures on demand."""

import contextlib
import json
import socket
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any, Literal

from tests.servers.graphql import Document
from tests.servers.wandb_answers import Answers
from tests.servers.wandb_state import ENTITY, State

Mode = Literal["ok", "slow", "error", "refuse", "absent"]
API_KEY = "0" * 40


class WandbServer:
    """Answers as a W&B server does, in one of five modes that may change at any time.

    ok; slow: each reply takes `delay` seconds; error: 500, for ever or until `mode` changes; refuse: 403;
    absent: the port is closed. Everything asked is noted in `requests`; a field that was asked for and not known in
    `absent_fields`; an error of the server's own in `errors`.
    """

    def __init__(self) -> None:
        self.state = State()
        self.mode: Mode = "ok"
        self.delay = 1.0
        self.requests: list[str] = []
        self.absent_fields: set[str] = set()
        self.errors: list[str] = []
        self.connections: set[socket.socket] = set()
        self.lock = threading.RLock()
        self.port = _free_port()
        self._http: ThreadingHTTPServer | None = None
        self.answers = Answers(self.state, self.address)

    @property
    def address(self) -> str:
        """The base URL."""
        return f"http://127.0.0.1:{self.port}"

    @property
    def environment(self) -> dict[str, str]:
        """Variables that make the client of this server."""
        return {
            "WANDB_BASE_URL": self.address,
            "WANDB_API_KEY": API_KEY,
            "WANDB_ENTITY": ENTITY,
            "WANDB_X_DISABLE_STATS": "true",
            "WANDB_ERROR_REPORTING": "false",
        }

    def __enter__(self) -> "WandbServer":
        self.open()
        return self

    def __exit__(self, kind: type | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.close()

    def open(self) -> None:
        """Listens."""
        handler = type("Handler", (_Handler,), {"server_of_tests": self})
        self._http = ThreadingHTTPServer(("127.0.0.1", self.port), handler)
        self._http.daemon_threads = True
        threading.Thread(target=self._http.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()

    def close(self) -> None:
        """Closes the port and every connection; what is held stays."""
        if self._http is not None:
            self._http.shutdown()
            self._http.server_close()
            self._http = None
        for connection in list(self.connections):
            with contextlib.suppress(OSError):  # one that the client has closed
                connection.shutdown(socket.SHUT_RDWR)

    def only_run(self) -> Any:
        """The one run there is."""
        (run,) = self.state.runs.values()
        return run


class _Handler(BaseHTTPRequestHandler):
    server_of_tests: WandbServer
    protocol_version = "HTTP/1.1"

    def setup(self) -> None:
        super().setup()
        self.server_of_tests.connections.add(self.connection)

    def finish(self) -> None:
        self.server_of_tests.connections.discard(self.connection)
        with contextlib.suppress(OSError):
            super().finish()

    def log_message(self, format: str, *arguments: Any) -> None:
        pass

    def do_POST(self) -> None:
        self._handle(self._post)

    def do_PUT(self) -> None:
        self._handle(self._put)

    def do_GET(self) -> None:
        self._handle(self._get)

    def _handle(self, answer: Any) -> None:
        server = self.server_of_tests
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        server.requests.append(self.path)
        if server.mode == "slow":
            time.sleep(server.delay)
        if server.mode == "error":
            self._reply(500, b'{"error": "asked to fail"}')
        elif server.mode == "refuse":
            self._reply(403, b'{"error": "permission denied"}')
        else:
            try:
                with server.lock:
                    status, content = answer(body)
            except Exception as error:
                server.errors.append(f"{self.path}: {error!r} {body[:300]!r}")
                status, content = 400, json.dumps({"errors": [{"message": repr(error)}]}).encode()
            self._reply(status, content)

    def _reply(self, status: int, content: bytes) -> None:
        try:
            self.send_response(status)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)
        except (BrokenPipeError, ConnectionResetError):  # the client was killed, or waits no longer
            self.close_connection = True

    def _post(self, body: bytes) -> tuple[int, bytes]:
        server = self.server_of_tests
        if self.path.endswith("/graphql"):
            request = json.loads(body)
            document = Document(request["query"], request.get("operationName"), request.get("variables"))
            server.requests[-1] = document.name
            data = document.answer(server.answers.root)
            server.absent_fields |= {f"{document.name}: {each}" for each in document.absent}
            return 200, json.dumps({"data": data}).encode()
        if self.path.endswith("/file_stream"):
            _, project, name, _ = self.path.removeprefix("/files/").split("/")
            self._stream(project, name, json.loads(body or b"{}"))
            return 200, b'{"exitcode": null, "limits": {}, "stopped": false}'
        return 404, b"{}"

    def _stream(self, project: str, name: str, post: dict[str, Any]) -> None:
        run = self.server_of_tests.state.runs[project, name]
        streams = {"wandb-history.jsonl": run.history, "wandb-events.jsonl": run.events, "output.log": run.log}
        for file, chunk in post.get("files", {}).items():
            if file == "wandb-summary.json":
                run.summary = json.loads(chunk["content"][-1])
            elif file in streams:
                streams[file].put(chunk["offset"], chunk["content"])
        if post.get("complete"):
            run.exit_code = post["exitcode"]
            run.state = "finished" if post["exitcode"] == 0 else "failed"

    def _put(self, body: bytes) -> tuple[int, bytes]:
        state = self.server_of_tests.state
        kind, rest = self.path.lstrip("/").split("/", 1)
        if kind == "storage":
            project, run, name = rest.split("/", 2)
            state.run(project, run).files[name] = body
        elif kind == "manifest":
            state.artifact_by_id(rest).manifest = body
        return 200, b""

    def _get(self, body: bytes) -> tuple[int, bytes]:
        state = self.server_of_tests.state
        kind, rest = self.path.lstrip("/").split("/", 1)
        if kind == "storage":
            project, run, name = rest.split("/", 2)
            return 200, state.run(project, run).files[name]
        if kind == "manifest":
            return 200, state.artifact_by_id(rest).manifest
        return 404, b"{}"


def _free_port() -> int:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return int(found.getsockname()[1])
