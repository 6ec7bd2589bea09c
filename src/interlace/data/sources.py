"""Original files of data sets: location on disk, and download from their official sites."""

import hashlib
import urllib.request
import zipfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from rich.progress import BarColumn, DownloadColumn, Progress, TransferSpeedColumn

from interlace.configuration.locations import cache_dir, data_folders
from interlace.configuration.suggestions import did_you_mean
from interlace.errors import UserError
from interlace.folders import whole_folder
from interlace.reading.limits import exceeded, format_limit, limit

TIMEOUT_SECONDS = 30
GITHUB = "https://raw.githubusercontent.com/"
MULTI30K_TEXTS = [
    f"{split}.{language}.gz" for split in ("train", "val", "test_2016_flickr") for language in ("de", "en", "fr")
]
FSDD_COMMIT = "26eb9aaf76e81b692f806f9140c2d2777410d7a1"


@dataclass(frozen=True)
class Source:
    """The official source of a data set: files with their checksums, or the folder `member` of a zip archive.

    A file is downloaded from a URL followed by its name, or by its path in `remote` if that differs. `tree` is the
    checksum of the folder (`tree_hash`), since the bytes of archives generated on request vary.
    """

    title: str
    licence: str
    urls: Sequence[str]
    files: Mapping[str, str] | None = None
    remote: Mapping[str, str] = field(default_factory=dict)
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
    "tinyshakespeare": Source(
        title="Tiny Shakespeare (A. Karpathy, char-rnn, 2015)",
        licence="text: public domain; repository: MIT",
        urls=(GITHUB + "karpathy/char-rnn/6f9487a6fe5b420b7ca9afb0d7c078e37c1d1b4e/data/tinyshakespeare/",),
        files={
            "input.txt": "86c4e6aa9db7c042ec79f339dcb96d42b0075e16b8fc2e86bf0ca57e2dc565ed",
        },
    ),
    "war-and-peace": Source(
        title="War and Peace (Tolstoy, tr. L. and A. Maude; Project Gutenberg 2600), split",
        licence="public domain in the US; the repository states no licence",
        urls=(GITHUB + "timbmg/RNNLM/e26dff5d8f4b5d07ee459f192ee2131923d7584f/data/",),
        files={
            "wap.test.txt": "bdf3aada8ee2f91b2988a616fa25414d846fda6855749023016954739b6689d8",
            "wap.train.txt": "8ebb39059034fd00517e25fb2d5ca1a75f37d39a156762c51f146ff988f4bd41",
            "wap.valid.txt": "f07f149651ba86619d97483c35f83841a964486328ca43e2a92877426a6d6a1e",
        },
    ),
    "wikitext-2": Source(
        title="WikiText-2, its validation and test text (Merity et al. 2016)",
        licence="CC BY-SA",
        urls=(
            GITHUB + "pytorch/examples/77f55b912142e11fcfdf5b530231fb9c52f181e8/word_language_model/data/wikitext-2/",
        ),
        files={
            "test.txt": "d790b833ef8cf03a90db7bf1271b7520b83c45ce07ba3c1a9699df81e239eca0",
            "valid.txt": "f0737ed31fc1329026e95cb8b98e19c2a182c39c240ab909dc31abf2f8af58e8",
        },
    ),
    "sst2": Source(
        title="SST-2, sentences (Socher et al. 2013)",
        licence="none stated",
        urls=(
            GITHUB + "clairett/pytorch-sentiment-classification/457ffd83de90a9d6d472d8ffc31bbffe40a8b236/data/SST2/",
        ),
        files={
            "dev.tsv": "eddea6b39e601dd4e7a672b53cc40fdf6019fa80522f351206c24340ca5d9359",
            "test.tsv": "831169c7e2e429d6026e1bdbb542f33b636e3e596caad9602ebc953c205928b7",
            "train.tsv": "ec192f833a64da08f475488a77b0d0b47db47acd0f458bd18433fc793b569920",
        },
    ),
    "squad-1.1-dev": Source(
        title="SQuAD 1.1, development set, from its explorer's pages (Rajpurkar et al. 2016)",
        licence="CC BY-SA 4.0",
        urls=(),
        files={
            "dev-v1.1.reconstructed.json": "6c5b4b0c2e7f0b28e3020f347b57c862d39b9d9871617efb96060557a9e9baf2",
        },
    ),
    "xquad": Source(
        title="XQuAD, questions in several languages (Artetxe, Ruder, Yogatama 2020)",
        licence="CC BY-SA 4.0",
        urls=(GITHUB + "google-deepmind/xquad/7d30520c717524000f0d9d2f9c10a069acd9d285/",),
        files={
            "xquad.de.json": "990b5d746746ed65ed4702ea5f35f99ffa4e2f1c390c07d003642acd937916f9",
            "xquad.en.json": "e4c57d1c9143aaa1c5d265ba5987a65f4e69528d2a98f29d6e75019b10344f29",
            "xquad.es.json": "dcbae93ec3a9f4b9e78fd834a171d6f96c1a875e10e15b7530b7e4ef4971e37e",
            "xquad.zh.json": "691d0b3359bc6b8faa8de931dfdfe21d50a65861ae348e32a0d1a0190b0c8835",
        },
    ),
    "multi30k": Source(
        title="Multi30k task 1, raw English, German and French (Elliott et al. 2016)",
        licence="none stated for the text; non-commercial research and education",
        urls=(GITHUB + "multi30k/dataset/a3d2e0d26b56f3846f66a952536ffed4e401d05a/data/task1/",),
        files={
            "image_splits/test_2016_flickr.txt": "871e8ecafc66fb13e044ecccf669d04a865b4c58553227df86b933f0337a1563",
            "image_splits/train.txt": "97ee57e160a46c7d0e75298ebf57967e1245698a6f8806436ff07e61d1a41221",
            "image_splits/val.txt": "db26f03eaf833ec47bfaea129ed053b68cbcfc5d1f9a09c4cdf7c88fbfea7108",
            "test_2016_flickr.de.gz": "9204244e408ccb38d2a55cfcd344df15005fc42a07a6e55ca6c52b6ababb8cc8",
            "test_2016_flickr.en.gz": "611d361c6334bc7246101d48097c13cf5c4413c5befc793cc629934359d532d9",
            "test_2016_flickr.fr.gz": "6d326e188d259fb1d04ac19eae3af956559b3a0b93d7635e56c90987c40c8b90",
            "train.de.gz": "726e39b2fa9eb9ffb6dc763fb35a179f80fae06ffc5d28b6ace5faa883de28a6",
            "train.en.gz": "d79cfa999dd4c51d2cb42499b6796d5a882c3a8a961923c25a898c90f8bbd56f",
            "train.fr.gz": "622e75069e9f4c577425c4f277116ce66e63a2401c0a2312d90073cb12379a3c",
            "val.de.gz": "f0cba2f995189cf5770f29a8a9a537a3ad3f51657ad873405082ff6863a5e75a",
            "val.en.gz": "14f7d25ddd868909a9213e361768460edcacdd6ab9d1e77b92560dc10c10dc28",
            "val.fr.gz": "ca3106f1a72390591d25f6c45cb4cd39dec4cd3f123e099748a3ce5256c160e9",
        },
        remote={name: f"raw/{name}" for name in MULTI30K_TEXTS},
    ),
    "dialogsum": Source(
        title="DialogSum, dialogues with summaries: development and test split (Chen et al. 2021)",
        licence="CC BY-NC-SA 4.0 (non-commercial)",
        urls=(GITHUB + "cylnlp/dialogsum/848cc8c05e0a04def79326539de827f1b28786a0/DialogSum_Data/",),
        files={
            "dialogsum.dev.jsonl": "436721e0a3571eef7072964f80e042fb151d8c6178db1a688ce8f803bbf0a13f",
            "dialogsum.test.jsonl": "6de36eca7e7b9b10975fd5ea3f47391df172d8b3c15d03d84d763cbaab015fda",
        },
    ),
    "taskmaster4": Source(
        title="Taskmaster-4, coffee orders, two of its files (Byrne, Ganesh 2024)",
        licence="CC BY 4.0",
        urls=(GITHUB + "google-research-datasets/Taskmaster/d92cb6af3005f1dc09c39e75e7daf4a04905e00b/TM-4-2024/data/",),
        files={
            "data_00.json": "d9440d1a46e6ba9f8c680a77a7dc7a42b0b3266ef555aeac6160b0d5ac37c647",
            "data_07.json": "b61f11f3c950c330049906ae249e858503ec7c905fcad5b4a7edd851ccf07bbc",
        },
    ),
    "noto-emoji-captions": Source(
        title="Noto emoji drawings with CLDR short names in five languages (Google, Unicode)",
        licence="drawings Apache-2.0; names Unicode License v3; groups MIT",
        urls=(),
        files={
            "captions.jsonl": "026a3c10904f901b8e68c8b82aec6ec904df417350340d2b999594fa8eb29211",
        },
    ),
    "tux-stamps": Source(
        title="Tux Paint stamps with sentences (B. Kendrick and contributors, release 2022-06-04)",
        licence="GPL-2",
        urls=(),
        member="stamps",
    ),
    "word-analogy": Source(
        title="Word analogies (Mikolov et al. 2013)",
        licence="Apache-2.0",
        urls=(GITHUB + "tmikolov/word2vec/20c129af10659f7c50e86e3be406df663beff438/",),
        files={
            "questions-phrases.txt": "55cfc0894d0fe6cf974d106da3e09b5fb2fa6125b6ddc633d06e298dc5aa7901",
            "questions-words.txt": "8c29b3332afc46f3fb8be04cb5297bf96f39aa7131272dff57869b4485b22a36",
        },
    ),
    "word-similarity": Source(
        title="Word similarity: WS-353, SimLex-999, MEN (eval-word-vectors)",
        licence="repository: MIT; the sets keep the terms of their authors",
        urls=(GITHUB + "mfaruqui/eval-word-vectors/94b3dd9fdbac7ed08dbee7179cd5ee464acf0594/data/word-sim/",),
        files={
            "EN-MEN-TR-3k.txt": "888b13580faa362c7b11da0a670258cf1b1eb4bf0ecbcd418918729a3bd3f43a",
            "EN-SIMLEX-999.txt": "405394ffb7d25f6d0e3c041f87c9f27d29dc6b047506769953e85c4523b11685",
            "EN-WS-353-ALL.txt": "ce12919b240af45bdf46d243601eaca2b6212b159b5e7e9b435ee7ee40c5619c",
            "EN-WS-353-REL.txt": "66a7c88100624d0a391605ff61ce84e11d11ee620d51ec0298da49592838f8fa",
            "EN-WS-353-SIM.txt": "f1da938998863c94e53f72f984a5c6e215f0b46c323aae8f0f4930703a339107",
        },
    ),
}


