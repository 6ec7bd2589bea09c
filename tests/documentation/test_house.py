"""README.md is short, and the files about the project are valid and true."""

import re
import subprocess
import sys
import tomllib

import pytest
import yaml

import interlace
from tests.documentation.blocks import ROOT, pages

GENERATED = ("gallery/", "configuration/", "notebooks/", "names.md", "command-line.md")
WORDS = 900  # of README.md at most
CITATION_KEYS = {
    "abstract", "authors", "cff-version", "contact", "date-released", "doi", "identifiers", "keywords", "license",
    "license-url", "message", "preferred-citation", "references", "repository", "repository-artifact",
    "repository-code", "title", "type", "url", "version",
}  # fmt: skip  # of the schema of version 1.2.0


def test_readme_is_short():
    assert len((ROOT / "README.md").read_text(encoding="utf-8").split()) <= WORDS


@pytest.mark.parametrize("page", pages(), ids=[path.relative_to(ROOT).as_posix() for path in pages()])
def test_links_of_files_lead_somewhere(page):
    """The build of the site sees neither README.md nor CONTRIBUTING.md."""
    for target in re.findall(r"\]\(([^)#\s]+)(?:#[^)]*)?\)", page.read_text(encoding="utf-8")):
        generated = any(name in target for name in GENERATED)
        if "://" not in target and not generated:
            assert (page.parent / target).exists(), target


def test_citation_names_the_version_and_keys_of_the_format():
    content = yaml.safe_load((ROOT / "CITATION.cff").read_text(encoding="utf-8"))
    assert {"cff-version", "message", "title", "authors"} <= set(content) <= CITATION_KEYS
    assert content["cff-version"] == "1.2.0"
    assert content["version"] == interlace.__version__
    assert (
        content["license"] == tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]["license"]
    )
    assert all({"name"} == set(author) or "family-names" in author for author in content["authors"])


def test_hooks_run_what_the_checks_run():
    config = yaml.safe_load((ROOT / ".pre-commit-config.yaml").read_text(encoding="utf-8"))
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    hooks = [hook for repository in config["repos"] for hook in repository["hooks"]]
    assert all(repository["repo"] == "local" for repository in config["repos"]), "nothing is fetched"
    for hook in hooks:
        assert hook["language"] == "system"
        assert hook["entry"].removesuffix(" --force-exclude").split(" --")[0] in makefile


def test_the_layer_check_fails_where_a_room_imports_upwards(tmp_path):
    """The hook's command on a package with one import too many."""
    for name, text in {"__init__": "", "low": "import pack.high", "high": ""}.items():
        (tmp_path / "pack").mkdir(exist_ok=True)
        (tmp_path / "pack" / f"{name}.py").write_text(text)
    (tmp_path / "pyproject.toml").write_text(
        '[tool.importlinter]\nroot_package = "pack"\n[[tool.importlinter.contracts]]\nname = "x"\ntype = "layers"\n'
        'layers = ["pack.high", "pack.low"]\n'
    )
    command = [sys.executable, "-c", "from importlinter.cli import lint_imports_command as run; run()"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 1, done.stdout
    assert "pack.low is not allowed to import pack.high" in done.stdout
