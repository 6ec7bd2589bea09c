"""What takes part in each update beside the optimizer."""

from collections.abc import Mapping
from typing import Any

from pytorch_lightning.callbacks import Callback

from interlace.assembly.components import accepts, constructor
from interlace.assembly.experiment import Experiment
from interlace.errors import UserError
from interlace.tracking.adapting import AdaptationSteps
from interlace.tracking.averaging import WeightAverage
from interlace.tracking.throughput import Throughput


def levers(config: Mapping[str, Any], experiment: Experiment) -> list[Callback]:
    """Throughput where tokens are counted, the steps of `adaptation`, and the callbacks of `levers`, as configured.

    Raises UserError for an average of weights that are kept in shards.
    """
    every = config["training"]["log_every_steps"]
    callbacks: list[Callback] = []
    if experiment.unit == "tokens":
        flops = experiment.training_flops_per_token
        callbacks.append(Throughput(every_steps=every, count=experiment.count_batch, flops_per_token=flops))
    if experiment.adaptation is not None:
        callbacks.append(AdaptationSteps(experiment.adaptation))
    for name, node in config["levers"].items():
        injected = {"log_every_steps": every} if accepts(f"levers.{name}", node, "log_every_steps") else {}
        callbacks.append(constructor(node)(**injected))
        if isinstance(callbacks[-1], WeightAverage) and config["trainer"]["strategy"] == "fsdp":
            raise UserError(f"levers.{name}: an average of weights is not kept in shards; use trainer.strategy=ddp")
    return callbacks
