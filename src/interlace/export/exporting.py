"""Export of a run in a chosen format."""

from pathlib import Path

import interlace
from interlace.assembly.classical import is_classical
from interlace.assembly.ranking import ranks_passages
from interlace.assembly.text_algorithms import is_text_algorithm
from interlace.errors import UserError
from interlace.export.about import VERSION, About, Format, write_about
from interlace.export.cards import write_cards
from interlace.export.folder import write_data_files, write_weights
from interlace.folders import whole_folder
from interlace.inputs.checksums import write_checksums
from interlace.pretrained import export
from interlace.pretrained.families import family_of_model
from interlace.pretrained.parents import NGRAM, is_run, load_language_model, load_with_tokenizer
from interlace.runs import Run


def export_run(run: Run, output: str | Path, format: Format | None = None, license: str | None = None) -> Format:
    """Write a finished run into the folder `output`, with a model card and a data card, and return the format.

    `format` None: Hugging Face's layout for a language model that has one, else safetensors. `license`: of the export,
    for the card. The folder appears as a whole or, after an error, not at all. Raises UserError for runs that the
    format cannot hold, and where `output` holds files.
    """
    output = Path(output)
    check_output(output)
    run.results  # noqa: B018 - raises for an unfinished run
    format = format or ("huggingface" if has_counterpart(run) else "safetensors")
    if reason := why_not(run, format):
        raise UserError(f"{run.directory}: {reason}")
    try:
        with whole_folder(output) as folder:
            checkpoint = _write(run, folder, format)
            about = About(format=format, version=VERSION, interlace=interlace.__version__, run=origin(run))
            write_about(folder, about)
            write_cards(run, folder, about, license)
            write_checksums(folder, checkpoint)
    except OSError as error:
        raise UserError(f"{output}: cannot be written ({error.strerror or error}); choose another folder") from error
    return format


def check_output(output: Path) -> None:
    """Raise UserError for a folder that holds files, and for a file."""
    if (output.is_dir() and any(output.iterdir())) or output.is_file():
        raise UserError(f"{output}: already exists and is not empty; choose another folder or remove it first")


def why_not(run: Run, format: Format) -> str | None:
    """Return the reason why a run cannot be written in a format, with what to do; None where it can."""
    if ranks_passages(run.config):
        return "it ranks passages and has no model of its own to export; use its directory, or export its encoder's run"
    if is_text_algorithm(run.config):
        return "its model is an algorithm on texts without weights; use its directory"
    if (run.directory / NGRAM).is_dir():
        return "an n-gram model has no counterpart in other formats; use its directory"
    if format == "huggingface" and not is_run(run.directory):
        return "it has no language model; take --format safetensors"
    return None


def has_counterpart(run: Run) -> bool:
    """Return True for a run of a language model alone that Hugging Face's layout has a family for."""
    if run.config["fusion"] is not None or is_classical(run.config) or not is_run(run.directory):
        return False
    model = load_language_model(run.directory)
    try:
        family_of_model(model).write(model)
    except UserError:
        return False
    return True


def origin(run: Run) -> dict[str, str | int | None]:
    """Return study, arm, seed and identity of a run."""
    results = run.results
    keys = ("study", "arm", "seed", "config_hash", "code")
    return {key: value if isinstance(value := results.get(key), str | int) else None for key in keys}


def _write(run: Run, folder: Path, format: Format) -> str:
    """Write the model and what it needs; return the name of the file with the weights."""
    if format == "huggingface":
        model, tokenizer = load_with_tokenizer(run.directory)
        export(model, tokenizer, folder)
        return "model.safetensors"
    weights = write_weights(run, folder)
    write_data_files(run, folder, weights)
    return weights
