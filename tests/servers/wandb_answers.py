"""What the GraphQL API of a W&B server answers, out of its state."""

import json
from collections.abc import Callable
from typing import Any

from tests.servers.wandb_state import ENTITY, TIME, Artifact, Run, State, Sweep, global_id, read_sweep

Json = dict[str, Any]


def edges(nodes: list[Json], **more: Any) -> Json:
    """A connection with all of its nodes on one page."""
    return {
        "totalCount": len(nodes),
        "pageInfo": {"__typename": "PageInfo", "endCursor": None, "hasNextPage": False},
        "edges": [{"node": node, "cursor": str(i)} for i, node in enumerate(nodes)],
        **more,
    }


class Answers:
    """The root fields that the client asks for; `address` is where files are put and got."""

    def __init__(self, state: State, address: str) -> None:
        self.state = state
        self.address = address

    @property
    def root(self) -> dict[str, Callable[..., Any]]:
        """Functions by the names of the root fields."""
        return {
            "viewer": self.viewer,
            "serverInfo": lambda: {"features": []},
            "entity": lambda name=None, **_: {"id": ENTITY, "name": ENTITY, "organization": None},
            "model": lambda name, **_: self.project(name),
            "project": lambda name, **_: self.project(name),
            "models": lambda **_: edges([]),
            "upsertBucket": self.upsert_run,
            "createRunFiles": self.create_run_files,
            "createArtifact": self.create_artifact,
            "createArtifactManifest": self.create_manifest,
            "createArtifactFiles": self.create_artifact_files,
            "commitArtifact": self.commit_artifact,
            "useArtifact": self.use_artifact,
            "artifact": lambda id: self.artifact(self.state.artifact_by_id(id)),
            "upsertSweep": self.upsert_sweep,
            "createAgent": self.create_agent,
            "agentHeartbeat": self.heartbeat,
        }

    def viewer(self) -> Json:
        """The user of the key."""
        return {
            "id": global_id("User", ENTITY), "entity": ENTITY, "username": ENTITY, "name": ENTITY, "admin": False,
            "email": "tester@localhost", "flags": "{}", "teams": edges([]), "apiKeys": edges([]), "deletedAt": None,
        }  # fmt: skip

    def project_info(self, name: str) -> Json:
        """What fragments say of a project."""
        identity = global_id("Project", name)
        return {"id": identity, "internalId": identity, "name": name, "entity": {"id": ENTITY, "name": ENTITY}}

    def project(self, name: str) -> Json:
        """A project; every name is one."""
        return {
            "__typename": "Project",
            **self.project_info(name),
            "entityName": ENTITY,
            "readOnly": False,
            "createdAt": TIME,
            "isBenchmark": False,
            "bucket": lambda name_=None, **given: self._bucket(name, given["name"]),
            "run": lambda **given: self._bucket(name, given["name"]),
            "runCount": lambda filters=None: len(self._runs(name, filters, None)),
            "runs": lambda filters=None, order=None, first=None, **_: edges(
                [self.run(run) for run in self._runs(name, filters, order)][:first]
            ),
            "sweep": lambda sweepName: self._sweep(sweepName),
            "artifact": lambda **_: None,
            "artifactCollectionMembership": lambda **given: self._membership(name, given["name"]),
        }

    def _bucket(self, project: str, name: str) -> Json | None:
        run = self.state.runs.get((project, name))
        return None if run is None else self.run(run)

    def _runs(self, project: str, filters: str | None, order: str | None) -> list[Run]:
        runs = [run for (place, _), run in self.state.runs.items() if place == project]
        for each in json.loads(filters or "{}").get("$and", []):
            if "sweep" in each:
                runs = [run for run in runs if run.fields.get("sweep") == each["sweep"]]
        # "+created_at" is the order in which they were made.
        if order and "summary_metrics" in order:
            key = order[1:].removeprefix("summary_metrics.").removesuffix(".value")
            runs = [run for run in runs if key in run.summary]
            runs.sort(key=lambda run: run.summary[key], reverse=order[0] == "-")
        return runs

    def run(self, run: Run) -> Json:
        """A run with all that is asked of one."""
        fields = run.fields
        resumable = run.upserts > 0
        return {
            "__typename": "Run",
            "id": run.id, "name": run.name, "displayName": fields.get("displayName") or run.name,
            "project": self.project_info(run.project), "projectId": 1,
            "config": json.dumps(run.config), "summaryMetrics": json.dumps(run.summary), "systemMetrics": "{}",
            "wandbConfig": lambda keys: json.dumps({"t": 1} if resumable else {}),
            "sweepName": fields.get("sweep"), "state": run.state, "group": fields.get("groupName"),
            "groupName": fields.get("groupName"),
            "jobType": fields.get("jobType"), "tags": fields.get("tags") or [], "notes": fields.get("notes"),
            "description": None, "commit": None, "readOnly": False, "createdAt": TIME, "heartbeatAt": TIME,
            "user": {"name": ENTITY, "username": ENTITY}, "exitcode": run.exit_code,
            "historyLineCount": len(run.history.lines), "eventsLineCount": len(run.events.lines),
            "logLineCount": len(run.log.lines),
            "historyTail": json.dumps(run.history.lines[-1:]), "eventsTail": json.dumps(run.events.lines[-1:]),
            "historyKeys": {"lastStep": len(run.history.lines) - 1, "sets": [], "keys": {}},
            "history": lambda **_: list(run.history.lines),
            "sampledHistory": lambda specs: [
                # One value stands for a list of one, as GraphQL has it.
                self._sampled(run, spec) for spec in ([specs] if isinstance(specs, str) else specs)
            ],
            "parquetHistory": lambda **_: {"parquetUrls": [], "liveData": run.rows[:1]},
            "files": lambda **_: edges([self._file(run.project, run.name, name) for name in sorted(run.files)]),
            "inputArtifacts": lambda **_: edges([self.artifact(each) for each in run.used]),
            "outputArtifacts": lambda **_: edges([self.artifact(each) for each in run.logged]),
            "stopped": False, "shouldStop": False, "failed": False, "running": run.state == "running",
        }  # fmt: skip

    def _sampled(self, run: Run, spec: str) -> list[Json]:
        wanted = json.loads(spec)
        keys = wanted.get("keys")
        rows = [row for row in run.rows if not keys or all(key in row for key in keys)]
        return [{key: row[key] for key in keys} if keys else row for row in rows[: wanted.get("samples", 500)]]

    def _file(self, project: str, run: str, name: str) -> Json:
        address = f"{self.address}/storage/{project}/{run}/{name}"
        content = self.state.runs[project, run].files[name]
        return {
            "__typename": "File", "id": global_id("File", run, name), "name": name, "url": address,
            "directUrl": address, "sizeBytes": len(content), "mimetype": None, "updatedAt": TIME, "md5": None,
            "digest": None, "storagePath": None,
        }  # fmt: skip

    def upsert_run(self, input: Json) -> Json:
        """Makes a run or changes what is given; null leaves a field as it is."""
        if input.get("id") is not None:
            run = self.state.run_by_id(input["id"])
            inserted = False
        else:
            key = (input.get("modelName") or "uncategorized", input["name"])
            inserted = key not in self.state.runs
            run = self.state.run(*key)
        given = {key: value for key, value in input.items() if value is not None}
        run.config |= json.loads(given.pop("config", "{}"))
        run.summary |= json.loads(given.pop("summaryMetrics", "{}"))
        run.fields |= given
        run.state = given.get("state", "running")
        run.upserts += 1
        return {"bucket": self.run(run), "inserted": inserted}

    def create_run_files(self, input: Json) -> Json:
        """Where to put each file."""
        place = f"{self.address}/storage/{input['projectName']}/{input['runName']}"
        files = [{"name": name, "uploadUrl": f"{place}/{name}"} for name in input["files"]]
        return {
            "runID": self.state.run(input["projectName"], input["runName"]).id,
            "uploadHeaders": [],
            "files": files,
        }

    def create_artifact(self, input: Json) -> Json:
        """The version with this digest where the collection has it, else a new one."""
        project, collection = input["projectName"], input["artifactCollectionName"]
        versions = self.state.versions(project, collection)
        found = next((each for each in versions if each.digest == input["digest"]), None)
        if found is None:
            kind = input["artifactTypeName"]
            found = Artifact(project, collection, kind, input["digest"], len(versions), metadata=input.get("metadata"))
            self.state.artifacts.append(found)
        found.aliases = sorted({*found.aliases, *[each["alias"] for each in input.get("aliases") or []]})
        run = self.state.run(project, input["runName"]) if input.get("runName") else None
        # A version that exists is used, not made again, by whoever logs the same content.
        if run is not None and found.made_by is None and found.state == "PENDING":
            found.made_by = run
        if run is not None and found not in run.logged:
            run.logged.append(found)
        return {"artifact": self.artifact(found)}

    def artifact(self, artifact: Artifact) -> Json:
        """A version with all that is asked of one."""
        project = self.project_info(artifact.project)
        collection = {"__typename": "ArtifactSequence", "id": artifact.collection, "name": artifact.collection,
                      "project": project}  # fmt: skip
        latest = self.state.versions(artifact.project, artifact.collection)[-1]
        sequence = collection | {"latestArtifact": {"id": latest.id, "versionIndex": latest.version}}
        return {
            "__typename": "Artifact",
            "id": artifact.id, "artifactSequence": sequence, "versionIndex": artifact.version,
            "artifactType": {"name": artifact.kind}, "description": artifact.description,
            "metadata": artifact.metadata, "ttlDurationSeconds": -2, "ttlIsInherited": True, "tags": [],
            "historyStep": None, "state": artifact.state, "size": 0, "digest": artifact.digest,
            "digestAlgorithm": "MANIFEST_MD5", "commitHash": "0" * 20, "fileCount": len(artifact.entries),
            "createdAt": TIME, "updatedAt": TIME,
            "aliases": [
                {"__typename": "ArtifactAlias", "id": f"{artifact.id}{alias}", "alias": alias,
                 "artifactCollection": collection}
                for alias in artifact.aliases
            ],
            "createdBy": self._run_info(artifact.made_by),
            "usedBy": lambda **_: edges([self._run_info(r) for r in self.state.runs.values() if artifact in r.used]),
            "currentManifest": {"file": {"directUrl": f"{self.address}/manifest/{artifact.id}"}},
        }  # fmt: skip

    def _run_info(self, run: Run | None) -> Json | None:
        if run is None:
            return None
        return {"__typename": "Run", "id": run.id, "name": run.name, "project": self.project_info(run.project)}

    def _membership(self, project: str, name: str) -> Json | None:
        collection, _, alias = name.rpartition("/")[2].partition(":")
        for version in reversed(self.state.versions(project, collection)):
            if alias in ("latest", f"v{version.version}", *version.aliases):
                content = self.artifact(version)
                return {
                    "__typename": "ArtifactCollectionMembership", "id": version.id, "versionIndex": version.version,
                    "createdAt": TIME, "aliases": content["aliases"],
                    "artifactCollection": content["artifactSequence"], "artifact": content,
                }  # fmt: skip
        return None

    def create_manifest(self, input: Json) -> Json:
        """Where to put the manifest."""
        identity = input["artifactID"]
        address = f"{self.address}/manifest/{identity}"
        return {
            "artifactManifest": {
                "id": identity,
                "file": {"id": identity, "uploadUrl": address, "uploadHeaders": []},
            }
        }

    def create_artifact_files(self, input: Json) -> Json:
        """Where to put each file, in the order of the request."""
        nodes = []
        for each in input["artifactFiles"]:
            artifact = self.state.artifact_by_id(each["artifactID"])
            artifact.files[each["name"]] = each["md5"]
            nodes.append(
                {
                    "storagePath": each["name"], "uploadUrl": f"{self.address}/artifact/{artifact.id}/{each['name']}",
                    "uploadHeaders": [], "uploadMultipartUrls": None, "artifact": {"id": artifact.id},
                }
            )  # fmt: skip
        return {"files": edges(nodes)}

    def commit_artifact(self, input: Json) -> Json:
        """Closes a version."""
        artifact = self.state.artifact_by_id(input["artifactID"])
        artifact.state = "COMMITTED"
        return {"artifact": self.artifact(artifact)}

    def use_artifact(self, input: Json) -> Json:
        """Notes that a run takes a version in; what it only takes in it has not made."""
        artifact = self.state.artifact_by_id(input["artifactID"])
        run = self.state.run(input["projectName"], input["runName"])
        if artifact not in run.used:
            run.used.append(artifact)
        return {"artifact": self.artifact(artifact)}

    def upsert_sweep(self, input: Json) -> Json:
        """A new sweep, or the state of one."""
        if input.get("id"):
            sweep = next(s for s in self.state.sweeps.values() if global_id("Sweep", s.name) == input["id"])
            sweep.state = input.get("state") or sweep.state
        else:
            name = f"sweep{len(self.state.sweeps)}"
            project = input.get("projectName") or "uncategorized"
            sweep = self.state.sweeps[name] = read_sweep(project, name, input["config"])
        return {"sweep": self._sweep(sweep.name), "configValidationWarnings": []}

    def _sweep(self, name: str) -> Json | None:
        sweep = self.state.sweeps.get(name)
        if sweep is None:
            return None
        return {
            "__typename": "Sweep", "id": global_id("Sweep", name), "name": name, "displayName": name,
            "method": sweep.config["method"], "state": sweep.state, "description": None, "config": sweep.text,
            "createdAt": TIME, "heartbeatAt": TIME, "updatedAt": TIME, "earlyStopJobRunning": False, "bestLoss": None,
            "controller": None, "scheduler": None, "priorRuns": edges([]),
            "runCount": len(sweep.runs), "runCountExpected": None, "agents": edges([]),
            "project": self.project_info(sweep.project), "runs": lambda **_: edges([self.run(r) for r in sweep.runs]),
        }  # fmt: skip

    def create_agent(self, input: Json) -> Json:
        """An agent of a sweep."""
        identity = global_id("Agent", str(len(self.state.agents)))
        self.state.agents[identity] = self.state.sweeps[input["sweep"]]
        return {"agent": {"id": identity}}

    def heartbeat(self, input: Json) -> Json:
        """One new trial for an agent that has none running; "exit" when there is nothing left."""
        sweep: Sweep = self.state.agents[input["id"]]
        commands = []
        if not json.loads(input["runState"] or "{}"):
            trial = self.state.next_run(sweep) if sweep.state in ("PENDING", "RUNNING") else None
            if trial is None:
                sweep.state = "FINISHED" if sweep.state == "RUNNING" else sweep.state
                commands = [{"type": "exit"}]
            else:
                run, arguments = trial
                program = sweep.config.get("program")
                commands = [{"type": "run", "run_id": run.name, "program": program, "args": arguments}]
        return {"agent": {"id": input["id"]}, "commands": json.dumps(commands)}
