"""Access to a run directory, for notebooks and for the commands that use a trained model."""

import tempfile
from collections.abc import Mapping, Sequence
from functools import cached_property, partial
from html import escape
from pathlib import Path
from typing import Any, Literal, NamedTuple

import numpy as np
import pandas as pd
from torch import nn

from interlace.assembly.classical import inputs_of, is_classical, load_classical
from interlace.assembly.dialogue import is_dialogue, open_conversation, write_replies
from interlace.assembly.documents import Predict, check_document, translate_document
from interlace.assembly.finished import predict_split, with_trained_weights, without_parent
from interlace.assembly.generation import answer, build_generation_model
from interlace.assembly.multimodal import build_model
from interlace.assembly.prepared import Prepared, name_of, prepare_examples, prepare_texts
from interlace.assembly.ranking import found_passages, ranks_passages
from interlace.assembly.text_algorithms import is_text_algorithm, load_text_algorithm
from interlace.assembly.texts import write_answers
from interlace.configuration.checking import resolve_target
from interlace.configuration.renamed import check_renamed
from interlace.configuration.targets import check_recorded
from interlace.configuration.tasks import task_named
from interlace.data.datamodule import DataModule, Split
from interlace.data.dialogue.datamodule import Dialogues
from interlace.data.dialogue.template import as_text
from interlace.data.given import records_of
from interlace.data.parallel.datamodule import ParallelText
from interlace.data.passages.datamodule import Passages
from interlace.data.problems import error_for
from interlace.data.reading_comprehension import ReadingComprehension
from interlace.data.task_spec import TaskSpec
from interlace.data.tokenizers import TextTokenizer
from interlace.errors import UserError, one_line
from interlace.inputs.checksums import read_verified_json, recorded_checksums, repair_hint, verify_files
from interlace.models.base import LanguageModel
from interlace.models.generation import GenerationOptions
from interlace.models.generation.conversation import Conversation
from interlace.pretrained.parents import checkpoint_of, load_language_model, load_tokenizer, load_with_tokenizer
from interlace.reading.tables import read_table
from interlace.retrieval.loading import load_index
from interlace.tasks.supervised import MultimodalModel
from interlace.tokens import ModalitySpec
from interlace.tracking.files import read_yaml
from interlace.tracking.identity import with_newer_options
from interlace.tracking.metrics_file import read_metrics
from interlace.tracking.status import read_status

SKIPPING = "correct them, or get an error for each with --on-error skip"


