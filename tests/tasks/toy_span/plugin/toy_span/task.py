"""Extractive spans: all that the task is."""

import numpy as np
import torch
from torch.nn import functional as F

from interlace.data.problems import BadExample
from interlace.data.task_spec import TargetArrays, TaskSpec
from interlace.heads.token import TokenHead
from interlace.metrics.evaluation import MetricSet
from interlace.metrics.groups import named_groups
from interlace.tasks.learning import TaskLearning


class SpanHead(TokenHead):
    """Logits (B, N, 2) of first and last token; no padding is chosen."""

    def forward(self, fused):
        return super().forward(fused).masked_fill(~fused.aux["tokens_mask"].unsqueeze(-1), -1e4)


class ToySpan(TaskSpec):
    """Labels (N, 2) int64: first and last word of the answer."""

    name = "toy_span"
    labels = "spans"
    reserved = ("answer",)
    heads = ("toy_span",)
    monitor = "val/exact_match"
    usual = ("exact_match", "loss")
    pooled = False
    token_modality = "text"

    @property
    def learning(self):
        return SpanLearning(self)

    def check_labels(self, path, records, fields):
        """Lines without an answer are told one by one."""

    def read(self, record, order):
        answer, words = record.get("answer"), str(record.get("text")).split()
        if not isinstance(answer, list) or len(answer) != 2 or not 0 <= answer[0] <= answer[1] < len(words):
            raise BadExample("wrong answer", f"answer is {answer!r}, expected [first, last] of {len(words)} words")
        return tuple(answer)

    def arrays(self, answers, records, data):
        return TargetArrays(np.array(answers, dtype=np.int64))

    def arrays_of_new(self, records, data):
        return TargetArrays(np.zeros((len(records), 2), dtype=np.int64))

    def constant(self, train, test, classes):
        spans, counts = np.unique(train, axis=0, return_counts=True)
        return {"exact_match": float((test == spans[counts.argmax()]).all(1).mean())} if len(test) else {}

    def shown_label(self, data, split, index):
        first, last = split.labels[index]
        return " ".join(split.texts["text"][index].split()[first : last + 1])

    def num_outputs(self, classes):
        return 2

    def columns(self, data, prediction, label):
        given = prediction.argmax(1)
        right = (given == label).all(1)
        return {
            "labels": [f"{a}-{b}" for a, b in label],
            "prediction": [f"{a}-{b}" for a, b in given],
            "correct": right,
        }

    def answers(self, data, outputs, split):
        spans = outputs.argmax(1).tolist()
        texts = [text.split() for text in split.texts["text"]]
        return [{"prediction": " ".join(words[a : b + 1])} for (a, b), words in zip(spans, texts, strict=True)]


class SpanLearning(TaskLearning):
    def losses(self, prediction, label, objective):
        return F.cross_entropy(prediction.float(), label, reduction="none").mean(1)

    def activate(self, prediction, label=None):
        most = 64  # words of a text of this toy
        return F.pad(prediction.float().softmax(1), (0, 0, 0, most - prediction.shape[1]))

    def metrics(self, classes):
        return MetricSet(of="spans", names=("exact_match", "loss"), by_group=("exact_match",), usual=usual)


def usual(predictions, labels, groups, prefix, shared):
    right = (predictions.argmax(1) == labels).all(1).double()
    chosen = predictions.gather(1, labels.unsqueeze(1)).clamp_min(1e-12)
    found = {f"{prefix}/exact_match": right.mean().item(), f"{prefix}/loss": -chosen.log().mean().item()}
    parts = {name: right[torch.from_numpy(rows)].mean().item() for name, rows in named_groups(groups, shared)}
    return found | {f"{prefix}/exact_match/{name}": value for name, value in parts.items()}
