"""Entity linking: the entities that a question names, exactly, by an alias or nearly, ranked with its context."""

from collections.abc import Collection, Sequence
from typing import Literal, NamedTuple

from rdflib.term import Node

from interlace.errors import UserError
from interlace.knowledge_graph.graph import WORD, KnowledgeGraph, plain_words

Match = Literal["exact", "alias", "fuzzy"]
MASK = "ENTITY"  # stands in a question in place of the entity's name
SCORES: dict[Match, float] = {"exact": 1.0, "alias": 0.95, "fuzzy": 0.9}  # fuzzy: times the similarity
FEWEST_LETTERS = 4  # of a name, and of what is compared with it, where it need not be written as it is
MOST_FUZZY_WORDS = 6  # of a span that is compared with all names
ROUNDING = 1e-9  # .8 is reached by one edit of five letters
MOST_FUZZY = 5  # entities that one span is taken for
STEP_VOTE = 0.2  # for a candidate that has the first relation of the path asked for
WORD_VOTE, MOST_WORDS = 0.02, 4  # for each other word of the question in the names of its neighbours
MOST_NEIGHBOURS = 200  # of a relation, whose names are looked at


class Candidate(NamedTuple):
    """An entity for a span of the question: characters `start` to `end`, the kind of match, and its score in [0, 1]."""

    entity: Node
    start: int
    end: int
    match: Match
    score: float


class EntityLinker:
    """Candidates for the entity of a question.

    Names are compared without case, accents and punctuation; those of fewer than `FEWEST_LETTERS` letters as they are
    written. Spans of words that are a name or an alias are taken, the longest first and without overlaps. Spans of
    other words, also with those inside, are compared with all names by 1 - edits / length of the longer one (optimal
    string alignment: insert, delete, replace, exchange neighbours; by rapidfuzz) from `fuzzy_cutoff` on, and replace
    what they contain; 1 takes exact names alone. Cost: a dictionary look-up a span, and a comparison with each name of
    the graph for each span of at most `MOST_FUZZY_WORDS` words that is no name.
    """

    def __init__(self, graph: KnowledgeGraph, fuzzy_cutoff: float) -> None:
        if not 0 < fuzzy_cutoff <= 1:
            raise UserError(f"model.fuzzy_cutoff: got {fuzzy_cutoff}; expected above 0 and at most 1")
        self.graph = graph
        self.fuzzy_cutoff = fuzzy_cutoff
        self._index: dict[str, dict[Node, Match]] = {}
        self._short: dict[Node, list[str]] = {}
        for entity in graph.entities:
            for rank, name in enumerate(graph.all_names(entity)):
                key = " ".join(plain_words(name))
                if key:
                    self._index.setdefault(key, {}).setdefault(entity, "alias" if rank else "exact")
                    if len(key) < FEWEST_LETTERS:
                        self._short.setdefault(entity, []).append(name)
        self._longest = max((key.count(" ") + 1 for key in self._index), default=0)
        self._names = [key for key in self._index if len(key) >= FEWEST_LETTERS]

    def candidates(self, question: str) -> list[Candidate]:
        """All candidates of a question, the best score first, of equal ones the longest and first."""
        spans = [(match.start(), match.end()) for match in WORD.finditer(question)]
        words = [" ".join(plain_words(question[start:end])) for start, end in spans]
        taken = [False] * len(words)
        found: list[Candidate] = []
        for size in range(min(self._longest, len(words)), 0, -1):
            for first in range(len(words) - size + 1):
                if any(taken[first : first + size]):
                    continue
                start, end = spans[first][0], spans[first + size - 1][1]
                named = self._named(" ".join(words[first : first + size]), question[max(0, start - 1) : end + 1])
                if named:
                    taken[first : first + size] = [True] * size
                    found += [Candidate(entity, start, end, match, SCORES[match]) for entity, match in named]
        if self.fuzzy_cutoff < 1:
            near = self._fuzzy(words, spans, taken, {each.entity for each in found})
            found = [each for each in found if not any(_contains(other, each) for other in near)] + near
        return sorted(found, key=lambda each: (-each.score, each.start - each.end, each.start))

    def _named(self, key: str, written: str) -> list[tuple[Node, Match]]:
        """The entities of a key; `written`: the span with the characters beside it, in which a short name stands."""
        named = self._index.get(key, {})
        if len(key) >= FEWEST_LETTERS:
            return list(named.items())
        return [(e, match) for e, match in named.items() if any(name in written for name in self._short[e])]

    def _fuzzy(
        self, words: Sequence[str], spans: Sequence[tuple[int, int]], taken: Sequence[bool], exact: Collection[Node]
    ) -> list[Candidate]:
        """Fuzzy candidates, without the entities that were found exactly."""
        from rapidfuzz import process
        from rapidfuzz.distance import OSA

        found = []
        for size in range(1, min(self._longest, MOST_FUZZY_WORDS) + 1):
            for first in range(len(words) - size + 1):
                text = " ".join(words[first : first + size])
                if all(taken[first : first + size]) or len(text) < FEWEST_LETTERS:
                    continue
                near = process.extract(
                    text, self._names, scorer=OSA.normalized_similarity, processor=None,
                    score_cutoff=self.fuzzy_cutoff - ROUNDING, limit=MOST_FUZZY,
                )  # fmt: skip
                start, end = spans[first][0], spans[first + size - 1][1]
                found += [
                    Candidate(entity, start, end, "fuzzy", SCORES["fuzzy"] * similarity)
                    for name, similarity, _ in near
                    for entity in self._index[name]
                    if entity not in exact
                ]
        return found

    def vote(self, question: str, candidate: Candidate, first_steps: Collection[tuple[str, bool]]) -> float:
        """The score of a candidate with the votes of its context: for having one of the relations `first_steps` (key,
        inverse), and for each other word of the question that stands in the name of a neighbour."""
        steps = list(self.graph.steps(candidate.entity))
        score = candidate.score + (STEP_VOTE if any(step in first_steps for step in steps) else 0.0)
        others = set(plain_words(question[: candidate.start]) + plain_words(question[candidate.end :]))
        near = set()
        for key, inverse in steps:
            for node in list(self.graph.follow([candidate.entity], key, inverse))[:MOST_NEIGHBOURS]:
                near.update(plain_words(self.graph.name(node) or ""))
        return score + WORD_VOTE * min(MOST_WORDS, len(others & near))


def _contains(longer: Candidate, shorter: Candidate) -> bool:
    return longer.start <= shorter.start and shorter.end <= longer.end


def masked(question: str, candidate: Candidate | None) -> str:
    """The question with `MASK` in place of the entity's name; without a candidate as it is."""
    if candidate is None:
        return question
    return f"{question[: candidate.start]}{MASK}{question[candidate.end :]}"
