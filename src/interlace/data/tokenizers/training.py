"""Deterministic training of vocabularies.

The trainers of the library number WordPiece continuations and equally likely Unigram pieces in the order of a hash
map, which differs between processes; here that order is fixed.
"""

import json
import pickle
import tempfile
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from tokenizers import AddedToken, Regex, Tokenizer, decoders, models, normalizers, pre_tokenizers, trainers

from interlace.data.tokenizers.framing import template
from interlace.data.tokenizers.roles import Roles
from interlace.data.tokenizers.structure import byte_alphabet
from interlace.data.tokenizers.tokenizer import TextTokenizer
from interlace.errors import UserError

BERT = Roles(pad="[PAD]", unk="[UNK]", mask="[MASK]", cls="[CLS]", sep="[SEP]")
ROBERTA = Roles(pad="<pad>", unk="<unk>", bos="<s>", eos="</s>", mask="<mask>", cls="<s>", sep="</s>")
T5 = Roles(pad="<pad>", unk="<unk>", eos="</s>")
BERT_ORDER = ("[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]")
ROBERTA_ORDER = ("<s>", "<pad>", "</s>", "<unk>", "<mask>")  # ids 0..4, as in roberta-base except for the mask
T5_ORDER = ("<pad>", "</s>", "<unk>")
BYTE_PIECES = [f"<0x{byte:02X}>" for byte in range(256)]
SCORE_DIGITS = 6  # parallel sums differ in the 15th digit
SCORE_STEP = 1e-4  # between the scores of characters that are not among the pieces (kMinScorePenaltyDelta)


def train_bpe(
    texts: Iterable[str], vocabulary_size: int, min_frequency: int, lowercase: bool, num_sentinels: int
) -> TextTokenizer:
    """Byte-level BPE with GPT-2's splitting (Radford et al. 2019), which represents every text exactly."""
    tokenizer = Tokenizer(models.BPE())
    tokenizer.normalizer = normalizers.Lowercase() if lowercase else None
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=True)
    trainer = trainers.BpeTrainer(
        vocab_size=vocabulary_size - num_sentinels, min_frequency=min_frequency, show_progress=False,
        special_tokens=list(ROBERTA_ORDER), initial_alphabet=byte_alphabet(),
    )  # fmt: skip
    tokenizer.train_from_iterator(_nonempty(texts), trainer)
    tokenizer.decoder = decoders.ByteLevel()
    return _finished(tokenizer, ROBERTA, (*ROBERTA_ORDER, *_sentinels(num_sentinels)))


def train_wordpiece(
    texts: Iterable[str], vocabulary_size: int, min_frequency: int, lowercase: bool, max_characters: int
) -> TextTokenizer:
    """BERT's WordPiece: cleaned text, separate punctuation, "##" before pieces that continue a word.

    Words with characters other than the `max_characters` most frequent ones are excluded from training.
    """
    normalizer = normalizers.BertNormalizer(lowercase=lowercase)
    spool = _Spool(texts, normalizer)
    kept = spool.frequent(max_characters)
    fixed = [*BERT_ORDER, *kept, *(f"##{character}" for character in kept)]
    if len(fixed) > vocabulary_size:
        raise UserError(
            f"vocabulary_size: {vocabulary_size} is too small for {len(kept)} characters, each at the start of a word "
            f"and within one; expected at least {len(fixed)}, or a smaller max_characters"
        )
    trainee = Tokenizer(models.WordPiece(unk_token=BERT.unk))
    trainee.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    trainer = trainers.WordPieceTrainer(
        vocab_size=vocabulary_size, min_frequency=min_frequency, show_progress=False, special_tokens=fixed
    )
    trainee.train_from_iterator(spool.texts(kept), trainer)
    vocabulary = dict(sorted(trainee.get_vocab().items(), key=lambda item: item[1]))
    tokenizer = Tokenizer(models.WordPiece(vocabulary, unk_token=BERT.unk, max_input_chars_per_word=100))
    tokenizer.normalizer = normalizer
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    tokenizer.decoder = decoders.WordPiece()
    return _finished(tokenizer, BERT, BERT_ORDER)


