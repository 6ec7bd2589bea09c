"""The server's answers are those of `predict`, whatever else is asked at the same time."""

import json
from concurrent.futures import ThreadPoolExecutor

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from interlace.apps.opening import open_answerers
from tests.apps.serving.support import ask, chat, picture, picture_part, serving, sound, sound_part

QUESTIONS = (
    "is the circle red ?",
    "which shape is it ?",
    "is the tone low ?",
    "red",
    "what colour is the triangle now ?",
)


@pytest.fixture(scope="module")
def server(scenes):
    (run,) = open_answerers([scenes.directory]).values()
    with serving(run, batch=5) as running:
        yield running
        figures = dict(
            line.split() for line in running.service.metrics.text({}).split("\n") if line.startswith("interlace_")
        )
    labels = f'{{model="{run.description.name}"}}'
    batches, questions = (float(figures[f"interlace_{name}_total{labels}"]) for name in ("batches", "questions"))
    assert questions > batches, "no two questions met in a batch, so the tests showed nothing"


@pytest.fixture(scope="module")
def expected(scenes, tmp_path_factory):
    """The prediction of each combination of a question with or without a picture and a sound, each alone."""
    folder, found = tmp_path_factory.mktemp("media"), {}
    rate = scenes.data_for_prediction().modalities["audio"].sample_rate
    for number in range(3):
        (folder / f"{number}.png").write_bytes(picture(number, 16 + 20 * number))
        (folder / f"{number}.wav").write_bytes(sound(number, rate, 0.1 + 0.05 * number))
    for text in range(len(QUESTIONS)):
        for image in (None, 0, 1, 2):
            for audio in (None, 0, 1, 2):
                record = {"text": QUESTIONS[text]}
                record |= {} if image is None else {"image": f"{image}.png"}
                record |= {} if audio is None else {"audio": f"{audio}.wav"}
                (found[text, image, audio],) = scenes.predict([record], folder)
    return folder, found


chosen = st.tuples(
    st.integers(0, len(QUESTIONS) - 1), st.sampled_from([None, 0, 1, 2]), st.sampled_from([None, 0, 1, 2])
)


@settings(max_examples=8, deadline=None)
@given(asked=st.lists(chosen, min_size=1, max_size=12))
def test_class_and_probabilities_are_those_of_predict_whatever_else_is_in_the_batch(server, expected, asked):
    folder, alone = expected
    name = next(iter(server.service.workers))

    def answer(key):
        text, image, audio = key
        parts = [{"type": "text", "text": QUESTIONS[text]}]
        parts += [] if image is None else [picture_part((folder / f"{image}.png").read_bytes())]
        parts += [] if audio is None else [sound_part((folder / f"{audio}.wav").read_bytes())]
        status, _, body = ask(server, chat(parts, model=name))
        assert status == 200, body
        return json.loads(body)["choices"][0]["message"]

    with ThreadPoolExecutor(len(asked)) as pool:
        for key, message in zip(asked, pool.map(answer, asked), strict=True):
            assert message["content"] == str(alone[key]["prediction"])
            assert message["interlace"]["probabilities"] == pytest.approx(alone[key]["probabilities"], abs=1e-5)


@pytest.mark.parametrize("name", ["languages", "beams", "dialogue"])
def test_tokens_are_those_of_predict_alone_in_a_batch_and_streamed(text_run, name):
    run = text_run(name)
    (answerer,) = open_answerers([run.directory]).values()
    texts = ["the dog", "a red cat sees the dog", "the", "cat a", "a latte"]
    start = ">>de<< " if name == "languages" else ""
    records = [
        {"messages": [{"role": "user", "content": text}]} if name == "dialogue" else {"text": start + text}
        for text in texts
    ]
    expected = [run.predict([record])[0]["text"] for record in records]
    with serving(answerer) as server, ThreadPoolExecutor(5) as pool:
        model = answerer.description.name
        asked = [chat(start + text, model=model) for text in texts]
        replies = [json.loads(body)["choices"][0] for _, _, body in pool.map(lambda body: ask(server, body), asked)]
        assert [each["message"]["content"] for each in replies] == expected
        for body, reply in zip(asked, replies, strict=True):
            raw = ask(server, {**body, "stream": True})[2].decode()
            events = [line[6:] for line in raw.split("\n") if line.startswith("data: {")]
            pieces = [json.loads(each)["choices"][0]["delta"].get("content", "") for each in events]
            assert "".join(pieces) == reply["message"]["content"]
