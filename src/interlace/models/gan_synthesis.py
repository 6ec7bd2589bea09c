"""Synthetic training texts from a text GAN."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any

import torch
from pydantic import Field

from interlace.data.augmentation import Synthesis, TrainingText
from interlace.data.cache import source_hash
from interlace.data.text import WordTokenizer
from interlace.errors import UserError
from interlace.models import text_gan
from interlace.models.text_gan import Loss, TextGAN

UNKNOWN = 1


class GanSynthesis(Synthesis):
    """New texts of every class from a class-conditional TextGAN trained on the training texts.

    The vocabulary is the `max_words` most frequent words and punctuation marks (WordTokenizer, lower-cased). The GAN is
    trained on the texts without other words, the first `max_length` words of each, and never generates the unknown
    word. The other options are those of `TextGAN`; its initialisation and batches depend on the data seed. Training
    takes minutes for thousands of texts, so the result is cached.
    """

    def __init__(
        self,
        *,
        num_per_class: Annotated[int, Field(ge=1)],
        novel: bool,
        max_rounds: Annotated[int, Field(ge=1)],
        max_words: Annotated[int, Field(ge=1)],
        max_length: Annotated[int, Field(ge=1)],
        dim: Annotated[int, Field(ge=1)],
        hidden_dim: Annotated[int, Field(ge=1)],
        num_filters: Annotated[int, Field(ge=1)],
        filter_widths: Annotated[list[int], Field(min_length=1)],
        loss: Loss,
        pretrain_steps: Annotated[int, Field(ge=0)],
        adversarial_steps: Annotated[int, Field(ge=0)],
        discriminator_steps: Annotated[int, Field(ge=1)],
        likelihood_weight: Annotated[float, Field(ge=0)],
        batch_size: Annotated[int, Field(ge=2)],
        pretrain_lr: Annotated[float, Field(gt=0)],
        generator_lr: Annotated[float, Field(gt=0)],
        discriminator_lr: Annotated[float, Field(gt=0)],
        temperature_start: Annotated[float, Field(gt=0)],
        temperature_end: Annotated[float, Field(gt=0)],
    ) -> None:
        super().__init__(num_per_class=num_per_class, novel=novel, max_rounds=max_rounds)
        self.max_words = max_words
        self.options: dict[str, Any] = {
            "max_length": max_length, "dim": dim, "hidden_dim": hidden_dim, "num_filters": num_filters,
            "filter_widths": filter_widths, "loss": loss, "pretrain_steps": pretrain_steps,
            "adversarial_steps": adversarial_steps, "discriminator_steps": discriminator_steps,
            "likelihood_weight": likelihood_weight, "batch_size": batch_size, "pretrain_lr": pretrain_lr,
            "generator_lr": generator_lr, "discriminator_lr": discriminator_lr,
            "temperature_start": temperature_start, "temperature_end": temperature_end,
        }  # fmt: skip

    def learn(self, rows: Sequence[TrainingText], seed: int) -> None:
        """Train the GAN."""
        self.classes = sorted({row.label for row in rows})
        texts = [" ".join(row.texts) for row in rows]
        self.tokenizer = WordTokenizer.train(texts, self.max_words)
        encoded = self.tokenizer.encode_batch(texts)
        kept = [i for i, ids in enumerate(encoded) if ids and UNKNOWN not in ids]
        missing = set(self.classes) - {rows[i].label for i in kept}
        if missing:
            raise UserError(
                f"text_augmentation.max_words: no text of class {min(missing)!r} consists only of the {self.max_words} "
                "most frequent words, so the GAN cannot learn the class; raise max_words"
            )
        ids = torch.zeros(len(kept), self.options["max_length"], dtype=torch.int64)  # 0 is padding
        for row, index in enumerate(kept):
            words = torch.tensor(encoded[index][: ids.shape[1]])
            ids[row, : len(words)] = words
        labels = torch.tensor([self.classes.index(rows[i].label) for i in kept])
        self.gan = TextGAN(
            vocabulary_size=len(self.tokenizer), num_classes=len(self.classes), pad_id=0, seed=seed, **self.options
        )
        self.history = self.gan.fit(ids, labels)

    def write(self, label: str, number: int, seed: int) -> Sequence[str]:
        """Sample texts of a class from the trained generator."""
        labels = torch.full((number,), self.classes.index(label))
        ids = self.gan.sample(number, seed, labels, forbidden=(UNKNOWN,))
        return [self.tokenizer.decode(row) for row in ids.tolist()]

    def arguments(self) -> Mapping[str, Any]:
        code = source_hash(Path(text_gan.__file__)) + source_hash(Path(__file__))
        return {"method": "gan", "code": code, "max_words": self.max_words, **self.options, **super().arguments()}
