"""Rows of `interlace bench lm`: contenders, their commands and target ratios."""

import shutil
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from importlib.util import find_spec
from pathlib import Path
from typing import NamedTuple

from interlace.bench.inputs import Inputs, Part
from interlace.bench.rows import SCRATCH, Command, Row, Settings, chosen_rows
from interlace.data.sources import find
from interlace.errors import UserError

PEERS = "interlace.bench.peers"
OURS = "interlace.bench.ours"


@dataclass(frozen=True)
class Options(Settings):
    """Options of the benchmark of language models."""

    text: Path | None
    ngram_text: Path | None
    megabytes: float
    dropout: float
    attention_dropout: float
    nanogpt: Path | None
    lmplz: Path | None
    cuda: bool

    @property
    def steps(self) -> tuple[str, ...]:
        """Options for the warm-up and measured updates of the rows in tokens per second."""
        return ("--warm-up-steps", "1", "--steps", "1") if self.quick else ("--warm-up-steps", "4", "--steps", "16")


def module(name: str, *arguments: object) -> tuple[str, ...]:
    """Return the command that runs a module with this Python."""
    return (sys.executable, "-m", name, *map(str, arguments))


def ours(verb: str, *arguments: object) -> tuple[str, ...]:
    """Return a command that measures Interlace."""
    return module(OURS, verb, *arguments, "--scratch", SCRATCH)


def absent(*packages: str) -> str | None:
    """Return a message if one of these packages cannot be imported."""
    gone = [name for name in packages if find_spec(name) is None]
    return f"needs {' and '.join(gone)}: uv sync --group bench, or pip install {' '.join(gone)}" if gone else None


def training(options: Options, inputs: Inputs, name: str, title: str, objective: str, target: float) -> Row:
    """Return a row of training steps of a 4 x 256 transformer and the Hugging Face Trainer, in bf16 and fp32."""
    common = (
        *options.steps, "--batch-size", "32", "--threads", options.threads,
        "--dropout", options.dropout, "--attention-dropout", options.attention_dropout,
    )  # fmt: skip
    files = ("--blocks", inputs.blocks, "--tokenizer", inputs.tokenizer)
    missing = absent("transformers", "accelerate")
    commands = []
    for precision, flag in (("bf16", ("--bf16",)), ("fp32", ())):
        peer = module(f"{PEERS}.hugging_face_trainer", objective, *files, *common, *flag)
        commands += [
            Command(peer, {f"Hugging Face Trainer, {precision}": "value"}, missing),
            Command(
                ours("steps", inputs.folder, "--objective", objective, *common, *flag),
                {f"interlace, {precision}": "value"},
            ),
        ]
    return Row(
        name=name,
        title=title,
        unit="tokens/s",
        larger_is_better=True,
        ours=("interlace, bf16", "interlace, fp32"),
        peers=("Hugging Face Trainer, bf16", "Hugging Face Trainer, fp32"),
        commands=tuple(commands),
        target=target,
    )


def mlm(options: Options, inputs: Inputs) -> Row:
    """Return the row of BERT."""
    return training(options, inputs, "mlm", "masked LM step, BERT 4 x 256, T 128, B 32, V 8192", "mlm", 3.0)


def clm(options: Options, inputs: Inputs) -> Row:
    """Return the row of GPT-2."""
    return training(options, inputs, "clm", "causal LM step, GPT-2 4 x 256, T 128, B 32, V 8192", "clm", 1.3)


def shakespeare(options: Options, inputs: Inputs) -> Row:
    """Return the row of the Shakespeare speed run."""
    source = "git clone https://github.com/karpathy/nanoGPT, then --nanogpt DIR"
    no_peer = f"needs a checkout of nanoGPT: {source}" if options.nanogpt is None else absent("requests")
    try:
        text: Path | None = find("tinyshakespeare") / "input.txt"
    except UserError as error:
        text, no_peer = None, str(error)
    steps = ("--steps", "5") if options.quick else ()
    few = ("trainer.steps_per_epoch=5",) if options.quick else ()
    return Row(
        name="shakespeare",
        title="tinyshakespeare by characters to a validation loss of 1.88",
        unit="s",
        larger_is_better=False,
        ours=("interlace speedrun",),
        peers=("nanoGPT, CPU configuration",),
        commands=(
            Command(
                module(f"{PEERS}.nanogpt", options.nanogpt or "DIR", "--text", text, *steps, "--scratch", SCRATCH),
                {"nanoGPT, CPU configuration": "value"},
                no_peer,
            ),
            Command(
                ours("shakespeare", "--threads", options.threads, *few),
                {"interlace speedrun": "value"},
                no_peer if text is None else None,
            ),
        ),
        target=4.0,
    )


