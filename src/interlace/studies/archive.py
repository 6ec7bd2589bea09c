"""Reading a bundle that somebody else made: nothing is unpacked before all that it holds is known and accepted."""

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
MOST_FILES = 100_000
MOST_OF_A_PART = 255  # bytes of a part of a path
MOST_OF_INDEX = 64 * 2**20  # bytes
MOST_AT_ONCE = 2**20  # bytes that a header may ask for; those that `interlace bundle` writes have 512
MOST_GIGABYTES = 64.0  # of all files, unless the user says otherwise
STUDY_FILES = frozenset({"study.yaml", "README.md"})
TOP_FILES = frozenset({"requirements.lock", "packages.json"})
RUN_FILES = (
    "config.yaml", "overrides.yaml", "manifest.json", "inputs.json", "files.json", "diff.patch", "status.json",
    "results.json", "metrics.jsonl", "predictions.parquet", "predictions.jsonl", "scores.json", "model.json",
    "encoders.json", "tokenizer.json", "tokenizer_config.json", "special_tokens_map.json", "data_description.json",
    "data_state.json", "analysis.json", "train.log",
)  # fmt: skip
RUN_FOLDERS = ("analysis", "examples")


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)


class IndexedFile(_Part):
    """A file as the index tells it."""

    sha256: Annotated[str, Field(pattern="^[0-9a-f]{64}$")]
    bytes: Annotated[int, Field(ge=0)]


class Counts(_Part):
    """Numbers of planned and of finished runs."""

    planned: Annotated[int, Field(ge=0)]
    finished: Annotated[int, Field(ge=0)]


class Index(_Part):
    """bundle.json"""

    format: Literal[1]
    study: Name
    code: Annotated[str, Field(max_length=100)]
    runs: Counts
    files: Annotated[dict[str, IndexedFile], Field(max_length=MOST_FILES)]


def extract(path: Path, folder: Path, most_gigabytes: float, free: int) -> Index:
    """Unpacks the files of a bundle below `folder`, an empty one, and returns its index.

    First the archive is read through: it may hold regular files alone, each of them listed in its index with its size
    and in a place where bundles have files, of at most `most_gigabytes` in all and no more than the `free` bytes. Then
    they are written, and compared with the hashes of the index. UserError, one sentence, for anything else.
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
                f"{path}: its files have {total:,} bytes; {free:,} are free there and {limit:,} may be unpacked "
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
            most = limit + MOST_OF_INDEX + MOST_FILES * 4 * tarfile.BLOCKSIZE
            stream = _Bounded(unzipped, most)
            with tarfile.open(fileobj=stream, mode="r:") as archive:  # type: ignore[call-overload]
                yield archive, stream
    except (OSError, EOFError, zlib.error, tarfile.TarError, ValueError, RecursionError) as error:
        raise UserError(f"{path}: not a whole bundle ({_clause(error)}); copy it again") from None


class _Bounded:
    """A stream of which no more than so many bytes are read, and not many at once: tar headers name sizes too."""

    def __init__(self, stream: GzipFile, most: int) -> None:
        self.stream, self.most = stream, most
        self.forward_only = True  # while headers are read: a negative size would lead back to one read before

    def read(self, size: int = -1) -> bytes:
        """As a file's; ValueError beyond the bounds."""
        if not 0 <= size <= MOST_AT_ONCE:
            raise ValueError("a header asks for more than headers have")
        return self.stream.read(size)

    def seek(self, position: int) -> int:
        """As a file's; ValueError beyond the bounds."""
        if self.forward_only and position < self.stream.tell() - 1:
            raise ValueError("a header leads back")
        if position > self.most:
            raise ValueError(f"it has more than {self.most:,} bytes when unpacked")
        return self.stream.seek(position)

    def tell(self) -> int:
        """As a file's."""
        return self.stream.tell()


def _members(path: Path, archive: tarfile.TarFile) -> dict[str, tarfile.TarInfo]:
    """The regular files of the archive by name, in its order; UserError for anything else in it."""
    found: dict[str, tarfile.TarInfo] = {}
    for member in archive:
        name = _shown(member.name)
        if member.type not in (tarfile.REGTYPE, tarfile.AREGTYPE) or member.issparse():
            raise UserError(f"{path}: {name} is no regular file; a bundle has no links, folders or devices")
        if member.name in found:
            raise UserError(f"{path}: {name} is in it twice")
        if len(found) > MOST_FILES:
            raise UserError(f"{path}: it has more than {MOST_FILES:,} files")
        found[member.name] = member
    return found


def _index(path: Path, archive: tarfile.TarFile, member: tarfile.TarInfo | None) -> Index:
    if member is None:
        raise UserError(f"{path}: it has no {INDEX}; expected an archive that `interlace bundle` wrote")
    if member.size > MOST_OF_INDEX:
        raise UserError(f"{path}: its {INDEX} has {member.size:,} bytes; expected at most {MOST_OF_INDEX:,}")
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
    """UserError unless the archive holds what the index lists, each file in its place."""
    for name, listed in index.files.items():
        if (problem := _misplaced(name)) is not None:
            raise UserError(f"{path}: {_shown(name)} is in its index, {problem}")
        if name not in members:
            raise UserError(f"{path}: {name} is missing from it; make the bundle again")
        if members[name].size != listed.bytes:
            raise UserError(
                f"{path}: {name} has {members[name].size:,} bytes and not the {listed.bytes:,} of its index"
            )
    if unlisted := next((name for name in members if name not in index.files), None):
        raise UserError(f"{path}: {_shown(unlisted)} is in it and not in its index; a bundle has only what it lists")
    folders = {str(parent) for name in index.files for parent in PurePosixPath(name).parents}
    if both := next((name for name in index.files if name in folders), None):
        raise UserError(f"{path}: {both} is a file and a folder in it")
    if pair := alike([*index.files, *folders]):
        raise UserError(
            f"{path}: {pair[0]} and {pair[1]} differ in capitals alone, and would be one file on some disks"
        )
    if "study/study.yaml" not in index.files:
        raise UserError(f"{path}: it has no study/study.yaml; make the bundle again")


def _misplaced(name: str) -> str | None:
    """The reason why a bundle may not hold a file of this name; None where it may."""
    parts = name.split("/")
    for part in parts:
        if (problem := problem_with_name(part, MOST_OF_A_PART)) is not None:
            return f"and {_shown(part)} is no name: {problem}"
    top, *inner = parts
    fits = (
        (not inner and top in TOP_FILES)
        or (top == "study" and len(inner) == 1 and inner[0] in STUDY_FILES)
        or (top == "report" and len(inner) >= 1)
        or (top == "runs" and len(inner) == 3 and inner[2] in RUN_FILES)
        or (top == "runs" and len(inner) >= 4 and inner[2] in (*RUN_FOLDERS, "checkpoints"))
    )
    return None if fits else "which is no place where a bundle has files"


def _write(path: Path, archive: tarfile.TarFile, member: tarfile.TarInfo, target: Path, listed: IndexedFile) -> None:
    digest = hashlib.sha256()
    with naming(target):
        target.parent.mkdir(parents=True, exist_ok=True)
    with naming(target), target.open("xb") as stream:
        for chunk in _chunks(archive, member):
            digest.update(chunk)
            stream.write(chunk)
    if digest.hexdigest() != listed.sha256:
        raise UserError(f"{path}: {member.name} is not what was bundled (its SHA-256 differs); copy the archive again")


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
