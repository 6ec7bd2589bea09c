"""The tokenizer interface of the program."""

import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any, Literal

import numpy as np
from tokenizers import Tokenizer

from interlace.data.tokenizers.framing import Direction, as_content, template
from interlace.data.tokenizers.roles import TOKENIZER_FILE, Roles, infer_roles, read_roles, sentinels_of
from interlace.data.tokenizers.structure import byte_table, char_table, is_lossless, kind_of, word_starts
from interlace.data.tokenizers.words import WordCache, pattern_for
from interlace.errors import UserError
from interlace.inputs import note
from interlace.reading.files import read_text

Kind = Literal["bpe", "wordpiece", "unigram", "byte", "char", "word"]


class TextTokenizer:
    """A Hugging Face `tokenizers.Tokenizer` with named special tokens.

    Text never produces special tokens: "</s>" in a corpus is encoded as its characters (if the vocabulary has them), so
    that it does not end the document. Exceptions are word tokenizers that split only at white space, where <unk> in a
    pre-tokenized text is the unknown token, and Unigram files made elsewhere (T5's), which may hold their special
    tokens as ordinary pieces.

    Attributes: `kind` ("bpe", "wordpiece", "unigram", "byte", "char", "word"; "other" for other files), `roles`,
    `pad_id`, `unk_id`, `bos_id`, `eos_id`, `mask_id`, `cls_id`, `sep_id` (None if absent), `sentinel_ids` (T5: of
    <extra_id_0>, <extra_id_1>, ..., descending), `special_ids`, and `lossless`: whether decode(encode(text)) == text
    for every text. Unknown characters, lower-casing, normalization and collapsed white space make a tokenizer lossy.
    """

    def __init__(self, tokenizer: Tokenizer, roles: Roles | None = None) -> None:
        self._tokenizer = tokenizer
        tokenizer.no_padding()
        tokenizer.no_truncation()
        tokenizer.encode_special_tokens = True
        vocabulary = tokenizer.get_vocab(with_added_tokens=True)
        self._size = max(vocabulary.values(), default=-1) + 1  # ids may have gaps
        self.roles = roles or infer_roles(vocabulary)
        ids = {name: None if token is None else vocabulary[token] for name, token in vars(self.roles).items()}
        self.pad_id: int | None = ids["pad"]
        self.unk_id: int | None = ids["unk"]
        self.bos_id: int | None = ids["bos"]
        self.eos_id: int | None = ids["eos"]
        self.mask_id: int | None = ids["mask"]
        self.cls_id: int | None = ids["cls"]
        self.sep_id: int | None = ids["sep"]
        self.sentinel_ids = sentinels_of(vocabulary)
        added = tokenizer.get_added_tokens_decoder()
        self.special_ids: set[int] = {i for i in ids.values() if i is not None} | set(self.sentinel_ids)
        self.special_ids |= {i for i, token in added.items() if token.special}
        self._content = json.loads(tokenizer.to_str())
        self.kind = kind_of(self._content)
        self.lossless = is_lossless(self._content)

    def __len__(self) -> int:
        return self._size

    def __repr__(self) -> str:
        return f"TextTokenizer(kind={self.kind!r}, size={len(self)}, hash={self.hash[:12]!r})"

    @cached_property
    def hash(self) -> str:
        """SHA-256 (hex) of the JSON and the roles, without the export's template: equal hashes give equal ids."""
        tokenizer = dict(self._content)
        if tokenizer["post_processor"] in (self._template("causal"), self._template("seq2seq")):
            tokenizer["post_processor"] = self._template("masked")
        content = {"tokenizer": tokenizer, "roles": vars(self.roles)}
        return hashlib.sha256(json.dumps(content, sort_keys=True, ensure_ascii=True).encode()).hexdigest()

    @property
    def backend(self) -> Tokenizer:
        """The wrapped tokenizer."""
        return self._tokenizer

    @property
    def separator_id(self) -> int | None:
        """The id that ends a document in a packed corpus: the end token, else the separator, else None."""
        return self.eos_id if self.eos_id is not None else self.sep_id

    def encode(self, text: str) -> list[int]:
        """Ids of a text, without added special tokens."""
        ids: list[int] = self._tokenizer.encode(text, add_special_tokens=False).ids
        return ids

    def encode_batch(self, texts: Sequence[str]) -> list[list[int]]:
        """Ids of many texts, on all cores unless TOKENIZERS_PARALLELISM is false."""
        return [e.ids for e in self._tokenizer.encode_batch_fast(list(texts), add_special_tokens=False)]

    def encode_arrays(self, texts: Sequence[str]) -> tuple[np.ndarray, np.ndarray]:
        """The concatenated ids (N,) uint32 of many texts, and the number of ids of each text (len(texts),) int64.

        Returns the same ids as `encode_batch`, without Python lists: by a table for bytes and characters, else by a
        cache of words if the tokenizer's splitting allows it (about twice as fast on one core as the library on two).
        """
        if self._word_cache is not None:
            return self._word_cache.encode(texts)
        if self._by_byte is not None or self._by_char is not None:
            rows = [self._look_up(text) for text in texts]
        else:
            encoded = self._tokenizer.encode_batch_fast(list(texts), add_special_tokens=False)
            rows = [np.array(e.ids, dtype=np.uint32) for e in encoded]
        lengths = np.fromiter(map(len, rows), dtype=np.int64, count=len(rows))
        return np.concatenate(rows or [np.zeros(0, np.uint32)]).astype(np.uint32, copy=False), lengths

    def _look_up(self, text: str) -> np.ndarray:
        if self._by_byte is not None:
            return self._by_byte[np.frombuffer(text.encode("utf-8"), dtype=np.uint8)]
        assert self._by_char is not None
        return self._by_char[np.frombuffer(text.encode("utf-32-le"), dtype="<u4")]

    @cached_property
    def _word_cache(self) -> WordCache | None:
        pattern = pattern_for(self._content, self.kind)
        return None if pattern is None else WordCache(self._tokenizer, pattern)

    @cached_property
    def _by_byte(self) -> np.ndarray | None:
        return byte_table(self._content) if self.kind == "byte" else None

    @cached_property
    def _by_char(self) -> np.ndarray | None:
        return char_table(self._content) if self.kind == "char" else None

    def decode(self, ids: Iterable[int], *, skip_special: bool = True) -> str:
        """The text of ids. Special tokens other than the unknown token are skipped unless `skip_special` is False.

        Bytes that are not UTF-8, as a model may generate, become U+FFFD.
        """
        text: str = self._tokenizer.decode(self._visible(ids, skip_special), skip_special_tokens=False)
        return text

    def decode_batch(self, rows: Sequence[Iterable[int]], *, skip_special: bool = True) -> list[str]:
        """The texts of many rows of ids, as `decode`."""
        plain = [self._visible(row, skip_special) for row in rows]
        texts: list[str] = self._tokenizer.decode_batch(plain, skip_special_tokens=False)
        return texts

    def _visible(self, ids: Iterable[int], skip_special: bool) -> list[int]:
        hidden = self.special_ids - {self.unk_id} if skip_special else set()
        return [i for i in map(int, ids) if i not in hidden]

    def token(self, index: int) -> str | None:
        """The token of an id as in the vocabulary (byte-level alphabets write a space as "Ġ")."""
        spelling: str | None = self._tokenizer.id_to_token(int(index))
        return spelling

    def token_id(self, token: str) -> int | None:
        """The id of a token; None if the vocabulary lacks it."""
        index: int | None = self._tokenizer.token_to_id(token)
        return index

    @cached_property
    def starts_word(self) -> np.ndarray | None:
        """Mask (V,) bool of the pieces that begin a word; None for kinds whose pieces do not mark it.

        WordPiece: all except "##" continuations, so that punctuation marks are words (BERT). Unigram: pieces that begin
        with the space mark. BPE, byte, char: pieces that begin with white space, so that punctuation belongs to the
        word before it (as in fairseq's whole-word masking for RoBERTa). Word: all. Special tokens: True.
        """
        table = word_starts(self._content, self.kind, len(self))
        if table is not None:
            table[sorted(self.special_ids)] = True
            table.flags.writeable = False
        return table

    def word_ids(self, text: str) -> list[int | None]:
        """The number, from 0, of the word of each id in `encode(text)`; by `starts_word` if there is one, else by the
        tokenizer's pre-tokenizer (None for ids outside of words).
        """
        encoding = self._tokenizer.encode(text, add_special_tokens=False)
        if self.starts_word is None:
            words: list[int | None] = encoding.word_ids
            return words
        starts = self.starts_word[np.array(encoding.ids, dtype=np.int64)]
        starts[:1] = True
        return list(map(int, np.cumsum(starts) - 1))

    def _template(self, direction: Direction) -> dict[str, Any]:
        return as_content(template(self.roles, self._tokenizer.get_vocab(), direction))

    def save(self, path: str | Path) -> None:
        """Writes a tokenizer.json at `path`, atomically; for a folder, also the files that transformers needs."""
        path = Path(path)
        if path.suffix == ".json":
            _write(path, json.dumps(self._content, ensure_ascii=False, indent=1))
            return
        self._save_folder(path, self._content, {})

    def save_for(self, folder: Path, direction: Direction, *, max_length: int | None, num_token_types: int) -> None:
        """Writes the tokenizer into a folder so that transformers produces the same ids as here for a direction.

        Texts for a masked model may contain special tokens, such as [MASK], and those for an encoder-decoder sentinels.
        In texts for a causal model "</s>" is four characters, as in training, and batches are padded on the left.
        """
        content = dict(self._content)
        if direction != "masked":
            content["post_processor"] = self._template(direction)
        types = ["token_type_ids"] if num_token_types > 1 else []
        config: dict[str, Any] = {"model_input_names": ["input_ids", *types, "attention_mask"]}
        if max_length is not None:
            config["model_max_length"] = max_length
        if direction == "causal":
            config |= {"padding_side": "left", "split_special_tokens": True}
        self._save_folder(folder, content, config)

    def _save_folder(self, folder: Path, content: Mapping[str, Any], more: Mapping[str, Any]) -> None:
        _write(folder / TOKENIZER_FILE, json.dumps(content, ensure_ascii=False, indent=1))
        roles = self.roles.as_dict()
        _write(folder / "special_tokens_map.json", json.dumps(roles, indent=1))
        config = {"tokenizer_class": "PreTrainedTokenizerFast", "clean_up_tokenization_spaces": False, **roles, **more}
        _write(folder / "tokenizer_config.json", json.dumps(config, indent=1, ensure_ascii=False))

    def state(self) -> dict[str, Any]:
        """Content and roles as plain JSON."""
        return {"tokenizer": self._content, "roles": dict(vars(self.roles))}

    @staticmethod
    def from_state(state: Mapping[str, Any]) -> "TextTokenizer":
        """Restores a tokenizer from its `state()`."""
        return TextTokenizer(Tokenizer.from_str(json.dumps(state["tokenizer"])), Roles(**state["roles"]))

    @staticmethod
    def load(path: str | Path) -> "TextTokenizer":
        """Loads a tokenizer.json: the file, or a Hugging Face folder, whose other files name the special tokens.

        Raises UserError if it is absent or not a tokenizer.
        """
        path = Path(path).expanduser()
        file = path / TOKENIZER_FILE if path.is_dir() else path
        note(file)
        if not file.is_file():
            raise UserError(f"{file}: no such file; expected a {TOKENIZER_FILE}, as `interlace tokenizer train` writes")
        try:
            tokenizer = Tokenizer.from_str(read_text(file, "document_bytes"))
        except UserError:
            raise
        except Exception as error:  # the library raises bare Exceptions
            raise UserError(f"{file}: not a readable {TOKENIZER_FILE} ({error}); expected the tokenizers "
                            "library's JSON") from None  # fmt: skip
        roles = read_roles(file.parent, tokenizer.get_vocab()) if file.name == TOKENIZER_FILE else None
        return TextTokenizer(tokenizer, roles)

    @staticmethod
    def train(kind: Kind, texts: Iterable[str], vocabulary_size: int | None = None, **options: Any) -> "TextTokenizer":
        """Trains a tokenizer of `kind` on `texts`; options are those of the kind's builder.

        Deterministic: the same texts in the same order give the same hash for any number of threads.
        """
        from interlace.data.tokenizers.builders import builder_of

        return builder_of(kind, vocabulary_size=vocabulary_size, **options).build(iter(texts))


def _write(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.tmp")
    try:
        temporary.write_text(text, encoding="utf-8")
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)
