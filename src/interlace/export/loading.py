"""Opening of exports without the run that they came from."""

from pathlib import Path

from interlace.errors import UserError
from interlace.export.about import read_about
from interlace.inputs import note
from interlace.inputs.checksums import CHECKSUMS_FILE, damaged_files, recorded_checksums
from interlace.runs import Run


def load(directory: str | Path) -> Run:
    """Open a folder that `interlace export --format safetensors` wrote; its `predict` is that of the run.

    Every file is compared with its checksum; nothing is unpickled, and the configuration can name components of
    interlace and of installed plug-ins only. Raises UserError for other folders, and for missing or changed files.
    """
    directory = Path(directory)
    if read_about(directory).format == "huggingface":
        raise UserError(
            f"{directory}: an export in Hugging Face's layout; open it with interlace.pretrained.load or transformers"
        )
    checked(directory)
    return Run(directory)


def checked(directory: Path) -> None:
    """Compare all files of an export with files.json."""
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
