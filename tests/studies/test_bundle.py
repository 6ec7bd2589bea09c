"""A bundle holds what a reader needs, is checked before it is unpacked, and never overwrites other results."""

import contextlib
import gzip
import hashlib
import io
import json
import tarfile
from pathlib import Path
from types import SimpleNamespace

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from interlace.errors import RunFailure, UserError
from interlace.report.results import PlannedRun
from interlace.studies.bundle import INDEX, pack, unpack
from interlace.studies.study import load_study
from interlace.tracking.files import write_json
from interlace.tracking.lock import RunLock

STUDY = """
name: toy
question: "?"
base: [experiment=scenes]
arms: {a: [fusion=concat]}
seeds: [0, 1]
metrics: {test/accuracy: max}
"""


def run(folder, seed, accuracy):
    directory = folder / "toy" / "a-123" / f"seed-{seed}"
    write_json(directory / "results.json", {"status": "done", "metrics": {"test/accuracy": accuracy}})
    (directory / "config.yaml").write_text("study: toy\n")
    (directory / "checkpoints").mkdir()
    (directory / "checkpoints" / "best.ckpt").write_bytes(b"weights")
    (directory / "examples").mkdir()
    (directory / "examples" / "examples.json").write_text("[]")
    return SimpleNamespace(run=PlannedRun("toy", "a", {}, seed, directory))


@pytest.fixture
def made(tmp_path):
    (tmp_path / "study.yaml").write_text(STUDY)
    (tmp_path / "README.md").write_text("# toy\n")
    (tmp_path / "report").mkdir()
    (tmp_path / "report" / "index.html").write_text("<html></html>")
    jobs = [run(tmp_path / "outputs", 0, 0.5), run(tmp_path / "outputs", 1, 0.6)]
    path, name = tmp_path / "toy.tar.gz", str(tmp_path / "study.yaml")

    def again(**options):
        return pack(name, load_study(name), jobs, path, report=tmp_path / "report", **options)

    return SimpleNamespace(path=path, jobs=jobs, index=again(), again=again, folder=tmp_path)


def test_the_archive_is_all_that_a_reader_needs(made):
    with tarfile.open(made.path) as archive:
        names = set(archive.getnames())
    runs = {f"runs/a-123/seed-{seed}/{name}" for seed in (0, 1)
            for name in ("config.yaml", "results.json", "examples/examples.json")}  # fmt: skip
    assert names == {"study/study.yaml", "study/README.md", "report/index.html", "requirements.lock", INDEX} | runs
    assert made.index["runs"] == {"planned": 2, "finished": 2}
    assert "runs/a-123/seed-0/checkpoints/best.ckpt" in made.again(checkpoints=True)["files"]


def test_unpacked_elsewhere_it_is_the_same(made):
    study, index = unpack(made.path, made.folder / "elsewhere")
    assert study == made.folder / "elsewhere" / "toy" / "study" / "study.yaml"
    assert load_study(str(study)).name == index.study == "toy"
    results = json.loads((study.parents[1] / "a-123" / "seed-1" / "results.json").read_text())
    assert results["metrics"] == {"test/accuracy": 0.6}
    assert not [each for each in (made.folder / "elsewhere").iterdir() if each.name.startswith(".")]


def test_runs_finished_here_stay_with_their_checkpoints(made):
    unpack(made.path, made.folder / "outputs")
    assert (made.jobs[0].run.directory / "checkpoints" / "best.ckpt").read_bytes() == b"weights"


def test_other_results_are_never_overwritten(made):
    here = made.jobs[1].run.directory / "results.json"
    write_json(here, {"status": "done", "metrics": {"test/accuracy": 0.7}})
    with pytest.raises(UserError, match=r"seed-1: this run is finished here with other metrics"):
        unpack(made.path, made.folder / "outputs")
    assert json.loads(here.read_text())["metrics"] == {"test/accuracy": 0.7}


