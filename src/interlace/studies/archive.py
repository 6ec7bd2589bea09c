"""Safe reading of a bundle from an untrusted source: all its content is checked before any file is unpacked."""

import hashlib
import json
import tarfile
import zlib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from gzip import GzipFile
from pathlib import Path, PurePosixPath
from typing import Annotated, Any, BinaryIO, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from interlace.configuration.naming import Name, alike, problem_with_name
from interlace.errors import UserError
from interlace.tracking.storage import naming

FORMAT = 1
INDEX = "bundle.json"
MAX_FILES = 100_000
MAX_NAME_BYTES = 255  # of each part of a path
MAX_INDEX_BYTES = 64 * 2**20
MAX_READ_BYTES = 2**20  # of one read for a header; headers that `interlace bundle` writes have 512 bytes
MAX_GIGABYTES = 64.0  # of all files together; the default of --most-gigabytes
STUDY_FILES = frozenset({"study.yaml", "README.md"})
TOP_FILES = frozenset({"requirements.lock", "packages.json"})
RUN_FILES = (
    "config.yaml", "overrides.yaml", "manifest.json", "inputs.json", "files.json", "diff.patch", "status.json",
    "results.json", "metrics.jsonl", "predictions.parquet", "predictions.jsonl", "scores.json", "model.json",
    "encoders.json", "tokenizer.json", "tokenizer_config.json", "special_tokens_map.json", "data_description.json",
    "data_state.json", "analysis.json", "calibration.json", "train.log", "ranking.trec",
)  # fmt: skip
RUN_FOLDERS = ("analysis", "examples")


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)


class IndexedFile(_Part):
    """An entry of the index for a file: SHA-256 and size in bytes."""

    sha256: Annotated[str, Field(pattern="^[0-9a-f]{64}$")]
    bytes: Annotated[int, Field(ge=0)]


class Counts(_Part):
    """Numbers of planned and of finished runs."""

    planned: Annotated[int, Field(ge=0)]
    finished: Annotated[int, Field(ge=0)]


class Index(_Part):
    """The content of bundle.json."""

    format: Literal[1]
    study: Name
    code: Annotated[str, Field(max_length=100)]
    runs: Counts
    files: Annotated[dict[str, IndexedFile], Field(max_length=MAX_FILES)]


def extract(path: Path, folder: Path, most_gigabytes: float, free: int) -> Index:
    """Unpacks the files of a bundle into `folder`, which is empty, and returns its index.

    First all headers are read. The archive may hold only regular files; each must be listed in the index with its size
    and have a path that bundles use; together they may have at most `most_gigabytes` and `free` bytes. Then the files
    are written and compared with the hashes of the index. Raises UserError for any other archive.
    """
    limit = int(most_gigabytes * 1e9)
    with _opened(path, limit) as (archive, stream):
        members = _members(path, archive)
        stream.forward_only = False
        index = _index(path, archive, members.pop(INDEX, None))
        _compare(path, index, members)
        total = sum(member.size for member in members.values())
        if total > min(limit, free):
            raise UserError(
                f"{path}: its files have {total:,} bytes; {free:,} are free on the disk and {limit:,} may be unpacked "
                "(--most-gigabytes)"
            )
        for name, member in members.items():
            _write(path, archive, member, folder / name, index.files[name])
    return index


@contextmanager
def _opened(path: Path, limit: int) -> Iterator[tuple[tarfile.TarFile, "_Bounded"]]:
    if not path.is_file():
        raise UserError(f"{path}: no such file; expected an archive that `interlace bundle` wrote")
    try:
        with path.open("rb") as raw, GzipFile(fileobj=raw) as unzipped:
            most = limit + MAX_INDEX_BYTES + MAX_FILES * 4 * tarfile.BLOCKSIZE
            stream = _Bounded(unzipped, most)
            with tarfile.open(fileobj=stream, mode="r:") as archive:  # type: ignore[call-overload]
                yield archive, stream
    except (OSError, EOFError, zlib.error, tarfile.TarError, ValueError, RecursionError) as error:
        raise UserError(f"{path}: not a whole bundle ({_clause(error)}); copy it again") from None


class _Bounded:
    """A stream with limits on its length and on each read: a tar header can claim any size."""

    def __init__(self, stream: GzipFile, most: int) -> None:
        self.stream, self.most = stream, most
        self.forward_only = (
            True  # while headers are read: a negative size would seek back to an earlier header, endlessly
        )

    def read(self, size: int = -1) -> bytes:
        """As `read` of a file; ValueError for a size beyond the limit."""
        if not 0 <= size <= MAX_READ_BYTES:
            raise ValueError("a header claims an impossible size")
        return self.stream.read(size)

    def seek(self, position: int) -> int:
        """As `seek` of a file; ValueError beyond the limit, and for seeking back while headers are read."""
        if self.forward_only and position < self.stream.tell() - 1:
            raise ValueError("a header points backwards")
        if position > self.most:
            raise ValueError(f"it has more than {self.most:,} bytes when unpacked")
        return self.stream.seek(position)

    def tell(self) -> int:
        """As `tell` of a file."""
        return self.stream.tell()


