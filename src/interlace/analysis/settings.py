"""What an analysis computes, and at what expense."""

from dataclasses import asdict, dataclass
from typing import Any, Literal

from interlace.configuration.suggestions import did_you_mean
from interlace.errors import UserError

PARTS = ("missing", "noise", "gain", "shapley", "perceptual", "emap", "tokens", "information", "attention")


@dataclass(frozen=True)
class Settings:
    """`examples`: rows of `split` that are looked at, drawn by `seed` (0: all). `draws`: of missing modalities and
    of noise. `repeats`: permutations of a modality. `emap_examples`: n of the n^2 combinations. `token_examples` and
    `permutations`: examples whose tokens are weighed, and orders (each also reversed) for each. `bins`: k-means
    clusters a modality for partial information, `shuffles` of its baseline. `shown`: examples drawn.
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
            raise UserError(f"--parts: none is named; expected some of {', '.join(PARTS)}")

    def plain(self) -> dict[str, Any]:
        """JSON types; the batch size, which changes no figure, is not among them."""
        return {k: list(v) if isinstance(v, tuple) else v for k, v in asdict(self).items() if k != "batch_size"}
