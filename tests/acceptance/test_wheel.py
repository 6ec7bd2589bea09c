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
    with zipfile.ZipFile(next(tmp_path.glob("*.whl"))) as wheel:
        wheel.extractall(site)
    environment = {**os.environ, "PYTHONPATH": str(site)}

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


def test_a_bare_checkout_finds_its_configuration(tmp_path):
    code = "from interlace.configuration.locations import conf_dir; print(conf_dir())"
    done = subprocess.run(
        [sys.executable, "-c", code], env={**os.environ, "PYTHONPATH": str(ROOT / "src")},
        cwd=tmp_path, capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert Path(done.stdout.strip()) == ROOT / "conf"