def _members(path: Path, archive: tarfile.TarFile) -> dict[str, tarfile.TarInfo]:
    """The regular files of the archive by name, in its order; UserError for anything else in it."""
    found: dict[str, tarfile.TarInfo] = {}
    for member in archive:
        name = _shown(member.name)
        if member.type not in (tarfile.REGTYPE, tarfile.AREGTYPE) or member.issparse():
            raise UserError(f"{path}: {name} is not a regular file; a bundle has no links, folders or devices")
        if member.name in found:
            raise UserError(f"{path}: it contains {name} twice")
        if len(found) > MAX_FILES:
            raise UserError(f"{path}: it has more than {MAX_FILES:,} files")
        found[member.name] = member
    return found


def _index(path: Path, archive: tarfile.TarFile, member: tarfile.TarInfo | None) -> Index:
    if member is None:
        raise UserError(f"{path}: it has no {INDEX}; expected an archive that `interlace bundle` wrote")
    if member.size > MAX_INDEX_BYTES:
        raise UserError(f"{path}: its {INDEX} has {member.size:,} bytes; expected at most {MAX_INDEX_BYTES:,}")
    content = b"".join(_chunks(archive, member))
    try:
        plain: Any = json.loads(content.decode("utf-8"))
    except (ValueError, RecursionError):
        raise UserError(f"{path}: its {INDEX} is not JSON; make the bundle again") from None
    if isinstance(plain, dict) and plain.get("format") != FORMAT:
        raise UserError(f"{path}: bundle of format {_shown(plain.get('format'))}; this version reads format {FORMAT}")
    try:
        return Index.model_validate(plain)
    except ValidationError as error:
        detail = error.errors(include_url=False)[0]
        where = _shown(".".join(str(part) for part in detail["loc"]))
        what = _shown(str(detail["msg"]).removeprefix("Value error, "), 300)
        raise UserError(f"{path}: {INDEX}, {where}: got {_shown(detail['input'])}; {what}") from None


def _compare(path: Path, index: Index, members: Mapping[str, tarfile.TarInfo]) -> None:
    """Raises UserError unless the archive holds exactly the files of its index, each at a permitted path."""
    for name, listed in index.files.items():
        if (problem := _misplaced(name)) is not None:
            raise UserError(f"{path}: {_shown(name)} is in its index, {problem}")
        if name not in members:
            raise UserError(f"{path}: {name} is missing from it; make the bundle again")
        if members[name].size != listed.bytes:
            raise UserError(f"{path}: {name} has {members[name].size:,} bytes, and its index says {listed.bytes:,}")
    if unlisted := next((name for name in members if name not in index.files), None):
        raise UserError(f"{path}: it contains {_shown(unlisted)}, which its index does not list")
    folders = {str(parent) for name in index.files for parent in PurePosixPath(name).parents}
    if both := next((name for name in index.files if name in folders), None):
        raise UserError(f"{path}: {both} is both a file and a folder in it")
    if pair := alike([*index.files, *folders]):
        raise UserError(f"{path}: {pair[0]} and {pair[1]} differ in case alone, and would be one file on some disks")
    if "study/study.yaml" not in index.files:
        raise UserError(f"{path}: it has no study/study.yaml; make the bundle again")


def _misplaced(name: str) -> str | None:
    """The reason why a bundle may not hold a file of this name; None where it may."""
    parts = name.split("/")
    for part in parts:
        if (problem := problem_with_name(part, MAX_NAME_BYTES)) is not None:
            return f"and {_shown(part)} is not a valid name: {problem}"
    top, *inner = parts
    fits = (
        (not inner and top in TOP_FILES)
        or (top == "study" and len(inner) == 1 and inner[0] in STUDY_FILES)
        or (top == "report" and len(inner) >= 1)
        or (top == "runs" and len(inner) == 3 and inner[2] in RUN_FILES)
        or (top == "runs" and len(inner) >= 4 and inner[2] in (*RUN_FOLDERS, "checkpoints"))
    )
    return None if fits else "which is not a path that bundles use"


def _write(path: Path, archive: tarfile.TarFile, member: tarfile.TarInfo, target: Path, listed: IndexedFile) -> None:
    digest = hashlib.sha256()
    with naming(target):
        target.parent.mkdir(parents=True, exist_ok=True)
    with naming(target), target.open("xb") as stream:
        for chunk in _chunks(archive, member):
            digest.update(chunk)
            stream.write(chunk)
    if digest.hexdigest() != listed.sha256:
        raise UserError(
            f"{path}: {member.name} is damaged (its SHA-256 differs from the index); copy the archive again"
        )


def _chunks(archive: tarfile.TarFile, member: tarfile.TarInfo) -> Iterator[bytes]:
    stream: BinaryIO | None = archive.extractfile(member)  # type: ignore[assignment]
    assert stream is not None, "a regular file"
    while chunk := stream.read(2**16):
        yield chunk


def _clause(error: BaseException) -> str:
    return _shown(str(error).splitlines()[0] if str(error) else type(error).__name__, 200).strip("'\"")


def _shown(value: object, most: int = 80) -> str:
    text = repr(value)
    return text if len(text) <= most else f"{text[:most]}..."
