"""Training of one run from a checked configuration: components, Trainer and run directory."""

import contextlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytorch_lightning as pl
import torch
from pytorch_lightning.callbacks import Callback
from pytorch_lightning.loggers import Logger

from interlace.assembly import assemble, constructor
from interlace.assembly.callbacks import build_callbacks
from interlace.assembly.experiment import Experiment
from interlace.assembly.sharing import check_shareable, check_task
from interlace.configuration.checking import check
from interlace.data.loader import BatchLoader
from interlace.errors import RunFailure, UserError, one_line
from interlace.inputs import record_inputs
from interlace.inputs.checksums import discard_checksums, write_checksums
from interlace.nn.costs import count_parameters
from interlace.runs import Run
from interlace.tasks import ranks, sharding
from interlace.tasks.base import Task
from interlace.tracking.checkpoints import AtomicCheckpointIO, LastCheckpoint, Preempted, Preemption, main_thread_only
from interlace.tracking.computing import check_accelerator, configure_torch
from interlace.tracking.continuing import NewSchedule, Parent
from interlace.tracking.differences import check_inputs
from interlace.tracking.fast_dev_run import brief_config, temporary_outputs
from interlace.tracking.files import remove_leftovers, write_json, write_yaml
from interlace.tracking.identity import code_record, config_hash, run_directory
from interlace.tracking.inputs_file import fingerprints, record, write_inputs
from interlace.tracking.launching import Ranks
from interlace.tracking.lock import RunLock
from interlace.tracking.main_process import cluster_environment, main_process_lock, own_directory
from interlace.tracking.manifest import build_manifest, note_end, read_manifest, write_manifest
from interlace.tracking.memory import peak_memory_mb
from interlace.tracking.metrics_file import MetricsFile, Untimed
from interlace.tracking.monitoring import BestCheckpoint, EarlyStop, Monitor, load_best
from interlace.tracking.nonfinite import NonfiniteLoss
from interlace.tracking.progress import ProgressReport
from interlace.tracking.pruning import Pruned
from interlace.tracking.quiet import log_error, quiet_libraries, warn
from interlace.tracking.recovery import BEST, LAST, PREVIOUS, Start, find_start
from interlace.tracking.refreshing import refresh_run
from interlace.tracking.run_loggers import NoRunLogger, RunLogger
from interlace.tracking.staleness import place_of
from interlace.tracking.status import Status, is_done
from interlace.tracking.storage import StorageError, check_writable
from interlace.tracking.trainer_options import trainer_options


def train(config: Mapping[str, Any], *, outputs: Path | None = None, overrides: list[str] | None = None,
          quiet: bool = False, callback: Callback | None = None, refresh: bool = False) -> Run:  # fmt: skip
    """Train or resume the run of a configuration, unless it is finished, and return it.

    The directory depends on the configuration and on the content of the files that it names (`place_of`); with
    `refresh` the run with the same configuration is replaced. A finished run is returned unchanged; a run with a
    checkpoint is resumed and gets the metrics of an uninterrupted run. `callback` is added to the callbacks of the
    Trainer, for runs of one process; it may raise Pruned to end the run, whose status is "pruned" until it is trained
    again. With `trainer.fast_dev_run` the run is in a temporary folder. Raises UserError for an invalid configuration
    or invalid data, StorageError if the disk is full or not writable, LockedError if another process trains this run,
    Preempted if asked to stop.

    With several devices one process per device is started on this machine, unless this is already one of them
    (torchrun). Only rank 0 holds the lock and writes the directory.
    """
    if config["trainer"]["fast_dev_run"]:
        config = brief_config(config)
        directory = run_directory(config, temporary_outputs())
    elif refresh:
        directory = run_directory(config, outputs)
        if ranks.is_main_process():
            refresh_run(directory, "all")
    else:
        directory = place_of(config, outputs).tell(quiet or not ranks.is_main_process())
    make(config, directory, overrides=overrides, quiet=quiet, callback=callback)
    return Run(directory)


