"""The manifest data set."""

from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any, Literal

import numpy as np

from interlace.configuration.tasks import TaskName
from interlace.data.arrays import RawArray, as_strings
from interlace.data.cache import cached_arrays, fingerprint_of, source_hash
from interlace.data.datamodule import DEFAULT_TASK, DataModule, check_range
from interlace.data.encoding import Limits, RecordEncoder, lookup
from interlace.data.folds import check_fold, fold_splits
from interlace.data.labels import checked_order, infer_task
from interlace.data.manifest.batch_tokenizing import with_look_ahead
from interlace.data.manifest.coverage import notes_on_coverage, unknown_counts, unknown_counts_of
from interlace.data.manifest.example import Example, check_fields, group_name, records_hash, refuse_paths, shared_name
from interlace.data.manifest.known import known_kinds, known_specs
from interlace.data.manifest.layouts import LAYOUTS, Name
from interlace.data.manifest.leaks import leak_notes
from interlace.data.manifest.lines import Record, identity, read_lines
from interlace.data.manifest.notes import left_out, notes_on_splits, shared_groups
from interlace.data.manifest.probing import Prober, decode_problems
from interlace.data.manifest.scaling import statistics_of, with_statistics
from interlace.data.manifest.schema import RESERVED, Schema, infer_schema
from interlace.data.manifest.splitting import SPLITS, Fraction, assign_splits, check_fractions, split_of
from interlace.data.manifest.storing import build, check_sizes, load_part, spec_of
from interlace.data.problems import BadExample, Problem, count_reasons, error_for
from interlace.data.progress import with_progress
from interlace.data.remarks import collect_remarks, remark_lines, with_remarks
from interlace.data.spellings import Spellings
from interlace.data.split import Split, examples_hash
from interlace.data.task_spec import TaskSpec
from interlace.data.text import WordTokenizer
from interlace.errors import UserError
from interlace.tokens import Kind, ModalitySpec


