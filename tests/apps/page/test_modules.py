"""The page's modules in a browser, against numpy, soundfile and references in Python."""

import base64
import io
import json
import random
import re
from itertools import pairwise

import numpy as np
import pytest
import soundfile

from tests.apps.serving.support import Echo, serving

pytestmark = pytest.mark.slow
RATE = 16000


@pytest.fixture(scope="module")
def call(browser):
    """Calls JavaScript with the names of a module, arguments and a result of JSON."""
    with serving(Echo()) as server:
        browser.get(server.address)

        def run(module, names, code, *arguments):
            script = f"""const done = arguments[arguments.length - 1], given = [...arguments].slice(0, -1);
                import("/static/{module}").then(async ({{ {names} }}) => done([await (async () => {{ {code} }})()]),
                                                (error) => done(String(error)));"""
            found = browser.execute_async_script(script, *arguments)
            assert isinstance(found, list), found
            return found[0]

        yield run


@pytest.mark.parametrize("size", [1, 2, 8, 512])
def test_the_fourier_transform_is_numpys(call, size):
    values = np.random.default_rng(size).normal(size=(2, size))
    code = """const [x, y] = given.map((each) => Float64Array.from(each));
              transform(x, y);
              return [[...x], [...y]];"""
    real, imaginary = call("sound.js", "transform", code, *values.tolist())
    expected = np.fft.fft(values[0] + 1j * values[1])
    np.testing.assert_allclose(np.array(real) + 1j * np.array(imaginary), expected, atol=1e-9)


