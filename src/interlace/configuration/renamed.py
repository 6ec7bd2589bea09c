"""Old names of configuration keys and groups; they are refused with the new name."""

from collections.abc import Iterable

from interlace.errors import UserError

# Old name -> new name. A key below a section or group (`levers.ema.decay`) follows the longest name that it begins
# with. CHANGELOG.md has the same table; tests/configuration/test_renamed.py compares them.
RENAMED = {
    "training": "trainer",
    "training.accumulate_batches": "trainer.accumulate_grad_batches",
    "training.balanced_sampling": "trainer.balanced_sampling",
    "training.break_ties": "checkpoint.break_ties",
    "training.checkpoint_activations": "trainer.activation_checkpointing",
    "training.checkpoint_every_steps": "checkpoint.every_n_train_steps",
    "training.compile": "trainer.compile",
    "training.continue_from": "trainer.continue_from",
    "training.detect_anomaly": "trainer.detect_anomaly",
    "training.evaluate_every_epochs": "trainer.check_val_every_n_epoch",
    "training.gradient_clip_norm": "trainer.gradient_clip_val",
    "training.limit_batches": "trainer.limit_train_batches, trainer.limit_val_batches and trainer.limit_test_batches",
    "training.log_every_steps": "trainer.log_every_n_steps",
    "training.max_epochs": "trainer.max_epochs",
    "training.max_steps": "trainer.max_steps",
    "training.min_steps_per_epoch": "trainer.min_steps_per_epoch",
    "training.monitor": "checkpoint.monitor",
    "training.monitor_mode": "checkpoint.mode",
    "training.overfit_batches": "trainer.overfit_batches",
    "training.patience": "early_stopping.patience",
    "training.profiler": "trainer.profiler",
    "training.steps_per_epoch": "trainer.steps_per_epoch",
    "levers": "callbacks",
    "schedule": "scheduler",
    "freezing": "finetuning",
    "freezing=encoders": "finetuning=frozen_encoders",
    "freezing=cached": "finetuning=frozen_encoders",
    "adaptation": "finetuning",
    "presence": "missing_modality",
    "augmentation": "text_augmentation",
    "scheduler=one_cycle": "scheduler=cosine",
    "metrics=chosen": "metrics=custom",
    "finetuning.every_steps": "finetuning.every_n_steps",
    "callbacks.checkpoint_average.every_steps": "callbacks.checkpoint_average.every_n_steps",
    "callbacks.garbage_collection.every_steps": "callbacks.garbage_collection.every_n_steps",
    "callbacks.nonfinite_loss.max_in_a_row": "callbacks.nonfinite_loss.max_consecutive",
    "callbacks.skip_spikes.watch_gradient_norm": "callbacks.skip_spikes.include_gradient_norm",
    "missing": "missing_data",
    "finetuning.keep": "finetuning.exclude",
    "media_augmentation.pictures": "media_augmentation.images",
    "data.on_long=cut": "data.on_long=truncate",
}


def check_renamed(names: Iterable[str]) -> None:
    """Raise UserError for the first old name of a key, a group or a choice (GROUP=CHOICE)."""
    for name in names:
        sentence = renamed(name)
        if sentence is not None:
            raise UserError(sentence)


def renamed(name: str) -> str | None:
    """Return a sentence with the new name of a key, group or GROUP=CHOICE; None for a name that is not old."""
    if name in RENAMED:
        return f"{name} is called {RENAMED[name]} now"
    key = name.partition("=")[0]
    new = _new_name(key)
    return None if new is None else f"{key} is called {_new_name(new) or new} now"


def _new_name(key: str) -> str | None:
    """Return the new name of a key by the longest old name that it equals or lies below."""
    parts = key.split(".")
    for depth in range(len(parts), 0, -1):
        old = ".".join(parts[:depth])
        if old in RENAMED:
            return ".".join([RENAMED[old], *parts[depth:]])
    return None
