"""Writing of a program: traced, saved, opened again, and compared with the run's model over the test split."""

from pathlib import Path

from interlace.assembly import build_data
from interlace.assembly.multimodal import chosen_modalities
from interlace.configuration.suggestions import did_you_mean
from interlace.errors import UserError
from interlace.export.about import PROGRAMS, About
from interlace.export.checking import check, compare, speeds
from interlace.export.program import Program
from interlace.export.tracing import check_installed, open_onnx, open_torch, save_onnx, save_torch, trace
from interlace.runs import Run
from interlace.tracking.computing import configure_torch


def write_program(run: Run, folder: Path, about: About, encoder: str | None, tolerance: float) -> About:
    """Write the program of a run's model (`encoder`: of that modality's encoder alone) and return export.json with its
    inputs, its differences from the model and its speeds.

    Raises UserError for a model that cannot be traced, test data that cannot be read, and differences beyond
    `tolerance`.
    """
    if about.format == "onnx":
        check_installed()
    configure_torch(run.config)
    trained = run.data_for_prediction()
    specs = chosen_modalities(run.config, trained.modalities)
    if encoder is not None and encoder not in specs:
        raise UserError(f"--encoder {encoder}: the run has no such modality; {did_you_mean(encoder, specs)}")
    split = build_data(run.config, trained).splits["test"].select(list(specs))
    program = Program(run.model(), trained, specs, encoder).eval()
    traced, inputs = trace(program)
    path = folder / PROGRAMS[about.format]
    if about.format == "onnx":
        save_onnx(traced, program, path)
        apply = open_onnx(path, [each.name for each in inputs])
    else:
        save_torch(traced, path)
        apply = open_torch(path)
    found = compare(program, inputs, apply, split)
    check(found, tolerance)
    measured = {**found, "tolerance": tolerance, **speeds(program, inputs, apply, split)}
    return about.model_copy(
        update={"inputs": inputs, "outputs": program.outputs, "check": measured, "encoder": encoder}
    )
