"""Each law of fusion strategies tells the strategy that breaks it, and lets one that keeps all of them pass."""

import subprocess
import sys

import pytest
import torch
from torch.utils.flop_counter import FlopCounterMode

from interlace.cli.application import run
from interlace.laws.fusion import LAWS, batch
from interlace.laws.subjects import examine_fusion
from tests.laws.broken_fusions import BROKEN, Whole

HERE = "tests.laws.broken_fusions"


def test_there_is_a_broken_strategy_for_each_law():
    assert list(BROKEN) == [law.name for law in LAWS]
    assert all(len(law.meaning) > 20 for law in LAWS)


@pytest.mark.parametrize("name", BROKEN)
def test_a_broken_strategy_breaks_its_law_alone(name):
    found = examine_fusion(f"{HERE}.{BROKEN[name].__name__}", {"dim": 16})
    assert {each.law: each.reason for each in found if each.reason is not None}.keys() == {name}


def test_a_whole_strategy_passes_on_the_command_line(capsys):
    assert run(["test", "fusion", f"{HERE}.Whole", "dim=8"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert [line.removeprefix("pass  ") for line in lines[:-1]] == [law.name for law in LAWS]
    assert lines[-1] == f"{HERE}.Whole: every law holds"


def test_a_broken_one_ends_with_1_and_says_where_and_by_how_much(capsys):
    assert run(["test", "fusion", f"{HERE}.PaddingChangesNothing", "dim=8"]) == 1
    told = capsys.readouterr().out
    assert "FAIL  padding changes nothing: 1 modality: pooled, with 1000.0 under the mask, differs by up to 0." in told
    assert told.splitlines()[-1].endswith(": 1 broken")


@pytest.mark.parametrize(("arguments", "told"), [
    (["concta"], "concta: no such choice of fusion; did you mean 'concat'"),
    (["concat", "width=3"], "fusion.concat.width: interlace.fusion.concat.ConcatFusion has no such option"),
    (["concat", "dim=0"], "fusion.concat.dim: got 0"),
    (["attention", "dim=6"], "width 6 cannot be split into 4 equal heads"),
    ([f"{HERE}.Whole"], f"fusion.{HERE}.Whole.dim: missing"),
    (["os.system"], "os.system: no class that is derived from interlace.fusion.base.Fusion"),
    (["no_such_package.Fusion"], "no_such_package.Fusion: cannot be imported"),
    (["torch.nn.Linear", "in_features=3", "out_features=3"], "no class that is derived from"),
])  # fmt: skip
def test_what_cannot_be_examined_is_told_in_one_sentence(arguments, told, capsys):
    assert run(["test", "fusion", *arguments]) == 2
    error = capsys.readouterr().err
    assert told in error
    assert error.count("\n") == 1


def test_costs_are_measured_where_no_formula_is_stated():
    module = Whole(in_dims={"image": 6, "text": 5}, dim=8, num_classes=3)
    assert module.expected_parameters() == 8 * (6 + 5)
    assert module.flops({"image": 4, "text": 3}) == 2 * 8 * (6 + 5) + 2 * (4 * 6 + 3 * 5)  # maps, and means
    longer = module.flops({"image": 400, "text": 3})
    assert longer - module.flops({"image": 4, "text": 3}) == 2 * 396 * 6
    module.to(torch.float64)
    assert module.flops({"image": 400, "text": 3}) == longer
    tokens = {name: each._replace(x=each.x.double()) for name, each in batch(module).items()}
    with FlopCounterMode(display=False) as counter, torch.no_grad():
        module(tokens)
    assert counter.get_total_flops() == 6 * module.flops({"image": 4, "text": 3})


def test_no_test_runner_is_needed():
    code = (
        "import sys; sys.modules['pytest'] = None; from interlace.cli.application import run; "
        "sys.exit(run(['test', 'fusion', 'concat', 'dim=8']))"
    )
    assert subprocess.run([sys.executable, "-c", code], capture_output=True).returncode == 0
