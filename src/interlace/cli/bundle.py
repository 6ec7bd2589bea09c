"""interlace bundle, interlace unbundle"""

from pathlib import Path
from typing import Annotated

import typer

from interlace.cli.arguments import Json, Overrides, existing, writable_file


def bundle(
    name: Annotated[str, typer.Argument(metavar="STUDY", help="Name, folder or study.yaml.")],
    overrides: Overrides = None,
    output: Annotated[
        Path | None, typer.Option(help="The archive; by default STUDY.tar.gz.", callback=writable_file)
    ] = None,
    checkpoints: Annotated[bool, typer.Option(help="Also the checkpoints of all runs.")] = False,
    json: Json = False,
) -> None:
    """Pack a study with its configurations, results, report and lock file into one archive."""
    from interlace.studies.study import load_study

    study = load_study(name)  # before imports that take seconds
    from interlace.studies.bundle import pack
    from interlace.studies.planning import plan
    from interlace.studies.verbs import report_folder, write_report

    jobs = plan(study, overrides or [])
    path = output or Path(f"{study.name}.tar.gz")
    write_report(study, overrides or [], folder=None)
    index = pack(name, study, jobs, path, report=report_folder(study), checkpoints=checkpoints)
    if json:
        import json as encoder

        print(encoder.dumps({"archive": str(path), **index}, indent=2))
        return
    size = path.stat().st_size / 1e6
    runs = index["runs"]
    print(f"{path}: {len(index['files'])} files, {size:.1f} MB, {runs['finished']} of {runs['planned']} runs finished")


def unbundle(
    archive: Annotated[Path, typer.Argument(help="An archive that `interlace bundle` wrote.", callback=existing)],
    outputs: Annotated[Path | None, typer.Option(help="Folder of outputs; by default the usual one.")] = None,
    replace: Annotated[
        bool,
        typer.Option(
            "--replace", help="Replace files of the same study that differ; finished runs are never replaced."
        ),
    ] = False,
    most_gigabytes: Annotated[float, typer.Option(min=0, help="Refuse an archive whose content is larger.")] = 64.0,
) -> None:
    """Check a bundle and unpack its runs, report and study file into the outputs."""
    from interlace.studies.bundle import unpack
    from interlace.tracking.identity import code_hash

    path, index = unpack(archive, outputs, replace=replace, most_gigabytes=most_gigabytes)
    print(f"{path}: {index.runs.finished} finished runs; report them with: interlace study report {path}")
    if index.code != code_hash():
        print("they were made by another version of the code and are shown as stale")
