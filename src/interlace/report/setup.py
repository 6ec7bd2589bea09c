"""The setup of a study's runs in words: data, training, date, commit, hardware and command."""

import datetime
import math
import shlex
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from interlace.errors import UserError
from interlace.reading.documents import read_yaml
from interlace.report import formats
from interlace.report.comparison import Comparison
from interlace.report.results import PlannedRun, read_mapping

MAX_CLASSES = 12  # classes named in the text; above it only their number
MAX_SENTENCES = 4  # different ways of training described one by one
OPTIMIZERS = {
    "adamw": "AdamW",
    "adamw_scaled": "AdamW with steps scaled to the parameters",
    "adafactor": "Adafactor",
    "muon_adamw": "Muon (matrices) and AdamW (other parameters)",
    "sgd": "SGD with momentum",
}
SCHEDULERS = {
    "constant": "a constant learning rate",
    "inverse_square_root": "a warm-up, then decay with the inverse square root of the step",
    "linear": "a warm-up, then linear decay",
    "cosine": "a warm-up, then cosine decay",
    "wsd": "a warm-up, a constant phase, then decay",
}
FINETUNING = {
    "frozen": "with embeddings and layers frozen",
    "frozen_encoders": "with frozen encoders",
    "frozen_language_model": "with a frozen language model",
    "gradual": "with layers unfrozen from the top one after the other",
    "lora": "by LoRA of the attention, the rest frozen",
    "lora_language_model": "by LoRA of the language model",
}
PRECISIONS = {
    "32-true": "32-bit floats",
    "16-mixed": "16-bit mixed precision",
    "bf16-mixed": "bfloat16 mixed precision",
    "bf16-true": "bfloat16 throughout",
}
WITHOUT_TRAINER = {
    "bag_of_words": "fitted as a bag-of-words classifier, without the trainer",
    "linear": "fitted as a linear model, without the trainer",
    "ngram": "counted as an n-gram model",
    "word2vec": "trained as word vectors (word2vec)",
    "cbow": "trained as word vectors (CBOW)",
}


@dataclass(frozen=True)
class SetUp:
    """The setup as text: `data` and `training` are sentences, `origin` (name, text) rows, `configuration` the name of a
    run and its config.yaml.
    """

    data: str
    training: tuple[str, ...]
    origin: tuple[tuple[str, str], ...]
    configuration: tuple[str, str] | None


def set_up(comparison: Comparison) -> SetUp:
    """The setup that the finished runs have recorded; parts without a readable record are empty."""
    first = {run.arm: run for run in reversed(comparison.runs.done)}
    planned = list(dict.fromkeys(run.arm for run in comparison.runs.runs))
    configs = {arm: _config(first[arm]) for arm in planned if arm in first}
    known = {arm: config for arm, (config, _) in configs.items() if config}
    shown = comparison.example_owner
    text = _config(shown)[1] if shown is not None else ""
    return SetUp(
        data=data_words(comparison.data, [_choice(config, "data") for config in known.values()]),
        training=tuple(training_sentences(known, comparison.data)),
        origin=tuple(origin(comparison.runs.done, comparison.runs.table)),
        configuration=(f"{shown.cell}, seed {shown.seed}", text) if shown is not None and text else None,
    )


def is_trained(run: PlannedRun) -> bool:
    """False for a run whose model is fitted without the trainer, so that it has no training steps."""
    return _choice(_config(run)[0], "model") not in WITHOUT_TRAINER


