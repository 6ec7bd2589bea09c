"""Word documents: text changes, and nothing else; every part, element, style and address stays."""

import io
import re
import zipfile
from pathlib import Path

import docx
import pytest
from docx.shared import Pt
from hypothesis import given, settings
from hypothesis import strategies as st
from lxml import etree

from interlace.data.documents.word import translate_word
from interlace.data.remarks import collect_remarks
from interlace.errors import UserError
from tests.data.documents import files
from tests.data.documents.files import bold, paragraph, word, zipped

STYLES = ["Normal", "Heading 1", "List Bullet", "Quote"]
WORDS = st.lists(st.sampled_from(["dog", "Katze", "été", "l'eau", "Мир", "runs"]), min_size=1, max_size=6)
SENTENCE = st.tuples(WORDS, st.sampled_from(".!?")).map(lambda pair: " ".join(pair[0]) + pair[1])
ADDRESS = st.sampled_from(["https://example.org/a_(b)?c=d#e", "me@example.org", "www.example.org/x"])
TOKEN = st.one_of(
    SENTENCE.map(lambda text: ("text", text)), ADDRESS.map(lambda text: ("kept", text)),
    st.sampled_from(["print('hi')", "x = dog"]).map(lambda text: ("code", text)),
)  # fmt: skip
FORMAT = st.tuples(st.booleans(), st.sampled_from([None, 9, 14]))
PARAGRAPH = st.tuples(
    st.sampled_from(STYLES), st.lists(st.tuples(TOKEN, st.lists(FORMAT, min_size=1, max_size=3)), max_size=4)
)
DOCUMENT = st.tuples(st.lists(PARAGRAPH, min_size=1, max_size=4), st.lists(PARAGRAPH, min_size=1, max_size=4))


def marked(text: str) -> str:
    return " ".join(f"Ω{each}" for each in text.split())


def each_marked(texts):
    return [marked(text) for text in texts]


def same(texts):
    return list(texts)


def whole(text: str) -> bool:
    return True