class Run:
    """A run directory: configuration, results and the trained model. `device`: of the model of `predict`, "cpu" or
    "cuda"; its outputs are on the CPU."""

    def __init__(self, directory: Path, device: str = "cpu") -> None:
        self.directory, self.device = Path(directory), device
        if not (self.directory / "config.yaml").exists() and recorded_checksums(self.directory) is None:
            raise UserError(
                f"{self.directory}: not a run directory (it has no config.yaml); give one that train printed"
                + (f"; if it was one, {repair_hint(self.directory)}" if self.directory.is_dir() else "")
            )
        verify_files(self.directory)

    def __repr__(self) -> str:
        return f"Run({str(self.directory)!r}, status={self.status['status']!r})"

    def _repr_html_(self) -> str:
        """Return status, directory and test metrics as HTML, for notebooks."""
        status, metrics = self.status, self.metrics if (self.directory / "results.json").exists() else {}
        name = f"{self.config['study']} / {self.config['arm']}, seed {self.config['seed']['model']}"
        rows = "".join(
            f"<tr><td>{escape(metric)}</td><td>{value:.4f}</td></tr>"
            for metric, value in sorted(metrics.items())
            if metric.startswith("test/")
        )
        return (
            f"<p><b>{escape(name)}</b>: {escape(str(status['status']))}<br>"
            f"<code>{escape(str(self.directory))}</code></p>"
            f"<table><tbody>{rows}</tbody></table>"
        )

    @cached_property
    def config(self) -> dict[str, Any]:
        """The resolved configuration; options added in later versions have the values that the run used implicitly."""
        try:
            config = read_yaml(self.directory / "config.yaml")
        except Exception as error:  # of several libraries
            raise UserError(
                f"{self.directory / 'config.yaml'}: cannot be read ({one_line(error)}); {repair_hint(self.directory)}"
            ) from None
        if not isinstance(config, dict) or "data" not in config:
            raise UserError(f"{self.directory / 'config.yaml'}: not of a run; {repair_hint(self.directory)}")
        try:
            check_renamed(map(str, config))
            return with_newer_options(check_recorded(self.directory / "config.yaml", config))
        except UserError as error:
            raise UserError(f"{error}; if the file is damaged, {repair_hint(self.directory)}") from None

    @property
    def status(self) -> dict[str, Any]:
        """Current content of status.json."""
        return read_status(self.directory)

    @property
    def results(self) -> dict[str, Any]:
        """Content of results.json. Raises UserError if the run is not finished."""
        path = self.directory / "results.json"
        if not path.exists():
            status = self.status["status"]
            raise UserError(f"{self.directory}: no results yet (status: {status}); {repair_hint(self.directory)}")
        content: dict[str, Any] = read_verified_json(self.directory, "results.json")
        return content

    @property
    def metrics(self) -> dict[str, float]:
        """Final metrics by flat name, such as `test/accuracy`."""
        return {k: float("nan") if v is None else v for k, v in self.results["metrics"].items()}

    @property
    def history(self) -> pd.DataFrame:
        """metrics.jsonl as a table, one row for each logged step."""
        return pd.DataFrame(read_metrics(self.directory / "metrics.jsonl"))

    @property
    def predictions(self) -> pd.DataFrame:
        """One row per test example: id, label, prediction, correct, p/<class>, group/<name>."""
        path = self.directory / "predictions.parquet"
        if not path.exists():
            status = self.status["status"]
            raise UserError(f"{self.directory}: no predictions yet (status: {status}); {repair_hint(self.directory)}")
        return read_table(path).to_pandas()

    def data_for_prediction(self) -> DataModule:
        """The data module with the state of training, which encodes new examples, without the training data."""
        target = resolve_target("data", self.config["data"])
        data: DataModule = target.from_state(read_verified_json(self.directory, "data_state.json"))
        return data

    def model(self) -> Any:
        """Return the trained model in evaluation mode on the CPU: a MultimodalModel, a GenerationModel (decoder), a
        language or n-gram model, a BagOfWords, a LinearModel, a TextAlgorithm, or the Index of a run that ranks
        passages."""
        if is_text_algorithm(self.config):
            return load_text_algorithm(self.config, self.directory)
        if ranks_passages(self.config):
            return load_index(self.config, self.directory)
        if is_classical(self.config):
            return load_classical(self.config, self.directory)
        if self.config["fusion"] is None:
            return load_with_tokenizer(self.directory)[0]
        checkpoint = checkpoint_of(self.directory)
        model: MultimodalModel
        config = without_parent(self.config, self.directory)
        if self.writes:
            model = build_generation_model(config, self.data_for_prediction(), self.tokenizer())
        else:
            model = build_model(config, self.data_for_prediction())
        return with_trained_weights(model, self.config, checkpoint)

    @cached_property
    def kept_model(self) -> Any:
        """The model of `predict`, loaded once; on the run's device if it is one of torch."""
        model = self.model()
        return model.to(self.device) if isinstance(model, nn.Module) else model

    def language_model(self) -> LanguageModel:
        """Return the language model that the run trained, or fine-tuned as its text encoder."""
        return load_language_model(self.directory)

    def tokenizer(self) -> TextTokenizer:
        """Return the tokenizer of the run's language model."""
        return load_tokenizer(self.directory)

    def predict(
        self,
        records: Sequence[Mapping[str, Any]] | None = None,
        folder: Path | None = None,
        batch_size: int = 64,
        *,
        on_error: Literal["raise", "skip"] = "raise",
        on_long: Literal["error", "truncate"] | None = None,
        **examples: Any,
    ) -> list[dict[str, Any]]:
        """Return a prediction for each record, such as a line of a manifest (paths relative to `folder`), in order.

        Instead of records: `images`, `texts` and `sounds`, or modalities by their names, one value or a list each
        (`data.given.records_of`). The model is loaded once and kept for further calls.

        A prediction is {"id", "prediction", "probabilities": {class: p}}; for regression {"id", "prediction"}; for a
        text-to-text run {"id", "text", "confidence"}, the text generated from the record's "text", with details of the
        model; for a run of conversations the same, the reply to the record's "messages"; for a run with a decoder
        {"id", "text"}, generated from the modalities and the record's "prompt"; for a run that ranks passages
        {"id", "passages"}. Labels are ignored.

        Raises UserError that names all records that cannot be read; with `on_error` "skip" such a record gives
        {"id", "error"}. Of a text with more tokens than the run reads, `on_long` "truncate" keeps the
        first, and the prediction gives their number ("truncated": {modality: tokens}); None: as in training.
        """
        if examples or records is None:
            if records is not None or not examples:
                raise UserError("predict: give either records with their folder, or images=, texts= and sounds=")
            with tempfile.TemporaryDirectory() as temporary:
                made = records_of(examples, self._modalities(), Path(temporary))
                return self.predict(made, Path(temporary), batch_size, on_error=on_error, on_long=on_long)
        prepared = self.prepare(records, folder, on_long)
        if prepared.problems and on_error == "raise":
            what = "the examples to predict" if self.classifies or self.writes else "the texts to read"
            raise error_for(what, prepared.problems, SKIPPING)
        return self.answer(prepared, batch_size)

    def prepare(
        self,
        records: Sequence[Mapping[str, Any]],
        folder: Path | None = None,
        on_long: Literal["error", "truncate"] | None = None,
    ) -> Prepared:
        """Read records for `answer`, without the model; see `predict`. It may run in a thread beside `answer`."""
        if self.classifies or self.writes:
            return prepare_examples(self.data_for_prediction(), records, folder or Path("."), on_long)
        target = resolve_target("data", self.config["data"])
        if not issubclass(target, ParallelText | Passages):
            raise UserError(
                f"{self.directory}: predict needs a run that classifies, translates or ranks passages; let this "
                "one go on from a prompt with interlace generate"
            )
        encodes = not (is_text_algorithm(self.config) or ranks_passages(self.config))
        data = target.from_state(read_verified_json(self.directory, "data_state.json")) if encodes else None
        return prepare_texts(self.config, data, records)

    def answer(self, prepared: Prepared, batch_size: int = 64) -> list[dict[str, Any]]:
        """Return a prediction for each record, in order, and {"id", "error"} for those that cannot be read."""
        if not prepared.rows:
            return prepared.in_order([])
        if self.classifies or self.writes:
            return prepared.in_order(self._answers_to(prepared.inputs, prepared.data, batch_size))
        written = self._written(prepared.data, prepared.inputs, batch_size)
        names = (name_of(prepared.records[row], row) for row in prepared.rows)
        return prepared.in_order([{"id": name, **each} for name, each in zip(names, written, strict=True)])

    def _modalities(self) -> Mapping[str, ModalitySpec]:
        """The modalities of the data; for a text-to-text run its "text"."""
        if not self.classifies and not self.writes:
            return {"text": ModalitySpec("text", (1,))}
        return self.data_for_prediction().modalities

    def _answers_to(self, split: Split, data: DataModule, batch_size: int) -> list[dict[str, Any]]:
        """Return the prediction for each example of a split."""
        if self.writes:
            written = answer(self.config, self.kept_model, self.tokenizer(), split, batch_size)
            return [{"id": identity, "text": text} for identity, text in zip(split.ids, written, strict=True)]
        spec = self.restored(data)
        outputs = self.predict_split(split, spec, batch_size)
        rows, outputs, _ = spec.join(split, np.arange(len(split)), outputs, split.labels)
        found = spec.answers(data, outputs, split)
        for name, answers in self._further_answers(split, data, batch_size).items():
            for main, other in zip(found, answers, strict=True):
                main.setdefault("labels", {})[name] = other["prediction"]
        return [{"id": split.ids[row], **answer} for row, answer in zip(rows, found, strict=True)]

    def _further_answers(self, split: Split, data: DataModule, batch_size: int) -> dict[str, list[dict[str, Any]]]:
        """Return the predictions of the heads of further labels, by label."""
        if self.config.get("multitask") is None or is_classical(self.config):
            return {}
        found = {}
        for name, kind in data.further_labels.items():
            spec = task_named(kind.kind)
            outputs = self.predict_split(split, spec, batch_size, further=name)
            found[name] = spec.answers(kind, outputs, split)
        return found

    def restored(self, data: DataModule) -> TaskSpec:
        """Return the task of the data with the state fitted to the run's validation data, such as thresholds."""
        data.spec.restore(self.metrics if (self.directory / "results.json").exists() else {}, data.classes)
        return data.spec

    @property
    def classifies(self) -> bool:
        """True for a run that predicts labels; False for a language model."""
        return (self.config["fusion"] is not None and not self.writes) or is_classical(self.config)

    @property
    def writes(self) -> bool:
        """True for a run that generates texts from modalities."""
        return self.config.get("decoder") is not None

    def predict_split(self, split: Split, spec: TaskSpec, batch_size: int, further: str | None = None) -> np.ndarray:
        """Return outputs (N, ...) of a split after `TaskLearning.activate`, such as probabilities, in its order, of the
        main head or of the label `further`."""
        model = self.kept_model
        if is_classical(self.config):
            predictions: np.ndarray = model.predict(inputs_of(model, self.config, self.data_for_prediction(), split))
            return predictions
        return predict_split(model, split, spec, batch_size, further)

    @property
    def converses(self) -> bool:
        """True for a run of a language model that learned replies."""
        return is_dialogue(self.config) and not is_text_algorithm(self.config)

    def conversation(self, options: GenerationOptions) -> Conversation:
        """Return an empty conversation with the model of a dialogue run, for turns one after another."""
        data = Dialogues.from_state(read_verified_json(self.directory, "data_state.json"))
        return open_conversation(self.kept_model, data, options)

    def translate(
        self, path: str | Path, *, tag: str | None = None, batch_size: int = 64, predict: Predict | None = None
    ) -> str | bytes:
        """Return a document translated: .txt and .md as text, .docx as bytes, .pdf as Markdown; `tag`: its language.

        `predict`: answers the records of its sentences in place of the run's own method.
        """
        check_document(self.config, self.directory, Path(path))
        tokenizer = None if is_text_algorithm(self.config) else self.tokenizer()
        answers = predict or partial(self.predict, batch_size=batch_size)
        return translate_document(self.config, tokenizer, answers, Path(path), tag)

    def _written(self, data: ParallelText | None, texts: Sequence[Any], batch_size: int) -> list[dict[str, Any]]:
        """The answers of a run that writes texts for texts or messages, or ranks passages; plain JSON without ids."""
        if ranks_passages(self.config):
            return found_passages(self.kept_model, texts)
        if data is None:
            written = self.kept_model.write([as_text(each) for each in texts] if is_dialogue(self.config) else texts)
        elif isinstance(data, Dialogues):
            written = write_replies(self.config, self.kept_model, data, texts, batch_size)
        else:
            written = write_answers(self.config, self.kept_model, data, texts, batch_size)
        return [
            {"text": text, **({} if confidence is None else {"confidence": confidence}), **details}
            for text, confidence, details in written
        ]