def make(config: Mapping[str, Any], directory: Path, *, overrides: list[str] | None = None,
         quiet: bool = False, callback: Callback | None = None) -> bool:  # fmt: skip
    """Train the run of a configuration in a directory; return False if it was already finished."""
    check(config)
    if config["trainer"]["fast_dev_run"]:
        raise UserError("trainer.fast_dev_run: its runs are not kept, and this one is; use it with interlace train")
    if is_done(directory):
        return False
    if callback is not None and num_ranks(config) > 1:
        raise UserError(
            f"search.pruner: a trial of {num_ranks(config)} processes cannot be stopped early; choose pruner none, or "
            "trainer.devices=1"
        )
    if ranks.is_main_process():
        check_writable(directory)
    if ranks.are_given() or num_ranks(config) == 1:
        return _train_here(config, directory, overrides or [], quiet, callback)
    if config["trainer"]["num_nodes"] > 1:
        raise UserError(
            f"trainer.num_nodes: {config['trainer']['num_nodes']} hosts are not started from one; run the command that "
            "`interlace launch torchrun` prints on each of them"
        )
    check_accelerator(config["trainer"])
    started = Ranks(_train_as_rank, (dict(config), directory, overrides or [], quiet), num_ranks(config))
    started.wait()
    started.raise_for(directory)
    return started.made


def num_ranks(config: Mapping[str, Any]) -> int:
    """Return the number of processes of a run."""
    return int(config["trainer"]["devices"] * config["trainer"]["num_nodes"])


def _train_as_rank(order: tuple[dict[str, Any], Path, list[str], bool]) -> bool:
    return _train_here(*order)


def _train_here(
    config: Mapping[str, Any], directory: Path, overrides: list[str], quiet: bool, callback: Callback | None = None
) -> bool:
    """Train the run, or this rank's part, in this process; return False if another process had finished it."""
    if num_ranks(config) == 1 and not ranks.are_given():
        with quiet_libraries(), RunLock(directory):
            found = is_done(directory)
            if not found:
                _RunInProgress(config, directory, overrides, quiet, callback).go()
        return not found
    ranks.join(config["trainer"])
    with quiet_libraries(), main_process_lock(directory), own_directory(directory) as own:
        found = ranks.broadcast(is_done(directory))
        if not found:
            _RunInProgress(
                config, own, overrides, quiet or ranks.rank() > 0, checkpoints=directory / "checkpoints"
            ).go()
    ranks.leave()  # not after an error: other ranks may wait in a collective for ever
    return not found


