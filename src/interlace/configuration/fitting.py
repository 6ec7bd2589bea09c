"""Checks that the parts of a run fit each other: objective, model, head, fusion, decoder, encoders and data.

The checks use the names of the choices and run before large imports; tests/configuration/test_fitting.py compares the
tables with the classes that conf/ names. The builder checks choices that are in no table. `decides` of a fusion is read
from its class, since a plug-in may have one, and only if the head or the decoder depends on it.
"""

from collections.abc import Iterable, Mapping
from typing import Any

from interlace.configuration.checking import resolve_target
from interlace.configuration.names import choices
from interlace.errors import UserError

Config = Mapping[str, Any]

# Contents of data. A manifest has labels or texts to write; only its lines show which.
LABELS, TARGETS, TEXT, PAIRS = "labels", "texts to write", "running text", "pairs of texts"
PASSAGES = "passages and queries"
DIALOGUES = "conversations"
HOLD: dict[str, frozenset[str]] = {
    **dict.fromkeys(
        ("av_digits", "glue", "graph_relations", "interactions", "reading_comprehension", "scenes", "scenes_sentiment",
         "scenes_videos", "squad", "sst2", "text_classification", "xquad"),
        frozenset({LABELS}),
    ),
    **dict.fromkeys(
        ("noto_emoji_captions", "scenes_answers", "scenes_captions", "scenes_translation", "scenes_video_captions"),
        frozenset({TARGETS}),
    ),
    "manifest": frozenset({LABELS, TARGETS}),
    "corpus": frozenset({TEXT}),
    "corrupted_text": frozenset({PAIRS}),
    "dialogsum": frozenset({PAIRS}),
    "graph_questions": frozenset({PAIRS}),
    "open_questions": frozenset({PAIRS}),
    "graph_passages": frozenset({PASSAGES}),
    "passages": frozenset({PASSAGES}),
    "squad_passages": frozenset({PASSAGES}),
    **dict.fromkeys(("multi30k", "multi30k_many", "multilingual_text", "parallel_text"), frozenset({PAIRS})),
    **dict.fromkeys(("dialogues", "taskmaster4"), frozenset({DIALOGUES})),
}  # fmt: skip

# Contents that an objective learns from.
LEARNS_FROM = {
    "supervised": LABELS,
    "target_text": TARGETS,
    **dict.fromkeys(("text_to_text", "wait_k"), PAIRS),
    **dict.fromkeys(("in_batch_negatives", "cross_encoder"), PASSAGES),
    "dialogue": DIALOGUES,
    **dict.fromkeys(("causal", "joint", "masked", "masked_next_sentence", "span_corruption"), TEXT),
}

# The direction of a model, and the directions that an objective trains (those of joint are those of its parts).
DIRECTION = {
    **dict.fromkeys(("gpt", "gpt2", "lstm"), "causal"),
    **dict.fromkeys(("bert", "roberta", "static_embedding"), "masked"),
    **dict.fromkeys(("t5", "t5_v1_1"), "seq2seq"),
}
TRAINS: dict[str, frozenset[str]] = {
    "causal": frozenset({"causal"}),
    "dialogue": frozenset({"causal"}),
    "masked": frozenset({"masked"}),
    "masked_next_sentence": frozenset({"masked"}),
    "span_corruption": frozenset({"seq2seq"}),
    "target_text": frozenset({"causal", "seq2seq"}),
    "text_to_text": frozenset({"seq2seq"}),
    "wait_k": frozenset({"seq2seq"}),
}

# Models fitted without optimizer steps: to examples, and to running text.
CLASSICAL = ("bag_of_words", "best_sentence", "linear")
CORPUS_MODELS = ("cbow", "ngram", "word2vec")

# Models that rank passages with models trained before.
RETRIEVERS = ("retriever",)

# Kinds of modalities of the built-in data.
SCENES = ("text", "image", "audio")
KINDS: dict[str, tuple[str, ...]] = {
    "av_digits": ("image", "audio"),
    "interactions": ("features",),
    **dict.fromkeys(("scenes", "scenes_sentiment"), SCENES),
    "scenes_videos": ("text", "video", "audio"),
    **dict.fromkeys(
        ("glue", "graph_relations", "reading_comprehension", "squad", "sst2", "text_classification", "xquad"), ("text",)
    ),
}
ALONE = "leave out fusion=null, or choose a whole recipe such as experiment=pretrain/gpt"


def check_fit(config: Config) -> None:
    """Raise UserError for the first choice that does not fit the others, with the reason and choices that fit."""
    if config["fusion"] is None and config["model"] is None:
        raise UserError("fusion, model: a run needs one of them; choose fusion=NAME to join modalities or model=NAME")
    chosen = {group: name for group, name in config["choices"].items() if name is not None}
    if config.get("decoder") is not None:
        _check_writing(config, chosen)
    elif config["fusion"] is not None:
        _check_answering(config, chosen)
    elif chosen.get("model") in CLASSICAL:
        _check_data(chosen, LABELS, f"model={chosen['model']}: it gives classes or numbers")
    elif chosen.get("model") in CORPUS_MODELS:
        _check_data(chosen, TEXT, f"model={chosen['model']}: it reads a corpus")
    elif chosen.get("model") in RETRIEVERS:
        _check_data(chosen, PASSAGES, f"model={chosen['model']}: it ranks passages")
    else:
        _check_language(chosen)
    if config["fusion"] is not None:
        _check_encoders(config, chosen)
    else:
        _check_no_frozen_encoders(config.get("finetuning") or {}, chosen.get("finetuning"))
    _check_text_task(config, chosen)
    _check_fractions(config["data"])


