"""Opening of exports without the run that they came from."""

import tempfile
from collections.abc import Iterator, Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from torch import Tensor

from interlace.data.given import records_of
from interlace.data.split import Split
from interlace.data.task_spec import TaskSpec
from interlace.errors import UserError
from interlace.export.about import PROGRAMS, About, read_about
from interlace.export.program import tensors_of
from interlace.export.tracing import Apply, open_onnx, open_torch
from interlace.inputs import note
from interlace.inputs.checksums import CHECKSUMS_FILE, damaged_files, recorded_checksums
from interlace.runs import Run


def load(directory: str | Path, *, trusted: bool = False) -> Run:
    """Open a folder that `interlace export` wrote; its `predict` is that of the run.

    Every file is compared with its checksum; nothing is unpickled, and the configuration can name components of
    interlace and of installed plug-ins only. A torch.export program is the exception: opening one can run code that
    somebody put into it, so that it needs `trusted`. Raises UserError for other folders, and for missing or changed
    files.
    """
    directory = Path(directory)
    about = read_about(directory)
    if about.format == "huggingface":
        raise UserError(
            f"{directory}: an export in Hugging Face's layout; open it with interlace.pretrained.load or transformers"
        )
    if about.format == "torch_export" and not trusted:
        raise UserError(
            f"{directory}: a torch.export program can run code when it is opened; if you trust where it comes from, "
            "open it with load(DIR, trusted=True), else ask for an export as safetensors or onnx"
        )
    _compare_with_checksums(directory)
    return ProgramRun(directory, about) if about.format in PROGRAMS else Run(directory)


class ProgramRun(Run):
    """An exported program with the state of the data, which encodes examples for it."""

    def __init__(self, directory: Path, about: About) -> None:
        super().__init__(directory)
        self.about = about

    def model(self) -> Any:
        """Raise UserError: a program is no module with weights."""
        raise UserError(
            f"{self.directory}: a program ({self.about.format}) is no module with weights; export the run again with "
            "--format safetensors"
        )

    @cached_property
    def _apply(self) -> Apply:
        path = self.directory / PROGRAMS[self.about.format]
        if self.about.format == "torch_export":
            return open_torch(path)
        return open_onnx(path, [each.name for each in self.about.inputs])

    def apply(self, inputs: Mapping[str, Any]) -> list[Tensor]:
        """Return the program's outputs, in the order of `about.outputs`, for a batch of each modality (`RawBatch`)."""
        return self._apply(tensors_of(self.about.inputs, inputs))

    def predict_split(self, split: Split, spec: TaskSpec, batch_size: int, further: str | None = None) -> np.ndarray:
        """See `Run.predict_split`."""
        if self.about.encoder is not None:
            raise UserError(f"{self.directory}: the encoder of {self.about.encoder} alone, which predicts nothing; "
                            "ask for its tokens with encode")  # fmt: skip
        index = 0 if further is None else self._index_of(further)
        parts = []
        for batch in _batches(split, batch_size):
            output = self.apply(batch["inputs"])[index]
            parts.append(spec.learning.activate(output, batch["label"]).numpy())
        return np.concatenate(parts) if parts else np.empty((0,))

    def encode(
        self,
        records: Sequence[Mapping[str, Any]] | None = None,
        folder: Path | None = None,
        batch_size: int = 64,
        **examples: Any,
    ) -> list[np.ndarray]:
        """Return the tokens (N, D) of the encoder for each record, without padding; none where the modality is missing.

        Records, or examples by the names of modalities, are those of `predict`. Raises UserError for the export of a
        whole model, and for bad records.
        """
        if self.about.encoder is None:
            raise UserError(f"{self.directory}: a whole model; encode is for an export with --encoder MODALITY")
        if records is None:
            with tempfile.TemporaryDirectory() as temporary:
                made = records_of(examples, self._modalities(), Path(temporary))
                return self.encode(made, Path(temporary), batch_size)
        split = self.data_for_prediction().encode(records, Path(".") if folder is None else folder)
        found = []
        for batch in _batches(split, batch_size):
            tokens, mask = self.apply(batch["inputs"])[:2]
            found += [x[real].numpy() for x, real in zip(tokens, mask, strict=True)]
        return found

    def _index_of(self, further: str) -> int:
        names = list((self.config.get("multitask") or {}).get("labels") or {})
        return self.about.outputs.index(f"further_{names.index(further) + 1}")


def _batches(split: Split, batch_size: int) -> Iterator[dict[str, Any]]:
    for start in range(0, len(split), batch_size):
        yield split.batch(np.arange(start, min(start + batch_size, len(split))))


def _compare_with_checksums(directory: Path) -> None:
    known = recorded_checksums(directory)
    if known is None:
        raise UserError(f"{directory}: it has no {CHECKSUMS_FILE}; copy the export again from where it was made")
    for name in known:
        path = Path(name)
        if path.is_absolute() or ".." in path.parts or (directory / path).is_symlink():
            raise UserError(f"{directory / CHECKSUMS_FILE}: it names {name[:80]!r}, which is no file of the folder")
    for name, what in damaged_files(directory, known).items():
        raise UserError(f"{directory / name}: {what}; copy the export again from where it was made")
    note(*(directory / name for name in known))