class PassageAnswer(NamedTuple):
    """A span that answers: its text, the passage that it stands in (from 0) and its characters there, its score, and
    its probability among the spans of that passage. All but the last two are None where no passage answers."""

    text: str | None
    passage: int | None
    start: int | None
    end: int | None
    score: float
    probability: float


def answer_from(run: Run, question: str, passages: Sequence[str], batch_size: int = 64) -> PassageAnswer:
    """The best answer of a reader (a run of the task `span`) to a question in any of the passages, by its score."""
    if not passages:
        raise UserError("answer_from: no passage to read; give at least one")
    check_reader(run)
    records = [{"question": question, "context": passage} for passage in passages]
    found = run.predict(records, batch_size=batch_size)
    best = max(range(len(found)), key=lambda row: (found[row]["prediction"] is not None, found[row]["score"]))
    chosen = found[best]
    there = best if chosen["prediction"] is not None else None
    return PassageAnswer(
        chosen["prediction"], there, chosen["start"], chosen["end"], chosen["score"], chosen["probability"]
    )


def check_reader(run: Run) -> None:
    """Raise UserError unless a run answers from texts."""
    if not run.classifies or not isinstance(run.data_for_prediction(), ReadingComprehension):
        raise UserError(f"{run.directory}: it was not trained to read; give a run of task=span (experiment=squad)")


def load_run(directory: str | Path, device: str = "cpu") -> Run:
    """Open a run directory, finished or not; `device`: of the model of `predict`, "cpu" or "cuda"."""
    return Run(Path(directory), device)
