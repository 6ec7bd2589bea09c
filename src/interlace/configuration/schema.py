"""The shape of a run's configuration outside its components.

Components (nodes with `_target_`) are checked against their own constructors; what remains is here.
"""

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, field_validator

from interlace.configuration.naming import Name

Node = dict[str, Any]
SeedNumber = Annotated[int, Field(ge=0, lt=2**32)]  # what NumPy's and Lightning's seeding take


class _Section(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)


class Seed(_Section):
    """Two seeds, because "seed" alone never says which: `model` draws weights and dropout, `data` the order."""

    model: SeedNumber
    data: SeedNumber


class TrainerSection(_Section):
    """Where a run computes. Of these only `precision` belongs to a run's identity."""

    accelerator: Literal["cpu", "gpu", "auto"]
    devices: Annotated[int, Field(ge=1)]
    num_nodes: Annotated[int, Field(ge=1)]
    strategy: Literal["auto", "ddp", "ddp_find_unused_parameters_true", "fsdp"]
    precision: Literal["32-true", "bf16-mixed", "bf16-true", "16-mixed", "64-true"]
    threads: Annotated[int, Field(ge=1)] | None


class TrainingSection(_Section):
    """How long and how a run trains."""

    max_epochs: Annotated[int, Field(ge=1)]
    max_steps: Annotated[int, Field(ge=1)] | None
    continue_from: str | None = None  # runs of before it have none
    steps_per_epoch: Annotated[int, Field(ge=1)] | None
    min_steps_per_epoch: Annotated[int, Field(ge=1)] | None = None  # runs of before it have none
    accumulate_batches: Annotated[int, Field(ge=1)]
    balanced_sampling: bool = False
    gradient_clip_norm: Annotated[float, Field(gt=0)] | None
    monitor: str | None
    monitor_mode: Literal["min", "max"] | None
    break_ties: str | None = None
    patience: Annotated[int, Field(ge=1)] | None
    evaluate_every_epochs: Annotated[int, Field(ge=1)]
    checkpoint_every_steps: Annotated[int, Field(ge=1)]
    log_every_steps: Annotated[int, Field(ge=1)]
    limit_batches: Annotated[int, Field(ge=1)] | None
    overfit_batches: Annotated[int, Field(ge=0)]
    detect_anomaly: bool
    compile: bool
    checkpoint_activations: bool
    profiler: Literal["simple", "advanced"] | None


class BudgetSection(_Section):
    """What a run may cost: parameters, or FLOPs of one example, of the whole model or of all but its encoders."""

    cost: Literal["parameters", "flops"]
    scope: Literal["total", "fusion"]
    target: Annotated[int, Field(ge=1)]
    tolerance: Annotated[float, Field(gt=0, lt=1)]


class RunSection(_Section):
    """The whole configuration of one run."""

    study: Name | None
    arm: Name | None
    factors: dict[str, Any]
    tags: list[str]
    budget: BudgetSection | None = None
    seed: Seed
    modalities: Annotated[list[str], Field(min_length=1)] | None
    encoders: dict[str, Node]
    levers: dict[str, Node]
    training: TrainingSection
    data: Node
    model: Node | None
    tokenizer: Node | None
    augmentation: Node | None
    adaptation: Node | None
    generation: Node | None
    freezing: Node | None = None
    control: Node | None = None
    missing: Node | None = None
    metrics: Node | None = None
    calibration: Node | None = None
    media_augmentation: Node | None = None
    presence: Node | None = None
    auxiliary: Node | None = None
    alignment: Node | None = None
    multitask: Node | None = None
    loss_weighting: Node | None = None
    gradient_modulation: Node | None = None
    encoder: dict[str, Node] | None
    fusion: Node | None
    head: Node | None
    decoder: Node | None = None
    objective: Node
    optimizer: Node
    schedule: Node
    trainer: TrainerSection
    logger: Node
    choices: dict[str, str | None]

    @field_validator("modalities")
    @classmethod
    def _each_once(cls, names: list[str] | None) -> list[str] | None:
        for name in names or ():
            if (names or ()).count(name) > 1:
                raise ValueError(f"{name!r} stands there twice; name each modality once")
        return names


# Switches that act on the data of any run with modalities.
DATA_SWITCHES = ("control", "missing")

# What is measured of runs that answer with classes or numbers.
MEASURES = ("metrics", "calibration")

# Switches that go with any fusion strategy, and with nothing else.
SWITCHES = (
    "media_augmentation",
    "presence",
    "auxiliary",
    "alignment",
    "multitask",
    "loss_weighting",
    "gradient_modulation",
)

# Groups of which several files may be chosen, as a list.
LISTED = frozenset({"levers"})

# Sections that a run may do without: a language model has no fusion, scenes need no tokenizer.
OPTIONAL = (
    "model",
    "tokenizer",
    "augmentation",
    "adaptation",
    "generation",
    "freezing",
    "encoder",
    "fusion",
    "head",
    "decoder",
    *DATA_SWITCHES,
    *MEASURES,
    *SWITCHES,
)

# What the builder supplies to a component of each section; never written in configuration files.
INJECTED: dict[str, frozenset[str]] = {
    "data": frozenset({"tokenizer", "augmentation"}),
    "tokenizer": frozenset(),
    "model": frozenset(
        {"vocabulary_size", "pad_id", "bos_id", "eos_id", "unk_id", "excluded_ids", "units", "vocabulary", "seed"}
    ),
    "augmentation": frozenset({"open_sampler", "open_translator"}),
    "adaptation": frozenset(),
    "generation": frozenset(),
    "freezing": frozenset(),
    "control": frozenset(),
    "missing": frozenset(),
    "metrics": frozenset(),
    "calibration": frozenset(),
    "media_augmentation": frozenset(),
    "presence": frozenset({"in_dims"}),
    "auxiliary": frozenset({"in_dims", "num_classes"}),
    "alignment": frozenset({"in_dims"}),
    "multitask": frozenset({"in_dim", "outputs"}),
    "loss_weighting": frozenset({"names"}),
    "gradient_modulation": frozenset(),
    "levers": frozenset({"log_every_steps"}),
    "encoder": frozenset({"spec", "language_model"}),
    "fusion": frozenset({"in_dims", "num_classes"}),
    "head": frozenset({"in_dim", "num_classes"}),
    "decoder": frozenset({"language_model", "in_dim"}),
    "objective": frozenset({"class_counts"}),
    "optimizer": frozenset({"module"}),
    "schedule": frozenset({"num_steps"}),
    "logger": frozenset(),
}

# Sections that hold several components by name, and the section whose injected parameters and conf group are theirs.
NAMED = {"encoder": "encoder", "encoders": "encoder", "levers": "levers"}
