"""Patterns of questions, by the path that answers them."""

from dataclasses import dataclass, field
from itertools import product
from pathlib import Path
from typing import Any

import yaml

from interlace.errors import UserError
from interlace.inputs import note
from interlace.knowledge_graph.graph import KnowledgeGraph
from interlace.knowledge_graph.paths import RelationPath
from interlace.reading.documents import read_yaml

SLOT = "{e}"
COUNTRY_QUESTIONS = Path(__file__).with_name("countries_questions.yaml")
OUTWARD = (
    "What is the {r} of {e}?", "Name the {r} of {e}.", "Which {r} does {e} have?", "Tell me {e}'s {r}.",
    "What {r} belongs to {e}?", "I need the {r} of {e}.", "{e} has which {r}?", "Do you know the {r} of {e}?",
)  # fmt: skip
INWARD = (
    "What has the {r} {e}?", "Whose {r} is {e}?", "{e} is the {r} of what?", "Name what has {e} as its {r}.",
    "Of what is {e} the {r}?", "Tell me what {e} is the {r} of.", "Which one has the {r} {e}?",
    "Do you know whose {r} {e} is?",
)  # fmt: skip
TWO_OUTWARD = (
    "What is the {r} of {x}?", "Name the {r} of {x}.", "Which {r} does {x} have?", "I need the {r} of {x}.",
    "What {r} belongs to {x}?", "Tell me the {r} of {x}.", "Do you know the {r} of {x}?", "Give the {r} of {x}.",
)  # fmt: skip
MOST_PATHS = 2000  # that patterns are made for
MOST_PATTERNS = 100_000


@dataclass(frozen=True)
class Templates:
    """Patterns with `{e}` for the entity: by path, and those that ask for a relation that the graph lacks; names of
    entities that it lacks."""

    paths: dict[RelationPath, list[str]]
    unknown_relations: list[str] = field(default_factory=list)
    unknown_entities: list[str] = field(default_factory=list)


def read_templates(path: Path | None, graph: KnowledgeGraph) -> Templates:
    """The patterns of a YAML file (`paths`, `unknown_relations`, `unknown_entities`), of the built-in questions on
    countries for None. UserError for another layout, a relation that the graph lacks, a pattern without {e} or with
    two paths."""
    where = COUNTRY_QUESTIONS if path is None else path
    if path is not None:
        note(path)
    try:
        content = read_yaml(where, yaml.safe_load)
    except OSError as error:
        raise UserError(
            f"{where}: cannot be read ({error.strerror or error}); expected patterns of questions"
        ) from None
    except yaml.YAMLError as error:
        raise UserError(f"{where}: not YAML ({' '.join(str(error).split())[:120]})") from None
    if not isinstance(content, dict) or not isinstance(content.get("paths"), dict) or not content["paths"]:
        raise UserError(f"{where}: expected `paths`, a mapping from paths such as capital to lists of patterns")
    if unknown := set(content) - {"paths", "unknown_relations", "unknown_entities"}:
        raise UserError(
            f"{where}: unknown key {min(map(str, unknown))!r}; expected paths, unknown_relations, unknown_entities"
        )
    paths = {RelationPath.parse(str(key), graph): _texts(where, key, found) for key, found in content["paths"].items()}
    templates = Templates(
        paths,
        _texts(where, "unknown_relations", content.get("unknown_relations") or []),
        _texts(where, "unknown_entities", content.get("unknown_entities") or []),
    )
    check_templates(templates, where)
    return templates


def make_templates(graph: KnowledgeGraph) -> Templates:
    """Patterns from the names of a graph's relations, both directions, and of two of them in a row.

    Two relations are joined where some entity has both; the most frequent such paths are taken, `MOST_PATHS` at most.
    """
    paths: dict[RelationPath, list[str]] = {}
    singles = [RelationPath.parse(f"{mark}{key}", graph) for key, mark in product(graph.relations, ("", "^"))]
    for path in singles:
        name = graph.relation_name(path[0].relation)
        paths[path] = [pattern.replace("{r}", name) for pattern in (INWARD if path[0].inverse else OUTWARD)]
    for path in _joined_paths(graph)[: max(0, MOST_PATHS - len(paths))]:
        first, second = path
        one, other = graph.relation_name(first.relation), graph.relation_name(second.relation)
        middle = f"what has the {one} {SLOT}" if first.inverse else f"the {one} of {SLOT}"
        paths[path] = [pattern.replace("{r}", other).replace("{x}", middle) for pattern in TWO_OUTWARD]
    return Templates(paths)


def _joined_paths(graph: KnowledgeGraph) -> list[RelationPath]:
    """Paths of a step and a second, outward one that is not its way back, by the number of entities in their middle."""
    counts: dict[RelationPath, int] = {}
    for node in graph.entities:
        steps = list(graph.steps(node))
        outward = [key for key, inverse in steps if not inverse]
        for (key, inverse), second in product(steps, outward):
            if not inverse and key == second:
                continue
            path = RelationPath.of((key, not inverse), (second, False))
            counts[path] = counts.get(path, 0) + 1
    return sorted(counts, key=lambda path: (-counts[path], str(path)))


def check_templates(templates: Templates, where: Any) -> None:
    """UserError for a pattern without {e}, or one that stands for two paths."""
    seen: dict[str, str] = {}
    groups = {str(path): patterns for path, patterns in templates.paths.items()}
    for path, patterns in {**groups, "unknown_relations": templates.unknown_relations}.items():
        if path != "unknown_relations" and not patterns:
            raise UserError(f"{where}: {path} has no patterns; give at least one, or leave it out")
        for pattern in patterns:
            if pattern.count(SLOT) != 1:
                raise UserError(f"{where}: {path}: the pattern {pattern[:80]!r} needs {SLOT} once, for the entity")
            if seen.setdefault(pattern.casefold(), path) != path:
                raise UserError(
                    f"{where}: the pattern {pattern[:80]!r} stands for {seen[pattern.casefold()]} and {path}"
                )


def _texts(where: Path, key: Any, found: Any) -> list[str]:
    if not isinstance(found, list) or not all(isinstance(each, str) and each.strip() for each in found):
        raise UserError(f"{where}: {key}: expected a list of texts")
    if len(found) > MOST_PATTERNS:
        raise UserError(f"{where}: {key}: {len(found)} texts, more than {MOST_PATTERNS}; leave some out")
    return [each.strip() for each in found]
