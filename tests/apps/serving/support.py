"""Servers for tests on a free port of the loopback, raw connections to them, and an answerer that waits when told."""

import base64
import contextlib
import io
import json
import socket
import threading
import time

import numpy as np
import soundfile
from openai import OpenAI
from PIL import Image

from interlace.apps.answers import Answer, Description
from interlace.apps.serving.limits import ServingLimits
from interlace.apps.serving.listening import access_for, bind
from interlace.apps.serving.server import Server
from interlace.errors import UserError


class Echo:
    """An answerer that gives the text back; it answers only while `open` is set, and notes its batches."""

    def __init__(self, name="echo", streams=False):
        self.description = Description(name, "rewrite", "echo", {"text": "text"}, streams=streams)
        self.open = threading.Event()
        self.open.set()
        self.batches, self.pieces, self.begun = [], 0, threading.Event()

    def answer(self, questions, *, explain=False):
        self.batches.append([question.text for question in questions])
        self.begun.set()
        assert self.open.wait(20), "the test never opened it"
        return [self._answer(question) for question in questions]

    def stream(self, question):
        for piece in ["y" * 2**20] * 20 if question.text == "flood" else question.text.split(" "):
            self.begun.set()
            assert self.open.wait(20), "the test never opened it"
            time.sleep(0.01)
            self.pieces += 1
            yield piece

    def _answer(self, question):
        if question.text == "end":
            raise SystemExit("a library ends the thread")
        if question.text == "fault":
            raise ValueError("a secret of the question")
        return UserError("echo: it has no answer to that") if question.text == "bad" else Answer(question.text)


@contextlib.contextmanager
def running(server):
    """A server in a thread, stopped gracefully."""
    thread = threading.Thread(target=server.run)
    thread.start()
    while not server.started:
        time.sleep(0.005)
    try:
        yield server
    finally:
        server.should_exit = True
        thread.join(20)
        assert not thread.is_alive(), "the server did not stop"


def serving(*answerers, token=None, host="127.0.0.1", ratings=None, **limits):
    """A server of answerers in a thread, stopped gracefully."""
    limits = ServingLimits(**{"stop_seconds": 5, **limits})
    named = {each.description.name: each for each in answerers}
    server = Server(named, limits, access_for(host, token), bind("127.0.0.1", 0), ratings)
    return running(server)


def client(server, **options):
    """The official client of OpenAI's interface."""
    return OpenAI(base_url=f"{server.address}/v1", api_key=options.pop("api_key", "none"), max_retries=0, **options)


def connect(server):
    """A raw connection."""
    return socket.create_connection(server.location, timeout=10)


def ask(server, body, target="/v1/chat/completions", **headers):
    """The status, headers and body that a POST of JSON gets. A header None is left out; a body of bytes goes as is."""
    raw = body if isinstance(body, bytes) else json.dumps(body).encode()
    return exchange(server, "POST", target, raw, **{"content-type": "application/json", **headers})


def exchange(server, method, target, body=b"", **headers):
    """The status, headers and body of one request on a connection of its own."""
    host, port = server.location
    given = {"host": f"{host}:{port}", "content-length": str(len(body)), "connection": "close", **headers}
    head = "".join(f"{name.replace('_', '-')}: {value}\r\n" for name, value in given.items() if value is not None)
    with connect(server) as connection:
        with contextlib.suppress(BrokenPipeError, ConnectionResetError):
            connection.sendall(f"{method} {target} HTTP/1.1\r\n{head}\r\n".encode("latin-1") + body)
        return received(connection)


def received(connection):
    """The status, headers and body that arrive until the server closes."""
    content = b""
    while part := connection.recv(1 << 16):
        content += part
    head, _, body = content.partition(b"\r\n\r\n")
    lines = head.decode("latin-1").split("\r\n")
    headers = dict(line.lower().split(": ", 1) for line in lines[1:])
    return int(lines[0].split()[1]), headers, body


def chat(text="hello", model="echo", **fields):
    """A request for a chat completion."""
    return {"model": model, "messages": [{"role": "user", "content": text}], **fields}


def picture(seed=0, size=32, kind="png"):
    """A picture of noise as the bytes of a file."""
    stream = io.BytesIO()
    pixels = np.random.default_rng(seed).integers(0, 255, (size, size, 3), dtype=np.uint8)
    Image.fromarray(pixels).save(stream, kind)
    return stream.getvalue()


def sound(seed=0, rate=8000, seconds=0.25, kind="wav"):
    """A sound of noise as the bytes of a file."""
    stream = io.BytesIO()
    samples = np.random.default_rng(seed).normal(0, 0.1, int(rate * seconds))
    soundfile.write(stream, samples, rate, format=kind)
    return stream.getvalue()


def picture_part(content, stated="image/png"):
    """The part of a message with a picture."""
    return {"type": "image_url", "image_url": {"url": f"data:{stated};base64,{base64.b64encode(content).decode()}"}}


def sound_part(content, stated="wav"):
    """The part of a message with a sound."""
    return {"type": "input_audio", "input_audio": {"data": base64.b64encode(content).decode(), "format": stated}}
