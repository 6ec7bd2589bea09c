"""Whatever is typed, and whatever lies in a file: exit code 0, 1 or 2, one line of error, never a traceback.

INTERLACE_FUZZ_SECONDS=600 INTERLACE_FUZZ_SEED=7 pytest -n 0 -s tests/acceptance/test_front_door.py
"""

import contextlib
import io
import os
import random
import re
import shutil
import subprocess
import sys
import time
from pathlib import Path

import pytest
import typer.main

from interlace.cli.application import app, run
from interlace.configuration.compose import compose
from interlace.configuration.names import choices, groups
from interlace.configuration.overrides import read_overrides
from interlace.errors import UserError

SECONDS = float(os.environ.get("INTERLACE_FUZZ_SECONDS", "16"))
SEED = int(os.environ.get("INTERLACE_FUZZ_SEED", "0"))
VALUES = [
    "",
    "null",
    "true",
    "5",
    "-1",
    "0",
    "1e400",
    "nan",
    "-inf",
    "1.5",
    "99999999999999999999",
    "[]",
    "[1,2]",
    "{}",
    "{a: 1}",
    "[[[]]]",
    "a,b",
    "'x",
    '"',
    "???",
    "${seed.model}",
    "${x}",
    "${oc.env:HOME}",
    "größe",
    "a b",
    "concat",
    "gpt",
    "scenes",
    "/dev/null/such",
    "/",
    "range(1,3)",
    "choice(a)",
    "cast(1)",
    "\\",
    "[a,",
    "~",
    "@",
    "a:b",
    "{_target_: os.system}",
    "\x00",
    "[null]",
    "{a: {b: [1, {c: null}]}}",
    "x" * 300,
    "\n",
    "0x10",
    "on",
]
TINY = [
    "experiment=interactions",
    "data.num_train=64",
    "data.num_val=64",
    "data.num_test=64",
    "trainer.max_epochs=1",
    "trainer.limit_train_batches=1",
    "trainer.limit_val_batches=1",
    "trainer.limit_test_batches=1",
    "logger=none",
    "fusion=concat",
]
STUDY = """name: toy
question: which?
base: [experiment=interactions, data.num_train=64]
arms: {a: [fusion=concat], b: [fusion=sum]}
factors: {data.seed: [0, 1]}
seeds: [0, 1]
metrics: {test/accuracy: max}
"""


class Fuzz:
    """Draws inputs until the time is up; prints the seed and the count."""

    def __init__(self, name, share):
        self.name, self.until, self.count = name, time.monotonic() + share * SECONDS, 0
        self.random = random.Random(f"{SEED} {name}")

    def __iter__(self):
        while time.monotonic() < self.until or not self.count:
            self.count += 1
            yield self.random
        print(f"\n{self.name}: {self.count} inputs, seed {SEED}")


def ended(*arguments):
    """The exit code and what was printed on standard error."""
    out, err = io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        code = run([str(each) for each in arguments])
    lines = err.getvalue().splitlines(keepends=True)
    told = "".join(line for line in lines if not re.match(r"interlace: \d+ of \d+ test examples", line))  # a remark
    assert code in (0, 1, 2), (arguments, code, told)
    assert "Traceback" not in told, (arguments, told)
    assert "a fault of interlace itself" not in told, (arguments, told)
    lines = [line for line in told.splitlines() if line.startswith("interlace")]
    assert len(lines) <= 1, (arguments, told)
    if code == 2:
        assert lines or "Usage" in told + out.getvalue(), (arguments, told)
        assert told.strip().count("\n") == 0 or "bad line" in told or "Usage" in told, (arguments, told)
    return code, told


def flat(node, prefix=""):
    for key, value in node.items():
        yield prefix + key
        if isinstance(value, dict):
            yield from flat(value, f"{prefix}{key}.")


def mutated(draw, text):
    place = draw.randrange(len(text) + 1)
    return draw.choice(
        [
            text,
            text,
            text[:place] + text[place + 1 :],
            text[:place] + draw.choice("xé=.@~+/[ ") + text[place:],
            text.upper(),
            text.replace(".", "/"),
            text.replace("/", "."),
            text + text[-1:],
        ]
    )


