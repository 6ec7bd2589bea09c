"""Documents translated through the queue, and ratings in the store of the judge."""

import base64
import io
import json
import zipfile
from concurrent.futures import ThreadPoolExecutor

import docx
import pytest

from interlace.apps.opening import open_answerers
from interlace.judging.store import RatingStore
from tests.apps.serving.support import Echo, ask, chat, connect, serving
from tests.apps.serving.test_attacks import until


@pytest.fixture(scope="module")
def translator(text_run):
    (answerer,) = open_answerers([text_run("languages").directory]).values()
    return answerer


@pytest.fixture(scope="module")
def server(translator):
    with serving(translator, Echo("echo"), batch=4) as running:
        yield running


def document(server, content, name, model=None, **fields):
    """The status and the JSON that a document gets."""
    model = model or next(iter(server.service.workers))
    data = base64.b64encode(content).decode()
    status, _, body = ask(server, {"model": model, "name": name, "data": data, **fields}, "/v1/documents")
    return status, json.loads(body)


def word(*paragraphs):
    """A Word document."""
    stream, made = io.BytesIO(), docx.Document()
    for paragraph in paragraphs:
        made.add_paragraph(paragraph)
    made.save(stream)
    return stream.getvalue()


TEXT = "\n".join(f"the dog sees a red cat {number}." for number in range(9)) + "\n"


def test_documents_are_translated_as_the_run_does(server, translator, tmp_path):
    (tmp_path / "a.txt").write_text(TEXT)
    expected = translator.run.translate(tmp_path / "a.txt", tag=">>de<<")
    status, made = document(server, TEXT.encode(), "../../letter.TXT", tag=">>de<<")
    assert (status, made["name"]) == (200, "letter.txt")
    assert base64.b64decode(made["data"]).decode() == expected
    status, made = document(server, word("the dog sees."), "C:\\letters\\a.docx", tag=">>fr<<")
    assert (status, made["name"]) == (200, "a.docx")
    assert zipfile.is_zipfile(io.BytesIO(base64.b64decode(made["data"])))


def bomb():
    """A Word document whose text decompresses to 70 MB."""
    stream = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(word("a"))) as sound, zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as made:
        for info in sound.infolist():
            if info.filename != "word/document.xml":
                made.writestr(info, sound.read(info))
        with made.open("word/document.xml", "w", force_zip64=True) as part:
            for _ in range(70):
                part.write(b" " * 2**20)
    return stream.getvalue()


@pytest.mark.parametrize(
    ("content", "name", "status", "told"),
    [
        (lambda: b"hello", "a.docx", 415, "its content is no docx"),
        (lambda: b"hello", "a.pdf", 415, "its content is no pdf"),
        (lambda: b"a\0b", "a.txt", 415, "its content is no txt"),
        (lambda: b"\xff\xfea\0", "a.md", 415, "its content is no md"),
        (lambda: b"\xe9", "a.txt", 400, "not UTF-8"),
        (lambda: b"%PDF-1.7 nonsense", "a.pdf", 400, "damaged"),
        (lambda: b"PK\3\4 nonsense", "a.docx", 400, "damaged"),
        (bomb, "a.docx", 400, "decompress"),
        (lambda: b"hello", "a.exe", 415, "expected a document"),
        (lambda: b"hello", "/etc/passwd", 415, "expected a document"),
    ],
)
def test_files_that_are_no_documents_are_refused(server, content, name, status, told, monkeypatch):
    monkeypatch.setenv("INTERLACE_LIMITS", "document_bytes=64M")
    found, body = document(server, content(), name, tag=">>de<<")
    assert found == status
    assert told in body["error"]["message"]
    assert "/tmp" not in body["error"]["message"]


def test_a_model_that_translates_nothing_is_told(server):
    status, body = document(server, b"hello", "a.txt", model="echo")
    assert (status, body["error"]["code"]) == (400, "no_documents")


def test_a_document_ends_with_its_client_and_lets_others_between(server, monkeypatch):
    worker = next(iter(server.service.workers.values()))
    batches = []
    real = worker.answerer.answer

    def counted(questions, *, explain=False):
        batches.append(len(questions))
        return real(questions, explain=explain)

    monkeypatch.setattr(worker.answerer, "answer", counted)
    body = {"model": worker.name, "name": "a.txt", "data": base64.b64encode(TEXT.encode() * 300).decode()}
    raw = json.dumps({**body, "tag": ">>de<<"}).encode()
    with connect(server) as connection:
        head = "POST /v1/documents HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\n"
        connection.sendall(f"{head}content-length: {len(raw)}\r\n\r\n".encode() + raw)
        until(lambda: batches)
        with ThreadPoolExecutor(1) as pool:
            other = pool.submit(ask, server, chat("the dog", model=worker.name, interlace={"tag": ">>de<<"}))
            assert other.result(10)[0] == 200
    until(lambda: not server.server_state.tasks)
    assert ask(server, chat("the dog", model=worker.name, interlace={"tag": ">>de<<"}))[0] == 200
    assert len(batches) < 300
    assert max(batches) <= 4


def test_a_rating_is_in_the_store_when_the_response_comes(tmp_path):
    path = tmp_path / "new" / "ratings.sqlite"
    answers = [{"model": "echo", "text": "a"}, {"model": "other", "text": "b"}]
    with serving(Echo("echo"), Echo("other"), ratings=path) as server:
        for preferred in ("other", "tie", None):
            body = {"question": "which?", "answers": answers, "preferred": preferred}
            assert ask(server, body, "/v1/ratings")[0] == 200
        for wrong in ({"preferred": "nobody"}, {"answers": answers[:1]}, {"answers": "x"}, {"question": 5},
                      {"answers": [*answers, {"model": "unknown", "text": ""}]}):  # fmt: skip
            body = {"question": "which?", "answers": answers, "preferred": "tie", **wrong}
            assert ask(server, body, "/v1/ratings")[0] in (400, 404)
        stored = RatingStore(path).preferences()
    assert [each.preferred for each in stored] == ["other", "tie", None]
    assert stored[0].answers == (("echo", "a"), ("other", "b"))
