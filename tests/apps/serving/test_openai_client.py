"""The official `openai` client against the server: pictures, sounds, texts, streams and errors."""

import openai
import pytest

from interlace.apps.opening import open_answerers
from tests.apps.serving.support import Echo, client, picture, picture_part, serving, sound, sound_part


@pytest.fixture(scope="module")
def server(scenes):
    echo = Echo(streams=True)
    (run,) = open_answerers([scenes.directory]).values()
    with serving(run, echo) as running:
        yield running


def content(scenes, number=0):
    rate = scenes.data_for_prediction().modalities["audio"].sample_rate
    return [
        {"type": "text", "text": "is the circle red ?"},
        picture_part(picture(number)),
        sound_part(sound(number, rate)),
    ]


def test_models_tell_what_they_take(server, scenes):
    first, second = client(server).models.list()
    assert second.id == "echo"
    assert first.interlace["kind"] == "classify"
    assert first.interlace["modalities"] == {"text": "text", "image": "image", "audio": "audio"}


def test_a_picture_a_sound_and_a_question_are_answered_as_predict_does(server, scenes, tmp_path):
    name = next(iter(server.service.workers))
    rate = scenes.data_for_prediction().modalities["audio"].sample_rate
    (tmp_path / "picture.png").write_bytes(picture(3))
    (tmp_path / "sound.wav").write_bytes(sound(3, rate))
    record = {"image": "picture.png", "audio": "sound.wav", "text": "is the circle red ?"}
    (expected,) = scenes.predict([record], tmp_path)
    asked = [{"role": "system", "content": "be brief"}, {"role": "user", "content": content(scenes, 3)}]
    made = client(server).chat.completions.create(model=name, messages=asked)
    message = made.choices[0].message
    assert (message.content, made.choices[0].finish_reason) == (expected["prediction"], "stop")
    assert message.interlace["probabilities"] == pytest.approx(expected["probabilities"], abs=1e-5)
    chunks = list(client(server).chat.completions.create(model=name, messages=asked, stream=True))
    assert "".join(chunk.choices[0].delta.content or "" for chunk in chunks) == expected["prediction"]
    assert chunks[-1].choices[0].delta.interlace == message.interlace
    assert chunks[-1].choices[0].finish_reason == "stop"


def test_a_stream_comes_piece_by_piece(server):
    made = client(server).chat.completions.create(
        model="echo", messages=[{"role": "user", "content": "a b c"}], stream=True
    )
    pieces = [chunk.choices[0].delta.content for chunk in made]
    assert pieces == ["", "a", "b", "c", None]
    assert made.response.headers["content-type"].startswith("text/event-stream")


@pytest.mark.parametrize(
    ("fields", "error", "told"),
    [
        ({"model": "../../etc/passwd"}, openai.NotFoundError, "model: not open here; expected one of"),
        ({"messages": []}, openai.BadRequestError, "messages: expected a list"),
        ({"n": 2}, openai.BadRequestError, "n: this server gives one answer"),
        ({"messages": [{"role": "user", "content": "x" * 100_001}]}, openai.APIStatusError, "100001 characters"),
    ],
)
def test_errors_are_exceptions_of_the_client(server, fields, error, told):
    with pytest.raises(error, match=told):
        client(server).chat.completions.create(
            **{"model": "echo", "messages": [{"role": "user", "content": "x"}], **fields}
        )


@pytest.mark.parametrize("stream", [False, True])
def test_a_question_that_cannot_be_answered_is_an_error_before_the_stream(server, stream, scenes):
    name = next(iter(server.service.workers))
    with pytest.raises(openai.BadRequestError, match="nothing is asked"):
        client(server).chat.completions.create(model=name, messages=[{"role": "user", "content": ""}], stream=stream)
