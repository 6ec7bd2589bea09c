"""Articles of Wikipedia (or any MediaWiki) as plain text."""

import re
from collections import Counter
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, BinaryIO

from interlace.errors import UserError
from interlace.reading.media_wiki import pages

FILE, CATEGORY = 6, 14  # namespaces whose links are not part of the article's text
ENGLISH_NAMES = {"file", "image", "media", "category"}  # of these namespaces, which all wikis accept
TAGS = {"ref", "references", "table", "gallery", "timeline", "math", "chem", "score", "imagemap", "syntaxhighlight"}
MAGIC = re.compile(r"__[A-Z]+__")
BLANKS = re.compile(r"\n{3,}")


def articles(stream: BinaryIO, path: Path, counts: Counter[str]) -> Iterator[str]:
    """The text of every article: pages of namespace 0 that are not redirects. `counts` receives the numbers of skipped
    pages, "redirects" and "other_namespaces".
    """
    for page in pages(stream, path):
        if page.namespace != 0:
            counts["other_namespaces"] += 1
        elif page.is_redirect:
            counts["redirects"] += 1
        else:
            yield plain_text(page.markup, page.namespaces)


def plain_text(markup: str, namespaces: Mapping[int, str]) -> str:
    """The text of wiki markup, parsed by mwparserfromhell, without templates, tables, references, formulas, images and
    categories; links become their displayed words, headings separate lines.
    """
    try:
        import mwparserfromhell
    except ImportError:
        raise UserError(
            "dumps of Wikipedia need the package mwparserfromhell, an extra: pip install 'interlace[wikipedia]'"
        ) from None
    hidden = ENGLISH_NAMES | {
        namespaces[key].strip().lower() for key in (FILE, CATEGORY) if namespaces.get(key, "").strip()
    }
    code = mwparserfromhell.parse(markup)
    for link in code.ifilter_wikilinks(recursive=True):
        before, colon, _ = str(link.title).strip().partition(":")
        if colon and before.strip().lower() in hidden:
            _remove(code, link)
    for tag in code.ifilter_tags(recursive=True):
        if str(tag.tag).strip().lower() in TAGS:
            _remove(code, tag)
    text = MAGIC.sub("", code.strip_code(normalize=True, collapse=True))
    return BLANKS.sub("\n\n", "\n".join(line.strip() for line in text.split("\n"))).strip()


def _remove(code: Any, node: Any) -> None:
    try:
        code.remove(node)
    except ValueError:  # nested in a node that has already been removed
        return
