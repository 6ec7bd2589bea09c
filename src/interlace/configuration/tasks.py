"""Tasks by name: the components of conf/task."""

from functools import cache
from typing import Annotated, Any

from pydantic import AfterValidator

from interlace.configuration.checking import resolve_target
from interlace.configuration.compose import compose_node
from interlace.configuration.construction import constructor
from interlace.configuration.names import choices
from interlace.configuration.plugins import Plugin, plugins
from interlace.configuration.suggestions import did_you_mean


def task_names() -> list[str]:
    """Return the names of all tasks with labels, built-in and of plug-ins: subclasses of `TaskSpec`."""
    return [name for name in _nodes(plugins()) if not scores_texts(name)]


def text_task_names() -> list[str]:
    """Return the names of all tasks that score generated texts, built-in and of plug-ins: subclasses of `TextTask`."""
    return [name for name in _nodes(plugins()) if scores_texts(name)]


def scores_texts(name: str) -> bool:
    """Return whether a task scores generated texts; False for one with labels."""
    return getattr(task_class(name), "scores_texts", False)


def task_class(name: str) -> Any:
    """Return the subclass of `TaskSpec` or `TextTask` of this name, without import of torch."""
    return resolve_target("task", _node(name))


def task_named(name: str, **options: Any) -> Any:
    """Return the task of this name with the options of its file and `options`. Raises UserError for an unknown name."""
    return constructor({**_node(name), **options})()


def known_task(name: str) -> str:
    """Return the name if it is that of a task; else raise ValueError with the nearest name."""
    if name not in task_names():
        raise ValueError(f"no task is called {name!r}; {did_you_mean(name, task_names())}")
    return name


def _node(name: str) -> dict[str, Any]:
    nodes = _nodes(plugins())
    return nodes[name] if name in nodes else compose_node("task", name)  # raises UserError with the valid names


@cache
def _nodes(brought: tuple[Plugin, ...]) -> dict[str, dict[str, Any]]:
    """Return the content of every task's file, read once for each set of plug-ins."""
    return {name: compose_node("task", name) for name in choices("task")}


TaskName = Annotated[str, AfterValidator(known_task)]
