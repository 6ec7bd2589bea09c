"""Text generation with trained runs, for text augmentation."""

from collections.abc import Sequence
from pathlib import Path

from interlace.data.tokenizers.tags import encode_tagged
from interlace.models.generation import GenerationOptions, generate
from interlace.pretrained.parents import load_with_tokenizer, parent_hash

BATCH = 64
MAX_NEW_TOKENS = 64


class RunWriter:
    """Text generator from a finished run: a causal model continues a text, an encoder-decoder model transforms it.

    `identity` depends on the weights, so that cached texts are generated again with another model.
    """

    def __init__(self, run: str, options: GenerationOptions) -> None:
        self.model, self.tokenizer = load_with_tokenizer(Path(run))
        self.options = options
        self.identity = parent_hash(Path(run))

    def __call__(self, texts: Sequence[str], seed: int = 0) -> list[str]:
        """Generate a text for each input; text i is sampled with the seed `seed` + i."""
        written: list[str] = []
        end = self.tokenizer.eos_id
        ends = [end] if end is not None and getattr(self.model, "direction", "causal") == "seq2seq" else []
        for start in range(0, len(texts), BATCH):
            part = texts[start : start + BATCH]
            made = generate(
                self.model,
                [[*ids, *ends] for ids in encode_tagged(self.tokenizer, part)],
                self.options,
                eos_id=self.tokenizer.eos_id,
                pad_id=self.tokenizer.pad_id,
                seed=[seed + start + i for i in range(len(part))],
                decode=self.tokenizer.decode,
            )
            written += [result.text or "" for result in made]
        return written


def open_sampler(run: str) -> RunWriter:
    """Open a run that samples continuations from the 40 most probable tokens."""
    return RunWriter(run, GenerationOptions(max_new_tokens=MAX_NEW_TOKENS, sample=True, top_k=40))


def open_translator(run: str) -> RunWriter:
    """Open a run that translates by greedy search."""
    return RunWriter(run, GenerationOptions(max_new_tokens=MAX_NEW_TOKENS))
