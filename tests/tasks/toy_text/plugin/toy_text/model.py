"""A substitution cipher, learned by counting."""

from collections import Counter, defaultdict

from interlace.models.text_algorithm import Answer, TextAlgorithm


class Substitution(TextAlgorithm):
    """Each letter by the one it meets most often at its place."""

    def __init__(self, *, unknown):
        super().__init__()
        self.unknown, self.letters = unknown, {}

    @property
    def num_parameters(self):
        """Letters that are known."""
        return len(self.letters)

    def fit(self, train, val):
        """Counts which letters meet."""
        met = defaultdict(Counter)
        for source, target in zip(train.sources, train.targets, strict=True):
            for a, b in zip(source, target, strict=True):
                met[a][b] += 1
        self.letters = {a: counts.most_common(1)[0][0] for a, counts in met.items()}
        self.chosen = {"held_out": len(val)}

    def write(self, sources):
        """The texts, the share of known letters, and the unknown ones."""
        return [
            Answer(
                "".join(self.letters.get(letter, self.unknown) for letter in text),
                sum(letter in self.letters for letter in text) / len(text),
                {"unknown": sorted(set(text) - set(self.letters))},
            )
            for text in sources
        ]

    def state(self):
        """The letters that are known."""
        return {"letters": self.letters}

    def restore(self, state):
        """Takes in a `state`."""
        self.letters = state["letters"]
