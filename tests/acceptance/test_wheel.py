"""The built wheel, unpacked elsewhere and used from another folder, brings its configuration along."""

import os
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

pytestmark = pytest.mark.slow
ROOT = Path(__file__).resolve().parents[2]


def test_the_wheel_works_from_another_folder(tmp_path):
    build = [sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", str(tmp_path), str(ROOT)]
    done = subprocess.run(build, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    site, elsewhere = tmp_path / "site", tmp_path / "elsewhere"
    elsewhere.mkdir()
    wheel = next(tmp_path.glob("*.whl"))
    install = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--no-index", "--target", str(site)]
    done = subprocess.run([*install, str(wheel)], capture_output=True, text=True, check=False)
    if "No module named pip" in done.stderr:  # what an installer does with a wheel of pure Python
        zipfile.ZipFile(wheel).extractall(site)
    else:
        assert done.returncode == 0, done.stderr
    environment = {**os.environ, "PYTHONPATH": str(site)}
    environment.pop("INTERLACE_PLUGINS", None)

    def interlace(*arguments):
        return subprocess.run(
            [sys.executable, "-m", "interlace", *arguments],
            cwd=elsewhere, env=environment, capture_output=True, text=True, check=False,
        )  # fmt: skip

    place = subprocess.run(
        [sys.executable, "-c", "import interlace; print(interlace.__file__)"],
        cwd=elsewhere, env=environment, capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert Path(place.stdout.strip()).is_relative_to(site)
    assert "fusion=attention" in interlace("list", "fusion").stdout
    trained = interlace("train", "experiment=scenes", "debug=fast", "data.num_train=64", "data.num_val=64",
                        "data.num_test=64", "trainer.threads=1")  # fmt: skip
    assert trained.returncode == 0, trained.stderr
    assert (elsewhere / trained.stdout.strip().splitlines()[-1] / "results.json").exists()
    assert "conf" in interlace("env").stdout
    made = interlace("new", "fusion", "my_fusion")
    assert made.returncode == 0, made.stderr
    assert {path.suffix for path in (elsewhere / "my_fusion").rglob("*") if path.is_file()} >= {".py", ".yaml", ".toml"}
    environment["PYTHONPATH"] = os.pathsep.join([str(site), str(elsewhere / "my_fusion" / "src")])
    assert "[plug-in my_fusion]" in interlace("list", "fusion", "--plugin=my_fusion").stdout
    few = ["--arms", "concat,linear", "--seeds", "0", "data.num_train=64", "data.num_val=64", "data.num_test=64"]
    studied = interlace("study", "run", "demo", *few, "trainer.max_steps=2", "logger=none", "--jobs", "1")
    assert studied.returncode == 0, studied.stderr
    assert (elsewhere / studied.stdout.strip().splitlines()[-1]).name == "index.html"
    assert (elsewhere / "outputs" / "demo" / "report" / "index.html").exists()
    assert (site / "interlace" / "experiments" / "demo" / "study.yaml").read_bytes() == (
        ROOT / "experiments" / "demo" / "study.yaml"
    ).read_bytes()
    page = Path("interlace", "apps", "page")
    files = {path.name: path.read_bytes() for path in (ROOT / "src" / page).iterdir()}
    assert {path.name: path.read_bytes() for path in (site / page).iterdir()} == files != {}


def test_a_bare_checkout_finds_its_configuration(tmp_path):
    code = "from interlace.configuration.locations import conf_dir; print(conf_dir())"
    done = subprocess.run(
        [sys.executable, "-c", code], env={**os.environ, "PYTHONPATH": str(ROOT / "src")},
        cwd=tmp_path, capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert Path(done.stdout.strip()) == ROOT / "conf"
