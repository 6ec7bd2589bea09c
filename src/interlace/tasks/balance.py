"""Loss weighting and gradient modulation of the encoders during training."""

from collections.abc import Mapping
from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn

from interlace.data.loader import BatchLoader
from interlace.objectives.weighting.base import LossWeighting
from interlace.objectives.weighting.gradient_blending import GradientBlending
from interlace.optim.ogm_ge import OGMGE
from interlace.tasks.blending import BlendingTrial
from interlace.tokens import Fused

if TYPE_CHECKING:
    from interlace.tasks.supervised import MultimodalModel, SupervisedTask


class Balance:
    """A weighting of the losses and a modulation of the gradients, either of which may be absent.

    `reports_unimodal`: evaluations report the accuracy of each unimodal head. `validation`: the loader of gradient
    blending.
    """

    def __init__(
        self,
        *,
        weighting: LossWeighting | None = None,
        modulation: OGMGE | None = None,
        reports_unimodal: bool = False,
        validation: BatchLoader | None = None,
    ) -> None:
        self.weighting = weighting
        self.modulation = modulation
        self.reports_unimodal = reports_unimodal
        self.validation = validation

    def unimodal_weight(self, stated: float) -> float:
        """Return the weight of the unimodal losses in the objective; with a weighting all losses are computed."""
        return stated if self.weighting is None else 1.0

    def on_epoch(self, task: "SupervisedTask") -> None:
        """Run a trial of gradient blending before an epoch, if one is due."""
        weighting = self.weighting
        if not isinstance(weighting, GradientBlending) or not weighting.is_due(task.current_epoch):
            return
        assert self.validation is not None, "gradient blending needs validation data"
        epochs = weighting.length_of_trial(task.current_epoch, task.trainer.max_epochs or 1)
        changes = BlendingTrial(task, self.validation, epochs).changes(weighting.names)
        weighting.take(changes, task.current_epoch)
        metrics = {f"blending/generalisation/{name}": each.generalisation for name, each in changes.items()}
        metrics |= {f"blending/overfitting/{name}": each.overfitting for name, each in changes.items()}
        # Logged under the next step: a run resumed at the current step repeats the trial and its row.
        task.write(metrics | {f"train/{k}": v for k, v in weighting.metrics().items()}, task.global_step + 1)

    def on_losses(self, task: "SupervisedTask", losses: Mapping[str, Tensor], fused: Fused, label: Tensor) -> Tensor:
        """Return the total loss of a training batch."""
        if self.modulation is not None:
            names = [name for name in task.model.names if f"unimodal_logits/{name}" in fused.aux]
            logits = {name: fused.aux[f"unimodal_logits/{name}"] for name in names}
            self.modulation.observe(logits, {name: speaks_for_itself(fused, name) for name in names}, label)
        if self.weighting is None:
            return losses["loss"]
        named = {key.removeprefix("loss/"): loss for key, loss in losses.items() if key != "loss"}
        weighed = {name: named.pop(name) for name in self.weighting.names if name in named}
        shared = shared_layers(task.model, weighed) if self.weighting.needs_shared_trunk else []
        self.weighting.observe(weighed, shared)
        total: Tensor = self.weighting(weighed)
        return total + sum(named.values())  # losses of the strategy (such as load balancing) keep their own weight

    def on_gradients(self, task: "SupervisedTask") -> None:
        """Scale down, before an update, the gradients of the encoders that learn fastest."""
        if self.modulation is None:
            return
        found = self.modulation.take_coefficients()
        if not self.modulation.is_active(task.current_epoch):
            return
        generator = torch.Generator().manual_seed((task.seed << 32) + task.global_step)
        for name, coefficient in found.items():
            self.modulation.modulate(task.model.encoder_of(name).parameters(), coefficient, generator)
        step = task.global_step + 1
        if step % task.log_every_n_steps == 0:
            task.write({f"train/modulation/{name}": coefficient for name, coefficient in found.items()}, step)

    def metrics(self) -> dict[str, float]:
        """Return the current weights, for logging."""
        return {} if self.weighting is None else self.weighting.metrics()

    def add_to(self, optimizer: torch.optim.Optimizer) -> None:
        """Add learned weights to the model's optimizer, at its full learning rate, without decay (with Muon: AdamW)."""
        parameters = [] if self.weighting is None else list(self.weighting.parameters())
        if not parameters:
            return
        groups = [group for group in optimizer.param_groups if group.get("algorithm") != "muon"]
        options = {key: value for key, value in max(groups, key=lambda group: group["lr"]).items() if key != "params"}
        optimizer.add_param_group({**options, "params": parameters, "weight_decay": 0.0})


def speaks_for_itself(fused: Fused, name: str) -> Tensor:
    """Return (B,) bool: "unimodal_logits/<name>" of the example come from the modality, not from a learned token."""
    mask = fused.aux[f"unimodal_mask/{name}"].bool()
    return mask & fused.aux.get(f"given/{name}", mask)


def shared_layers(model: "MultimodalModel", losses: Mapping[str, Tensor]) -> list[nn.Parameter]:
    """Return the last layers that the losses share: the last trained matrix of each encoder, or that of the fusion if
    there are only losses of the main task and of further labels."""
    above = {"joint", *(model.multitask.labels if model.multitask is not None else ())}
    if set(losses) <= above and not model.fusion.decides:
        found = last_matrix(model.fusion)
        if found is not None:
            return [found]
    matrices = [last_matrix(encoder) for encoder in model.encoders]
    return [matrix for matrix in matrices if matrix is not None]


def last_matrix(module: nn.Module) -> nn.Parameter | None:
    """Return the last trained weight of two or more dimensions that is not an embedding table; None without one."""
    tables = {id(m.weight) for m in module.modules() if isinstance(m, nn.Embedding)}
    matrices = [p for p in module.parameters() if p.requires_grad and p.ndim >= 2 and id(p) not in tables]
    return matrices[-1] if matrices else None