class _RunInProgress:
    """State of one run from the lock to the results."""

    def __init__(
        self,
        config: Mapping[str, Any],
        directory: Path,
        overrides: list[str],
        quiet: bool,
        callback: Callback | None = None,
        checkpoints: Path | None = None,
    ) -> None:
        self.config = dict(config)
        self.callbacks = [] if callback is None else [callback]
        self.directory = directory
        self.quiet = quiet
        self.checkpoints = checkpoints or directory / "checkpoints"
        self.costs: dict[str, int] = {}
        if ranks.rank() == 0:
            for folder in (self.directory, self.checkpoints, self.directory / "examples"):
                remove_leftovers(folder)
        for sentence in discard_checksums(directory):
            warn(directory, f"{sentence}; the run is completed from its last checkpoint", quiet=quiet)
        write_yaml(directory / "config.yaml", self.config)
        write_yaml(directory / "overrides.yaml", overrides)
        self.status = Status(directory, config)
        self.status.update()
        every = config["checkpoint"]["every_n_train_steps"]
        self.last = LastCheckpoint(self.checkpoints / LAST, every, directory / "metrics.jsonl")
        self.preemption = Preemption(self.last)
        self.run_logger: RunLogger = constructor(config["logger"])() if ranks.rank() == 0 else NoRunLogger()

    def go(self) -> None:
        """Train to the end; write every outcome to status.json."""
        exit_code, results = 1, {}
        try:
            with main_thread_only(self.preemption):
                results = self._run()
            exit_code = 0
        except Preempted as stop:
            exit_code = stop.exit_code
            self.status.end("preempted", str(stop))
            raise
        except Exception as error:
            log_error(self.directory, error)
            with contextlib.suppress(StorageError):  # the disk may be full for this file, too
                self.status.end("failed", one_line(error))
            if isinstance(error, UserError | StorageError):
                raise
            log = self.directory / "train.log"
            raise RunFailure(f"{self.directory}: {one_line(error)} (the traceback is in {log})") from error
        finally:
            self.run_logger.close(results, self.directory, exit_code)
        self.status.end(results.get("status", "done"))  # only rank 0 writes results

    def _run(self) -> dict[str, Any]:
        config = self.config
        check_accelerator(config["trainer"])
        configure_torch(config)
        start = config["trainer"]["continue_from"]
        with record_inputs() as read:
            parent = None if start is None else Parent(Path(start), config)
            experiment = assemble(config)
            if parent is not None:
                experiment.parents[str(parent.directory)] = parent.hash()
        self._write_manifest(experiment, record(read, config))
        write_json(self.directory / "data_state.json", experiment.data.state())
        write_json(self.directory / "data_description.json", experiment.describe())
        told = [*experiment.notes(), *experiment.remarks]
        for sentence in told:
            warn(self.directory, sentence, quiet=self.quiet)
        metrics = MetricsFile(self.directory / "metrics.jsonl")
        check_shareable(config, uses_trainer=experiment.uses_trainer)
        if not experiment.uses_trainer:
            return self._fit_in_one_go(experiment, metrics)
        task = experiment.build_task()
        for sentence in experiment.remarks:
            if sentence not in told:
                warn(self.directory, sentence, quiet=self.quiet)
        total = experiment.total_steps()  # depends on the model: with BatchNorm a last batch of one example is dropped
        self.status.update(total_steps=total)
        experiment.check_budget(task)
        if config["trainer"]["precision"] == "64-true":  # before Lightning loads a checkpoint
            task.double()
        check_task(config, task)
        experiment.prepare_directory(self.directory, task)
        if config["trainer"]["strategy"] == "fsdp":  # counted now: one rank cannot run a sharded model
            self.costs = self._costs(experiment, task)
        start = self._start(parent, total)
        resume = self._resume(start, metrics, experiment.loaders["train"])
        trainer = self._trainer(experiment, metrics, total, NewSchedule() if start.handed_over else None)
        self.preemption.raise_if_received()
        loaders = experiment.loaders
        metrics.start()
        try:
            trainer.fit(task, loaders["train"], loaders["val"], ckpt_path=resume, weights_only=True)
        except Pruned as stop:
            return self._write_pruned(stop, metrics.seconds())
        self.preemption.raise_if_received()
        return self._finish(trainer, task, experiment, metrics.seconds())

    def _write_manifest(self, experiment: Experiment, inputs: dict[str, Any]) -> None:
        """Write manifest.json and inputs.json. Raises UserError if a resumed run has other inputs than at its start."""
        manifest = build_manifest(
            self.config, data=experiment.data, parents=experiment.parents, inputs=fingerprints(inputs)
        )
        begun = any((self.checkpoints / name).exists() for name in (LAST, PREVIOUS))
        if begun:
            check_inputs(read_manifest(self.directory), manifest, self.directory)
        write_manifest(self.directory, manifest)
        write_inputs(self.directory, inputs)

    def _fit_in_one_go(self, experiment: Any, metrics: MetricsFile) -> dict[str, Any]:
        """Fit, save and evaluate a model without optimizer steps; an interrupted fit is started again."""
        metrics.rewind(-1)
        experiment.loggers += self._loggers(metrics)
        metrics.start()
        experiment.fit(self.checkpoints)
        seconds = metrics.seconds()
        self.preemption.raise_if_received()
        content = experiment.compute_metrics()
        experiment.write_outputs(self.directory, None)
        return self._write_results(content, experiment, seconds, "checkpoints")

    def _start(self, parent: Parent | None, total: int) -> Start:
        """Return the newest valid checkpoint, else that of the parent; the same on all ranks."""
        start = Start(None)
        if ranks.rank() == 0:
            start = find_start(self.checkpoints)
            if start.path is None and parent is not None:
                parent.hand_over(self.directory, self.checkpoints, total)
                start = find_start(self.checkpoints)._replace(warning=start.warning)
        return ranks.broadcast(start)

    def _resume(self, start: Start, metrics: MetricsFile, loader: BatchLoader) -> str | None:
        """Set metrics.jsonl and the loader to the step of a checkpoint and return its path; None without one."""
        metrics.rewind(start.step, start.metrics)
        if start.warning is not None:
            warn(self.directory, start.warning, quiet=self.quiet)
        if start.path is None:
            return None
        loader.set_epoch(start.epoch)
        loader.start_batch = start.batch
        return str(start.path)

    def _trainer(self, experiment: Experiment, metrics: MetricsFile, total: int, first: Callback | None) -> pl.Trainer:
        options = self.config["trainer"]
        progress = ProgressReport(
            self.status,
            self.directory / "train.log",
            title=f"{self.config['arm']} seed {self.config['seed']['model']}",
            threads=torch.get_num_threads(),
            total_steps=total,
            units_per_step=experiment.units_per_step(),
            unit=experiment.unit,
            quiet=self.quiet,
        )
        trainer = pl.Trainer(
            **trainer_options(self.config, experiment.loaders),
            max_epochs=options["max_epochs"],
            max_steps=options["max_steps"] or -1,
            check_val_every_n_epoch=options["check_val_every_n_epoch"],
            log_every_n_steps=1,  # the task applies the interval; Lightning forwards all that is logged
            profiler=options["profiler"],
            logger=self._loggers(metrics),
            callbacks=[
                progress,
                *([] if first is None else [first]),
                *build_callbacks(self.config, experiment),
                *self._monitors(experiment),
                *self.callbacks,
                self.last,
                self.preemption,
            ],
            plugins=[AtomicCheckpointIO(self.last.path), *cluster_environment()],
            default_root_dir=self.directory,
            deterministic=True,
            num_sanity_val_steps=0,
        )
        # With max_steps Lightning (2.6) counts an epoch twice if the checkpoint is from the end of that epoch, and a
        # resumed run would end one epoch early.
        trainer.fit_loop._iteration_based_training = lambda: False  # type: ignore[method-assign]
        return trainer

    def _loggers(self, metrics: MetricsFile) -> list[Logger]:
        """Return metrics.jsonl and its loggers; their start does not count as training time."""
        loggers = self.run_logger.open(self.config, self.directory)
        return [metrics, *(Untimed(logger, metrics) for logger in loggers)]

    def _monitors(self, experiment: Experiment) -> list[Callback]:
        monitor = Monitor(*experiment.monitored(), *experiment.tie_breaker())
        best = BestCheckpoint(self.checkpoints / BEST, monitor)
        patience = self.config["early_stopping"]["patience"]
        return [best] if patience is None else [best, EarlyStop(monitor, patience)]

    def _finish(self, trainer: pl.Trainer, task: Task, experiment: Experiment, seconds: float) -> dict[str, Any]:
        """Evaluate best.ckpt on validation and test data; write results, predictions and examples."""
        best = self.checkpoints / BEST
        found = load_best(best, trainer, task)
        metrics = experiment.evaluate(trainer, task)
        if ranks.rank():
            return {}
        if not sharding.is_sharded(task):
            task.to("cpu")
        experiment.write_outputs(self.directory, task)
        if experiment.finetuning is not None:  # the state at the last step, also if no step was left to train
            experiment.finetuning.on_step(max(0, trainer.global_step - 1))
        content = {"metrics": metrics, **found, **(self.costs or self._costs(experiment, task))}
        for callback in trainer.callbacks:  # type: ignore[attr-defined]
            if isinstance(callback, NonfiniteLoss):
                content["nonfinite_loss"] = callback.summary()
        return self._write_results(
            content, experiment, seconds, f"checkpoints/{'best' if best.exists() else 'last'}.ckpt"
        )

    @staticmethod
    def _costs(experiment: Experiment, task: Task) -> dict[str, int]:
        parameters, trainable = count_parameters(task.model)
        return {"num_parameters": parameters, "num_trainable_parameters": trainable, **experiment.costs(task)}

    def _write_pruned(self, stop: Pruned, seconds: float) -> dict[str, Any]:
        """Write results.json of a pruned run: its last validation metrics, without test metrics."""
        return self._write("pruned", {"metrics": stop.metrics, "epochs": stop.epochs, "seconds": round(seconds, 3)})

    def _write_results(
        self, content: Mapping[str, Any], experiment: Experiment, seconds: float, checkpoint: str
    ) -> dict[str, Any]:
        """Write results.json of a run that trained to its end."""
        content = {
            **content,
            "seconds": round(seconds, 3),
            "peak_memory_mb": round(peak_memory_mb(), 1),
            "num_examples": experiment.num_examples(),
            "notes": experiment.notes(),
            "skipped": getattr(experiment.data, "skipped", {}),
            "checkpoint": checkpoint,
        }
        return self._write("done", content)

    def _write(self, status: str, content: Mapping[str, Any]) -> dict[str, Any]:
        """Write results.json, the last file of a run, and return its content."""
        config = self.config
        (self.checkpoints / PREVIOUS).unlink(missing_ok=True)
        results = {
            "status": status,
            **{key: config[key] for key in ("study", "arm", "factors")},
            "seed": config["seed"]["model"],
            **content,
            **code_record(config),
            "config_hash": config_hash(config),
        }
        note_end(self.directory)
        write_json(self.directory / "results.json", results)
        if status == "done":
            write_checksums(self.directory, str(content["checkpoint"]))
        return results
