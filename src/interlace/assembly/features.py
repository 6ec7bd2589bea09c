"""Cache of the tokens of frozen encoders, computed once per data set and weights."""

import copy
import dataclasses
import hashlib
import json
import os
from collections.abc import Callable, Iterator, Mapping
from functools import cache, partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from lightning_fabric.utilities import move_data_to_device
from torch import nn

from interlace.assembly.components import constructor
from interlace.configuration.checking import resolve_target
from interlace.configuration.compose import TRAINED_ENCODER
from interlace.configuration.locations import cache_dir
from interlace.configuration.plugins import described
from interlace.configuration.targets import plugins_of
from interlace.data.arrays import RawArray, TokenArray
from interlace.data.cache import cached_arrays, cached_bytes, is_cached, source_hash
from interlace.data.datamodule import DataModule
from interlace.data.split import Split
from interlace.encoders.freezing import encode_frozen, padded_width
from interlace.encoders.question_aware import QuestionAwareLSTM
from interlace.encoders.trained import encoder_node, modality_in, resolved
from interlace.encoders.word_vectors import TextWordVectors
from interlace.inputs import hash_files, note
from interlace.optim.finetuning import FrozenEncoders
from interlace.pretrained.parents import parent_hash
from interlace.reading.limits import VARIABLE, format_limit, limit
from interlace.tasks.supervised import MultimodalModel
from interlace.tokens import ModalitySpec

Config = Mapping[str, Any]
Encode = Callable[[RawArray, np.ndarray], tuple[np.ndarray, np.ndarray]]  # rows of an array -> x, mask
ROOMS = ("encoders", "nn", "models", "pretrained")  # packages whose code determines the output of an encoder
PREFIX, LIMIT = "tokens-", "token_cache_bytes"  # prefix of the folders in the cache, and the limit of their total size
BATCH = 256
FULL_PRECISION = ("32-true", "bf16-mixed", "16-mixed")  # frozen encoders are not cast in mixed precision


def frozen_by(config: Config) -> FrozenEncoders | None:
    """Return the encoders that a configuration freezes; None if all are trained."""
    node = config.get("finetuning")
    frozen: FrozenEncoders | None = None if node is None else constructor(node)().frozen_encoders
    return frozen


def frozen_encoders(config: Config, specs: Mapping[str, ModalitySpec]) -> dict[str, int | None]:
    """Return the modalities with frozen encoders, and the width that their sequences are padded to (`padded_width`)."""
    frozen = frozen_by(config)
    return {} if frozen is None else {name: padded_width(specs[name]) for name in frozen.names(specs)}


def why_not_cached(config: Config, splits: Mapping[str, Split]) -> str | None:
    """Return the reason why cached tokens would differ from those of a run without cache; None if they are the same.

    Examples that change between epochs (augmentation, `missing_data.redraw`) cannot be cached.
    """
    for section in ("text_augmentation", "media_augmentation"):
        if config.get(section) is not None:
            return f"{section} makes new examples"
    for name, split in splits.items():
        if hasattr(split, "set_epoch") and getattr(split, "redraw", True):
            return f"the {name} examples are changed from epoch to epoch"
    precision = config["trainer"]["precision"]
    if precision not in FULL_PRECISION:
        return (
            f"they are stored in float32, and trainer.precision={precision} computes others (not "
            f"{', '.join(FULL_PRECISION)})"
        )
    return None


def with_cached_features(
    config: Config, data: DataModule, model: MultimodalModel, splits: Mapping[str, Split], remarks: list[str]
) -> dict[str, Split]:
    """Return the splits with tokens in place of the inputs of the model's frozen encoders.

    With finetuning.cache=auto, modalities whose tokens would exceed the limit of the cache are not changed; a sentence
    is added to `remarks`.
    """
    frozen, device = frozen_by(config), device_of(config)
    changed = {name: copy.copy(split) for name, split in splits.items()}
    for name, encoder in zip(model.names, model.encoders, strict=True):
        if name not in model.frozen:
            continue
        spec = data.modalities[name]
        arrays = {split: _recorded(each, name) for split, each in splits.items()}
        key = _key(config, data, name, encoder, splits)
        made = _Tokens(f"{PREFIX}{key['modality_hash']}", key, encoder, arrays, padded_width(spec), device)
        if frozen is not None and frozen.cache == "auto" and (reason := made.why_too_large()):
            remarks.append(f"finetuning: tokens of {name!r} are computed for each batch, as {reason}")
            continue
        for split, tokens in made.cached().items():
            changed[split] = changed[split].encoded({name: TokenArray(*tokens, is_sequence=spec.kind != "image")})
    return changed


