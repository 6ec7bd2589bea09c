"""Validation metrics that a run can monitor (`checkpoint.monitor`), by its configuration."""

from collections.abc import Mapping, Sequence
from typing import Any

from interlace.configuration.names import choices
from interlace.configuration.suggestions import did_you_mean
from interlace.errors import UserError

LANGUAGE = ("loss", "perplexity", "perplexity_without_unknown", "bits_per_byte", "accuracy", "next_sentence_accuracy")
CALIBRATION = ("brier", "nll", "ece_calibrated", "brier_calibrated", "nll_calibrated")  # of test data
CLASSICAL = ("bag_of_words", "best_sentence", "linear")  # listed under model=, but classifiers


def check_monitor(config: Mapping[str, Any]) -> None:
    """Raise UserError if `checkpoint.monitor` names no metric that this kind of run reports on validation data."""
    for key in ("monitor", "break_ties"):
        name = config["checkpoint"][key]
        # Metrics of groups and of further labels (val/accuracy/both) depend on the data and are checked with them.
        if name is not None and not (name.startswith("val/") and name.count("/") > 1):
            check_reported(key, name, _reported(config), can_report_more=answers_with_classes_or_numbers(config))


def check_reported(key: str, name: str, reported: Sequence[str], *, can_report_more: bool) -> None:
    """Raise UserError for `checkpoint.<key>` unless `name` is `val/` and one of the metrics `reported`.

    With `can_report_more` the message names the options that add metrics.
    """
    metric = name.removeprefix("val/")
    if not name.startswith("val/") or metric not in reported:
        valid = did_you_mean(name, [f"val/{each}" for each in reported])
        more = f"; metrics=NAME adds metrics ({', '.join(choices('metrics'))})" if can_report_more else ""
        raise UserError(f"checkpoint.{key}: got {name!r}, which this run does not report; {valid}{more}")


def answers_with_classes_or_numbers(config: Mapping[str, Any]) -> bool:
    """Return whether a run predicts labels: a fusion without a decoder, or a classical model."""
    of_examples = config["fusion"] is not None and config.get("decoder") is None
    return of_examples or (config.get("choices") or {}).get("model") in CLASSICAL


def check_metrics(configs: Sequence[Mapping[str, Any]], names: Sequence[str]) -> None:
    """Raise UserError for a metric of validation or test data (test/accuracy) that none of these runs reports.

    Metrics of groups, of further labels and of runs that generate texts are not checked: they depend on the data.
    """
    if not configs or not all(map(answers_with_classes_or_numbers, configs)):
        return
    calibrated = CALIBRATION if any(config.get("calibration") is not None for config in configs) else ()
    reported = list(dict.fromkeys([*(name for config in configs for name in _reported(config)), *calibrated]))
    for name in names:
        split, _, metric = name.partition("/")
        if split in ("val", "test") and "/" not in metric and metric not in (*reported, "temperature"):
            valid = did_you_mean(name, [f"{split}/{each}" for each in reported])
            more = f"metrics=NAME adds metrics ({', '.join(choices('metrics'))})"
            raise UserError(f"metrics: no run reports {name!r}; {valid}; {more}")


def _reported(config: Mapping[str, Any]) -> tuple[str, ...]:
    if answers_with_classes_or_numbers(config):
        from interlace.configuration.tasks import task_class, task_names  # deferred: it imports this module

        chosen = (config.get("metrics") or {}).get("names")
        usual = [metric for name in task_names() if not (kind := task_class(name)).writes for metric in kind.usual]
        return tuple(dict.fromkeys([*usual, *(chosen if isinstance(chosen, list) else ())]))
    return LANGUAGE
