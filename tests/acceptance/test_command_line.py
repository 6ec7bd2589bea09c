"""The command line as a user meets it."""

import json
import re
import subprocess
import sys
import time

import pytest

import interlace
from interlace.cli.application import app, run
from interlace.cli.usage import HYDRA_OPTIONS, MOVED_OPTIONS
from interlace.configuration.names import groups

VERBS = {
    "train", "evaluate", "predict", "reproduce", "compare", "list", "sync", "env", "study", "data", "config",
    "generate", "tokenizer", "corpus", "pretrained", "vectors", "tune", "bench", "analyze", "bundle", "unbundle",
    "sweep", "launch", "test", "new", "serve", "judge", "export", "ask", "index", "translate", "chat", "correct",
    "summarize",
}  # fmt: skip
SUBVERBS = {
    "study": {"init", "plan", "run", "status", "report", "verify"},
    "launch": {"local", "torchrun", "slurm", "task"},
    "data": {"list", "fetch", "check", "describe", "example"},
    "config": {"show", "check"},
    "tokenizer": {"train", "show"},
    "corpus": {"pack", "describe", "check"},
    "pretrained": {"check"},
    "sweep": {"optuna", "status", "report", "wandb-init", "wandb-agent", "wandb-best"},
    "bench": {
        "lm",
        "fusion",
        "study",
        "data",
        "statistics",
        "tasks",
        "serve",
        "export",
        "predict",
        "own-data",
        "own-data-sets",
    },
    "test": {"fusion", "encoder"},
    "judge": {"make", "serve", "report"},
    "tune": {"learning-rate", "batch-size"},
    "vectors": {"nearest", "analogy", "evaluate", "convert"},
}


def test_the_surface_is_frozen():
    assert {command.name for command in app.registered_commands} | {g.name for g in app.registered_groups} == VERBS
    for group in app.registered_groups:
        commands = group.typer_instance.registered_commands
        assert {command.name or command.callback.__name__ for command in commands} == SUBVERBS[group.name]


def test_version_is_printed(capsys):
    assert run(["--version"]) == 0
    assert capsys.readouterr().out == f"interlace {interlace.__version__}\n"


def test_a_verb_under_its_former_name_is_refused_with_its_new_one(capsys):
    assert run(["pretrained", "import", "some/folder"]) == 2
    error = capsys.readouterr().err
    assert error == "interlace pretrained import: its name is now: interlace pretrained check some/folder\n"
    assert run(["pretrained", "export", "some/run", "--output", "there"]) == 2
    assert "its name is now: interlace export --format huggingface some/run" in capsys.readouterr().err


@pytest.mark.parametrize(("verb", "option"), sorted(MOVED_OPTIONS))
def test_an_option_that_another_command_took_over_is_refused_with_that_command(verb, option, capsys):
    assert run([*verb.split()[1:], ".", option, "x"]) == 2
    assert capsys.readouterr().err == f"{verb}: {option} is now: {MOVED_OPTIONS[verb, option]}\n"
    moved = MOVED_OPTIONS[verb, option].split()[1]
    assert run([moved, "--help"]) == 0


@pytest.mark.parametrize("verb", ["train", "evaluate", "predict"])
@pytest.mark.parametrize("option", sorted({*HYDRA_OPTIONS} - {"-m", "--multirun", "--cfg"}))
def test_options_of_hydra_are_answered_with_what_does_the_same_here(verb, option, capsys):
    assert run([verb, "fusion=concat", option]) == 2
    error = capsys.readouterr().err
    assert error.startswith(f"interlace {verb}: {option} is an option of Hydra's own; ")
    assert "interlace" in error.partition("; ")[2] or "leave it out" in error or "experiment=NAME" in error
    if option in ("--info", "--resolve", "--package"):
        assert "interlace --plugin=tests config show fusion=concat" in error


def test_cfg_of_train_prints_what_config_show_prints(capsys):
    given = ["experiment=scenes", "fusion=concat", "seed=1"]
    assert run(["train", "--cfg", "job", *given]) == 0
    printed = capsys.readouterr().out
    assert run(["config", "show", *given]) == 0
    assert capsys.readouterr().out == printed
    for what in ("hydra", "all"):
        assert run(["train", "--cfg", what, *given]) == 2
        assert "interlace --plugin=tests config show experiment=scenes" in capsys.readouterr().err


def test_help_of_train_names_where_to_look_next(capsys):
    assert run(["train", "--help"]) == 0
    told = " ".join(capsys.readouterr().out.split())
    for name in ("interlace list", "interlace config show", "resumes", "--refresh", "experiment=NAME"):
        assert name in told, name


