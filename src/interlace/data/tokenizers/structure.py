"""Properties derived from the content of a tokenizer.json: its kind, losslessness, and the pieces that begin words."""

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np

SPACE_MARK = "▁"  # U+2581, by which sentencepiece and Metaspace replace a space
WHITE_BYTES = b" \t\n\v\f\r"

Content = Mapping[str, Any]


def byte_alphabet() -> list[str]:
    """The printable character that stands for each byte in byte-level vocabularies (GPT-2's bytes_to_unicode)."""
    printable = [*range(0x21, 0x7F), *range(0xA1, 0xAD), *range(0xAE, 0x100)]
    others = iter(range(0x100, 0x200))
    return [chr(b) if b in printable else chr(next(others)) for b in range(256)]


def kind_of(content: Content) -> str:
    """The kind of a tokenizer: "bpe" (byte-level), "byte", "char", "wordpiece", "unigram", "word" or "other"."""
    model = content["model"]
    match model.get("type"):
        case "WordPiece":
            return "wordpiece"
        case "Unigram":
            return "unigram"
        case "WordLevel":
            return "word"
        case "BPE" if _steps(content, "pre_tokenizer", "ByteLevel"):
            return "bpe" if model["merges"] else "byte"
        case "BPE" if not model["merges"] and not content.get("pre_tokenizer"):
            return "char"
    return "other"


def is_lossless(content: Content) -> bool:
    """True if decoding restores every text, as far as the components guarantee it."""
    model, kind = content["model"], kind_of(content)
    if content.get("normalizer") or any(t["lstrip"] or t["rstrip"] for t in content["added_tokens"]):
        return False
    if kind in ("bpe", "byte"):
        keeps = all(
            step["type"] == "Digits"
            or (step["type"] == "Split" and step["behavior"] != "Removed")
            or (step["type"] == "ByteLevel" and not step["add_prefix_space"])
            for step in _flat(content["pre_tokenizer"], "pretokenizers")
        )
        decodes = bool(_steps(content, "decoder", "ByteLevel"))
        return keeps and decodes and all(character in model["vocab"] for character in byte_alphabet())
    if kind == "char":
        return bool(model.get("byte_fallback")) and all(f"<0x{b:02X}>" in model["vocab"] for b in range(256))
    return False


def word_starts(content: Content, kind: str, size: int) -> np.ndarray | None:
    """Mask (size,) bool of the ids of pieces that begin a word; None if the vocabulary does not mark them."""
    vocabulary = content["model"]["vocab"]
    pieces = {piece: i for i, (piece, _) in enumerate(vocabulary)} if kind == "unigram" else vocabulary
    if kind == "wordpiece":
        prefix = content["model"]["continuing_subword_prefix"]
        begins = [i for piece, i in pieces.items() if not piece.startswith(prefix)]
    elif kind in ("bpe", "byte"):
        white = tuple(byte_alphabet()[byte] for byte in WHITE_BYTES)
        begins = [i for piece, i in pieces.items() if piece.startswith(white)]
    elif kind == "char":
        begins = [i for piece, i in pieces.items() if piece.isspace() or piece in ("<0x20>", "<0x0A>", "<0x09>")]
    elif kind == "word":
        begins = list(pieces.values())
    elif any(piece.startswith(SPACE_MARK) for piece in pieces):
        begins = [i for piece, i in pieces.items() if piece.startswith(SPACE_MARK)]
    else:
        return None
    table = np.zeros(size, dtype=bool)
    table[begins] = True
    return table


def byte_table(content: Content) -> np.ndarray | None:
    """The id (256,) uint32 of each byte, for a tokenizer without merges; None if the text is normalized first."""
    if not is_lossless(content) or any(not token["special"] for token in content["added_tokens"]):
        return None
    return np.array([content["model"]["vocab"][character] for character in byte_alphabet()], dtype=np.uint32)


def char_table(content: Content) -> np.ndarray | None:
    """The id (0x110000,) uint32 of each code point; None if a character can have several ids or is normalized first."""
    model = content["model"]
    plain = not content.get("normalizer") and not any(not token["special"] for token in content["added_tokens"])
    if not plain or model.get("byte_fallback") or model.get("fuse_unk") or model.get("unk_token") is None:
        return None
    table = np.full(0x110000, model["vocab"][model["unk_token"]], dtype=np.uint32)
    for piece, index in model["vocab"].items():
        if len(piece) == 1:
            table[ord(piece)] = index
    return table


def _steps(content: Content, part: str, kind: str) -> list[Content]:
    nested = {"pre_tokenizer": "pretokenizers", "decoder": "decoders"}[part]
    return [step for step in _flat(content.get(part), nested) if step["type"] == kind]


def _flat(part: Content | None, nested: str) -> Iterator[Content]:
    if part is None:
        return
    if part["type"] == "Sequence":
        for step in part[nested]:
            yield from _flat(step, nested)
    else:
        yield part
