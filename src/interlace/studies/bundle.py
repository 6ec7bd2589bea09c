"""A study in one archive: its file, configurations, results, report and lock file; packed, checked and unpacked."""

import hashlib
import io
import json
import os
import shutil
import tarfile
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path, PurePosixPath
from typing import Any

from interlace.configuration.locations import outputs_dir
from interlace.errors import UserError
from interlace.studies.planning import Job
from interlace.studies.study import Study, find_study
from interlace.tracking.files import write_atomically
from interlace.tracking.identity import code_hash
from interlace.tracking.manifest import package_versions
from interlace.tracking.recovery import ASIDE

FORMAT = 1
INDEX = "bundle.json"
RUN_FILES = (
    "config.yaml", "overrides.yaml", "manifest.json", "diff.patch", "status.json", "results.json", "metrics.jsonl",
    "predictions.parquet", "data_description.json", "data_state.json", "analysis.json", "train.log",
)  # fmt: skip
RUN_FOLDERS = ("analysis", "examples")


def pack(
    name: str, study: Study, jobs: Sequence[Job], path: Path, *, report: Path, checkpoints: bool = False
) -> dict[str, Any]:
    """Writes a gzipped tar of everything that a reader needs, atomically; returns its index (`bundle.json`).

    Holds study.yaml and what lies beside it (README.md), the directories of all runs that have one (checkpoints only
    where asked), the report, and the lock file of the checkout or, outside of one, the installed versions. The index
    names each file with its SHA-256 and its size. Raises UserError when no run is finished.
    """
    directories = list(dict.fromkeys(job.run.directory for job in jobs))
    finished = [directory for directory in directories if (directory / "results.json").is_file()]
    if not finished:
        raise UserError(f"study {study.name}: no run is finished, so there is nothing to bundle; run it first")
    files = dict(_study_files(name))
    for directory in directories:
        where = PurePosixPath("runs", directory.parent.name, directory.name)
        files |= {str(where / inner): source for inner, source in _run_files(directory, checkpoints)}
    files |= {f"report/{inner}": source for inner, source in _below(report)}
    texts = {} if (lock := _lock_file()) is not None else {"packages.json": json.dumps(package_versions(), indent=2)}
    if lock is not None:
        files["requirements.lock"] = lock
    index: dict[str, Any] = {
        "format": FORMAT,
        "study": study.name,
        "code": code_hash(),
        "runs": {"planned": len(directories), "finished": len(finished)},
        "files": {},
    }
    write_atomically(path, lambda temporary: _write(temporary, files, texts, index))
    return index


def unpack(path: Path, outputs: Path | None = None) -> tuple[Path, dict[str, Any]]:
    """Unpacks a bundle into <outputs>/<study>; returns the study file there and the index.

    Every file is checked against the index before anything is moved into place. A run that is here already and
    finished is kept as it is when its results are the same, else UserError; runs that were not finished are replaced.
    """
    outputs = outputs_dir() if outputs is None else outputs
    outputs.mkdir(parents=True, exist_ok=True)
    temporary = Path(tempfile.mkdtemp(prefix=".bundle.", dir=outputs))
    try:
        index = _extract(path, temporary)
        folder = outputs / str(index["study"])
        runs = sorted(each.parent for each in (temporary / "runs").glob("*/*/config.yaml"))
        for run in runs:
            _refuse_other_results(run, folder / run.parent.name / run.name)
        for run in runs:
            _replace(run, folder / run.parent.name / run.name)
        for part in ("study", "report"):
            if (temporary / part).is_dir():
                _replace(temporary / part, folder / part)
    finally:
        shutil.rmtree(temporary, ignore_errors=True)
    return folder / "study" / "study.yaml", index


def _study_files(name: str) -> Iterator[tuple[str, Path]]:
    source = find_study(name)
    yield "study/study.yaml", source
    for beside in ("README.md",):
        if (source.parent / beside).is_file():
            yield f"study/{beside}", source.parent / beside


def _run_files(directory: Path, checkpoints: bool) -> Iterator[tuple[str, Path]]:
    for name in RUN_FILES:
        if (directory / name).is_file():
            yield name, directory / name
    for folder in (*RUN_FOLDERS, *(("checkpoints",) if checkpoints else ())):
        for inner, source in _below(directory / folder):
            yield f"{folder}/{inner}", source


def _below(folder: Path) -> Iterator[tuple[str, Path]]:
    for source in sorted(folder.rglob("*")):
        if source.is_file() and not source.is_symlink() and source.suffix != ASIDE:
            yield source.relative_to(folder).as_posix(), source


def _lock_file() -> Path | None:
    path = Path(__file__).resolve().parents[3] / "requirements.lock"
    return path if path.is_file() else None


def _write(path: Path, files: dict[str, Path], texts: dict[str, str], index: dict[str, Any]) -> None:
    """The index comes last: it holds the hashes of what was written, not of what lay there before."""
    with tarfile.open(path, "w:gz", compresslevel=6) as archive:
        for name, source in sorted(files.items()):
            _add(archive, name, source.read_bytes(), index)
        for name, text in texts.items():
            _add(archive, name, text.encode(), index)
        _add(archive, INDEX, json.dumps(index, indent=2, ensure_ascii=False).encode(), None)


def _add(archive: tarfile.TarFile, name: str, content: bytes, index: dict[str, Any] | None) -> None:
    if index is not None:
        index["files"][name] = {"sha256": hashlib.sha256(content).hexdigest(), "bytes": len(content)}
    member = tarfile.TarInfo(name)
    member.size, member.mode = len(content), 0o644
    archive.addfile(member, io.BytesIO(content))


def _extract(path: Path, folder: Path) -> dict[str, Any]:
    """Unpacks below `folder` alone (tarfile's filter "data"), and checks every file."""
    try:
        with tarfile.open(path, "r:gz") as archive:
            archive.extractall(folder, filter="data")
        index = json.loads((folder / INDEX).read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        what = "no such file" if not path.exists() else f"it has no {INDEX}"
        raise UserError(f"{path}: {what}; expected an archive that `interlace bundle` wrote") from error
    except (OSError, EOFError, tarfile.TarError, ValueError) as error:
        raise UserError(f"{path}: not a whole bundle ({error}); copy it again") from error
    if index.get("format") != FORMAT:
        raise UserError(f"{path}: bundle of format {index.get('format')}; this version reads format {FORMAT}")
    for name, facts in index["files"].items():
        content = (folder / name).read_bytes() if (folder / name).is_file() else b""
        if hashlib.sha256(content).hexdigest() != facts["sha256"]:
            raise UserError(f"{path}: {name} is not what was bundled (its SHA-256 differs); copy the archive again")
    return index  # type: ignore[no-any-return]


def _refuse_other_results(new: Path, old: Path) -> None:
    here, there = (each / "results.json" for each in (old, new))
    if here.is_file() and not (there.is_file() and _metrics(here) == _metrics(there)):
        raise UserError(
            f"{old}: this run is finished here with other figures than in the bundle; unpack it with another --outputs"
        )


def _metrics(path: Path) -> Any:
    return json.loads(path.read_text(encoding="utf-8")).get("metrics")


def _replace(new: Path, old: Path) -> None:
    if (old / "results.json").is_file():  # the same run, finished here: with its checkpoints, so it stays
        return
    old.parent.mkdir(parents=True, exist_ok=True)
    shutil.rmtree(old, ignore_errors=True)
    os.replace(new, old)
