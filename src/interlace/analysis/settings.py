"""Settings of an analysis."""

from dataclasses import asdict, dataclass
from typing import Any, Literal

from interlace.configuration.suggestions import did_you_mean
from interlace.errors import UserError

PARTS = ("missing", "noise", "gain", "shapley", "perceptual", "emap", "tokens", "information", "attention", "coverage")


@dataclass(frozen=True)
class Settings:
    """Settings of an analysis.

    `examples`: number of rows of `split` to analyse, drawn by `seed` (0: all). `draws`: number of draws of missing
    modalities and of noise. `repeats`: permutations of a modality. `emap_examples`: n of the n^2 combinations.
    `token_examples` and `permutations`: examples with token contributions, and orders (each also reversed) for each.
    `bins`: k-means clusters per modality for partial information, `shuffles`: those of its baseline. `shown`: examples
    shown on the page.
    """

    split: Literal["val", "test"] = "test"
    examples: int = 1000
    draws: int = 5
    repeats: int = 5
    emap_examples: int = 128
    token_examples: int = 40
    permutations: int = 5
    bins: int = 8
    shuffles: int = 5
    shown: int = 4
    seed: int = 0
    batch_size: int = 512
    parts: tuple[str, ...] = PARTS

    def __post_init__(self) -> None:
        for name in self.parts:
            if name not in PARTS:
                raise UserError(f"--parts {name}: no such part; {did_you_mean(name, PARTS)}")
        if not self.parts:
            raise UserError(f"--parts: got none; expected some of {', '.join(PARTS)}")

    def plain(self) -> dict[str, Any]:
        """Return the settings as JSON types, without the batch size, which does not change results."""
        return {k: list(v) if isinstance(v, tuple) else v for k, v in asdict(self).items() if k != "batch_size"}
