"""Evaluation of a trained run on other data."""

import dataclasses
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import pytorch_lightning as pl
import torch
from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException

from interlace.assembly import assemble, build_data
from interlace.assembly.corpus_models import CorpusModelExperiment
from interlace.assembly.experiment import Experiment
from interlace.assembly.measuring import build_evaluator
from interlace.assembly.multimodal import chosen_modalities
from interlace.assembly.ranking import evaluate_ranking, ranks_passages
from interlace.assembly.text_algorithms import TextAlgorithmExperiment, is_text_algorithm
from interlace.configuration.checking import check
from interlace.configuration.compose import compose_node
from interlace.configuration.devices import resolve_trainer
from interlace.configuration.names import groups
from interlace.configuration.overrides import read_overrides
from interlace.configuration.schema import HARDWARE, OPTIONAL
from interlace.configuration.suggestions import did_you_mean
from interlace.configuration.targets import check_recorded
from interlace.data.datamodule import DataModule
from interlace.errors import UserError
from interlace.inputs.checksums import read_verified_json
from interlace.metrics.evaluation import labels_of
from interlace.models.ngram import NgramModel
from interlace.runs import Run
from interlace.tokens import ModalitySpec
from interlace.tracking.computing import check_accelerator, configure_torch
from interlace.tracking.quiet import quiet_libraries

LANGUAGE = "task.language"  # of answers: an option that metrics alone depend on


def evaluate_run(
    run: Run, overrides: Sequence[str] = (), tell: Callable[[str], None] = lambda sentence: None
) -> dict[str, float]:
    """Return the test metrics of a finished run on data changed by overrides. Nothing is written.

    The fitted state of the run's data (vocabularies, classes, scales) is applied to the changed data. `tell` is called
    with each note on the metrics. Raises UserError if the changed data do not fit the model: other modalities, task or
    shapes.
    """
    config = override_config(run.config, overrides)
    check_accelerator(config["trainer"])
    configure_torch(config)
    if is_text_algorithm(config):
        experiment = TextAlgorithmExperiment(config)
        experiment.model = run.model()
        return experiment.score("test").metrics
    if ranks_passages(config):
        return evaluate_ranking(config, run.directory, build_data({**config, "tokenizer": None}))
    if run.writes:
        return _evaluate_writing(run, config, tell)
    if not run.classifies:
        return _evaluate_language_model(run, config)
    trained = run.data_for_prediction()
    data = build_data(config, trained)
    _check_fits(run, data, trained)
    split = data.splits["test"]
    for sentence in [*data.notes(), *relabelled(run, data)]:
        tell(sentence)
    outputs = run.predict_split(split, run.restored(data), data.batch_size)
    rows, found, labels = data.spec.join(split, np.arange(len(split)), data.spec.widened(outputs, data), split.labels)
    groups = {name: values[rows] for name, values in split.groups.items()}
    evaluator = build_evaluator(config, data)
    if evaluator.scaling is not None:
        evaluator.scaling.temperature = run.metrics.get("val/temperature")
    return evaluator(torch.from_numpy(found), labels_of(labels), groups, "test", final=True)


def _check_fits(run: Run, data: DataModule, trained: DataModule) -> None:
    """Raise UserError for another task, other first classes, other modalities or shapes, or no test examples."""
    if data.task != trained.task:
        raise UserError(f"data: the run was trained for {trained.task}, and these data ask for {data.task}")
    if data.classes[: len(trained.classes)] != trained.classes:
        raise UserError(f"the model knows the classes {trained.classes}, these data have {data.classes}")
    for name, known in chosen_modalities(run.config, trained.modalities).items():
        given = data.modalities.get(name)
        # A bag of words reads the text itself and no token ids.
        words_alone = run.config["fusion"] is None and given is not None and given.kind == known.kind
        if words_alone or (given is not None and _apart_from_length(given) == _apart_from_length(known)):
            continue
        raise UserError(f"the model was trained on {name} as {known}; these data have {given}")
    if not len(data.splits["test"]):
        raise UserError('data: they hold no test example; expected lines with "split": "test"')


def _apart_from_length(spec: ModalitySpec) -> ModalitySpec:
    """Return a spec without the length of its examples, for kinds whose encoders take any length."""
    if spec.kind == "graph":
        return dataclasses.replace(spec, shape=(0, spec.shape[1] - spec.shape[0]))
    if spec.kind in ("features", "audio"):
        return dataclasses.replace(spec, shape=(0, *spec.shape[1:]))
    return spec