def test_help_is_quick(capsys):
    started = time.monotonic()
    done = subprocess.run([sys.executable, "-m", "interlace", "--help"], capture_output=True, text=True, check=True)
    seconds = time.monotonic() - started
    with capsys.disabled():
        print(f"\ninterlace --help: {seconds:.2f} s")
    assert "Compare multimodal fusion strategies" in done.stdout
    heavy = "torch", "hydra", "rich", "importlib.metadata", "interlace.configuration.compose"
    code = f"import sys, interlace.cli.application; print([name for name in {heavy} if name in sys.modules])"
    loaded = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert loaded.stdout.strip() == "[]"


@pytest.mark.parametrize(
    ("override", "expected"),
    [
        ("fusion=atention", "did you mean 'attention'"),
        ("+x=1", "x: no such key"),
        ("+fusion.typo=3", "fusion.typo.*no such option"),
        ("trainning.max_epochs=3", "did you mean 'trainer'"),
        ("trainer.max_epoch=3", "did you mean 'max_epochs'"),
        ("trainer.max_epochs=0", "trainer.max_epochs: got 0.*greater than or equal to 1"),
        ("trainer.max_epochs=many", "trainer.max_epochs: got 'many'.*integer"),
        ("fusion.dim=-4", "fusion.dim: got -4"),
        ("optimizer.learning_rate=fast", "optimizer.learning_rate: got 'fast'.*number"),
        ("seed=-1", "seed.*greater than or equal to 0"),
        ("trainer.precision=fp8", "trainer.precision: got 'fp8'"),
        ("fusion=concat,sum", "several values"),
        ("modalities=[text,video]", "no 'video'"),
        ("not an override", "not an override"),
    ],
)
def test_what_is_not_accepted_ends_in_one_line_and_writes_nothing(override, expected, outputs, capsys):
    code = run(["train", "experiment=scenes", "data.num_train=64", "data.num_val=64", "data.num_test=64", override])
    error = capsys.readouterr().err.strip().removeprefix("loading torch ...\n")  # told where it takes over a second
    assert code == 2
    assert re.search(expected, error), error
    assert "\n" not in error
    assert not list(outputs.rglob("results.json"))
    if "video" not in override:  # that one is known only once the data are
        assert not outputs.exists()


def test_an_absent_manifest_is_named(outputs, capsys):
    assert run(["train", "experiment=manifest", "data.path=nowhere.jsonl"]) == 2
    assert "nowhere.jsonl" in capsys.readouterr().err


@pytest.mark.parametrize(
    "arguments", [["trian"], ["study", "rum"], ["train", "--no-such-option"], ["study", "run", "none"]]
)
def test_wrong_usage_is_2(arguments, capsys):
    assert run(arguments) == 2
    assert capsys.readouterr().err


def test_config_show_is_the_whole_configuration(capsys):
    assert run(["config", "show", "experiment=scenes", "seed=0", "fusion=concat", "--json"]) == 0
    shown = json.loads(capsys.readouterr().out)
    assert shown["seed"] == {"model": 0, "data": 0}
    assert shown["arm"] == "concat"
    assert shown["study"] == "scenes"


@pytest.mark.parametrize(
    "what",
    ["models", "fusion", "switches", "encoders", "data", "experiments", "studies", "decoder", "optimizer", "trainer"],
)
def test_lists_are_described(what, capsys):
    assert run(["list", what]) == 0
    lines = capsys.readouterr().out.strip().splitlines()
    assert lines
    assert all(len(line.split(None, 1)) == 2 for line in lines), lines


def test_every_encoder_and_every_group_is_listed(capsys):
    assert run(["list", "encoders"]) == 0
    listed = {line.split("=")[0] for line in capsys.readouterr().out.splitlines()}
    assert listed == {name for name in groups() if name.startswith("encoder/")}
    assert run(["list"]) == 0
    told = capsys.readouterr().out
    assert all(name in told for name in groups() if "/" not in name)
    assert run(["list", "decodr"]) == 2
    assert "did you mean 'decoder'?" in capsys.readouterr().err


def test_env_and_data_list(capsys):
    assert run(["env", "--json"]) == 0
    assert "torch" in json.loads(capsys.readouterr().out)
    assert run(["data", "list"]) == 0


@pytest.mark.parametrize(
    "arguments",
    [
        ["train", "fusion=atention"], ["study", "run", "demoo"], ["study", "init", "nowhere.jsonl"], ["bundle", "none"],
        ["launch", "slurm", "none"], ["sweep", "optuna", "none"], ["evaluate", "nowhere"], ["reproduce", "nowhere"],
        ["analyze", "nowhere"], ["predict", "nowhere", "--input", "a", "--output", "b"], ["generate", "nowhere"],
    ],
    ids=" ".join,
)  # fmt: skip
def test_a_wrong_name_or_path_is_told_before_torch_is_imported(arguments):
    code = (
        "import sys; from interlace.cli.application import run;"
        f"print(run({arguments!r}), 'torch' in sys.modules, 'pandas' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["2", "False", "False"], done.stderr
