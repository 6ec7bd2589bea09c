"""Text-to-text models at work: what they write for a split, and how good it is."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from interlace.assembly.components import constructor
from interlace.data.parallel.datamodule import ParallelText
from interlace.metrics.text import bleu, chrf
from interlace.models.base import LanguageModel
from interlace.models.generation import generate
from interlace.tracking.files import write_atomically

BATCH = 64


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


def translate_split(config: Mapping[str, Any], model: LanguageModel, data: ParallelText, split: str) -> Translations:
    """Translates every source of a split, with BLEU and chrF."""
    rows = data.splits[split]
    sources, _ = rows.sequences(range(len(rows)))
    hypotheses = _written(config, model, data, [source.tolist() for source in sources], BATCH)
    result = Translations(rows.sources, rows.targets, hypotheses)
    references = [[target] for target in rows.targets]
    for name, score in (("bleu", bleu(hypotheses, references)), ("chrf", chrf(hypotheses, references))):
        result.metrics[f"{split}/{name}"] = score.score
        result.signatures[name] = score.signature
    return result


def write_answers(
    config: Mapping[str, Any], model: LanguageModel, data: ParallelText, texts: Sequence[str], batch_size: int
) -> list[str]:
    """Translates new sources, in their order."""
    return _written(config, model, data, data.encode_sources(texts), batch_size)


def _written(
    config: Mapping[str, Any], model: LanguageModel, data: ParallelText, sources: Sequence[list[int]], batch_size: int
) -> list[str]:
    """Texts for encoded sources, as the `generation` section says: greedy, beams or drawn."""
    options = constructor(config["generation"])()
    written: list[str] = []
    for start in range(0, len(sources), batch_size):
        made = generate(
            model,
            sources[start : start + batch_size],
            options,
            eos_id=data.tokenizer.eos_id,
            pad_id=data.tokenizer.pad_id,
            seed=config["seed"]["model"],
        )
        written += [data.tokenizer.decode(result.tokens) for result in made]
    return written
