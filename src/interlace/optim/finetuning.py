"""Which parameters are trained: all, some frozen, low-rank changes (LoRA), or layer after layer.

A `Finetuning` is applied to the model before its optimizer is built, and is called before each step.
"""

from collections.abc import Iterable, Sequence
from fnmatch import fnmatchcase
from typing import Annotated, Literal

from pydantic import Field
from torch import nn

from interlace.configuration.suggestions import did_you_mean
from interlace.errors import UserError
from interlace.nn.lora import apply_lora
from interlace.optim.parameter_groups import layers_below_top

Share = Annotated[float, Field(ge=0, lt=1)]
Modalities = list[str] | Literal["all"] | None


class Finetuning:
    """Trains everything; the base of the others. `frozen_encoders`: the encoders that stay as they are, if any."""

    frozen_encoders: "FrozenEncoders | None" = None

    def apply(self, model: nn.Module) -> None:
        """Changes `model` in place; called once, before the optimizer is built and weights are restored."""

    def on_step(self, step: int) -> None:
        """Called before each forward pass in training with the number of updates done: a function of it alone."""


class FullTuning(Finetuning):
    """Every parameter that the model leaves trainable is trained."""


class FrozenEncoders(Finetuning):
    """Encoders that stay as they are: without gradient and in evaluation mode, so that dropout and noise are off.

    `modalities` names them, null is all. With `cache` their tokens are computed once for each data set and each set of
    weights, kept on disk and mapped into memory by every run that starts from the same; the metrics are those of runs
    without, to the last bit in float32. "auto" does so wherever examples are the same in every epoch and the precision
    is full; true refuses a run where they are not.
    """

    def __init__(self, *, modalities: list[str] | None, cache: bool | Literal["auto"]) -> None:
        self.modalities = modalities
        self.cache = cache
        self.frozen_encoders = self

    def names(self, available: Iterable[str]) -> list[str]:
        """The frozen ones of a model's modalities, in the order of the model; one that it does not use is left out.

        Raises UserError when it uses none of those named.
        """
        available = list(available)
        if self.modalities is None:
            return available
        found = [name for name in available if name in self.modalities]
        if not found:
            name = next(iter(self.modalities), "")
            near = did_you_mean(name, available)
            raise UserError(f"finetuning: the model has no modality {name!r} to freeze; {near}")
        return found


def frozen_beside(modalities: Modalities) -> FrozenEncoders | None:
    """The encoders that a fine-tuning of the rest leaves as they are: "all", those named, or none (null)."""
    if modalities is None:
        return None
    return FrozenEncoders(modalities=None if modalities == "all" else list(modalities), cache="auto")


class FrozenTuning(Finetuning):
    """Parameters whose name matches a pattern of `freeze` stay as they are, unless one of `keep` matches too.

    Batch normalisation with frozen parameters also keeps its running statistics and uses them, as in evaluation.
    UserError when a pattern matches no parameter, or nothing is left to train.
    """

    def __init__(
        self, *, freeze: Annotated[list[str], Field(min_length=1)], keep: list[str], frozen_encoders: Modalities
    ) -> None:
        self.frozen_encoders = frozen_beside(frozen_encoders)
        self.freeze = freeze
        self.keep = keep
        self.batch_norms: list[nn.Module] = []

    def apply(self, model: nn.Module) -> None:
        """Turns gradients of the frozen parameters off."""
        names = [name for name, _ in model.named_parameters()]
        frozen = matching(names, self.freeze, "finetuning.freeze") - matching(names, self.keep, "finetuning.keep")
        set_frozen(model, frozen)
        self.batch_norms = frozen_batch_norms(model)

    def on_step(self, step: int) -> None:
        """Holds frozen batch normalisation in evaluation mode, which `model.train()` undoes."""
        for module in self.batch_norms:
            module.eval()


