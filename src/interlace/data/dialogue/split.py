"""One split of conversations."""

from collections.abc import Sequence

import numpy as np

from interlace.data.bucketing import bucketed_order
from interlace.data.dialogue.reading import Conversation
from interlace.data.dialogue.template import Encoded
from interlace.data.text_pairs import Pairs


class DialogueSplit:
    """Conversations (N,), their ids with the mask of the replies, and one pair (context, reply) for each reply.

    Without a tokenizer there are no ids: `encoded` is empty, and the rows are the pairs.
    """

    def __init__(
        self, conversations: Sequence[Conversation], pairs: Pairs, encoded: Sequence[Encoded], *, bucket: bool
    ) -> None:
        self.conversations = conversations
        self.pairs = pairs
        self.encoded = encoded
        self.bucket = bucket
        self.lengths = np.array([len(each.ids) for each in encoded], dtype=np.int64)

    def __len__(self) -> int:
        return len(self.encoded) or len(self.pairs)

    def sequences(self, indices: np.ndarray) -> tuple[list[np.ndarray], list[np.ndarray]]:
        """Return the ids of rows, each (T,) int64, and the masks of their replies, each (T,) bool."""
        rows = [self.encoded[int(i)] for i in indices]
        return [np.array(row.ids, dtype=np.int64) for row in rows], [np.array(row.is_reply, dtype=bool) for row in rows]

    def order(self, batch_size: int, *, seed: int, epoch: int) -> np.ndarray:
        """Return the order (N,) of the rows in an epoch: bucketed by length if `bucket` is set, else shuffled."""
        if not self.bucket:
            return np.random.Generator(np.random.PCG64([seed, epoch])).permutation(len(self))
        return bucketed_order(self.lengths, batch_size, seed=seed, epoch=epoch)
