"""Runs as answerers: the predictions of `predict`, whatever else is in a batch, and errors in their places."""

import io
import json

import numpy as np
import pytest
import soundfile
import torch
from PIL import Image

from interlace.analysis.calibration import FILE, calibrate
from interlace.apps.answers import Media, Question
from interlace.apps.opening import open_answerer, open_answerers
from interlace.configuration.compose import compose
from interlace.errors import UserError
from interlace.training import train
from tests.apps.conftest import SMALL


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


def test_contributions_add_up_and_highlights_fit_the_modalities(scenes):
    answerer = open_answerer(scenes.directory)
    rate = scenes.data_for_prediction().modalities["audio"].sample_rate
    whole = Question("what colour is the circle ?", media=(picture(0), sound(0, rate)))
    both, alone, plain = (
        *answerer.answer([whole, Question("what colour is the circle ?")], explain=True),
        *answerer.answer([whole]),
    )
    assert plain.contributions is None
    assert set(both.contributions) == {"text", "image", "audio"}
    assert set(alone.contributions) == set(alone.highlights) == {"text"}
    model, data = scenes.model(), scenes.data_for_prediction()
    with torch.no_grad():
        nothing = data.encode([{"text": "x"}], scenes.directory).batch(np.zeros(1, dtype=int))["inputs"]
        nothing = {name: raw._replace(present=torch.zeros(1, dtype=torch.bool)) for name, raw in nothing.items()}
        floor = model(nothing)[0].softmax(-1)[0]
    for answer in (both, alone):
        expected = answer.confidence - float(floor[data.classes.index(answer.text)])
        assert sum(answer.contributions.values()) == pytest.approx(expected, abs=1e-5)
        assert answer.highlights["text"].labels == ("what", "colour", "is", "the", "circle", "?")
        for each in answer.highlights.values():
            assert np.prod(each.shape) == len(each.weights)
    assert len(both.highlights["image"].shape) == 2


@pytest.mark.parametrize("overrides", [["fusion=late_mean"], ["modalities=[text,image]"]])
def test_a_run_without_attention_or_with_fewer_modalities_explains_too(overrides, tmp_path):
    run = train(compose(["experiment=scenes", *SMALL, *overrides]), outputs=tmp_path, quiet=True)
    answerer = open_answerer(run.directory)
    (answer,) = answerer.answer([Question("is it red ?", media=(picture(1),))], explain=True)
    assert set(answer.contributions) == set(answer.highlights) == {"text", "image"}
    if "fusion=late_mean" in overrides:
        assert "Shapley" in answer.details["highlights"]
    else:
        assert set(answerer.description.modalities) == {"text", "image"}
        (refused,) = answerer.answer([Question("is it red ?", media=(sound(0, 16000),))])
        assert "audio number 1 has no place" in str(refused)


def test_a_run_that_writes_about_pictures_and_sounds_takes_its_prompt_or_the_language_alone(tmp_path):
    small = ["data.num_train=48", "data.num_val=16", "data.num_test=16", "model.dim=16", "fusion.dim=16"]
    run = train(compose(["experiment=scenes_captions", *SMALL, *small]), outputs=tmp_path / "runs", quiet=True)
    answerer = open_answerer(run.directory, coverage=0.9)
    assert (answerer.description.kind, answerer.description.explains) == ("describe", False)
    shown = picture(1)
    (tmp_path / "picture.png").write_bytes(shown.data)
    for question, prompt in [
        (Question(">>de<<", media=(shown,)), ">>de<<"),
        (Question(tag=">>de<<", media=(shown,)), ">>de<<"),
        (Question("red ?", tag=">>fr<<", media=(shown,)), ">>fr<< red ?"),
    ]:
        (answer,) = answerer.answer([question], explain=True)
        (expected,) = run.predict([{"image": "picture.png", "prompt": prompt}], tmp_path)
        assert answer.text == expected["text"]
        assert answer.answer_set is answer.contributions is answer.highlights is None


