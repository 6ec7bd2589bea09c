"""Measurements of Interlace for the benchmarks, with the code path of every run."""

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from importlib import import_module
from pathlib import Path
from typing import Any, Literal

from interlace.bench.inputs import BLOCK_LENGTH, GPT2_VOCABULARY, Inputs
from interlace.bench.measuring import reporting
from interlace.errors import UserError

Objective = Literal["mlm", "clm"]

SHAPE = ("model.dim=256", "model.num_layers=4", "model.num_heads=4", "model.feed_forward_dim=1024")
MODELS: dict[Objective, tuple[str, ...]] = {
    "mlm": ("model=bert", "objective=masked", "model.pooling=none", *SHAPE),
    "clm": ("model=gpt2", "objective=causal", *SHAPE),
}
SHAKESPEARE = "experiment=speedrun/shakespeare"
TARGET_LOSS = 1.88


def training_steps(
    *,
    objective: Objective,
    inputs: Inputs,
    batch_size: int,
    warm_up_steps: int,
    steps: int,
    bf16: bool,
    dropout: float,
    attention_dropout: float,
    threads: int,
    scratch: Path,
) -> dict[str, Any]:
    """Measure tokens per second of a run over `steps` updates, a multiple of the preceding `warm_up_steps`."""
    overrides = [
        *MODELS[objective],
        *common_overrides(warm_up_steps, steps, threads),
        f"data.shards={inputs.shards}",
        "tokenizer=file",
        f"tokenizer.path={inputs.tokenizer}",
        f"data.block_length={BLOCK_LENGTH}",
        f"data.batch_size={batch_size}",
        f"model.max_length={BLOCK_LENGTH}",
        f"model.dropout={dropout}",
        f"model.attention_dropout={attention_dropout}",
        f"trainer.precision={'bf16-mixed' if bf16 else '32-true'}",
    ]
    figures = throughput(overrides, scratch, warm_up_steps)
    return {**figures, "dropout": dropout, "attention_dropout": attention_dropout, "overrides": overrides}


def common_overrides(warm_up_steps: int, steps: int, threads: int) -> list[str]:
    """Return the overrides of a run of warm-up and measured updates that logs every `warm_up_steps` without
    checkpoints."""
    total = warm_up_steps + steps
    return [
        "study=bench", "data=corpus", "~fusion", "logger=none", "trainer=cpu", f"trainer.threads={threads}",
        "trainer.max_epochs=1", f"trainer.steps_per_epoch={total}", f"trainer.max_steps={total}",
        f"trainer.log_every_n_steps={warm_up_steps}", "checkpoint.every_n_train_steps=1000000",
    ]  # fmt: skip


def throughput(overrides: Sequence[str], scratch: Path, warm_up_steps: int) -> dict[str, Any]:
    """Run a configuration and return its throughput, without the log windows that end by step `warm_up_steps`."""
    from interlace import compose, train

    # A new folder each time: an existing run would not be trained again.
    run = train(compose(list(overrides)), outputs=Path(tempfile.mkdtemp(dir=scratch)), quiet=True)
    history = run.history
    windows = history[history["speed/step_ms"].notna() & (history["step"] > warm_up_steps)]
    if windows.empty:
        raise UserError("steps: the run logged no throughput after its warm-up; give at least as many steps as warm-up")
    # All windows have the same number of steps, so the mean of their times is the mean over all steps.
    step_ms = float(windows["speed/step_ms"].mean())
    tokens = float((windows["speed/tokens_per_second"] * windows["speed/step_ms"]).mean()) / 1000
    return {
        "value": 1000 * tokens / step_ms,
        "step_ms": step_ms,
        "parameters": run.results["num_parameters"],
        "flops_per_token": run.results.get("flops_per_token"),
        "val_loss": run.metrics["val/loss"],
    }


