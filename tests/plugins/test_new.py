"""Packages that `interlace new` writes."""

import os
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from interlace.cli.application import run
from interlace.cli.new import Kind, template_of
from interlace.configuration.checking import check
from interlace.configuration.compose import compose
from interlace.configuration.construction import located
from interlace.configuration.plugins import PLUGINS
from interlace.configuration.targets import plugins_of


@pytest.fixture
def written(tmp_path, monkeypatch):
    """written(kind, name) -> the folder of a package that `interlace new` wrote, with its source on the path."""

    def write(kind: Kind, name: str) -> Path:
        folder = tmp_path / "a folder" / name
        assert run(["new", kind, name, "--output", str(folder)]) == 0
        monkeypatch.syspath_prepend(str(folder / "src"))
        return folder

    yield write
    for name in [name for name in sys.modules if name.startswith("own_")]:
        if str(tmp_path) in str(getattr(sys.modules[name], "__file__", "")):
            del sys.modules[name]
    located.cache_clear()


@pytest.mark.parametrize("kind", Kind)
def test_each_kind_is_a_package_that_composes(kind, written, monkeypatch, capsys):
    name = f"own_{kind}_kind"
    folder = written(kind, name)
    assert capsys.readouterr().out.strip() == str(folder / "README.md")
    project = tomllib.loads((folder / "pyproject.toml").read_text())
    assert project["project"]["entry-points"]["interlace.plugins"] == {name: name}
    for path in folder.rglob("*.py"):
        compile(path.read_text(), path, "exec")
        assert max(map(len, path.read_text().splitlines())) <= 120
    monkeypatch.setenv(PLUGINS, name)
    config = compose(template_of(kind, name).overrides)
    check(config)
    assert plugins_of(config) == [name]


@pytest.mark.slow
@pytest.mark.parametrize("kind", Kind)
def test_each_kind_passes_its_own_test_and_trains(kind, written):
    folder = written(kind, f"own_{kind}")
    environment = {key: value for key, value in os.environ.items() if key != PLUGINS}
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-p", "no:xdist"],
        cwd=folder, env=environment, capture_output=True, text=True, timeout=300,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-1000:]
    assert "2 passed" in done.stdout


@pytest.mark.parametrize(("arguments", "told"), [
    (["fusion", "My-Fusion"], "expected the name of a package"),
    (["fusion", "class"], "expected the name of a package"),
    (["fusion", "attention"], "fusion=attention exists already"),
    (["head", "json"], "a module of this name is installed"),
    (["head", "torch"], "a module of this name is installed"),
])  # fmt: skip
def test_a_name_that_cannot_be_is_refused_and_nothing_written(arguments, told, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    assert run(["new", *arguments]) == 2
    error = capsys.readouterr().err
    assert told in error
    assert error.count("\n") == 1
    assert not list(tmp_path.iterdir())


def test_what_is_there_is_not_written_over(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    assert run(["new", "head", "own_head_here"]) == 0
    before = {path: path.read_text() for path in tmp_path.rglob("*.*") if path.is_file()}
    assert run(["new", "head", "own_head_here"]) == 2
    assert "own_head_here: exists already" in capsys.readouterr().err
    assert {path: path.read_text() for path in tmp_path.rglob("*.*") if path.is_file()} == before
