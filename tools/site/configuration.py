"""The pages of configuration groups, generated from the files of conf/ and their comments."""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import yaml

OPTION = re.compile(r"^( *)([^\s#:][^:#]*):(?:\s+(.*?))?(?:\s+#\s?(.*))?$")
PRESETS = ("experiment", "debug")


@dataclass
class Choice:
    """One file of a group: its description (the comment above it) and its options."""

    name: str
    description: str
    source: str
    options: list["Option"] = field(default_factory=list)
    target: str | None = None


@dataclass
class Option:
    """One key with its default as written and the comment beside it."""

    key: str
    default: str
    meaning: str


def group_pages(conf: Path) -> dict[str, str]:
    """A page for each group (`encoder/text` is one), a page of train.yaml, and an index."""
    groups = sorted({path.parent.relative_to(conf).as_posix() for path in conf.rglob("*.yaml")} - {"."})
    pages = {f"reference/configuration/{_file(group)}.md": _page(conf, group) for group in groups}
    pages["reference/configuration/run.md"] = _run_page(conf / "train.yaml")
    lines = [
        "# Configuration",
        "",
        "Every group of `conf/`, generated from its files. `interlace config show OVERRIDES` prints the whole",
        "configuration of a run, `interlace list` what can be named.",
        "",
        f"- [Options outside the groups](run.md): `{(conf / 'train.yaml').name}`",
        *(
            f"- [`{group}`]({_file(group)}.md): {', '.join(f'`{each}`' for each in _names(conf, group))}"
            for group in groups
        ),
    ]
    pages["reference/configuration/index.md"] = "\n".join(lines) + "\n"
    return pages


def read_choice(path: Path, name: str) -> Choice:
    """The description, options and target of one file.

    The description is the comment that the file opens with; a comment on lines of its own belongs to the option below.
    """
    text = path.read_text(encoding="utf-8")
    lines = text.splitlines()
    opening = list(_leading_comments(lines))
    content = yaml.safe_load(text) or {}
    target = content.get("_target_") if isinstance(content, dict) else None
    options = _options(lines[len(opening) :])
    return Choice(name, " ".join(line.lstrip("# ").strip() for line in opening), text, options, target)


def _leading_comments(lines: list[str]) -> Iterator[str]:
    for line in lines:
        if not line.startswith("#") or line.startswith("# @package"):
            return
        yield line


def _options(lines: list[str]) -> list[Option]:
    path: list[tuple[int, str]] = []
    above: list[str] = []
    found: list[Option] = []
    column = -1  # of the comment beside the last option, which lines below it may continue
    for line in lines:
        if line.strip().startswith("#"):
            words = line.strip().lstrip("# ")
            if found and line.index("#") == column:
                found[-1].meaning += f" {words}"
            else:
                above.append(words)
            continue
        match = OPTION.match(line)
        if match is None or line.strip().startswith("- "):
            above = []
            continue
        indent, key, default, comment = len(match[1]), match[2].strip().strip("'\""), match[3] or "", match[4] or ""
        path = [each for each in path if each[0] < indent] + [(indent, key)]
        column = line.index("#") if comment else -1
        if key not in ("_target_", "defaults"):
            found.append(Option(".".join(name for _, name in path), default, " ".join([*above, comment]).strip()))
        above = []
    return [each for each in found if each.default or each.meaning]


def _names(conf: Path, group: str) -> list[str]:
    return sorted(path.stem for path in (conf / group).glob("*.yaml"))


def _file(group: str) -> str:
    return group.replace("/", "-")


def _page(conf: Path, group: str) -> str:
    choices = [read_choice(conf / group / f"{name}.yaml", name) for name in _names(conf, group)]
    parts = [f"# {group}", f"Choices of `{group}=`; the options stand below `{_package(group)}.` in overrides."]
    for choice in choices:
        parts += [f"## `{group}={choice.name}`", choice.description]
        if group.split("/")[0] in PRESETS:
            parts.append(f"```yaml\n{choice.source.strip()}\n```")
        else:
            parts.append(_table(choice.options, _package(group)))
    targets = sorted({choice.target for choice in choices if choice.target and choice.target.startswith("interlace.")})
    if targets:
        parts += ["## Classes", *(f"::: {target}" for target in targets)]
    return "\n\n".join(filter(None, parts)) + "\n"


def _package(group: str) -> str:
    return group.replace("/", ".")


def _run_page(path: Path) -> str:
    choice = read_choice(path, "train")
    parts = ["# Options outside the groups", choice.description, _table(choice.options, ""), "## The file"]
    return "\n\n".join([*parts, f"```yaml\n{choice.source.strip()}\n```"]) + "\n"


def _table(options: list[Option], prefix: str) -> str:
    if not options:
        return "No options."
    rows = [f"| `{_key(prefix, each.key)}` | {_default(each.default)} | {_cell(each.meaning)} |" for each in options]
    return "\n".join(["| option | default | meaning |", "|---|---|---|", *rows])


def _key(prefix: str, key: str) -> str:
    return ".".join(filter(None, (prefix, key)))


def _default(text: str) -> str:
    return f"`{_cell(text)}`" if text else ""


def _cell(text: str) -> str:
    return text.replace("|", "\\|").replace("<", "&lt;")