def filled(target, content) -> str:
    """Write tokens into a paragraph, each cut into runs of several formats; return their text after `marked`."""
    expected = []
    for (kind, text), formats in content:
        cut = -(-len(text) // len(formats))
        for number, (is_bold, size) in enumerate(formats):
            run = target.add_run(text[number * cut : (number + 1) * cut])
            run.bold, run.font.size = is_bold or None, size and Pt(size)
            if kind == "code":
                run.font.name = "Courier New"
        target.add_run(" ")
        expected.append((marked(text) if kind == "text" else text) + " ")
    return "".join(expected)


def built(content, path: Path) -> list[str]:
    document, expected = docx.Document(), []
    body, cells = content
    for style, tokens in body:
        expected.append(filled(document.add_paragraph(style=style), tokens))
    table = document.add_table(rows=1, cols=len(cells))
    for cell, (_, tokens) in zip(table.rows[0].cells, cells, strict=True):
        expected.append(filled(cell.paragraphs[0], tokens))
    expected.append(filled(document.sections[0].header.paragraphs[0], body[0][1]))
    expected.append(filled(document.sections[0].footer.paragraphs[0], cells[0][1]))
    document.save(path)
    return expected


def paragraphs(document):
    section = document.sections[0]
    cells = [each for row in document.tables[0].rows for cell in row.cells for each in cell.paragraphs]
    return [*document.paragraphs, *cells, *section.header.paragraphs, *section.footer.paragraphs]


def parts(content: bytes) -> dict[str, bytes]:
    """The parts of a document in order; those that are XML in its canonical form."""
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        read = {name: archive.read(name) for name in archive.namelist()}
    return {
        name: etree.tostring(etree.fromstring(data), method="c14n") if data.startswith(b"<?xml") else data
        for name, data in read.items()
    }


def text_of(content: bytes, name: str = "word/document.xml") -> list[str]:
    """The text of each paragraph of a part, marks of notes as * and tabs as in a text."""
    tags = {"t": None, "tab": "\t", "footnoteReference": "*", "noBreakHyphen": "-", "delText": None}
    root = etree.fromstring(parts(content)[name])
    return [
        "".join(
            (node.text or "") if tags[etree.QName(node).localname] is None else tags[etree.QName(node).localname]
            for node in found.iter(*(f"{{{files.NAMESPACE}}}{tag}" for tag in tags))
        )
        for found in root.iter(f"{{{files.NAMESPACE}}}p")
    ]  # fmt: skip


def made(folder: Path, content: bytes, translate=each_marked, fits=whole) -> bytes:
    path = folder / "a.docx"
    path.write_bytes(content)
    return translate_word(path, translate, fits)


@settings(max_examples=8, deadline=None)
@given(content=DOCUMENT)
def test_words_change_and_nothing_else(content, tmp_path_factory) -> None:
    path = tmp_path_factory.mktemp("word") / "a.docx"
    expected = built(content, path)
    if not any(tokens for part in content for _, tokens in part):
        with pytest.raises(UserError, match="no text"):
            translate_word(path, same, whole)
        return
    assert list(parts(translate_word(path, same, whole)).items()) == list(parts(path.read_bytes()).items())
    after = translate_word(path, each_marked, whole)
    before_parts, after_parts = parts(path.read_bytes()), parts(after)
    assert list(before_parts) == list(after_parts)
    changed = re.compile(r"word/(document|header\d|footer\d|comments)\.xml")
    assert all(after_parts[name] == data for name, data in before_parts.items() if not changed.fullmatch(name))
    old, new = docx.Document(str(path)), docx.Document(io.BytesIO(after))
    assert [each.text for each in paragraphs(new)] == expected
    looks = [
        [
            (each.style.name, [(run.bold, run.font.size, run.font.name) for run in each.runs])
            for each in paragraphs(document)
        ]
        for document in (old, new)
    ]
    assert looks[0] == looks[1]


def test_a_sentence_of_several_formats_has_that_of_most_of_its_characters(tmp_path) -> None:
    with collect_remarks() as remarks:
        after = made(tmp_path, word(paragraph("A ", bold("dog that was seen"), " ran. One.")))
    runs = re.findall(
        rb"<w:r>(?:<w:rPr>(<w:b/>)</w:rPr>)?<w:t[^>]*>([^<]*)<",
        zipfile.ZipFile(io.BytesIO(after)).read("word/document.xml"),
    )
    assert [(mark.decode(), text.decode()) for mark, text in runs if text] == [
        ("<w:b/>", "ΩA Ωdog Ωthat Ωwas Ωseen Ωran."), ("", " ΩOne."),
    ]  # fmt: skip
    assert list(remarks) == ["sentences of several formats, which have that of most of their characters throughout: 1"]


NOTE = '<w:r><w:footnoteReference w:id="2"/></w:r>'
LINK = '<w:hyperlink r:id="rId1"><w:r><w:t>the cat</w:t></w:r></w:hyperlink>'
FIELD = (
    '<w:r><w:fldChar w:fldCharType="begin"/></w:r><w:r><w:instrText>REF dog</w:instrText></w:r>'
    '<w:r><w:fldChar w:fldCharType="separate"/></w:r><w:r><w:t>dog</w:t></w:r>'
    '<w:r><w:fldChar w:fldCharType="end"/></w:r>'
)
BOX = "<w:txbxContent><w:p><w:r><w:t>in a box</w:t></w:r></w:p></w:txbxContent>"
DRAWN = (
    f"<w:r><mc:AlternateContent><mc:Choice><w:drawing><wp:anchor>{BOX}</wp:anchor></w:drawing></mc:Choice>"
    f"<mc:Fallback><w:pict>{BOX}</w:pict></mc:Fallback></mc:AlternateContent></w:r>"
)


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        (paragraph("a dog", NOTE, " runs. It"), ["Ωa Ωdog Ωruns.* ΩIt"]),
        (paragraph("a dog.", NOTE, " It"), ["Ωa Ωdog.* ΩIt"]),
        (paragraph("see ", LINK, " now"), ["Ωsee Ωthe Ωcat Ωnow"]),
        (paragraph("a ", FIELD, " runs"), ["Ωa Ωdog Ωruns"]),
        (paragraph("a", "<w:r><w:tab/></w:r>", "b"), ["Ωa\tΩb"]),
        (paragraph("a do", '<w:bookmarkStart w:id="1" w:name="x"/>', "g runs"), ["Ωa Ωdog Ωruns"]),
        (paragraph("e", "<w:r><w:noBreakHyphen/></w:r>", "mail it"), ["Ωe\u2011mail Ωit"]),
        (paragraph("1", "<w:r><w:noBreakHyphen/></w:r>", "2"), ["1-2"]),
        (paragraph("a", DRAWN, " dog"), ["Ωa ΩdogΩin Ωa ΩboxΩin Ωa Ωbox", "Ωin Ωa Ωbox", "Ωin Ωa Ωbox"]),
        (paragraph("<w:ins><w:r><w:t>a big</w:t></w:r></w:ins>", " dog"), ["Ωa Ωbig Ωdog"]),
        (paragraph("a ", "<w:del><w:r><w:delText>bad </w:delText></w:r></w:del>", "dog"), ["Ωa Ωdogbad "]),
        (paragraph("<w:sdt><w:sdtContent><w:r><w:t>dog</w:t></w:r></w:sdtContent></w:sdt>", "."), ["Ωdog."]),
        (paragraph("mail me@example", ".org, or 12"), ["Ωmail me@example.orgΩ, Ωor Ω12"]),
    ],
)  # fmt: skip
def test_what_stands_within_a_paragraph(body, expected, tmp_path) -> None:
    assert text_of(made(tmp_path, word(body))) == expected


