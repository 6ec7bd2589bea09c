"""Trained language models as parents of new runs: a run directory or one in Hugging Face's layout."""

import copy
import hashlib
from functools import lru_cache
from pathlib import Path
from typing import Annotated, Any

import yaml
from pydantic import Field

from interlace.configuration.construction import constructor
from interlace.configuration.targets import RECORDED, check_recorded
from interlace.data.tokenizers import TextTokenizer
from interlace.errors import UserError
from interlace.inputs import hash_files, note
from interlace.inputs.checksums import read_verified_json, repair_hint, verified_path, verify_checkpoints
from interlace.models.base import LanguageModel
from interlace.models.ngram import NgramModel
from interlace.nn.lora import merge_lora
from interlace.reading.documents import parse_json, parse_yaml
from interlace.reading.files import read_text
from interlace.reading.tensors import load_state

NGRAM = Path("checkpoints") / "ngram"  # in a run's directory
# Files of a run that describe its weights.
OF_A_RUN = ("config.yaml", "data_state.json", "model.json", "encoders.json", "tokenizer.json")
PROGRAMS = (".pt2", ".onnx")  # suffixes of models that `interlace export` wrote as programs
WEIGHTS = ("model.safetensors", "model.safetensors.index.json", "pytorch_model.bin")


def load_parent(
    *,
    init_from: str,
    dropout: Annotated[float, Field(ge=0, lt=1)] | None,
    causal_encoder: bool | None = None,  # absent from the configurations of older runs
) -> LanguageModel:
    """Load the model of a run directory or a Hugging Face directory for further training.

    `dropout` and `causal_encoder` (of an encoder-decoder) replace the parent's; null keeps it. Raises UserError when
    there is no language model, or none with an encoder whose direction can be changed.
    """
    model = load_language_model(Path(init_from))
    given = {"dropout": dropout, "causal_encoder": causal_encoder}
    options = {name: value for name, value in given.items() if value is not None}
    if causal_encoder is not None and model.direction != "seq2seq":
        raise UserError(f"model.causal_encoder: {init_from} is no encoder-decoder ({model.direction}); leave it out")
    if not options:
        return model
    changed = type(model)(**{**model.options, **options})
    changed.load_state_dict(model.state_dict())
    return changed


def load_language_model(directory: Path) -> LanguageModel:
    """Load the language model of a run directory (its best checkpoint) or of a Hugging Face directory."""
    if is_run(directory):
        return _load_run(directory)
    if (directory / "config.json").is_file():
        from interlace.pretrained import load

        return load(directory)
    raise UserError(
        f"{directory}: contains no language model; expected the directory of a finished run (with model.json) or one "
        "with config.json and model.safetensors"
    )


def load_tokenizer(directory: str | Path) -> TextTokenizer:
    """Load the tokenizer of a trained model."""
    return TextTokenizer.load(Path(directory))


def load_with_tokenizer(directory: Path) -> tuple[Any, TextTokenizer]:
    """Load a trained language model in evaluation mode, or an n-gram model, and its tokenizer."""
    if (directory / NGRAM).is_dir():
        verify_checkpoints(directory)
        return NgramModel.load(directory / NGRAM), load_tokenizer(directory)
    return load_language_model(directory).eval(), load_tokenizer(directory)


def is_run(directory: Path) -> bool:
    """Return True if this is the directory of a run with a language model."""
    return (directory / "model.json").is_file() and (directory / "config.yaml").is_file()


def parent_hash(directory: Path) -> str:
    """Return the first 16 hex digits of the sha256 over the weight files. Raises UserError if there are none."""
    paths = weight_files(directory)
    if (directory / "config.yaml").is_file():
        note(*(directory / name for name in OF_A_RUN))
    else:
        note(directory / "config.json")
    note(*paths)
    hashes = hash_files(paths)
    unread = [name for name, digest in hashes.items() if digest is None]
    if unread:
        raise UserError(f"{unread[0]}: cannot be read; check its permissions")
    return hashlib.sha256(b"".join(bytes.fromhex(str(each)) for each in hashes.values())).hexdigest()[:16]


def weight_files(directory: Path) -> list[Path]:
    """Return the weight files of a run or of a directory in Hugging Face's layout."""
    if (folder := directory / NGRAM).is_dir():
        return sorted(path for path in folder.iterdir() if path.is_file())
    if (directory / "config.yaml").is_file():
        return [checkpoint_of(directory)]
    index = _weights(directory)
    if index.suffix != ".json":
        return [index]
    return [index, *sorted(directory.glob("*.safetensors"))]


def _load_run(directory: Path) -> LanguageModel:
    model: LanguageModel = constructor(read_config(directory, "model.json"))()
    finetuning = read_config(directory).get("finetuning")
    if finetuning is not None:
        constructor(finetuning)().apply(model)
    state = load_state(checkpoint_of(directory))
    prefix = _prefix(state)
    weights = {name.removeprefix(prefix): value for name, value in state.items() if name.startswith(prefix)}
    model.load_state_dict(weights)
    merge_lora(model)
    return model.requires_grad_(True).eval()


def _prefix(state: dict[str, Any]) -> str:
    """Return the name prefix of the language model in a checkpoint: the root, or the text encoder if fine-tuned."""
    inside = next((name for name in state if ".language_model." in name), None)
    return "model." if inside is None else inside[: inside.index(".language_model.")] + ".language_model."


def read_config(directory: Path, name: str = "config.yaml") -> dict[str, Any]:
    """Return a file of a run directory (YAML, or JSON by its suffix) as plain data."""
    text = read_text(verified_path(directory, name), "document_bytes")
    content = _parsed(text, name.endswith(".json"))
    return copy.deepcopy(check_recorded(directory / name, content) if name in RECORDED else content)


@lru_cache(maxsize=32)
def _parsed(text: str, is_json: bool) -> dict[str, Any]:
    """Parse a file's text. The result is cached, since a run with frozen encoders reads the same few files some forty
    times and the YAML parser is slow."""
    content: dict[str, Any] = parse_json(text, "JSON") if is_json else parse_yaml(text, "YAML", yaml.safe_load)
    return content


def checkpoint_of(directory: Path) -> Path:
    """Return the checkpoint of a finished run's metrics. Raises UserError if the run is unfinished or incomplete."""
    if not (directory / "results.json").is_file():
        raise UserError(f"{directory}: this run is not finished; {repair_hint(directory)}")
    results = read_verified_json(directory, "results.json")
    verify_checkpoints(directory)
    path = directory / str(results["checkpoint"])
    if path.suffix in PROGRAMS:
        raise UserError(
            f"{directory}: an exported program, which has no weights to load; open it by interlace.export.load"
        )
    if not path.is_file():
        raise UserError(f"{path}: the checkpoint is missing; {repair_hint(directory, refresh=True)}")
    return path


def _weights(directory: Path) -> Path:
    for name in WEIGHTS:
        if (directory / name).is_file():
            return directory / name
    raise UserError(f"{directory}: contains no weights; expected one of {', '.join(WEIGHTS)}")
