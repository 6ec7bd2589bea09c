"""Passages and queries in memory."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from interlace.errors import UserError


@dataclass
class Collection:
    """Passages by row: ids, titles ("" for none) and texts."""

    ids: list[str]
    titles: list[str]
    texts: list[str]

    def __len__(self) -> int:
        return len(self.ids)

    def searched(self, with_titles: bool) -> list[str]:
        """Texts that are indexed: each passage, after its title as in BEIR where it has one."""
        if not with_titles:
            return self.texts
        return [f"{title} {text}" if title else text for title, text in zip(self.titles, self.texts, strict=True)]


@dataclass
class Queries:
    """Queries of a split: `relevant` maps rows of passages to grades above 0, `clusters` names what queries share,
    such as the article, `answers` holds reference answers where the data have any."""

    ids: list[str] = field(default_factory=list)
    texts: list[str] = field(default_factory=list)
    relevant: list[dict[int, int]] = field(default_factory=list)
    clusters: list[str] = field(default_factory=list)
    answers: list[list[str]] = field(default_factory=list)

    def __len__(self) -> int:
        return len(self.ids)

    def add(self, name: str, text: str, relevant: Mapping[int, int], cluster: str, answers: Sequence[str] = ()) -> None:
        """One query more."""
        self.ids.append(name)
        self.texts.append(text)
        self.relevant.append(dict(relevant))
        self.clusters.append(cluster)
        self.answers.append(list(answers))

    def take(self, rows: Sequence[int]) -> "Queries":
        """Some of the queries."""
        return Queries(*([column[row] for row in rows] for column in vars(self).values()))

    def gains(self, rows: np.ndarray) -> np.ndarray:
        """Grades (Q, K) of the passages `rows` (Q, K) found for each query; 0 where irrelevant or none."""
        return np.array(
            [
                [relevant.get(row, 0) for row in found]
                for relevant, found in zip(self.relevant, rows.tolist(), strict=True)
            ],
            dtype=np.float64,
        ).reshape(rows.shape)

    def ideal(self) -> list[list[float]]:
        """The grades of all relevant passages of each query."""
        return [[float(grade) for grade in each.values()] for each in self.relevant]


def check_unique(ids: Sequence[str], where: str, what: str) -> dict[str, int]:
    """Row by id; UserError for an id that stands there twice."""
    rows: dict[str, int] = {}
    for row, name in enumerate(ids):
        if name in rows:
            raise UserError(f"{where}: {what} {name!r} stands there twice; give each an id of its own")
        rows[name] = row
    return rows
