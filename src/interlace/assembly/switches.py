"""Construction of the switches, which fit any fusion strategy, from their sections; null: without effect.

control              shuffled or duplicated modality (data)
missing_data         modalities missing from examples (data)
media_augmentation   images and sounds changed, examples mixed, in training batches
missing_modality     modality dropout, learned token for missing modalities (before the fusion)
auxiliary            a head for each modality (after the encoders)
alignment            a contrastive loss between modalities (after the encoders)
multitask            further labels, each with a head (after the fusion)
loss_weighting       weights of the losses
gradient_modulation  scaling of the gradients of each encoder
"""

from collections.abc import Mapping
from typing import Any

import numpy as np
import torch

from interlace.assembly.components import constructor
from interlace.configuration.tasks import task_named
from interlace.data.datamodule import DataModule
from interlace.data.loader import BatchLoader
from interlace.data.media_augmentation import AugmentedRows, MediaAugmentation
from interlace.data.missing import IncompleteSplit
from interlace.data.split import Split
from interlace.errors import UserError
from interlace.fusion.base import Fusion
from interlace.fusion.late import LateFusion
from interlace.objectives.weighting.base import LossWeighting
from interlace.tasks.balance import Balance, last_matrix
from interlace.tasks.supervised import MultimodalModel, SupervisedTask

Config = Mapping[str, Any]


def augmented(config: Config, data: DataModule, train: Split) -> Split:
    """Return the training rows, with media augmentation if configured."""
    if config.get("media_augmentation") is None:
        return train
    augmentation: MediaAugmentation = constructor(config["media_augmentation"])()
    augmentation.check(data.modalities, train.arrays)
    if augmentation.mixup is not None:
        check_mixable(config, data)
    num_classes = len(data.classes) if data.spec.has_classes else None
    return AugmentedRows(train, augmentation, data.modalities, num_classes=num_classes, seed=config["seed"]["data"])


def check_mixable(config: Config, data: DataModule) -> None:
    """Raise UserError for mixup if labels of two examples cannot be averaged."""
    where = "media_augmentation.mixup"
    if not data.spec.mixes:
        what = "texts" if data.spec.writes else data.spec.labels
        raise UserError(f"{where}: these data ask for {what}, which cannot be averaged; add {where}=null")
    for section, why in (
        ("multitask", "further labels are not averaged"),
        ("gradient_modulation", "modalities are compared by what they say of one label, and a mixed example has two"),
    ):
        if config.get(section) is not None:
            raise UserError(f"{where}: {why}; leave {section} out, or add {where}=null")


def side_modules(config: Config, data: DataModule, fusion: Fusion, num_outputs: int) -> dict[str, Any]:
    """Return missing-modality layer, alignment and additional heads, as keyword arguments of MultimodalModel.

    Their weights are drawn after all others, which are thus the same as without them.
    """
    for section in ("auxiliary", "multitask"):
        if config.get(section) is not None and data.spec.writes:
            raise UserError(f"{section}: these data ask for texts, which have no classes to predict; leave it out")
    if config.get("auxiliary") is not None and not data.spec.pooled:
        raise UserError(f"auxiliary: its heads give one answer an example, and {data.spec.name} asks for one a part")
    modules: dict[str, Any] = {}
    if config.get("missing_modality") is not None:
        modules["missing_modality"] = constructor(config["missing_modality"])(in_dims=fusion.in_dims)
    if config.get("auxiliary") is not None:
        if isinstance(fusion, LateFusion):
            raise UserError(
                "auxiliary: this fusion has a classifier for each modality already; leave it out and weigh their "
                "losses with objective.unimodal_weight=1.0"
            )
        modules["auxiliary"] = constructor(config["auxiliary"])(in_dims=fusion.in_dims, num_classes=num_outputs)
    if config.get("alignment") is not None:
        if len(fusion.names) < 2:
            raise UserError("alignment: one modality alone has none to be aligned with; leave it out")
        modules["alignment"] = constructor(config["alignment"])(in_dims=fusion.in_dims)
    if config.get("multitask") is not None:
        outputs = {
            name: task_named(label.kind).num_outputs(label.classes) for name, label in data.further_labels.items()
        }
        modules["multitask"] = constructor(config["multitask"])(in_dim=fusion.dim, outputs=outputs)
    return modules


