"""A server of an application: its socket, its start and its stop, and the clients that it answers."""

import ipaddress
import signal
import socket

import uvicorn

from interlace.apps.serving.connections import connections_within
from interlace.apps.serving.guard import LOOPBACK, Access, Guard, names_of
from interlace.apps.serving.limits import ServingLimits
from interlace.errors import UserError

HEADER_BYTES = 16 * 1024


class HttpServer(uvicorn.Server):
    """A server of an application on a bound socket. `run` returns after a graceful stop; `should_exit` asks for one."""

    def __init__(self, app: Guard, limits: ServingLimits, bound: socket.socket) -> None:
        self.bound = bound
        self.location: tuple[str, int] = bound.getsockname()[:2]
        super().__init__(
            uvicorn.Config(
                app, http=connections_within(limits), ws="none", lifespan="on",
                loop="asyncio", log_config=None, log_level="critical", access_log=False, proxy_headers=False,
                server_header=False, timeout_keep_alive=limits.header_seconds, backlog=limits.connections,
                timeout_graceful_shutdown=limits.stop_seconds, h11_max_incomplete_event_size=HEADER_BYTES,
            )
        )  # fmt: skip

    @property
    def address(self) -> str:
        """The address by which a client of this machine finds the server."""
        host, port = self.location
        named = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host)
        return f"http://[{named}]:{port}" if ":" in named else f"http://{named}:{port}"

    def run(self, sockets: list[socket.socket] | None = None) -> None:
        """Serve until SIGTERM, SIGINT or `should_exit`; then finish what runs and refuse what comes."""
        super().run([self.bound] if sockets is None else sockets)


def run_until_stopped(server: HttpServer) -> None:
    """Run a server in the main thread; the signals that stop it end neither Python nor the shell's pipeline.

    uvicorn raises the signals again that it took; these handlers take them then, and those that come before uvicorn's.
    """

    def stop(*_: object) -> None:
        server.should_exit = True

    before = {number: signal.signal(number, stop) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        server.run()
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def is_loopback(host: str) -> bool:
    """True for an address that only programs of this machine reach."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host.lower() == "localhost"


def bind(host: str, port: int) -> socket.socket:
    """Return a listening socket; port 0: a free one. Raises UserError."""
    try:
        family, _, _, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)[0]
        return socket.create_server(address[:2], family=family)  # type: ignore[arg-type]
    except OSError as error:
        reason = error.strerror or str(error)
        raise UserError(
            f"--host {host} --port {port}: cannot listen there ({reason}); name an address of this machine, and a port "
            "from 1024 on that no program uses (0: any)"
        ) from None


def access_for(host: str, token: str | None, allowed_hosts: tuple[str, ...] = ()) -> Access:
    """Return the clients that a server at an address answers. Raises UserError for other machines without a token."""
    if token is not None and (len(token) < FEWEST or not token.isascii() or not token.isprintable() or " " in token):
        raise UserError(f"--token: expected {FEWEST} or more letters, digits and signs; --token new draws one")
    if is_loopback(host):
        return Access(names_of((*LOOPBACK, host, *allowed_hosts)), token)
    if token is None:
        raise UserError(
            f"--host {host}: other machines reach this address; add --token new, or leave --host out to serve this "
            "machine alone"
        )
    unspecified = host in ("0.0.0.0", "::")
    return Access(names_of((*LOOPBACK, host, socket.gethostname(), *allowed_hosts)), token, any_address=unspecified)


FEWEST = 16  # characters of a token
