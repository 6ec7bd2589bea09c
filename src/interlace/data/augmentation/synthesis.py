"""Training texts that models write: continuations of a class's tag, and back-translations."""

from collections.abc import Callable, Mapping, Sequence
from typing import Annotated, Any, Protocol

import numpy as np
from pydantic import Field

from interlace.data.augmentation.base import TextAugmentation, TrainingText
from interlace.data.sequences import JOINER
from interlace.errors import UserError


class Sampler(Protocol):
    """A language model that writes: a continuation for each prompt, a function of (prompts, seed)."""

    def __call__(self, prompts: Sequence[str], seed: int) -> Sequence[str]:
        """Continuations without their prompts."""


Translator = Callable[[Sequence[str]], Sequence[str]]


class Synthesis(TextAugmentation):
    """Base of those that add new texts of every class, written by a model.

    For each class `write` is called until `num_per_class` usable texts are there: neither empty, nor written before,
    nor (with `novel`) one of the training texts. After `max_rounds` rounds that is an error: a model that says the
    same again and again is of no use.
    """

    every_epoch = False
    expensive = True

    def __init__(self, *, num_per_class: int, novel: bool, max_rounds: int) -> None:
        self.num_per_class = num_per_class
        self.novel = novel
        self.max_rounds = max_rounds

    def learn(self, rows: Sequence[TrainingText], seed: int) -> None:
        """Takes from the training texts what `write` needs."""

    def write(self, label: str, number: int, seed: int) -> Sequence[str]:
        """`number` texts of a class, usable or not: a function of the arguments."""
        raise NotImplementedError

    def expand(self, rows: Sequence[TrainingText], seed: int) -> list[TrainingText]:
        """Originals, then the new texts, class after class by name."""
        if any(len(row.texts) > 1 for row in rows):
            raise UserError("augmentation: models write single texts, and these data have pairs; choose another")
        self.learn(rows, seed)
        seen = {normal(text) for row in rows for text in row.texts} if self.novel else set()
        made = list(rows)
        for number, label in enumerate(sorted({row.label for row in rows})):
            texts = self._usable(label, np.random.SeedSequence([seed, number]), seen)
            made += [TrainingText((text,), label, f"{label}-written-{i}") for i, text in enumerate(texts, 1)]
        return made

    def _usable(self, label: str, seeds: np.random.SeedSequence, seen: set[str]) -> list[str]:
        texts: list[str] = []
        for state in seeds.generate_state(self.max_rounds):
            for written in self.write(label, self.num_per_class - len(texts), int(state)):
                text = (written.strip().splitlines() or [""])[0].strip()
                if text and normal(text) not in seen:
                    seen.add(normal(text))
                    texts.append(text)
            if len(texts) == self.num_per_class:
                return texts
        raise UserError(
            f"augmentation: the model wrote {len(texts)} usable texts of class {label!r} in {self.max_rounds} rounds, "
            f"expected {self.num_per_class}; lower num_per_class, raise max_rounds, or train it longer or less"
        )

    def arguments(self) -> Mapping[str, Any]:
        return {"num_per_class": self.num_per_class, "novel": self.novel, "max_rounds": self.max_rounds}


class LanguageModelSynthesis(Synthesis):
    """New texts from a language model trained on lines `prompt + text` (LAMBADA, Anaby-Tavor et al. 2020).

    `prompt` holds "{label}"; `tagged` makes such lines from labelled texts. The first line that the model of `run`
    writes after the prompt is the text. `open_sampler` opens a run as a Sampler; its `identity`, a string that
    changes with the model's weights, is part of the key under which the texts are kept.
    """

    def __init__(
        self,
        *,
        run: str,
        prompt: str,
        num_per_class: Annotated[int, Field(ge=1)],
        novel: bool,
        max_rounds: Annotated[int, Field(ge=1)],
        open_sampler: Callable[[str], Sampler],
    ) -> None:
        super().__init__(num_per_class=num_per_class, novel=novel, max_rounds=max_rounds)
        if "{label}" not in prompt:
            raise UserError(f'augmentation.prompt: got {prompt!r}; expected "{{label}}" in it, where the class goes')
        self.run = run
        self.prompt = prompt
        self.sampler = open_sampler(run)

    def write(self, label: str, number: int, seed: int) -> Sequence[str]:
        return self.sampler([self.prompt.format(label=label)] * number, seed)

    def arguments(self) -> Mapping[str, Any]:
        model = getattr(self.sampler, "identity", self.run)
        return {"method": "language_model", "model": model, "prompt": self.prompt, **super().arguments()}


class BackTranslation(TextAugmentation):
    """Training texts translated and translated back (Sennrich et al. 2016; as augmentation, Edunov et al. 2018).

    A seeded `fraction` of the training texts goes through `forward_model` and `backward_model`, runs that translate.
    Each gives one more row, unless it comes back as it was or empty. `open_translator` opens a run as a Translator; its
    `identity`, a string that changes with the weights, is part of the key under which the texts are kept.
    """

    every_epoch = False
    expensive = True

    def __init__(
        self,
        *,
        forward_model: str,
        backward_model: str,
        fraction: Annotated[float, Field(gt=0, le=1)],
        open_translator: Callable[[str], Translator],
    ) -> None:
        self.runs = (forward_model, backward_model)
        self.fraction = fraction
        self.forward_model = open_translator(forward_model)
        self.backward_model = open_translator(backward_model)

    def expand(self, rows: Sequence[TrainingText], seed: int) -> list[TrainingText]:
        """Originals, then the texts that came back changed."""
        number = max(1, round(self.fraction * len(rows)))
        rng = np.random.Generator(np.random.PCG64([seed, 0]))
        chosen = [rows[i] for i in sorted(rng.permutation(len(rows))[:number])]
        returned = self._round_trip([text for row in chosen for text in row.texts])
        made, position = list(rows), 0
        for row in chosen:
            texts = tuple(text.strip() for text in returned[position : position + len(row.texts)])
            position += len(row.texts)
            if all(texts) and [*map(normal, texts)] != [*map(normal, row.texts)]:
                made.append(TrainingText(texts, row.label, f"{row.id}+back"))
        return made

    def _round_trip(self, texts: Sequence[str]) -> list[str]:
        for run, translate in zip(self.runs, (self.forward_model, self.backward_model), strict=True):
            translated = list(translate(texts))
            if len(translated) != len(texts):
                raise ValueError(f"{run} gave {len(translated)} translations of {len(texts)} texts")
            texts = translated
        return list(texts)

    def arguments(self) -> Mapping[str, Any]:
        models = [
            getattr(t, "identity", r) for t, r in zip((self.forward_model, self.backward_model), self.runs, strict=True)
        ]
        return {"method": "back_translation", "models": models, "fraction": self.fraction}


def tagged(rows: Sequence[TrainingText], prompt: str) -> list[str]:
    """Lines to train a class-conditional language model on: each text behind the prompt of its class."""
    return [prompt.format(label=row.label) + " ".join(JOINER.join(row.texts).split()) for row in rows]


def normal(text: str) -> str:
    """A text by which copies are told: case and white space do not count."""
    return " ".join(text.lower().split())
