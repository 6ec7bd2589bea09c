"""Trials of gradient blending: training on each loss alone."""

import copy
import itertools
import math
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

import torch

from interlace.data.loader import BatchLoader
from interlace.optim.gradient_blending import Change, Losses, change
from interlace.tasks.base import seed_generators

if TYPE_CHECKING:
    from interlace.tasks.supervised import MultimodalModel, SupervisedTask


class BlendingTrial:
    """Training of a copy of a task's model on each of its losses alone (algorithm 1 of Wang et al. 2020).

    The task, its optimizer and its position in the data are unchanged. The result depends only on weights, seed and
    epoch, so that a resumed run has the same trial as an uninterrupted one. Each copy has a new optimizer, without
    earlier momentum, and the learning rates of the next steps of the run.
    """

    def __init__(self, task: "SupervisedTask", validation: BatchLoader, epochs: int) -> None:
        self.task = task
        self.epochs = epochs
        self.training: BatchLoader = copy.copy(task.trainer.train_dataloader)  # type: ignore[assignment]
        self.validation = copy.copy(validation)
        for loader in (self.training, self.validation):
            loader.start_batch = 0

    def changes(self, names: Sequence[str]) -> dict[str, Change]:
        """Return G (generalisation gain) and O (growth of overfitting) of each loss."""
        before = self._losses(self.task.model, names)
        found = {}
        for place, name in enumerate(names):
            model = copy.deepcopy(self.task.model)
            self._train(model, name, place)
            found[name] = change(before[name], self._losses(model, [name])[name])
        return found

    def _train(self, model: "MultimodalModel", name: str, place: int) -> None:
        task, trainer = self.task, self.task.trainer
        optimizer = task.build_optimizer(model)
        rates = [group["lr"] for group in optimizer.param_groups]
        schedule = task.build_schedule()
        num_batches = int(trainer.num_training_batches)
        steps = math.ceil(num_batches / trainer.accumulate_grad_batches)
        last = (trainer.max_epochs or 1) * steps - 1
        model.train()
        step = task.global_step
        for epoch in range(task.current_epoch, task.current_epoch + self.epochs):
            for index, batch in enumerate(self._batches(self.training, num_batches, epoch)):
                seed_generators((task.seed << 32) + ((place + 1) << 27) + step, task.device)
                with trainer.precision_plugin.train_step_context():
                    loss = self._loss(model, batch, name)
                if loss.requires_grad:
                    (loss * batch.get("share", 1.0) / trainer.accumulate_grad_batches).backward()
                if (index + 1) % trainer.accumulate_grad_batches == 0 or index + 1 == num_batches:
                    for group, rate in zip(optimizer.param_groups, rates, strict=True):
                        group["lr"] = rate * schedule(min(step, last))
                    if trainer.gradient_clip_val:
                        torch.nn.utils.clip_grad_norm_(model.parameters(), trainer.gradient_clip_val)
                    optimizer.step()
                    optimizer.zero_grad()
                    step += 1

    def _loss(self, model: "MultimodalModel", batch: dict[str, Any], name: str) -> torch.Tensor:
        """Return one loss of a batch; a unimodal one is computed with the encoder of its modality only."""
        if name in model.names:
            batch = {**batch, "inputs": {name: batch["inputs"][name]}}
        return self.task.losses(model, batch)[0][f"loss/{name}"]

    def _losses(self, model: "MultimodalModel", names: Sequence[str]) -> dict[str, Losses]:
        """Return the mean losses on training and validation data, in evaluation mode."""
        was_training = model.training
        model.eval()
        limit = self.task.trainer.limit_val_batches
        validation = limit if isinstance(limit, int) else len(self.validation)
        train = self._means(model, names, self.training, int(self.task.trainer.num_training_batches))
        held_out = self._means(model, names, self.validation, validation)
        model.train(was_training)
        return {name: Losses(train[name], held_out[name]) for name in names}

    @torch.no_grad()
    def _means(
        self, model: "MultimodalModel", names: Sequence[str], loader: BatchLoader, num_batches: int
    ) -> dict[str, float]:
        totals, rows = dict.fromkeys(names, 0.0), 0
        for batch in self._batches(loader, num_batches, self.task.current_epoch):
            with self.task.trainer.precision_plugin.val_step_context():
                losses, _, _ = self.task.losses(model, batch)
            rows += len(batch["label"])
            for name in names:
                totals[name] += losses[f"loss/{name}"].item() * len(batch["label"])
        return {name: total / max(rows, 1) for name, total in totals.items()}

    def _batches(self, loader: BatchLoader, num_batches: int, epoch: int) -> Iterator[dict[str, Any]]:
        loader.set_epoch(epoch)
        for batch in itertools.islice(loader, num_batches):
            yield self.task.transfer_batch_to_device(batch, self.task.device, 0)