def train_unigram(
    texts: Iterable[str], vocabulary_size: int, lowercase: bool, num_sentinels: int, max_characters: int,
    byte_fallback: bool,
) -> TextTokenizer:  # fmt: skip
    """Unigram language-model pieces (Kudo 2018) with T5's special tokens: pad 0, end 1, unknown 2, sentinels last.

    White space is collapsed and the text NFKC-normalized, as in T5's sentencepiece model. `byte_fallback` encodes
    unknown characters as bytes.
    """
    steps = [normalizers.NFKC(), *([normalizers.Lowercase()] if lowercase else [])]
    steps += [normalizers.Replace(Regex(r"\s+"), " "), normalizers.Strip()]
    spool = _Spool(texts, normalizers.Sequence(steps))
    kept = spool.frequent(max_characters)
    bytes_ = BYTE_PIECES if byte_fallback else []
    size = vocabulary_size - num_sentinels - len(bytes_)
    if size < len(kept) + len(T5_ORDER) + 1:
        raise UserError(
            f"vocabulary_size: {vocabulary_size} leaves no room beside {num_sentinels} sentinels, {len(bytes_)} bytes, "
            f"{len(kept)} characters and {len(T5_ORDER)} special tokens; raise it, or lower max_characters"
        )
    trainee = Tokenizer(models.Unigram())
    trainee.pre_tokenizer = _space_marks()
    trainer = trainers.UnigramTrainer(
        vocab_size=size, special_tokens=list(T5_ORDER), unk_token=T5.unk, show_progress=False
    )
    trainee.train_from_iterator(spool.texts(kept), trainer)
    content = json.loads(trainee.to_str())
    pieces = _deterministic_order(
        [(piece, score) for piece, score in content["model"]["vocab"] if piece not in T5_ORDER]
    )
    specials = [(token, 0.0) for token in (*T5_ORDER, *bytes_)]
    tokenizer = Tokenizer(models.Unigram([*specials, *pieces], unk_id=2, byte_fallback=byte_fallback))
    tokenizer.normalizer = normalizers.Sequence(steps)
    tokenizer.pre_tokenizer = _space_marks()
    metaspace = decoders.Metaspace(prepend_scheme="always")
    tokenizer.decoder = decoders.Sequence([decoders.ByteFallback(), metaspace]) if byte_fallback else metaspace
    return _finished(tokenizer, T5, (*T5_ORDER, *_sentinels(num_sentinels)))


def _sentinels(number: int) -> list[str]:
    """The sentinels in T5's order: <extra_id_0> has the highest id."""
    return [f"<extra_id_{n}>" for n in reversed(range(number))]


def _deterministic_order(pieces: list[tuple[str, float]]) -> list[tuple[str, float]]:
    """Pieces by descending score, then by spelling, with scores that do not depend on the order of a hash map.

    The library's sums differ in their last digits, and it gives the characters that are not among the pieces the lowest
    scores, in steps of 0.0001 in the order of its map. Here they are in the order of code points.
    """
    lowest = min(score for _, score in pieces)
    steps = {p: (score - lowest) / SCORE_STEP for p, score in pieces if len(p) == 1}
    stepped = {p: step for p, step in steps.items() if step < len(steps) and abs(step - round(step)) < 1e-3}
    scores = dict(pieces) | dict(
        zip(sorted(stepped), (lowest + SCORE_STEP * round(step) for step in sorted(stepped.values())), strict=True)
    )
    rounded = [(piece, round(score, SCORE_DIGITS)) for piece, score in scores.items()]
    return sorted(rounded, key=lambda item: (-item[1], item[0]))


def make_byte() -> TextTokenizer:
    """Make a byte tokenizer: five special tokens, then the 256 bytes of UTF-8 in order (id = byte + 5)."""
    vocabulary = {token: i for i, token in enumerate([*ROBERTA_ORDER, *byte_alphabet()])}
    tokenizer = Tokenizer(models.BPE(vocabulary, []))
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)
    tokenizer.decoder = decoders.ByteLevel()
    return _finished(tokenizer, ROBERTA, ROBERTA_ORDER)


