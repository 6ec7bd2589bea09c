"""Checkpoints of PyTorch: tensors and plain types only, and no packed part that asks for more than the file has."""

import pickle
import zipfile
from pathlib import Path
from typing import Any

from interlace.errors import UserError
from interlace.reading.files import open_regular
from interlace.reading.limits import exceeded, limit, spelled


class DamagedTensorsError(UserError, RuntimeError):
    """A checkpoint that torch cannot read."""


def load_tensors(path: Path, **options: Any) -> Any:
    """`torch.load` on the CPU with `weights_only`: a pickled object is refused. Raises OSError, TooLarge, and
    DamagedTensorsError whatever torch raises for a damaged file.
    """
    import torch

    check_archive(path)
    try:
        return torch.load(path, **{"map_location": "cpu", "weights_only": True, **options})
    except MemoryError:
        raise DamagedTensorsError(f"{path}: damaged, it asks for more memory than there is") from None
    except (RuntimeError, pickle.UnpicklingError, EOFError, ValueError, KeyError) as error:
        raise DamagedTensorsError(
            f"{path}: damaged, it is no checkpoint of tensors ({type(error).__name__})"
        ) from error


def check_archive(path: Path) -> None:
    """PyTorch stores the parts of a checkpoint unpacked: TooLarge for packed ones beyond the limit array_bytes."""
    with open_regular(path) as stream:
        if not zipfile.is_zipfile(stream):
            return  # an old checkpoint, or none: torch tells
        try:
            members = zipfile.ZipFile(stream).infolist()
        except (zipfile.BadZipFile, NotImplementedError, OverflowError):
            return
    packed = sum(info.file_size for info in members if info.compress_type != zipfile.ZIP_STORED)
    if packed > limit("array_bytes"):
        raise exceeded(path, f"its packed parts unpack to {spelled('_bytes', packed)}", "array_bytes", packed)
