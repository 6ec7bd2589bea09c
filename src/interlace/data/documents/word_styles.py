"""Formats of runs of Word documents, and the styles and fonts that mark code."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from interlace.reading.office_open_xml import Package

if TYPE_CHECKING:
    from lxml.etree import _Element

STYLES = re.compile(r"wordprocessingml\.styles\+xml$")
CODE = re.compile(r"\b(?:code|verbatim|preformatted|program listing|source ?code|html ?code)\b", re.IGNORECASE)
MONOSPACED = re.compile(
    r"\bmono\b|mono$|\bcourier|^consolas|^menlo|^monaco|^lucida console|^cascadia|^fira code|^source code|^inconsolata"
    r"|^andale|^fixedsys|^terminal$|^ocr",
    re.IGNORECASE,
)
DEEPEST = 20  # styles that are based on another; Word allows about ten
# Properties of a run that do not show: its language, and marks of the spelling checker.
UNSEEN = ("lang", "noProof", "rPrChange", "webHidden")


@dataclass
class CodeStyles:
    """The ids of styles whose name or font marks code; `fonts`: whether fonts mark it.

    They do not where the text of the whole document is monospaced. `found` counts the texts that are code.
    """

    styles: frozenset[str]
    fonts: bool
    found: int = 0

    @classmethod
    def read(cls, package: Package) -> CodeStyles:
        """Read the styles of a package; without any, fonts mark code."""
        parts = [name for name, kind in package.content_types.items() if STYLES.search(kind)]
        if not parts:
            return cls(frozenset(), True)
        root = package.xml(parts[0])
        defaults = [
            *root.iterfind("{*}docDefaults/{*}rPrDefault/{*}rPr"),
            *(rpr for style in root.iterfind("{*}style") if _on(style, "default") for rpr in style.iterfind("{*}rPr")),
        ]
        fonts = not any(_is_monospaced(properties) for properties in defaults)
        styles = {attribute(style, "styleId"): style for style in root.iterfind("{*}style")}
        return cls(frozenset(name for name in styles if _is_code(name, styles, fonts)), fonts)

    def is_code_paragraph(self, paragraph: _Element) -> bool:
        """Tell whether the style of a paragraph marks code."""
        return any(attribute(style, "val") in self.styles for style in paragraph.iterfind("{*}pPr/{*}pStyle"))

    def is_code_run(self, run: _Element | None) -> bool:
        """Tell whether the style or font of a run marks code."""
        properties = None if run is None else run.find("{*}rPr")
        if properties is None:
            return False
        if any(attribute(style, "val") in self.styles for style in properties.iterfind("{*}rStyle")):
            return True
        return self.fonts and _is_monospaced(properties)


def format_of(run: _Element | None, space: str) -> object:
    """Return a key that is equal for runs that look the same."""
    properties = None if run is None else run.find(f"{space}rPr")
    if properties is None:
        return ()
    return tuple(
        (str(element.tag), tuple(sorted(element.attrib.items())))
        for element in properties
        if isinstance(element.tag, str) and element.tag.removeprefix(space) not in UNSEEN
    )


def _is_code(name: str, styles: Mapping[str, _Element], fonts: bool) -> bool:
    """Tell whether a style, or one that it is based on, marks code."""
    for _ in range(DEEPEST):
        style = styles.get(name)
        if style is None:
            return False
        if any(CODE.search(attribute(title, "val")) for title in style.iterfind("{*}name")) or CODE.search(name):
            return True
        if fonts and any(_is_monospaced(properties) for properties in style.iterfind("{*}rPr")):
            return True
        based = style.find("{*}basedOn")
        if based is None:
            return False
        name = attribute(based, "val")
    return False


def _is_monospaced(properties: _Element) -> bool:
    return any(
        MONOSPACED.search(attribute(fonts, "ascii") or attribute(fonts, "hAnsi")) is not None
        for fonts in properties.iterfind("{*}rFonts")
    )


def _on(element: _Element, name: str) -> bool:
    return attribute(element, name) in ("1", "true", "on")


def attribute(element: _Element, name: str) -> str:
    """Return an attribute of an element by its name without the namespace."""
    return next((value for key, value in element.attrib.items() if key.rpartition("}")[2] == name), "")
