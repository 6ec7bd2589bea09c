"""Modified Kneser-Ney written out over tuples and dicts, to hold the arrays against."""

from collections import Counter, defaultdict

START, END = "<s>", "</s>"
Gram = tuple[object, ...]


class BruteForce:
    """p(word | context) in float64, by the definition: sentences are lists of words, `size` is |V| with <unk>, </s>."""

    def __init__(self, sentences: list[list], order: int, size: int, fallback: tuple[float, float, float]) -> None:
        self.order, self.size = order, size
        padded = [[START, *sentence, END] for sentence in sentences]
        raw: Counter[Gram] = Counter(
            tuple(s[i : i + n]) for s in padded for n in range(1, order + 1) for i in range(len(s) - n + 1)
        )
        left: dict[Gram, set] = defaultdict(set)
        for s in padded:
            for n in range(1, order):
                for i in range(1, len(s) - n + 1):
                    left[tuple(s[i : i + n])].add(s[i - 1])
        self.count = {g: c if len(g) == order or g[0] == START else len(left[g]) for g, c in raw.items()}
        self.count.pop((START,))
        self.discounts = {n: self._discounts(n, raw, padded, fallback) for n in range(1, order + 1)}
        self.followers: dict[Gram, list[Gram]] = defaultdict(list)
        for g in self.count:
            self.followers[g[:-1]].append(g)

    def _discounts(self, n: int, raw: Counter, padded: list[list], fallback: tuple[float, float, float]) -> list[float]:
        counts = {g: c for g, c in self.count.items() if len(g) == n}
        last = self._last_of_lmplz(padded)
        if n < self.order and n <= len(last):  # lmplz enters this one with its raw count
            counts[last[-n:]] = raw[last[-n:]]
        num = Counter(counts.values())
        if not (num[1] and num[2] and num[3]):
            return [0.0, *fallback]
        y = num[1] / (num[1] + 2 * num[2])
        found = [j - (j + 1) * y * num[j + 1] / num[j] for j in (1, 2, 3)]
        return [0.0, *(found if all(0 <= d <= j for j, d in enumerate(found, 1)) else fallback)]

    def _last_of_lmplz(self, padded: list[list]) -> Gram:
        number = {"<unk>": 0, START: 1, END: 2}
        for s in padded:
            for word in s:
                number.setdefault(word, len(number))
        windows = []
        for s in padded:
            for i in range(1, len(s)):
                window = ([START] * self.order + s[: i + 1])[-self.order :]
                windows.append(
                    ([number[word] for word in reversed(window)], tuple(s[max(0, i - self.order + 1) : i + 1]))
                )
        return max(windows, key=lambda pair: pair[0])[1]

    def prob(self, word: object, context: Gram) -> float:
        context = context[max(0, len(context) - self.order + 1) :]
        return self._prob(word, tuple(context))

    def _prob(self, word: object, context: Gram) -> float:
        lower = self._prob(word, context[1:]) if context else 1.0 / self.size
        followers = self.followers.get(context)
        if not followers:
            return lower
        total = sum(self.count[g] for g in followers)
        discount = self.discounts[len(context) + 1]
        own = self.count.get((*context, word), 0)
        gamma = sum(discount[min(self.count[g], 3)] for g in followers) / total
        return (own - discount[min(own, 3)]) / total + gamma * lower
