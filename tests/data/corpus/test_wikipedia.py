"""Dumps of Wikipedia: streamed, articles alone, words alone; what is no dump is told."""

import bz2
import gzip
import tracemalloc
from collections import Counter
from html import escape
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

pytest.importorskip("mwparserfromhell")

from interlace.data.corpus import read_documents
from interlace.data.corpus.reading import format_of
from interlace.data.corpus.wikipedia import plain_text
from interlace.errors import UserError
from interlace.reading import media_wiki

NAMES = {-1: "Spezial", 0: "", 6: "Datei", 14: "Kategorie"}
HEAD = (
    '<mediawiki xmlns="http://www.mediawiki.org/xml/export-0.11/" version="0.11" xml:lang="de">\n<siteinfo>'
    "<sitename>Wikipedia</sitename><namespaces>"
    + "".join(f'<namespace key="{key}" case="first-letter">{name}</namespace>' for key, name in NAMES.items())
    + "</namespaces></siteinfo>\n"
)


def page(title: str, text: str, namespace: int | str = 0, redirect: str | None = None) -> str:
    leads = f'<redirect title="{redirect}" />' if redirect else ""
    return (
        f"<page><title>{escape(title)}</title><ns>{namespace}</ns><id>7</id>{leads}<revision><id>8</id>"
        f"<contributor><username>An author</username></contributor><comment>not text</comment>"
        f'<text bytes="9" xml:space="preserve">{escape(text, quote=False)}</text><sha1>abc</sha1></revision></page>\n'
    )


def dump(*pages: str) -> bytes:
    return (HEAD + "".join(pages) + "</mediawiki>\n").encode()


ARTICLE = """{{Infobox Ort|name=Ulm|text={{nested|a}}}}
[[Datei:Ulm.jpg|mini|Ein [[Bild]] der Stadt]]
'''Ulm''' ist eine [[Stadt|große Stadt]] an der [[Donau]]<ref name="a">Quelle</ref> &amp; mehr.<!-- nicht -->

== Geschichte ==
{| class="wikitable"
! Jahr !! Was
|-
| 854 || [[Urkunde]]
|}
* ein Punkt
[https://example.org ein Verweis] und <math>x^2</math>.
__NOTOC__
[[Kategorie:Ulm]] [[Category:Other]] [[:Kategorie:Ulm]]"""


def test_articles_alone_and_their_words(tmp_path: Path) -> None:
    path = tmp_path / "dewiki-20260101-pages-articles.xml"
    path.write_bytes(dump(
        page("Ulm", ARTICLE), page("Ulma", "#WEITERLEITUNG [[Ulm]]", redirect="Ulm"), page("Diskussion:Ulm", "Hm", 1),
        page("Neu", "Zwei <b>Wörter</b>"), page("Leer", "{{Vorlage}}"),
    ))  # fmt: skip
    counts: Counter[str] = Counter()
    found = list(read_documents([path], counts=counts))
    assert len(found) == 2
    assert found[1] == "Zwei Wörter"
    words = found[0].split()
    assert " ".join(words).startswith("Ulm ist eine große Stadt an der Donau & mehr. Geschichte")
    assert "ein Verweis und" in found[0]
    for gone in (
        "Infobox",
        "nested",
        "Bild",
        "Quelle",
        "nicht",
        "854",
        "Jahr",
        "NOTOC",
        "x^2",
        "[[",
        "Category",
        "'''",
    ):
        assert gone not in found[0], gone
    assert counts == {"read": 2, "redirects": 1, "other_namespaces": 1}


