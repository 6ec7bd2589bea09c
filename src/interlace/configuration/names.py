"""What exists: configuration groups, their choices, and the line that says what each is."""

from pathlib import Path

from interlace.configuration.locations import conf_dir, study_folders


def groups() -> set[str]:
    """Names of all configuration groups, nested ones with a slash ("encoder/text")."""
    root = conf_dir()
    return {path.parent.relative_to(root).as_posix() for path in root.rglob("*.yaml")} - {"."}


def choices(group: str) -> list[str]:
    """Names of a group's files, nested ones with a slash, sorted."""
    root = conf_dir() / group
    return sorted(path.relative_to(root).with_suffix("").as_posix() for path in root.rglob("*.yaml"))


def description(group: str, name: str) -> str:
    """The first comment line of a configuration file (not a `# @package` line)."""
    return _first_comment(conf_dir() / group / f"{name}.yaml")


def studies() -> dict[str, Path]:
    """Studies by name: each folder with a study.yaml in the study folders; an earlier folder wins."""
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