def device_of(config: Config) -> torch.device:
    """Return the device of a run."""
    wanted = config["trainer"]["accelerator"] != "cpu" and torch.cuda.is_available()
    return torch.device("cuda" if wanted else "cpu")


def spelled_out(config: Config, specs: Mapping[str, ModalitySpec], encoders: Mapping[str, nn.Module]) -> dict[str, Any]:
    """Return the components that rebuild the encoders without their sources, if one of them comes from another run or
    from a file of word vectors; else an empty mapping."""
    nodes = {name: encoder_node(config, name, spec.kind) for name, spec in specs.items()}
    if not any(node["_target_"] == TRAINED_ENCODER or vectors_file(node) for node in nodes.values()):
        return {}
    spelled = {}
    for name, node in nodes.items():
        encoder = encoders[name]
        if isinstance(encoder, TextWordVectors | QuestionAwareLSTM) and vectors_file(node):
            spelled[name] = encoder.without_file()
        else:
            spelled[name] = resolved(node, specs[name])
    return spelled


def vectors_file(node: Mapping[str, Any]) -> str | None:
    """Return the file of word vectors of an encoder's component, or None."""
    return node["path"] if resolve_target("encoder", node) in (TextWordVectors, QuestionAwareLSTM) else None


def encoder_parents(config: Config, specs: Mapping[str, ModalitySpec]) -> dict[str, str]:
    """Return the content hash of the encoders' initial weights, by directory of the run or file of word vectors."""
    starts, files = [], []
    for name, spec in specs.items():
        node = encoder_node(config, name, spec.kind)
        if (file := vectors_file(node)) and Path(file).is_file():  # an absent file is refused where it is read
            files.append(file)
        if node["_target_"] == TRAINED_ENCODER:
            modality_in(Path(node["init_from"]), spec.kind, node["modality"])  # checks the run
            starts.append(node["init_from"])
    hashes = {start: parent_hash(Path(start)) for start in dict.fromkeys(starts)}
    note(*files)
    contents = hash_files(files)
    return hashes | {file: str(contents[os.path.abspath(file)])[:16] for file in files}


@dataclasses.dataclass(frozen=True)
class _Tokens:
    """Tokens of the arrays of each split by one encoder, cached under a name and a key."""

    name: str
    key: Mapping[str, Any]
    encoder: nn.Module
    arrays: Mapping[str, RawArray]
    width: int | None
    device: torch.device

    def cached(self) -> dict[str, tuple[np.ndarray, np.ndarray]]:
        """Return x and mask of each split from the cache; the first process computes them."""

        def build(folder: Path) -> dict[str, Any]:
            encode = self._encode()
            return {split: _write(folder, split, encode, array) for split, array in self.arrays.items()}

        found, _ = cached_arrays(self.name, self.key, build)
        return {split: (found[f"{split}_x"], found[f"{split}_mask"]) for split in self.arrays}

    def why_too_large(self) -> str | None:
        """Return the reason not to cache the tokens, if they are not cached and would exceed the limit; else None."""
        if is_cached(self.name, self.key):
            return None
        encode, held, bound = self._encode(), cached_bytes(PREFIX), limit(LIMIT)
        wanted = sum(_num_bytes(_shape(encode, array)) for array in self.arrays.values())
        if held + wanted <= bound:
            return None
        enough, folder = format_limit(LIMIT, held + wanted), cache_dir() / "arrays"
        return (
            f"they would take {wanted / 1e9:,.3g} GB beside the {held / 1e9:,.3g} GB of tokens in {folder}, "
            f"more than {format_limit(LIMIT, bound)}; keep them with {VARIABLE}={LIMIT}={enough} or "
            f"finetuning.cache=true, or delete {PREFIX}* there"
        )

    def _encode(self) -> Encode:
        moved = copy.deepcopy(self.encoder).to(self.device).eval()
        return partial(_encode, moved, self.width, self.device)


def _shape(encode: Encode, array: RawArray) -> tuple[int, int, int]:
    """Return (N, T, D) of the tokens of an array; T and D are those of its longest example."""
    rows = len(array.length)
    longest = int(array.length.argmax()) if rows else 0
    x, _ = encode(array, np.arange(longest, longest + min(rows, 1)))
    return rows, x.shape[1], x.shape[2]


