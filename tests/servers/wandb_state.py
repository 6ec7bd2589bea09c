"""What a W&B server holds: runs with their history, files, artifacts, sweeps and agents, in memory."""

import base64
import hashlib
import itertools
import json
import math
import random
from dataclasses import dataclass, field
from typing import Any

import yaml

ENTITY = "tester"
TIME = "2026-01-01T00:00:00Z"


def global_id(kind: str, *parts: str) -> str:
    """An opaque id as the API has them."""
    return base64.b64encode(":".join([kind, *parts]).encode()).decode()


@dataclass
class Stream:
    """The lines of one streamed file. A post at an offset that is held already overwrites; a gap is an error."""

    lines: list[str] = field(default_factory=list)
    overwritten: int = 0

    def put(self, offset: int, content: list[str]) -> None:
        """Lines from `offset` on."""
        if offset > len(self.lines):
            raise ValueError(f"a gap: lines from {offset} on, and {len(self.lines)} are held")
        self.overwritten += min(len(content), len(self.lines) - offset)
        self.lines[offset : offset + len(content)] = content


@dataclass
class Run:
    """One run; `config` as posted, with a {"value": ...} around each entry."""

    project: str
    name: str
    config: dict[str, Any] = field(default_factory=dict)
    summary: dict[str, Any] = field(default_factory=dict)
    history: Stream = field(default_factory=Stream)
    events: Stream = field(default_factory=Stream)
    log: Stream = field(default_factory=Stream)
    files: dict[str, bytes] = field(default_factory=dict)
    fields: dict[str, Any] = field(default_factory=dict)
    state: str = "running"
    exit_code: int | None = None
    used: list["Artifact"] = field(default_factory=list)
    logged: list["Artifact"] = field(default_factory=list)
    upserts: int = 0

    @property
    def id(self) -> str:
        """The storage id."""
        return global_id("Run", "v1", self.name, self.project, ENTITY)

    @property
    def rows(self) -> list[dict[str, Any]]:
        """The history as objects."""
        return [json.loads(line) for line in self.history.lines]

    @property
    def values(self) -> dict[str, Any]:
        """The configuration without the {"value": ...} around each entry."""
        return {key: entry["value"] for key, entry in self.config.items()}


@dataclass
class Artifact:
    """One version of an artifact collection."""

    project: str
    collection: str
    kind: str
    digest: str
    version: int
    state: str = "PENDING"
    metadata: str | None = None
    description: str | None = None
    aliases: list[str] = field(default_factory=list)
    manifest: bytes = b""
    files: dict[str, str] = field(default_factory=dict)
    made_by: Run | None = None

    @property
    def id(self) -> str:
        """The artifact's id."""
        return global_id("Artifact", self.project, self.collection, str(self.version))

    @property
    def entries(self) -> dict[str, Any]:
        """The manifest's entries by their path."""
        return dict(json.loads(self.manifest)["contents"]) if self.manifest else {}


@dataclass
class Sweep:
    """A sweep gives out points of its grid in order, or draws."""

    project: str
    name: str
    config: dict[str, Any]
    text: str
    runs: list[Run] = field(default_factory=list)
    state: str = "PENDING"

    def points(self) -> Any:
        """The points in the order in which trials get them: nested parameters as nested mappings."""
        leaves = list(_leaves(self.config["parameters"]))
        if self.config["method"] == "grid":
            for values in itertools.product(*[_listed(spec) for _, spec in leaves]):
                yield _nested([path for path, _ in leaves], values)
        generator = random.Random(0)
        while self.config["method"] != "grid":
            yield _nested([path for path, _ in leaves], [_draw(spec, generator) for _, spec in leaves])

    def __post_init__(self) -> None:
        limit = self.config.get("run_cap")
        self.queue = itertools.islice(self.points(), limit)


@dataclass
class State:
    """All that the server holds, by names."""

    runs: dict[tuple[str, str], Run] = field(default_factory=dict)
    artifacts: list[Artifact] = field(default_factory=list)
    sweeps: dict[str, Sweep] = field(default_factory=dict)
    agents: dict[str, Sweep] = field(default_factory=dict)

    def run(self, project: str, name: str) -> Run:
        """The run of this name, made where there is none."""
        return self.runs.setdefault((project, name), Run(project, name))

    def run_by_id(self, storage_id: str) -> Run:
        """The run with this storage id."""
        return next(run for run in self.runs.values() if run.id == storage_id)

    def artifact_by_id(self, identity: str) -> Artifact:
        """The artifact with this id."""
        return next(each for each in self.artifacts if each.id == identity)

    def versions(self, project: str, collection: str) -> list[Artifact]:
        """The versions of a collection, oldest first."""
        return [a for a in self.artifacts if (a.project, a.collection) == (project, collection)]

    def next_run(self, sweep: Sweep) -> tuple[Run, dict[str, Any]] | None:
        """A pre-created run of a sweep and its parameters; None when there are no more."""
        point = next(sweep.queue, None)
        if point is None:
            return None
        name = hashlib.sha256(f"{sweep.name}/{len(sweep.runs)}".encode()).hexdigest()[:8]
        run = self.run(sweep.project, name)
        run.state = "pending"
        run.fields["sweep"] = sweep.name
        run.config = {key: {"value": value} for key, value in point.items()}
        sweep.runs.append(run)
        sweep.state = "RUNNING"
        return run, {key: {"value": value} for key, value in point.items()}


def _leaves(parameters: dict[str, Any], path: tuple[str, ...] = ()) -> Any:
    for name, spec in parameters.items():
        if "parameters" in spec:
            yield from _leaves(spec["parameters"], (*path, name))
        else:
            yield (*path, name), spec


def _listed(spec: dict[str, Any]) -> list[Any]:
    return spec["values"] if "values" in spec else [spec["value"]]


def _draw(spec: dict[str, Any], generator: random.Random) -> Any:
    if "values" in spec or "value" in spec:
        return generator.choice(_listed(spec))
    low, high, kind = spec["min"], spec["max"], spec.get("distribution", "uniform")
    if kind == "int_uniform":
        return generator.randint(low, high)
    if kind == "log_uniform_values":
        return math.exp(generator.uniform(math.log(low), math.log(high)))
    step = spec.get("q")
    value = generator.uniform(low, high)
    return round(value / step) * step if step else value


def _nested(paths: list[tuple[str, ...]], values: Any) -> dict[str, Any]:
    point: dict[str, Any] = {}
    for path, value in zip(paths, values, strict=True):
        place = point
        for name in path[:-1]:
            place = place.setdefault(name, {})
        place[path[-1]] = value
    return point


def read_sweep(project: str, name: str, text: str) -> Sweep:
    """A sweep from the text of its file."""
    return Sweep(project, name, yaml.safe_load(text), text)