def test_answer_sets_are_those_of_the_pattern_and_all_classes_are_no_answer(scenes):
    answerer = open_answerer(scenes.directory, coverage=0.9)
    rate = scenes.data_for_prediction().modalities["audio"].sample_rate
    asked = [Question("is it red ?"), Question(media=(picture(0), sound(0, rate)))]
    calibration = calibrate(scenes)
    for answer, present in zip(answerer.answer(asked), (("text",), ("image", "audio")), strict=True):
        limit = calibration.threshold(present, 0.9)
        expected = tuple(name for name, p in answer.probabilities.items() if 1 - p <= limit)
        assert answer.answer_set == expected
        assert answer.coverage == 0.9
        assert answer.known == (0 < len(expected) < len(answer.probabilities))
        assert (answer.text == "I do not know") == (not answer.known)
        assert answer.known or answer.details["best_guess"] in answer.probabilities
    with pytest.raises(UserError, match="coverage: got 1; expected a probability above 0 and below 1"):
        open_answerer(scenes.directory, coverage=1.0)


def test_a_level_beyond_the_validation_data_is_told(scenes):
    (answer,) = open_answerer(scenes.directory, coverage=0.9999).answer([Question("is it red ?")])
    assert answer.answer_set is None
    assert "coverage 0.9999 needs at least 9999" in answer.details["uncalibrated"]


def test_a_calibration_belongs_to_its_results_and_weights(scenes):
    first = calibrate(scenes)
    path = scenes.directory / FILE
    kept = path.read_text()
    content = json.loads(kept)
    content["scores"]["text"] = [0.25]
    path.write_text(json.dumps(content))
    assert calibrate(scenes).scores[("text",)].tolist() == [0.25]  # read, as the seal is that of the run
    for name in ("results", "weights"):
        path.write_text(json.dumps({**content, name: "other"}))
        assert (calibrate(scenes).scores[("text",)] == first.scores[("text",)]).all()
        assert path.read_text() == kept
    path.write_text("{")
    with pytest.raises(UserError, match=r"calibration\.json: not a calibration; delete it"):
        calibrate(scenes)
    path.write_text(kept)


def test_the_frames_of_a_video_are_weighed(tmp_path):
    options = [*SMALL, "data.num_train=32", "data.num_val=16", "data.num_test=16", "encoder.video.pool=false"]
    run = train(compose(["experiment=scenes_video", *options]), outputs=tmp_path, quiet=True)
    answerer = open_answerer(run.directory)
    length, _, height, width = run.data_for_prediction().modalities["video"].shape
    frames = [Image.fromarray(np.full((height, width, 3), 40 * n, np.uint8)) for n in range(4)]
    stream = io.BytesIO()
    frames[0].save(stream, "gif", save_all=True, append_images=frames[1:])
    asked = Question("what moves ?", media=(Media("video", stream.getvalue(), ".gif"),))
    (answer,) = answerer.answer([asked], explain=True)
    assert "video" in answer.contributions
    assert answer.highlights["video"].shape == (min(length, 4),)


def test_an_error_of_a_file_names_no_file_of_ours(scenes):
    rate = scenes.data_for_prediction().modalities["audio"].sample_rate
    stream = io.BytesIO()
    soundfile.write(stream, np.zeros(3 * rate), rate, format="wav")
    media = (Media("audio", stream.getvalue(), ".wav"), Media("image", b"no picture", ".png"))
    for each in media:
        (error,) = open_answerer(scenes.directory).answer([Question("what ?", media=(each,))])
        assert f"the {'sound' if each.kind == 'audio' else 'picture'}" in str(error)
        assert f"0-{each.kind}" not in str(error)


def test_without_the_validation_data_of_training_no_set_is_told(tmp_path):
    lines = [{"id": str(n), "text": f"word{n % 3}", "label": "abc"[n % 3]} for n in range(120)]
    path = tmp_path / "lines.jsonl"
    path.write_text("\n".join(map(json.dumps, lines)))
    options = ["experiment=manifest", f"data.path={path}", "trainer.max_steps=2", "logger=none"]
    run = train(compose(options), outputs=tmp_path / "out", quiet=True)
    path.write_text("\n".join(map(json.dumps, lines[:90])))
    (answer,) = open_answerer(run.directory, coverage=0.9).answer([Question("word1")])
    assert answer.answer_set is None
    assert "its data have changed since it was trained" in answer.details["uncalibrated"]
    path.unlink()
    (answer,) = open_answerer(run.directory, coverage=0.9).answer([Question("word1")])
    assert "lines.jsonl" in answer.details["uncalibrated"]
