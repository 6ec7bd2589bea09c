"""Generation of texts for a split or for new sources, and their scores by the task."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from interlace.assembly.components import constructor
from interlace.assembly.streaming import stream_answers, write_while_reading
from interlace.data.parallel.datamodule import ParallelText
from interlace.data.text_pairs import Pairs
from interlace.models.base import LanguageModel
from interlace.models.generation import GenerationOptions, WaitKOptions, generate
from interlace.models.generation.results import Generated
from interlace.models.text_algorithm import Answer
from interlace.tasks.text_task import TextScores, TextTask, WrittenTexts
from interlace.tracking.files import write_atomically

BATCH = 64


class ScoredTexts:
    """Generated texts of a split with their scores, and the files that they are written to."""

    def __init__(self, task: TextTask, written: WrittenTexts, split: str) -> None:
        self.written = task.completed(written)
        self.scores: TextScores = task.measure(self.written)
        self.metrics = {f"{split}/{name}": value for name, value in self.scores.values.items()}

    def write(self, directory: Path) -> None:
        """Write predictions.jsonl, for people and other programs, and predictions.parquet, for reports."""
        self._write_lines(directory / "predictions.jsonl")
        table = self._table()
        write_atomically(directory / "predictions.parquet", lambda temporary: table.to_parquet(temporary, index=False))

    def _write_lines(self, path: Path) -> None:
        """Write one JSON line per source; the first line has the metrics and their signatures."""
        lines = [json.dumps({"signatures": self.scores.signatures, "metrics": self.metrics})]
        pairs = self.written.pairs
        for source, references, text in zip(pairs.sources, pairs.references, self.written.texts, strict=True):
            line: dict[str, Any] = {"source": source, "reference": references[0], "hypothesis": text}
            if len(references) > 1:
                line["references"] = list(references)
            lines.append(json.dumps(line, ensure_ascii=False))
        write_atomically(path, lambda temporary: temporary.write_text("\n".join(lines) + "\n", encoding="utf-8"))

    def _table(self) -> pd.DataFrame:
        """Return columns id, source, reference (the first), references (all), text, score/METRIC and group/NAME; also
        cluster, confidence, details and estimate, if any."""
        written, pairs = self.written, self.written.pairs
        table: dict[str, Any] = {
            "id": list(pairs.ids),
            **({"cluster": list(pairs.clusters)} if pairs.clusters else {}),
            "source": list(pairs.sources),
            "reference": pairs.targets,
            "references": [list(given) for given in pairs.references],
            "text": list(written.texts),
        }
        if written.confidences is not None:
            table["confidence"] = pd.array(list(written.confidences), dtype="Float64")
        if written.details is not None and any(written.details):
            table["details"] = [json.dumps(dict(each), ensure_ascii=False) for each in written.details]
        if written.estimate is not None:
            table["estimate"] = written.estimate
        table |= {f"score/{name}": values for name, values in self.scores.items.items()}
        table |= {f"group/{name}": values for name, values in pairs.groups.items()}
        return pd.DataFrame(table)


def read_written(table: pd.DataFrame) -> WrittenTexts:
    """Return the texts of a predictions.parquet that `ScoredTexts` has written."""
    columns = [name for name in map(str, table.columns) if name.startswith("group/")]
    groups = {name.removeprefix("group/"): table[name].tolist() for name in columns}
    references = [list(given) for given in table["references"]]
    return WrittenTexts(
        Pairs(table["source"].tolist(), references, table["id"].tolist(), groups),
        table["text"].tolist(),
        estimate=table["estimate"].to_numpy(dtype=np.float64) if "estimate" in table else None,
    )


def write_split(config: Mapping[str, Any], model: LanguageModel, data: ParallelText, split: str) -> WrittenTexts:
    """Generate texts of a text-to-text model for the sources of a split; the confidence is the mean log-probability."""
    rows = data.splits[split]
    sources = [source.tolist() for source in rows.sequences(range(len(rows)))[0]]
    options = constructor(config["generation"])()
    if isinstance(options, WaitKOptions):
        return write_while_reading(options, model, data.needed_tokenizer(), rows.pairs, sources)
    return as_written(rows.pairs, _generated(config, options, model, data, sources, BATCH))


def as_written(pairs: Pairs, answers: Sequence[Answer]) -> WrittenTexts:
    """Return answers with their pairs; without confidences if no answer has one."""
    confidences = [answer.confidence for answer in answers]
    return WrittenTexts(
        pairs,
        [answer.text for answer in answers],
        confidences if any(each is not None for each in confidences) else None,
        [answer.details for answer in answers],
    )


def write_answers(
    config: Mapping[str, Any], model: LanguageModel, data: ParallelText, texts: Sequence[str], batch_size: int
) -> list[Answer]:
    """Generate texts for new sources with a text-to-text model, in their order; wait-k with the first of its lags."""
    options, sources = constructor(config["generation"])(), data.encode_sources(texts)
    if isinstance(options, WaitKOptions):
        return stream_answers(model, data.needed_tokenizer(), sources, options, options.lags[0], batch_size)
    return _generated(config, options, model, data, sources, batch_size)


def _generated(
    config: Mapping[str, Any],
    options: GenerationOptions,
    model: LanguageModel,
    data: ParallelText,
    sources: Sequence[list[int]],
    batch_size: int,
) -> list[Answer]:
    """Generate texts for encoded sources with greedy decoding, beam search or sampling."""
    tokenizer = data.needed_tokenizer()
    written: list[Answer] = []
    for start in range(0, len(sources), batch_size):
        made = generate(
            model,
            sources[start : start + batch_size],
            options,
            eos_id=tokenizer.eos_id,
            pad_id=tokenizer.pad_id,
            seed=config["seed"]["model"],
        )
        written += [Answer(tokenizer.decode(result.tokens), mean_log_probability(result)) for result in made]
    return written


def mean_log_probability(result: Generated) -> float:
    """Return the mean of ln p over the generated tokens, including the end token."""
    return result.log_probability / max(1, len(result.tokens) + (result.reason == "eos"))
