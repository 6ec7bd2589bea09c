"""Texts about scenes: they follow from what is drawn; controls, balance, determinism, errors."""

from collections import Counter
from collections.abc import Callable

import numpy as np
import pytest

from interlace.data.datamodule import DataModule
from interlace.errors import UserError
from interlace.scenes.datamodule import Scenes
from interlace.scenes.language.grammar import SHAPE_NOUNS
from interlace.scenes.settings import SHAPES

SMALL = {"num_train": 600, "num_val": 20, "num_test": 40, "image_size": 16, "sample_rate": 4000, "seconds": 0.1}
WRITING = "interlace.scenes.language.writing."
CAPTIONS = {"_target_": WRITING + "Captions", "about": "scene", "languages": ["fr", "en"]}
ANSWERS = {"_target_": WRITING + "Answers", "sentences": True}
TRANSLATION = {"_target_": WRITING + "Translation", "targets": ["de", "fr", "zh"], "masked_words": 0.0}


@pytest.fixture
def texts(build: Callable[..., DataModule]) -> Callable[..., DataModule]:
    def make(name: str, **options) -> DataModule:
        data = build(name, **{**SMALL, **options})
        data.prepare()
        return data

    return make


def test_pictures_and_sounds_are_those_of_scenes(texts) -> None:
    plain, written = texts("scenes"), texts("scenes_answers", write=ANSWERS)
    for name in ("image", "audio"):
        assert np.array_equal(plain.splits["test"].arrays[name].x, written.splits["test"].arrays[name].x)
    assert written.splits["test"].prompts == plain.splits["test"].texts["text"]
    assert list(written.modalities) == ["image", "audio"]
    assert written.task == "generation"
    words = texts("scenes_answers", write={**ANSWERS, "sentences": False})
    classes = plain.classes
    assert words.splits["test"].targets == [classes[label] for label in plain.splits["test"].labels]
    kinds = written.splits["train"].groups["requires"]
    assert Counter(kinds) == {"text": 75, "image": 150, "audio": 75, "both": 225, "either": 75}


def test_answers_have_the_ceilings_of_scenes_with_the_question(texts) -> None:
    ideal, plain = texts("scenes_answers").describe()["ideal"], texts("scenes").describe()["ideal"]
    assert ideal["prompt"] == plain["text"]
    assert ideal["prompt+image"] == plain["text+image"]
    assert ideal["prompt+audio"] == plain["text+audio"]
    assert set(ideal) == {"prompt", "prompt+image", "prompt+audio", "prompt+image+audio"}


def test_captions_name_the_object_that_sounds_and_languages_take_turns(texts) -> None:
    data = texts("scenes_captions", write=CAPTIONS)
    world = _world(data, "train")
    split = data.splits["train"]
    assert Counter(split.groups["language"]) == {"en": 300, "fr": 300}
    for row in range(len(split)):
        noun = SHAPE_NOUNS[SHAPES[world.sound_shape[row]]]
        language = split.groups["language"][row]
        assert split.prompts[row] == f">>{language}<<"
        assert (noun.en if language == "en" else noun.fr) in split.targets[row]
    scenes = Counter(zip(world.sound_shape.tolist(), world.colour.tolist(), world.pitch.tolist(), strict=True))
    assert len(scenes) == 27
    assert max(scenes.values()) - min(scenes.values()) <= 1, "no caption is more frequent than another"


def test_translations_are_of_the_one_that_is_meant(texts) -> None:
    data = texts("scenes_translation", write={**TRANSLATION, "targets": ["de"]})
    world, split = _world(data, "train"), data.splits["train"]
    pronoun = {"m": "Der andere", "f": "Die andere", "n": "Das andere"}
    for row in np.flatnonzero(split.groups["requires"] == "both"):
        assert world.sounding[row] == 0
        other = SHAPE_NOUNS[SHAPES[world.shapes[row, 1]]]
        assert split.prompts[row] == ">>de<< The other one is silent."
        assert split.targets[row] == f"{pronoun[other.de_gender]} ist still."
    for row in np.flatnonzero(split.groups["requires"] == "image"):
        shown = dict(zip(world.colours[row], world.shapes[row], strict=True))
        meant = SHAPE_NOUNS[SHAPES[shown[world.colour[row]]]]
        assert split.targets[row].startswith({"m": "Dieser ", "f": "Diese ", "n": "Dieses "}[meant.de_gender])


def test_words_are_hidden_more_and_more(texts) -> None:
    shares = (0.0, 0.4, 0.7, 1.0)
    made = [texts("scenes_translation", write={**TRANSLATION, "masked_words": share}) for share in shares]
    hidden = [
        [[word.rstrip(".") == "_" for word in prompt.split()[1:]] for prompt in data.splits["train"].prompts]
        for data in made
    ]
    flat = [np.concatenate([np.array(row) for row in rows]) for rows in hidden]
    assert not flat[0].any()
    assert flat[3].all()
    assert 0.35 < flat[1].mean() < 0.45
    assert (flat[2] | ~flat[1]).all(), "what is hidden at 0.4 is hidden at 0.7"
    assert all(prompt.startswith(">>") and prompt.endswith(".") for prompt in made[3].splits["train"].prompts)
    assert len({data.fingerprint for data in made}) == len(shares)
    targets = [data.splits["train"].targets for data in made]
    assert targets[0] == targets[3]


def test_controls_show_another_scene_or_none(texts) -> None:
    right = texts("scenes_captions")
    wrong = texts("scenes_captions", test_image="wrong")
    none = texts("scenes_captions", audio="none")
    rows = np.arange(40)
    seen, other = (data.splits["test"].batch(rows)["inputs"]["image"].x.numpy() for data in (right, wrong))
    matches = [[np.array_equal(a, b) for b in seen] for a in other]
    assert not np.diagonal(matches).any()
    assert np.array(matches).any(1).all(), "every wrong picture is one of the split"
    assert np.array(matches).any(0).all(), "and each is shown"
    train = [data.splits["train"].batch(rows)["inputs"]["image"].x.numpy() for data in (right, wrong)]
    assert np.array_equal(*train)
    heard = none.splits["train"].batch(rows)["inputs"]["audio"]
    assert not heard.present.any()
    assert not heard.x.any()
    assert len({data.fingerprint for data in (right, wrong, none)}) == 3


def test_the_same_options_are_the_same_texts_and_fingerprint(texts) -> None:
    options = {"write": {**TRANSLATION, "masked_words": 0.5}}
    one, two, other = (texts("scenes_translation", seed=seed, **options) for seed in (0, 0, 1))
    assert one.splits["train"].prompts == two.splits["train"].prompts
    assert one.splits["train"].targets == two.splits["train"].targets
    assert one.fingerprint == two.fingerprint != other.fingerprint


def test_bad_options_are_told(texts) -> None:
    with pytest.raises(UserError, match=r"data.write.languages: got \['en', 'en'\]; name each language once"):
        texts("scenes_captions", write={**CAPTIONS, "languages": ["en", "en"]})
    with pytest.raises(UserError, match=r"data.kinds.both: .* needs two objects and one sound, .* have 3 and 1"):
        texts("scenes_translation", num_objects=3)
    with pytest.raises(UserError, match="which has 1; use at least two"):
        texts("scenes_captions", image="wrong", num_val=1)


def _world(data: DataModule, split: str):
    """What was drawn, by the generator of scenes."""
    from interlace.scenes.world import draw_world

    assert isinstance(data, Scenes)
    number = ("train", "val", "test").index(split)
    rng = np.random.Generator(np.random.PCG64([data.seed, number]))
    return draw_world(rng, data.sizes[split], data.settings, data.kinds)