def data_words(data: Mapping[str, Any], names: Iterable[str] = ()) -> str:
    """Sentences on the data: name, sizes, modalities, classes and the scores of a constant answer, as far as the
    description has them.
    """
    name = str(data.get("name") or formats.listing(list(dict.fromkeys(filter(None, names))) or ["the data"]))
    uses = {"train": "for training", "val": "for validation", "test": "for testing"}
    sizes = _sizes(data)
    counts = [f"{sizes[split]:,} {use}" for split, use in uses.items() if isinstance(sizes.get(split), int)]
    counts = [counts[0].replace(" for", " examples for"), *counts[1:]] if counts else []
    parts = [f"{name}: {formats.listing(counts)}" if counts else name]
    modalities = [_modality(str(key), _mapping(each)) for key, each in _mapping(data.get("modalities")).items()]
    if modalities:
        parts.append(f"each with {formats.listing(modalities, 8)}")
    text = ", ".join(parts) + "." if parts != ["the data"] else ""
    classes = data.get("classes")
    if isinstance(classes, list) and classes:
        named = f": {', '.join(map(str, classes))}" if len(classes) <= MAX_CLASSES else ""
        text += f" {len(classes)} classes{named}."
    return f"{text} {_constant(_mapping(_mapping(data.get('priors')).get('majority')))}".strip()


def _constant(scores: Mapping[str, Any]) -> str:
    """The test scores of the best constant answer of the training labels (`TaskSpec.constant`)."""
    told = [
        f"{formats.metric_name(f'test/{name}')} {formats.metric_value(f'test/{name}', value)}"
        for name, value in scores.items()
        if isinstance(value, int | float) and not isinstance(value, bool)
    ]
    return f"Without any input, the best constant answer reaches {formats.listing(told)}." if told else ""


def _modality(name: str, facts: Mapping[str, Any]) -> str:
    """A modality as text: "image (3 × 32 × 32)", "audio (0.2 s at 16 kHz)", "text (27 tokens)"."""
    shape = [length for length in facts.get("shape") or () if isinstance(length, int)]
    rate, words = facts.get("sample_rate"), facts.get("vocabulary_size")
    if isinstance(rate, int) and rate > 0 and shape:
        size = f"{shape[-1] / rate:.3g} s at {rate / 1000:g} kHz"
    elif isinstance(words, int):
        size = f"at most {shape[-1]:,} tokens of {words:,}" if shape else f"{words:,} tokens"
    else:
        size = " × ".join(f"{length:,}" for length in shape)
    present = [share for share in _mapping(facts.get("present")).values() if isinstance(share, int | float)]
    some = f"in {100 * min(present):.0f}% of examples or more" if present and min(present) < 1 else ""
    inside = ", ".join(filter(None, (size, some)))
    return f"{name} ({inside})" if inside else name


def training_sentences(configs: Mapping[str, Mapping[str, Any]], data: Mapping[str, Any]) -> list[str]:
    """The arms' training in words: a sentence for each way of training, the most common first.

    `configs`: a configuration by arm.
    """
    num_train = _sizes(data).get("train")
    ways: dict[str, list[str]] = {}
    for arm, config in configs.items():
        ways.setdefault(training_words(config, num_train), []).append(arm)
    if len(ways) <= 1:
        return [f"Every run was {words}." for words in ways]
    ordered = sorted(ways.items(), key=lambda item: -len(item[1]))
    first = ordered[0][1]
    others = [arm for arm in configs if arm not in first]
    most = f"All arms but {formats.listing(others, 12)}" if len(first) > len(others) else formats.listing(first, 12)
    named = [most, *(formats.listing(arms, 12) for _, arms in ordered[1:])]
    found = [f"{name}: {words}." for name, (words, _) in zip(named, ordered, strict=True)]
    rest = [arm for _, arms in ordered[MAX_SENTENCES:] for arm in arms]
    return [*found[:MAX_SENTENCES], *([f"In other ways: {formats.listing(rest, 12)}."] if rest else [])]


def training_words(config: Mapping[str, Any], num_train: Any = None) -> str:
    """The training as text: "trained for 8 passes over 4,000 examples in batches of 32, by AdamW ..."."""
    model = _choice(config, "model")
    if model in WITHOUT_TRAINER:
        return WITHOUT_TRAINER[model]
    options = _mapping(config.get("trainer"))
    text = f"trained {_duration(options, num_train)}"
    batch = _mapping(config.get("data")).get("batch_size")
    if isinstance(batch, int):
        every = options.get("accumulate_grad_batches") or 1
        text += f" in batches of {batch}" + (f" ({every} for each update)" if every != 1 else "")
    return ", ".join([text, *_details(config, options)])