def train_char(
    texts: Iterable[str], vocabulary_size: int | None, min_frequency: int, byte_fallback: bool
) -> TextTokenizer:
    """Five special tokens, then characters by code point; only the most frequent ones if there are too many.

    Other characters are unknown, or with `byte_fallback` encoded as bytes, which makes the tokenizer lossless.
    """
    counts: Counter[str] = Counter()
    for text in texts:
        counts.update(text)
    fixed = [*ROBERTA_ORDER, *(BYTE_PIECES if byte_fallback else [])]
    room = None if vocabulary_size is None else vocabulary_size - len(fixed)
    if room is not None and room < 1:
        raise UserError(f"vocabulary_size: {vocabulary_size} leaves no room for characters beside {len(fixed)} tokens")
    frequent = sorted((c for c in counts if counts[c] >= min_frequency), key=lambda c: (-counts[c], c))[:room]
    if not frequent:
        raise UserError(_EMPTY)
    vocabulary = {token: i for i, token in enumerate([*fixed, *sorted(frequent)])}
    tokenizer = Tokenizer(models.BPE(vocabulary, [], unk_token=ROBERTA.unk, byte_fallback=byte_fallback))
    tokenizer.decoder = decoders.Sequence([*([decoders.ByteFallback()] if byte_fallback else []), decoders.Fuse()])
    return _finished(tokenizer, ROBERTA, ROBERTA_ORDER)


def train_word(
    texts: Iterable[str], vocabulary_size: int | None, min_frequency: int, lowercase: bool, punctuation: bool
) -> TextTokenizer:
    """Whole words by descending frequency, then by spelling; others are unknown.

    With `punctuation`, punctuation marks are words. Without it, words are separated only by white space, for
    pre-tokenized corpora, and a word spelled like a special token is that token (WikiText's <unk>).
    """
    tokenizer = Tokenizer(models.WordLevel(unk_token=ROBERTA.unk))
    tokenizer.normalizer = normalizers.Lowercase() if lowercase else None
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer() if punctuation else pre_tokenizers.WhitespaceSplit()
    trainer = trainers.WordLevelTrainer(
        vocab_size=vocabulary_size or 2**31, min_frequency=min_frequency, show_progress=False,
        special_tokens=list(ROBERTA_ORDER),
    )  # fmt: skip
    tokenizer.train_from_iterator(_nonempty(texts), trainer)
    return _finished(tokenizer, ROBERTA, ROBERTA_ORDER)


_EMPTY = "the texts to train a tokenizer on are empty; expected at least one character"


def _nonempty(texts: Iterable[str]) -> Iterator[str]:
    empty = True
    for text in texts:
        empty = empty and not text.strip()
        yield text
    if empty:
        raise UserError(_EMPTY)


def _space_marks() -> Any:
    """Words with a mark for the preceding space, split after every "<", so that no text contains a special piece."""
    metaspace = pre_tokenizers.Metaspace(prepend_scheme="always", split=True)
    return pre_tokenizers.Sequence([metaspace, pre_tokenizers.Split("<", "merged_with_previous")])


def _finished(tokenizer: Tokenizer, roles: Roles, specials: Sequence[str]) -> TextTokenizer:
    """Add the special tokens, and the template by which other programs add them to a text."""
    tokenizer.add_special_tokens([AddedToken(token, special=True, normalized=False) for token in specials])
    tokenizer.post_processor = template(roles, tokenizer.get_vocab())
    return TextTokenizer(tokenizer, roles)


class _Spool:
    """Normalized texts in a temporary file, with character counts, for trainers that need two passes."""

    def __init__(self, texts: Iterable[str], normalizer: Any) -> None:
        self._counts: Counter[str] = Counter()
        self._file = tempfile.TemporaryFile()  # noqa: SIM115 - open for the lifetime of the object
        for text in texts:
            normal = normalizer.normalize_str(text)
            self._counts.update(normal)
            pickle.dump(normal, self._file)
        for space in [c for c in self._counts if c.isspace()]:
            del self._counts[space]
        if not self._counts:
            raise UserError(_EMPTY)

    def frequent(self, limit: int) -> list[str]:
        """The `limit` most frequent characters, in the order of code points."""
        return sorted(sorted(self._counts, key=lambda c: (-self._counts[c], c))[:limit])

    def texts(self, kept: Sequence[str]) -> Iterator[str]:
        """The texts without the words that contain other characters than `kept`."""
        rare = {*self._counts} - {*kept}
        self._file.seek(0)
        while True:
            try:
                text = pickle.load(self._file)
            except EOFError:
                return
            if rare and not rare.isdisjoint(text):
                text = " ".join(word for word in text.split() if rare.isdisjoint(word))
            yield text
