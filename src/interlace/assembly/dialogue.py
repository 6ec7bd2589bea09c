"""Runs of dialogue models: loss on replies, generated replies, and scores of candidate replies."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pytorch_lightning as pl
import torch

from interlace.assembly.components import build_text_task, constructor
from interlace.assembly.experiment import Experiment
from interlace.assembly.language import LanguageExperiment
from interlace.assembly.texts import BATCH, ScoredTexts, as_written, mean_log_probability
from interlace.configuration.checking import resolve_target
from interlace.data.dialogue.datamodule import Dialogues, contexts_of
from interlace.data.dialogue.messages import Message
from interlace.data.dialogue.template import ChatTemplate
from interlace.errors import UserError
from interlace.models.base import LanguageModel
from interlace.models.generation import GenerationOptions, generate
from interlace.models.generation.conversation import Conversation
from interlace.models.text_algorithm import Answer
from interlace.objectives.dialogue import DialogueLM
from interlace.objectives.sequence_to_sequence import padded
from interlace.objectives.view import ObjectiveView
from interlace.tasks.language import LanguageTask
from interlace.tasks.text_task import CandidateScore

Config = Mapping[str, Any]


class DialogueExperiment(LanguageExperiment):
    """A causal language model that learns the replies of conversations."""

    data: Dialogues
    objective: DialogueLM

    def __init__(self, config: Config) -> None:
        _chosen(config)
        super().__init__(config)

    def view(self, split: str) -> ObjectiveView:
        """Return the rows of a split; validation and test score replies alone."""
        if not isinstance(self.objective, DialogueLM):
            raise UserError(f"objective={self.config['choices']['objective']}: conversations need objective=dialogue")
        objective = self.objective if split == "train" else self.objective.of_evaluation()
        return ObjectiveView(self.data.splits[split], objective)

    def build_task(self) -> LanguageTask:
        """Return the task with the model. Raises UserError if its positions are fewer than `data.max_tokens`."""
        task = super().build_task()
        longest = task.model.max_length
        if longest is not None and longest < self.data.max_tokens:
            raise UserError(
                f"data.max_tokens: got {self.data.max_tokens}, and the model has positions for {longest}; lower it, or "
                "raise model.max_length"
            )
        return task

    def _num_bytes(self) -> dict[str, int]:
        return {}

    def describe(self) -> dict[str, Any]:
        """Return also the trivial baseline of the task."""
        splits = self.data.splits
        task = build_text_task(self.config)
        return {**Experiment.describe(self), **task.describe(splits["train"].pairs, splits["test"].pairs)}

    def units_per_step(self) -> float:
        """Mean number of tokens of one update."""
        rows = self.data.batch_size * int(self.config["trainer"]["accumulate_grad_batches"])
        return rows * float(self.data.splits["train"].lengths.mean())

    def evaluate(self, trainer: pl.Trainer, task: Any) -> dict[str, float]:
        """Return the losses of both splits, and the metrics of the replies to the test contexts."""
        metrics = super().evaluate(trainer, task)
        split = self.data.splits["test"]
        contexts, text_task = contexts_of(split.conversations), build_text_task(self.config)
        written = as_written(split.pairs, write_replies(self.config, task.model, self.data, contexts, BATCH))
        candidates = text_task.candidates(split.pairs)
        if candidates is not None:
            written = replace(
                written, candidate_scores=rate(task.model, self.data, contexts, candidates, text_task.candidate_score)
            )
        self.scored = ScoredTexts(text_task, written, "test")
        return metrics | self.scored.metrics


def is_dialogue(config: Config) -> bool:
    """Return whether the data of a run are conversations."""
    target = resolve_target("data", config["data"])
    return isinstance(target, type) and issubclass(target, Dialogues)


def reply_options(options: GenerationOptions, template: ChatTemplate) -> GenerationOptions:
    """Return options that keep padding, unknown tokens and headers of roles out of replies."""
    tokenizer = template.tokenizer
    barred = {i for i in (tokenizer.pad_id, tokenizer.unk_id) if i is not None} | set(template.header_token_ids)
    return replace(options, suppress_tokens=tuple(sorted({*options.suppress_tokens, *barred} - {template.end_id})))


def reply_room(model: LanguageModel, data: Dialogues) -> int:
    """Return the most tokens of a conversation before a reply, of which one at least has a position left."""
    return data.max_tokens if model.max_length is None else min(data.max_tokens, model.max_length - 1)


def write_replies(
    config: Config, model: LanguageModel, data: Dialogues, contexts: Sequence[Sequence[Message]], batch_size: int
) -> list[Answer]:
    """Generate a reply to each conversation, in their order; the confidence is the mean log-probability of a token."""
    template = data.template
    options, tokenizer = reply_options(_chosen(config), template), template.tokenizer
    room = reply_room(model, data)
    written: list[Answer] = []
    for start in range(0, len(contexts), batch_size):
        made = generate(
            model,
            [template.prompt(messages, room) for messages in contexts[start : start + batch_size]],
            options,
            eos_id=template.end_id,
            pad_id=tokenizer.pad_id,
            seed=config["seed"]["model"],
        )
        best = [result for result in made if result.sequence == 0]
        written += [Answer(tokenizer.decode(each.tokens).strip(), mean_log_probability(each)) for each in best]
    return written


def open_conversation(model: LanguageModel, data: Dialogues, options: GenerationOptions) -> Conversation:
    """Return an empty conversation with a trained model."""
    template = data.template
    return Conversation(model, template, reply_options(options, template), max_tokens=data.max_tokens)


def _chosen(config: Config) -> GenerationOptions:
    """Return the options of the section `generation`. Raises UserError without one."""
    if config["generation"] is None:
        raise UserError("generation: null, and replies are generated; choose generation=greedy, sample or beam")
    options: GenerationOptions = constructor(config["generation"])()
    return options


def rate(
    model: LanguageModel,
    data: Dialogues,
    contexts: Sequence[Sequence[Message]],
    candidates: Sequence[Sequence[str]],
    score: CandidateScore,
) -> np.ndarray:
    """Return the scores (N, k) of candidate replies to each context.

    "mean_log_probability": log p(r | c) / tokens. "mutual_information": log p(r | c) - log p(r), where p(r) is that of
    the reply without a context, so that replies that fit everywhere gain nothing (Li et al. 2016, section 3, with
    lambda 1). The cost is a forward pass over N k sequences; the context is read again for each.
    """
    rows = [(messages, text) for messages, texts in zip(contexts, candidates, strict=True) for text in texts]
    sums, lengths = reply_log_probabilities(model, data, rows)
    if score == "mean_log_probability":
        return (sums / lengths).reshape(len(contexts), -1)
    alone = list(dict.fromkeys(text for _, text in rows))
    known = dict(zip(alone, reply_log_probabilities(model, data, [([], text) for text in alone])[0], strict=True))
    return (sums - np.array([known[text] for _, text in rows])).reshape(len(contexts), -1)


@torch.inference_mode()
def reply_log_probabilities(
    model: LanguageModel, data: Dialogues, rows: Sequence[tuple[Sequence[Message], str]]
) -> tuple[np.ndarray, np.ndarray]:
    """Return log p of each reply (N,), end token included, given its context, and the number of its tokens (N,)."""
    template = data.template
    encoded: list[tuple[list[int], int]] = []
    for messages, text in rows:
        reply = template.reply(text)[-(data.max_tokens // 2) :]
        encoded.append(([*template.prompt(messages, data.max_tokens - len(reply)), *reply], len(reply)))
    sums, lengths = np.zeros(len(rows)), np.array([length for _, length in encoded])
    training, device = model.training, next(model.parameters()).device
    model.eval()
    order = np.argsort([len(ids) for ids, _ in encoded], kind="stable")
    for start in range(0, len(order), BATCH):
        part = order[start : start + BATCH]
        sequences = [np.array(encoded[row][0]) for row in part]
        ids, real = padded(sequences, template.tokenizer.pad_id or 0)  # (B, T + 1)
        first = real.sum(1) - lengths[part]  # position of the reply's first token
        is_reply = torch.from_numpy(real[:, 1:] & (np.arange(1, ids.shape[1]) >= first[:, None])).to(device)
        tokens = torch.from_numpy(ids).to(device)
        hidden = model.encode(tokens[:, :-1])[is_reply]
        found = model.logits(hidden).float().log_softmax(-1).gather(1, tokens[:, 1:][is_reply][:, None])[:, 0]
        total = torch.zeros(len(part), dtype=torch.float64, device=device)
        sums[part] = total.index_add_(0, is_reply.nonzero()[:, 0], found.double()).cpu().numpy()
    model.train(training)
    return sums, lengths
