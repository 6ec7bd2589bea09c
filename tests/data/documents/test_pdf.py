"""PDFs: the words of all pages in order, as Markdown; one sentence for what asks for much or has no text."""

import matplotlib
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from matplotlib.backends.backend_pdf import PdfPages
from matplotlib.figure import Figure

from interlace.data.documents.pdf import paragraphs, translate_pdf
from interlace.data.remarks import collect_remarks
from interlace.errors import UserError
from interlace.reading.pdf import Line, read_pdf
from interlace.reading.pdf_text import answer
from tests.data.documents.files import flate, lines, pages_of, pdf, stream


def whole(text: str) -> bool:
    return True


def shout(texts):
    return [text.upper() for text in texts]


def written(folder, content: bytes):
    path = folder / "a.pdf"
    path.write_bytes(content)
    return path


LONG = "A dog runs over the meadow, sees a cat that is asleep,"


def test_pages_paragraphs_and_addresses(tmp_path) -> None:
    first = lines("A title", size=20, top=750) + lines(
        LONG, "and turns to the tree that everybody there calls well-", "known tree (see www.a.org)."
    )
    second = lines("- an item", "1. another", "2 * 3 < [x] & `y_1` _z_ &lt;", "https://a.org/b_c_*d", step=40)
    path = written(tmp_path, pages_of(first, lines("   "), second))
    with collect_remarks() as remarks:
        made = translate_pdf(path, shout, whole)
    expected = f"""<!-- page 1 -->

A TITLE

{LONG.upper()} AND TURNS TO THE TREE THAT EVERYBODY THERE CALLS WELLKNOWN TREE (SEE www.a.org).

<!-- page 2 -->

<!-- page 3 -->

\\- AN ITEM

1\\. ANOTHER

2 \\* 3 \\< \\[X\\] & \\`Y_1\\` \\_Z\\_ \\&LT;

https://a.org/b_c_*d
"""
    assert made == expected
    assert list(remarks) == [
        "the text of a PDF is written as Markdown; layout, tables, pictures and links do not come along",
        "pages without text, which may be pictures, have nothing in the translation: 2",
    ]


@pytest.mark.parametrize("kind", [3, 42])
def test_the_words_of_another_writer_come_in_order(kind, tmp_path) -> None:
    path, said = tmp_path / "a.pdf", [["a dog runs", "été über straße"], ["Привет мир"]]
    with matplotlib.rc_context({"pdf.fonttype": kind}), PdfPages(path) as pages:
        for texts in said:
            figure = Figure()
            for number, text in enumerate(texts):
                figure.text(0.1, 0.9 - 0.1 * number, text)
            pages.savefig(figure)
    assert [[line.text for line in page] for page in read_pdf(path)] == said


WORDS = st.lists(st.sampled_from(["a", "dog", "Katze", "x-", "été", "1.", "(b)"]), min_size=1, max_size=8).map(" ".join)


@settings(max_examples=20, deadline=None)
@given(pages=st.lists(st.lists(st.tuples(WORDS, st.sampled_from([10, 12]), st.sampled_from([12, 14, 30]))), min_size=1))
def test_no_word_is_lost(pages) -> None:
    drawn, expected = [], []
    for page in pages:
        top, content = 700, b""
        for text, size, step in page:
            content += lines(text, top=top, size=size)
            top -= step
        drawn.append(content)
        expected.append("".join("".join(text for text, _, _ in page).split()))
    found = answer(pages_of(*drawn))["pages"]
    assert ["".join("".join(line[0] for line in page).split()) for page in found] == expected
    joined = ["".join(paragraphs([Line(*line) for line in page])).replace(" ", "") for page in found]
    assert [each.replace("-", "") for each in joined] == [each.replace("-", "") for each in expected]


PAGES = [b"<< /Type /Catalog /Pages 2 0 R >>"]
GOOD = pages_of(lines("a dog"))
ENCRYPTED = b"/Encrypt << /Filter /Standard /V 1 /R 2 /P -4 /O <%b> /U <%b> >>" % (b"00" * 32, b"00" * 32)


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (b"hello", "not a PDF by its content"),
        (b"%PDF-1.4\n", "damaged or truncated"),
        (GOOD[:300], "damaged or truncated"),
        (pages_of(b"0 0 9 9 re f", b""), "no text in its 2 pages, which may be pictures"),
        (pdf([*PAGES, b"<< /Type /Pages /Kids [] /Count 99999999999 >>"]), "it has no pages"),
        (pdf([*PAGES, b"<< /Type /Pages /Kids [] /Count 0 >>"], ENCRYPTED), "encrypted"),
    ],
)
def test_what_cannot_be_read_is_told_in_one_sentence(content, told, tmp_path) -> None:
    path = written(tmp_path, content)
    with pytest.raises(UserError) as error:
        translate_pdf(path, shout, whole)
    assert told in str(error.value)
    assert str(error.value).startswith(str(path))
    assert "\n" not in str(error.value)


DEEP = pdf([*PAGES, *(b"<< /Type /Pages /Kids [%d 0 R] /Count 1 >>" % (number + 3) for number in range(500))])
ITSELF = stream(b"/X Do /X Do", b"/Type /XObject /Subtype /Form /Resources << /XObject << /X 4 0 R >> >>")


@pytest.mark.parametrize(
    ("content", "kind"),
    [
        (pages_of(flate(bytes(80 << 20)), entries=b"/Filter /FlateDecode"), "much"),
        (pages_of(flate(bytes(80 << 20), 2), entries=b"/Filter [/FlateDecode /FlateDecode]"), "much"),
        (pdf([*PAGES, b"<< /Type /Pages /Kids [2 0 R 2 0 R] /Count 9 >>"]), "damaged"),
        (DEEP, "much"),
        (pages_of(b"[" * 100_000), "damaged"),
        (pdf([b"<< /Type /Catalog /Pages " + b"[" * 100_000 + b" >>"]), "damaged"),
    ],
)
def test_bombs_are_defused(content, kind) -> None:
    assert answer(content)["error"] == kind


def test_a_form_that_holds_itself_ends() -> None:
    page = b"<< /Type /Page /Parent 2 0 R /Contents 5 0 R /Resources << /XObject << /X 4 0 R >> >> >>"
    objects = [*PAGES, b"<< /Type /Pages /Kids [3 0 R] /Count 1 >>", page, ITSELF, stream(b"/X Do")]
    assert answer(pdf(objects)) == {"pages": [[]]}


@settings(max_examples=60, deadline=None)
@given(cut=st.integers(0, len(GOOD)), at=st.integers(0, len(GOOD)), put=st.binary(max_size=4))
def test_damage_is_read_or_told(cut, at, put) -> None:
    assert set(answer((GOOD[:at] + put + GOOD[at + len(put) :])[:cut])) in ({"pages"}, {"error", "detail"})


@pytest.mark.parametrize(
    ("limit", "told"), [("pdf_seconds=1", "pdf_seconds"), ("pdf_memory_bytes=120M", "pdf_memory_bytes")]
)
def test_the_process_is_bounded_in_time_and_memory(limit, told, tmp_path, monkeypatch) -> None:
    monkeypatch.setenv("INTERLACE_LIMITS", limit)
    path = written(
        tmp_path, pages_of(flate(b"BT /F 9 Tf (" + b"a" * 8_000_000 + b") Tj ET"), entries=b"/Filter /FlateDecode")
    )
    with pytest.raises(UserError, match=f"the limit {told}; where you trust the file, raise it"):
        read_pdf(path)
