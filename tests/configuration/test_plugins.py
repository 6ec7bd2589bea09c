"""Plug-ins: found by entry point or name, read without running their code, never in place of a file of interlace."""

import re
import shlex
import sys
from pathlib import Path

import pytest

from interlace.cli.application import run
from interlace.configuration.checking import check
from interlace.configuration.compose import compose, compose_node
from interlace.configuration.construction import located
from interlace.configuration.names import choices
from interlace.configuration.plugins import ENTRY_POINTS, PLUGINS, conf_files, named_plugins, plugins
from interlace.configuration.targets import plugins_of
from interlace.errors import UserError
from interlace.tracking.identity import code_hash, code_hash_of

MODULE = """
from interlace.fusion.single import SingleFusion

class OwnFusion(SingleFusion):
    pass
"""
CONF = {
    "fusion/own.yaml": "# One modality, again.\n_target_: {package}.strategies.OwnFusion\ndim: 8\n",
    "experiment/own.yaml": "# @package _global_\n# Scenes by the plug-in's strategy.\ndefaults:\n"
    "  - override /data: scenes\n  - override /fusion: own\nmodalities: [text]\n",
}


@pytest.fixture
def written(tmp_path, monkeypatch):
    """written(package, conf, distribution) -> a package on the path; with a distribution, as one that is installed."""
    monkeypatch.delenv(PLUGINS, raising=False)
    root = tmp_path / "it's\\a folder, [0]"
    root.mkdir()
    monkeypatch.syspath_prepend(str(root))

    def write(package: str, conf: dict[str, str] = CONF, distribution: str | None = None) -> Path:
        folder = root.joinpath(*package.split("."))
        folder.mkdir(parents=True)
        (folder / "__init__.py").write_text(f"raise RuntimeError('{package} is imported')\n")
        (folder / "strategies.py").write_text(MODULE)
        for name, text in conf.items():
            path = folder / "conf" / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text.format(package=package))
        if distribution is not None:
            info = root / f"{distribution}-1.2.dist-info"
            info.mkdir()
            (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {distribution}\nVersion: 1.2\n")
            (info / "entry_points.txt").write_text(f"[{ENTRY_POINTS}]\n{package} = {package}\n")
        sys.path_importer_cache.clear()
        return folder

    before = set(sys.modules)
    yield write
    for name in set(sys.modules) - before:
        if str(root) in str(getattr(sys.modules[name], "__file__", "")):
            del sys.modules[name]
    located.cache_clear()


def importable(folder: Path) -> None:
    (folder / "__init__.py").write_text("")


@pytest.mark.parametrize("package", ["own_strategies", "lab_tools.fusion.own_strategies"])
@pytest.mark.parametrize("way", ["entry point", "environment", "option"])
def test_a_plug_in_is_found_listed_composed_and_checked_whatever_names_it(way, package, written, monkeypatch, capsys):
    folder = written(package, distribution="own-strategies" if way == "entry point" else None)
    if way == "environment":
        monkeypatch.setenv(PLUGINS, f" {package},")
    option = ["--plugin", package] if way == "option" else []
    assert run(["list", *option, "fusion"]) == 0
    line = next(line for line in capsys.readouterr().out.splitlines() if line.startswith("fusion=own "))
    assert line.endswith(f"One modality, again. [plug-in {package}]")
    with named_plugins(option[1:]):
        assert "own" in choices("fusion")
        assert compose_node("fusion", "own")["dim"] == 8
        assert package not in sys.modules
        importable(folder)
        for overrides in (["fusion=own", "data=scenes"], ["experiment=own"]):
            config = compose(overrides)
            check(config)
            assert config["fusion"] == {"_target_": f"{package}.strategies.OwnFusion", "dim": 8}
            assert plugins_of(config) == [package]
    assert "own" not in choices("fusion") or way != "option"
    assert plugins_of(compose(["fusion=sum"])) == []


DECIDING = """
from interlace.fusion.majority import MajorityFusion

class OwnFusion(MajorityFusion):
    pass
"""


def test_a_fusion_of_a_plug_in_that_decides_needs_no_head(written, monkeypatch):
    folder = written("own_deciding")
    importable(folder)
    (folder / "strategies.py").write_text(DECIDING)
    written("own_joining", {"fusion/joining.yaml": CONF["fusion/own.yaml"]})
    importable(folder.parent / "own_joining")
    monkeypatch.setenv(PLUGINS, "own_deciding,own_joining")
    config = compose(["experiment=scenes", "fusion=own", "head=null"])
    check(config)
    assert config["head"] is None
    with pytest.raises(UserError, match=r"fusion=own: it decides by itself and gives nothing to write about"):
        compose(["experiment=scenes_captions", "fusion=own"])
    with pytest.raises(UserError, match=r"head: null, and fusion=joining joins the modalities but leaves the answer"):
        compose(["experiment=scenes", "fusion=joining", "head=null"])


def test_nothing_of_a_plug_in_is_imported_by_runs_that_use_none_of_it(written):
    written("own_unused", distribution="own-unused")
    check(compose(["experiment=scenes", "fusion=concat"]))
    assert run(["config", "show", "experiment=scenes"]) == 0
    assert not any(name.startswith("own_unused") for name in sys.modules)


@pytest.mark.parametrize("name", ["fusion/attention.yaml", "experiment/glue/cola.yaml", "train.yaml"])
def test_a_file_of_the_name_of_one_of_ours_is_refused(name, written, monkeypatch, capsys):
    written("own_shadow", {name: "x: 1\n"})
    monkeypatch.setenv(PLUGINS, "own_shadow")
    for verb in (["list", "fusion"], ["train", "experiment=scenes"], ["study", "plan", "demo"]):
        assert run(verb) == 2
        error = capsys.readouterr().err
        assert f"conf/{name} of the plug-in own_shadow: interlace has a file of this name; rename it" in error
        assert error.count("\n") == 1


def test_two_plug_ins_with_a_file_of_the_same_name_are_refused(written, monkeypatch):
    written("own_first")
    written("own_second")
    monkeypatch.setenv(PLUGINS, "own_first,own_second")
    with pytest.raises(UserError, match=r"of the plug-in own_second: the plug-in own_first has a file of this name"):
        conf_files()


def test_what_is_no_plug_in_is_told(written, monkeypatch):
    written("own_bare", {}, distribution="own-bare")
    with pytest.raises(UserError, match=r"own_bare: own-bare announces it as a plug-in \(interlace.plugins\), and it"):
        plugins()
    for name in ("own_none", "os", "os.path", "..", "own.none", "x y"):
        monkeypatch.setenv(PLUGINS, name)
        with pytest.raises(UserError, match=f"INTERLACE_PLUGINS: '{name}' is no package with a folder conf/"):
            plugins()


def test_the_option_holds_for_its_command_alone(written, capsys):
    importable(written("own_option"))
    assert run(["config", "check", "fusion=own", "--plugin=own_option"]) == 0
    assert run(["config", "check", "fusion=own"]) == 2
    assert "fusion=own: no such choice" in capsys.readouterr().err
    assert run(["list", "fusion", "--plugin"]) == 2
    assert "expected the import name of a package after it" in capsys.readouterr().err


@pytest.mark.parametrize("way", ["environment", "option"])
def test_commands_to_run_again_name_the_plug_ins(way, written, tmp_path, outputs, monkeypatch, capsys):
    importable(written("own_again"))
    option = ["--plugin", "own_again"]
    if way == "environment":
        monkeypatch.setenv(PLUGINS, "own_again,own_again")
        option = []
    study = tmp_path / "study.yaml"
    study.write_text("{name: again, question: Which, base: [data=scenes], arms: {own: [fusion=own]}, seeds: [0]}")
    assert run(["study", "report", str(study), *option]) == 0
    page = Path(capsys.readouterr().out.splitlines()[-1]).read_text()
    again = re.search(r"<h3>Run again</h3>\s*<pre[^>]*><code>(.*?)</code>", page)[1]
    assert again == f"interlace --plugin=own_again study run {study}"
    monkeypatch.delenv(PLUGINS, raising=False)
    words = shlex.split(again)[1:]
    words[words.index("run")] = "plan"
    assert run(words) == 0
    assert run(["study", "plan", str(study)]) == 2


def test_a_configuration_without_its_plug_in_says_which_to_install(written):
    importable(written("own_absent"))
    with named_plugins(["own_absent"]):
        config = compose(["fusion=own"])
    with pytest.raises(UserError, match=r"'own_absent.strategies.OwnFusion' stands in no file.*--plugin own_absent"):
        check(config)
    hostile = {**config, "fusion": {"_target_": "os.system", "command": "true"}}
    with named_plugins(["own_absent"]), pytest.raises(UserError, match="stands in no file of conf/fusion"):
        check(hostile)


def test_the_source_of_a_plug_in_counts_for_runs_that_use_it(written, monkeypatch):
    folder = written("own_code")
    importable(folder)
    monkeypatch.setenv(PLUGINS, "own_code")
    using, other = compose(["fusion=own"]), compose(["fusion=sum"])
    assert code_hash_of(other) == code_hash()
    before = code_hash_of(using)
    assert before != code_hash()
    (folder / "strategies.py").write_text(MODULE + "# changed\n")
    code_hash.cache_clear()
    changed = code_hash_of(using)
    assert changed not in (before, code_hash())
    monkeypatch.delenv(PLUGINS)
    code_hash.cache_clear()
    assert code_hash(("own_code",)) not in (before, changed, code_hash())  # it is not there