def test_notes_and_equal_sentences(tmp_path) -> None:
    asked: list[str] = []

    def counted(texts):
        asked.extend(texts)
        return each_marked(texts)

    content = word(paragraph("a dog") + paragraph("a dog"), footnotes=f"<w:footnote>{paragraph('a note')}</w:footnote>")
    after = made(tmp_path, content, counted)
    assert text_of(after, "word/footnotes.xml") == ["Ωa Ωnote"]
    assert asked == ["a dog", "a note"]


def style(name: str, title: str, more: str = "") -> str:
    return f'<w:style w:styleId="{name}"><w:name w:val="{title}"/>{more}</w:style>'


COURIER = '<w:rPr><w:rFonts w:ascii="Courier New"/></w:rPr>'


@pytest.mark.parametrize(
    ("styles", "is_code"),
    [
        (style("S", "Source Code"), True),
        (style("S", "Mine", '<w:basedOn w:val="B"/>') + style("B", "HTML Preformatted"), True),
        (style("S", "Mine", '<w:basedOn w:val="S"/>'), False),
        (style("S", "Mine", COURIER), True),
        (f"<w:docDefaults><w:rPrDefault>{COURIER}</w:rPrDefault></w:docDefaults>" + style("S", "Mine", COURIER), False),
    ],
)
def test_styles_of_code(styles, is_code, tmp_path) -> None:
    body = '<w:p><w:pPr><w:pStyle w:val="S"/></w:pPr><w:r><w:t>dog()</w:t></w:r></w:p>' + paragraph("a cat")
    with collect_remarks() as remarks:
        after = made(tmp_path, word(body, styles=styles))
    assert text_of(after) == ["dog()" if is_code else "Ωdog()", "Ωa Ωcat"]
    assert ("texts in a style or font of code stay as they are: 1" in remarks) == is_code


def test_what_a_model_writes_that_xml_does_not_hold(tmp_path) -> None:
    assert text_of(made(tmp_path, word(paragraph("a dog")), lambda texts: ["a\0b\x01 \n c"])) == ["a\ufffdb\ufffd c"]
    with collect_remarks() as remarks:
        assert text_of(made(tmp_path, word(paragraph("a dog")), lambda texts: [" "])) == ["a dog"]
    assert list(remarks) == ["sentences for which the model wrote nothing stay as they are: 1"]


GOOD = files.word_parts(paragraph("a dog"))
LAUGHS = '<!DOCTYPE a [<!ENTITY a "dog"><!ENTITY b "&a;&a;&a;&a;">]>'


