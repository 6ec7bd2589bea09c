"""Folders of configuration files, outputs and caches. No function creates a folder."""

import os
from functools import cache
from pathlib import Path


@cache
def conf_dir() -> Path:
    """The folder of configuration files: inside the package when installed from a wheel, else the checkout's conf/."""
    package = Path(__file__).resolve().parents[1]
    packaged = package / "conf"
    return packaged if packaged.is_dir() else package.parents[1] / "conf"


def outputs_dir() -> Path:
    """The folder of runs: INTERLACE_OUTPUTS, else ./outputs."""
    return Path(os.environ.get("INTERLACE_OUTPUTS") or "outputs")


def cache_dir() -> Path:
    """The folder of decoded arrays and downloads: INTERLACE_CACHE, else ~/.cache/interlace."""
    return Path(os.environ.get("INTERLACE_CACHE") or Path.home() / ".cache" / "interlace")


def data_folders() -> list[Path]:
    """Folders searched for data sets, in order: those of INTERLACE_DATA, then the cache's data folder."""
    named = [Path(part).expanduser() for part in os.environ.get("INTERLACE_DATA", "").split(os.pathsep) if part]
    return [*named, cache_dir() / "data"]


def study_folders() -> list[Path]:
    """Folders searched for studies by name: ./experiments, then the checkout's, or in a wheel the package's own."""
    package = Path(__file__).resolve().parents[1]
    packaged = package / "experiments"
    own = packaged if packaged.is_dir() else package.parents[1] / "experiments"
    return list(dict.fromkeys([Path("experiments").resolve(), own]))
