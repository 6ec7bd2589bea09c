"""Figures of speed against a known pace, and the peaks by name."""

import time

import pytest
import pytorch_lightning as pl
import torch

from interlace.tracking import throughput
from interlace.tracking.throughput import Throughput, peak_flops, peak_flops_by_name


class Slow(pl.Callback):
    """20 ms a batch, 200 ms an evaluation."""

    def on_train_batch_start(self, *args):
        time.sleep(0.02)

    def on_validation_epoch_start(self, *args):
        time.sleep(0.2)


@pytest.mark.parametrize("accumulate", [1, 2])
def test_figures_of_a_window(fit, accumulate):
    speed = Throughput(every_steps=3, count=lambda batch: (torch.tensor(50), 4), flops_per_token=lambda module: 1 / 0)
    run = fit([speed, Slow()], epochs=2, accumulate=accumulate)
    rows = [r for r in run.rows if "speed/step_ms" in r]
    assert [r["step"] for r in rows] == ([3, 6, 9, 12] if accumulate == 1 else [3, 6])
    fastest = min(rows, key=lambda r: r["speed/step_ms"])
    assert 20 * accumulate <= fastest["speed/step_ms"] < 60 * accumulate  # the evaluation's 200 ms are not in it
    for r in rows:
        per_second = 1000 / r["speed/step_ms"] * accumulate
        assert r["speed/tokens_per_second"] == pytest.approx(50 * per_second)
        assert r["speed/examples_per_second"] == pytest.approx(4 * per_second)
        assert r["speed/peak_memory_mb"] > 50
        assert "speed/mfu" not in r  # a CPU's peak is not known


def test_share_of_the_peak():
    speed = Throughput(every_steps=1, count=lambda batch: (0, 0), flops_per_token=None)
    speed.peak, speed.flops_per_token = 989.4e12, 6e9
    speed._tokens = 1000
    figures = speed.metrics(torch.device("cpu"), 4, 1)
    rate = figures["speed/tokens_per_second"] / 4
    assert figures["speed/mfu"] == pytest.approx(rate * 6e9 / 989.4e12)


def test_the_share_is_logged_where_the_peak_is_known(fit, monkeypatch):
    monkeypatch.setattr(throughput, "peak_flops", lambda device, precision: 2e12)
    asked = []
    speed = Throughput(
        every_steps=3, count=lambda batch: (50, 4), flops_per_token=lambda module: asked.append(module) or 1e6
    )
    rows = [r for r in fit([speed], epochs=2).rows if "speed/step_ms" in r]
    assert len(asked) == 1
    assert isinstance(asked[0], pl.LightningModule)
    assert len(rows) == 4
    assert all(r["speed/mfu"] == pytest.approx(r["speed/tokens_per_second"] * 1e6 / 2e12) for r in rows)


@pytest.mark.parametrize(
    ("name", "tflops"),
    [("NVIDIA H100 80GB HBM3", 989.4), ("NVIDIA H100 PCIe", 756), ("NVIDIA H200", 989.4), ("NVIDIA GH200 480GB", 989.4),
     ("NVIDIA A100-SXM4-80GB", 312), ("NVIDIA A10G", 70), ("NVIDIA A10", 125), ("NVIDIA L40S", 362), ("NVIDIA L4", 121),
     ("Tesla T4", 65), ("NVIDIA GeForce RTX 4090", 165.2)],
)  # fmt: skip
def test_peaks(name, tflops):
    assert peak_flops_by_name(name) == tflops * 1e12


def test_unknown_peaks():
    assert peak_flops_by_name("NVIDIA GeForce GTX 970") is None
    assert peak_flops(torch.device("cpu"), "bf16-mixed") is None
