"""Monitors, modalities and optimizers that no run can have are refused with the configuration; a valid wish is not."""

import re

import pytest
import torch

from interlace.assembly import constructor
from interlace.configuration.compose import compose
from interlace.configuration.monitors import check_metrics
from interlace.errors import UserError


@pytest.mark.parametrize(
    ("overrides", "name", "nearest"),
    [
        (["experiment=scenes"], "val/acuracy", "val/accuracy"),
        (["experiment=scenes"], "test/accuracy", "val/accuracy"),
        (["experiment=scenes", "model=linear", "fusion=null"], "val/los", "val/loss"),
        (["experiment=pretrain/gpt"], "val/perplexty", "val/perplexity"),
    ],
)
def test_a_monitor_that_no_such_run_reports_is_refused_with_the_nearest(overrides, name, nearest):
    with pytest.raises(UserError, match=f"checkpoint.monitor: got '{name}', .*{nearest}"):
        compose([*overrides, f"checkpoint.monitor={name}"])
    assert compose([*overrides, f"checkpoint.monitor={nearest}"])["checkpoint"]["monitor"] == nearest


def test_figures_of_a_group_are_left_to_the_data():
    assert compose(["experiment=scenes", "checkpoint.monitor=val/accuracy/both"])


def test_a_modality_stands_there_once():
    with pytest.raises(UserError, match=r"modalities: .*x1"):
        compose(["experiment=interactions", "modalities=[x1,x1]"])


def test_sgd_without_momentum_is_plain_gradient_descent():
    config = compose(["experiment=interactions", "optimizer=sgd", "optimizer.momentum=0", "optimizer.weight_decay=0"])
    module = torch.nn.Linear(2, 1, bias=False)
    before = module.weight.detach().clone()
    optimizer = constructor(config["optimizer"])(module=module)
    for _ in range(2):
        module.weight.grad = torch.ones_like(module.weight)
        optimizer.step()
    expected = before - 2 * config["optimizer"]["learning_rate"]
    torch.testing.assert_close(module.weight.detach(), expected)


SCENES = ["experiment=scenes"]


@pytest.mark.parametrize(
    ("overrides", "refused", "nearest"),
    [
        (SCENES, "test/acuracy", "test/accuracy"),
        (SCENES, "test/auroc", "metrics=NAME adds metrics (correlations, custom, imbalanced"),
        (SCENES, "test/ece_calibrated", "test/ece"),
        ([*SCENES, "metrics=imbalanced"], "test/aurok", "test/auroc"),
        ([*SCENES, "model=linear", "fusion=null"], "val/maee", "val/mae"),
    ],
)
def test_a_study_may_not_wait_for_a_figure_that_no_run_reports(overrides, refused, nearest):
    with pytest.raises(UserError, match=f"no run reports '{refused}'.*{re.escape(nearest)}"):
        check_metrics([compose(overrides)], ["test/accuracy", refused])


@pytest.mark.parametrize(
    ("overrides", "names"),
    [
        (SCENES, ["test/accuracy", "val/loss", "test/mae", "test/accuracy/both", "test/speaker/loss", "emap/share"]),
        ([*SCENES, "metrics=imbalanced", "calibration=temperature"], ["test/auroc", "test/ece_calibrated"]),
        (["experiment=pretrain/gpt"], ["test/bits_per_byte", "test/whatever"]),
    ],
)
def test_figures_that_may_come_are_waited_for(overrides, names):
    check_metrics([compose(overrides)], names)
