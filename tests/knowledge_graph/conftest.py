"""The graph of countries and a small graph with homonyms."""

import pytest
from rdflib import Graph

from interlace.knowledge_graph.graph import KnowledgeGraph
from interlace.knowledge_graph.questions import QuestionMaker, QuestionOptions
from interlace.knowledge_graph.templates import read_templates

TOY = """
@prefix : <http://e/> . @prefix rdfs: <http://www.w3.org/2000/01/rdf-schema#> .
@prefix skos: <http://www.w3.org/2004/02/skos/core#> .
:LU rdfs:label "Luxembourg" ; skos:altLabel "Luxemburg" ; :capital :LUC ; :neighbour :DE, :FR .
:LUC rdfs:label "Luxembourg" .
:DE rdfs:label "Germany" ; skos:altLabel "Deutschland" ; :capital :BER ; :neighbour :FR, :LU .
:BER rdfs:label "Berlin" .
:FR rdfs:label "France" ; :capital :PAR ; :neighbour :DE, :LU ; :motto "to" .
:PAR rdfs:label "Paris" .
:PT rdfs:label "Paris" ; :state :TX .
:TX rdfs:label "Texas" .
:IS rdfs:label "Iceland" ; :capital :REY .
:REY rdfs:label "Reykjavík" .
"""


@pytest.fixture(scope="session")
def toy() -> KnowledgeGraph:
    return KnowledgeGraph(Graph().parse(data=TOY, format="turtle"))


@pytest.fixture(scope="session")
def countries() -> KnowledgeGraph:
    return KnowledgeGraph.read(None)


OPTIONS = {
    "num_train": 300, "num_val": 100, "num_test": 200, "two_hops": 0.5, "unanswerable": 0.2, "aliases": 0.2,
    "typos": 0.1, "unseen_entities": 0.3, "unseen_templates": 0.25, "most_answers": 4, "seed": 0,
}  # fmt: skip


@pytest.fixture(scope="session")
def maker(countries: KnowledgeGraph) -> QuestionMaker:
    return QuestionMaker(countries, read_templates(None, countries), QuestionOptions(**OPTIONS))
