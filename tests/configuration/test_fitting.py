"""Parts that do not fit each other are told when a configuration is composed, and the tables agree with the classes."""

import pytest

from interlace.configuration.compose import compose, compose_node
from interlace.configuration.construction import constructor, located
from interlace.configuration.fitting import (
    CLASSICAL,
    CORPUS_MODELS,
    DIALOGUES,
    DIRECTION,
    HOLD,
    KINDS,
    LABELS,
    LEARNS_FROM,
    PAIRS,
    PASSAGES,
    RETRIEVERS,
    TARGETS,
    TEXT,
    TRAINS,
)
from interlace.configuration.names import choices
from interlace.data.corpus import Corpus
from interlace.data.datamodule import DataModule
from interlace.data.dialogue import Dialogues
from interlace.data.parallel import ParallelText
from interlace.data.passages import Passages
from interlace.errors import UserError
from interlace.models.base import LanguageModel
from interlace.models.text_algorithm import TextAlgorithm
from interlace.objectives.dialogue import DialogueLM
from interlace.objectives.joint import JointObjective
from interlace.objectives.language import LanguageObjective
from interlace.objectives.retrieval import RankingObjective
from interlace.objectives.target_text import TargetText
from interlace.objectives.text_to_text import TextToText
from interlace.objectives.wait_k import WaitK


def named(group):
    """Each choice of a group in conf/, and the class that it names."""
    return {name: located(compose_node(group, name)["_target_"]) for name in choices(group)}


def test_what_an_objective_learns_from_and_which_models_it_trains_is_as_its_class_says():
    classes = named("objective")
    assert set(LEARNS_FROM) == set(classes)
    for name, found in classes.items():
        wanted = LABELS if not issubclass(found, LanguageObjective) else TEXT
        by_class = {TargetText: TARGETS, TextToText: PAIRS, WaitK: PAIRS, DialogueLM: DIALOGUES}
        wanted = by_class.get(found, wanted)
        wanted = PASSAGES if issubclass(found, RankingObjective) else wanted
        assert LEARNS_FROM[name] == wanted, name
        if issubclass(found, LanguageObjective) and found is not JointObjective:
            assert TRAINS[name] == found.directions, name
        else:
            assert name not in TRAINS


def test_every_model_reads_in_the_direction_of_its_class():
    for name, found in named("model").items():
        if isinstance(found, type) and issubclass(found, LanguageModel):
            assert DIRECTION[name] == found.direction, name
        elif isinstance(found, type) and issubclass(found, TextAlgorithm):
            assert name not in (*DIRECTION, *CLASSICAL, *CORPUS_MODELS), name
        else:
            assert name in (*CLASSICAL, *CORPUS_MODELS, *RETRIEVERS, "pretrained"), name


@pytest.mark.parametrize("name", choices("fusion"))
def test_a_fusion_needs_a_head_unless_its_class_decides(name):
    overrides = ["experiment=scenes", f"fusion={name}", "head=null"]
    if named("fusion")[name].decides:
        assert compose(overrides)["head"] is None
    else:
        with pytest.raises(UserError, match=f"head: null, and fusion={name} joins the modalities"):
            compose(overrides)


def test_what_data_hold_is_as_their_class_says():
    classes = named("data")
    assert set(HOLD) == set(classes)
    told = set()
    for name, found in classes.items():
        node = compose_node("data", name)
        if not issubclass(found, DataModule):
            wanted = {Dialogues: DIALOGUES, ParallelText: PAIRS, Passages: PASSAGES, Corpus: TEXT}
            found_in = next((what for kind, what in wanted.items() if issubclass(found, kind)), None)
            assert HOLD[name] == {found_in}, name
            continue
        assert HOLD[name] <= {LABELS, TARGETS}, name
        task = getattr(constructor(node)(), "task", None) if "???" not in node.values() else None
        if task is not None:  # a manifest's is told by its lines
            assert (HOLD[name] == {TARGETS}) == (task == "generation"), name
            told.add(name)
    assert {"interactions", "scenes", "scenes_captions", "scenes_video_captions", "noto_emoji_captions"} <= told
    assert set(KINDS) == {name for name, held in HOLD.items() if held == {LABELS}}


@pytest.mark.parametrize("name", ["interactions", "scenes", "scenes_sentiment", "scenes_videos"])
def test_the_kinds_of_built_in_data_are_those_of_their_modalities(name):
    data = constructor(compose_node("data", name) | {"num_train": 16, "num_val": 16, "num_test": 16})()
    data.prepare()
    assert {spec.kind for spec in data.modalities.values()} == set(KINDS[name])


GPT = ["experiment=pretrain/gpt"]
FOREIGN = [name for name in LEARNS_FROM if name != "supervised"]


@pytest.mark.parametrize(
    ("overrides", "message"),
    [
        *((["experiment=scenes", "fusion=null", f"model={model}"], rf"fusion=null: .*model={model} alone")
          for model in DIRECTION),
        *((["experiment=interactions", f"objective={name}"], rf"objective={name}: .*choose objective=supervised")
          for name in FOREIGN),
        *(([*GPT, f"objective={name}"], rf"objective={name}: .*choose objective=causal")
          for name in LEARNS_FROM if name not in ("causal", "joint")),
        *((["experiment=scenes", f"encoder/{kind}=null"], rf"encoder/{kind}: null, .*choose encoder/{kind}=")
          for kind in ("text", "image")),
        (["experiment=scenes", "encoder/audio=null"], r"encoder.audio: .*choose one with encoder/audio=NAME"),
        ([*GPT, "data=null"], r"data: expected a component .*choose one with data=NAME"),
        (["experiment=scenes", "head=null"], r"head: null, and fusion=attention .*head=classification, .* or token"),
        (["experiment=interactions", "head=null"], r"head: null, .*or a fusion that decides by itself, such as"),
        ([*GPT, "finetuning=frozen_encoders"], r"finetuning=frozen_encoders: this run has no encoders"),
        ([*GPT, "finetuning=lora", "finetuning.frozen_encoders=all"], r"finetuning\.frozen_encoders: this run has no"),
        ([*GPT, "model=bert"], r"objective=causal: it trains causal models, and bert is masked; choose objective=mask"),
        ([*GPT, "model=linear"], r"model=linear: .*data=corpus has running text and no labels"),
        (["data=corpus", "data.name=war-and-peace"], r"data=corpus: .*add fusion=null"),
        (["data=scenes_captions"], r"decoder: data=scenes_captions ask for texts"),
        (["experiment=interactions", "model=ngram"], r"model=ngram: no encoder takes this model; add fusion=null"),
        (["experiment=manifest", "data.path=m.jsonl", "data.val_fraction=1"], r"data.val_fraction: .*leave nothing"),
        (["experiment=manifest", "data.path=m.jsonl", "data.val_fraction=0"], r"data.val_fraction: got 0; should be"),
    ],
)  # fmt: skip
def test_what_does_not_fit_is_one_sentence_that_names_choice_and_mend(overrides, message):
    with pytest.raises(UserError, match=message) as told:
        compose(overrides)
    assert "\n" not in str(told.value)


@pytest.mark.parametrize("name", choices("experiment"))
def test_every_experiment_fits(name):
    problem = None
    try:
        compose([f"experiment={name}"])
    except UserError as error:
        problem = str(error)
    assert problem is None or "a value is required" in problem  # a path or a parent, which a recipe leaves to its user
