"""Metrics of a run with labels, and those that it can monitor."""

from collections.abc import Mapping
from typing import Any

from interlace.assembly.components import constructor
from interlace.configuration.monitors import check_reported
from interlace.data.datamodule import DataModule
from interlace.data.spellings import canonical
from interlace.errors import UserError
from interlace.metrics.evaluation import Evaluator, labels_of

Config = Mapping[str, Any]


def build_evaluator(config: Config, data: DataModule) -> Evaluator:
    """Return the evaluator of a run's data. Raises UserError for metrics that do not fit them."""
    chosen, scaling = config.get("metrics"), config.get("calibration")
    if chosen is not None and chosen.get("positive") is not None:
        chosen = {**chosen, "positive": canonical(chosen["positive"])}  # 1 is the class "1"
    return Evaluator(
        data.spec.learning.metrics(data.classes),
        list(data.classes),
        {name: split.groups for name, split in data.splits.items()},
        chosen=None if chosen is None else constructor(chosen)(),
        scaling=None if scaling is None else constructor(scaling)(),
    )


def evaluation_notes(evaluator: Evaluator, data: DataModule) -> list[str]:
    """Return notes on the metrics of validation and test data that are left out, with the reasons."""
    return [
        note
        for name in ("val", "test")
        for note in evaluator.notes(name, labels_of(data.splits[name].labels), data.splits[name].groups)
    ]


def check_monitored(config: Config, monitor: str, evaluator: Evaluator, data: DataModule) -> None:
    """Raise UserError unless the metrics of `checkpoint.monitor` and `checkpoint.break_ties` exist for validation data.

    Metrics of further labels and of single modalities (`val/speaker/accuracy`) are checked after the model is built.
    """
    split = data.splits["val"]
    reported = evaluator.names(split.groups)
    undefined = evaluator.undefined(labels_of(split.labels))
    side = [*data.further_labels, "unimodal_accuracy", "unimodal_mae"]
    for key, name in (("monitor", monitor), ("break_ties", config["checkpoint"]["break_ties"])):
        if name is None or name.removeprefix("val/").split("/")[0] in side:
            continue
        check_reported(key, name, reported, can_report_more=True)
        figure = name.removeprefix("val/")
        if figure in undefined:
            raise UserError(
                f"checkpoint.{key}: {name} is undefined for these validation data: {undefined[figure]}; "
                "monitor another metric, such as val/loss"
            )


def asked_of_unequal_classes(config: Config) -> list[str]:
    """Return the configured options that give rare classes more weight."""
    objective = config["objective"]
    asked = [f"objective.{key}" for key in ("class_weights", "focal_gamma") if objective.get(key)]
    return asked + (["trainer.balanced_sampling"] if config["trainer"]["balanced_sampling"] else [])


def unequal_notes(config: Config, monitor: str) -> list[str]:
    """Return a note if rare classes have more weight in training but not in the choice of best.ckpt."""
    asked = asked_of_unequal_classes(config)
    if not asked or monitor != "val/accuracy":
        return []
    return [
        f"{', '.join(asked)}: best.ckpt is still chosen by val/accuracy, in which common classes count for more; "
        "checkpoint.monitor=val/f1 chooses by the mean over classes"
    ]
