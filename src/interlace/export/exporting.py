"""Export of a run in a chosen format."""

from dataclasses import dataclass
from pathlib import Path

import interlace
from interlace.analysis.calibration import copy_calibration
from interlace.assembly.classical import is_classical
from interlace.assembly.ranking import ranks_passages
from interlace.assembly.text_algorithms import is_text_algorithm
from interlace.errors import UserError
from interlace.export.about import PROGRAMS, VERSION, WEIGHTS, About, Format, write_about
from interlace.export.cards import write_cards
from interlace.export.folder import write_data_files, write_weights
from interlace.export.writing import write_program
from interlace.folders import whole_folder
from interlace.inputs.checksums import write_checksums
from interlace.pretrained import export
from interlace.pretrained.families import family_of_model
from interlace.pretrained.parents import NGRAM, is_run, load_language_model, load_with_tokenizer
from interlace.runs import Run


@dataclass(frozen=True)
class Options:
    """Choices of an export: the licence for its card, the modality whose encoder alone is exported (None: the whole
    model), and the largest difference of a program's outputs from the run's, relative to outputs above 1."""

    license: str | None = None
    encoder: str | None = None
    tolerance: float = 1e-4


def export_run(
    run: Run,
    output: str | Path,
    format: Format | None = None,
    options: Options = Options(),
) -> About:
    """Write a finished run into the folder `output`, with a model card and a data card, and return what was written.

    `format` None: Hugging Face's layout for a language model that has one, else safetensors. The folder appears as a
    whole or, after an error, not at all. A program (torch.export, ONNX) is compared with the run's model over the test
    split first. Raises UserError for runs that the format cannot hold, for a program whose outputs differ, and where
    `output` holds files.
    """
    output = Path(output)
    check_output(output)
    run.results  # noqa: B018 - raises for an unfinished run
    format = format or ("huggingface" if has_counterpart(run) else "safetensors")
    if reason := why_not(run, format, options.encoder):
        raise UserError(f"{run.directory}: {reason}")
    try:
        with whole_folder(output) as folder:
            about = About(format=format, version=VERSION, interlace=interlace.__version__, run=origin(run))
            checkpoint, about = _write(run, folder, about, options)
            write_about(folder, about)
            write_cards(run, folder, about, options.license)
            write_checksums(folder, checkpoint)
            if about.format == "safetensors" and run.classifies:
                copy_calibration(run, folder)
    except OSError as error:
        raise UserError(f"{output}: cannot be written ({error.strerror or error}); choose another folder") from error
    return about


def check_output(output: Path) -> None:
    """Raise UserError for a folder that holds files, and for a file."""
    if (output.is_dir() and any(output.iterdir())) or output.is_file():
        raise UserError(f"{output}: already exists and is not empty; choose another folder or remove it first")


def why_not(run: Run, format: Format, encoder: str | None) -> str | None:
    """Return the reason why a run cannot be written in a format, with what to do; None where it can."""
    if ranks_passages(run.config):
        return "it ranks passages and has no model of its own to export; use its directory, or export its encoder's run"
    if is_text_algorithm(run.config):
        return "its model is an algorithm on texts without weights; use its directory"
    if (run.directory / NGRAM).is_dir():
        return "an n-gram model has no counterpart in other formats; use its directory"
    if encoder is not None and format not in PROGRAMS:
        return f"--encoder exports a program; take --format {' or '.join(PROGRAMS)}"
    if format in PROGRAMS and (run.config["fusion"] is None or run.writes):
        model = "its answers are texts that are written token by token" if not run.classifies else "it has no encoders"
        return f"{format} holds classifiers, regressors and encoders of a fusion, and {model}; take another format"
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


def _write(run: Run, folder: Path, about: About, options: Options) -> tuple[str, About]:
    """Write the model and what it needs; return the name of the file with the weights, and export.json."""
    if about.format == "huggingface":
        model, tokenizer = load_with_tokenizer(run.directory)
        export(model, tokenizer, folder)
        return WEIGHTS, about
    if about.format in PROGRAMS:
        about = write_program(run, folder, about, options.encoder, options.tolerance)
        weights = PROGRAMS[about.format]
    else:
        weights = write_weights(run, folder)
    write_data_files(run, folder, weights)
    return weights, about
