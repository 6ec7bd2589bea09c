"""Deciphered texts beside the texts that are right."""

import numpy as np

from interlace.tasks.text_task import TextTask, Trivial


class Cipher(TextTask):
    """A text in other letters."""

    name = "cipher"
    usual = ("exact_match", "accuracy")

    def item_scores(self, written):
        """Whether a text is right, and its share of right letters; the latter is left out for texts of one letter."""
        pairs = [(text, given) for text, given in zip(written.texts, written.pairs.references, strict=True)]
        same = [[a == b for a, b in zip(text, given[0], strict=False)] for text, given in pairs]
        return {
            "exact_match": np.array([float(text in given) for text, given in pairs]),
            "accuracy": np.array([np.mean(each) if len(each) > 1 else np.nan for each in same]),
        }

    def signatures(self):
        """How letters are compared."""
        return {"accuracy": "letters by place"}

    def trivial(self, train, test):
        """The source itself."""
        return Trivial("copy", list(test.sources))