def trainer(options: Options, inputs: Inputs) -> Row:
    """Return the row of the Trainer's overhead."""
    size = ("--blocks", 3, "--block-steps", 5) if options.quick else ("--blocks", 32, "--block-steps", 25)
    return Row(
        name="trainer",
        title="a step of a run against a raw PyTorch loop, GPT-2 4 x 128, T 64, B 12",
        unit="ms",
        larger_is_better=False,
        ours=("interlace train",),
        peers=("raw loop",),
        commands=(
            Command(
                ours("trainer", inputs.folder, *size, "--threads", options.threads),
                {"raw loop": "raw_ms", "interlace train": "trainer_ms"},
            ),
        ),
        target=1 / 1.02,
    )


def pack(options: Options, inputs: Inputs) -> Row:
    """Return the row of packing text to shards."""
    files = (inputs.corpus, "--tokenizer", inputs.tokenizer, "--output", f"{SCRATCH}/tokens.bin")
    return Row(
        name="pack",
        title="text to packed token ids, BPE 8192",
        unit="tokens/s",
        larger_is_better=True,
        ours=("interlace corpus pack",),
        peers=("datasets.map, 2 processes", "tokenizers.encode_batch"),
        commands=(
            Command(
                module(f"{PEERS}.datasets_map", *files, "--processes", 2),
                {"datasets.map, 2 processes": "value"},
                absent("datasets"),
            ),
            Command(ours("pack", inputs.folder), {"interlace corpus pack": "value"}),
            Command(module(f"{PEERS}.bare_tokenizers", *files), {"tokenizers.encode_batch": "value"}),
        ),
        target=2.0,
        against="datasets.map, 2 processes",
    )


def ngram(options: Options, inputs: Inputs) -> Row:
    """Return the row of a Kneser-Ney model of order 5."""
    text = options.ngram_text or inputs.text
    lmplz = options.lmplz or shutil.which("lmplz")
    missing = None
    if lmplz is None:
        missing = "needs KenLM's lmplz: build https://github.com/kpu/kenlm with cmake, then --lmplz PATH"
    return Row(
        name="ngram",
        title=f"5-gram with modified Kneser-Ney, {text.name}, to an ARPA file",
        unit="s",
        larger_is_better=False,
        ours=("interlace n-gram",),
        peers=("KenLM lmplz",),
        commands=(
            Command(
                (str(lmplz or "lmplz"), "-o", "5", "--text", str(text), "--arpa", f"{SCRATCH}/peer.arpa", "-T", SCRATCH,
                 "--discount_fallback"),
                {"KenLM lmplz": "seconds"},
                missing,
            ),
            Command(ours("ngram", "--text", text, "--order", 5), {"interlace n-gram": "seconds"}),
        ),
        target=1 / 5,
    )  # fmt: skip


def gpt2_124m(options: Options, inputs: Inputs) -> Row:
    """Return the row of GPT-2 124M on a GPU, without a peer."""
    steps = ("--warm-up-steps", 2, "--steps", 2) if options.quick else ("--warm-up-steps", 20, "--steps", 100)
    missing = None if options.cuda else "no GPU (torch.cuda.is_available() is false)"
    commands = tuple(
        Command(ours("gpt2-124m", inputs.folder, *steps, *flag), {f"interlace, {how}": "value"}, missing)
        for how, flag in (("eager", ()), ("compiled", ("--compiled",)))
    )
    return Row(
        name="gpt2-124m",
        title="GPT-2 124M, T 1024, B 16, bf16 on one GPU",
        unit="tokens/s",
        larger_is_better=True,
        ours=("interlace, eager", "interlace, compiled"),
        peers=(),
        commands=commands,
        target=None,
    )


class Entry(NamedTuple):
    """Function that builds a row, and the inputs that the row reads."""

    build: Callable[[Options, Inputs], Row]
    reads: tuple[Part, ...] = ()


ROWS: dict[str, Entry] = {
    "mlm": Entry(mlm, ("tokens",)),
    "clm": Entry(clm, ("tokens",)),
    "shakespeare": Entry(shakespeare),
    "trainer": Entry(trainer, ("characters",)),
    "pack": Entry(pack, ("pack",)),
    "ngram": Entry(ngram),
    "gpt2-124m": Entry(gpt2_124m, ("words",)),
}


chosen = partial(chosen_rows, "lm", ROWS)


def parts_of(names: Sequence[str], *, cuda: bool) -> list[Part]:
    """Return the inputs that these rows read."""
    wanted = {part for name in names if name != "gpt2-124m" or cuda for part in ROWS[name].reads}
    return sorted(wanted)
