"""`interlace serve` as a command: its screen, its stop by signals, and what it refuses before it loads a model."""

import os
import re
import signal
import subprocess
import sys

import pytest
from openai import OpenAI

from interlace.cli.application import run
from tests.apps.serving.support import picture, picture_part


@pytest.mark.parametrize("number", [signal.SIGTERM, pytest.param(signal.SIGINT, marks=pytest.mark.slow)])
def test_the_screen_tells_the_address_and_a_signal_stops_with_0(scenes, number, tmp_path):
    command = [sys.executable, "-m", "interlace", "serve", str(scenes.directory), "--port", "0", "--token", "new"]
    environment = {**os.environ, "INTERLACE_OUTPUTS": str(tmp_path)}
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment
    ) as server:
        screen = [server.stdout.readline() for _ in range(4)]
        address = re.search(r"http://127\.0\.0\.1:\d+", screen[0])[0]
        token = screen[1].split()[1]
        assert "takes text, image, audio; one of 9 classes" in screen[2]
        client = OpenAI(base_url=f"{address}/v1", api_key=token, max_retries=0)
        (model,) = client.models.list()
        asked = [{"role": "user", "content": [picture_part(picture()), {"type": "text", "text": "private words"}]}]
        assert client.chat.completions.create(model=model.id, messages=asked).choices[0].message.content
        server.send_signal(number)
        out, log = server.communicate(timeout=20)
    assert (server.returncode, out) == (0, "stopped\n")
    assert re.search(r"POST /v1/chat/completions 200 \d\.\d+ s \d+ bytes in \d+ bytes out", log)
    assert "private" not in log
    assert token not in log


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["--host", "0.0.0.0"], "other machines reach this address; add --token new"),
        (["--token", "short"], "--token: expected 16 or more"),
        (["--host", "no.such.host.invalid", "--token", "x" * 16], "cannot listen there"),
        (["--limits", "batches=3"], "--limits: 'batches' is not a limit; expected one of"),
        (["--limits", "batch=0"], "--limits: batch is '0'; expected a whole number above 0"),
    ],
)
def test_what_cannot_be_served_is_told_in_one_sentence(scenes, arguments, told, capsys):
    assert run(["serve", str(scenes.directory), "--port", "0", *arguments]) == 2
    error = capsys.readouterr().err
    assert told in error
    assert error.count("\n") == 1


def test_a_missing_extra_is_one_sentence(scenes, monkeypatch, capsys):
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    assert run(["serve", str(scenes.directory)]) == 2
    expected = "interlace serve: it needs starlette and uvicorn; install them: pip install 'interlace[apps]'"
    assert expected in capsys.readouterr().err