def locate(name: str) -> Path | None:
    """The folder of a data set in the folders of INTERLACE_DATA or in the cache; None if it is in none of them."""
    source = _source(name)
    needed = list(source.files) if source.files else [source.member]
    for folder in data_folders():
        if all((folder / name / part).exists() for part in needed):
            return folder / name
    return None


def find(name: str) -> Path:
    """The folder of a data set, downloaded if it is not on disk."""
    return locate(name) or fetch(name)


def fetch(name: str) -> Path:
    """Download a data set into the cache and verify it; returns its folder. An existing copy is kept.

    Raises UserError if no URL can be reached or if a checksum differs.
    """
    source = _source(name)
    target = cache_dir() / "data" / name
    if locate(name) == target:
        return target
    with whole_folder(target) as temporary:
        if source.files:
            for file, checksum in source.files.items():
                (temporary / file).parent.mkdir(parents=True, exist_ok=True)
                _download(name, [url + source.remote.get(file, file) for url in source.urls], temporary / file)
                _verify(name, file, _sha256(temporary / file), checksum)
        else:
            _download(name, source.urls, temporary / "archive.zip")
            _extract(temporary / "archive.zip", source.member, temporary)
            _verify(name, source.member, tree_hash(temporary / source.member), source.tree)
    return target


