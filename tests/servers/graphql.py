"""The selected fields of plain nested data: aliases, fragments, variables, `@include` and `@skip`, without a schema."""

from collections.abc import Callable, Iterator, Mapping
from typing import Any

from graphql import (
    FieldNode,
    FragmentDefinitionNode,
    FragmentSpreadNode,
    InlineFragmentNode,
    OperationDefinitionNode,
    SelectionSetNode,
    parse,
    value_from_ast_untyped,
)

# Types that a condition on an interface or union takes in.
INTERFACES = {"ArtifactCollection": {"ArtifactSequence", "ArtifactPortfolio"}}


class Document:
    """One operation of a request.

    `answer(root)`: `root` maps the operation's own fields to functions of their arguments. A value in what they return
    may again be a function of the field's arguments. A field that the data do not hold is null, and is noted in
    `absent` as "Type.field", or "field" where the type is not known.
    """

    def __init__(self, text: str, name: str | None, variables: Mapping[str, Any] | None) -> None:
        definitions = parse(text).definitions
        self.fragments = {d.name.value: d for d in definitions if isinstance(d, FragmentDefinitionNode)}
        operations = [d for d in definitions if isinstance(d, OperationDefinitionNode)]
        self.operation = next(o for o in operations if not name or (o.name and o.name.value == name))
        self.name = self.operation.name.value if self.operation.name else ""
        self.variables = {
            d.variable.name.value: value_from_ast_untyped(d.default_value)
            for d in self.operation.variable_definitions or ()
            if d.default_value is not None
        } | dict(variables or {})
        self.absent: set[str] = set()

    def answer(self, root: Mapping[str, Callable[..., Any]]) -> dict[str, Any]:
        """The reply's `data`; KeyError names a field that the server does not have."""
        data = {}
        for field in self._fields(self.operation.selection_set, None):
            data[_key(field)] = self._value(field, root[field.name.value])
        return data

    def _value(self, field: FieldNode, value: Any) -> Any:
        if callable(value):
            value = value(
                **{a.name.value: value_from_ast_untyped(a.value, self.variables) for a in field.arguments or ()}
            )
        return value if field.selection_set is None else self._selected(field.selection_set, value)

    def _selected(self, selection: SelectionSetNode, value: Any) -> Any:
        if value is None:
            return None
        if isinstance(value, list):
            return [self._selected(selection, each) for each in value]
        kind = value.get("__typename")
        found: dict[str, Any] = {}
        for field in self._fields(selection, kind):
            name = field.name.value
            if name not in value:
                self.absent.add(f"{kind}.{name}" if kind else name)
            chosen = self._value(field, value.get(name))
            earlier = found.get(_key(field))
            found[_key(field)] = _merged(earlier, chosen)
        return found

    def _fields(self, selection: SelectionSetNode, kind: str | None) -> Iterator[FieldNode]:
        for node in selection.selections:
            if not self._included(node):
                continue
            if isinstance(node, FieldNode):
                yield node
            elif isinstance(node, FragmentSpreadNode):
                fragment = self.fragments[node.name.value]
                if _matches(fragment.type_condition.name.value, kind):
                    yield from self._fields(fragment.selection_set, kind)
            elif isinstance(node, InlineFragmentNode) and (
                node.type_condition is None or _matches(node.type_condition.name.value, kind)
            ):
                yield from self._fields(node.selection_set, kind)

    def _included(self, node: Any) -> bool:
        for directive in node.directives or ():
            condition = value_from_ast_untyped(directive.arguments[0].value, self.variables)
            if bool(condition) != (directive.name.value == "include"):
                return False
        return True


def _key(field: FieldNode) -> str:
    return field.alias.value if field.alias else field.name.value


def _matches(condition: str, kind: str | None) -> bool:
    return kind is None or kind == condition or kind in INTERFACES.get(condition, ())


def _merged(earlier: Any, later: Any) -> Any:
    """Two selections of one field are one, as the standard has it."""
    if isinstance(earlier, dict) and isinstance(later, dict):
        return earlier | {key: _merged(earlier.get(key), value) for key, value in later.items()}
    return later