@pytest.fixture(scope="module")
def vocabulary():
    keys = [
        *sorted(set(flat(compose(TINY))) - {"choices"}),
        "encoders.x1.init_from",
        "encoders.x1",
        "hydra.run.dir",
        "data.path",
    ]
    return keys, sorted(groups())


def override(draw, vocabulary):
    keys, known = vocabulary
    prefix = draw.choice(["", "", "", "", "+", "++", "~"])
    if draw.random() < 0.4:
        group = draw.choice(known)
        name = draw.choice([*choices(group), *VALUES])
        return prefix + mutated(draw, group) + "=" + (mutated(draw, name) if name else name)
    return prefix + mutated(draw, draw.choice(keys)) + draw.choice(["=", "=", "=", ""]) + draw.choice(VALUES)


def test_overrides(vocabulary, outputs):
    for draw in Fuzz("overrides that are read", 0.1):
        given = [override(draw, vocabulary) for _ in range(draw.randint(1, 3))]
        with contextlib.suppress(UserError):
            read_overrides(given)
    for draw in Fuzz("overrides that are composed", 0.3):
        verb = draw.choice(
            [("config", "check"), ("config", "show"), ("config", "show", "--json"), ("launch", "torchrun")]
        )
        ended(
            *verb,
            *(TINY if draw.random() < 0.5 else []),
            "--",
            *(override(draw, vocabulary) for _ in range(draw.randint(1, 3))),
        )


def test_study_files(tmp_path, outputs):
    path = tmp_path / "study.yaml"
    for draw in Fuzz("study files", 0.15):
        text = STUDY
        for _ in range(draw.randint(1, 3)):
            first = draw.randrange(len(text))
            piece = draw.choice(
                [*VALUES, ": ", "\t", "- ", "&a ", "*a", "<<: ", "[", "}", "search: {}\n", "folds: 2\n"]
            )
            text = text[:first] + piece + text[first + draw.randint(0, 6) :]
        path.write_text(text, encoding="utf-8")
        ended(
            "study", *draw.choice([["plan", path], ["status", path], ["plan", path, "--arms", "a"], ["verify", path]])
        )


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    from interlace import train

    return train(compose(TINY), outputs=tmp_path_factory.mktemp("made"), quiet=True).directory


