"""`interlace serve` as a command: its screen, its stop by signals, and what it refuses before it loads a model."""

import os
import re
import signal
import subprocess
import sys

import pytest
import torch
from openai import OpenAI

from interlace.cli.application import run
from interlace.cli.serve import opened
from interlace.configuration.devices import torch_device
from interlace.errors import UserError
from interlace.runs import load_run
from tests.apps.serving.support import client, picture, picture_part, serving


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
        assert "takes text, image, audio; gives one of 9 classes" in screen[2]
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


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        ([], "nothing to serve; name a run's directory, or an index with --index"),
        (["no/such"], "no/such: not a run directory (no such folder)"),
        (["--index", "no/such"], "--index no/such: not an index (it has no index.json)"),
    ],
)
def test_places_that_are_neither_runs_nor_indexes_are_told(arguments, told, capsys):
    assert run(["serve", *arguments]) == 2
    assert told in capsys.readouterr().err


def test_an_index_is_served_and_read(tmp_path, monkeypatch):
    folder = tmp_path / "notes"
    folder.mkdir()
    for name, text in (("a", "The tower was built in Paris in 1889."), ("b", "Cats sleep most of the day.")):
        (folder / f"{name}.txt").write_text(text)
    assert run(["index", str(folder), "--output", str(tmp_path / "index"), "--retriever", "bm25"]) == 0
    with serving(*opened([tmp_path / "index"]).values()) as server:
        (model,) = client(server).models.list()
        asked = [{"role": "user", "content": "when was the tower built ?"}]
        message = client(server).chat.completions.create(model=model.id, messages=asked).choices[0].message
    assert "1889" in message.content
    assert message.interlace["sources"][0]["text"] == message.content


def test_a_gpu_that_is_not_there_is_told(monkeypatch):
    monkeypatch.setattr("torch.cuda.is_available", lambda: False)
    with pytest.raises(UserError, match="--device cuda: no GPU that torch can use is here"):
        torch_device("cuda")
    assert torch_device("auto") == torch_device("cpu") == "cpu"


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU")
def test_answers_on_a_gpu_are_those_on_the_cpu(scenes):
    on_gpu = load_run(scenes.directory, "cuda")
    assert next(on_gpu.kept_model.parameters()).is_cuda
    record = {"text": "is the circle red ?"}
    (expected,), (found,) = scenes.predict([record]), on_gpu.predict([record])
    assert found["prediction"] == expected["prediction"]
    assert found["probabilities"] == pytest.approx(expected["probabilities"], abs=1e-5)


def test_a_missing_extra_is_one_sentence(scenes, monkeypatch, capsys):
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    assert run(["serve", str(scenes.directory)]) == 2
    expected = "interlace serve: it needs starlette and uvicorn; install them: pip install 'interlace[apps]'"
    assert expected in capsys.readouterr().err
