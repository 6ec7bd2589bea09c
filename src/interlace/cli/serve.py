"""interlace serve"""

import contextlib
import logging
import os
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from interlace.cli.arguments import INDEX_FILE, run_directories, run_directory, writable_file
from interlace.errors import UserError

if TYPE_CHECKING:
    from typing import Unpack

    from interlace.apps.answers import Answerer
    from interlace.apps.opening import OpeningOptions
    from interlace.apps.serving.guard import Access
    from interlace.apps.serving.server import Server

NEW = "new"
GIVES = {
    "classify": "a choice", "rewrite": "a text for a text", "describe": "a text", "converse": "a reply",
    "continue": "a text that goes on", "find": "passages",
}  # fmt: skip
# Of documents that clients send: a Word document of some 400 pages, a PDF that is read in a minute.
VARIABLE = "INTERLACE_LIMITS"
STRANGERS = "xml_nodes=500000,pdf_seconds=60,pdf_memory_bytes=1G"


def some_run_directories(paths: list[Path] | None) -> list[Path]:
    """Directories of runs, if any; UserError for any other path."""
    return run_directories(paths or [])


def one_run_directory(path: Path | None) -> Path | None:
    """The directory of a run, if any; UserError for any other path."""
    return None if path is None else run_directory(path)


def some_indexes(paths: list[Path] | None) -> list[Path]:
    """Folders of indexes, if any; UserError for any other path."""
    for path in paths or ():
        if not (path / INDEX_FILE).is_file():
            raise UserError(f"--index {path}: not an index (it has no {INDEX_FILE}); interlace index makes one")
    return paths or []


Runs = Annotated[
    list[Path] | None,
    typer.Argument(
        metavar="RUN_DIR...",
        help="Directories of finished runs, one model each.",
        callback=some_run_directories,
        show_default=False,
    ),
]
Indexes = Annotated[
    list[Path] | None,
    typer.Option(
        help="Index to find passages in (interlace index makes one); repeatable.",
        callback=some_indexes,
        show_default=False,
    ),
]
Reader = Annotated[
    Path | None,
    typer.Option(
        metavar="RUN_DIR", help="Run of task=span that answers from passages of an index.", callback=one_run_directory
    ),
]
Host = Annotated[str, typer.Option(help="Address to listen on; another than this machine's own needs --token.")]
Port = Annotated[int, typer.Option(min=0, max=65535, help="Port to listen on; 0: any free one.")]
Token = Annotated[
    str | None,
    typer.Option(
        envvar="INTERLACE_TOKEN",
        show_envvar=True,
        show_default=False,
        help="Secret that clients send as their API key; new: draw one and print it.",
    ),
]
AllowedHosts = Annotated[
    list[str] | None,
    typer.Option(
        help="Further name by which clients call this server, such as a proxy's; repeatable.", show_default=False
    ),
]
DeviceName = Annotated[
    Literal["auto", "cpu", "cuda"], typer.Option(help="Where models of torch compute; auto: a GPU if there is one.")
]
Coverage = Annotated[
    float,
    typer.Option(min=0, max=0.9999, help="Probability that an answer set holds the right answer; 0: no answer sets."),
]
RatingsFile = Annotated[
    Path | None,
    typer.Option(
        help="SQLite file for people's ratings, which interlace judge reads.  "
        "[default: ratings.sqlite in the folder of outputs]",
        show_default=False,
        callback=writable_file,
    ),
]
LimitsText = Annotated[
    str,
    typer.Option(help="Limits to change, such as batch=8,body_bytes=8M; see the page on serving.", show_default=False),
]


