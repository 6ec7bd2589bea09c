"""Weight files: safetensors, single or sharded, and PyTorch files that contain only plain tensors."""

import pickle
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from pathlib import Path
from typing import Any

from safetensors import SafetensorError, safe_open
from torch import Tensor

from interlace.errors import UserError
from interlace.reading.documents import read_json
from interlace.reading.files import require_regular
from interlace.reading.tensors import load_tensors

# Tried in this order, since a directory may contain the same weights in both formats.
SAFETENSORS = "model.safetensors"
PICKLED = "pytorch_model.bin"


class Weights(Mapping[str, Tensor]):
    """Tensors by name; those of safetensors files are read on access."""

    def __init__(self, directory: Path, readers: dict[str, Callable[[], Tensor]]) -> None:
        self.directory = directory
        self._readers = readers

    def __getitem__(self, name: str) -> Tensor:
        return self._readers[name]()

    def __iter__(self) -> Iterator[str]:
        return iter(self._readers)

    def __len__(self) -> int:
        return len(self._readers)

    def renamed(self, change: Callable[[str], str]) -> "Weights":
        """Return the same tensors under other names. Raises UserError when two names become equal."""
        names = {name: change(name) for name in self._readers}
        if len(set(names.values())) < len(names):
            twice = sorted(new for new in set(names.values()) if list(names.values()).count(new) > 1)
            raise UserError(f"{self.directory}: the weights contain {twice[0]} twice, in an old and a new spelling; "
                            "remove one")  # fmt: skip
        return Weights(self.directory, {names[name]: reader for name, reader in self._readers.items()})


def open_weights(directory: Path) -> Weights:
    """Open the weights of a directory in Hugging Face's layout. Raises UserError if missing, damaged or unsafe."""
    for name, read in ((SAFETENSORS, _safetensors), (PICKLED, _pickled)):
        if (directory / name).is_file():
            return Weights(directory, read(directory / name))
        index = directory / f"{name}.index.json"
        if index.is_file():
            return Weights(directory, _shards(index, read))
    raise UserError(f"{directory}: contains no weights; expected {SAFETENSORS}, its shards with "
                    f"{SAFETENSORS}.index.json, or {PICKLED}")  # fmt: skip


def _safetensors(path: Path) -> dict[str, Callable[[], Tensor]]:
    try:
        require_regular(path)
        file = safe_open(path, framework="pt")
        return {name: partial(file.get_tensor, name) for name in file.keys()}  # noqa: SIM118
    except (SafetensorError, OSError) as error:
        raise UserError(
            f"{path}: damaged or incomplete safetensors file ({error}); download or copy it again"
        ) from None


def _pickled(path: Path) -> dict[str, Callable[[], Tensor]]:
    try:
        state = load_tensors(path)
    except (pickle.UnpicklingError, RuntimeError, EOFError, OSError, ValueError) as error:
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise UserError(
            f"{path}: cannot be read as plain tensors ({reason}); it is damaged or contains code, which is never run; "
            f"convert it to {SAFETENSORS} if you trust it"
        ) from None
    if not isinstance(state, dict) or not all(isinstance(value, Tensor) for value in state.values()):
        raise UserError(f"{path}: expected a dictionary of tensors by name, as model.state_dict() returns")
    return {name: partial(state.__getitem__, name) for name in state}


def _shards(index: Path, read: Callable[[Path], dict[str, Callable[[], Tensor]]]) -> dict[str, Callable[[], Tensor]]:
    try:
        files: dict[str, Any] = read_json(index)["weight_map"]
        shards = sorted(set(files.values()))
    except (ValueError, KeyError, TypeError, AttributeError, OSError):
        raise UserError(f'{index}: expected JSON with a "weight_map" from names to files; download it again') from None
    readers: dict[str, Callable[[], Tensor]] = {}
    for shard in shards:
        path = index.parent / str(shard)
        if path.parent != index.parent or not path.is_file():
            raise UserError(f"{index}: names the file {shard!r}, which is not in its directory; download that file")
        readers |= {name: reader for name, reader in read(path).items() if files.get(name) == shard}
    absent = sorted(set(files) - set(readers))
    if absent:
        raise UserError(f"{index}: {absent[0]} is not in the file {files[absent[0]]!r} as listed; download both again")
    return readers
