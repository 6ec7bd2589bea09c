"""Entity linking: exact, alias, fuzzy, and the votes of the context."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from interlace.errors import UserError
from interlace.knowledge_graph.linking import EntityLinker, masked
from interlace.knowledge_graph.names import slips


def found(toy, question: str, cutoff: float = 0.8) -> list[tuple[str, str, str]]:
    linker = EntityLinker(toy, cutoff)
    return [(str(c.entity)[9:], c.match, question[c.start : c.end]) for c in linker.candidates(question)]


def test_names_are_found_without_case_accents_and_punctuation(toy) -> None:
    assert found(toy, "what is the capital of GERMANY's?") == [("DE", "exact", "GERMANY")]
    assert found(toy, "Is Reykjavik big?") == [("REY", "exact", "Reykjavik")]
    assert found(toy, "Who leads Deutschland?") == [("DE", "alias", "Deutschland")]
    assert found(toy, "Who leads nothing?") == []
    assert found(toy, "") == []


@pytest.mark.parametrize("written", ["Germny", "Gremany", "Germaany"])
def test_slips_are_found_by_edits(toy, written: str) -> None:
    """One edit of seven or eight letters: 1 - 1 / 7 = .857, 1 - 1 / 8 = .875; a swap of neighbours is one edit."""
    assert found(toy, f"What is the capital of {written}?") == [("DE", "fuzzy", written)]
    assert found(toy, f"What is the capital of {written}?", cutoff=0.9) == []
    assert found(toy, f"What is the capital of {written}?", cutoff=1) == []


def test_every_slip_of_a_long_name_is_linked(countries) -> None:
    linker = EntityLinker(countries, 0.8)
    node = next(n for n in countries.entities if countries.name(n) == "Kazakhstan")
    for slip in dict.fromkeys(slips("Kazakhstan")):
        assert linker.candidates(f"Where is {slip}?")[0].entity == node


def test_short_names_have_to_be_written_as_they_are(toy) -> None:
    linker = EntityLinker(toy, 1)
    assert [toy.name(c.entity) for c in linker.candidates("Whose motto is TO?")] == []
    assert [toy.name(c.entity) for c in linker.candidates("Whose motto is to?")] == ["to"]


def test_the_relation_votes_among_entities_of_one_name(toy) -> None:
    linker = EntityLinker(toy, 1)
    question = "What is the capital of Luxembourg?"
    votes = {
        inverse: max(linker.candidates(question), key=lambda c: linker.vote(question, c, [("capital", inverse)])).entity
        for inverse in (False, True)
    }
    assert {inverse: str(entity)[9:] for inverse, entity in votes.items()} == {False: "LU", True: "LUC"}


@pytest.mark.parametrize(("question", "entity"), [("Is Paris in Texas hot?", "PT"), ("Is Paris in France hot?", "PAR")])
def test_words_that_name_neighbours_vote(toy, question: str, entity: str) -> None:
    linker = EntityLinker(toy, 1)
    named = [c for c in linker.candidates(question) if question[c.start : c.end] == "Paris"]
    assert len(named) == 2
    assert str(max(named, key=lambda c: linker.vote(question, c, [])).entity)[9:] == entity


def test_the_longest_name_is_taken(countries) -> None:
    linker = EntityLinker(countries, 0.8)
    for question in ("Where is Equatorial Guinea?", "Where is Equatorila Guinea?"):
        (name,) = {countries.name(c.entity) for c in linker.candidates(question)}
        assert name == "Equatorial Guinea"


@settings(max_examples=30)
@given(st.text(max_size=40))
def test_any_text_has_candidates_within_it(toy, text: str) -> None:
    for candidate in EntityLinker(toy, 0.8).candidates(text):
        assert 0 <= candidate.start < candidate.end <= len(text)
        assert 0 < candidate.score <= 1
        assert masked(text, candidate).count("ENTITY") >= 1


@pytest.mark.parametrize("cutoff", [0.0, 1.1, -1])
def test_cutoffs_out_of_range_are_told(toy, cutoff: float) -> None:
    with pytest.raises(UserError, match="fuzzy_cutoff"):
        EntityLinker(toy, cutoff)
