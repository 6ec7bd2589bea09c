"""Signatures of components."""

from typing import Any

import pytest

from interlace.configuration.checking import check_options
from interlace.configuration.construction import signature_of
from interlace.errors import UserError


class Shared:
    def __init__(self, *, size: int, kind: str) -> None:
        self.given = (size, kind)


class Narrower(Shared):
    fixed_options = frozenset({"kind"})

    def __init__(self, *, extra: bool, **options: Any) -> None:
        super().__init__(kind="fixed", **options)
        self.extra = extra


class Same(Narrower):
    pass


class Coloured:
    def __init__(self, *, colour: str, **options: Any) -> None:
        super().__init__(**options)
        self.colour = colour


class Several(Coloured, Narrower):
    fixed_options = frozenset({"extra"})

    def __init__(self, **options: Any) -> None:
        super().__init__(extra=True, **options)


def test_options_are_those_along_the_order_of_the_classes() -> None:
    assert list(signature_of(Several)[0]) == ["colour", "size"]
    built = Several(colour="red", size=2)
    assert (built.colour, built.extra, built.given) == ("red", True, (2, "fixed"))


def test_options_of_the_base_class_stand_once() -> None:
    """`**options` are those of the base class, checked like one's own, but for those that the class gives itself."""
    parameters, types = signature_of(Narrower)
    assert list(parameters) == ["extra", "size"]
    assert (types["size"], types["extra"]) == (int, bool)
    assert list(signature_of(Same)[0]) == ["extra", "size"]
    with pytest.raises(UserError, match=r"data.kind: .* has no such option"):
        check_options("data", Narrower, {"extra": True, "size": 1, "kind": "other"})
    with pytest.raises(UserError, match=r"data.size: got 'x'"):
        check_options("data", Narrower, {"extra": True, "size": "x"})
    with pytest.raises(UserError, match=r"data.size: missing"):
        check_options("data", Narrower, {"extra": True})
