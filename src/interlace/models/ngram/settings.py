"""Checked settings of an n-gram model."""

from dataclasses import dataclass

from interlace.errors import UserError
from interlace.models.ngram.stream import MAX_ORDER


@dataclass(frozen=True)
class NgramSettings:
    """The arguments of `NgramModel`, which documents them. Raises UserError for values out of range."""

    order: int
    discount_fallback: tuple[float, float, float] | None
    prune: tuple[int, ...]
    chunk_tokens: int
    vocabulary_size: int
    eos_id: int
    bos_id: int | None
    unk_id: int | None
    excluded_ids: tuple[int, ...]
    units: tuple[str, ...] | None

    def __post_init__(self) -> None:
        if not 1 <= self.order <= MAX_ORDER:
            raise UserError(f"order: {self.order} is out of range; n-gram models have orders 1 to {MAX_ORDER}")
        if self.chunk_tokens < 1:
            raise UserError(f"chunk_tokens: {self.chunk_tokens} is out of range; expected 1 or more, such as 4194304")
        self._check_fallback()
        self._check_prune()
        self._check_ids()

    def _check_fallback(self) -> None:
        discounts = self.discount_fallback
        if discounts is None:
            return
        if len(discounts) != 3 or not all(0 <= value <= j for j, value in enumerate(discounts, start=1)):
            raise UserError(
                f"discount_fallback: got {list(discounts)}; expected three discounts for the counts 1, 2 and 3 or "
                "more, each between 0 and its count, such as [0.5, 1.0, 1.5]"
            )

    def _check_prune(self) -> None:
        limits = self.prune
        if not limits or len(limits) > self.order or limits[0] != 0 or list(limits) != sorted(limits):
            raise UserError(
                f"prune: got {list(limits)} for order {self.order}; expected 1 to {self.order} nondecreasing counts "
                "that start with 0 (words are pruned in the tokenizer), such as [0, 0, 1]"
            )

    def _check_ids(self) -> None:
        named = {"eos_id": self.eos_id, "bos_id": self.bos_id, "unk_id": self.unk_id}
        named |= {f"excluded_ids[{i}]": value for i, value in enumerate(self.excluded_ids)}
        for name, value in named.items():
            if value is not None and not 0 <= value < self.vocabulary_size:
                raise UserError(f"{name}: {value} is not an id of a vocabulary of {self.vocabulary_size}")
        if self.unk_id is not None and self.unk_id in self.forbidden:
            raise UserError(f"unk_id: {self.unk_id} also ends documents or is excluded; give it a separate id")
        if self.eos_id in self.excluded_ids:
            raise UserError(f"excluded_ids: {self.eos_id} is eos_id, which the model predicts; leave it out")
        if self.vocabulary_size <= len(self.unpredicted):
            raise UserError("excluded_ids: the whole vocabulary is excluded; leave at least one id to predict")
        if self.units is not None and len(self.units) != self.vocabulary_size:
            raise UserError(f"units: got {len(self.units)} strings; expected {self.vocabulary_size}, one for each id")

    @property
    def unpredicted(self) -> tuple[int, ...]:
        """Ids that are never predicted: `<s>` and the excluded ones."""
        start = set() if self.bos_id is None or self.bos_id == self.eos_id else {self.bos_id}
        return tuple(sorted({*start, *self.excluded_ids}))

    @property
    def forbidden(self) -> tuple[int, ...]:
        """Ids that no document may contain: the unpredicted ones and `</s>`."""
        return tuple(sorted({*self.unpredicted, self.eos_id}))

    @property
    def prune_by_order(self) -> tuple[int, ...]:
        """One threshold per order."""
        return (*self.prune, *[self.prune[-1]] * (self.order - len(self.prune)))
