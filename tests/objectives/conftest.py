"""A tokenizer and packed text small enough to check by hand."""

from types import SimpleNamespace

import numpy as np
import pytest

PAD, CLS, SEP, MASK, EOS = 0, 1, 2, 3, 4
SENTINELS = list(range(99, 89, -1))


class Rows:
    """Blocks of a stream of random ordinary tokens, as `data.corpus.Blocks`; the last one is shorter."""

    def __init__(self, rows=40, width=30, overlap=0, seed=0, documents=False):
        stream = np.random.default_rng(seed).integers(5, 90, size=rows * width - 7)
        self.packing = "best_fit" if documents else "chunk"
        self.overlap = overlap
        self.lengths = np.full(rows, width + overlap)
        self.ids = np.zeros((rows, width + overlap), dtype=np.int64)
        for row in range(rows):
            part = stream[row * width : (row + 1) * width + overlap]
            self.ids[row, : len(part)] = part
            self.lengths[row] = len(part)

    def __len__(self):
        return len(self.ids)

    def set_epoch(self, epoch):
        pass

    def rows(self, indices):
        return self.ids[indices]

    def mask(self, indices):
        width = self.ids.shape[1] - self.overlap
        return np.arange(width) < self.lengths[indices][:, None] - self.overlap

    def document_ids(self, indices):
        return np.tile(np.arange(self.ids.shape[1] - self.overlap) // 11, (len(indices), 1))


@pytest.fixture
def rows():
    return Rows


@pytest.fixture
def tokenizer():
    """100 ids: five special ones, 85 ordinary ones of which every even one begins a word, ten sentinels."""

    class Tokens(SimpleNamespace):
        def __len__(self):
            return 100

    return Tokens(
        pad_id=PAD, cls_id=CLS, sep_id=SEP, mask_id=MASK, eos_id=EOS, bos_id=None, unk_id=None, lossless=False,
        sentinel_ids=SENTINELS, special_ids={PAD, CLS, SEP, MASK, EOS, *SENTINELS},
        starts_word=np.arange(100) % 2 == 0,
    )  # fmt: skip
