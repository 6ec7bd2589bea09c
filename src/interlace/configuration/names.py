"""Configuration groups of interlace and of plug-ins, their choices, and the description of each choice."""

from pathlib import Path

from interlace.configuration.locations import study_folders
from interlace.configuration.plugins import ConfFile, conf_files


def groups() -> set[str]:
    """Return the names of all configuration groups, nested ones with a slash ("encoder/text")."""
    return {name.rpartition("/")[0] for name in conf_files()} - {""}


def choices(group: str) -> list[str]:
    """Return the names of a group's files, nested ones with a slash, sorted."""
    start = f"{group}/"
    return sorted(name.removeprefix(start).removesuffix(".yaml") for name in conf_files() if name.startswith(start))


def conf_file(group: str, name: str) -> ConfFile:
    """Return the file of an existing choice."""
    return conf_files()[f"{group}/{name}.yaml"]


def description(group: str, name: str) -> str:
    """Return the first comment line of a configuration file (not a `# @package` line)."""
    return _first_comment(conf_file(group, name).path)


def studies() -> dict[str, Path]:
    """Return studies by name: each folder with a study.yaml in the study folders; an earlier folder wins."""
    found: dict[str, Path] = {}
    for folder in study_folders():
        for path in sorted(folder.glob("*/study.yaml")):
            found.setdefault(path.parent.name, path)
    return found


def _first_comment(path: Path) -> str:
    for line in path.read_text(encoding="utf-8").split("\n"):
        if line.startswith("#") and "@package" not in line:
            return line.lstrip("# ").strip()
        if line and not line.startswith("#"):
            break
    return ""