class LoRATuning(Finetuning):
    """Low-rank adaptation of the Linear layers named; of the rest only what matches `train` is trained.

    `layers` are patterns of module names. `fused` maps such patterns to which of the stacked matrices (queries, keys,
    values) are adapted; Hu et al. 2021, section 7.1, adapt queries and values. `train` are patterns of parameter
    names trained in full, a new head for instance. See `apply_lora` for what is refused.
    """

    def __init__(
        self,
        *,
        layers: Annotated[list[str], Field(min_length=1)],
        rank: Annotated[int, Field(ge=1)],
        alpha: Annotated[float, Field(gt=0)],
        dropout: Share,
        fused: dict[str, list[bool]],
        train: list[str],
        frozen_encoders: Modalities,
    ) -> None:
        self.frozen_encoders = frozen_beside(frozen_encoders)
        self.layers = layers
        self.rank = rank
        self.alpha = alpha
        self.dropout = dropout
        self.fused = fused
        self.train = train
        self.batch_norms: list[nn.Module] = []

    def apply(self, model: nn.Module) -> None:
        """Replaces the layers, then freezes everything but them and `train`."""
        apply_lora(model, self.layers, rank=self.rank, alpha=self.alpha, dropout=self.dropout, fused=self.fused)
        names = [name for name, _ in model.named_parameters()]
        trained = matching(names, self.train, "finetuning.train")
        trained |= {name for name in names if name.endswith((".lora_a", ".lora_b"))}
        set_frozen(model, set(names) - trained)
        self.batch_norms = frozen_batch_norms(model)

    def on_step(self, step: int) -> None:
        """Holds frozen batch normalisation in evaluation mode."""
        for module in self.batch_norms:
            module.eval()


class GradualUnfreezing(Finetuning):
    """From the top down, one layer more every `every_steps` updates (Howard and Ruder 2018, section 3.3).

    At first only what lies above or beside the stacks is trained (heads, final norms) and what matches `always`; then
    the last layer of each stack too, and so on to the embeddings. A frozen parameter gets no gradient, and so no
    step, decay or momentum. The state is a function of the step, so resuming is exact. All parameters are given to
    the optimizer; with DDP the strategy has to find unused ones (ddp_find_unused_parameters_true).
    """

    def __init__(
        self, *, every_steps: Annotated[int, Field(ge=1)], always: list[str], frozen_encoders: Modalities
    ) -> None:
        self.frozen_encoders = frozen_beside(frozen_encoders)
        self.every_steps = every_steps
        self.always = always
        self.depths: list[tuple[nn.Parameter, int]] = []
        self.stage: int | None = None

    def apply(self, model: nn.Module) -> None:
        """Notes the depth of every trainable parameter; nothing is frozen before the first step."""
        names = [name for name, _ in model.named_parameters()]
        always = matching(names, self.always, "finetuning.always")
        parameters = {id(m.weight) for m in model.modules() if isinstance(m, nn.Embedding)}
        tables = {name for name, p in model.named_parameters() if id(p) in parameters}
        depths = layers_below_top(names, embeddings=tables)
        self.depths = [
            (p, 0 if name in always else depths[name]) for name, p in model.named_parameters() if p.requires_grad
        ]
        if not any(depth for _, depth in self.depths):
            raise UserError(
                "finetuning: this model has no stack of layers to unfreeze (modules named layers.0, layers.1, ...); "
                "choose finetuning=full or frozen"
            )
        self.stage = None

    def on_step(self, step: int) -> None:
        """Opens the layers down to step // every_steps below the top, and closes the others."""
        stage = step // self.every_steps
        if stage == self.stage:
            return
        self.stage = stage
        for p, depth in self.depths:
            p.requires_grad_(depth <= stage)
            if depth > stage:
                p.grad = None


def matching(names: Sequence[str], patterns: Sequence[str], where: str) -> set[str]:
    """The names that match a pattern; UserError for a pattern that none matches."""
    found: set[str] = set()
    for pattern in patterns:
        matched = {name for name in names if fnmatchcase(name, pattern)}
        if not matched:
            tops = sorted({name.split(".")[0] for name in names})
            raise UserError(
                f"{where}: no parameter has a name matching {pattern!r}; names begin with {', '.join(tops)}"
            )
        found |= matched
    return found


def set_frozen(model: nn.Module, frozen: set[str]) -> None:
    """Turns the gradients of these parameters off, leaving those of the others as they are."""
    for name, p in model.named_parameters():
        if name in frozen:
            p.requires_grad_(False)
    if not any(p.requires_grad for p in model.parameters()):
        raise UserError("finetuning: every parameter is frozen and nothing is left to train; freeze less")


def frozen_batch_norms(model: nn.Module) -> list[nn.Module]:
    """Batch normalisation layers none of whose parameters is trained."""
    kinds = (nn.modules.batchnorm._BatchNorm,)
    found = [m for m in model.modules() if isinstance(m, kinds) and m.affine]
    return [m for m in found if not any(p.requires_grad for p in m.parameters())]
