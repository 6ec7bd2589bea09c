"""A study in one archive: its file, configurations, results, report and lock file; packed, checked and unpacked."""

import hashlib
import io
import json
import os
import shutil
import tarfile
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from pathlib import Path, PurePosixPath
from typing import Any

from interlace.configuration.locations import outputs_dir
from interlace.configuration.plugins import command_line
from interlace.configuration.targets import check_recorded
from interlace.errors import UserError, one_line
from interlace.inputs.checksums import damaged_files
from interlace.studies.archive import FORMAT, INDEX, MAX_GIGABYTES, RUN_FILES, RUN_FOLDERS, Index, extract
from interlace.studies.finding import find_study
from interlace.studies.planning import Job
from interlace.studies.study import Study, load_study
from interlace.tracking.files import read_yaml, write_atomically
from interlace.tracking.identity import code_hash
from interlace.tracking.lock import RunLock
from interlace.tracking.manifest import package_versions
from interlace.tracking.recovery import ASIDE


def pack(
    name: str, study: Study, jobs: Sequence[Job], path: Path, *, report: Path, checkpoints: bool = False
) -> dict[str, Any]:
    """Writes a gzipped tar of a study, atomically; returns its index (`bundle.json`).

    It holds study.yaml and the README.md of its folder, the directories of all runs that have one (checkpoints only
    with `checkpoints`), the report, and the lock file of the checkout, or outside of a checkout the installed versions.
    The index lists each file with its SHA-256 and its size. Raises UserError when no run is finished or a file is
    damaged.
    """
    directories = list(dict.fromkeys(job.run.directory for job in jobs))
    finished = [directory for directory in directories if (directory / "results.json").is_file()]
    for directory in finished:
        for inner, what in damaged_files(directory).items():
            raise UserError(f"{directory / inner}: {what}; repair it with `{command_line(['study', 'run', name])}`")
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


def unpack(
    path: Path, outputs: Path | None = None, *, replace: bool = False, most_gigabytes: float = MAX_GIGABYTES
) -> tuple[Path, Index]:
    """Unpacks a bundle into <outputs>/<study>; returns the path of its study file and the index.

    Everything is checked before any file is moved: names, paths, sizes and hashes (`archive.extract`), that study file
    and configurations belong to this study, and that they name only components of conf/. Existing files that are the
    same are kept. Files that differ are replaced only with `replace`, and only where <outputs>/<study> belongs to this
    study; runs that are finished with other metrics, and runs that are running, are never replaced: UserError.
    """
    outputs = outputs_dir() if outputs is None else outputs
    outputs.mkdir(parents=True, exist_ok=True)
    temporary = Path(tempfile.mkdtemp(prefix=".bundle.", dir=outputs))
    try:
        index = extract(path, temporary / "new", most_gigabytes, shutil.disk_usage(outputs).free)
        folder = outputs / index.study
        runs = sorted({each.parent for each in (temporary / "new" / "runs").glob("*/*/*")})
        _check_own(path, index.study, temporary / "new", runs)
        moves = {run: folder / run.parent.name / run.name for run in runs}
        moves |= {temporary / "new" / part: folder / part for part in ("study", "report")}
        moves = {new: old for new, old in moves.items() if new.is_dir() and _differs(new, old)}
        for old in moves.values():
            _check_replaceable(old, index.study, replace)
        with ExitStack() as locks:
            for old in (each for each in moves.values() if each.is_dir() and each.parent != folder):
                locks.enter_context(RunLock(old))  # LockedError while a run is running
            _move(moves, temporary / "old")
    finally:
        shutil.rmtree(temporary, ignore_errors=True)
    return folder / "study" / "study.yaml", index


def _check_own(path: Path, study: str, new: Path, runs: Sequence[Path]) -> None:
    """Raises UserError unless study file and configurations belong to the study that the index names."""
    try:
        found = load_study(str(new / "study" / "study.yaml")).name
        for run in runs:
            if (config := run / "config.yaml").is_file():
                named = check_recorded(config, read_yaml(config)).get("study")
                found = found if named == study else named
    except UserError as error:
        raise UserError(f"{path}: {str(error).replace(f'{new}/', '')}") from None
    except Exception as error:  # YAML readers raise many types
        raise UserError(f"{path}: a configuration in it cannot be read ({one_line(error)})") from None
    if found != study:
        raise UserError(f"{path}: its index says study {study!r}, and it holds {found!r}; make the bundle again")


def _differs(new: Path, old: Path) -> bool:
    """True where existing files differ from the bundle's; runs finished with the same metrics are the same."""
    if (old / "results.json").is_file() and (new / "results.json").is_file():
        same = _metrics(old) == _metrics(new)
        if not same:
            raise UserError(
                f"{old}: this run is finished here with other metrics than in the bundle; unpack it with another "
                "--outputs"
            )
        return False
    files = dict(_below(new))
    here = dict(_below(old))
    return files.keys() != here.keys() or any(files[n].read_bytes() != here[n].read_bytes() for n in files)


def _check_replaceable(old: Path, study: str, replace: bool) -> None:
    """Raises UserError for an existing folder that must not be replaced."""
    if not os.path.lexists(old):
        return
    if (old / "results.json").is_file():
        raise UserError(f"{old}: this run is finished here, and not in the bundle; unpack it with another --outputs")
    if not replace:
        raise UserError(f"{old}: it exists already and differs; replace it with --replace, or choose another --outputs")
    if not _is_of(study, old):
        raise UserError(
            f"{old}: this is not a folder of study {study}, so it is not replaced; choose another --outputs"
        )


def _is_of(study: str, old: Path) -> bool:
    """True for a folder of a report, and for one whose study.yaml or config.yaml names this study."""
    if old.is_symlink() or not old.is_dir():
        return False
    if old.name == "report":
        return (old / "index.html").is_file()
    file, key = ("study.yaml", "name") if old.name == "study" else ("config.yaml", "study")
    try:
        return bool(read_yaml(old / file).get(key) == study)
    except Exception:  # the file is missing, or not a YAML mapping
        return False


def _move(moves: dict[Path, Path], aside: Path) -> None:
    """Moves each new folder to its target and the existing one to `aside`; on any error all moves are undone."""
    done: list[tuple[Path, Path | None]] = []
    try:
        for number, (new, old) in enumerate(moves.items()):
            kept = aside / str(number) if old.exists() else None
            old.parent.mkdir(parents=True, exist_ok=True)
            if kept is not None:
                aside.mkdir(exist_ok=True)
                old.rename(kept)
            done.append((old, kept))
            new.rename(old)
    except BaseException:
        for old, kept in reversed(done):
            shutil.rmtree(old, ignore_errors=True)
            if kept is not None:
                kept.rename(old)
        raise


def _study_files(name: str) -> Iterator[tuple[str, Path]]:
    source = find_study(name)
    yield "study/study.yaml", source
    readme = source.parent / "README.md"
    if readme.is_file():
        yield "study/README.md", readme


def _run_files(directory: Path, checkpoints: bool) -> Iterator[tuple[str, Path]]:
    for name in RUN_FILES:
        if (directory / name).is_file() and not (directory / name).is_symlink():
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
    """Writes the archive. The index is its last member: the hashes are those of the bytes that were written."""
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


def _metrics(directory: Path) -> Any:
    """Metrics of a run; None where results.json is not readable."""
    try:
        return json.loads((directory / "results.json").read_text(encoding="utf-8"))["metrics"]
    except (ValueError, TypeError, KeyError):
        return None