def tree_hash(folder: Path) -> str:
    """SHA-256 over the names and SHA-256 of the files directly in a folder, sorted by name."""
    digest = hashlib.sha256()
    for path in sorted(folder.iterdir(), key=lambda path: path.name):
        digest.update(f"{path.name} {_sha256(path)}\n".encode())
    return digest.hexdigest()


def _source(name: str) -> Source:
    if name not in SOURCES:
        raise UserError(f"{name}: no such data set to download; {did_you_mean(name, SOURCES)}")
    return SOURCES[name]


def _download(name: str, urls: Sequence[str], path: Path) -> None:
    """Download from the first URL that answers, to `path`, with a progress bar."""
    if not urls:
        raise UserError(
            f"{name}: not found in INTERLACE_DATA, and there is no address to download it from; put the data set in a "
            f"folder {name!r} and name the folder around it in INTERLACE_DATA"
        )
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
        f"{name}: not found in INTERLACE_DATA and could not be downloaded ({'; '.join(reasons)}); connect to the "
        f"network, or put the data set in a folder {name!r} and name the folder around it in INTERLACE_DATA"
    )


def _copy(read: Callable[[int], bytes], total: int, write: Callable[[bytes], object], title: str) -> None:
    columns = ("{task.description}", BarColumn(), DownloadColumn(), TransferSpeedColumn())
    with Progress(*columns, transient=True) as progress:
        task = progress.add_task(title, total=total or None)
        while block := read(1 << 16):
            write(block)
            progress.advance(task, len(block))


def _extract(archive: Path, member: str, folder: Path) -> None:
    """Extract the files of <root>/<member>/ of an archive, by their bare names."""
    (folder / member).mkdir()
    try:
        with zipfile.ZipFile(archive) as content:
            for entry in content.infolist():
                parts = Path(entry.filename).parts
                if len(parts) == 3 and parts[1] == member and not entry.is_dir():
                    if entry.file_size > limit("text_bytes"):
                        what = f"{entry.filename} decompresses to {format_limit('_bytes', entry.file_size)}"
                        raise exceeded(archive.name, what, "text_bytes", entry.file_size)
                    (folder / member / parts[2]).write_bytes(content.read(entry))
    except zipfile.BadZipFile as error:
        raise UserError(f"{archive.name}: the download is not a zip archive ({error}); try again") from None
    archive.unlink()


def _verify(name: str, file: str, found: str, expected: str) -> None:
    if found != expected:
        raise UserError(
            f"{name}: {file} was downloaded with sha256 {found}, expected {expected}; it was discarded. Try again, or "
            "put an intact copy in a folder of INTERLACE_DATA"
        )


def _sha256(path: Path) -> str:
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()
