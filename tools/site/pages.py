"""The folder of pages that the site is built from, and its settings."""

import re
import shutil
from pathlib import Path
from typing import Any

import yaml

from tools.site.command_line import command_line_page
from tools.site.configuration import group_pages
from tools.site.gallery import gallery_pages
from tools.site.names import names_page
from tools.site.notebooks import notebook_pages

ROOT = Path(__file__).parents[2]


def write_pages(folder: Path) -> Path:
    """Writes folder/docs (pages) and folder/mkdocs.yml (settings with the navigation); returns the latter."""
    docs = folder / "docs"
    shutil.rmtree(docs, ignore_errors=True)
    shutil.copytree(ROOT / "docs", docs, ignore=shutil.ignore_patterns("*.ipynb"))
    generated = generated_pages()
    for name, content in generated.items():
        path = docs / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
    settings = yaml.safe_load((Path(__file__).parent / "settings.yaml").read_text(encoding="utf-8"))
    settings["nav"] = _expanded(settings["nav"], sorted(generated))
    settings["docs_dir"], settings["site_dir"] = "docs", "site"
    settings["plugins"][1]["mkdocstrings"]["handlers"]["python"]["paths"] = [str(ROOT / "src")]
    path = folder / "mkdocs.yml"
    path.write_text(yaml.safe_dump(settings, sort_keys=False, allow_unicode=True), encoding="utf-8")
    return path


def generated_pages() -> dict[str, str | bytes]:
    """Every generated page and figure by its path below docs/."""
    return {
        **gallery_pages(ROOT / "experiments"),
        **group_pages(ROOT / "conf"),
        **notebook_pages(ROOT / "docs"),
        "reference/command-line.md": command_line_page(),
        "reference/names.md": names_page(ROOT / "CHANGELOG.md"),
    }


def _expanded(nav: Any, generated: list[str]) -> Any:
    """The navigation with `FOLDER/*` replaced by the generated pages of that folder, index first."""
    if isinstance(nav, dict):
        return {title: _expanded(entry, generated) for title, entry in nav.items()}
    if isinstance(nav, list):
        found: list[Any] = []
        for entry in nav:
            if isinstance(entry, str) and entry.endswith("/*"):
                pages = [name for name in generated if re.fullmatch(re.escape(entry[:-1]) + r"[^/]+\.md", name)]
                found += sorted(pages, key=lambda name: (not name.endswith("/index.md"), name))
            else:
                found.append(_expanded(entry, generated))
        return found
    return nav