def shakespeare(*, threads: int, scratch: Path, overrides: Sequence[str]) -> dict[str, Any]:
    """Measure the seconds of `interlace train experiment=speedrun/shakespeare` including its evaluations.

    The characters are packed before the measurement, as by nanoGPT's prepare.py. Raises UserError when the loss on the
    whole validation text is above 1.88.
    """
    from interlace.assembly import build_data
    from interlace.configuration.compose import compose
    from interlace.runs import Run
    from interlace.tracking.identity import run_directory

    given = [SHAKESPEARE, "study=bench", "logger=none", "trainer=cpu", f"trainer.threads={threads}", *overrides]
    config = compose(given)
    build_data(config)
    import_module("interlace.training")  # once, so that it is compiled
    outputs = Path(tempfile.mkdtemp(dir=scratch))
    environment = {**os.environ, "INTERLACE_OUTPUTS": str(outputs)}
    start = time.perf_counter()
    command = [sys.executable, "-m", "interlace", "train", *given]
    done = subprocess.run(command, stdout=subprocess.DEVNULL, env=environment)
    seconds = time.perf_counter() - start
    if done.returncode:
        raise UserError(f"{SHAKESPEARE}: ended with exit code {done.returncode}")
    run = Run(run_directory(config, outputs))
    loss = run.metrics["val/loss"]
    if not loss <= TARGET_LOSS and not overrides:
        raise UserError(f"{SHAKESPEARE}: the validation loss is {loss:.4f} after {seconds:.1f} s, above {TARGET_LOSS}")
    return {"value": seconds, "val_loss": loss, "training_seconds": run.results["seconds"], "command": command}


def trainer_overhead(*, inputs: Inputs, blocks: int, block_steps: int, threads: int, scratch: Path) -> dict[str, Any]:
    """Return median step times over blocks of a run and of a plain loop of the same model (see RawLoopBetween)."""
    from interlace import compose, train
    from interlace.configuration.plugins import named_plugins

    warm_up = 2 if blocks > 2 else 0
    output = scratch / "blocks.json"
    config = compose(
        [
            *common_overrides(25, blocks * block_steps - 25, threads), "model=gpt2", "objective=causal",
            "trainer.log_every_n_steps=25", "checkpoint.every_n_train_steps=250",  # as train.yaml has them
            f"data.train=[{inputs.characters}]", "data.document=file", "tokenizer=char", "data.block_length=64",
            "data.batch_size=12", "data.sampling=random", "model.dim=128", "model.feed_forward_dim=512",
            "model.max_length=64", "model.dropout=0.0",
        ]
    )  # fmt: skip
    config["callbacks"] = {
        "raw_loop": {
            "_target_": "interlace.bench.interleaving.RawLoopBetween",
            "block_steps": block_steps,
            "warm_up_blocks": warm_up,
            "clip_norm": config["trainer"]["gradient_clip_val"],
            "output": str(output),
        }
    }
    with named_plugins(["interlace.bench"]):  # for its callback
        train(config, outputs=Path(tempfile.mkdtemp(dir=scratch)), quiet=True)
    times = json.loads(output.read_text(encoding="utf-8"))
    trainer, raw = (statistics.median(times[name]) for name in ("trainer_ms", "raw_ms"))
    # Neighbouring blocks ran under the same conditions, so their ratio is more precise than that of the medians.
    excess = statistics.median(t / r - 1 for t, r in zip(times["trainer_ms"], times["raw_ms"], strict=True))
    return {"trainer_ms": trainer, "raw_ms": raw, "overhead_percent": 100 * excess, "blocks": times}


def pack(*, inputs: Inputs, scratch: Path) -> dict[str, Any]:
    """Measure tokens per second from the text file to shards, as `interlace corpus pack` with its checks."""
    from interlace.data.corpus import expand, read_documents
    from interlace.data.corpus import pack as pack_documents
    from interlace.data.tokenizers import TextTokenizer

    start = time.perf_counter()
    tokenizer = TextTokenizer.load(inputs.tokenizer)
    shards = pack_documents(read_documents(expand([str(inputs.corpus)])), tokenizer, scratch / "packed")
    seconds = time.perf_counter() - start
    tokens = shards.header.tokens
    return {"value": tokens / seconds, "tokens": tokens, "work_seconds": seconds}


