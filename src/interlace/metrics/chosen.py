"""Additional metrics, chosen by name."""

from collections.abc import Callable, Mapping
from typing import Annotated, Any, NamedTuple

from pydantic import AfterValidator, Field
from torch import Tensor

from interlace.configuration.suggestions import did_you_mean
from interlace.configuration.tasks import task_class, task_names
from interlace.errors import UserError
from interlace.metrics import classes, sentiment, values


class Metric(NamedTuple):
    """A metric: `compute(predictions (N, C) or (N,), labels (N,))`; `undefined(labels)`: reason why it is undefined."""

    compute: Callable[..., float]
    undefined: Callable[[Tensor], str | None]
    takes_positive: bool = False  # `compute` has a third argument, the id of the positive class


CLASSIFICATION: Mapping[str, Metric] = {
    "accuracy": Metric(classes.accuracy, classes.no_rows),
    "balanced_accuracy": Metric(classes.balanced_accuracy, classes.no_rows),
    "f1_macro": Metric(classes.f1_macro, classes.no_rows),
    "f1_weighted": Metric(classes.f1_weighted, classes.no_rows),
    "f1_micro": Metric(classes.f1_micro, classes.no_rows),
    "f1_binary": Metric(classes.f1_binary, classes.no_rows, takes_positive=True),
    "auroc": Metric(classes.auroc, classes.one_class, takes_positive=True),
    "average_precision": Metric(classes.average_precision, classes.one_class, takes_positive=True),
    "mcc": Metric(classes.mcc, classes.one_class),
    "cohen_kappa": Metric(classes.cohen_kappa, classes.one_class),
    "qwk": Metric(classes.quadratic_weighted_kappa, classes.one_class),
    "brier": Metric(classes.brier, classes.no_rows),
    "nll": Metric(classes.negative_log_likelihood, classes.no_rows),
}
REGRESSION: Mapping[str, Metric] = {
    "mae": Metric(values.mean_absolute_error, classes.no_rows),
    "rmse": Metric(values.root_mean_squared_error, classes.no_rows),
    "pearson": Metric(values.pearson, values.constant),
    "spearman": Metric(values.spearman, values.constant),
    "ccc": Metric(values.concordance, values.constant),
    "acc2_has0": Metric(sentiment.acc2_has0, classes.no_rows),
    "f1_has0": Metric(sentiment.f1_has0, classes.no_rows),
    "acc2_non0": Metric(sentiment.acc2_non0, sentiment.only_zeros),
    "f1_non0": Metric(sentiment.f1_non0, sentiment.only_zeros),
    "acc7": Metric(sentiment.acc7, classes.no_rows),
    "acc5": Metric(sentiment.acc5, classes.no_rows),
}


def known(name: str) -> str:
    """Return the name if it is that of a metric; else raise ValueError with the nearest name."""
    if name not in CLASSIFICATION and name not in REGRESSION:
        offered = dict.fromkeys(metric for task in task_names() for metric in task_class(task).offered)
        if name not in offered:
            raise ValueError(f"no metric is called {name!r}; {did_you_mean(name, list(offered))}")
    return name


class ChosenMetrics:
    """Additional metrics of validation and test data, over the split and for every value of its groups.

    `names`, of classes: accuracy, balanced_accuracy, f1_macro, f1_weighted, f1_micro, f1_binary, auroc,
    average_precision, mcc, cohen_kappa, qwk, brier, nll (`interlace.metrics.classes`); of numbers: mae, rmse, pearson,
    spearman, ccc (`interlace.metrics.values`), and those of sentiment scores from -3 to 3: acc2_has0, f1_has0,
    acc2_non0, f1_non0, acc7, acc5 (`interlace.metrics.sentiment`). `positive`: the positive class of f1_binary, and
    of auroc and average_precision of two classes; None: the last in the data's order.
    """

    def __init__(
        self,
        *,
        names: Annotated[list[Annotated[str, AfterValidator(known)]], Field(min_length=1)],
        positive: str | int | float | bool | None,
    ) -> None:
        self.names = list(dict.fromkeys(names))
        self.positive = positive
        self.positive_id = 0
        self.metrics: dict[str, Metric] = {}

    def bind(self, of: str, offered: Mapping[str, Metric], class_names: list[str]) -> None:
        """Set the kind of labels (`of`, such as classes), the available metrics and the classes.

        Raises UserError for metrics that are not available.
        """
        for name in self.names:
            if name not in offered:
                other = " or ".join(_measured_of(name))
                raise UserError(
                    f"metrics.names: {name} is a metric of {other}, and these data have {of}: {', '.join(offered)}"
                )
        if "f1_binary" in self.names and len(class_names) != 2:
            raise UserError(
                f"metrics.names: f1_binary needs two classes, and these data have {len(class_names)}; take f1_macro"
            )
        positive = None if self.positive is None else str(self.positive)
        if positive is not None and positive not in class_names:
            raise UserError(f"metrics.positive: no class is called {positive!r}; {did_you_mean(positive, class_names)}")
        self.positive_id = len(class_names) - 1 if positive is None else class_names.index(positive)
        self.metrics = {name: offered[name] for name in self.names}

    def __call__(self, predictions: Tensor, labels: Tensor) -> dict[str, float]:
        """Return every defined metric of probabilities (N, C) or values (N,) against labels (N,)."""
        return {
            name: metric.compute(predictions, labels, *([self.positive_id] if metric.takes_positive else []))
            for name, metric in self.metrics.items()
            if metric.undefined(labels) is None
        }

    def undefined(self, labels: Tensor) -> dict[str, str]:
        """Return the undefined metrics of labels (N,), with reasons."""
        reasons = {name: metric.undefined(labels) for name, metric in self.metrics.items()}
        return {name: reason for name, reason in reasons.items() if reason is not None}


def _measured_of(name: str) -> list[str]:
    """Return the kinds of labels of the tasks that have a metric."""
    kinds: list[Any] = [task_class(task) for task in task_names()]
    return list(dict.fromkeys(kind.labels for kind in kinds if name in kind.offered))