def _num_bytes(shape: tuple[int, int, int]) -> int:
    """Return the bytes of tokens in float32 and of their mask."""
    rows, tokens, dim = shape
    return rows * tokens * (4 * dim + 1)


def _write(folder: Path, split: str, encode: Encode, array: RawArray) -> list[int]:
    """Encode the rows of an array in batches into two .npy files; return the shape (N, T, D).

    The files are written sequentially, not through a memory map, where a full disk would raise SIGBUS.
    """
    shape = _shape(encode, array)
    rows = shape[0]
    with (folder / f"{split}_x.npy").open("wb") as xs, (folder / f"{split}_mask.npy").open("wb") as masks:
        for stream, dims, kind in ((xs, shape, np.float32), (masks, shape[:2], np.bool_)):
            header = {"descr": np.dtype(kind).str, "fortran_order": False, "shape": dims}
            np.lib.format.write_array_header_1_0(stream, header)
        for start in range(0, rows, BATCH):
            x, mask = encode(array, np.arange(start, min(start + BATCH, rows)))
            missing = shape[1] - x.shape[1]  # a batch has the length of its longest example
            xs.write(np.pad(x, ((0, 0), (0, missing), (0, 0))).tobytes())
            masks.write(np.pad(mask, ((0, 0), (0, missing))).tobytes())
    return list(shape)


def _encode(
    encoder: nn.Module, width: int | None, device: torch.device, array: RawArray, rows: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    raw = array.gather(rows, trim=False)
    tokens = encode_frozen(encoder, move_data_to_device(raw, device), width)
    return tokens.x.float().cpu().numpy(), tokens.mask.cpu().numpy()


def _key(
    config: Config, data: DataModule, name: str, encoder: nn.Module, splits: Mapping[str, Split]
) -> dict[str, Any]:
    """Return the cache key of tokens: examples, weights and options of the encoder, code and precision."""
    spec = data.modalities[name]
    own = {"modality": name, "kind": spec.kind}
    node = encoder_node(config, name, spec.kind)
    return {
        **own,
        "modality_hash": hashlib.sha256(name.encode()).hexdigest()[:8],  # names may not be valid in file names
        "data": data.fingerprint,
        "examples": {split: _rows_hash(each, name) for split, each in splits.items()},
        "spec": {key: value for key, value in dataclasses.asdict(spec).items() if key != "words"},
        "encoder": resolved(node, spec),
        "model": config["model"] if hasattr(encoder, "language_model") else None,
        "weights": weights_hash(encoder),
        "code": [code_of_encoders(), *(each["hash"] for each in described(plugins_of({"encoder": node})).values())],
        "torch": [torch.__version__, torch.backends.cpu.get_cpu_capability(), device_of(config).type],
    }


def _rows_hash(split: Split, name: str) -> str:
    """Return the sha256 of the examples of a split and of the presence of a modality in each."""
    array = _recorded(split, name)
    digest = hashlib.sha256(json.dumps(split.ids).encode())
    for values in (array.length, array.present):
        digest.update(np.ascontiguousarray(values).view(np.uint8).data)
    return digest.hexdigest()


def _recorded(split: Split, name: str) -> RawArray:
    array = split.arrays[name]
    assert isinstance(array, RawArray), "these tokens were computed before"
    return array


def weights_hash(encoder: nn.Module) -> str:
    """Return the sha256 of names, types, shapes and bytes of an encoder's parameters and buffers."""
    digest = hashlib.sha256()
    for name, value in _tensors(encoder):
        array = np.ascontiguousarray(value.detach().cpu().float().numpy())
        digest.update(f"{name} {value.dtype} {tuple(value.shape)}\0".encode())
        digest.update(array.reshape(-1).view(np.uint8).data)
    return digest.hexdigest()


def _tensors(module: nn.Module) -> Iterator[tuple[str, torch.Tensor]]:
    """Yield parameters and all buffers, also those that are not stored in checkpoints."""
    yield from module.named_parameters()
    yield from module.named_buffers()


@cache
def code_of_encoders() -> str:
    """Return the sha256 of the sources of the packages that encoders use."""
    package = Path(__file__).resolve().parents[1]
    folders = sorted({path.parent for room in ROOMS for path in (package / room).rglob("*.py")})
    return hashlib.sha256("".join(source_hash(folder) for folder in folders).encode()).hexdigest()
