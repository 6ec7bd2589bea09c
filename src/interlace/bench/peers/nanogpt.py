"""nanoGPT's CPU configuration on tinyshakespeare, run from a checkout, and its loss on the whole validation text."""

import argparse
import json
import shutil
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

from interlace.bench.measuring import reporting
from interlace.errors import UserError

# Its README, section "I only have a macbook".
FLAGS = (
    "--device=cpu", "--compile=False", "--eval_iters=20", "--log_interval=1", "--block_size=64", "--batch_size=12",
    "--n_layer=4", "--n_head=4", "--n_embd=128", "--dropout=0.0",
)  # fmt: skip

# Run in the checkout; prints the mean loss over consecutive windows that cover the validation text once.
EVALUATION = """
import json, sys, numpy as np, torch
from model import GPT, GPTConfig
saved = torch.load("out-shakespeare-char/ckpt.pt", map_location="cpu")
model = GPT(GPTConfig(**saved["model_args"]))
model.load_state_dict({k.removeprefix("_orig_mod."): v for k, v in saved["model"].items()})
model.eval()
ids = torch.from_numpy(np.fromfile("data/shakespeare_char/val.bin", dtype=np.uint16).astype(np.int64))
length, total, count = saved["model_args"]["block_size"], 0.0, 0
with torch.inference_mode():
    for start in range(0, len(ids) - 1, 64 * length):
        part = ids[start : start + 64 * length + 1]
        rows = (len(part) - 1) // length
        pieces = [part[: rows * length + 1]] if rows else []
        tail = part[rows * length :]
        for piece, shape in [*((p, (rows, length)) for p in pieces), *([(tail, (1, -1))] if len(tail) > 1 else [])]:
            _, loss = model(piece[:-1].reshape(shape), piece[1:].reshape(shape))
            total, count = total + loss.item() * (len(piece) - 1), count + len(piece) - 1
print(json.dumps({"val_loss": total / count, "targets": count, "best_iteration": saved["iter_num"]}))
"""


def measure(*, checkout: Path, text: Path, steps: int, scratch: Path) -> dict[str, Any]:
    """Measure the seconds of `train.py`, without preparing the data and the last evaluation.

    The checkout is copied to `scratch`, since training writes into it. `text`: tinyshakespeare's input.txt.
    """
    if not (checkout / "config" / "train_shakespeare_char.py").is_file():
        raise UserError(f"--nanogpt {checkout}: not a checkout of nanoGPT (no config/train_shakespeare_char.py)")
    folder = scratch / "nanogpt"
    shutil.copytree(checkout, folder, ignore=shutil.ignore_patterns(".git", "out*", "*.bin"))
    data = folder / "data" / "shakespeare_char"
    shutil.copyfile(text, data / "input.txt")
    _python(folder, str(data / "prepare.py"))
    _python(folder, "-c", "import model")  # once, so that it is compiled
    start = time.perf_counter()
    lengths = (f"--max_iters={steps}", f"--lr_decay_iters={steps}", f"--eval_interval={min(250, steps)}")
    _python(folder, "train.py", "config/train_shakespeare_char.py", *FLAGS, *lengths)
    seconds = time.perf_counter() - start
    found = json.loads(_python(folder, "-c", EVALUATION).splitlines()[-1])
    shutil.rmtree(folder)
    return {"value": seconds, "steps": steps, **found}


def _python(folder: Path, *arguments: str) -> str:
    done = subprocess.run([sys.executable, *arguments], cwd=folder, stdout=subprocess.PIPE, text=True)
    if done.returncode:
        raise UserError(f"nanoGPT: {' '.join(arguments[:2])[:80]} ended with exit code {done.returncode}")
    return done.stdout


def main() -> None:
    """The command line of this module."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("checkout", type=Path)
    parser.add_argument("--text", type=Path, required=True)
    parser.add_argument("--steps", type=int, default=2000)
    parser.add_argument("--scratch", type=Path, required=True)
    given = parser.parse_args()
    with reporting() as figures:
        figures.update(measure(**vars(given)))


if __name__ == "__main__":
    main()
