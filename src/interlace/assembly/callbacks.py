"""Lightning callbacks of a run."""

from collections.abc import Mapping
from typing import Any

from pytorch_lightning.callbacks import Callback

from interlace.assembly.components import accepts, constructor
from interlace.assembly.experiment import Experiment
from interlace.errors import UserError
from interlace.tracking.averaging import WeightAverage
from interlace.tracking.finetuning import FinetuningSteps
from interlace.tracking.throughput import Throughput


def build_callbacks(config: Mapping[str, Any], experiment: Experiment) -> list[Callback]:
    """Return the callbacks of a run: throughput (for models of tokens), `finetuning`, and those of `callbacks`.

    Raises UserError for an average of sharded weights.
    """
    every = config["trainer"]["log_every_n_steps"]
    callbacks: list[Callback] = []
    if experiment.unit == "tokens":
        flops = experiment.training_flops_per_token
        callbacks.append(Throughput(every_steps=every, count=experiment.count_batch, flops_per_token=flops))
    if experiment.finetuning is not None:
        callbacks.append(FinetuningSteps(experiment.finetuning))
    for name, node in config["callbacks"].items():
        injected = {"log_every_n_steps": every} if accepts(f"callbacks.{name}", node, "log_every_n_steps") else {}
        callbacks.append(constructor(node)(**injected))
        if isinstance(callbacks[-1], WeightAverage) and config["trainer"]["strategy"] == "fsdp":
            raise UserError(f"callbacks.{name}: weights in shards are not averaged; use trainer.strategy=ddp")
    return callbacks
