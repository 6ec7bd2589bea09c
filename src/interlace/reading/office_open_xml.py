"""Packages of Office Open XML (ECMA-376), such as .docx: parts read as XML, and rewritten with all other parts kept.

Parts are found by their names in the archive and their content types alone: no relationship is followed, so that none
can lead outside, and nothing is unpacked to disk. A part with a DOCTYPE, which the format forbids, is refused, and with
it every entity.
"""

from __future__ import annotations

import copy
import os
import re
import shutil
import zipfile
import zlib
from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

from interlace.errors import UserError, one_line
from interlace.reading.files import open_regular
from interlace.reading.limits import exceeded, format_limit, limit

if TYPE_CHECKING:
    from lxml import etree

OLE = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"  # Word before 2007, and encrypted packages
METHODS = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)  # those of the format; others can need much more memory
ENTRY = b"PK\1\2"  # of the directory of an archive
TYPES = "[Content_Types].xml"
ENCODINGS = ("UTF-8", "UTF-16", "ASCII", "US-ASCII", None)
OUTSIDE = re.compile(r"^/|^[a-zA-Z]:|\\|(?:^|/)\.\.(?:/|$)|\0")
EXPECTED = "expected a Word document; open it in a word processor and save it again as .docx"
DAMAGED = (
    zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, OverflowError, RuntimeError, ValueError, OSError,
)  # fmt: skip


class Package:
    """The parts of a package by name, read within the limits document_bytes (of all parts), archive_members,
    line_bytes (of each that is parsed) and xml_nodes (of all that are).

    Raises OSError, TooLarge, and UserError for other, encrypted, damaged or forged files.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._nodes = 0  # tags and attributes of the parts parsed so far
        self._stream = open_regular(path)
        try:
            self._archive = self._opened()
            self._members = {info.filename: info for info in self._checked()}
            self.content_types = self._types()
        except BaseException:
            self._stream.close()
            raise

    def __enter__(self) -> Package:
        return self

    def __exit__(self, *_: object) -> None:
        self._stream.close()

    def xml(self, name: str) -> etree._Element:
        """Return the root of a part. Raises UserError for a part that is not well-formed or declares entities."""
        from lxml import etree

        info = self._members[name]
        if info.file_size > limit("line_bytes"):
            size = format_limit("_bytes", info.file_size)
            raise exceeded(self.path, f"its part {name} has {size}", "line_bytes", info.file_size)
        content = self._read(info)
        self._nodes += content.count(b"<") + content.count(b"=")
        if self._nodes > limit("xml_nodes"):
            raise exceeded(self.path, f"up to its part {name} it has {self._nodes} tags and attributes", "xml_nodes")
        if b"<!DOCTYPE" in content.replace(b"\0", b""):  # as UTF-16 as well
            raise UserError(f"{self.path}: its part {name} has a DOCTYPE, which the format forbids; {EXPECTED}")
        parser = etree.XMLParser(resolve_entities=False, load_dtd=False, no_network=True, huge_tree=False)
        try:
            root = etree.fromstring(content, parser)
        except (etree.XMLSyntaxError, ValueError) as error:
            raise UserError(
                f"{self.path}: its part {name} is not well-formed XML ({one_line(error)}); {EXPECTED}"
            ) from None
        information = root.getroottree().docinfo
        if information.internalDTD is not None or information.encoding not in ENCODINGS:
            raise UserError(f"{self.path}: its part {name} is not in UTF-8 or UTF-16; {EXPECTED}")
        return root

    def write(self, stream: BinaryIO, changed: Mapping[str, etree._Element]) -> None:
        """Write the package with some parts changed; the bytes of all others stay, in the same order."""
        from lxml import etree

        with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as made:
            for info in self._members.values():
                entry = copy.copy(info)
                if info.filename in changed:
                    tree = changed[info.filename].getroottree()
                    made.writestr(entry, etree.tostring(tree, encoding="UTF-8", xml_declaration=True, standalone=True))
                    continue
                try:
                    with self._archive.open(info) as source, made.open(entry, "w") as target:
                        shutil.copyfileobj(source, target)
                except DAMAGED as error:
                    raise self._damaged(error) from None

    def _opened(self) -> zipfile.ZipFile:
        """Open the archive, with the bytes of its directory bounded before all of it is held in memory."""
        stream, most = self._stream, limit("document_bytes")
        if stream.read(len(OLE)) == OLE:
            raise UserError(f"{self.path}: encrypted, or of Word before 2007; {EXPECTED}, without a password")
        size = os.fstat(stream.fileno()).st_size
        if size > most:
            raise exceeded(self.path, f"it has {format_limit('_bytes', size)}", "document_bytes", size)
        stream.seek(0)
        entries = sum(block.count(ENTRY) for block in iter(lambda: stream.read(1 << 20), b""))
        if entries > limit("archive_members"):
            raise exceeded(self.path, f"it holds about {entries} parts", "archive_members", entries)
        try:
            return zipfile.ZipFile(stream)
        except DAMAGED as error:
            raise self._damaged(error) from None

    def _checked(self) -> list[zipfile.ZipInfo]:
        """Return the members after checks of their number, sizes, names and compression."""
        members = self._archive.infolist()
        if len(members) > limit("archive_members"):
            raise exceeded(self.path, f"it holds {len(members)} parts", "archive_members", len(members))
        total = sum(info.file_size for info in members)
        if total > limit("document_bytes"):
            raise exceeded(
                self.path, f"its parts decompress to {format_limit('_bytes', total)}", "document_bytes", total
            )
        for info in members:
            if OUTSIDE.search(info.filename):
                raise UserError(f"{self.path}: the name of its part {info.filename[:80]!r} leads outside; {EXPECTED}")
            if info.flag_bits & 1 or info.compress_type not in METHODS:
                raise UserError(f"{self.path}: its part {info.filename[:80]!r} is encrypted or packed; {EXPECTED}")
        name, count = Counter(info.filename for info in members).most_common(1)[0] if members else ("", 0)
        if count > 1:
            raise UserError(f"{self.path}: {count} of its parts have the name {name[:80]!r}; {EXPECTED}")
        return members

    def _types(self) -> dict[str, str]:
        """Return the content type of each part that has one."""
        if TYPES not in self._members:
            raise UserError(f"{self.path}: its archive has no {TYPES}; {EXPECTED}")
        endings, names = {}, {}
        for element in self.xml(TYPES):
            kind = element.get("ContentType", "")
            if "PartName" in element.attrib:
                names[element.attrib["PartName"].lower()] = kind
            elif "Extension" in element.attrib:
                endings[element.attrib["Extension"].lower()] = kind
        found = {}
        for name in self._members:
            kind = names.get(f"/{name}".lower()) or endings.get(name.rpartition(".")[2].lower())
            if kind is not None:
                found[name] = kind
        return found

    def _read(self, info: zipfile.ZipInfo) -> bytes:
        try:
            return self._archive.read(info)
        except DAMAGED as error:
            raise self._damaged(error) from None

    def _damaged(self, error: Exception) -> UserError:
        return UserError(f"{self.path}: damaged or truncated ({one_line(error)}); {EXPECTED}")
