import gzip
import io
import json
from collections import Counter
from pathlib import Path
from typing import Any

import pyarrow
import pyarrow.parquet
import pytest
import zstandard
from warcio.statusandheaders import StatusAndHeaders
from warcio.warcwriter import WARCWriter

from interlace.data.corpus import expand, read_documents
from interlace.errors import UserError

TEXT = "\ufeffFirst line\r\nsecond line\r\n\r\n  \nA paragraph, ünïcode\n\n\nlast"


def read(path: Path, **options: Any) -> list[str]:
    return list(read_documents([path], **options))


@pytest.mark.parametrize(("suffix", "wrap"), [("", bytes), (".gz", gzip.compress), (".zst", zstandard.compress)])
def test_plain_text(tmp_path: Path, suffix: str, wrap: Any) -> None:
    path = tmp_path / f"a.txt{suffix}"
    path.write_bytes(wrap(TEXT.encode()))
    assert read(path) == ["First line", "second line", "A paragraph, ünïcode", "last"]
    assert read(path, document="paragraph") == ["First line\nsecond line", "A paragraph, ünïcode", "last"]
    assert read(path, document="file") == [TEXT.removeprefix("\ufeff").replace("\r\n", "\n")]


def test_a_line_is_not_cut_at_other_separators(tmp_path: Path) -> None:
    path = tmp_path / "a.txt"
    path.write_text("one\u2028still\x0cone\x85line\ntwo\n", encoding="utf-8")
    assert read(path) == ["one\u2028still\x0cone\x85line", "two"]


@pytest.mark.parametrize(("suffix", "wrap"), [("", bytes), (".gz", gzip.compress), (".zst", zstandard.compress)])
def test_json_lines(tmp_path: Path, suffix: str, wrap: Any) -> None:
    path = tmp_path / f"a.jsonl{suffix}"
    lines = [
        json.dumps({"body": "one\ntwo", "n": 1}),
        "",
        json.dumps({"body": "ünï"}, ensure_ascii=False),
        '{"body": " "}',
    ]
    path.write_bytes(wrap("\n".join(lines).encode()))
    counts: Counter[str] = Counter()
    assert read(path, field="body", counts=counts) == ["one\ntwo", "ünï"]
    assert counts["read"] == 2


def test_parquet(tmp_path: Path) -> None:
    table = pyarrow.table({"text": ["one", None, "two\nlines", ""], "number": [1, 2, 3, 4]})
    pyarrow.parquet.write_table(table, tmp_path / "a.parquet")
    assert read(tmp_path / "a.parquet") == ["one", "two\nlines"]
    with pytest.raises(UserError, match=r"no column 'body' \(columns: text, number\)"):
        read(tmp_path / "a.parquet", field="body")
    with pytest.raises(UserError, match="column 'number' is of type int64; expected strings"):
        read(tmp_path / "a.parquet", field="number")
    (tmp_path / "b.parquet").write_bytes(b"nonsense")
    with pytest.raises(UserError, match=r"b.parquet: cannot be read as parquet"):
        read(tmp_path / "b.parquet")


HTML = """<html><head><title>T</title></head><body><nav><a href="/">Home</a> <a href="/a">About us</a></nav>
<article><h1>Of cats</h1><p>The cat is a domestic species of small carnivorous mammal, and it sleeps a lot.</p>
<p>It is the only domesticated species of its family &amp; is often kept as a house pet by people.</p></article>
<footer>Copyright nobody</footer></body></html>"""


def write_warc(path: Path) -> None:
    with path.open("wb") as stream:
        writer = WARCWriter(stream, gzip=path.suffix == ".gz")
        for uri, kind, body in (
            ("http://a.example/", "text/html; charset=utf-8", HTML.encode()),
            ("http://b.example/", "text/plain", "Plain wörds.".encode()),
            ("http://c.example/", "image/png", b"\x89PNG"),
            ("http://d.example/", "text/html", b"<html><body></body></html>"),
        ):
            headers = StatusAndHeaders("200 OK", [("Content-Type", kind)], protocol="HTTP/1.0")
            writer.write_record(
                writer.create_warc_record(uri, "response", payload=io.BytesIO(body), http_headers=headers)
            )
        request = StatusAndHeaders("GET / HTTP/1.0", [], is_http_request=True)
        writer.write_record(writer.create_warc_record("http://a.example/", "request", http_headers=request))


