"""Supervised training of multimodal models."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, Unpack

import torch
from torch import Tensor, nn

from interlace.configuration.tasks import task_named
from interlace.data.split import Split
from interlace.encoders.freezing import encode_frozen
from interlace.errors import UserError
from interlace.fusion.base import Fusion
from interlace.fusion.missing_modality import MissingModality, real_presence
from interlace.heads.multitask import MultitaskHeads
from interlace.heads.unimodal import UnimodalHeads
from interlace.metrics.evaluation import Evaluator
from interlace.metrics.means import Means
from interlace.objectives.contrastive import ContrastiveAlignment
from interlace.objectives.multitask import multitask_losses
from interlace.objectives.supervised import SupervisedObjective
from interlace.tasks import ranks
from interlace.tasks.balance import Balance, speaks_for_itself
from interlace.tasks.base import Task, TrainingOptions
from interlace.tasks.learning import TaskLearning
from interlace.tokens import Fused, RawBatch, Tokens


class MultimodalModel(nn.Module):
    """Encoders, then fusion, then a head: `forward(inputs) -> (prediction, Fused)`.

    prediction: outputs of the head, such as logits (B, C) or values (B,). Late fusion predicts without a head.

    The encoders of the modalities in `frozen` (name -> `padded_width`) are not trained and stay in evaluation mode. An
    input of type `Tokens` (cached output of an encoder) is passed to the fusion unchanged.

    `missing_modality` changes the input of the fusion; `auxiliary` heads and `alignment` use the output of encoders,
    `multitask` heads that of the fusion; their outputs are in `Fused.aux`. A token head uses the output of the encoder
    of `token_modality`, `aux["tokens"]` (B, N, D) and `aux["tokens_mask"]` (B, N), one token per position of the input.
    """

    def __init__(
        self,
        encoders: Mapping[str, nn.Module],
        fusion: Fusion,
        head: nn.Module | None,
        frozen: Mapping[str, int | None] = MappingProxyType({}),
        *,
        missing_modality: MissingModality | None = None,
        auxiliary: UnimodalHeads | None = None,
        alignment: ContrastiveAlignment | None = None,
        multitask: MultitaskHeads | None = None,
        token_modality: str | None = None,
    ) -> None:
        super().__init__()
        # Names are chosen by users and may have dots or shadow attributes, which ModuleDict keys may not.
        self.names = list(encoders)
        self.encoders = nn.ModuleList(encoders.values())
        self.fusion = fusion
        self.head = head
        self.missing_modality = missing_modality
        self.auxiliary = auxiliary
        self.alignment = alignment
        self.multitask = multitask
        self.token_modality = token_modality
        self.frozen = dict(frozen)
        for encoder in self._frozen_encoders():
            encoder.requires_grad_(False)
        self.train()

    def _frozen_encoders(self) -> list[nn.Module]:
        return [encoder for name, encoder in zip(self.names, self.encoders, strict=True) if name in self.frozen]

    def train(self, mode: bool = True) -> "MultimodalModel":
        """Set the mode as in torch; frozen encoders stay in evaluation mode."""
        super().train(mode)
        for encoder in self._frozen_encoders():
            encoder.eval()
        return self

    def _encode(self, name: str, encoder: nn.Module, given: RawBatch | Tokens) -> Tokens:
        if isinstance(given, Tokens):
            return given
        if name in self.frozen:
            return encode_frozen(encoder, given, self.frozen[name])
        tokens: Tokens = encoder(given)
        return tokens

    def encode(self, inputs: Mapping[str, RawBatch | Tokens]) -> dict[str, Tokens]:
        """Return the tokens of each encoder whose modality is in `inputs`."""
        return {
            name: self._encode(name, encoder, inputs[name])
            for name, encoder in zip(self.names, self.encoders, strict=True)
            if name in inputs
        }

    def fuse(self, inputs: Mapping[str, RawBatch | Tokens]) -> Fused:
        """Apply encoders and fusion; outputs of the additional modules are in `aux`."""
        tokens = self.encode(inputs)
        fused: Fused = self.fusion(tokens if self.missing_modality is None else self.missing_modality(tokens))
        fused = self._with_side_outputs(fused, tokens)
        return fused if self.token_modality is None else self._with_tokens(fused, tokens, inputs)

    def _with_tokens(
        self, fused: Fused, tokens: Mapping[str, Tokens], inputs: Mapping[str, RawBatch | Tokens]
    ) -> Fused:
        name = str(self.token_modality)
        x, positions = tokens[name].x, inputs[name].x.shape[1]
        if x.shape[1] != positions:
            raise UserError(
                f"encoders.{name}: it gives {x.shape[1]} tokens for {positions} positions, and the task asks for an "
                "answer to each; choose an encoder with one token a position, such as encoder/text=transformer"
            )
        return fused._replace(aux={**fused.aux, "tokens": x, "tokens_mask": tokens[name].mask})

    def forward(self, inputs: Mapping[str, RawBatch | Tokens]) -> tuple[Tensor, Fused]:
        fused = self.fuse(inputs)
        if self.head is not None:
            return self.head(fused), fused
        assert fused.logits is not None, "a fusion without logits needs a head"
        return fused.logits, fused

    def _with_side_outputs(self, fused: Fused, tokens: Mapping[str, Tokens]) -> Fused:
        """Add the outputs of alignment, auxiliary and multitask heads to `aux`.

        For a modality with a learned token also "given/<modality>" (B,), True if the modality itself is present.
        """
        aux = dict(fused.aux)
        if self.missing_modality is not None:
            some = next(iter(tokens.values())).present
            for name in self.names:
                aux[f"given/{name}"] = real_presence(tokens[name]) if name in tokens else torch.zeros_like(some)
        if self.auxiliary is not None:
            aux |= self.auxiliary(tokens)
        if self.alignment is not None:
            aux |= self.alignment(tokens)
        if self.multitask is not None:
            aux |= self.multitask(fused)
        return fused._replace(aux=aux)

    def encoder_of(self, name: str) -> nn.Module:
        """Return the encoder of a modality."""
        return self.encoders[self.names.index(name)]


class SupervisedTask(Task):
    """Training of a MultimodalModel; metrics are computed once per evaluation from all collected predictions."""

    model: MultimodalModel

    def __init__(
        self,
        model: MultimodalModel,
        objective: SupervisedObjective,
        *,
        learning: TaskLearning,
        evaluator: Evaluator,
        splits: Mapping[str, Split],
        **options: Unpack[TrainingOptions],
    ) -> None:
        super().__init__(model, **options)
        self.objective = objective
        self.learning = learning
        kinds = model.multitask.labels if model.multitask is not None else {}
        self.further: dict[str, TaskLearning] = {name: task_named(kind).learning for name, kind in kinds.items()}
        self.evaluator = evaluator
        self.splits = splits
        self.set_balance(Balance())
        self.side_scores = Means()
        self.collected: list[tuple[Tensor, ...]] = []
        self.evaluated_further: dict[str, tuple[Tensor, Tensor]] = {}

    def set_balance(self, balance: Balance) -> None:
        """Set the loss weighting and gradient modulation of training."""
        self.balance = balance
        # A module of the task, so that its state is in checkpoints; not of the model, which does not need it.
        self.loss_weighting = balance.weighting

    def on_train_epoch_start(self) -> None:
        super().on_train_epoch_start()
        self.balance.on_epoch(self)

    def training_step(self, batch: dict[str, Any], batch_idx: int) -> Tensor:
        losses, _, fused = self.losses(self.model, batch)
        losses["loss"] = self.balance.on_losses(self, losses, fused, batch["label"])
        share = batch.get("share", 1.0)
        parts = ranks.world_size() * self.trainer.accumulate_grad_batches
        self.log_training(
            lambda: {k: v * (share / parts) for k, v in losses.items()},
            lambda means: {k: v.item() for k, v in means.items()} | self.balance.metrics(),
        )
        return losses["loss"] if parts == 1 else losses["loss"] * share

    def configure_gradient_clipping(
        self,
        optimizer: torch.optim.Optimizer,
        gradient_clip_val: float | None = None,
        gradient_clip_algorithm: str | None = None,
    ) -> None:
        # Gradients of detached probes must not be part of the norm by which the other gradients are clipped.
        probes = self.model.auxiliary if self.model.auxiliary is not None and self.model.auxiliary.detach else None
        held = [(p, p.grad) for p in probes.parameters()] if probes is not None else []
        for p, _ in held:
            p.grad = None
        super().configure_gradient_clipping(optimizer, gradient_clip_val, gradient_clip_algorithm)
        for p, gradient in held:
            p.grad = gradient

    def on_before_optimizer_step(self, optimizer: torch.optim.Optimizer) -> None:
        self.balance.on_gradients(self)

    def make_optimizer(self) -> torch.optim.Optimizer:
        """Return the optimizer of the model and of learned loss weights."""
        optimizer = super().make_optimizer()
        self.balance.add_to(optimizer)
        return optimizer

    def losses(
        self, model: MultimodalModel, batch: dict[str, Any], *, unimodal_weight: float | None = None
    ) -> tuple[dict[str, Tensor], Tensor, Fused]:
        """Return losses by name ("loss": the total, weighted by fusion, heads and objective), prediction and Fused."""
        prediction, fused = model(batch["inputs"])
        if unimodal_weight is None:
            stated = model.fusion.unimodal_loss_weight if model.auxiliary is None else model.auxiliary.loss_weight
            unimodal_weight = self.balance.unimodal_weight(stated)
        losses = self.objective(
            prediction,
            batch.get("target", batch["label"]),  # mixup: shares of two labels
            fused,
            each=self.learning.losses,
            joint_weight=model.fusion.joint_loss_weight,
            unimodal_weight=unimodal_weight,
        )
        if model.multitask is not None:
            outputs = {name: fused.aux[f"task/{name}"] for name in model.multitask.labels}
            further = multitask_losses(outputs, batch["labels"], self.further, self.objective.label_smoothing)
            losses |= further
            losses["loss"] = losses["loss"] + model.multitask.loss_weight * sum(further.values())
        return losses, prediction, fused

    def evaluate_batch(self, batch: dict[str, Any]) -> None:
        prediction, fused = self.model(batch["inputs"])
        prediction = self.learning.activate(prediction, batch["label"])
        further = [
            part.cpu()
            for name, task in self.further.items()
            for part in (task.activate(fused.aux[f"task/{name}"]), batch["labels"][name])
        ]
        self.collected.append((batch["index"].cpu(), prediction.cpu(), batch["label"].cpu(), *further))
        self._score_side_outputs(batch, fused)

    def _score_side_outputs(self, batch: dict[str, Any], fused: Fused) -> None:
        """Record the accuracy (or absolute error) of each unimodal head and of each further label."""
        if self.balance.reports_unimodal:
            for name in self.model.names:
                if f"unimodal_logits/{name}" in fused.aux:
                    kind, score = self.learning.item_score(fused.aux[f"unimodal_logits/{name}"], batch["label"])
                    self.side_scores.add(f"unimodal_{kind}/{name}", score, speaks_for_itself(fused, name))
        for name, task in self.further.items():
            label = batch["labels"][name]
            kind, score = task.item_score(fused.aux[f"task/{name}"], label)
            self.side_scores.add(f"{name}/{kind}", score, task.has_label(label))

    def evaluated_metrics(self, split: str) -> dict[str, float]:
        index, prediction, label, *further = self.take_collected()
        pairs = zip(further[::2], further[1::2], strict=True)
        self.evaluated_further = dict(zip(self.further, pairs, strict=True))
        joined = self.learning.spec.join(self.splits[split], index.numpy(), prediction.numpy(), label.numpy())
        index, prediction, label = (torch.from_numpy(part) for part in joined)
        groups = {name: values[joined.rows] for name, values in self.splits[split].groups.items()}
        metrics = self.evaluator(prediction, label, groups, split, final=self.trainer.state.fn != "fit")
        self.evaluated = (index, prediction, label)
        return metrics | self.side_scores.take(split, ranks.gathered)

    def take_collected(self) -> tuple[Tensor, ...]:
        """Return rows (N,), answers and labels (N, ...), and both for each further label, in order of row.

        They are those collected on all ranks since the last call.
        """
        own = tuple(torch.cat(parts) for parts in zip(*self.collected, strict=True))
        everyone = [torch.cat(parts) for parts in zip(*ranks.gathered(own), strict=True)]
        self.collected = []
        order = everyone[0].argsort()
        return tuple(part[order] for part in everyone)
