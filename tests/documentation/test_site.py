"""The site builds without a warning, loads nothing from another host, and generated pages are complete."""

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from interlace.cli.application import app
from tests.documentation.blocks import ROOT
from tools.site.command_line import command_line_page, verbs
from tools.site.configuration import group_pages, read_choice
from tools.site.gallery import apart, gallery_pages, read_entry
from tools.site.pages import write_pages

LOADED = re.compile(r"<(?:script|link|img|iframe|source)\b[^>]*?\b(?:src|href)=\"((?:https?:)?//[^\"]+)\"[^>]*>")


def build(settings: Path) -> subprocess.CompletedProcess:
    zensical = Path(sys.executable).with_name("zensical")
    command = [zensical, "build", "--strict", "--clean", "--config-file", settings]
    return subprocess.run(command, capture_output=True, text=True, check=False)


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    folder = tmp_path_factory.mktemp("site")
    done = build(write_pages(folder))
    assert done.returncode == 0, done.stdout + done.stderr
    return folder / "site"


def test_every_page_is_built_and_reached(site):
    pages = {path.relative_to(site).as_posix() for path in site.rglob("*.html")}
    assert {"index.html", "architecture.html", "gallery/index.html", "reference/configuration/fusion.html"} <= pages
    linked = {
        (path.parent / target.split("#")[0]).resolve().relative_to(site).as_posix()
        for path in site.rglob("*.html")
        for target in re.findall(r'href="([^":]+?\.html(?:#[^"]*)?)"', path.read_text(encoding="utf-8"))
        if not target.startswith("/")
    }
    assert pages - {"404.html"} <= linked


def test_pictures_are_there(site):
    for path in site.rglob("*.html"):
        for target in re.findall(r'<img\b[^>]*? src="([^":]+)"', path.read_text(encoding="utf-8")):
            assert (path.parent / target).is_file(), (path, target)


def test_nothing_is_loaded_from_another_host(site):
    for path in site.rglob("*.html"):
        loaded = [url for url in LOADED.findall(path.read_text(encoding="utf-8")) if 'rel="canonical"' not in url]
        assert not loaded, path


def test_docstrings_are_on_the_pages(site):
    assert "An encoded modality" in (site / "reference" / "python.html").read_text(encoding="utf-8")
    assert "Nagrani et al. 2021" in (site / "reference/configuration/fusion.html").read_text(encoding="utf-8")


@pytest.mark.parametrize("page", ["[gone](nowhere.md)\n", "[gone](#nowhere)\n"])
def test_a_broken_link_fails_the_build(page, tmp_path):
    folder = tmp_path / "docs"
    folder.mkdir()
    (folder / "index.md").write_text(f"# A page\n\n{page}")
    (tmp_path / "mkdocs.yml").write_text(yaml.safe_dump({"site_name": "x", "docs_dir": "docs", "site_dir": "site"}))
    assert build(tmp_path / "mkdocs.yml").returncode != 0
    shutil.rmtree(tmp_path / "site", ignore_errors=True)


def test_every_group_and_choice_has_its_place():
    pages = group_pages(ROOT / "conf")
    for path in (ROOT / "conf").rglob("*.yaml"):
        group = path.parent.relative_to(ROOT / "conf").as_posix()
        if group != ".":
            assert f"`{group}={path.stem}`" in pages[f"reference/configuration/{group.replace('/', '-')}.md"]


def test_options_have_their_comments(tmp_path):
    (tmp_path / "a.yaml").write_text(
        "# Of a kind.\n_target_: interlace.x\nwide: 3   # in metres,\n          # or feet\n"
        "# beside it\ndeep:\n  low: [1]  # least\n"
    )
    choice = read_choice(tmp_path / "a.yaml", "a")
    assert (choice.description, choice.target) == ("Of a kind.", "interlace.x")
    assert [(each.key, each.default, each.meaning) for each in choice.options] == [
        ("wide", "3", "in metres, or feet"), ("deep", "", "beside it"), ("deep.low", "[1]", "least"),
    ]  # fmt: skip


def test_every_verb_and_option_has_its_place():
    import typer.main

    page = command_line_page()
    for path, command in verbs(typer.main.get_command(app)):
        assert f"# {' '.join(path)}\n" in page
        for parameter in command.params:
            for option in getattr(parameter, "secondary_opts", []) + parameter.opts:
                assert option == "--help" or not option.startswith("--") or option in page, (path, option)


def test_every_recorded_study_is_in_the_gallery():
    pages = gallery_pages(ROOT / "experiments")
    recorded = {path.parent.name for path in (ROOT / "experiments").glob("*/results*")}
    assert len(recorded) > 20
    for name in recorded:
        entry = read_entry(ROOT / "experiments" / name)
        assert entry is not None
        assert f"gallery/{name}.md" in pages
        assert entry.question.endswith("?")
        assert entry.answer or entry.figure.startswith(("```", "|"))


def test_a_list_below_a_paragraph_is_a_list():
    text = "**Result**:\n- one\n  more of one\n- two\n\n- three\n\n```text\nx\n- y\n```\n"
    assert apart(text) == text.replace(":\n- one", ":\n\n- one")


def test_no_list_of_the_gallery_runs_into_its_paragraph(site):
    for path in (site / "gallery").glob("*.html"):
        paragraphs = re.findall(r"<p>(.*?)</p>", path.read_text(encoding="utf-8"), re.DOTALL)
        assert not [text for text in paragraphs if re.search(r"\n- ", text)], path.name


def test_pictures_of_the_gallery_are_there():
    pages = gallery_pages(ROOT / "experiments")
    for name, content in pages.items():
        for target in re.findall(r"!\[[^\]]*\]\(([^)]+)\)", content if isinstance(content, str) else ""):
            assert f"gallery/{target}" in pages, (name, target)
