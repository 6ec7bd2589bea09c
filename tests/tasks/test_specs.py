"""Every task of conf/task: its parts agree, and nothing outside its folder asks for it by name."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

import interlace
from interlace.configuration.names import choices
from interlace.configuration.tasks import scores_texts, task_class, task_named, task_names, text_task_names
from interlace.data.text_pairs import Pairs
from interlace.metrics.directions import LESS_IS_BETTER, MORE_IS_BETTER
from interlace.tasks.text_task import WrittenTexts

SOURCE = Path(interlace.__file__).parent
TASKS = SOURCE / "tasks"


def named_in(node: ast.AST) -> set[str]:
    """Texts that stand in an expression: a text, or a tuple, list or set of them."""
    parts = node.elts if isinstance(node, ast.Tuple | ast.List | ast.Set) else [node]
    return {part.value for part in parts if isinstance(part, ast.Constant) and isinstance(part.value, str)}


def asked_for(tree: ast.AST, names: set[str]) -> list[tuple[int, str]]:
    """Lines that compare with the name of a task, match it, look it up in a table of tasks, or list tasks as a type."""
    found = []
    for node in ast.walk(tree):
        asked: set[str] = set()
        if isinstance(node, ast.Compare):
            asked = set().union(*(named_in(each) for each in (node.left, *node.comparators)))
        elif isinstance(node, ast.MatchValue):
            asked = named_in(node.value)
        elif isinstance(node, ast.Dict):
            keys = set().union(*(named_in(key) for key in node.keys if key is not None), set())
            asked = keys if len(keys & names) > 1 else set()
        elif isinstance(node, ast.Subscript) and isinstance(node.value, ast.Name) and node.value.id == "Literal":
            asked = named_in(node.slice)
        found += [(node.lineno, name) for name in asked & names if hasattr(node, "lineno")]
    return found


def test_no_code_outside_the_tasks_folders_asks_for_a_task_by_name() -> None:
    names = {*task_names(), *text_task_names()}
    found = {}
    for path in SOURCE.rglob("*.py"):
        inside = TASKS in path.parents and path.parent != TASKS
        lines = [] if inside else asked_for(ast.parse(path.read_text()), names)
        if lines:
            found[str(path.relative_to(SOURCE))] = lines
    assert not found


@pytest.mark.parametrize(
    "code",
    ["task == 'regression'", "'generation' != data.task", "task in ('classification', 'other')",
     "x: Literal['regression']",
     "{'classification': 1, 'regression': 2}[task]", "match task:\n    case 'generation':\n        pass"],
)  # fmt: skip
def test_the_search_finds_each_way_to_ask(code: str) -> None:
    assert asked_for(ast.parse(code), {"classification", "regression", "generation"})


def test_a_section_of_the_same_name_is_no_task() -> None:
    assert not asked_for(ast.parse("config['generation'] is None"), {"generation"})


@pytest.mark.parametrize("name", task_names())
def test_what_a_task_says_of_itself_agrees(name: str) -> None:
    spec = task_named(name)
    assert spec.name == name
    assert set(spec.heads) <= set(choices("head"))
    assert set(spec.takes) <= set(task_names())
    assert spec.writes or spec.heads
    for metric in (*spec.usual, *spec.offered, spec.monitor.removeprefix("val/")):
        assert (metric in LESS_IS_BETTER) != (metric in MORE_IS_BETTER), metric
    if not spec.writes:
        metrics = spec.learning.metrics(["a", "b", "c"])
        assert metrics.names == spec.usual
        assert tuple(metrics.offered) == spec.offered
        assert set(metrics.by_group) <= set(metrics.names)
        assert metrics.has_softmax == spec.has_softmax
        assert metrics.of == spec.labels
        assert spec.monitor.removeprefix("val/") in metrics.names


@pytest.mark.parametrize("name", text_task_names())
def test_what_a_text_task_says_of_itself_agrees(name: str) -> None:
    task = task_named(name)
    assert scores_texts(name)
    assert task.name == name
    pairs = Pairs(["a b c. d e f.", "g h."], [["a b", "d"], ["g h"]], ["1", "2"], {"kind": ["x", "y"]})
    told = {"read": [1, 2], "source_words": 2}
    scores = task.measure(WrittenTexts(pairs, ["a b", "g x"], details=[told, told]))
    reported = {metric for metric in scores.values if "/" not in metric}
    assert reported & set(task.usual), "some need details; those of references are no metrics"
    assert {f"{metric}/x" for metric in reported} <= set(scores.values)
    assert set(scores.signatures) <= set(scores.values) | set(task.usual)
    assert all(len(values) == 2 for values in scores.items.values())
    for metric in task.usual:
        assert (metric in LESS_IS_BETTER) != (metric in MORE_IS_BETTER), metric
    trivial = task.describe(pairs, pairs).get("trivial")
    assert trivial is None or len(trivial) > 1


def test_tasks_are_known_without_torch() -> None:
    """A wrong metric or task is told before anything heavy is imported."""
    code = (
        "import sys\n"
        "from interlace.configuration.tasks import task_class, task_names, text_task_names\n"
        "assert all(task_class(name).usual for name in (*task_names(), *text_task_names()))\n"
        "sys.exit('torch' in sys.modules or 'scipy' in sys.modules or 'sklearn' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_an_unknown_task_is_refused_with_the_nearest() -> None:
    with pytest.raises(interlace.errors.UserError, match="did you mean 'regression'"):
        task_class("regresion")
