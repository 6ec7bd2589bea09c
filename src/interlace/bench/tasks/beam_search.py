"""Beam search of a T5 for `interlace bench tasks`: ours, and `generate` of the transformers library, same weights."""

import argparse
from collections.abc import Callable
from pathlib import Path
from typing import Any, get_args

import numpy as np
import torch

from interlace.bench.measuring import reporting
from interlace.bench.tasks.rows import Ends
from interlace.bench.tasks.turns import rates_in_turn
from interlace.errors import UserError
from interlace.models.generation import GenerationOptions, generate
from interlace.models.t5 import T5
from interlace.pretrained import export, load

BEAMS = 4
PAD, EOS = 0, 1
SIZE: dict[str, Any] = {
    "dim": 256, "num_layers": 4, "num_decoder_layers": 4, "num_heads": 4, "head_dim": 64, "feed_forward_dim": 688,
}  # fmt: skip
VOCABULARY = 8192  # with SIZE, the model and tokenizer of the Multi30k presets
QUICK = {**SIZE, "dim": 64, "num_layers": 1, "num_decoder_layers": 1, "head_dim": 16, "feed_forward_dim": 64}
LIMIT: dict[Ends, int] = {"vary": 32, "equal": 24}  # new tokens
MEAN_SOURCE = 13  # tokens, as in Multi30k
CONSTANT = 8.0  # a component of every embedding, by which the end token's logit can be raised alike at all steps
SHARPNESS = 3.0  # of the distributions of a random head, whose logits have deviation 1
END_WEIGHT, END_SPREAD = 2.5, 0.1


def random_t5(ends: Ends, size: dict[str, Any]) -> T5:
    """Return a T5 v1.1 with random weights that prefers some tokens, so that beams differ.

    "vary": at each step the end is about as likely as another token, so that texts have different lengths; "equal": it
    is never among the best.
    """
    torch.manual_seed(0)
    model = T5(
        vocabulary_size=VOCABULARY, pad_id=PAD, activation="gelu_tanh", gated=True, num_buckets=32, max_distance=128,
        norm_eps=1e-6, tie_embeddings=False, scale_logits=False, dropout=0.0, **size,
    )  # fmt: skip
    assert model.head is not None, "untied"
    with torch.no_grad():
        model.embedding.weight[:, 0] = CONSTANT
        model.head.weight.mul_(SHARPNESS)
        model.head.weight[:, 0] = 0.0
        model.head.weight[EOS] *= END_SPREAD
        model.head.weight[EOS, 0] = END_WEIGHT if ends == "vary" else -END_WEIGHT
    return model


def sources(number: int) -> list[list[int]]:
    """Return source sentences of random tokens, about as long as those of Multi30k."""
    rng = np.random.default_rng(0)
    lengths = np.clip(rng.poisson(MEAN_SOURCE, number), 4, 40)
    return [[*rng.integers(EOS + 1, VOCABULARY, length).tolist(), EOS] for length in lengths]


def by_transformers(directory: Path, prompts: list[list[int]], limit: int) -> Callable[[], list[list[int]]]:
    """Return a function that translates with `generate` of the transformers library; its results without end token."""
    from transformers import GenerationConfig, T5ForConditionalGeneration
    from transformers.utils.logging import disable_progress_bar

    disable_progress_bar()
    model = T5ForConditionalGeneration.from_pretrained(directory).eval()
    longest = max(map(len, prompts))
    ids = torch.tensor([[*prompt, *[PAD] * (longest - len(prompt))] for prompt in prompts])
    settings = GenerationConfig(
        eos_token_id=EOS, pad_token_id=PAD, decoder_start_token_id=PAD, num_beams=BEAMS, max_new_tokens=limit,
        do_sample=False, length_penalty=1.0, early_stopping=False,
    )  # fmt: skip

    def translate() -> list[list[int]]:
        with torch.inference_mode():
            found = model.generate(ids, attention_mask=(ids != PAD).long(), generation_config=settings)
        rows = [row[1:] for row in found.tolist()]  # after the start token
        return [row[: row.index(EOS)] if EOS in row else row for row in rows]

    return translate


def measure(*, sentences: int, rounds: int, ends: Ends, quick: bool, scratch: Path) -> dict[str, Any]:
    """Measure sentences per second of one thread, in turn, all sentences as one batch.

    The weights are exported by ours and read by both sides. Raises UserError where a translation differs.
    """
    torch.set_num_threads(1)
    directory = scratch / "t5"
    export(random_t5(ends, QUICK if quick else SIZE), None, directory)
    model, prompts, limit = load(directory), sources(sentences), LIMIT[ends]
    options = GenerationOptions(num_beams=BEAMS, max_new_tokens=limit)
    works: dict[str, Callable[[], list[list[int]]]] = {
        "interlace": lambda: [found.tokens for found in generate(model, prompts, options, eos_id=EOS)],
        "transformers": by_transformers(directory, prompts, limit),
    }
    ours, theirs = (work() for work in works.values())
    different = [number for number, pair in enumerate(zip(ours, theirs, strict=True)) if pair[0] != pair[1]]
    if different:
        raise UserError(f"{len(different)} of {sentences} translations differ, the first is number {different[0]}")
    lengths = [len(tokens) for tokens in ours]
    return {
        **rates_in_turn(works, sentences, rounds),
        "beams": BEAMS,
        "tokens": {"mean": float(np.mean(lengths)), "least": min(lengths), "most": max(lengths)},
        "parameters": sum(parameter.numel() for parameter in model.parameters()),
    }


def main() -> None:
    """The command line of this module."""
    parser = argparse.ArgumentParser(description=__doc__)
    for name in ("sentences", "rounds"):
        parser.add_argument(f"--{name}", type=int, required=True)
    parser.add_argument("--ends", choices=get_args(Ends), required=True)
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--scratch", type=Path, required=True)
    with reporting() as figures:
        figures.update(measure(**vars(parser.parse_args())))


if __name__ == "__main__":
    main()
