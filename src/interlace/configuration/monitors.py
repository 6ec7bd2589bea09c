"""Which figures of the validation data a run can watch (`training.monitor`), told from its configuration."""

from collections.abc import Mapping, Sequence
from typing import Any

from interlace.configuration.suggestions import did_you_mean
from interlace.errors import UserError

CLASSIFICATION = ("accuracy", "f1", "loss", "ece")
REGRESSION = ("mae", "rmse", "pearson", "loss")
LANGUAGE = ("loss", "perplexity", "perplexity_without_unknown", "bits_per_byte", "accuracy", "next_sentence_accuracy")
CLASSICAL = ("bag_of_words", "linear")  # language models by place, classifiers by what they do


def check_monitor(config: Mapping[str, Any]) -> None:
    """Raises UserError where `training.monitor` names no figure that this kind of run reports on validation data."""
    name = config["training"]["monitor"]
    if name is not None:
        watchable(name, _reported(config))


def watchable(name: str, reported: Sequence[str]) -> None:
    """UserError unless `name` is `val/` and a figure; those of groups (`val/accuracy/both`) depend on the data."""
    figure = name.removeprefix("val/")
    if not name.startswith("val/") or ("/" not in figure and figure not in reported):
        valid = [f"val/{each}" for each in reported]
        raise UserError(f"training.monitor: got {name!r}, which this run does not report; {did_you_mean(name, valid)}")


def _reported(config: Mapping[str, Any]) -> tuple[str, ...]:
    of_examples = config["fusion"] is not None and config.get("decoder") is None
    if of_examples or (config.get("choices") or {}).get("model") in CLASSICAL:
        return tuple(dict.fromkeys(CLASSIFICATION + REGRESSION))
    return LANGUAGE
