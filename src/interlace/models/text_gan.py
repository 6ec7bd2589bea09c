"""Generative adversarial network for text: discrete samples with gradients by the Gumbel-softmax."""

import math
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Annotated, Literal

import torch
from pydantic import Field
from torch import Tensor, nn
from torch.nn import functional as F

from interlace.errors import UserError

Loss = Literal["standard", "relativistic"]


class TextGenerator(nn.Module):
    """LSTM that generates one token at a time given the class: p(y_t | y_<t, c).

    Its input is the embedding of the previous token (at first a learned vector) plus that of the class. A text ends
    with its first `pad_id`, after which all tokens are padding.
    """

    def __init__(
        self, *, vocabulary_size: int, num_classes: int, max_length: int, pad_id: int, dim: int, hidden_dim: int
    ) -> None:
        super().__init__()
        self.max_length = max_length
        self.pad_id = pad_id
        self.embedding = nn.Linear(vocabulary_size, dim, bias=False)  # for one-hot and soft tokens
        self.start = nn.Parameter(torch.randn(dim) / math.sqrt(dim))
        self.classes = nn.Embedding(num_classes, dim)
        self.lstm = nn.LSTM(dim, hidden_dim, batch_first=True)
        self.output = nn.Linear(hidden_dim, vocabulary_size)
        nn.init.normal_(self.embedding.weight, std=dim**-0.5)

    def log_likelihood(self, ids: Tensor, labels: Tensor) -> Tensor:
        """Mean of log p over the tokens of texts (B, T), the first padding of each text included, as a scalar."""
        before = F.embedding(ids[:, :-1], self.embedding.weight.T)  # (B, T - 1, D)
        start = self.start.expand(len(ids), 1, -1)
        hidden, _ = self.lstm(torch.cat([start, before], 1) + self.classes(labels).unsqueeze(1))
        scores = self.output(hidden).log_softmax(-1).gather(-1, ids.unsqueeze(-1)).squeeze(-1)  # (B, T)
        counted = ended_before(ids, self.pad_id).logical_not()
        return (scores * counted).sum() / counted.sum()

    def sample(self, labels: Tensor, temperature: float, forbidden: Sequence[int] = ()) -> Tensor:
        """Sample texts (B, T, V) of one-hot tokens.

        The samples follow the model's distribution for every temperature; the gradient is that of the softmax at
        `temperature` (straight-through Gumbel-softmax, Jang et al. 2017, section 2.2).
        """
        context = self.classes(labels)
        x = self.start + context  # (B, D)
        state: tuple[Tensor, Tensor] | None = None
        alive = torch.ones(len(labels), 1, dtype=torch.bool, device=labels.device)
        padding = F.one_hot(torch.tensor(self.pad_id, device=labels.device), self.output.out_features).to(x.dtype)
        tokens = []
        for _ in range(self.max_length):
            hidden, state = self.lstm(x.unsqueeze(1), state)
            scores = self.output(hidden.squeeze(1))  # (B, V)
            if forbidden:
                scores = scores.index_fill(1, torch.tensor(list(forbidden), device=scores.device), -math.inf)
            token = torch.where(alive, F.gumbel_softmax(scores, tau=temperature, hard=True), padding)
            alive = alive & (token[:, self.pad_id, None] < 0.5)
            tokens.append(token)
            x = self.embedding(token) + context
        return torch.stack(tokens, 1)


class TextDiscriminator(nn.Module):
    """Convolutional network (Kim 2014) from texts (B, T, V) of one-hot or soft tokens and classes (B,) to scores (B,).

    score = w f + <v_c, f> + b with f the maximum response of each filter: the class enters by its inner product with
    the features (projection discriminator, Miyato & Koyama 2018, equation 3).
    """

    def __init__(
        self, *, vocabulary_size: int, num_classes: int, dim: int, num_filters: int, filter_widths: Sequence[int]
    ) -> None:
        super().__init__()
        self.embedding = nn.Linear(vocabulary_size, dim, bias=False)
        self.convolutions = nn.ModuleList(nn.Conv1d(dim, num_filters, width) for width in filter_widths)
        self.widest = max(filter_widths)
        self.output = nn.Linear(num_filters * len(filter_widths), 1)
        self.classes = nn.Embedding(num_classes, num_filters * len(filter_widths))
        nn.init.normal_(self.embedding.weight, std=dim**-0.5)
        nn.init.zeros_(self.classes.weight)

    def forward(self, tokens: Tensor, labels: Tensor) -> Tensor:
        x = self.embedding(tokens).transpose(1, 2)  # (B, D, T)
        x = F.pad(x, (0, max(0, self.widest - x.shape[2])))
        features = torch.cat([F.leaky_relu(c(x), 0.2).amax(2) for c in self.convolutions], 1)  # (B, F)
        return self.output(features).squeeze(1) + (self.classes(labels) * features).sum(1)


