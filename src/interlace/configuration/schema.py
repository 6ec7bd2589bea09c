"""Schema of a run's configuration outside its components.

Components (nodes with `_target_`) are checked against their constructors; the schema of all other keys is here.
"""

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, field_validator

from interlace.configuration.naming import Name

Node = dict[str, Any]
Limit = Annotated[int, Field(ge=1)] | Annotated[float, Field(gt=0, le=1)] | None  # batches, or a share of all
SeedNumber = Annotated[int, Field(ge=0, lt=2**32)]  # the range of NumPy's and Lightning's seeds


class _Section(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)


class Seed(_Section):
    """Seeds of the model (initial weights, dropout) and of the data (order of examples, random changes)."""

    model: SeedNumber
    data: SeedNumber


class TrainerSection(_Section):
    """Hardware and options of training. All but HARDWARE are part of a run's identity, after `auto` is resolved."""

    accelerator: Literal["cpu", "gpu"]
    devices: Annotated[int, Field(ge=1)]
    num_nodes: Annotated[int, Field(ge=1)]
    strategy: Literal["auto", "ddp", "ddp_find_unused_parameters_true", "fsdp"]
    precision: Literal["32-true", "bf16-mixed", "bf16-true", "16-mixed", "64-true"]
    threads: Annotated[int, Field(ge=1)] | None
    max_epochs: Annotated[int, Field(ge=1)]
    max_steps: Annotated[int, Field(ge=1)] | None
    steps_per_epoch: Annotated[int, Field(ge=1)] | None
    min_steps_per_epoch: Annotated[int, Field(ge=1)] | None
    accumulate_grad_batches: Annotated[int, Field(ge=1)]
    gradient_clip_val: Annotated[float, Field(gt=0)] | None
    gradient_clip_algorithm: Literal["norm", "value"] = "norm"
    check_val_every_n_epoch: Annotated[int, Field(ge=1)]
    log_every_n_steps: Annotated[int, Field(ge=1)]
    limit_train_batches: Limit
    limit_val_batches: Limit
    limit_test_batches: Limit
    overfit_batches: Annotated[int, Field(ge=0)]
    balanced_sampling: bool
    continue_from: str | None
    activation_checkpointing: bool
    compile: bool
    detect_anomaly: bool
    inference_mode: bool = True
    fast_dev_run: bool | Annotated[int, Field(ge=1)] = False
    profiler: Literal["simple", "advanced"] | None


class CheckpointSection(_Section):
    """Metric that chooses best.ckpt, and interval at which last.ckpt is written."""

    monitor: str | None
    mode: Literal["min", "max"] | None
    break_ties: str | None
    every_n_train_steps: Annotated[int, Field(ge=1)]


class EarlyStoppingSection(_Section):
    """Number of evaluations without improvement of `checkpoint.monitor` after which a run stops."""

    patience: Annotated[int, Field(ge=1)] | None


class BudgetSection(_Section):
    """Allowed cost of a run: parameters, or FLOPs of one example, of the whole model or of all but its encoders."""

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
    callbacks: dict[str, Node]
    checkpoint: CheckpointSection
    early_stopping: EarlyStoppingSection
    data: Node
    task: Node | None = None
    model: Node | None
    tokenizer: Node | None
    text_augmentation: Node | None
    finetuning: Node | None
    generation: Node | None
    retrieval: Node | None = None
    control: Node | None = None
    missing_data: Node | None = None
    metrics: Node | None = None
    calibration: Node | None = None
    media_augmentation: Node | None = None
    missing_modality: Node | None = None
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
    scheduler: Node
    trainer: TrainerSection
    logger: Node
    choices: dict[str, str | None]

    @field_validator("modalities")
    @classmethod
    def _each_once(cls, names: list[str] | None) -> list[str] | None:
        for name in names or ():
            if (names or ()).count(name) > 1:
                raise ValueError(f"{name!r} is given twice; name each modality once")
        return names


# Switches that act on the data of any run with modalities.
DATA_SWITCHES = ("control", "missing_data")

# Measurements of runs that predict labels.
MEASURES = ("metrics", "calibration")

# Switches that fit any fusion strategy; runs without fusion have none of them.
SWITCHES = (
    "media_augmentation",
    "missing_modality",
    "auxiliary",
    "alignment",
    "multitask",
    "loss_weighting",
    "gradient_modulation",
)

# Options of `trainer` for the hardware: not part of a run's identity.
HARDWARE = frozenset({"accelerator", "devices", "num_nodes", "strategy", "threads"})

# Groups of which a list of files may be chosen.
LISTED = frozenset({"callbacks"})

# Optional sections: a language model has no fusion, scenes need no tokenizer.
OPTIONAL = (
    "task",
    "model",
    "tokenizer",
    "text_augmentation",
    "finetuning",
    "generation",
    "retrieval",
    "encoder",
    "fusion",
    "head",
    "decoder",
    *DATA_SWITCHES,
    *MEASURES,
    *SWITCHES,
)

# Parameters that the builder supplies to a component of each section; never written in configuration files.
INJECTED: dict[str, frozenset[str]] = {
    "data": frozenset({"tokenizer", "augmentation"}),
    "task": frozenset({"open_writer"}),
    "tokenizer": frozenset(),
    "model": frozenset(
        {
            "vocabulary_size",
            "pad_id",
            "bos_id",
            "eos_id",
            "unk_id",
            "excluded_ids",
            "units",
            "vocabulary",
            "seed",
            "open_classifier",
            "data_graph",
            "open_scorer",
            "open_writer",
            "open_reader",
        }
    ),
    "text_augmentation": frozenset({"open_sampler", "open_translator"}),
    "finetuning": frozenset(),
    "generation": frozenset(),
    "retrieval": frozenset(),
    "control": frozenset(),
    "missing_data": frozenset(),
    "metrics": frozenset(),
    "calibration": frozenset(),
    "media_augmentation": frozenset(),
    "missing_modality": frozenset({"in_dims"}),
    "auxiliary": frozenset({"in_dims", "num_classes"}),
    "alignment": frozenset({"in_dims"}),
    "multitask": frozenset({"in_dim", "outputs"}),
    "loss_weighting": frozenset({"names"}),
    "gradient_modulation": frozenset(),
    "callbacks": frozenset({"log_every_n_steps"}),
    "encoder": frozenset({"spec", "language_model"}),
    "fusion": frozenset({"in_dims", "num_classes"}),
    "head": frozenset({"in_dim", "num_classes", "token_dim"}),
    "decoder": frozenset({"language_model", "in_dim"}),
    "objective": frozenset({"class_counts"}),
    "optimizer": frozenset({"module"}),
    "scheduler": frozenset({"num_steps"}),
    "logger": frozenset(),
}

# Sections that hold several components by name, and the section whose injected parameters and conf group are theirs.
NAMED = {"encoder": "encoder", "encoders": "encoder", "callbacks": "callbacks"}