def _duration(options: Mapping[str, Any], num_train: Any) -> str:
    """The duration as text: "for 60 steps (at most 5 passes over 16,000 examples)"."""
    passes, steps = options.get("max_epochs"), options.get("max_steps")
    over = f" over {num_train:,} examples" if isinstance(num_train, int) else " over the data"
    least = f"{formats.plural(passes, 'pass', 'passes')}{over}" if isinstance(passes, int) and passes > 0 else ""
    if isinstance(steps, int) and steps > 0:
        return f"for {formats.plural(steps, 'step')}" + (f" (at most {least})" if least else "")
    return f"for {least}" if least else "for as long as its configuration says"


def _details(config: Mapping[str, Any], options: Mapping[str, Any]) -> list[str]:
    """Optimizer, scheduler, clipping, early stopping and frozen parts, as clauses."""
    found = []
    optimizer = _mapping(config.get("optimizer"))
    if optimizer:
        name = _choice(config, "optimizer")
        text = f"by {OPTIMIZERS.get(name, name or 'an optimizer')}"
        if _is_number(optimizer.get("learning_rate")):
            text += f" at a learning rate of {optimizer['learning_rate']:g}"
        if _is_number(optimizer.get("weight_decay")) and optimizer["weight_decay"]:
            text += f" and weight decay {optimizer['weight_decay']:g}"
        found.append(text)
    scheduler = _choice(config, "scheduler")
    if scheduler:
        found.append(f"with {SCHEDULERS.get(scheduler, f'the scheduler {scheduler}')}")
    clip = options.get("gradient_clip_val")
    if _is_number(clip) and clip:
        found.append(f"gradients clipped to a norm of {clip:g}")
    patience = _mapping(config.get("early_stopping")).get("patience")
    if isinstance(patience, int):
        found.append(f"stopped early after {formats.plural(patience, 'validation')} without a better one")
    finetuning = _choice(config, "finetuning")
    if finetuning not in ("", "full"):
        found.append(FINETUNING.get(finetuning, f"with finetuning={finetuning}"))
    return found


def origin(done: Sequence[PlannedRun], table: Any) -> list[tuple[str, str]]:
    """Date, commit, hardware, software and command of the finished runs."""
    manifests = [manifest for run in done if (manifest := read_mapping(run.directory / "manifest.json"))]
    if not manifests:
        return []
    rows = [("Date", _dates(manifests)), ("Commit", _each(_commit(each) for each in manifests))]
    rows += [("Hardware", _each(_hardware(each) for each in manifests))]
    rows += [("Software", _each(_software(each) for each in manifests))]
    seconds = float(table.loc[table["status"] == "done", "seconds"].sum())
    rows += [("Training time", f"{formats.seconds(seconds)} in all, over {formats.plural(len(done), 'run')}")]
    rows += [("Command", _each(_command(each) for each in manifests))]
    return [(name, text) for name, text in rows if text]


def _dates(manifests: Sequence[Mapping[str, Any]]) -> str:
    """The time span of the runs: "30 November 2026, 10:57 to 11:05 UTC"."""
    found = sorted(filter(None, (_moment(each.get(key)) for each in manifests for key in ("started", "ended"))))
    if not found:
        return ""
    first, last = found[0], found[-1]
    day, other = (f"{each.day} {each:%B %Y}" for each in (first, last))
    if day == other:
        return f"{day}, {first:%H:%M} to {last:%H:%M} UTC"
    return f"{day}, {first:%H:%M} to {other}, {last:%H:%M} UTC"