def test_a_cut_archive_is_refused(made):
    whole = made.path.read_bytes()
    made.path.write_bytes(whole[: len(whole) // 2])
    with pytest.raises(UserError, match="not a whole bundle"):
        unpack(made.path, made.folder / "elsewhere")
    with pytest.raises(UserError, match="no such file"):
        unpack(made.folder / "absent.tar.gz", made.folder / "elsewhere")


def members(path):
    with tarfile.open(path) as archive:
        return [(member, archive.extractfile(member).read()) for member in archive]


def write(path, content):
    with tarfile.open(path, "w:gz") as archive:
        for member, data in content:
            archive.addfile(member, io.BytesIO(data))


def member(name, size=0, kind=tarfile.REGTYPE, link="", sparse=None):
    info = tarfile.TarInfo(name)
    info.size, info.type, info.linkname = size, kind, link
    if sparse is not None:
        info.pax_headers = sparse
    return info


def reindexed(content, change):
    """The members with their index changed: `change` takes the dict and may return another value."""
    *files, (info, data) = content
    index = json.loads(data)
    changed = change(index)
    text = json.dumps(index if changed is None else changed).encode()
    info = member(INDEX, len(text))
    return [*files, (info, text)]


def listed(content, name, data):
    """The members with one more that the index lists as well."""
    fact = {"sha256": hashlib.sha256(data).hexdigest(), "bytes": len(data)}
    return [(member(name, len(data)), data), *reindexed(content, lambda index: index["files"].update({name: fact}))]


def set_study(name):
    return lambda content: reindexed(content, lambda index: index.update(study=name))


STUDY_NAMES = ["../victim", "/tmp/victim", "~", "", ".", "..", "a/b", "a\\b", "a" * 101, "nul", "a\n", None, 3, ["a"]]
HOSTILE = {
    **{f"study {name!r}": set_study(name) for name in STUDY_NAMES},
    "another study": set_study("victim"),
    "no index": lambda content: content[:-1],
    "two indexes": lambda content: [*content, content[-1]],
    "an index that is a list": lambda content: reindexed(content, lambda index: [index]),
    "an index that is null": lambda content: [*content[:-1], (member(INDEX, 4), b"null")],
    "an index that is no JSON": lambda content: [*content[:-1], (member(INDEX, 2), b"{{")],
    "an index too deep": lambda content: [*content[:-1], (member(INDEX, 10**5), b"[" * 10**5)],
    "an index of another format": lambda content: reindexed(content, lambda index: index.update(format=2)),
    "an index with a key more": lambda content: reindexed(content, lambda index: index.update(more=2)),
    "files that are a list": lambda content: reindexed(content, lambda index: index.update(files=[])),
    "a size that is negative": lambda content: reindexed(
        content, lambda index: index["files"]["study/study.yaml"].update(bytes=-1)
    ),
    "another size": lambda content: reindexed(content, lambda i: i["files"]["study/study.yaml"].update(bytes=1)),
    "another hash": lambda content: reindexed(
        content, lambda index: index["files"]["study/study.yaml"].update(sha256="0" * 64)
    ),
    "a file that is not there": lambda content: content[1:],
    "a file that is not listed": lambda content: [(member("report/more.html", 1), b"x"), *content],
    "a file twice": lambda content: [content[0], *content],
    "a file outside": lambda content: listed(content, "../outside", b"x"),
    "an absolute file": lambda content: listed(content, "/tmp/outside", b"x"),
    "a file below study outside": lambda content: listed(content, "study/../../outside", b"x"),
    "a lock": lambda content: listed(content, "runs/a-123/seed-0/run.lock", b"x"),
    "a file of no run": lambda content: listed(content, "runs/a-123/more", b"x"),
    "a hidden file": lambda content: listed(content, "report/.htaccess", b"x"),
    "another place": lambda content: listed(content, "elsewhere/file", b"x"),
    "capitals": lambda content: listed(content, "report/INDEX.html", b"x"),
    "a file that is a folder": lambda content: listed(content, "report/index.html/more", b"x"),
    "a symbolic link": lambda content: [(member("report/link", 0, tarfile.SYMTYPE, "/etc/passwd"), b""), *content],
    "a hard link": lambda content: [(member("report/link", 0, tarfile.LNKTYPE, "../../x"), b""), *content],
    "a folder": lambda content: [(member("report", 0, tarfile.DIRTYPE), b""), *content],
    "a device": lambda content: [(member("report/null", 0, tarfile.CHRTYPE), b""), *content],
    "a pipe": lambda content: [(member("report/pipe", 0, tarfile.FIFOTYPE), b""), *content],
    "a config that runs": lambda content: replaced(
        content, "config.yaml", b"study: toy\ndata: {_target_: os.system}\n"
    ),
    "a config of another study": lambda content: replaced(content, "config.yaml", b"study: victim\n"),
    "a config that is no YAML": lambda content: replaced(content, "config.yaml", b"\t- : ["),
    "a study that is none": lambda content: replaced(content, "study/study.yaml", b"name: toy\n"),
}  # fmt: skip


def replaced(content, suffix, data):
    """The first member of this name with other content, hashed and listed as it is."""
    fact = {"sha256": hashlib.sha256(data).hexdigest(), "bytes": len(data)}
    name = next(info.name for info, _ in content if info.name.endswith(suffix))
    changed = [(member(name, len(data)), data) if info.name == name else (info, old) for info, old in content]
    return reindexed(changed, lambda index: index["files"].update({name: fact}))


@pytest.mark.parametrize("how", HOSTILE)
def test_a_hostile_archive_changes_nothing(made, how):
    """One sentence, nothing left in the outputs, and what stands around them as it was."""
    outputs = made.folder / "world" / "outputs"
    for victim in (outputs / "victim", outputs.parent / "victim"):
        victim.mkdir(parents=True)
        (victim / "thesis.txt").write_text("three years")
    before = sorted(str(path) for path in outputs.parent.rglob("*"))
    write(made.path, HOSTILE[how](members(made.path)))
    with pytest.raises(UserError) as refused:
        unpack(made.path, outputs, replace=True)
    assert "\n" not in str(refused.value)
    assert sorted(str(path) for path in outputs.parent.rglob("*")) == before
    assert not Path("/tmp/victim").exists()


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_damaged_headers_end_in_one_sentence(made, data):
    """Bytes of the tar inside changed at random: refused in a sentence, or harmless; never another error."""
    plain = bytearray(gzip.decompress(made.path.read_bytes()))
    for _ in range(data.draw(st.integers(1, 4))):
        position = data.draw(st.integers(0, len(plain) - 1))
        header = position // 512 * 512
        plain[position] = data.draw(st.integers(0, 255))
        if data.draw(st.booleans()):  # with a checksum that holds
            block = bytearray(plain[header : header + 512])
            block[148:156] = b" " * 8
            plain[header + 148 : header + 156] = b"%06o\0 " % sum(block)
    changed = made.folder / "changed.tar.gz"
    changed.write_bytes(gzip.compress(bytes(plain), 1))
    outputs = made.folder / "fuzzed"
    with contextlib.suppress(UserError):
        unpack(changed, outputs)
    assert {path.name for path in outputs.iterdir()} <= {"toy"}
    assert not (made.folder / "outside").exists()


def test_what_it_holds_is_bounded_before_it_is_unpacked(made):
    with pytest.raises(UserError, match=r"--most-gigabytes"):
        unpack(made.path, made.folder / "elsewhere", most_gigabytes=1e-6)
    bomb = member("report/zeros", 2**40)
    with gzip.open(made.path, "wb") as stream:
        stream.write(bomb.tobuf(tarfile.GNU_FORMAT))
        stream.write(bytes(2**20))
    with pytest.raises(UserError, match="not a whole bundle"):
        unpack(made.path, made.folder / "elsewhere", most_gigabytes=0.001)
    header = member("x", 2**33, tarfile.XHDTYPE)
    with gzip.open(made.path, "wb") as stream:
        stream.write(header.tobuf(tarfile.GNU_FORMAT) + bytes(2**16))
    with pytest.raises(UserError, match="a header claims an impossible size"):
        unpack(made.path, made.folder / "elsewhere")
    header = bytearray(member("x", 0).tobuf())
    header[124:136] = (-1024).to_bytes(12, "big", signed=True)  # would be read again and again
    header[148:156] = b" " * 8
    header[148:156] = b"%06o\0 " % sum(header)
    with gzip.open(made.path, "wb") as stream:
        stream.write(bytes(header) + bytes(2**16))
    with pytest.raises(UserError, match="not a whole bundle"):
        unpack(made.path, made.folder / "elsewhere")


def test_what_differs_here_is_replaced_where_it_is_asked_for_and_the_same_study(made):
    elsewhere = made.folder / "elsewhere"
    unpack(made.path, elsewhere)
    unpack(made.path, elsewhere)  # the same again: nothing to do
    report = elsewhere / "toy" / "report" / "index.html"
    run = elsewhere / "toy" / "a-123" / "seed-1"
    for path in (report, run / "results.json"):
        path.unlink() if path != report else path.write_text("my own")
    with pytest.raises(UserError, match=r"differs; replace it with --replace"):
        unpack(made.path, elsewhere)
    assert report.read_text() == "my own"
    with RunLock(run), pytest.raises(RunFailure, match="is at this run"):
        unpack(made.path, elsewhere, replace=True)
    assert report.read_text() == "my own"
    unpack(made.path, elsewhere, replace=True)
    assert report.read_text() == "<html></html>"
    assert (run / "results.json").is_file()
    for path, text in (("a-123/seed-1/config.yaml", "study: other\n"), ("study/study.yaml", "name: other\n")):
        (elsewhere / "toy" / path).write_text(text)
        (elsewhere / "toy" / path).with_name("results.json").unlink(missing_ok=True)
        with pytest.raises(UserError, match=r"is not a folder of study toy, so it is not replaced"):
            unpack(made.path, elsewhere, replace=True)
        unpack(made.path, made.folder / "another")
        (elsewhere / "toy" / path).write_bytes((made.folder / "another" / "toy" / path).read_bytes())


def test_links_of_a_run_are_not_packed(made):
    target = made.jobs[0].run.directory / "metrics.jsonl"
    target.symlink_to("/etc/hostname")
    assert "runs/a-123/seed-0/metrics.jsonl" not in made.again()["files"]


def test_nothing_finished_nothing_bundled(made):
    for job in made.jobs:
        (job.run.directory / "results.json").unlink()
    with pytest.raises(UserError, match="no run is finished"):
        made.again()