def ngram(*, text: Path, order: int, scratch: Path) -> dict[str, Any]:
    """Estimate an n-gram model and write it as ARPA; the measured value is the time of the process."""
    from interlace.models.ngram import estimate_file

    start = time.perf_counter()
    estimate_file(text, order, scratch / "ours.arpa")
    return {"work_seconds": time.perf_counter() - start, "arpa_bytes": (scratch / "ours.arpa").stat().st_size}


def gpt2_124m(*, inputs: Inputs, warm_up_steps: int, steps: int, compiled: bool, scratch: Path) -> dict[str, Any]:
    """Measure bf16 tokens per second and MFU of GPT-2 124M on a GPU: T 1024, B 16, random words."""
    import torch

    from interlace.tracking.throughput import peak_flops_by_name

    overrides = [
        "model=gpt2", "objective=causal", "trainer=gpu", *common_overrides(warm_up_steps, steps, 1),
        f"data.train=[{inputs.words}]", "tokenizer=word", f"tokenizer.vocabulary_size={GPT2_VOCABULARY}",
        "data.block_length=1024", "data.batch_size=16", "model.max_length=1024", "model.dim=768",
        "model.num_layers=12", "model.num_heads=12", "model.feed_forward_dim=3072", "model.dropout=0.0",
        f"trainer.compile={str(compiled).lower()}",
    ]  # fmt: skip
    figures = throughput(overrides, scratch, warm_up_steps)
    device = torch.cuda.get_device_name()
    peak = peak_flops_by_name(device)
    flops = 3 * figures["flops_per_token"]  # the backward pass is twice the forward pass
    return {
        **figures,
        "mfu": figures["value"] * flops / peak if peak else None,
        "training_flops_per_token": flops,
        "device": device,
        "peak_gpu_memory_mb": torch.cuda.max_memory_allocated() / 2**20,
        "overrides": overrides,
    }


def main() -> None:
    """The command line of this module."""
    given = vars(_parser().parse_args())
    work = given.pop("work")
    if "folder" in given:
        given["inputs"] = Inputs(given.pop("folder"))
    with reporting() as figures:
        figures.update(work(**given))


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=__doc__)
    verbs = parser.add_subparsers(required=True)

    def verb(name: str, work: Any, *numbers: str, reads_inputs: bool = True) -> argparse.ArgumentParser:
        added = verbs.add_parser(name)
        added.set_defaults(work=work)
        if reads_inputs:
            added.add_argument("folder", type=Path, help="what interlace.bench.inputs made")
        added.add_argument("--scratch", type=Path, required=True)
        for number in numbers:
            added.add_argument(f"--{number}", type=int, required=True)
        return added

    steps = verb("steps", training_steps, "batch-size", "warm-up-steps", "steps", "threads")
    steps.add_argument("--objective", choices=list(MODELS), required=True)
    steps.add_argument("--bf16", action="store_true")
    steps.add_argument("--dropout", type=float, required=True)
    steps.add_argument("--attention-dropout", type=float, required=True)
    play = verb("shakespeare", shakespeare, "threads", reads_inputs=False)
    play.add_argument("overrides", nargs="*")
    verb("trainer", trainer_overhead, "blocks", "block-steps", "threads")
    verb("pack", pack)
    counted = verb("ngram", ngram, "order", reads_inputs=False)
    counted.add_argument("--text", type=Path, required=True)
    verb("gpt2-124m", gpt2_124m, "warm-up-steps", "steps").add_argument("--compiled", action="store_true")
    return parser


if __name__ == "__main__":
    main()