class Manifest(DataModule):
    """Examples of your own, paths relative to the file; a missing key or null is a missing modality.

    Fields: `id` (default: the line number), `split` (default: a seeded draw, stratified by label), `label` (text or a
    number; the option `label` names another field for it) or, for generation, `target` and `prompt` (the text before
    it), and modalities: inferred from names, suffixes and values unless `modalities` names them with their kinds.
    `layout` names the official layout of a public data set (`interlace.data.manifest.layouts`). The task is inferred
    from all labels unless `task` names it. `groups` names fields by which metrics are also reported. `fold` makes the
    splits those of a cross-validation over `num_folds` folds (`interlace.data.folds`); `fold_group` names a field whose
    values stay together, in folds and in drawn splits. Names of classes and groups are brought to a canonical spelling
    (`interlace.data.spellings`). Bad lines raise one UserError that lists up to twenty kinds of problems, or, with
    `on_error` "skip", are counted by reason in `skipped`. Limits are checked on headers, before decoding; files outside
    the manifest's folder are refused unless `allow_outside`.
    """

    def __init__(
        self,
        *,
        path: str,
        layout: Name | None,
        label: str | None,
        modalities: dict[str, Kind] | None,
        task: TaskName | None,
        class_order: list[str | int | float] | None,
        groups: list[str],
        clusters: str | None,
        image_size: int,
        sample_rate: int,
        max_seconds: float,
        max_tokens: int,
        characters: bool,
        on_long: Literal["error", "truncate"],
        max_words: int,
        max_frames: int,
        max_pixels: int,
        on_error: Literal["raise", "skip"],
        allow_outside: bool,
        fold: int | None,
        num_folds: int,
        fold_group: str | None,
        val_fraction: Fraction,
        test_fraction: Fraction,
        seed: int,
        batch_size: int,
    ) -> None:
        super().__init__(batch_size=batch_size)
        check_sizes(image_size, sample_rate, max_seconds, max_tokens, max_words, max_frames, max_pixels)
        check_fractions(val_fraction, test_fraction)
        check_range("seed", seed, minimum=0)
        check_fold(fold, num_folds)
        self.path = Path(path).expanduser()
        self.layout = None if layout is None else LAYOUTS[layout]
        self.label_field = label
        self.declared = dict(modalities) if modalities else None
        self.declared_task = task
        self.class_order = None if class_order is None else checked_order(class_order, task)
        self.group_fields = list(groups)
        self.cluster_field = clusters if clusters is not None else fold_group
        self.image_size, self.sample_rate, self.max_seconds = image_size, sample_rate, max_seconds
        self.max_tokens, self.max_words, self.max_frames = max_tokens, max_words, max_frames
        self.characters = characters
        self.limits = Limits(max_pixels=max_pixels, allow_outside=allow_outside, on_long=on_long)
        self.on_error = on_error
        self.fractions = {"val": val_fraction, "test": test_fraction}
        self.fold, self.num_folds, self.fold_group = fold, num_folds, fold_group
        self.seed = seed
        self.skipped: dict[str, int] = {}
        self.schema: Schema | None = None
        self.task_note: str | None = None  # a sentence, if the labels allow another task too
        self.extra_notes: list[str] = []
        self.scaling: dict[str, dict[str, Any]] = {}
        self._num_lines = 0
        self._spellings: dict[str, Spellings] = {}
        self._problems: list[Problem] = []

    def take_task(self, spec: TaskSpec, options: Mapping[str, Any]) -> None:
        """Any task: labels are read as it says."""
        if self.declared_task not in (None, spec.name):
            raise UserError(f"data.task={self.declared_task}, task={spec.name}: expected one of them; leave one out")
        self.declared_task = spec.name
        self.task, self.task_options = spec.name, dict(options)

    def read_further(self, names: Sequence[str]) -> None:
        """Reads them as groups, of which labels are made."""
        self.group_fields += [name for name in names if name not in self.group_fields]

    def take_over(self, known: DataModule) -> None:
        """As `DataModule.take_over`; also takes over whether texts are split into characters."""
        super().take_over(known)
        self.characters = any(isinstance(t, WordTokenizer) and t.characters for t in known.tokenizers.values())

    def prepare(self) -> None:
        """Checks every line, then decodes the media into memory-mapped arrays or loads these from the cache."""
        examples, prober = self._look()
        arguments = {
            "modalities": {name: spec.kind for name, spec in self.modalities.items()},
            "task": self.task, "classes": self.class_order, "groups": self.group_fields, "image_size": self.image_size,
            "sample_rate": self.sample_rate, "max_seconds": self.max_seconds, "max_tokens": self.max_tokens,
            "max_words": self.max_words, "max_pixels": self.limits.max_pixels, "fractions": self.fractions,
            "seed": self.seed,
            **({"max_frames": self.max_frames} if "video" in self._kinds() else {}),
            **({"characters": self.characters, "on_long": self.limits.on_long} if "text" in self._kinds() else {}),
            **({} if self.fold is None else {"fold": [self.fold, self.num_folds, self.fold_group]}),
        }  # fmt: skip
        if self._problems and self.on_error == "raise":
            self._problems += self._decode_problems(examples)
            self._raise()
        splits = self.assign(examples)
        self.extra_notes = self.notes_on(examples, splits, prober)
        examples = [e for name in SPLITS for e, split in zip(examples, splits, strict=True) if split == name]
        sizes = {name: splits.count(name) for name in SPLITS}
        self._fit_vocabularies(examples[: sizes["train"]])
        key = {
            **arguments,
            **({} if self.known is None else {"known": self.known.state()}),
            "records": records_hash(examples),
            "sizes": sizes,
            "files": prober.contents(),
            "code": source_hash(Path(__file__).parent) + source_hash(Path(__file__).parents[1]),
        }
        encoder = RecordEncoder(self.modalities, self.tokenizers, self.limits)
        made = partial(
            build, examples=examples, sizes=sizes, encoder=encoder, source=prober.folder, longest=prober.longest
        )
        arrays, content = cached_arrays("manifest", key, lambda folder: with_remarks(lambda: made(folder)))
        self._problems += [Problem(*problem) for problem in content["problems"]]
        self._raise()
        self.skipped = count_reasons(self._problems)
        self.extra_notes += [*left_out(self.skipped, self._num_lines), *content["remarks"]]
        self._open(examples, arrays, content["kept"])
        self.extra_notes += notes_on_coverage(self.modalities, unknown_counts(self.splits))
        self.fingerprint = fingerprint_of(arguments, content["hash"] + examples_hash(self.splits))

    def inspect(self) -> tuple[list[Example], list[Problem], Prober]:
        """Checks and decodes everything; returns the examples that passed the first check, all problems in order, and
        the prober. Fields whose use is unclear are not an error here (`schema.problem`).
        """
        examples, prober = self._look(inspect=True)
        with collect_remarks() as remarks:
            problems = sorted(self._problems + self._decode_problems(examples))
        self.extra_notes = remark_lines(remarks)
        return examples, problems, prober

    def notes(self) -> list[str]:
        """Adds inferred fields, spellings, skipped lines, and what splits lack or share."""
        return [*super().notes(), *self.extra_notes]

    def notes_on(
        self, examples: Sequence[Example], splits: Sequence[str | None], prober: Prober, *, inspect: bool = False
    ) -> list[str]:
        """Notes that need no decoding; with `inspect` also about fields that are not used."""
        assert self.schema is not None
        notes = [*self.schema.notes, *([] if inspect else self.schema.unused)]
        notes += [self.layout.note] if self.layout else []
        notes += [self.task_note] if self.task_note else []
        for what, spellings in self._spellings.items():
            notes += spellings.notes(what)
        notes += prober.notes()
        kinds = {name: spec.kind for name, spec in self.modalities.items()}
        held = {name: [e for e, split in zip(examples, splits, strict=True) if split == name] for name in SPLITS}
        notes += notes_on_splits(held, kinds, self.spec, dict(prober.contents()), self.path.resolve().parent)
        for field in dict.fromkeys(self._shared_by()):
            notes += shared_groups(held, field, drawn=field == self.fold_group)
        known = [name for name in self.schema.fields if name not in RESERVED] if inspect else kinds
        fields = {name: self.schema.fields[name] for name in known if name in self.schema.fields}
        return notes + leak_notes(examples, fields, kinds, self.spec)

    def coverage(self, held: Mapping[str, Sequence[Example]]) -> list[str]:
        """Notes on the coverage of validation and test texts by the training vocabulary, before decoding."""
        self._fit_vocabularies(held["train"])
        return notes_on_coverage(self.modalities, unknown_counts_of(self.tokenizers, held))

    def _kinds(self) -> set[Kind]:
        return {spec.kind for spec in self.modalities.values()}

    def assign(self, examples: Sequence[Example]) -> Sequence[str | None]:
        """The split of every example; None for those that cross-validation does not use."""
        named = [e.named_split for e in examples]
        labels = [self.spec.stratum(e.label) for e in examples]
        stratify = any(label is not None for label in labels)
        if self.known is not None and None not in named:  # a file for evaluation may contain any splits
            return named
        groups = None
        if self.fold_group is not None:
            check_fields("fold_group", [self.fold_group], [e.line.record for e in examples])
            groups = [shared_name(e, self.fold_group) for e in examples]
        if self.fold is None:
            return assign_splits(
                named, labels, stratify=stratify, fractions=self.fractions, seed=self.seed, groups=groups
            )
        return fold_splits(
            named,
            fold=self.fold,
            num_folds=self.num_folds,
            seed=self.seed,
            labels=labels if stratify else None,
            groups=groups,
        )

    def _raise(self) -> None:
        if self._problems and self.on_error == "raise":
            remedy = "correct them, or skip them with data.on_error=skip"
            raise error_for(str(self.path), sorted(self._problems), remedy)

    def _look(self, inspect: bool = False) -> tuple[list[Example], Prober]:
        """Returns the lines that pass the first check; the others become problems. Sets modalities and task."""
        lines, self._problems = read_lines(self.path, self.layout, self.label_field)
        if not lines:
            raise error_for(str(self.path), self._problems, "expected one JSON object per line")
        self._num_lines = len(lines) + len(self._problems)
        records = lines.records
        kinds = self._find_schema(records, inspect)
        prober = Prober(
            kinds, self.path.resolve().parent, self.limits, self.sample_rate, self.max_seconds, self.max_tokens,
            self.max_frames, self.characters,
        )  # fmt: skip
        named = [*(["label"] if self.spec.has_classes else []), *self.group_fields, *self._shared_by()]
        self._spellings = {name: Spellings() for name in dict.fromkeys(named)}
        examples: list[Example] = []
        seen: dict[str, int] = {}
        order = None if self.known else self.class_order  # with a run, unknown classes are kept and noted
        for line in with_progress(with_look_ahead(lines, prober.look_ahead), "checking lines", len(lines)):
            record = line.record
            try:
                name = identity(line)
                if name in seen:
                    raise BadExample("duplicate id", f"{name!r} is also the id of line {seen[name]}")
                seen[name] = line.number
                label = self.spec.read(record, order)
                split = split_of(record)
                if kinds:
                    refuse_paths(record, kinds, prober.folder)
                    prober.look(record)
                examples.append(Example(line, name, label, split))
            except BadExample as bad:
                self._problems.append(Problem(line.number, bad.reason, bad.detail))
                continue
            for field, spellings in self._spellings.items():
                for value in self.spec.spelled(record) if field == "label" else [record.get(field)]:
                    spellings.add(value)
        check_fields("groups", [] if self.known else self.group_fields, records)
        check_fields("clusters", {self.cluster_field} - {self.fold_group}, records)
        self._set_specs(kinds, examples, prober)
        return examples, prober

    def _find_schema(self, records: Sequence[Record], inspect: bool) -> dict[str, Kind]:
        """Determines the task and the use of each field; returns the kinds by modality."""
        declared = self.declared_task or (None if self.class_order is None else DEFAULT_TASK)
        declared = self.known.task if self.known else declared
        self.task, self.task_note = (declared, None) if declared else infer_task(records)
        kinds = known_kinds(self.known) if self.known else self.declared
        reserved = (*RESERVED, *self.spec.reserved)
        if kinds and any(not name or name in reserved for name in kinds):
            shown = ", ".join(kinds)
            raise UserError(f"data.modalities: {shown}: {', '.join(reserved)} cannot be modalities")
        roles = {name: name for name in reserved}
        if not self.spec.writes:
            roles["target"] = "not used: labels are learned"
        roles |= dict.fromkeys(self.group_fields, "group") | dict.fromkeys(
            self._shared_by(), "group of dependent examples"
        )
        absent = [name for name in kinds or () if self.known and all(lookup(r, name) is None for r in records)]
        there = kinds and {name: kind for name, kind in kinds.items() if name not in absent}
        self.schema = infer_schema(records, self.path.resolve().parent, roles, there)
        self.schema.notes.extend(f"no line has {name!r}: it is missing from all examples" for name in absent)
        self.spec.check_labels(self.path, records, [name for name in self.schema.uses if name not in roles])
        if self.schema.problem is not None and not inspect:
            raise UserError(self.schema.problem)
        return kinds if kinds and self.known else self.schema.modalities

    def _shared_by(self) -> list[str]:
        """Fields whose values identify groups of dependent examples."""
        return [name for name in (self.fold_group, self.cluster_field) if name is not None]

    def _set_specs(self, kinds: dict[str, Kind], examples: Sequence[Example], prober: Prober) -> None:
        """Sets modality specs and classes."""
        self.modalities = {name: spec_of(name, kind, prober, self.image_size) for name, kind in kinds.items()}
        if self.known is not None:
            self.modalities = known_specs(self.modalities, self.known, prober.widths, self.path)
        if self.spec.has_classes:
            order = None if self.known else self.class_order
            self.classes = order or self.known_first(self.spec.find_classes([e.label for e in examples]))
            if not (self._problems and self.on_error == "raise"):
                self.spec.check_classes(self.path, self.classes, str(self._problems[0]) if self._problems else None)

    def _fit_vocabularies(self, training: Sequence[Example]) -> None:
        if self.known is not None:
            self.tokenizers = {name: self.known.tokenizers[name] for name in self.modalities
                               if name in self.known.tokenizers}  # fmt: skip
            return
        for name, spec in self.modalities.items():
            if spec.kind == "text":
                texts = [str(v) for e in training if (v := lookup(e.line.record, name)) is not None]
                self.tokenizers[name] = WordTokenizer.train(texts, self.max_words, characters=self.characters)
                size = len(self.tokenizers[name])
                self.modalities[name] = ModalitySpec("text", spec.shape, vocabulary_size=size)

    def _decode_problems(self, examples: Sequence[Example]) -> list[Problem]:
        self._fit_vocabularies([])
        encoder = RecordEncoder(self.modalities, self.tokenizers, self.limits)
        return decode_problems(examples, encoder, self.path.resolve().parent)

    def _open(self, examples: Sequence[Example], arrays: dict[str, np.ndarray], kept: dict[str, list[int]]) -> None:
        for split in SPLITS:
            rows = [examples[i] for i in kept[split]]
            if not rows and self.known is None:
                raise UserError(f"{self.path}: no usable example is left in the {split} split; skipped: {self.skipped}")
            inputs = {
                name: RawArray(*(load_part(arrays, split, i, part)[: len(rows)] for part in RawArray._fields))
                for i, name in enumerate(self.modalities)
            }
            labels, of_texts = self.spec.arrays([e.label for e in rows], [e.line.record for e in rows], self)
            groups = {f: as_strings([group_name(e.line.record.get(f)) for e in rows]) for f in self.group_fields}
            texts = {
                name: [str(lookup(e.line.record, name) or "") for e in rows]
                for name, spec in self.modalities.items()
                if spec.kind == "text"
            }
            written: dict[str, Any] = dict(of_texts)
            if self.cluster_field is not None:
                written["clusters"] = as_strings([shared_name(e, self.cluster_field) for e in rows])
            self.splits[split] = Split(inputs, labels, [e.identity for e in rows], groups, texts, **written)
        if self.known is None:
            known = statistics_of(self.modalities, self.splits["train"].arrays)
            self.modalities = with_statistics(self.modalities, known)
            self.scaling = {name: each.described() for name, each in known.items()}
            self.extra_notes += [note for name, each in known.items() for note in each.notes(name)]

    def describe(self) -> dict[str, Any]:
        """Adds the use of each field, skipped lines by reason, and, for each modality of features, the columns with
        extreme values (column: count) and the constant columns.
        """
        fields = self.schema.uses if self.schema else {}
        return {**super().describe(), "fields": dict(fields), "path": str(self.path), "skipped": dict(self.skipped),
                **({"scaling": self.scaling} if self.scaling else {})}  # fmt: skip