class TextGAN(nn.Module):
    """Generator and discriminator; `fit` trains, `sample` generates (Kusner & Hernandez-Lobato 2016).

    `fit` first trains the generator by maximum likelihood for `pretrain_steps`, then both networks adversarially for
    `adversarial_steps`, with `discriminator_steps` updates of the discriminator before each of the generator. The
    generator's loss is the adversarial loss + `likelihood_weight` times -log p of real texts per token; a weight above
    0 counteracts mode collapse. The temperature falls geometrically from `temperature_start` to `temperature_end`.
    `loss`: "standard" is the non-saturating loss (Goodfellow et al. 2014), "relativistic" that of Jolicoeur-Martineau
    (2018), as RelGAN uses it. Weights and training depend only on the seeds and the data.
    """

    def __init__(
        self,
        *,
        vocabulary_size: Annotated[int, Field(ge=2)],
        num_classes: Annotated[int, Field(ge=1)],
        max_length: Annotated[int, Field(ge=1)],
        pad_id: Annotated[int, Field(ge=0)],
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
        seed: Annotated[int, Field(ge=0)],
    ) -> None:
        super().__init__()
        self.loss: Loss = loss
        self.pretrain_steps = pretrain_steps
        self.adversarial_steps = adversarial_steps
        self.discriminator_steps = discriminator_steps
        self.likelihood_weight = likelihood_weight
        self.batch_size = batch_size
        self.pretrain_lr = pretrain_lr
        self.generator_lr = generator_lr
        self.discriminator_lr = discriminator_lr
        self.temperatures = (temperature_start, temperature_end)
        self.seed = seed
        with seeded(seed):
            self.generator = TextGenerator(
                vocabulary_size=vocabulary_size, num_classes=num_classes, max_length=max_length, pad_id=pad_id,
                dim=dim, hidden_dim=hidden_dim,
            )  # fmt: skip
            self.discriminator = TextDiscriminator(
                vocabulary_size=vocabulary_size, num_classes=num_classes, dim=dim, num_filters=num_filters,
                filter_widths=filter_widths,
            )  # fmt: skip

    def temperature(self, step: int) -> float:
        """Return the temperature of adversarial step `step`, from 0: start (end / start)^(step / (steps - 1))."""
        start, end = self.temperatures
        return start * (end / start) ** (step / max(1, self.adversarial_steps - 1))

    def fit(self, ids: Tensor, labels: Tensor | None = None) -> list[dict[str, float]]:
        """Train on texts (N, T) int64, truncated or padded to `max_length`, and their classes (N,).

        Returns one record per step: {"likelihood"} and then {"generator", "discriminator", "temperature"}.
        """
        ids = self._fitted(ids)
        labels = torch.zeros(len(ids), dtype=torch.int64, device=ids.device) if labels is None else labels
        if len(labels) != len(ids) or not len(ids):
            raise UserError(f"text GAN: got {len(ids)} texts and {len(labels)} classes; expected as many, at least one")
        with seeded(self.seed + 1):
            batches = self._batches(ids, labels)
            return [*self._pretrain(batches), *self._compete(batches)]

    def sample(self, num: int, seed: int, labels: Tensor | None = None, *, forbidden: Sequence[int] = ()) -> Tensor:
        """Sample texts (num, T) int64, padded after their end; the result depends only on weights and arguments.

        Tokens in `forbidden` are never generated. Without `labels` (num,) all texts are of class 0.
        """
        device = self.generator.start.device
        classes = torch.zeros(num, dtype=torch.int64, device=device) if labels is None else labels
        with torch.no_grad(), seeded(seed):
            return self.generator.sample(classes, 1.0, forbidden).argmax(-1)

    def _fitted(self, ids: Tensor) -> Tensor:
        length = self.generator.max_length
        return F.pad(ids[:, :length], (0, max(0, length - ids.shape[1])), value=self.generator.pad_id)

    def _batches(self, ids: Tensor, labels: Tensor) -> Iterator[tuple[Tensor, Tensor]]:
        """Yield batches of endless passes over the texts, each pass in a new random order."""
        while True:
            for rows in torch.randperm(len(ids)).to(ids.device).split(self.batch_size):
                yield ids[rows], labels[rows]

    def _pretrain(self, batches: Iterator[tuple[Tensor, Tensor]]) -> Iterator[dict[str, float]]:
        optimizer = torch.optim.Adam(self.generator.parameters(), lr=self.pretrain_lr)
        for _ in range(self.pretrain_steps):
            loss = -self.generator.log_likelihood(*next(batches))
            _update(optimizer, loss, self.generator)
            yield {"likelihood": loss.item()}

    def _compete(self, batches: Iterator[tuple[Tensor, Tensor]]) -> Iterator[dict[str, float]]:
        betas = (0.5, 0.999)  # Radford et al. 2016: a smaller momentum stabilises adversarial training
        generator = torch.optim.Adam(self.generator.parameters(), lr=self.generator_lr, betas=betas)
        discriminator = torch.optim.Adam(self.discriminator.parameters(), lr=self.discriminator_lr, betas=betas)
        for step in range(self.adversarial_steps):
            temperature = self.temperature(step)
            for turn in reversed(range(self.discriminator_steps)):
                real, labels = next(batches)
                with torch.set_grad_enabled(turn == 0):  # the generator's update uses the texts of the last turn
                    fake = self.generator.sample(labels, temperature)
                loss_d = self._losses(real, fake.detach(), labels)[1]
                _update(discriminator, loss_d, self.discriminator)
            loss_g = self._losses(real, fake, labels)[0]
            if self.likelihood_weight:
                loss_g = loss_g - self.likelihood_weight * self.generator.log_likelihood(real, labels)
            _update(generator, loss_g, self.generator)
            yield {"generator": loss_g.item(), "discriminator": loss_d.item(), "temperature": temperature}

    def _losses(self, real: Tensor, fake: Tensor, labels: Tensor) -> tuple[Tensor, Tensor]:
        """Losses of generator and discriminator on real ids (B, T) and generated tokens (B, T, V)."""
        one_hot = F.one_hot(real, fake.shape[-1]).to(fake.dtype)
        return adversarial_losses(self.discriminator(one_hot, labels), self.discriminator(fake, labels), self.loss)


