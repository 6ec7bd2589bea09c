"""Outside files are opened in `interlace.reading` alone; the places that read our own are named, with the reason."""

import ast
from functools import cache
from pathlib import Path

import interlace

ROOT = Path(interlace.__file__).parent
OPENERS = {
    "np.load", "Image.open", "soundfile.read", "soundfile.info", "soundfile.SoundFile", "json.load", "gzip.open",
    "gzip.decompress", "gzip.GzipFile", "zstandard.ZstdDecompressor", "yaml.safe_load", "yaml.load", "yaml.full_load",
    "OmegaConf.load", "zipfile.ZipFile", "tarfile.open", "torch.load", "pickle.load", "pickle.loads", "pd.read_csv",
    "pd.read_parquet", "pq.ParquetFile", "pq.read_table", "pyarrow.parquet.ParquetFile", "Tokenizer.from_file",
    "pa.ipc.open_stream", "pa.ipc.open_file", "pa.memory_map",
    "av.open", "safe_open", "np.fromfile", "np.genfromtxt", "np.loadtxt", "ET.parse", "csv.reader", "open",
    "sqlite3.connect",
}  # fmt: skip
# The bounded reader that stands before the call, or whose file it is.
ALLOWED = {
    ("data/images.py", "Image.open"): "require_regular, formats by content, pixels (of tiles as well) on the header",
    ("data/audio.py", "soundfile.SoundFile"): "require_regular, rate, channels and seconds on the header",
    ("data/text_classification/reading.py", "csv.reader"): "of a text that read_text bounds",
    ("pretrained/weights.py", "safe_open"): "require_regular; the library checks its header against the file",
    ("tracking/recovery.py", "zipfile.ZipFile"): "check_archive",
    ("tracking/files.py", "OmegaConf.load"): "of a text that read_yaml bounds",
    ("studies/verbs.py", "pd.read_csv"): "of bytes that read_bytes bounds",
    ("report/setup.py", "yaml.load"): "of a text that read_yaml bounds",
    ("report/recorded.py", "pd.read_csv"): "of bytes that read_bytes bounds",
    ("studies/wandb_report.py", "pd.read_csv"): "the table that this process wrote",
    ("data/sources.py", "zipfile.ZipFile"): "members are bounded, and the checksums of the archive are ours",
    ("data/word_vector_files.py", "gzip.open"): "writes",
    ("data/cache.py", "np.load"): "our own cache, mapped",
    ("data/corpus/datamodule.py", "pickle.load"): "a temporary file of this process",
    ("data/tokenizers/training.py", "pickle.load"): "a temporary file of this process",
    ("data/av_digits/originals.py", "soundfile.read"): "a pinned data set",
    ("configuration/compose.py", "OmegaConf.load"): "our conf",
    ("studies/archive.py", "tarfile.open"): "bounds what it unpacks itself",
    ("studies/bundle.py", "tarfile.open"): "writes",
    ("configuration/targets.py", "yaml.load"): "our conf, and that of packages whose code the user runs",
    ("cli/application.py", "open"): "writes, to a terminal",
    ("cli/completion.py", "yaml.load"): "of a text that read_yaml bounds",
    ("inputs/hashing.py", "sqlite3.connect"): "our own cache",
    ("judging/store.py", "sqlite3.connect"): "require_regular, bytes, and its own tables alone: no views and triggers",
    ("tracking/monitoring.py", "torch.load"): "the checkpoint that this process wrote",
}
ROOMS_APART = ("reading/", "bench/")  # the room itself; the benchmarks, whose files are their own


@cache
def _modules():
    found = []
    for path in sorted(ROOT.rglob("*.py")):
        name = path.relative_to(ROOT).as_posix()
        if not name.startswith(ROOMS_APART):
            found.append((name, ast.parse(path.read_text(encoding="utf-8"))))
    return found


LAST = {name.rpartition(".")[2] for name in OPENERS}


def _last(function: ast.expr) -> str:
    return function.attr if isinstance(function, ast.Attribute) else getattr(function, "id", "")


def _called(node: ast.Call) -> str:
    return ast.unparse(node.func)


def test_no_module_opens_files_from_outside_past_the_room() -> None:
    found = {
        (name, _called(node))
        for name, tree in _modules()
        for node in ast.walk(tree)
        if isinstance(node, ast.Call) and _last(node.func) in LAST and _called(node) in OPENERS
    }
    unknown = sorted(found - set(ALLOWED))
    assert not unknown, "read them through interlace.reading, or say here why the file is our own"


# Files of the system and of our conf.
SYSTEM = ("Path('/proc/", "STATUS.read_text")


def test_lines_of_files_end_at_line_feeds_alone() -> None:
    """`str.splitlines` cuts at U+2028, form feeds and more, which stand inside JSON strings and texts."""
    cut = [
        f"{name}:{node.lineno}"
        for name, tree in _modules()
        for node in ast.walk(tree)
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr == "splitlines"
        if any(
            isinstance(inner, ast.Call) and isinstance(inner.func, ast.Attribute)
            and inner.func.attr in ("read_text", "read_bytes", "decode", "read")
            for inner in ast.walk(node.func.value)
        ) and not ast.unparse(node).startswith(SYSTEM)
    ]  # fmt: skip
    assert not cut