def check_learned_tokens(model: MultimodalModel, data: DataModule) -> None:
    """Raise UserError for a learned token of a modality that is never missing in training."""
    if model.missing_modality is not None:
        train = data.splits["train"]
        rates = train.rates if isinstance(train, IncompleteSplit) and train.redraw else {}
        model.missing_modality.check_missing(
            {
                name: rates.get(name, 0.0) > 0 or not np.all(getattr(train.arrays[name], "present", True))
                for name in model.names
            }
        )


def balance(config: Config, task: SupervisedTask, loaders: Mapping[str, BatchLoader]) -> None:
    """Add the configured loss weighting and gradient modulation to a task."""
    weighting, modulation = config.get("loss_weighting"), config.get("gradient_modulation")
    if modulation is not None:
        check_modulation(task)
    task.set_balance(
        Balance(
            weighting=None if weighting is None else build_weighting(weighting, task, loaders["train"]),
            modulation=None if modulation is None else constructor(modulation)(),
            reports_unimodal=config.get("auxiliary") is not None or modulation is not None,
            validation=loaders["val"],
        )
    )


def check_modulation(task: SupervisedTask) -> None:
    """Raise UserError unless the model has class predictions of every modality alone."""
    if not task.learning.spec.has_softmax:
        labels = task.learning.spec.labels
        raise UserError(f"gradient_modulation: it compares probabilities of classes; these labels are {labels}")
    if task.model.auxiliary is None and not isinstance(task.model.fusion, LateFusion):
        raise UserError(
            "gradient_modulation: this fusion gives no prediction of each modality alone; add "
            "auxiliary=unimodal_probes (heads that only look) or auxiliary=unimodal_heads"
        )
    if len(task.model.names) < 2:
        raise UserError("gradient_modulation: one modality alone has none to be compared with; leave it out")
    if not any(p.requires_grad for p in task.model.encoders.parameters()):
        raise UserError("gradient_modulation: no encoder is trained and there are no gradients to change; leave it out")


def build_weighting(node: Mapping[str, Any], task: SupervisedTask, loader: BatchLoader) -> LossWeighting:
    """Return the weighting of the losses of the task, whose names are taken from one batch."""
    model = task.model
    weighting: LossWeighting = constructor(node)(names=loss_names(task, loader))
    if weighting.needs_shared_trunk:
        if model.auxiliary is not None and model.auxiliary.detach:
            raise UserError("loss_weighting: heads that only look teach no encoder; use auxiliary=unimodal_heads")
        for name in model.names:
            if name in weighting.names and last_matrix(model.encoder_of(name)) is None:
                raise UserError(
                    f"loss_weighting: the encoder of {name!r} is not trained, so its loss shares nothing with the "
                    "others; train it, or use loss_weighting=fixed or uncertainty"
                )
    return weighting


def loss_names(task: SupervisedTask, loader: BatchLoader) -> list[str]:
    """Return the names of the weighted losses, taken from one batch, main task first: the joint loss, those of unimodal
    heads and of further labels, and the alignment. Auxiliary losses of the fusion itself are not weighted.
    """
    model, training = task.model, task.model.training
    batch = loader.split.batch(loader.order(0)[:2])
    with torch.no_grad():
        losses, _, _ = task.losses(model.eval(), batch, unimodal_weight=1.0)
    model.train(training)
    wanted = ["joint", *model.names, *(model.multitask.labels if model.multitask is not None else ()), "alignment"]
    return [name for name in wanted if f"loss/{name}" in losses]
