"""Word vectors: skip-gram and CBOW with negative sampling."""

from interlace.models.word2vec.objective import cbow_loss, negative_sampling_loss, skip_gram_loss
from interlace.models.word2vec.trainer import Epoch, Word2Vec

__all__ = ["Epoch", "Word2Vec", "cbow_loss", "negative_sampling_loss", "skip_gram_loss"]
