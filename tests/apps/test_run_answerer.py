"""Runs as answerers: the predictions of `predict`, whatever else is in a batch, and errors in their places."""

import io

import numpy as np
import pytest
import soundfile
from PIL import Image

from interlace.apps.answers import Media, Question
from interlace.apps.opening import open_answerers
from interlace.configuration.compose import compose
from interlace.errors import UserError
from interlace.training import train

SMALL = ["trainer.max_epochs=1", *(f"trainer.limit_{split}_batches=1" for split in ("train", "val", "test")),
         "logger=none"]  # fmt: skip


@pytest.fixture(scope="module")
def scenes(tmp_path_factory):
    return train(compose(["experiment=scenes", *SMALL]), outputs=tmp_path_factory.mktemp("scenes"), quiet=True)


def picture(seed, size=32):
    stream = io.BytesIO()
    Image.fromarray(np.random.default_rng(seed).integers(0, 255, (size, size, 3), dtype=np.uint8)).save(stream, "png")
    return Media("image", stream.getvalue(), ".png")


def sound(seed, rate):
    stream = io.BytesIO()
    soundfile.write(stream, np.random.default_rng(seed).normal(0, 0.1, rate // 4), rate, format="wav")
    return Media("audio", stream.getvalue(), ".wav")


def test_a_question_with_a_picture_and_a_sound_is_answered_as_predict_does(scenes, tmp_path):
    (answerer,) = open_answerers([scenes.directory]).values()
    assert answerer.description.kind == "classify"
    assert "circle" in answerer.description.classes
    spec = scenes.data_for_prediction().modalities["audio"]
    asked = [Question("is the circle red ?", media=(picture(n), sound(n, spec.sample_rate))) for n in range(3)]
    together = answerer.answer([asked[0], Question("x", media=(picture(0), picture(1))), Question(), asked[1]])
    assert isinstance(together[1], UserError)
    assert "image number 2 has no place" in str(together[1])
    assert "nothing is asked" in str(together[2])
    for question, answer in zip(asked, (together[0], together[3]), strict=False):
        (tmp_path / "picture.png").write_bytes(question.media[0].data)
        (tmp_path / "sound.wav").write_bytes(question.media[1].data)
        given = {"image": "picture.png", "audio": "sound.wav", "text": question.text}
        (expected,) = scenes.predict([given], tmp_path)
        assert answer.text == expected["prediction"]
        assert answer.probabilities == pytest.approx(expected["probabilities"], abs=1e-5)
        assert answer.confidence == answer.probabilities[answer.text]


def test_runs_of_one_name_are_told_apart_and_a_run_is_given_once(scenes, tmp_path):
    with pytest.raises(UserError, match="given twice; name each run once"):
        open_answerers([scenes.directory, scenes.directory])
    other = train(compose(["experiment=scenes", *SMALL]), outputs=tmp_path, quiet=True)
    names = list(open_answerers([scenes.directory, other.directory]))
    assert names[1] == f"{names[0]} (2)"
