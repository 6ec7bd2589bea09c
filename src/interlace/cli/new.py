"""interlace new"""

import keyword
import re
import sys
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

import typer

TEMPLATES = Path(__file__).parent / "templates"
SCENES = ("data.num_train=64", "data.num_val=32", "data.num_test=32")


class Kind(StrEnum):
    """A kind of component for which `interlace new` has a template."""

    FUSION = "fusion"
    ENCODER = "encoder"
    DATASET = "dataset"
    OBJECTIVE = "objective"
    HEAD = "head"
    TASK = "task"
    CALLBACK = "callback"


@dataclass(frozen=True)
class Template:
    """The template of one kind: `overrides` choose the component, `small` keep its test short, `law` and `law_name` are
    the arguments of `interlace test`.
    """

    file: str
    noun: str
    group: str
    overrides: list[str]
    small: tuple[str, ...] = SCENES
    law: str | None = None
    law_name: str | None = None


def new(
    kind: Annotated[Kind, typer.Argument(metavar="KIND", help="One of " + ", ".join(Kind) + ".")],
    name: Annotated[
        str, typer.Argument(metavar="NAME", help="Name of the package and of its choice in the group: my_fusion.")
    ],
    output: Annotated[Path | None, typer.Option("--output", help="Folder to write; by default ./NAME.")] = None,
) -> None:
    """Write a small working plug-in package: a component, its conf file, a test, and how to try it."""
    from interlace.errors import UserError

    folder = Path(name) if output is None else output
    template = template_of(kind, name)
    _check_name(name, template)
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise UserError(f"{folder}: exists already; give a new or empty folder with --output DIR")
    for file, text in files(template, name).items():
        path = folder / file
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    print(folder / "README.md")


def template_of(kind: Kind, name: str) -> Template:
    """The template of a kind, for a component of this name."""
    interactions = "experiment=interactions"
    return {
        Kind.FUSION: Template(
            "fusion", "a fusion strategy", "fusion", [interactions, f"fusion={name}"], law="fusion", law_name=name
        ),
        Kind.ENCODER: Template(
            "encoder", "an encoder of features", "encoder/features", [interactions, f"encoder/features={name}"],
            law="encoder", law_name=f"features/{name}",
        ),
        Kind.DATASET: Template("dataset", "a data set", "data", [f"data={name}", "fusion=multiplicative"]),
        Kind.OBJECTIVE: Template("objective", "an objective", "objective", [interactions, f"objective={name}"]),
        Kind.HEAD: Template("head", "a head", "head", [interactions, f"head={name}"]),
        Kind.TASK: Template(
            "task", "a task", "task",
            ["experiment=scenes_sentiment", "data.target=value", "head=regression", f"task={name}"],
        ),
        Kind.CALLBACK: Template("callback", "a callback", "callbacks", [interactions, f"callbacks=[{name}]"]),
    }[kind]  # fmt: skip


def files(template: Template, name: str) -> dict[str, str]:
    """The text of each file of a package, by its path in it."""
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    environment = Environment(
        loader=FileSystemLoader(TEMPLATES), undefined=StrictUndefined, keep_trailing_newline=True, autoescape=False
    )
    values: dict[str, Any] = {
        "name": name,
        "cls": "".join(part.capitalize() for part in name.split("_")),
        "distribution": name.replace("_", "-"),
        "kind": template,
    }
    source = f"src/{name}"
    wanted = {
        "pyproject.toml": "pyproject.toml",
        "README.md": "README.md",
        f"{source}/__init__.py": f"{template.file}.module",
        f"{source}/conf/{template.group}/{name}.yaml": f"{template.file}.conf",
        f"tests/test_{name}.py": "test.py",
    }
    if (TEMPLATES / f"{template.file}.learning.jinja").exists():
        wanted[f"{source}/learning.py"] = f"{template.file}.learning"
    return {path: environment.get_template(f"{file}.jinja").render(values) for path, file in wanted.items()}


def _check_name(name: str, template: Template) -> None:
    """Raises UserError for a name that is not valid, or is taken by a choice of the group or an installed module."""
    from importlib.util import find_spec

    from interlace.configuration.names import choices
    from interlace.errors import UserError

    if not re.fullmatch(r"[a-z][a-z0-9_]*", name) or keyword.iskeyword(name):
        raise UserError(f"{name}: expected the name of a package: lower-case letters, digits, _ (my_{template.file})")
    if name in choices(template.group):
        raise UserError(f"{name}: {template.group}={name} exists already; choose another name")
    if name in sys.stdlib_module_names or find_spec(name) is not None:
        raise UserError(
            f"{name}: a module of this name is installed, and the new package would shadow it; choose another name"
        )