def damage(draw, path):
    how = draw.choice(["deleted", "empty", "half", "garbage", "folder", "null", "list"])
    content = path.read_bytes()
    path.unlink()
    if how == "folder":
        path.mkdir()
    elif how != "deleted":
        path.write_bytes(
            {
                "empty": b"",
                "half": content[: len(content) // 2],
                "garbage": draw.randbytes(200),
                "null": b"null\n",
                "list": b"[1, 2]\n",
            }[how]
        )
    return how


def test_damaged_run_directories(made, tmp_path, outputs):
    (tmp_path / "in.jsonl").write_text('{"features": {"x1": [0, 1]}}\n')
    for draw in Fuzz("damaged runs", 0.25):
        copy = tmp_path / "outputs" / "interactions" / made.parent.name / made.name
        shutil.rmtree(copy, ignore_errors=True)
        shutil.copytree(made, copy)
        damage(draw, draw.choice(sorted(path for path in copy.rglob("*") if path.is_file())))
        verb = draw.choice(
            [
                ["evaluate", copy],
                ["evaluate", copy, "data.num_test=70", "--json"],
                ["compare", copy, made],
                ["sync", copy],
                ["predict", copy, "--input", tmp_path / "in.jsonl", "--output", tmp_path / "out.jsonl"],
                ["generate", copy, "--prompt", "a"],
                ["export", copy, "--output", tmp_path / "hf"],
                ["predict", copy, "--input", tmp_path / "in.jsonl", "--output", tmp_path],
                ["reproduce", copy, "--strict"],
                ["config", "check", f"model.init_from={copy}"],
                ["config", "check", f"encoders.x1.init_from={copy}"],
            ]
        )
        ended(*verb)


def leaves(command, path=()):
    if isinstance(getattr(command, "commands", None), dict):
        for name, inner in command.commands.items():
            yield from leaves(inner, (*path, name))
    else:
        yield path, command


def test_every_verb(tmp_path, outputs, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("WANDB_BASE_URL", "http://127.0.0.1:9")
    (tmp_path / "empty").touch()
    (tmp_path / "binary.json").write_bytes(bytes(range(256)))
    (tmp_path / "folder").mkdir()
    strange = [
        "nope",
        "empty",
        "binary.json",
        "folder",
        "/dev/null/such/file",
        "größe",
        "",
        "-",
        "\x00",
        "x" * 300,
        "../..",
        "5",
        "nan",
    ]
    commands = sorted(leaves(typer.main.get_command(app)))
    online = {"wandb-init", "wandb-agent", "wandb-best", "env"}  # other tests' and nothing to be given
    for number, draw in enumerate(Fuzz("verbs", 0.2)):
        path, command = commands[(number + SEED) % len(commands)]
        if path[-1] in online or path[0] == "bench":  # a benchmark without arguments is asked for, and takes minutes
            continue
        arguments = []
        for parameter in command.params:
            if parameter.param_type_name == "argument":
                arguments += [draw.choice(strange) for _ in range(draw.randint(1, 2))]
            elif parameter.opts and parameter.name != "help" and (parameter.required or draw.random() < 0.2):
                flag = getattr(parameter, "is_flag", False)
                arguments += [draw.choice(parameter.opts)] if flag else [parameter.opts[0], draw.choice(strange)]
        if path[0] in ("train", "tune") or path in (("data", "describe"), ("launch", "torchrun"), ("config", "show")):
            arguments.append("no override")
        ended(*path, *arguments)


@pytest.mark.parametrize(
    "arguments",
    [
        ["fusion.dimm=3"],
        ["+fusion.dimm=3"],
        ["fusion=atention"],
        ["data=manifest", "data.pathh=/x"],
        ["data=manifest", "data.path=/dev/null/such"],
        ["trainer.max_epochs=two"],
        ["hydra.run.dir=/x"],
        ["experiment=nope"],
        ["study=a/b"],
    ],
)
@pytest.mark.parametrize("verb", ["train", "config check"])
def test_what_is_mistyped_is_told_before_anything_heavy_is_imported(verb, arguments):
    script = (
        "import sys; from interlace.cli.application import run; code = run(sys.argv[1:]);"
        "assert not {'torch', 'pytorch_lightning', 'pandas', 'scipy'} & set(sys.modules); sys.exit(code)"
    )
    done = subprocess.run([sys.executable, "-c", script, *verb.split(), *arguments], capture_output=True, text=True)
    assert done.returncode == 2, done.stderr
    assert len(done.stderr.splitlines()) == 1


def test_terminals_that_know_no_more_than_ascii(tmp_path):
    environment = {**os.environ, "LC_ALL": "C", "PYTHONIOENCODING": "ascii", "PYTHONUTF8": "0"}
    (tmp_path / "größe").mkdir()
    for arguments in (
        ["list", "models"],
        ["evaluate", str(tmp_path / "größe")],
        ["config", "show", "tags=[größe]"],
        ["study", "plan", "demo"],
        ["evaluate", b"/tmp/\xff"],
    ):
        done = subprocess.run([sys.executable, "-m", "interlace", *arguments], env=environment, capture_output=True)
        assert done.returncode in (0, 2), done.stderr
        assert b"Traceback" not in done.stderr
        assert b"fault of interlace" not in done.stderr


def test_an_end_of_file_is_no_ctrl_c(monkeypatch, capsys):
    from interlace.cli import application

    def raising(error):
        single = typer.Typer()

        @single.command()
        def command():
            raise error

        return single

    for error, expected in ((EOFError("Ran out of input"), 1), (KeyboardInterrupt(), 130), (UserError("no"), 2)):
        monkeypatch.setattr(application, "app", raising(error))
        assert run([]) == expected
    assert "EOFError: Ran out of input; the traceback is in" in capsys.readouterr().err


def test_a_folder_where_a_file_is_to_be_written(tmp_path, capsys):
    assert run(["bundle", "demo", "--output", str(tmp_path)]) == 2
    assert "a folder; give the name of the file to write" in capsys.readouterr().err
    assert list(Path(tmp_path).iterdir()) == []
