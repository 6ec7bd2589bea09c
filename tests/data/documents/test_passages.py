"""Documents of a folder as passages: nothing is lost or repeated, sizes are bounded, titles say where a text stands."""

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from interlace.data.documents.passages import Block, passages, read_blocks, read_folder
from interlace.errors import UserError
from tests.data.documents.files import pages_of, paragraph, word

HEADING = '<w:p><w:pPr><w:pStyle w:val="berschrift1"/></w:pPr><w:r><w:t>Bridges</w:t></w:r></w:p>'
STYLES = '<w:style w:styleId="berschrift1"><w:name w:val="heading 1"/></w:style>'
WORDS = st.lists(st.sampled_from(["one", "two.", "three!", "four"]), min_size=1, max_size=40).map(" ".join)
BLOCKS = st.lists(st.builds(Block, WORDS, st.sampled_from(["", "a", "b"]), st.none()), max_size=12)


@given(BLOCKS, st.integers(1, 20))
def test_passages_hold_every_word_once_in_order_within_one_heading_and_the_bound(blocks, most):
    made = passages(blocks, most)
    assert [word for block in made for word in block.text.split()] == [
        word for block in blocks for word in block.text.split()
    ]
    assert all(0 < len(block.text.split()) <= most for block in made)
    given = [(word, block.heading) for block in blocks for word in block.text.split()]
    assert [(word, block.heading) for block in made for word in block.text.split()] == given


@given(BLOCKS)
def test_passages_are_as_few_as_neighbours_allow(blocks):
    made = passages(blocks, 60)
    for one, other in itertools.pairwise(made):
        assert one.heading != other.heading or len(f"{one.text} {other.text}".split()) > 60


@pytest.fixture
def folder(tmp_path):
    made = tmp_path / "documents"
    (made / "deep").mkdir(parents=True)
    (made / "notes.txt").write_text("First line\ngoes on.\n\n\nSecond paragraph.\n")
    (made / "deep" / "guide.md").write_text(
        'Before.\n\n# Set *up*\n\nUse `make` and [the tool](http://x.y "z").\n\n| a | b |\n|---|---|\n| 1 | 2 |\n\n'
        "## Run\n\n```sh\nmake all\n```\n"
    )
    (made / "a.docx").write_bytes(word(HEADING + paragraph("The bridge was opened ", "in 1912."), styles=STYLES))
    (made / "b.PDF").write_bytes(
        pages_of(b"BT /F 12 Tf 50 700 Td (Page one.) Tj ET", b"BT /F 12 Tf 50 700 Td (Page two.) Tj ET")
    )
    (made / ".hidden.txt").write_text("secret")
    (made / "picture.png").write_bytes(b"\x89PNG")
    return made


def test_titles_name_file_heading_and_page(folder):
    found = read_folder(folder, 100)
    assert dict(zip(found.titles, found.texts, strict=True)) == {
        "a.docx: Bridges": "The bridge was opened in 1912.",
        "b.PDF, page 1": "Page one.",
        "b.PDF, page 2": "Page two.",
        "deep/guide.md": "Before.",
        "deep/guide.md: Set up": "Use make and the tool.\na | b\n1 | 2",
        "deep/guide.md: Run": "make all",
        "notes.txt": "First line goes on.\nSecond paragraph.",
    }
    assert found.ids[:3] == ["a.docx#1", "b.PDF#1", "b.PDF#2"]
    assert read_folder(folder / "notes.txt", 100).titles == ["notes.txt"]


def test_a_text_box_and_a_deletion_of_a_word_document(tmp_path):
    inside = f"<w:pict><w:txbxContent>{paragraph('Inside.')}</w:txbxContent></w:pict>"
    box = f"<w:p><w:r><w:t>Outside.</w:t>{inside}</w:r></w:p>"
    deleted = "<w:p><w:r><w:t>Kept</w:t></w:r><w:del><w:r><w:delText>gone</w:delText></w:r></w:del></w:p>"
    (tmp_path / "a.docx").write_bytes(word(box + deleted))
    assert [block.text for block in read_blocks(tmp_path / "a.docx")] == ["Outside.", "Inside.", "Kept"]


def test_a_document_that_cannot_be_read_stops_or_is_told(folder):
    (folder / "broken.docx").write_bytes(b"no archive")
    with pytest.raises(UserError, match=r"broken\.docx: .*; or leave such files out with --on-error skip"):
        read_folder(folder, 100)
    told = []
    found = read_folder(folder, 100, told.append)
    assert len(told) == 1
    assert not any("broken" in title for title in found.titles)


def test_a_folder_without_documents(tmp_path):
    with pytest.raises(UserError, match=r"0 documents with text in none; expected files that end in \.txt, \.md"):
        read_folder(tmp_path, 100)
