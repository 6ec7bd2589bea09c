"""Runs `interlace` commands in forks of a process that has the heavy imports, so that a page's commands start at once.

`python -m tests.documentation.server SOCKET` serves; the program `interlace` of a page is `CLIENT`, which hands over
its words, folder, variables and the three standard streams, and ends with the exit code that it is told. Ctrl+C goes on
to the fork.
"""

import json
import os
import signal
import socket
import sys
import traceback

CLIENT = """\
import json, os, signal, socket, sys
with socket.socket(socket.AF_UNIX) as server:
    server.connect({address!r})
    request = json.dumps({{"words": sys.argv[1:], "folder": os.getcwd(), "variables": dict(os.environ)}}).encode()
    socket.send_fds(server, [len(request).to_bytes(8, "big")], [0, 1, 2])
    server.sendall(request)
    worker = int.from_bytes(server.recv(8), "big")
    signal.signal(signal.SIGINT, lambda *_: os.kill(worker, signal.SIGINT))
    code = server.recv(1)
sys.exit(code[0] if code else 70)
"""


def serve(address: str) -> None:
    """Answers until it is ended."""
    import interlace.evaluation
    import interlace.report.build
    import interlace.studies.verbs
    import interlace.training  # noqa: F401

    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # forks are not waited for
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(address)
        server.listen()
        print("ready", flush=True)
        while True:
            connection, _ = server.accept()
            if os.fork() == 0:
                signal.signal(signal.SIGCHLD, signal.SIG_DFL)
                server.close()
                answer(connection)
            connection.close()


def answer(connection: socket.socket) -> None:
    """Runs one command line as the program does, in this process, and ends it."""
    from tests.documentation.interlace import main

    head, streams, _, _ = socket.recv_fds(connection, 8, 3)
    rest = bytearray()
    while len(rest) < int.from_bytes(head, "big"):
        rest += connection.recv(1 << 20)
    request = json.loads(rest)
    connection.sendall(os.getpid().to_bytes(8, "big"))
    for number, stream in enumerate(streams):
        os.dup2(stream, number)
    sys.stdin, sys.stdout, sys.stderr = (os.fdopen(number, mode, closefd=False) for number, mode in enumerate("rww"))
    os.environ.clear()
    os.environ.update(request["variables"])
    os.chdir(request["folder"])
    sys.path[:0] = [folder for folder in os.environ["PYTHONPATH"].split(os.pathsep) if folder not in sys.path]
    sys.argv = ["interlace", *request["words"]]
    try:
        code = main(request["words"])
    except SystemExit as stop:
        code = int(stop.code or 0)
    except BaseException:
        traceback.print_exc()
        code = 70
    sys.stdout.flush()
    sys.stderr.flush()
    connection.sendall(bytes([code]))
    connection.close()
    sys.exit(code)


if __name__ == "__main__":
    serve(sys.argv[1])