def relabelled(run: Run, data: DataModule) -> list[str]:
    """Return a sentence if test examples have other labels than in the run's test under the same ids; else nothing."""
    if not (run.directory / "predictions.parquet").exists():
        return []
    split, before = data.splits["test"], run.predictions
    if "label" not in before or not before["id"].is_unique:
        return []
    now = data.spec.label_column(data, split.labels)
    known = dict(zip(before["id"], before["label"], strict=True))
    both = [(known[i], label) for i, label in zip(split.ids, now, strict=True) if i in known]
    changed = sum(old != new for old, new in both)
    if not changed:
        return []
    return [f"{changed} of {len(both)} test examples have other labels than in the run's own test"]


def _evaluate_language_model(run: Run, config: dict[str, Any]) -> dict[str, float]:
    """Return the losses of a run's language model on test data, encoded with the run's own tokenizer."""
    file = {**compose_node("tokenizer", "file"), "path": str(run.directory / "tokenizer.json")}
    experiment = assemble({**config, "tokenizer": file, "model": _own_model(run, config), "finetuning": None})
    if isinstance(experiment, CorpusModelExperiment):
        if not isinstance(experiment.model, NgramModel):
            raise UserError(f"{run.directory}: word vectors score no text; their metrics are those of results.json")
        experiment.model = run.model()
        metrics = experiment.compute_metrics()["metrics"]
        return {name: value for name, value in metrics.items() if name.startswith("test/")}
    task = experiment.build_task()
    task.model.load_state_dict(run.language_model().state_dict())
    return _test_metrics(experiment, task, config)


def _evaluate_writing(run: Run, config: dict[str, Any], tell: Callable[[str], None]) -> dict[str, float]:
    """Return the loss of a run's decoder on test data, and the metrics of the texts that it generates."""
    file = {**compose_node("tokenizer", "file"), "path": str(run.directory / "tokenizer.json")}
    trained = run.data_for_prediction()
    experiment = assemble({**config, "tokenizer": file, "model": _own_model(run, config)}, trained)
    _check_fits(run, experiment.data, trained)
    for sentence in experiment.data.notes():
        tell(sentence)
    task = experiment.build_task()
    task.model.load_state_dict(run.model().state_dict())
    return _test_metrics(experiment, task, config)


def _test_metrics(experiment: Experiment, task: Any, config: dict[str, Any]) -> dict[str, float]:
    with quiet_libraries():
        trainer = pl.Trainer(
            accelerator=config["trainer"]["accelerator"],
            devices=1,
            precision=config["trainer"]["precision"],
            logger=False,
            enable_checkpointing=False,
            enable_progress_bar=False,
            enable_model_summary=False,
            use_distributed_sampler=False,
        )
        metrics = experiment.evaluate(trainer, task)
    return {name: value for name, value in metrics.items() if name.startswith("test/")}


def _own_model(run: Run, config: dict[str, Any]) -> dict[str, Any]:
    """Return the `model` section as stored by the run, since the parent that it names may no longer exist."""
    path = run.directory / "model.json"
    node: dict[str, Any] = (
        check_recorded(path, read_verified_json(run.directory, path.name)) if path.exists() else config["model"]
    )
    return node


def override_config(config: dict[str, Any], overrides: Sequence[str]) -> dict[str, Any]:
    """Return a finished run's configuration with values changed by overrides, checked as a whole."""
    changed = OmegaConf.create(config)
    known = groups()
    for override in read_overrides(overrides):
        key, value = override.key_or_group, override.value()
        if key.split(".")[0] not in ("data", "trainer", "missing_data", "control", "metrics") and key != LANGUAGE:
            raise UserError(
                f"{key}: evaluate changes the data of a finished run and its metrics only, such as data.KEY=VALUE, "
                f"missing_data.test=RATE, metrics=imbalanced or {LANGUAGE}=de"
            )
        if override.is_delete():
            if key not in OPTIONAL:
                raise UserError(f"~{key}: evaluate can change a key of a finished run, not remove it; give {key}=VALUE")
            changed[key] = None
        elif key in known and not isinstance(value, dict):
            node = compose_node(key, str(value))
            if key == "trainer":  # the hardware may change, the options of training may not
                node = {**config[key], **{name: node[name] for name in (*HARDWARE, "precision")}}
                resolve_trainer(node)
            changed[key] = node
        else:
            _change(changed, key, value)
    plain: dict[str, Any] = OmegaConf.to_container(changed)  # type: ignore[assignment]
    check(plain)
    return plain


def _change(config: DictConfig, key: str, value: Any) -> None:
    """Set one existing value of the configuration."""
    *parents, name = key.split(".")
    try:
        node = OmegaConf.select(config, ".".join(parents)) if parents else config
        if not isinstance(node, DictConfig) or name not in list(node):
            raise UserError(f"{key}: no such key in this run; {did_you_mean(name, node or {})}")
        plain: Any = OmegaConf.to_container(OmegaConf.create({"": value}), resolve=True)
        OmegaConf.update(config, key, plain[""])
    except OmegaConfBaseException as error:
        raise UserError(f"{key}: cannot be {value!r} ({str(error).splitlines()[0]})") from None