def _check_writing(config: Config, chosen: Mapping[str, str]) -> None:
    """Check that a decoder has a fusion, a language model, a generation method, and texts to learn."""
    decoder = chosen.get("decoder")
    needed = {
        "fusion": "a fusion of the modalities, or fusion=single for one modality",
        "model": "a language model, such as model=gpt or model=t5",
        "generation": "a search for texts, generation=greedy or beam",
    }
    for section, what in needed.items():
        if config[section] is None:
            raise UserError(f"{section}: decoder={decoder} needs {what}")
    for section in ("auxiliary", "multitask", "loss_weighting", "gradient_modulation"):
        if config.get(section) is not None:
            raise UserError(f"{section}: it applies to losses of labels, and decoder=... generates texts; leave it out")
    if config["generation"].get("num_return_sequences", 1) != 1:
        raise UserError("generation.num_return_sequences: one text an example is scored; set it to 1")
    if LEARNS_FROM.get(chosen.get("objective", ""), TARGETS) != TARGETS:
        raise UserError(f"objective={chosen['objective']}: decoder=... needs objective=target_text")
    _check_data(chosen, TARGETS, f"decoder={decoder}: it writes texts", "decoder=null")
    if _decides(config["fusion"]):
        raise UserError(
            f"fusion={chosen.get('fusion')}: it decides by itself and gives nothing to write about; choose a fusion "
            "that returns tokens, such as attention or single"
        )


def _check_answering(config: Config, chosen: Mapping[str, str]) -> None:
    """Check a fusion that predicts labels, by itself or through a head."""
    fusion = f"fusion={chosen.get('fusion')}"
    if chosen.get("model") in (*CLASSICAL, *CORPUS_MODELS, *RETRIEVERS):
        raise UserError(f"model={chosen['model']}: no encoder takes this model; add fusion=null")
    held = HOLD.get(chosen.get("data", ""), frozenset({LABELS}))
    if held == {TARGETS}:
        raise UserError(wants_decoder(chosen.get("data", "")))
    if LABELS not in held:
        objective = _named(LEARNS_FROM, {_one(held)})
        raise UserError(
            f"data={chosen['data']}: they hold {_one(held)} and nothing for {fusion} to join; add fusion=null "
            f"model=NAME {_either('objective', objective)} and a tokenizer, or choose data with labels "
            f"({', '.join(_with(LABELS))})"
        )
    if LEARNS_FROM.get(chosen.get("objective", ""), LABELS) != LABELS:
        wanted = LEARNS_FROM[chosen["objective"]]
        other = (
            "add decoder=prefix" if wanted == TARGETS else f"choose {_either('data', _with(wanted))} with fusion=null"
        )
        raise UserError(
            f"objective={chosen['objective']}: it learns from {wanted}, and {fusion} without a decoder learns from "
            f"labels; choose objective=supervised, or {other}"
        )
    if config["head"] is None and not _decides(config["fusion"]):
        raise UserError(
            f"head: null, and {fusion} joins the modalities but leaves the answer to a head; choose "
            f"{_either('head', choices('head'))}, or a fusion that decides by itself, such as late_mean"
        )


def _decides(fusion: Config) -> bool:
    """Return whether a fusion answers by itself, without a head or a decoder: its class states it (`decides`)."""
    return bool(getattr(resolve_target("fusion", fusion), "decides", False))


def _check_language(chosen: Mapping[str, str]) -> None:
    """Check a language model without fusion: data, objective and model have to fit."""
    model, objective, data = chosen.get("model", ""), chosen.get("objective", ""), chosen.get("data", "")
    held = HOLD.get(data, frozenset())
    if held & {LABELS, TARGETS}:
        raise UserError(
            f"fusion=null: data={data} are examples, and model={model} alone learns from running text or pairs of "
            f"texts; {ALONE}"
        )
    learns = LEARNS_FROM.get(objective)
    if learns is not None and held and learns not in held:
        fitting = [name for name in _named(LEARNS_FROM, held) if _trains(name, model)]
        raise UserError(
            f"objective={objective}: it learns from {learns}, and data={data} holds {_one(held)}; "
            + (f"choose {_either('objective', fitting)}" if fitting else f"choose {_either('data', _with(learns))}")
        )
    if not _trains(objective, model):
        fitting = [name for name in TRAINS if _trains(name, model) and LEARNS_FROM[name] in held]
        models = [name for name in DIRECTION if _trains(objective, name)]
        raise UserError(
            f"objective={objective}: it trains {' and '.join(sorted(TRAINS[objective]))} models, and {model} is "
            f"{DIRECTION[model]}; choose "
            + ", or ".join(
                _either(group, names) for group, names in (("objective", fitting), ("model", models)) if names
            )
        )