def adversarial_losses(real: Tensor, fake: Tensor, kind: Loss) -> tuple[Tensor, Tensor]:
    """Losses of generator and discriminator from the discriminator's scores (B,) of real and generated texts.

    standard: -log s(fake), and -log s(real) - log(1 - s(fake)); relativistic: -log s(fake - real), and
    -log s(real - fake); s is the logistic function.
    """
    if kind == "standard":
        return F.softplus(-fake).mean(), (F.softplus(-real) + F.softplus(fake)).mean()
    return F.softplus(real - fake).mean(), F.softplus(fake - real).mean()


def ended_before(ids: Tensor, pad_id: int) -> Tensor:
    """Return a mask (B, T) of the positions after the first padding."""
    ended = (ids == pad_id).cumsum(1)
    return F.pad(ended[:, :-1], (1, 0)) > 0


@contextmanager
def seeded(seed: int) -> Iterator[None]:
    """Seed torch's random numbers within the block and restore the previous random state after it."""
    with torch.random.fork_rng(devices=range(torch.cuda.device_count())):
        torch.manual_seed(seed)
        yield


def _update(optimizer: torch.optim.Optimizer, loss: Tensor, module: nn.Module) -> None:
    optimizer.zero_grad()
    loss.backward()
    nn.utils.clip_grad_norm_(module.parameters(), 5.0)
    optimizer.step()