@pytest.mark.parametrize("name", ["a.xml.bz2", "a.xml.gz", "a.xml", "a1.xml-p1p41242.bz2"])
def test_packed_dumps_are_read_as_they_are(name: str, tmp_path: Path) -> None:
    """A multistream dump is several bzip2 streams one behind the other."""
    content = dump(*(page(f"t{i}", f"Text {i}") for i in range(50)))
    if name.endswith("bz2"):
        content = bz2.compress(content[:1000]) + bz2.compress(content[1000:])
    elif name.endswith("gz"):
        content = gzip.compress(content)
    (tmp_path / name).write_bytes(content)
    assert format_of(tmp_path / name) == "wikipedia"
    assert list(read_documents([tmp_path / name])) == [f"Text {i}" for i in range(50)]


WRONG = {
    "cut": (dump(page("a", "b" * 500))[:-300], "not well-formed XML .*download it again"),
    "other": (b"<html><body>page</body></html>", "its XML begins with <html>; expected a MediaWiki dump"),
    "text": (b"plain words", "line 1: not well-formed XML"),
    "empty": (b"", "not well-formed XML"),
    "entity": (b'<!DOCTYPE m [<!ENTITY a "aaaa">]><mediawiki>&a;</mediawiki>', "declares the entity 'a'"),
    "namespace": (dump(page("No ns", "text", "main")), "the page 'No ns' has no namespace number"),
    "deep": (b"<mediawiki>" + b"<a>" * 200 + b"</a>" * 200 + b"</mediawiki>", "nests 101 deep"),
    "two": (dump(page("a", "b")) * 2, "not well-formed XML"),
}


@pytest.mark.parametrize("name", WRONG)
def test_what_is_no_dump_is_told(name: str, tmp_path: Path) -> None:
    content, said = WRONG[name]
    (tmp_path / "a.xml").write_bytes(content)
    with pytest.raises(UserError, match=said):
        list(read_documents([tmp_path / "a.xml"]))


@pytest.mark.parametrize("cut", [0.3, 0.9])
def test_damaged_bzip2_is_told(cut: float, tmp_path: Path) -> None:
    packed = bz2.compress(dump(*(page(f"t{i}", f"Text {i * i}") for i in range(500))))
    (tmp_path / "a.xml.bz2").write_bytes(packed[: int(cut * len(packed))])
    with pytest.raises(UserError, match="damaged or truncated"):
        list(read_documents([tmp_path / "a.xml.bz2"]))
    (tmp_path / "a.xml.bz2").write_bytes(b"no bzip2 at all" + packed)
    with pytest.raises(UserError, match="damaged or truncated"):
        list(read_documents([tmp_path / "a.xml.bz2"]))


@pytest.mark.parametrize(
    ("content", "what"),
    [
        (dump(page("long", "x" * 4000)), "a page has more than"),
        (b'<mediawiki a="' + b"x" * 300_000 + b'"></mediawiki>', "a tag has more than"),
    ],
)
def test_a_page_and_a_tag_are_bounded(content: bytes, what: str, tmp_path: Path, monkeypatch) -> None:
    monkeypatch.setenv("INTERLACE_LIMITS", "line_bytes=3000")
    (tmp_path / "a.xml").write_bytes(content)
    with pytest.raises(UserError, match=what):
        list(read_documents([tmp_path / "a.xml"]))


def test_memory_is_that_of_a_page(tmp_path: Path) -> None:
    path = tmp_path / "a.xml.bz2"
    with bz2.open(path, "wt", encoding="utf-8") as stream:
        stream.write(HEAD)
        for i in range(400):
            stream.write(page(f"t{i}", f"{i} " + "word " * 20_000))  # 40 MB
        stream.write("</mediawiki>")
    with path.open("rb") as raw, bz2.open(raw) as stream:
        tracemalloc.start()
        assert sum(1 for _ in media_wiki.pages(stream, path)) == 400
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
    assert peak < 4e6


@settings(max_examples=100, deadline=None)
@given(st.text(st.sampled_from("{}[]|<>'=*#&;:/!-ab \nref"), max_size=60))
def test_any_markup_is_some_text(markup: str) -> None:
    assert isinstance(plain_text(markup, NAMES), str)
