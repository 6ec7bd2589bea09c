"""Finding the originals of data sets, and fetching them from their official homes."""

import hashlib
import shutil
import tempfile
import urllib.request
import zipfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from rich.progress import BarColumn, DownloadColumn, Progress, TransferSpeedColumn

from interlace.configuration.locations import cache_dir, data_folders
from interlace.configuration.suggestions import did_you_mean
from interlace.errors import UserError

TIMEOUT_SECONDS = 30
FSDD_COMMIT = "26eb9aaf76e81b692f806f9140c2d2777410d7a1"


@dataclass(frozen=True)
class Source:
    """A data set's home: files with their checksums, or a zip archive whose `member` folder is wanted.

    `tree` is the checksum of that folder (`tree_hash`), since archives made on request differ from day to day.
    """

    title: str
    licence: str
    urls: Sequence[str]
    files: Mapping[str, str] | None = None
    member: str = ""
    tree: str = ""


SOURCES: dict[str, Source] = {
    "mnist": Source(
        title="MNIST handwritten digits (LeCun, Cortes, Burges 1998)",
        licence="none stated by the authors; commonly given as CC BY-SA 3.0",
        urls=("https://storage.googleapis.com/cvdf-datasets/mnist/", "https://ossci-datasets.s3.amazonaws.com/mnist/"),
        files={
            "train-images-idx3-ubyte.gz": "440fcabf73cc546fa21475e81ea370265605f56be210a4024d2ca8f203523609",
            "train-labels-idx1-ubyte.gz": "3552534a0a558bbed6aed32b30c495cca23d567ec52cac8be1a0730e8010255c",
            "t10k-images-idx3-ubyte.gz": "8d422c7b0a1c1c79245a5bcf07fe86e33eeafee792b84584aec276f5a2dbc4e6",
            "t10k-labels-idx1-ubyte.gz": "f7ae60f92e00ec6debd23a6088c31dbd2371eca3ffa0defaefb259924204aec6",
        },
    ),
    "fsdd": Source(
        title="Free Spoken Digit Dataset (Jakobovski et al.)",
        licence="CC BY-SA 4.0",
        urls=(f"https://github.com/Jakobovski/free-spoken-digit-dataset/archive/{FSDD_COMMIT}.zip",),
        member="recordings",
        tree="dbd573d7cafe79c4b49f65718115e1304e24e067fa39eff18a660dc6cb9c360f",
    ),
}


def locate(name: str) -> Path | None:
    """The folder of a data set in the folders of INTERLACE_DATA or in the cache; None when it is in none."""
    source = _source(name)
    needed = list(source.files) if source.files else [source.member]
    for folder in data_folders():
        if all((folder / name / part).exists() for part in needed):
            return folder / name
    return None


def find(name: str) -> Path:
    """The folder of a data set, fetched when it is nowhere to be found."""
    return locate(name) or fetch(name)


def fetch(name: str) -> Path:
    """Fetches a data set into the cache and checks it; returns its folder. What is already there is kept.

    Raises UserError when no home can be reached or when what came has another checksum.
    """
    source = _source(name)
    target = cache_dir() / "data" / name
    if locate(name) == target:
        return target
    target.parent.mkdir(parents=True, exist_ok=True)
    temporary = Path(tempfile.mkdtemp(prefix=f"{name}.tmp-", dir=target.parent))
    try:
        if source.files:
            for file, checksum in source.files.items():
                _download(name, [url + file for url in source.urls], temporary / file)
                _verify(name, file, _sha256(temporary / file), checksum)
        else:
            _download(name, source.urls, temporary / "archive.zip")
            _unpack(temporary / "archive.zip", source.member, temporary)
            _verify(name, source.member, tree_hash(temporary / source.member), source.tree)
        shutil.rmtree(target, ignore_errors=True)
        temporary.rename(target)
    finally:
        shutil.rmtree(temporary, ignore_errors=True)
    return target


def tree_hash(folder: Path) -> str:
    """sha256 over the names and sha256 of the files directly in a folder, sorted by name."""
    digest = hashlib.sha256()
    for path in sorted(folder.iterdir(), key=lambda path: path.name):
        digest.update(f"{path.name} {_sha256(path)}\n".encode())
    return digest.hexdigest()


def _source(name: str) -> Source:
    if name not in SOURCES:
        raise UserError(f"{name}: no such data set to fetch; {did_you_mean(name, SOURCES)}")
    return SOURCES[name]


def _download(name: str, urls: Sequence[str], path: Path) -> None:
    """The first address that answers, written to `path` with a progress bar."""
    reasons = []
    for url in urls:
        try:
            with urllib.request.urlopen(url, timeout=TIMEOUT_SECONDS) as response, path.open("wb") as stream:
                _copy(response.read, int(response.headers.get("Content-Length") or 0), stream.write, path.name)
            return
        except (OSError, ValueError) as error:  # URLError and timeouts are OSErrors
            reason = getattr(error, "reason", error)
            reasons.append(f"{url}: {reason}")
    raise UserError(
        f"{name}: not found in INTERLACE_DATA and could not be fetched ({'; '.join(reasons)}); connect to the network, "
        f"or put the data set in a folder {name!r} and name the folder around it in INTERLACE_DATA"
    )


def _copy(read: Callable[[int], bytes], total: int, write: Callable[[bytes], object], title: str) -> None:
    columns = ("{task.description}", BarColumn(), DownloadColumn(), TransferSpeedColumn())
    with Progress(*columns, transient=True) as progress:
        task = progress.add_task(title, total=total or None)
        while block := read(1 << 16):
            write(block)
            progress.advance(task, len(block))


def _unpack(archive: Path, member: str, folder: Path) -> None:
    """Files of the archive's <root>/<member>/, by their bare names."""
    (folder / member).mkdir()
    try:
        with zipfile.ZipFile(archive) as content:
            for entry in content.infolist():
                parts = Path(entry.filename).parts
                if len(parts) == 3 and parts[1] == member and not entry.is_dir():
                    (folder / member / parts[2]).write_bytes(content.read(entry))
    except zipfile.BadZipFile as error:
        raise UserError(f"{archive.name}: what was fetched is not a zip archive ({error}); try again") from None
    archive.unlink()


def _verify(name: str, file: str, found: str, expected: str) -> None:
    if found != expected:
        raise UserError(
            f"{name}: {file} came with sha256 {found}, expected {expected}; nothing was kept. Try again, or put a "
            "sound copy in a folder of INTERLACE_DATA"
        )


def _sha256(path: Path) -> str:
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()
