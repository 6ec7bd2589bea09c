"""Analysis of single examples: attention to tokens and contributions of tokens."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from interlace.analysis.attention_maps import recorded_attention
from interlace.analysis.contribution import values_of_tokens
from interlace.analysis.encoded import EncodedModel
from interlace.analysis.rollout import has_rollout, token_attention
from interlace.analysis.subject import Subject
from interlace.data.datamodule import DataModule

ATTENTION = "attention/"  # a strategy may provide its own in Fused.aux: "attention/<modality>" (B, N_m)


def attention(subject: Subject) -> dict[str, Any]:
    """Return the mean share of each modality in the attention, the strategy's weights, and the shown examples.

    `share` is None for a strategy without attention; the shown examples then have only Shapley values of tokens.
    """
    tokens, weights = attention_of(subject.encoded, np.arange(subject.encoded.size))
    share = None
    if tokens is not None:
        sums = {name: values.sum(1) for name, values in tokens.items()}
        total = np.maximum(sum(sums.values()), 1e-12)
        share = {name: float((values / total).mean()) for name, values in sums.items()}
    return {
        "share": share,
        "weights": None if weights is None else dict(zip(subject.names, weights.mean(0).tolist(), strict=True)),
        "examples": [_example(subject, row) for row in shown_rows(subject)],
    }


def shown_rows(subject: Subject) -> list[int]:
    """Return a few rows of the sample, the first ones of each value of the first group."""
    groups = subject.encoded.split.groups
    values = next(iter(groups.values())) if groups else np.zeros(subject.encoded.size)
    queues = [np.flatnonzero(values == value).tolist() for value in np.unique(values)]
    longest = max(len(queue) for queue in queues)
    in_turn = [queue[turn] for turn in range(longest) for queue in queues if turn < len(queue)]
    return sorted(in_turn[: subject.settings.shown])


def attention_of(encoded: EncodedModel, rows: np.ndarray) -> tuple[dict[str, np.ndarray] | None, np.ndarray | None]:
    """Return attention to tokens {modality: (B, N_m)} and the strategy's weights (B, M) of rows, or None."""
    parts: list[list[np.ndarray]] = []
    weights: list[np.ndarray] = []
    for start in range(0, len(rows), encoded.batch_size):
        chosen = rows[start : start + encoded.batch_size]
        with recorded_attention(encoded.model.fusion) as recorded:
            _, fused = encoded.fuse(np.repeat(chosen[:, None], len(encoded.names), 1))
        masks = [
            encoded.tokens[name].mask[chosen] & encoded.tokens[name].present[chosen, None] for name in encoded.names
        ]
        if all(f"{ATTENTION}{name}" in fused.aux for name in encoded.names):
            parts.append(
                [
                    (fused.aux[f"{ATTENTION}{name}"].cpu() * mask).numpy()
                    for name, mask in zip(encoded.names, masks, strict=True)
                ]
            )
        elif has_rollout(encoded.model.fusion):
            here = {name: [weights.cpu() for weights in calls] for name, calls in recorded.items()}
            parts.append([each.numpy() for each in token_attention(encoded.model.fusion, here, masks)])
        if "weights" in fused.aux:
            weights.append(fused.aux["weights"].float().cpu().numpy())
    tokens = {name: np.concatenate(each) for name, each in zip(encoded.names, zip(*parts, strict=True), strict=False)}
    return tokens or None, np.concatenate(weights) if weights else None


def _example(subject: Subject, row: int) -> dict[str, Any]:
    """Return one example with its label, prediction and tokens."""
    encoded, data = subject.encoded, subject.data
    output = encoded.predict(np.full((1, len(encoded.names)), row))
    phi = values_of_tokens(subject, row)
    tokens, _ = attention_of(encoded, np.array([row]))
    answer, probability = data.spec.learning.described_answer(output, data.classes)
    modalities = {}
    for name in encoded.names:
        mask = encoded.tokens[name].mask[row].numpy()
        modalities[name] = {
            "kind": data.modalities[name].kind,
            "shapley": _rounded(phi[name]),
            "attention": None if tokens is None else _rounded(tokens[name][0][mask]),
            "words": words_of(encoded, data, name, row) if data.modalities[name].kind == "text" else None,
        }
    return {
        "row": row,
        "id": encoded.split.ids[row],
        "groups": {name: str(values[row]) for name, values in encoded.split.groups.items()},
        "label": data.spec.shown_label(data, encoded.split, row),
        "prediction": answer,
        "probability": probability,
        "modalities": modalities,
    }


def words_of(encoded: EncodedModel, data: DataModule, name: str, row: int) -> list[str] | None:
    """Return the spelling of each token of a text; None if the encoder gives other tokens than the ids."""
    array = encoded.arrays[name]
    ids = array.x[row, : array.length[row]].tolist()
    tokenizer = data.tokenizers[name]
    return (
        [tokenizer.decode([i]) or "·" for i in ids] if len(ids) == int(encoded.tokens[name].mask[row].sum()) else None
    )


def _rounded(values: Sequence[float] | np.ndarray) -> list[float]:
    return [round(float(value), 6) for value in values]
