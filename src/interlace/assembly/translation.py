"""Text-to-text models at work: what they write for a split, and how good it is."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch

from interlace.assembly.components import constructor
from interlace.models.base import LanguageModel
from interlace.models.generation import generate
from interlace.tracking.files import write_atomically


@dataclass
class Translations:
    """Sources, references and hypotheses of a split in its order, with `metrics` and the signatures behind them."""

    sources: Sequence[str]
    references: Sequence[str]
    hypotheses: Sequence[str]
    metrics: dict[str, float] = field(default_factory=dict)
    signatures: dict[str, str] = field(default_factory=dict)

    def write(self, path: Path) -> None:
        """One JSON line a pair; the first line holds the signatures of the metrics."""
        lines = [json.dumps({"signatures": self.signatures, "metrics": self.metrics})]
        for source, reference, hypothesis in zip(self.sources, self.references, self.hypotheses, strict=True):
            pair = {"source": source, "reference": reference, "hypothesis": hypothesis}
            lines.append(json.dumps(pair, ensure_ascii=False))
        write_atomically(path, lambda temporary: temporary.write_text("\n".join(lines) + "\n", encoding="utf-8"))


def translate_split(config: Mapping[str, Any], model: LanguageModel, data: Any, split: str) -> Translations:
    """Greedy or beam output (`generation` section) for every source of a split, with BLEU and chrF."""
    from interlace.metrics.text import bleu, chrf

    rows = data.splits[split]
    options = constructor(config["generation"])()
    model.eval()
    hypotheses: list[str] = []
    with torch.inference_mode():
        for start in range(0, len(rows), 64):
            indices = range(start, min(start + 64, len(rows)))
            sources, _ = rows.sequences(indices)
            made = generate(
                model,
                [source.tolist() for source in sources],
                options,
                eos_id=data.tokenizer.eos_id,
                pad_id=data.tokenizer.pad_id,
                seed=config["seed"]["model"],
            )
            hypotheses += [data.tokenizer.decode(result.tokens) for result in made]
    result = Translations(rows.sources, rows.targets, hypotheses)
    references = [[target] for target in rows.targets]
    for name, score in (("bleu", bleu(hypotheses, references)), ("chrf", chrf(hypotheses, references))):
        result.metrics[f"{split}/{name}"] = score.score
        result.signatures[name] = score.signature
    return result
