"""Fine-tuning methods: full, partly frozen, low-rank adaptation (LoRA), or gradual unfreezing.

A `Finetuning` is applied to the model before its optimizer is built and is called before each step.
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
    """Base class of fine-tuning methods, which trains all parameters. `frozen_encoders`: encoders to freeze, if any."""

    frozen_encoders: "FrozenEncoders | None" = None

    def apply(self, model: nn.Module) -> None:
        """Change `model` in place; called once, before the optimizer is built and weights are restored."""

    def on_step(self, step: int) -> None:
        """Prepare the model before each training forward pass; depends only on `step`, the number of updates done."""


class FullTuning(Finetuning):
    """Training of all parameters that require gradients."""


class FrozenEncoders(Finetuning):
    """Frozen encoders: without gradient and in evaluation mode, so that dropout and noise are off.

    `modalities` names them; null: all. With `cache` their tokens are computed once for each data set and each set of
    weights, stored on disk and memory-mapped by every run that starts from the same; metrics are the same as without
    the cache, to the last bit in float32. "auto": cache if examples are the same in every epoch, the precision is
    32-bit and all tokens on disk stay within the limit token_cache_bytes; true: without a limit, and a run where the
    others do not hold is refused.
    """

    def __init__(self, *, modalities: list[str] | None, cache: bool | Literal["auto"]) -> None:
        self.modalities = modalities
        self.cache = cache
        self.frozen_encoders = self

    def names(self, available: Iterable[str]) -> list[str]:
        """Return the frozen modalities among those of a model, in its order; those it does not have are left out.

        Raises UserError when the model has none of those named.
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
    """Return the encoders to freeze while the rest is fine-tuned: "all", those named, or none (null)."""
    if modalities is None:
        return None
    return FrozenEncoders(modalities=None if modalities == "all" else list(modalities), cache="auto")


class FrozenTuning(Finetuning):
    """Freezing of the parameters whose name matches a pattern of `freeze` and none of `exclude`.

    Batch normalisation with frozen parameters uses its running statistics without updating them, as in evaluation.
    Raises UserError when a pattern matches no parameter or no parameter is left to train.
    """

    def __init__(
        self, *, freeze: Annotated[list[str], Field(min_length=1)], exclude: list[str], frozen_encoders: Modalities
    ) -> None:
        self.frozen_encoders = frozen_beside(frozen_encoders)
        self.freeze = freeze
        self.exclude = exclude
        self.batch_norms: list[nn.Module] = []

    def apply(self, model: nn.Module) -> None:
        """Disable the gradients of the frozen parameters."""
        names = [name for name, _ in model.named_parameters()]
        frozen = matching(names, self.freeze, "finetuning.freeze") - matching(names, self.exclude, "finetuning.exclude")
        set_frozen(model, frozen)
        self.batch_norms = frozen_batch_norms(model)

    def on_step(self, step: int) -> None:
        """Set frozen batch normalisation to evaluation mode, which `model.train()` undoes."""
        for module in self.batch_norms:
            module.eval()


class LoRATuning(Finetuning):
    """Low-rank adaptation (LoRA) of the named Linear layers; of the rest only parameters matching `train` are trained.

    `layers` are patterns of module names. `fused` maps such patterns to flags for the stacked matrices (queries, keys,
    values) to adapt; Hu et al. 2021, section 7.1, adapt queries and values. `train` are patterns of names of parameters
    that are trained in full, such as a new head. Errors: see `apply_lora`. Trained parameters: r (in + out) per adapted
    matrix, r = `rank`.
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
        """Replace the layers, then freeze all other parameters except those matching `train`."""
        apply_lora(model, self.layers, rank=self.rank, alpha=self.alpha, dropout=self.dropout, fused=self.fused)
        names = [name for name, _ in model.named_parameters()]
        trained = matching(names, self.train, "finetuning.train")
        trained |= {name for name in names if name.endswith((".lora_a", ".lora_b"))}
        set_frozen(model, set(names) - trained)
        self.batch_norms = frozen_batch_norms(model)

    def on_step(self, step: int) -> None:
        """Set frozen batch normalisation to evaluation mode."""
        for module in self.batch_norms:
            module.eval()


class GradualUnfreezing(Finetuning):
    """Gradual unfreezing from the top, one more layer every `every_n_steps` updates (Howard and Ruder 2018, 3.3).

    At first only parameters outside the stacks (heads, final norms) and those that match `always` are trained; then
    also the last layer of each stack, and so on down to the embeddings. A frozen parameter gets no gradient and hence
    no step, decay or momentum. The state depends only on the step, so resuming is exact. All parameters are given to
    the optimizer; with DDP the strategy has to find unused ones (ddp_find_unused_parameters_true).
    """

    def __init__(
        self, *, every_n_steps: Annotated[int, Field(ge=1)], always: list[str], frozen_encoders: Modalities
    ) -> None:
        self.frozen_encoders = frozen_beside(frozen_encoders)
        self.every_n_steps = every_n_steps
        self.always = always
        self.depths: list[tuple[nn.Parameter, int]] = []
        self.stage: int | None = None

    def apply(self, model: nn.Module) -> None:
        """Store the depth of every trainable parameter; no parameter is frozen before the first step."""
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
        """Unfreeze the layers down to step // every_n_steps below the top and freeze the others."""
        stage = step // self.every_n_steps
        if stage == self.stage:
            return
        self.stage = stage
        for p, depth in self.depths:
            p.requires_grad_(depth <= stage)
            if depth > stage:
                p.grad = None


def matching(names: Sequence[str], patterns: Sequence[str], where: str) -> set[str]:
    """Return the names that match a pattern. Raises UserError for a pattern that matches none."""
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
    """Disable the gradients of these parameters; those of the others are unchanged."""
    for name, p in model.named_parameters():
        if name in frozen:
            p.requires_grad_(False)
    if not any(p.requires_grad for p in model.parameters()):
        raise UserError("finetuning: every parameter is frozen and nothing is left to train; freeze less")


def frozen_batch_norms(model: nn.Module) -> list[nn.Module]:
    """Return the batch normalisation layers without trained parameters."""
    kinds = (nn.modules.batchnorm._BatchNorm,)
    found = [m for m in model.modules() if isinstance(m, kinds) and m.affine]
    return [m for m in found if not any(p.requires_grad for p in m.parameters())]
