"""A trained run on other data."""

from collections.abc import Sequence
from typing import Any

import pytorch_lightning as pl
import torch
from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException

from interlace.assembly import assemble, build_data
from interlace.assembly.counted import CountedExperiment
from interlace.assembly.experiment import Experiment
from interlace.assembly.measuring import build_evaluator
from interlace.assembly.multimodal import chosen_modalities
from interlace.configuration.checking import check
from interlace.configuration.compose import compose_node
from interlace.configuration.names import groups
from interlace.configuration.overrides import read_overrides
from interlace.configuration.schema import OPTIONAL
from interlace.configuration.suggestions import did_you_mean
from interlace.configuration.targets import check_recorded
from interlace.errors import UserError
from interlace.inputs.sealing import whole_json
from interlace.metrics.evaluation import labels_of
from interlace.models.ngram import NgramModel
from interlace.runs import Run
from interlace.tracking.computing import configure_torch
from interlace.tracking.quiet import quiet_libraries


def evaluate_run(run: Run, overrides: Sequence[str] = ()) -> dict[str, float]:
    """Test metrics of a finished run, its data changed by overrides. Nothing is written.

    Raises UserError when the changed data do not fit the model: other modalities, classes or shapes.
    """
    config = override_config(run.config, overrides)
    configure_torch(config)
    if run.writes:
        return _evaluate_writing(run, config)
    if not run.classifies:
        return _evaluate_language_model(run, config)
    data = build_data(config)
    trained = run.data_for_prediction()
    if data.classes != trained.classes:
        raise UserError(f"the model knows the classes {trained.classes}, these data have {data.classes}")
    for name, known in chosen_modalities(run.config, trained.modalities).items():
        given = data.modalities.get(name)
        # A bag of words reads the text itself, whatever its ids are.
        words_alone = run.config["fusion"] is None and given is not None and given.kind == known.kind
        if given != known and not words_alone:
            raise UserError(f"the model was trained on {name} as {known}; these data have {given}")
    split = data.splits["test"]
    predictions = torch.from_numpy(run.predict_split(split, data.task, data.batch_size))
    labels = labels_of(split.labels)
    evaluator = build_evaluator(config, data)
    if evaluator.scaling is not None:
        evaluator.scaling.temperature = run.metrics.get("val/temperature")
    return evaluator(predictions, labels, split.groups, "test", final=True)


def _evaluate_language_model(run: Run, config: dict[str, Any]) -> dict[str, float]:
    """Losses of a run's language model on its test data or others, encoded with its own tokenizer."""
    file = {**compose_node("tokenizer", "file"), "path": str(run.directory / "tokenizer.json")}
    experiment = assemble({**config, "tokenizer": file, "model": _own_model(run, config), "adaptation": None})
    if isinstance(experiment, CountedExperiment):
        if not isinstance(experiment.model, NgramModel):
            raise UserError(f"{run.directory}: word vectors score no text; their figures are those of results.json")
        experiment.model = run.model()
        return {name: value for name, value in experiment.figures()["metrics"].items() if name.startswith("test/")}
    task = experiment.build_task()
    task.model.load_state_dict(run.language_model().state_dict())
    return _test_metrics(experiment, task, config)


def _evaluate_writing(run: Run, config: dict[str, Any]) -> dict[str, float]:
    """Loss of a run's decoder on its test data or others, and how good the texts are that it writes for them."""
    file = {**compose_node("tokenizer", "file"), "path": str(run.directory / "tokenizer.json")}
    experiment = assemble({**config, "tokenizer": file, "model": _own_model(run, config)})
    trained = run.data_for_prediction()
    for name, known in chosen_modalities(run.config, trained.modalities).items():
        if experiment.data.modalities.get(name) != known:
            given = experiment.data.modalities.get(name)
            raise UserError(f"the model was trained on {name} as {known}; these data have {given}")
    task = experiment.build_task()
    task.model.load_state_dict(run.model().state_dict())
    return _test_metrics(experiment, task, config)


def _test_metrics(experiment: Experiment, task: Any, config: dict[str, Any]) -> dict[str, float]:
    with quiet_libraries():
        trainer = pl.Trainer(
            accelerator=config["trainer"]["accelerator"],
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
    """The architecture as the run kept it: its parent may be gone."""
    path = run.directory / "model.json"
    node: dict[str, Any] = (
        check_recorded(path, whole_json(run.directory, path.name)) if path.exists() else config["model"]
    )
    return node


def override_config(config: dict[str, Any], overrides: Sequence[str]) -> dict[str, Any]:
    """A finished run's configuration with some values changed, checked whole."""
    changed = OmegaConf.create(config)
    known = groups()
    for override in read_overrides(overrides):
        key, value = override.key_or_group, override.value()
        if key.split(".")[0] not in ("data", "trainer", "missing", "control", "metrics"):
            raise UserError(
                f"{key}: evaluate changes the data of a finished run and its metrics only, such as data.KEY=VALUE, "
                "missing.test=RATE or metrics=imbalanced"
            )
        if override.is_delete():
            if key not in OPTIONAL:
                raise UserError(f"~{key}: a finished run has it; evaluate can change its value, and not take it out")
            changed[key] = None
        elif key in known and not isinstance(value, dict):
            changed[key] = compose_node(key, str(value))
        else:
            _change(changed, key, value)
    plain: dict[str, Any] = OmegaConf.to_container(changed)  # type: ignore[assignment]
    check(plain)
    return plain


def _change(config: DictConfig, key: str, value: Any) -> None:
    """Sets one value that the configuration has."""
    *parents, name = key.split(".")
    try:
        node = OmegaConf.select(config, ".".join(parents)) if parents else config
        if not isinstance(node, DictConfig) or name not in list(node):
            raise UserError(f"{key}: no such key in this run; {did_you_mean(name, node or {})}")
        plain: Any = OmegaConf.to_container(OmegaConf.create({"": value}), resolve=True)
        OmegaConf.update(config, key, plain[""])
    except OmegaConfBaseException as error:
        raise UserError(f"{key}: cannot be {value!r} ({str(error).splitlines()[0]})") from None
