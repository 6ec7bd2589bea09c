"""Pages of a MediaWiki dump (export XML), one at a time; memory is bounded by the longest page."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple
from xml.parsers import expat

from interlace.errors import UserError
from interlace.reading.limits import exceeded, format_limit, limit

BLOCK = 1 << 16
EXPECTED = "expected a MediaWiki dump: <mediawiki> with <page>s (pages-articles.xml.bz2)"
KEPT = ("title", "ns", "text")  # elements of a page whose characters are kept


class Page(NamedTuple):
    """A page: title, namespace number (0: articles), whether it is a redirect, and the markup of its last revision.

    `namespaces`: the names of the namespaces by number, as the dump gives them.
    """

    title: str
    namespace: int
    is_redirect: bool
    markup: str
    namespaces: Mapping[int, str]


def pages(stream: BinaryIO, where: Path | str) -> Iterator[Page]:
    """The pages of a dump in order.

    Raises UserError for other or truncated XML and for declared entities, which no dump has; TooLarge for a page or a
    tag beyond the limit line_bytes, and for elements nested beyond the limit json_depth.
    """
    reader = _Reader(where)
    parser = expat.ParserCreate("UTF-8")
    parser.StartElementHandler = reader.start
    parser.EndElementHandler = reader.end
    parser.CharacterDataHandler = reader.characters
    parser.EntityDeclHandler = reader.entity
    given, most = 0, limit("line_bytes")
    try:
        while block := stream.read(BLOCK):
            given += len(block)
            parser.Parse(block, False)
            if given - max(0, parser.CurrentByteIndex) > most:
                raise exceeded(where, f"a tag has more than {format_limit('_bytes', most)}", "line_bytes")
            yield from reader.take()
        parser.Parse(b"", True)
        yield from reader.take()
    except expat.ExpatError as error:
        what = expat.errors.messages.get(error.code, "") or str(error)
        cut = "; if it is truncated, download it again" if given else ""
        raise UserError(f"{where}: line {error.lineno}: not well-formed XML ({what}){cut}; {EXPECTED}") from None


class _Reader:
    """The handlers of expat's events, which assemble pages."""

    def __init__(self, where: Path | str) -> None:
        self._where = where
        self._path: list[str] = []
        self._parts: dict[str, list[str]] = {}
        self._size = 0
        self._redirect = False
        self._key: int | None = None  # number of the namespace whose name is being read
        self._namespaces: dict[int, str] = {}
        self._done: list[Page] = []
        self._most, self._deepest = limit("line_bytes"), limit("json_depth")

    def take(self) -> list[Page]:
        """Return the pages completed since the last call."""
        done, self._done = self._done, []
        return done

    def start(self, name: str, attributes: dict[str, str]) -> None:
        """Handle the start of an element."""
        if not self._path and name != "mediawiki":
            raise UserError(f"{self._where}: its XML begins with <{name[:40]}>; {EXPECTED}")
        self._path.append(name)
        if len(self._path) > self._deepest:
            raise exceeded(self._where, f"its XML nests {len(self._path)} deep", "json_depth", len(self._path))
        if name == "page":
            self._parts, self._size, self._redirect = {}, 0, False
        elif name == "redirect":
            self._redirect = True
        elif name == "namespace":
            key = attributes.get("key", "")
            self._key = int(key) if key.removeprefix("-").isdigit() and len(key) < 10 else None
        elif name == "text":
            self._parts["text"] = []  # the last of several revisions is kept

    def characters(self, text: str) -> None:
        """Handle text of the innermost element."""
        name = self._path[-1]
        if name == "namespace" and self._key is not None and len(self._namespaces) < self._deepest:
            self._namespaces[self._key] = self._namespaces.get(self._key, "") + text
        elif name in KEPT:
            self._size += len(text)
            if self._size > self._most:
                raise exceeded(self._where, f"a page has more than {format_limit('_bytes', self._most)}", "line_bytes")
            self._parts.setdefault(name, []).append(text)

    def end(self, name: str) -> None:
        """Handle the end of an element."""
        self._path.pop()
        if name == "page":
            found = {key: "".join(parts) for key, parts in self._parts.items()}
            number = found.get("ns", "").strip()
            if not number.removeprefix("-").isdigit() or len(number) > 9:
                title = found.get("title", "")[:80]
                raise UserError(f"{self._where}: the page {title!r} has no namespace number (<ns>); {EXPECTED}")
            self._done.append(
                Page(found.get("title", ""), int(number), self._redirect, found.get("text", ""), self._namespaces)
            )
            self._parts = {}

    def entity(self, *declared: Any) -> None:
        """Refuse a declared entity, by which a few bytes can expand to many."""
        raise UserError(f"{self._where}: it declares the entity {str(declared[0])[:40]!r}, which no dump does")