def serve(
    runs: Runs = None,
    index: Indexes = None,
    reader: Reader = None,
    host: Host = "127.0.0.1",
    port: Port = 8000,
    token: Token = None,
    allowed_host: AllowedHosts = None,
    device: DeviceName = "auto",
    coverage: Coverage = 0.9,
    ratings: RatingsFile = None,
    limits: LimitsText = "",
) -> None:
    """Answer questions to runs and indexes over HTTP, as OpenAI's chat completions and on a page.

    POST /v1/chat/completions takes texts, pictures, sounds and videos; GET /v1/models, /health and /metrics tell of the
    models; GET / is a page. Ctrl+C finishes the answers that are under way and stops.
    """
    check_extra("serve")
    places = [*(runs or ()), *(index or ())]
    if not places:
        raise UserError("interlace serve: nothing to serve; name a run's directory, or an index with --index")
    from interlace.apps.serving.limits import read_limits
    from interlace.apps.serving.listening import access_for, bind, run_until_stopped

    changed = read_limits(limits)
    access = access_for(host, drawn(token), tuple(allowed_host or ()))
    bound = bind(host, port)

    from interlace.apps.serving.server import Server
    from interlace.configuration.devices import torch_device
    from interlace.configuration.locations import outputs_dir

    answerers = opened(places, coverage=coverage or None, reader=reader, device=torch_device(device))
    server = Server(answerers, changed, access, bound, ratings or outputs_dir() / "ratings.sqlite")
    log_requests()
    print_screen(server, access, drawn_now=token == NEW)
    with strangers_limits():
        run_until_stopped(server)
    print("stopped")


def opened(places: list[Path], **options: "Unpack[OpeningOptions]") -> "dict[str, Answerer]":
    """Open runs and indexes, and load their models now, so that no question waits for that."""
    from interlace.apps.opening import open_answerers
    from interlace.apps.run_answerer import RunAnswerer
    from interlace.cli.console import tell_stale

    answerers = open_answerers(places, **options)
    for each in answerers.values():
        if isinstance(each, RunAnswerer):
            each.run.kept_model  # noqa: B018
            tell_stale(each.run.directory)
    return answerers


def check_extra(verb: str) -> None:
    """Raise UserError where the extra `apps` is not installed."""
    from importlib.util import find_spec

    if missing := [name for name in ("starlette", "uvicorn") if find_spec(name) is None]:
        raise UserError(
            f"interlace {verb}: it needs {' and '.join(missing)}; install them: pip install 'interlace[apps]'"
        )


@contextlib.contextmanager
def strangers_limits() -> Iterator[None]:
    """Lower the limits of documents that clients send; those that the user set stay as they are."""
    before = os.environ.get(VARIABLE)
    os.environ[VARIABLE] = ",".join(filter(None, (STRANGERS, before)))
    try:
        yield
    finally:
        os.environ.pop(VARIABLE)
        if before is not None:
            os.environ[VARIABLE] = before


def drawn(token: str | None) -> str | None:
    """Return the token, or a new one where one is asked for."""
    from secrets import token_urlsafe

    return token_urlsafe(24) if token == NEW else token


def log_requests() -> None:
    """Write one line a request to the standard error."""
    log, handler = logging.getLogger("interlace.serving"), logging.StreamHandler(sys.stderr)
    handler.setFormatter(logging.Formatter("%(asctime)s %(message)s", "%Y-%m-%dT%H:%M:%S"))
    log.addHandler(handler)
    log.setLevel(logging.INFO)
    log.propagate = False


def print_screen(server: "Server", access: "Access", *, drawn_now: bool) -> None:
    """Print the address, the models with what each takes, and how to stop."""
    print(f"Interlace answers at {server.address}")
    if drawn_now:
        print(f"token: {access.token}")
    for worker in server.service.workers.values():
        told = worker.answerer.description
        takes = ", ".join(name if name == kind else f"{name} ({kind})" for name, kind in told.modalities.items())
        gives = f"one of {len(told.classes)} classes" if told.classes else GIVES[told.kind]
        tags = f" (tags: {', '.join(told.tags)})" if told.tags else ""
        print(f"  {told.name}: {told.task}; takes {takes}; gives {gives}{tags}")
    print(f"For clients of OpenAI's interface: base_url={server.address}/v1   Ctrl+C stops", flush=True)
