"""Arguments of Lightning's Trainer: those that are options of `trainer`, and those refused with a reason."""

from collections.abc import Iterable

from interlace.errors import UserError

# Name -> None for an option of `trainer` (conf/trainer/default.yaml), else the reason for refusal and the alternative.
# tests/configuration/test_trainer_flags.py compares the names with the signature of Lightning's Trainer.
FLAGS: dict[str, str | None] = {
    "accelerator": None,
    "strategy": None,
    "devices": None,
    "num_nodes": None,
    "precision": None,
    "fast_dev_run": None,
    "max_epochs": None,
    "max_steps": None,
    "limit_train_batches": None,
    "limit_val_batches": None,
    "limit_test_batches": None,
    "overfit_batches": None,
    "check_val_every_n_epoch": None,
    "log_every_n_steps": None,
    "accumulate_grad_batches": None,
    "gradient_clip_val": None,
    "gradient_clip_algorithm": None,
    "inference_mode": None,
    "profiler": None,
    "detect_anomaly": None,
    "logger": "loggers are chosen by their group; use logger=wandb, tensorboard, csv or none",
    "callbacks": "callbacks are chosen by their group; use callbacks=[NAME]",
    "min_epochs": "a resumed run would stop elsewhere; use early_stopping.patience alone",
    "min_steps": "a resumed run would stop elsewhere; use early_stopping.patience alone",
    "max_time": "the length of a run would depend on the machine; use trainer.max_steps",
    "limit_predict_batches": "runs predict without the Trainer; use interlace predict on fewer examples",
    "val_check_interval": "an evaluation closes an epoch; use trainer.steps_per_epoch",
    "num_sanity_val_steps": "its values would be logged as those of training; use trainer.fast_dev_run=true",
    "enable_checkpointing": "a run resumes from its checkpoints; use trainer.fast_dev_run=true to keep nothing",
    "enable_progress_bar": "a run has a progress line of its own; leave it out",
    "enable_model_summary": "results.json holds the numbers of parameters; leave it out",
    "deterministic": "it is always on, so that a resumed run equals an uninterrupted one; leave it out",
    "benchmark": "cuDNN would choose other algorithms in a resumed run than in an uninterrupted one; leave it out",
    "use_distributed_sampler": "the order of examples follows from seed.data on any number of devices; leave it out",
    "reload_dataloaders_every_n_epochs": "the order of examples follows from seed.data and the epoch; leave it out",
    "barebones": "it turns off checkpoints and logs, from which a run resumes; use trainer.fast_dev_run=true",
    "plugins": "checkpoints are written atomically by a plug-in of ours; use trainer.precision or trainer.strategy",
    "sync_batchnorm": "it is on where several GPUs share a batch; leave it out",
    "default_root_dir": "a run's folder follows from its configuration; set INTERLACE_OUTPUTS=DIR",
    "enable_autolog_hparams": "the whole configuration is logged; leave it out",
    "model_registry": "nothing is uploaded to Lightning; use logger=wandb for artifacts",
}


def check_flags(keys: Iterable[str]) -> None:
    """Raise UserError for the first key `trainer.NAME` with a refused argument of Lightning's Trainer."""
    for key in keys:
        section, _, name = key.partition(".")
        reason = FLAGS.get(name.partition(".")[0]) if section == "trainer" else None
        if reason is not None:
            raise UserError(f"{key}: no option of a run: {reason}")
