"""Coverage of validation and test texts by the vocabulary of the training texts."""

from collections.abc import Mapping, Sequence

import numpy as np

from interlace.data.arrays import RawArray
from interlace.data.encoding import lookup
from interlace.data.manifest.batch_tokenizing import chunks
from interlace.data.manifest.example import Example
from interlace.data.notes import NAMES
from interlace.data.sequences import SequenceTokenizer
from interlace.data.split import Split
from interlace.data.text import WordTokenizer
from interlace.tokens import ModalitySpec

Unknown = Mapping[str, Mapping[str, tuple[int, int]]]  # modality -> split -> (unknown tokens, all tokens)
UNKNOWN_ID = 1  # of a WordTokenizer
CHUNK = 4096  # rows


def notes_on_coverage(modalities: Mapping[str, ModalitySpec], unknown: Unknown) -> list[str]:
    """A sentence for each text modality with the share of tokens that are not in the vocabulary."""
    notes = []
    for name, counts in unknown.items():
        shares = [f"{n / total:.1%} of {NAMES[split]} tokens" for split, (n, total) in counts.items() if total]
        if shares:
            size = (modalities[name].vocabulary_size or 2) - 2  # without padding and unknown
            notes.append(f"{name}: {' and '.join(shares)} are not in the vocabulary ({size:,} words of training texts)")
    return notes


def unknown_counts(splits: Mapping[str, Split]) -> Unknown:
    """Counts of unknown and all tokens in the encoded texts of validation and test."""
    found: dict[str, dict[str, tuple[int, int]]] = {}
    for split in ("val", "test"):
        for name in splits[split].texts:
            array = splits[split].arrays[name]
            assert isinstance(array, RawArray)
            chunks = range(0, len(array.x), CHUNK)
            unknown = sum(int(np.count_nonzero(array.x[start : start + CHUNK] == UNKNOWN_ID)) for start in chunks)
            found.setdefault(name, {})[split] = unknown, int(array.length.sum())
    return found


def unknown_counts_of(
    tokenizers: Mapping[str, WordTokenizer | SequenceTokenizer], held: Mapping[str, Sequence[Example]]
) -> Unknown:
    """Counts of unknown and all tokens in the texts of validation and test examples (`held`: examples by split)."""
    found: dict[str, dict[str, tuple[int, int]]] = {}
    for split in ("val", "test"):
        for name, tokenizer in tokenizers.items():
            if isinstance(tokenizer, SequenceTokenizer):  # of a run on another kind of data
                continue
            unknown = total = 0
            for lot in chunks(held[split]):
                values = [lookup(example.line.record, name) for example in lot]
                for ids in tokenizer.encode_batch([value for value in values if isinstance(value, str)]):
                    unknown += ids.count(UNKNOWN_ID)
                    total += len(ids)
            found.setdefault(name, {})[split] = unknown, total
    return found
