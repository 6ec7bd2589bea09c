"""PyTorch checkpoints and safetensors files: tensors and plain types only, with a bound on compressed parts."""

import pickle
import zipfile
from pathlib import Path
from typing import Any

from interlace.errors import UserError, one_line
from interlace.reading.files import open_regular, require_regular
from interlace.reading.limits import exceeded, format_limit, limit

SAFETENSORS = ".safetensors"  # suffix of the weights of an export


class DamagedTensorsError(UserError, RuntimeError):
    """A checkpoint that torch cannot read."""


def load_tensors(path: Path, **options: Any) -> Any:
    """Load a checkpoint by `torch.load` on the CPU with `weights_only`, which refuses pickled objects.

    Raises OSError, TooLarge, and DamagedTensorsError for any error of torch about a damaged file.
    """
    import torch

    check_archive(path)
    try:
        return torch.load(path, **{"map_location": "cpu", "weights_only": True, **options})
    except MemoryError:
        raise DamagedTensorsError(f"{path}: damaged, it needs more memory than there is") from None
    except (RuntimeError, pickle.UnpicklingError, EOFError, ValueError, KeyError) as error:
        raise DamagedTensorsError(
            f"{path}: damaged, it is not a checkpoint of tensors ({type(error).__name__})"
        ) from error


def load_state(path: Path) -> dict[str, Any]:
    """Load the model's tensors by name, from a safetensors file or from the `state_dict` of a checkpoint.

    Raises the errors of `load_tensors`.
    """
    if path.suffix != SAFETENSORS:
        state: dict[str, Any] = load_tensors(path)["state_dict"]
        return state
    from safetensors import SafetensorError
    from safetensors.torch import load_file

    try:
        require_regular(path)
        return load_file(path)
    except SafetensorError as error:
        raise DamagedTensorsError(f"{path}: damaged, it is not a safetensors file ({one_line(error)})") from None


def check_archive(path: Path) -> None:
    """Raise TooLarge for compressed parts beyond the limit array_bytes; PyTorch itself writes uncompressed parts."""
    with open_regular(path) as stream:
        if not zipfile.is_zipfile(stream):
            return  # an old checkpoint or another file: torch.load decides
        try:
            members = zipfile.ZipFile(stream).infolist()
        except (zipfile.BadZipFile, NotImplementedError, OverflowError):
            return
    compressed = sum(info.file_size for info in members if info.compress_type != zipfile.ZIP_STORED)
    if compressed > limit("array_bytes"):
        what = f"its compressed parts decompress to {format_limit('_bytes', compressed)}"
        raise exceeded(path, what, "array_bytes", compressed)
