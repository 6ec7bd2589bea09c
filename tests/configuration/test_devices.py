"""`trainer=auto`: a GPU where there is one, else the CPU, settled before a run's identity is taken."""

import sys

import pytest
import torch

from interlace.configuration import devices
from interlace.configuration.compose import compose
from interlace.configuration.devices import Device, device_here, resolve_trainer
from interlace.errors import UserError
from interlace.studies.slurm import Resources, check_resources
from interlace.tracking.identity import config_hash

SCENES = ["experiment=scenes"]
GPU, OLD_GPU, CPU = Device("gpu", True), Device("gpu", False), Device("cpu", False)


@pytest.fixture
def machine(monkeypatch):
    """A function that makes this machine one with the given device."""

    def set_up(device):
        monkeypatch.setattr(devices, "device_here", lambda: device)

    return set_up


@pytest.mark.parametrize(
    ("device", "accelerator", "precision"),
    [(GPU, "gpu", "bf16-mixed"), (OLD_GPU, "gpu", "32-true"), (CPU, "cpu", "32-true")],
)
def test_the_default_is_what_the_machine_has_and_counts_as_chosen_by_name(machine, device, accelerator, precision):
    machine(device)
    config = compose(SCENES)
    assert (config["trainer"]["accelerator"], config["trainer"]["precision"]) == (accelerator, precision)
    named = compose([*SCENES, f"trainer={accelerator}", f"trainer.precision={precision}"])
    assert config["trainer"] == named["trainer"]
    assert config_hash(config) == config_hash(named)
    assert config["choices"]["trainer"] == "auto"


@pytest.mark.parametrize("device", [GPU, OLD_GPU, CPU])
def test_what_is_given_wins(machine, device):
    machine(device)
    assert compose([*SCENES, "trainer.precision=64-true"])["trainer"]["precision"] == "64-true"
    on_cpu = compose([*SCENES, "trainer.accelerator=cpu"])["trainer"]
    assert (on_cpu["accelerator"], on_cpu["precision"]) == ("cpu", "32-true")
    assert config_hash(compose([*SCENES, "trainer=cpu"])) == config_hash(compose([*SCENES, "trainer.accelerator=cpu"]))


def test_machines_of_one_precision_share_an_identity_and_others_do_not(machine):
    hashes = {}
    for device in (GPU, OLD_GPU, CPU):
        machine(device)
        hashes[device] = config_hash(compose(SCENES))
    assert hashes[OLD_GPU] == hashes[CPU] != hashes[GPU]


@pytest.mark.parametrize("driver", [True, False])
@pytest.mark.parametrize("visible", [None, "", "0"])
@pytest.mark.parametrize(("cuda", "mps", "bf16"), [(True, False, True), (True, False, False), (False, True, False),
                                                    (False, False, False)])  # fmt: skip
def test_the_device_is_what_torch_finds_behind_a_driver(monkeypatch, driver, visible, cuda, mps, bf16):
    monkeypatch.setattr(sys, "platform", "linux")
    monkeypatch.setattr(devices.os.path, "exists", lambda path: driver and path == devices.DRIVERS[0])
    monkeypatch.setattr(torch.cuda, "is_available", lambda: cuda)
    monkeypatch.setattr(torch.cuda, "is_bf16_supported", lambda including_emulation: bf16)
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: mps)
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", visible or "")
    if visible is None:
        monkeypatch.delenv("CUDA_VISIBLE_DEVICES")
    devices._device.cache_clear()
    found = device_here()
    devices._device.cache_clear()
    asked = driver and visible != ""
    assert found == (Device("gpu", bf16) if asked and (cuda or mps) else CPU)


def test_a_section_that_is_none_is_left_to_the_check():
    resolve_trainer(None)
    resolve_trainer("cpu")
    with pytest.raises(UserError, match=r"trainer\.accelerator: got 'autos'"):
        compose([*SCENES, "trainer.accelerator=autos"])


def test_tasks_that_ask_for_a_gpu_are_not_planned_for_the_cpu(machine):
    machine(CPU)
    resources = Resources(partition=None, time=None, cpus=None, gpus=1, memory=None, extra=())
    with pytest.raises(UserError, match=r"--gpus 1: trainer=auto is the CPU on this machine.*add trainer=gpu"):
        check_resources(compose(SCENES), resources)
    check_resources(compose([*SCENES, "trainer=gpu"]), resources)
    check_resources(compose([*SCENES, "trainer=cpu"]), resources)