def changed(name: str, content: str | bytes) -> bytes:
    return zipped({**GOOD, name: content}.items())


def in_main(text: str) -> bytes:
    return changed("word/document.xml", files.part("document", text))


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (b"", "damaged or truncated"),
        (b"hello", "damaged or truncated"),
        (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(100), "encrypted, or of Word before 2007"),
        (word(paragraph("a dog"))[:-30], "damaged or truncated"),
        (zipped([("a.txt", "a")]), "no [Content_Types].xml"),
        (zipped([("[Content_Types].xml", files.types({}))]), "0 of its parts are the main part"),
        (changed("word/document.xml", "<a"), "word/document.xml is not well-formed XML"),
        (changed("word/document.xml", '<a xmlns="b"/>'), "its root is '{b}a'"),
        (in_main("<w:body/>"), "no text to translate"),
        (in_main(f"<w:body>{paragraph('  ')}</w:body>"), "no text to translate"),
        (changed("word/document.xml", LAUGHS + "<a>&b;</a>"), "has a DOCTYPE"),
        (
            changed("word/document.xml", f"<?xml version='1.0' encoding='utf-16'?>{LAUGHS}<a/>".encode("utf-16")),
            "DOCTYPE",
        ),
        (changed("word/document.xml", '<!DOCTYPE a SYSTEM "file:///etc/passwd"><a/>'), "has a DOCTYPE"),
        (changed("word/document.xml", "<?xml version='1.0' encoding='iso-8859-1'?><a/>"), "UTF-8 or UTF-16"),
        (changed("../../evil", "a"), "leads outside"),
        (changed("/etc/passwd", "a"), "leads outside"),
        (changed("word\\..\\a", "a"), "leads outside"),
        (zipped([*GOOD.items(), ("word/document.xml", "<a/>")]), "2 of its parts have the name"),
        (zipped(GOOD.items(), zipfile.ZIP_BZIP2), "encrypted or packed"),
    ],
)
def test_files_that_are_no_documents_are_told_in_one_sentence(content, told, tmp_path) -> None:
    with pytest.raises(UserError) as error:
        made(tmp_path, content)
    assert told in str(error.value)
    assert str(error.value).startswith(f"{tmp_path}/a.docx")
    assert "\n" not in str(error.value)


def test_relationships_are_not_followed(tmp_path) -> None:
    relation = '<Relationship Id="rId1" Type="x" Target="file:///etc/passwd" TargetMode="External"/>'
    rels = f'<Relationships xmlns="http://schemas.openxmlformats.org/package/2006/relationships">{relation}</Relationships>'
    after = made(tmp_path, changed("word/_rels/document.xml.rels", rels))
    assert parts(after)["word/_rels/document.xml.rels"] == rels.encode()
    assert text_of(after) == ["Ωa Ωdog"]


@pytest.mark.parametrize(
    ("limits", "name"), [("xml_nodes=5", "xml_nodes"), ("archive_members=1", "archive_members"),
                         ("document_bytes=900", "document_bytes"), ("line_bytes=300", "line_bytes")],
)  # fmt: skip
def test_limits_are_told_with_the_way_to_raise_them(limits, name, tmp_path, monkeypatch) -> None:
    monkeypatch.setenv("INTERLACE_LIMITS", limits)
    with pytest.raises(UserError, match=f"the limit {name}; .*INTERLACE_LIMITS={name}="):
        made(tmp_path, word(paragraph("a dog" * 200)))


@settings(max_examples=60, deadline=None)
@given(data=st.data(), name=st.sampled_from([None, *GOOD]))
def test_damage_is_read_or_told(data, name, tmp_path_factory) -> None:
    whole_file = zipped(GOOD.items())
    content = whole_file if name is None else GOOD[name].encode()
    at, cut = data.draw(st.integers(0, len(content))), data.draw(st.integers(0, len(content)))
    put = data.draw(st.binary(max_size=4))
    damaged = (content[:at] + put + content[at + len(put) :])[: cut or None]
    told = ""
    try:
        made(tmp_path_factory.getbasetemp(), damaged if name is None else changed(name, damaged))
    except UserError as error:
        told = str(error)
    assert "\n" not in told
