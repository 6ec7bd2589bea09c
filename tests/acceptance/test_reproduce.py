"""A run made again has the same figures; a difference is named."""

import json

import pytest

import interlace
from interlace.cli.application import run

pytestmark = pytest.mark.slow


def test_same_machine_same_figures_and_differences_are_named(tiny, outputs, capsys):
    directory = interlace.train(interlace.compose(tiny), quiet=True).directory
    assert run(["reproduce", str(directory), "--strict"]) == 0
    assert "reproduced exactly" in capsys.readouterr().out

    manifest = json.loads((directory / "manifest.json").read_text())
    manifest["packages"]["torch"] = "1.0"
    (directory / "manifest.json").write_text(json.dumps(manifest))
    assert run(["reproduce", str(directory), "--strict"]) == 2
    assert "torch: was 1.0" in capsys.readouterr().err

    results = json.loads((directory / "results.json").read_text())
    results["metrics"]["test/loss"] += 1e-7
    (directory / "results.json").write_text(json.dumps(results))
    assert run(["reproduce", str(directory)]) == 1
    assert "OTHER    test/loss" in capsys.readouterr().out


def test_the_manifest_knows_what_it_must(tiny, outputs):
    directory = interlace.train(interlace.compose([*tiny, "seed.model=3", "seed.data=5"]), quiet=True).directory
    assert directory.name == "seed-3-data-5"
    manifest = json.loads((directory / "manifest.json").read_text())
    assert manifest["seed"] == {"model": 3, "data": 5}
    assert {"code", "config_hash", "data_fingerprint", "git", "packages", "threads", "python"} <= set(manifest)
    assert len(manifest["data_fingerprint"]) == 64


def test_compare_and_evaluate_a_run(tiny, outputs, capsys):
    runs = [interlace.train(interlace.compose([*tiny, f"seed={seed}"]), quiet=True) for seed in (0, 1)]
    assert run(["compare", *(str(r.directory) for r in runs), "--json"]) == 0
    compared = json.loads(capsys.readouterr().out)
    assert set(compared["settings"]) == {"seed.model", "seed.data"}
    assert compared["metrics"]["test/accuracy"] == [r.metrics["test/accuracy"] for r in runs]

    assert run(["evaluate", str(runs[0].directory), "--json"]) == 0
    again = json.loads(capsys.readouterr().out)
    assert again == {k: v for k, v in runs[0].metrics.items() if k.startswith("test/")}
    assert run(["evaluate", str(runs[0].directory), "data.num_tset=3"]) == 2
    assert "did you mean 'num_test'" in capsys.readouterr().err