@pytest.mark.parametrize("hertz", [500, 3000, 7000])
def test_a_tone_is_loudest_at_its_frequency_and_time(call, hertz):
    samples = np.zeros(RATE // 2)
    samples[4000:] = np.sin(2 * np.pi * hertz * np.arange(4000) / RATE)
    code = "return spectrogram(Float32Array.from(given[0]), 20).map((levels) => [...levels]);"
    levels = np.array(call("sound.js", "spectrogram", code, samples.tolist()))
    column, place = np.unravel_index(levels.argmax(), levels.shape)
    assert levels.max() == 0
    assert column >= 10
    assert abs(place * RATE / 512 - hertz) <= RATE / 512
    assert levels[:9].max() < -60


def test_a_wav_of_the_browser_is_read_by_soundfile_and_the_other_way_round(call):
    samples = np.random.default_rng(0).uniform(-1.2, 1.2, 999)
    code = """const blob = encodeWav(Float32Array.from(given[0]));
              return btoa(String.fromCharCode(...new Uint8Array(await blob.arrayBuffer())));"""
    written = base64.b64decode(call("sound.js", "encodeWav", code, samples.tolist()))
    read, rate = soundfile.read(io.BytesIO(written))
    assert rate == RATE
    np.testing.assert_allclose(read, np.clip(samples, -1, 1), atol=1.6 / 32768)
    stereo = io.BytesIO()
    channels = np.random.default_rng(1).uniform(-0.5, 0.5, (1600, 2))
    soundfile.write(stereo, channels, RATE, format="WAV", subtype="FLOAT")
    code = """const bytes = Uint8Array.from(atob(given[0]), (letter) => letter.charCodeAt(0));
              return [...await decode(new Blob([bytes]))];"""
    decoded = call("sound.js", "decode", code, base64.b64encode(stereo.getvalue()).decode())
    np.testing.assert_allclose(decoded, channels.mean(1), atol=1e-6)


def common(first, second):
    """Length of the longest common subsequence."""
    row = [0] * (len(second) + 1)
    for a in first:
        before = row
        row = [0]
        for place, b in enumerate(second):
            row.append(before[place] + 1 if a == b else max(before[place + 1], row[-1]))
    return row[-1]


def test_a_difference_is_whole_and_shortest(call):
    drawn = random.Random(0)
    words = lambda: "".join(f"{drawn.choice('abcd')} " for _ in range(drawn.randrange(12)))  # noqa: E731
    texts = [[words(), words()] for _ in range(200)]
    texts += [["", ""], ["a b", ""], ["", "a b"], ["same", "same"], ["你好世界", "你好地球"]]
    found = call("diff.js", "difference", "return given[0].map(([a, b]) => difference(a, b));", texts)
    for (before, after), parts in zip(texts, found, strict=True):
        assert "".join(part["text"] for part in parts if part["kind"] != "added") == before
        assert "".join(part["text"] for part in parts if part["kind"] != "removed") == after
        assert all(one["kind"] != two["kind"] for one, two in pairwise(parts))
    for (before, after), parts in list(zip(texts, found, strict=True))[:200]:
        kept = sum(len(part["text"]) for part in parts if part["kind"] == "same")
        assert kept == common(before, after)  # a letter and a space are a word each


@pytest.mark.parametrize("text", ["Tesla was born in 1856.", "𝔗esla 👩‍🔬 wäs born", "中文 答案"])
def test_a_span_counts_code_points_as_python_does(call, text):
    for start, end in ((0, 1), (2, 6), (len(text) - 1, len(text))):
        found = call("answer.js", "spanOf", "return spanOf(...given);", text, start, end)
        assert found == [text[:start], text[start:end], text[end:]]


def shown(call, answer, **asked):
    """The text of each element of an answer, its markup, and what is marked."""
    code = """const elements = answerElements(...JSON.parse(given[0]));
              const box = document.createElement("div"); box.append(...elements);
              const marked = [...box.querySelectorAll("mark, ins, del")].map((e) => [e.localName, e.textContent]);
              return [elements.map((e) => e.textContent), box.innerHTML, marked];"""
    asked = {"text": "", "short": True, "correct": False, **asked}
    return call("answer.js", "answerElements", code, json.dumps([answer, asked]))


def test_an_answer_that_is_not_known_tells_its_guess_and_its_set(call):
    details = {"best_guess": "red"}
    answer = {"text": "I do not know", "known": False, "coverage": 0.9, "details": details}
    texts, markup, _ = shown(call, answer | {"answer_set": ["red", "blue"]})
    assert texts[:3] == ["I do not know", "Its best guess: red", "With probability 90% one of: red, blue"]
    assert "unknown" in markup
    assert shown(call, answer | {"details": {"uncalibrated": "too few"}})[0][1] == "too few"


def test_sources_are_passages_with_the_answer_marked_and_paths_with_their_query(call):
    passage = {
        "kind": "passage",
        "id": "7",
        "title": "Ada",
        "text": "🎻 Ada wrote it.",
        "start": 2,
        "end": 5,
        "score": 1.5,
    }
    path = {"kind": "path", "id": "q", "title": "", "text": "Ada → wrote → it", "details": {"sparql": "SELECT ?x"}}
    texts, _, marked = shown(call, {"text": "Ada", "confidence": 0.0001, "sources": [passage, path]})
    assert texts == [
        "Ada",
        "Probability <0.1%",
        "Sources1. Ada score 1.50🎻 Ada wrote it.2. q Ada → wrote → itSELECT ?x",
    ]
    assert marked == [["mark", "Ada"]]
    found = {"text": passage["text"], "sources": [passage]}
    assert shown(call, found)[0] == ["Source1. Ada score 1.50🎻 Ada wrote it."]  # once


def test_a_correction_marks_what_changed(call):
    _, _, marked = shown(call, {"text": "a blue cat"}, text="a bleu cat", correct=True)
    assert marked == [["del", "bleu"], ["ins", "blue"]]
    assert "Nothing is changed." in shown(call, {"text": "a cat"}, text="a cat", correct=True)[0][0]


def test_frames_of_a_video_are_bars_by_their_weight(call):
    clip = {"kind": "video", "shape": [4], "weights": [0.1, 0.4, -0.2, 0.2], "labels": []}
    markup = shown(call, {"text": "left", "highlights": {"clip": clip}})[1]
    assert re.findall(r"height: (\d+)%", markup) == ["25", "100", "0", "50"]
    assert "Most weight: frame 2 of 4" in markup


def test_markup_in_an_answer_stays_text(call):
    evil = "<img src=x onerror=alert(1)>"
    source = {"kind": "passage", "id": evil, "title": evil, "text": f"{evil}!"}
    words = {"kind": "text", "shape": [1], "weights": [1], "labels": [evil]}
    answer = {"text": evil, "sources": [source], "probabilities": {evil: 1}, "contributions": {evil: -0.5}}
    answer |= {"highlights": {evil: words}, "answer_set": [evil], "details": {"highlights": evil, "best_guess": evil}}
    texts, markup, _ = shown(call, answer)
    assert "".join(texts).count(evil) >= 9
    assert "<img" not in markup


MODELS = [
    {"name": "scenes", "kind": "classify", "task": "classification", "modalities": {"text": "text", "image": "image"}},
    {"name": "reader", "kind": "classify", "task": "span", "modalities": {"question": "text", "context": "text"}},
    {"name": "captions", "kind": "describe", "task": "generation", "modalities": {"image": "image"}},
    {"name": "index", "kind": "find", "task": "find", "modalities": {"text": "text"}},
    {"name": "answers", "kind": "rewrite", "task": "open_answers", "modalities": {"text": "text"}},
    {"name": "german", "kind": "rewrite", "task": "translation", "modalities": {"text": "text"}},
    {"name": "spelling", "kind": "rewrite", "task": "correction", "modalities": {"text": "text"}},
    {"name": "short", "kind": "rewrite", "task": "summarization", "modalities": {"text": "text"}},
    {"name": "other", "kind": "rewrite", "task": "a task of a plug-in", "modalities": {"text": "text"}},
    {"name": "talk", "kind": "converse", "task": "dialogue", "modalities": {"messages": "text"}},
    {"name": "gpt", "kind": "continue", "task": "continuation", "modalities": {"text": "text"}},
]


def test_every_model_has_one_task(call):
    code = "return tasksOf(given[0]).map(({ id, models }) => [id, models.map(({ name }) => name)]);"
    found = dict(call("models.js", "tasksOf", code, MODELS))
    assert found == {
        "ask": ["scenes", "reader", "captions"], "look-up": ["index", "answers"], "translate": ["german"],
        "correct": ["spelling"], "summarise": ["short"], "rewrite": ["other"], "chat": ["talk"], "continue": ["gpt"],
    }  # fmt: skip


@pytest.mark.parametrize(
    ("names", "texts"),
    [
        (["scenes"], [None]), (["reader"], ["question", "context"]), (["captions"], [None]), (["german"], [None]),
        (["scenes", "reader"], ["text", "question", "context"]), ([], []),
    ],
)  # fmt: skip
def test_texts_are_asked_by_name_where_a_model_has_several(call, names, texts):
    chosen = [model for model in MODELS if model["name"] in names]
    assert call("models.js", "textsOf", "return textsOf(JSON.parse(given[0]));", json.dumps(chosen)) == texts


@pytest.mark.parametrize(
    ("tag", "words"), [(">>de<<", "German (de)"), (">>zh-Hant<<", "Traditional Chinese (zh-Hant)"), ("??", "??")]
)
def test_tags_are_languages_in_words(call, tag, words):
    assert call("models.js", "languageOf", "return languageOf(given[0]);", tag) == words
