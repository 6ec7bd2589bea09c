"""Pairs of a source text and the texts that are right for it."""

from collections.abc import Sequence
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Pairs:
    """Source texts of a split with their references, in the order of the file.

    sources      (N,) texts to answer, translate, summarise or correct
    references   (N,) lists of one text or more each; the first is the one that is learned
    ids          (N,) names, each once
    groups       by name (N,) values, for metrics of parts of a split; a value has no slash
    clusters     (N,) names of what dependent pairs share, such as the paragraph of questions; () if all are independent
    """

    sources: Sequence[str]
    references: Sequence[Sequence[str]]
    ids: Sequence[str]
    groups: dict[str, list[str]] = field(default_factory=dict)
    clusters: Sequence[str] = field(default=(), kw_only=True)

    def __len__(self) -> int:
        return len(self.sources)

    @property
    def targets(self) -> list[str]:
        """The first reference of every source."""
        return [given[0] for given in self.references]

    def take(self, rows: Sequence[int]) -> "Pairs":
        """The pairs at these rows, in their order."""
        groups = {name: [values[row] for row in rows] for name, values in self.groups.items()}
        return Pairs(
            [self.sources[row] for row in rows],
            [self.references[row] for row in rows],
            [self.ids[row] for row in rows],
            groups,
            clusters=[self.clusters[row] for row in rows] if self.clusters else (),
        )
