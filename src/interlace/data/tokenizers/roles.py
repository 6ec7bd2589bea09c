"""Roles of special tokens: padding, unknown, begin, end, mask, class, separator, and T5's sentinels."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

from interlace.errors import UserError
from interlace.inputs import note
from interlace.reading.documents import read_json

TOKENIZER_FILE = "tokenizer.json"
ROLE_FILES = ("tokenizer_config.json", "special_tokens_map.json")  # the second takes precedence
SENTINEL = re.compile(r"<extra_id_(\d+)>")

# Spellings by role, most common first.
SPELLINGS: dict[str, tuple[str, ...]] = {
    "pad": ("<pad>", "[PAD]", "<|padding|>", "<|pad|>"),
    "unk": ("<unk>", "[UNK]", "<|unk|>"),
    "bos": ("<s>", "<bos>", "[BOS]", "<|begin_of_text|>", "<|startoftext|>", "<|endoftext|>"),
    "eos": ("</s>", "<eos>", "[EOS]", "<|end_of_text|>", "<|endoftext|>"),
    "mask": ("<mask>", "[MASK]"),
    "cls": ("[CLS]", "<cls>"),
    "sep": ("[SEP]", "<sep>"),
}


@dataclass(frozen=True)
class Roles:
    """The token of each role by its spelling; None if the tokenizer has none."""

    pad: str | None = None
    unk: str | None = None
    bos: str | None = None
    eos: str | None = None
    mask: str | None = None
    cls: str | None = None
    sep: str | None = None

    def as_dict(self) -> dict[str, str]:
        """The existing roles with the keys of Hugging Face files: {"pad_token": "<pad>", ...}."""
        return {f"{f.name}_token": getattr(self, f.name) for f in fields(self) if getattr(self, f.name) is not None}


def infer_roles(vocabulary: Mapping[str, int]) -> Roles:
    """Infer roles from the usual spellings.

    If there is a `<mask>`, the begin and end tokens are also class and separator, as in RoBERTa.
    """
    found = {role: next((s for s in spellings if s in vocabulary), None) for role, spellings in SPELLINGS.items()}
    if found["mask"] == "<mask>":
        found["cls"] = found["cls"] or found["bos"]
        found["sep"] = found["sep"] or found["eos"]
    return Roles(**found)


def read_roles(folder: Path, vocabulary: Mapping[str, int]) -> Roles:
    """Read roles from the files beside a Hugging Face tokenizer.json; those that are not stated are inferred.

    Raises UserError for a file that is not a JSON object or names a token that the vocabulary lacks.
    """
    stated: dict[str, str | None] = {}
    note(*(folder / name for name in ROLE_FILES))
    for name in ROLE_FILES:
        if (folder / name).is_file():
            content = _read_object(folder / name)
            for field in fields(Roles):
                key = f"{field.name}_token"
                if key in content:
                    stated[field.name] = _checked(folder / name, key, content[key], vocabulary)
    inferred = infer_roles(vocabulary)
    return Roles(**{f.name: stated.get(f.name, getattr(inferred, f.name)) for f in fields(Roles)})


def sentinels_of(vocabulary: Mapping[str, int]) -> list[int]:
    """Ids of <extra_id_0>, <extra_id_1>, ... in that order (descending ids, as in T5)."""
    numbered = {int(match[1]): index for token, index in vocabulary.items() if (match := SENTINEL.fullmatch(token))}
    return [numbered[n] for n in sorted(numbered)]


def _read_object(path: Path) -> dict[str, Any]:
    try:
        content = read_json(path)
    except (OSError, ValueError) as error:
        raise UserError(f"{path}: cannot be read as JSON ({error}); correct or remove it") from None
    if not isinstance(content, dict):
        raise UserError(f"{path}: expected a JSON object of special tokens, got a {type(content).__name__}")
    return content


def _checked(path: Path, key: str, value: Any, vocabulary: Mapping[str, int]) -> str | None:
    token = value.get("content") if isinstance(value, dict) else value
    if token is not None and token not in vocabulary:
        raise UserError(
            f"{path}: {key} is {token!r}, which the vocabulary of {TOKENIZER_FILE} lacks; correct one of them"
        )
    return token
