"""The constructor is the schema."""

from typing import Annotated, Literal

import pytest
from pydantic import Field

from interlace.configuration.checking import check_node, check_options, check_value
from interlace.errors import UserError


class Component:
    """A component with typed options."""

    def __init__(
        self,
        *,
        injected: object,
        width: Annotated[int, Field(ge=1)],
        rate: float,
        kind: Literal["mean", "max"],
        sizes: tuple[int, ...],
        name: str | None = None,
    ) -> None:
        self.width = width


GOOD = {"width": 3, "rate": 1, "kind": "mean", "sizes": [1, 2], "name": None}
INJECTED = frozenset({"injected"})


def test_good_values_pass():
    check_options("part", Component, GOOD, INJECTED)


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ({"widht": 3}, "part.widht.*did you mean 'width'"),
        ({"width": 0}, "part.width: got 0.*greater than or equal to 1"),
        ({"width": "3"}, "part.width: got '3'.*integer"),
        ({"width": True}, "part.width: got True.*integer"),
        ({"rate": "fast"}, "part.rate: got 'fast'.*number"),
        ({"kind": "median"}, "part.kind: got 'median'.*'mean' or 'max'"),
        ({"sizes": [1, "x"]}, "part.sizes: got .*integer"),
        ({"name": 7}, "part.name: got 7.*string"),
        ({"injected": 1}, "part.injected.*no such option"),
        ({"width": "???"}, "part.width: a value is required"),
    ],
)
def test_bad_values_end_in_one_sentence(change, expected):
    with pytest.raises(UserError, match=expected) as caught:
        check_options("part", Component, {**GOOD, **change}, INJECTED)
    assert "\n" not in str(caught.value)


def test_a_missing_option_and_an_unknown_target_are_named():
    with pytest.raises(UserError, match=r"part\.rate: missing"):
        check_options("part", Component, {k: v for k, v in GOOD.items() if k != "rate"}, INJECTED)
    with pytest.raises(UserError, match=r"fusion\._target_: 'interlace.nothing.Here' stands in no file of conf/fusion"):
        check_node("fusion", {"_target_": "interlace.nothing.Here"})


def test_a_list_may_be_a_tuple_but_text_is_not_a_number():
    check_value("x", [1, 2], tuple[int, int])
    with pytest.raises(UserError):
        check_value("x", [1, 2, 3], tuple[int, int])


@pytest.mark.parametrize(
    ("annotation", "value", "expected"),
    [
        (list[str], "auroc", "should be a list, as [VALUE,VALUE]"),
        (dict[str, float], [1, 2], "keys and values, as {KEY: VALUE}"),
        (Literal["balanced"] | dict[str, float], "balance", "'balanced' or should be keys and values"),
    ],
)
def test_lists_and_mappings_are_asked_for_as_they_are_written(annotation, value, expected):
    class Part:
        def __init__(self, *, given: annotation) -> None: ...

    with pytest.raises(UserError) as caught:
        check_options("part", Part, {"given": value}, frozenset())
    assert expected in str(caught.value)
    assert not {"array", "object"} & set(str(caught.value).split())
