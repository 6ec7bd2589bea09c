"""Against the reference implementation: what graphql-core's own executor answers, for every construct a client uses."""

import pytest
from graphql import build_schema, graphql_sync

from tests.servers.graphql import Document

SCHEMA = """
    interface Named { name: String }
    type Entity implements Named { name: String }
    type Run implements Named { name: String, id: ID, tags: [String], of: Entity,
        steps(first: Int, after: [Int]): [Int] }
    type Query { run(name: String): Run, runs(names: [String!]): [Run] }
"""
RUNS = {
    "a": {"__typename": "Run", "id": "1", "name": "a", "tags": ["x"], "of": {"__typename": "Entity", "name": "e"}},
    "b": {"__typename": "Run", "id": "2", "name": "b", "tags": None, "of": None},
}
for number, each in enumerate(RUNS.values()):
    each["steps"] = lambda first=3, after=(), number=number: [*(after or ()), *range(number, number + first)]


@pytest.mark.parametrize(
    ("query", "variables"),
    [
        ("{ run(name: \"a\") { name other: id steps(first: 1) } }", {}),
        ("query A($n: String!) { first: run(name: $n) { ...F } } fragment F on Run { name of { name } }", {"n": "a"}),
        ("query A($n: [String!]) { runs(names: $n) { id of { name } of { __typename } } }", {"n": ["b", "a"]}),
        ("query A($n: String = \"b\", $yes: Boolean!) "
         "{ run(name: $n) { id tags @include(if: $yes) name @skip(if: $yes) } }",
         {"yes": False}),
        ("query A($k: Int) { run(name: \"b\") { ... on Run { id } "
         "... @include(if: true) { steps(first: 2, after: [7, $k]) } } }",
         {"k": 8}),
    ],
)  # fmt: skip
def test_the_selected_fields_are_those_of_the_reference(query, variables):
    schema = build_schema(SCHEMA)
    root = {"run": lambda name: RUNS[name], "runs": lambda names: [RUNS[n] for n in names]}
    given = {
        "run": lambda info, name: RUNS[name],
        "runs": lambda info, names: [RUNS[n] for n in names],
    }

    def resolve(source, info, **arguments):
        value = source[info.field_name]
        if not callable(value):
            return value
        return value(info, **arguments) if source is given else value(**arguments)

    expected = graphql_sync(schema, query, given, variable_values=variables, field_resolver=resolve)
    document = Document(query, None, variables)
    assert expected.errors is None
    assert document.answer(root) == expected.data
    assert not document.absent


def test_a_fragment_on_another_type_is_left_out():
    """The reference refuses such a document when it validates; a server without a schema meets it on unions."""
    document = Document("{ run { id ... on Entity { name } } }", None, {})
    assert document.answer({"run": lambda: RUNS["a"]}) == {"run": {"id": "1"}}


def test_what_the_data_do_not_hold_is_null_and_noted():
    document = Document("{ run { id color } }", None, {})
    assert document.answer({"run": lambda: {"__typename": "Run", "id": 1}}) == {"run": {"id": 1, "color": None}}
    assert document.absent == {"Run.color"}