def _moment(text: Any) -> datetime.datetime | None:
    try:
        found = datetime.datetime.fromisoformat(str(text))
    except ValueError:
        return None
    return found.astimezone(datetime.UTC) if found.tzinfo else found.replace(tzinfo=datetime.UTC)


def _commit(manifest: Mapping[str, Any]) -> str:
    git = _mapping(manifest.get("git"))
    if not git.get("commit"):
        return f"not in a repository (code {manifest['code']})" if manifest.get("code") else ""
    changed = " with changes that are not committed (diff.patch of each run)" if git.get("dirty") else ""
    return f"{str(git['commit'])[:12]}{changed}"


def _hardware(manifest: Mapping[str, Any]) -> str:
    devices = [str(name) for name in manifest.get("devices") or ()]
    on_gpu = manifest.get("accelerator") not in ("cpu", None) and devices
    text = _each(devices) if on_gpu else str(manifest.get("processor") or "")
    if not on_gpu and isinstance(manifest.get("threads"), int):
        text += f", {formats.plural(manifest['threads'], 'thread')}"
    world = manifest.get("world_size")
    if isinstance(world, int) and world > 1:
        text += f", {world} processes"
    precision = str(manifest.get("precision") or "")
    return ", ".join(filter(None, (text, PRECISIONS.get(precision, precision))))


def _software(manifest: Mapping[str, Any]) -> str:
    packages = _mapping(manifest.get("packages"))
    named = {"torch": "PyTorch", "pytorch-lightning": "Lightning"}
    found = [f"{name} {packages[key]}" for key, name in named.items() if packages.get(key)]
    found = [f"Python {manifest['python']}", *found] if manifest.get("python") else found
    return ", ".join([*found, *([str(manifest["platform"])] if manifest.get("platform") else [])])


def _command(manifest: Mapping[str, Any]) -> str:
    """The command as typed, with --plugin for each plug-in that the run used and the command did not name."""
    words = manifest.get("argv")
    if not isinstance(words, list) or not words:
        return ""
    typed = [str(word) for word in words]
    unnamed = [name for name in _mapping(manifest.get("plugins")) if not {name, f"--plugin={name}"} & set(typed)]
    return shlex.join(["interlace", *(f"--plugin={name}" for name in unnamed), *typed])


def _each(texts: Iterable[str]) -> str:
    """The distinct texts, the most common first, each with its number of runs where there are several."""
    counts: dict[str, int] = {}
    for text in texts:
        counts[text] = counts.get(text, 0) + 1
    counts.pop("", None)
    if len(counts) <= 1:
        return next(iter(counts), "")
    ordered = sorted(counts.items(), key=lambda item: -item[1])
    listed = [f"{text} ({formats.plural(n, 'run')})" for text, n in ordered[:MAX_SENTENCES]]
    more = len(ordered) - MAX_SENTENCES
    return "; ".join([*listed, *([f"{more} others"] if more > 0 else [])])


def _sizes(data: Mapping[str, Any]) -> Mapping[Any, Any]:
    """The number of examples by split, from "num_examples" or "examples" of a description."""
    return _mapping(data.get("num_examples")) or _mapping(data.get("examples"))


def _config(run: PlannedRun) -> tuple[dict[str, Any], str]:
    """The configuration of a run and its text; empty where it is missing or cannot be read."""
    import yaml

    texts = []

    def load(text: str) -> Any:
        texts.append(text)
        return yaml.load(text, Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader))

    try:
        content = read_yaml(run.directory / "config.yaml", load)
    except (OSError, ValueError, UserError, yaml.YAMLError):
        return {}, ""
    return (content, texts[0]) if isinstance(content, dict) else ({}, "")


def _choice(config: Mapping[str, Any], group: str) -> str:
    """The choice of a configuration group; "" for none."""
    return str(_mapping(config.get("choices")).get(group) or "")


def _mapping(value: Any) -> Mapping[Any, Any]:
    return value if isinstance(value, Mapping) else {}


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)
