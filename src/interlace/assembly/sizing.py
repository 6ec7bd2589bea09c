"""Cost of a configuration's model with other options of fusion and head; encoders are built once."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch

from interlace.assembly.budget import Size
from interlace.assembly.components import constructor
from interlace.assembly.multimodal import NUM_COUNTED, build_encoder, build_model, chosen_modalities
from interlace.configuration.compose import TRAINED_ENCODER
from interlace.configuration.options import with_options
from interlace.data.datamodule import DataModule
from interlace.encoders.trained import encoder_node
from interlace.errors import UserError
from interlace.nn.costs import count_flops, count_parameters
from interlace.optim.finetuning import FrozenEncoders
from interlace.tokens import ModalitySpec

Config = Mapping[str, Any]


class Sizer:
    """Builder of a configuration's model with varying options of fusion and head.

    `parents`: configurations of runs by directory; an encoder from a run that does not exist yet is built from the
    configuration of that run. Raises UserError for runs without encoders, fusion and head.
    """

    def __init__(self, config: Config, data: DataModule, parents: Mapping[Path, Config]) -> None:
        if config["fusion"] is None or config.get("decoder") is not None:
            raise UserError("budget: only runs with encoders, fusion and a head or a decision can be matched")
        if config["finetuning"] is not None and not isinstance(constructor(config["finetuning"])(), FrozenEncoders):
            raise UserError("budget: finetuning=... changes the encoders, whose cost must be the same; leave it out")
        self.data = data
        specs = chosen_modalities(config, data.modalities)
        self.config = {**config, "encoders": _without_unmade_parents(config, specs, parents)}
        torch.manual_seed(0)
        self.encoders = {name: build_encoder(self.config, data, name, spec) for name, spec in specs.items()}
        self.sample = self._sample(list(specs))
        model = build_model(self.config, data, self.encoders)
        with torch.no_grad():
            model.eval()
            self.tokens = model.encode(self.sample)
        self.encoder_flops = count_flops(model, lambda: model.encode(self.sample))
        self.encoder_parameters = sum(count_parameters(encoder)[0] for encoder in self.encoders.values())

    def size(self, options: Mapping[str, Any], *, flops: bool = True) -> Size:
        """Return the cost with `options` (such as {"fusion.dim": 96}) instead of the configured ones.

        Without `flops` its FLOPs are 0. Raises UserError if the model cannot be built with the options.
        """
        model = build_model(with_options(self.config, options), self.data, self.encoders)
        examples = len(next(iter(self.tokens.values())).mask)
        rest = count_flops(model, lambda: model(self.tokens)) if flops else -self.encoder_flops
        return Size(
            count_parameters(model)[0],
            (rest + self.encoder_flops) // examples,
            self.encoder_parameters,
            self.encoder_flops // examples,
        )

    def _sample(self, names: list[str]) -> dict[str, Any]:
        split = self.data.splits["test"].select(names)
        inputs: dict[str, Any] = split.batch(np.arange(min(NUM_COUNTED, len(split))))["inputs"]
        return inputs


def _without_unmade_parents(
    config: Config, specs: Mapping[str, ModalitySpec], parents: Mapping[Path, Config]
) -> dict[str, Any]:
    """Return the encoders by name; those of runs that do not exist yet from the configurations of these runs."""
    nodes = {name: dict(node) for name, node in config["encoders"].items()}
    for name, spec in specs.items():
        node = encoder_node(config, name, spec.kind)
        if node["_target_"] != TRAINED_ENCODER or (Path(node["init_from"]) / "results.json").exists():
            continue
        parent = parents.get(Path(node["init_from"]))
        if parent is None:
            raise UserError(f"{node['init_from']}: this run, from which an encoder is taken, is not finished")
        chosen = parent["modalities"] or [name]
        nodes[name] = encoder_node(parent, node["modality"] or (chosen[0] if len(chosen) == 1 else name), spec.kind)
    return nodes
