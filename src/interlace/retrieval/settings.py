"""The choices by which passages are ranked."""

from dataclasses import asdict, dataclass
from typing import Annotated, Any, Literal

from pydantic import Field

from interlace.errors import UserError
from interlace.metrics.ranking import RANKED
from interlace.retrieval.terms import Terms
from interlace.retrieval.windows import Windows

Combine = Literal["bm25", "dense", "rrf", "weighted"]


@dataclass(frozen=True, kw_only=True)
class Ranking:
    """`combine`: BM25 alone, vectors alone, both by reciprocal rank fusion, or both by a weighted sum of standardised
    scores.

    `windows`: a passage has one vector, or one for each sentence and each pair of neighbouring sentences, the best of
    which counts (MaxP, Dai and Callan 2019). `depth` passages are taken from each ranking and kept of the result.
    `weight` of the vectors' (and of the re-ranker's) scores: null has `choose_by` on validation queries decide, on a
    grid of 0, 0.05, ..., 1. The first `rerank_depth` passages are scored by the cross-encoder of a run that has one.
    """

    combine: Combine
    windows: Windows
    terms: Terms
    k1: Annotated[float, Field(ge=0)]
    b: Annotated[float, Field(ge=0, le=1)]
    rrf_constant: Annotated[int, Field(ge=1)]
    depth: Annotated[int, Field(ge=1, le=1000)]
    rerank_depth: Annotated[int, Field(ge=1, le=1000)]
    weight: Annotated[float, Field(ge=0, le=1)] | None
    choose_by: str

    def __post_init__(self) -> None:
        if self.choose_by not in RANKED:
            raise UserError(f"retrieval.choose_by: got {self.choose_by!r}; expected one of {', '.join(RANKED)}")

    @property
    def uses_vectors(self) -> bool:
        """True if passages need vectors."""
        return self.combine != "bm25"

    @property
    def uses_terms(self) -> bool:
        """True if BM25 has a part in it."""
        return self.combine != "dense"

    def plain(self) -> dict[str, Any]:
        """As keyword arguments; plain JSON types."""
        return asdict(self)
