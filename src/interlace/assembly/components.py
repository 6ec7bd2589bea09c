"""Construction of tokenizer and data from their configuration nodes."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from interlace.configuration.checking import resolve_target
from interlace.configuration.construction import constructor, signature_of
from interlace.configuration.schema import DATA_SWITCHES
from interlace.configuration.tasks import task_named, task_names, text_task_names
from interlace.data.corpus.datamodule import Corpus
from interlace.data.datamodule import DataModule
from interlace.data.further_labels import attach_labels
from interlace.data.parallel.datamodule import ParallelText
from interlace.errors import UserError
from interlace.tasks.text_task import TextTask


def accepts(path: str, node: Mapping[str, Any], name: str) -> bool:
    """Return whether a node's target has a parameter of this name, for arguments injected only in some components."""
    return name in signature_of(resolve_target(path, node))[0]


def build_tokenizer(config: Mapping[str, Any]) -> Any:
    """Return the tokenizer of the initial model, else the builder of the `tokenizer` section, or None."""
    parent = (config["model"] or {}).get("init_from")
    if parent is not None:
        from interlace.pretrained import load_tokenizer

        return load_tokenizer(parent)
    return constructor(config["tokenizer"])() if config["tokenizer"] is not None else None


def build_data(config: Mapping[str, Any], known: DataModule | None = None) -> Any:
    """Return the prepared data module (decoded arrays or packed shards), with control, missing data and task applied.

    With `known`, the data module of a finished run, its fitted state is used (`take_over`).
    """
    make = constructor(config["data"])
    injected: dict[str, Any] = {}
    if accepts("data", config["data"], "tokenizer"):
        injected["tokenizer"] = None if known is not None else build_tokenizer(config)  # parents may be gone
    if config["text_augmentation"] is not None:
        if not accepts("data", config["data"], "augmentation"):
            raise UserError(
                f"text_augmentation: data={config['choices']['data']} cannot be augmented with text; leave it out"
            )
        injected["augmentation"] = _augmentation(config["text_augmentation"])
    data = make(**injected)
    if config.get("task") is not None and not (isinstance(data, ParallelText | Corpus) and is_text_task(config)):
        _choose_task(config, data)
    if config.get("multitask") is not None and isinstance(data, DataModule):
        data.read_further(list(config["multitask"]["labels"]))
    if known is not None:
        data.take_over(known)
    data.prepare()
    for section in DATA_SWITCHES:
        if config.get(section) is not None:
            if not isinstance(data, DataModule):
                raise UserError(f"{section}: it acts on modalities, and data={config['choices']['data']} have none")
            constructor(config[section])().apply(data)
    if config.get("multitask") is not None:
        attach_labels(data, config["multitask"]["labels"])
    return data


def is_text_task(config: Mapping[str, Any]) -> bool:
    """True if the `task` section names a task that scores written texts."""
    return getattr(resolve_target("task", config["task"]), "scores_texts", False)


def build_text_task(config: Mapping[str, Any]) -> TextTask:
    """Return the task that scores the texts of a run: that of the `task` section, else the default of its data."""
    if config.get("task") is None:
        found: TextTask = task_named(resolve_target("data", config["data"]).text_task)
        return found
    injected = {"open_writer": open_writer("task.back")} if accepts("task", config["task"], "open_writer") else {}
    built: TextTask = constructor(config["task"])(**injected)
    return built


def open_writer(option: str) -> Any:
    """Return the function that opens the run that `option` names, to write texts for texts."""

    def opened(directory: Path) -> Any:
        from interlace.assembly.finished_writers import FinishedWriter  # which imports this module

        return FinishedWriter(directory, option)

    return opened


def fitted_text_task(config: Mapping[str, Any], data: ParallelText) -> TextTask:
    """Return the task that scores the texts of a run, with what its metrics take from the training pairs."""
    task = build_text_task(config)
    task.fit(data.splits["train"].pairs)
    return task


def _choose_task(config: Mapping[str, Any], data: Any) -> None:
    """Set the task of the data to that of the `task` section."""
    if not isinstance(data, DataModule):
        texts = isinstance(data, ParallelText)
        offered = f"choose task={' or '.join(text_task_names())}, or leave it out" if texts else "leave it out"
        raise UserError(f"task: data={config['choices']['data']} have no labels; {offered}")
    if is_text_task(config):
        raise UserError(
            f"task={config['choices']['task']}: it scores texts that are written for texts, and "
            f"data={config['choices']['data']} are no pairs of texts; choose data=parallel_text, or "
            f"task={' or '.join(task_names())}"
        )
    node = config["task"]
    data.take_task(constructor(node)(), {key: value for key, value in node.items() if key != "_target_"})


def _augmentation(node: Mapping[str, Any]) -> Any:
    """Return the text augmentation, with functions that open trained runs if it takes them."""
    wanted = [name for name in ("open_sampler", "open_translator") if accepts("text_augmentation", node, name)]
    if not wanted:
        return constructor(node)()
    from interlace.assembly import writers

    return constructor(node)(**{name: getattr(writers, name) for name in wanted})