def _trains(objective: str, model: str) -> bool:
    """Return whether an objective fits a model; True for names that are in no table."""
    return model not in DIRECTION or objective not in TRAINS or DIRECTION[model] in TRAINS[objective]


def _check_data(chosen: Mapping[str, str], wanted: str, what: str, instead: str | None = None) -> None:
    """Raise UserError unless the data have the content `wanted`."""
    held = HOLD.get(chosen.get("data", ""), frozenset({wanted}))
    if wanted not in held:
        other = f", or {instead}" if instead else ""
        raise UserError(
            f"{what}, and data={chosen['data']} has {_one(held)} and no {wanted}; choose "
            f"{_either('data', _with(wanted))}{other}"
        )


def _check_no_frozen_encoders(finetuning: Config, choice: str | None) -> None:
    """Raise UserError for frozen encoders in a run without encoders."""
    if choice == "frozen_encoders" or finetuning.get("frozen_encoders") is not None:
        key = "finetuning=frozen_encoders" if choice == "frozen_encoders" else "finetuning.frozen_encoders"
        raise UserError(f"{key}: this run has no encoders; choose finetuning=frozen, lora or gradual, without it")


def _check_text_task(config: Config, chosen: Mapping[str, str]) -> None:
    """Check a task that scores generated texts: it has pairs of texts or conversations, or continues running text."""
    from interlace.configuration.tasks import scores_texts, task_class  # which checks configurations in turn

    streams = chosen.get("generation") == "wait_k"
    if streams and LEARNS_FROM.get(chosen.get("objective", ""), PAIRS) != PAIRS:
        raise UserError("generation=wait_k: it translates texts; choose objective=wait_k or text_to_text")
    if "task" not in chosen or not scores_texts(chosen["task"]):
        return
    name = f"task={chosen['task']}"
    needed = task_class(chosen["task"]).generation
    if needed not in (None, chosen.get("generation")):
        raise UserError(f"{name}: it measures delays; choose generation={needed}")
    if not task_class(chosen["task"]).continues:
        if HOLD.get(chosen.get("data", "")) != {DIALOGUES}:
            _check_data(chosen, PAIRS, f"{name}: it scores texts that are written for texts", "task=null")
        return
    _check_data(chosen, TEXT, f"{name}: it continues running text", "task=null")
    if chosen.get("objective") != "causal" or chosen.get("model") in CORPUS_MODELS:
        raise UserError(
            f"{name}: only models trained with objective=causal continue text; choose objective=causal and model=gpt, "
            "gpt2 or lstm, or task=null"
        )
    if config["generation"] is None:
        choice = _either("generation", choices("generation"))
        raise UserError(f"generation: null, and {name} generates; choose {choice}")


def _check_encoders(config: Config, chosen: Mapping[str, str]) -> None:
    """Raise UserError for a modality of built-in data that the run uses and has no encoder for."""
    kinds = KINDS.get(chosen.get("data", ""), ())
    read = [kind for kind in kinds if kind in (config["modalities"] or kinds)] or kinds
    for kind in read:
        if kind not in (config["encoder"] or {}) and not config["encoders"]:
            raise UserError(without_encoder(kind))


def _check_fractions(data: Config) -> None:
    """Raise UserError if the shares drawn for validation and test leave no training examples."""
    val, test = data.get("val_fraction"), data.get("test_fraction")
    if isinstance(val, int | float) and isinstance(test, int | float) and val + test >= 1:
        raise UserError(
            f"data.val_fraction: {val} and data.test_fraction={test} leave nothing to train on; expected a sum below 1"
        )


def without_encoder(kind: str) -> str:
    """Return the message for a kind of modality without an encoder."""
    group = f"encoder/{kind}"
    return (
        f"{group}: null, and the run reads {kind}; choose {_either(group, choices(group))}, or leave that modality out "
        "with modalities=[NAME]"
    )


def wants_decoder(data: str) -> str:
    """Return the message for data with texts to write in a run without a decoder."""
    return (
        f"decoder: data={data} ask for texts, which no head gives; add decoder=prefix, model=gpt, tokenizer=bpe, "
        "objective=target_text and generation=greedy, or choose an experiment that does"
    )


def _either(group: str, names: Iterable[str]) -> str:
    """Return choices as overrides: `objective=causal, joint or masked`."""
    *first, last = names
    return f"{group}={', '.join(first)} or {last}" if first else f"{group}={last}"


def _with(wanted: str) -> list[str]:
    return [name for name, held in HOLD.items() if wanted in held]


def _named(table: Mapping[str, str], wanted: Iterable[str]) -> list[str]:
    return [name for name, value in table.items() if value in set(wanted)]


def _one(held: Iterable[str]) -> str:
    return " or ".join(sorted(held))