@pytest.mark.parametrize("name", ["a.warc", "a.warc.gz"])
def test_warc(tmp_path: Path, name: str) -> None:
    write_warc(tmp_path / name)
    counts: Counter[str] = Counter()
    page, plain = read(tmp_path / name, counts=counts)
    assert "The cat is a domestic species of small carnivorous mammal" in page
    assert "family & is often" in page
    assert "About us" not in page
    assert "<" not in page
    assert plain == "Plain wörds."
    assert counts == {"read": 2, "no_main_text": 1}


def test_wet(tmp_path: Path) -> None:
    path = tmp_path / "a.warc.wet.gz"
    with path.open("wb") as stream:
        writer = WARCWriter(stream, gzip=True)
        for text in ("Erste Seite.\nZweite Zeile.", "Second page"):
            record = writer.create_warc_record(
                "http://a.example/", "conversion", payload=io.BytesIO(text.encode()), warc_content_type="text/plain"
            )
            writer.write_record(record)
    assert read(path) == ["Erste Seite.\nZweite Zeile.", "Second page"]


def test_globs_are_sorted_and_must_find_something(tmp_path: Path) -> None:
    for name in ("b.txt", "a.txt", "sub/c.txt"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text("x")
    assert expand([f"{tmp_path}/*.txt"]) == [tmp_path / "a.txt", tmp_path / "b.txt"]
    assert len(expand([f"{tmp_path}/**/*.txt"])) == 3
    for pattern, message in (("x*.txt", "no such file"), ("nothing.txt", "no such file"), ("sub", "is a folder")):
        with pytest.raises(UserError, match=message):
            expand([tmp_path / pattern])


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("a.txt", b"good\nb\xffad\n", r"a.txt: line 2: byte 1 is 0xff, which is not UTF-8"),
        ("a.txt.gz", gzip.compress(b"text\n" * 9999, mtime=0)[:-20], r"a.txt.gz: damaged or truncated"),
        ("a.txt.gz", b"no gzip", r"a.txt.gz: damaged or truncated"),
        ("a.txt.zst", b"no zstd", r"a.txt.zst: damaged or truncated"),
        ("a.jsonl", b'{"text": "a"}\n{"text": \n', r"a.jsonl: line 2 is not JSON"),
        ("a.jsonl", b'["a"]', r"line 1 is a list; expected an object with 'text'"),
        ("a.jsonl", b'{"body": "a"}', r"line 1 lacks the text field 'text' \(fields: body\)"),
        ("a.jsonl", b'{"text": 3}', r"line 1 has a int as the text field 'text'"),
        ("a.jsonl", b'{"text": "a\\ud800"}', r"line 1: character 1 is a lone surrogate \(\\ud800\)"),
        ("a.warc", b"no archive at all\r\n", r"a.warc: not an intact WARC file"),
    ],
)
def test_bad_files_are_named(tmp_path: Path, name: str, content: bytes, message: str) -> None:
    (tmp_path / name).write_bytes(content)
    with pytest.raises(UserError, match=message):
        read(tmp_path / name)


@pytest.mark.parametrize("name", ["a.txt", "a.jsonl.gz", "a.parquet", "a.warc.gz"])
def test_a_missing_file_is_named(tmp_path: Path, name: str) -> None:
    with pytest.raises(UserError, match=f"{name}: no such file"):
        read(tmp_path / name)


@pytest.mark.parametrize("size", [100, 300, 600])
@pytest.mark.parametrize("name", ["a.warc", "a.warc.gz"])
def test_a_cut_archive_is_named(tmp_path: Path, name: str, size: int) -> None:
    write_warc(tmp_path / name)
    content = (tmp_path / name).read_bytes()
    (tmp_path / name).write_bytes(content[:size])
    with pytest.raises(
        UserError, match=rf"{name}: (its last record is|damaged or) truncated|{name}: not an intact WARC"
    ):
        read(tmp_path / name)
