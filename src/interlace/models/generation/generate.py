"""Entry point of generation: checks prompts and options against the model, then decodes."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn

from interlace.errors import UserError
from interlace.models.generation.beam import beam_search
from interlace.models.generation.detokenizing import Decode, IncrementalText, text_of
from interlace.models.generation.options import GenerationOptions
from interlace.models.generation.processors import PADDING, build_processors
from interlace.models.generation.results import Continuation, Generated, OnToken, Piece
from interlace.models.generation.sampling import continue_rows, generator_of
from interlace.models.generation.steps import (
    CausalSteps,
    DistributionSteps,
    NextTokenModel,
    SequenceToSequenceSteps,
    Steps,
)
from interlace.tokens import Condition

if TYPE_CHECKING:
    from interlace.models.base import LanguageModel


@torch.inference_mode()
def generate(
    model: "LanguageModel | NextTokenModel",
    prompts: Sequence[Sequence[int]],
    options: GenerationOptions | None = None,
    *,
    eos_id: int | None,
    pad_id: int | None = None,
    start_id: int | None = None,
    seed: int | Sequence[int] = 0,
    decode: Decode | None = None,
    on_token: OnToken | None = None,
    condition: Condition | None = None,
    steps: CausalSteps | None = None,
) -> list[Generated]:
    """Generate num_return_sequences continuations of each prompt (sequence-to-sequence models: target texts).

    All prompts run as one batch (causal models: padded on the left). The result of a prompt does not depend on the
    others: its random numbers are a function of its seed, its tokens and the index of the continuation. `seed` is one
    number for all prompts, or one per prompt. `decode` (ids -> text) is used for `Generated.text`, stop_texts and the
    text passed to `on_token`, which is called with each `Piece` as soon as it is final. `start_id` is the first decoder
    token of a sequence-to-sequence model; by default the one it was trained with (T5: padding), else `pad_id`.
    `condition` holds one row per prompt, for models of `interlace.heads`. `steps` are those of an earlier call whose
    prompt and continuation begin this one prompt: their cache is used and extended. The model is put into evaluation
    mode and back. Raises UserError for prompts or options that the model cannot take.
    """
    options = options or GenerationOptions()
    seeds = [seed] * len(prompts) if isinstance(seed, int) else list(seed)
    _check(model, prompts, options, seeds, decode, on_token)
    _check_condition(model, prompts, condition)
    if not prompts:
        return []
    with _evaluation_mode(model):
        prompts, limits = _fit(model, prompts, options, condition)
        if steps is None:
            started, history = _start(model, prompts, options, pad_id, start_id, condition)
        else:
            started, history = steps, _left_padded(prompts).to(next(steps.model.parameters()).device)
        request = _Request(prompts, limits, options, eos_id, seeds, decode, on_token, _is_seq2seq(model))
        if options.num_beams > 1:
            return request.search(started, history)
        rows = request.continuations()
        for _ in request.extend(rows, started, history):
            pass
        return [row.result() for row in rows]


@torch.inference_mode()
def stream(
    model: "LanguageModel | NextTokenModel",
    prompt: Sequence[int],
    options: GenerationOptions | None = None,
    *,
    eos_id: int | None,
    decode: Decode,
    pad_id: int | None = None,
    seed: int = 0,
) -> Iterator[Piece]:
    """Generate one continuation piece by piece; the pieces are those that `generate` passes to `on_token`.

    Nothing is computed between two pieces, nor after the iterator is closed. Raises the errors of `generate`.
    """
    options = options or GenerationOptions()
    pieces: list[Piece] = []
    _check(model, [prompt], options, [seed], decode, pieces.append)
    with _evaluation_mode(model):
        prompts, limits = _fit(model, [prompt], options, None)
        steps, history = _start(model, prompts, options, pad_id, None, None)
        request = _Request(prompts, limits, options, eos_id, [seed], decode, pieces.append, _is_seq2seq(model))
        for _ in request.extend(request.continuations(), steps, history):
            yield from pieces
            pieces.clear()


def check_prompt(
    model: "LanguageModel | NextTokenModel", prompt: Sequence[int], options: GenerationOptions, decode: Decode
) -> None:
    """Raise the UserError of `generate` for a prompt or options that the model cannot take."""
    _check(model, [prompt], options, [0], decode, None)
    _fit(model, [prompt], options, None)


@contextmanager
def _evaluation_mode(model: object) -> Iterator[None]:
    """Context in which a module is in evaluation mode."""
    training = isinstance(model, nn.Module) and model.training
    if isinstance(model, nn.Module):
        model.eval()
    try:
        yield
    finally:
        if isinstance(model, nn.Module):
            model.train(training)


class _Request:
    """Checked arguments of one call of `generate`."""

    def __init__(
        self,
        prompts: list[list[int]],
        limits: list[int],
        options: GenerationOptions,
        eos_id: int | None,
        seeds: list[int],
        decode: Decode | None,
        on_token: OnToken | None,
        is_seq2seq: bool,
    ) -> None:
        self.prompts, self.limits, self.options, self.eos_id, self.seeds = prompts, limits, options, eos_id, seeds
        self.decode, self.on_token = decode, on_token
        # The text of a causal continuation follows its prompt; a target text stands alone.
        self.contexts: list[list[int]] = [[] for _ in prompts] if is_seq2seq else prompts

    def continuations(self) -> list[Continuation]:
        """Return the continuations of all prompts, one after another, before their first token."""
        return [self._continuation(prompt, copy) for prompt, copy in self._places()]

    def extend(self, rows: Sequence[Continuation], steps: Steps, history: Tensor) -> Iterator[None]:
        """Extend `continuations` by greedy decoding or sampling until they end; yields after each token."""
        generators = None
        if self.options.sample:
            generators = [
                generator_of(self.seeds[prompt], self.prompts[prompt], copy) for prompt, copy in self._places()
            ]
        yield from continue_rows(steps, history, rows, self._processors(history), generators)

    def search(self, steps: Steps, history: Tensor) -> list[Generated]:
        """Return the best continuations of beam search."""
        found = beam_search(steps, history, self.limits, self.options, self._processors(history), self.eos_id)
        return [
            Generated(
                tokens=hypothesis.tokens,
                text=None if self.decode is None else text_of(hypothesis.tokens, self.contexts[prompt], self.decode),
                reason=hypothesis.reason,
                log_probability=hypothesis.log_probability,
                score=hypothesis.score,
                prompt=prompt,
                sequence=sequence,
            )
            for prompt, hypotheses in enumerate(found)
            for sequence, hypothesis in enumerate(hypotheses)
        ]

    def _places(self) -> list[tuple[int, int]]:
        """Return prompt and index of each continuation."""
        return [
            (prompt, copy) for prompt in range(len(self.prompts)) for copy in range(self.options.num_return_sequences)
        ]

    def _processors(self, history: Tensor) -> tuple:
        return build_processors(self.options, prompt_columns=history.shape[1], eos_id=self.eos_id)

    def _continuation(self, prompt: int, sequence: int) -> Continuation:
        return Continuation(
            prompt=prompt,
            sequence=sequence,
            limit=self.limits[prompt],
            options=self.options,
            eos_id=self.eos_id,
            text=None if self.decode is None else IncrementalText(self.decode, self.contexts[prompt]),
            on_token=self.on_token,
        )


def _start(
    model: "LanguageModel | NextTokenModel",
    prompts: list[list[int]],
    options: GenerationOptions,
    pad_id: int | None,
    start_id: int | None,
    condition: Condition | None,
) -> tuple[Steps, Tensor]:
    """Return the model wrapped as `Steps`, and the initial histories (P, T)."""
    if not isinstance(model, nn.Module):
        assert isinstance(model, NextTokenModel)
        return DistributionSteps(model), _left_padded(prompts)
    device = next(model.parameters()).device
    pad_id = model.pad_id if pad_id is None else pad_id
    if not _is_seq2seq(model):
        steps = CausalSteps(
            model, max_new_tokens=options.max_new_tokens, use_cache=options.use_cache, condition=condition
        )
        return steps, _left_padded(prompts).to(device)
    first = next((token for token in (start_id, getattr(model, "start_id", None), pad_id) if token is not None), None)
    if first is None:
        raise UserError("generate: a sequence-to-sequence model needs a token to start its decoder; give start_id")
    decoder = SequenceToSequenceSteps(
        model,
        prompts,
        capacity=options.max_new_tokens,
        use_cache=options.use_cache,
        pad_id=pad_id or 0,
        condition=condition,
    )
    return decoder, torch.full((len(prompts), 1), first, device=device)


def _left_padded(prompts: list[list[int]]) -> Tensor:
    longest = max(map(len, prompts))
    rows = [[*[PADDING] * (longest - len(prompt)), *prompt] for prompt in prompts]
    return torch.tensor(rows, dtype=torch.int64)


def _is_seq2seq(model: object) -> bool:
    return getattr(model, "direction", "causal") == "seq2seq"


def _fit(
    model: Any, prompts: Sequence[Sequence[int]], options: GenerationOptions, condition: Condition | None
) -> tuple[list[list[int]], list[int]]:
    """Return the prompts, truncated if requested, and the maximum number of new tokens of each."""
    context: int | None = getattr(model, "max_length", None)
    fitting = [list(prompt) for prompt in prompts]
    limits = [options.max_new_tokens] * len(fitting)
    if context is None:
        return fitting, limits
    if condition is not None:
        context -= model.num_prefix_tokens(condition)
    if _is_seq2seq(model):
        longest, limits = context, [min(options.max_new_tokens, context)] * len(fitting)
    elif options.window == "slide":
        longest = context
    else:  # leave room for all new tokens when truncating, else for at least one
        longest = context - (options.max_new_tokens if options.truncate_prompt else 1)
        if longest < 1:
            raise UserError(
                f"generate: {options.max_new_tokens} new tokens leave no room for a prompt in a context of {context}; "
                'lower max_new_tokens or set window="slide"'
            )
    for index, prompt in enumerate(fitting):
        if len(prompt) > longest and not options.truncate_prompt:
            raise UserError(
                f"generate: prompt {index + 1} has {len(prompt)} tokens, and the model's context of {context} takes "
                f"at most {longest}; shorten it or set truncate_prompt=true to keep its end"
            )
        fitting[index] = prompt[-longest:]
        if not _is_seq2seq(model) and options.window == "stop":
            limits[index] = min(options.max_new_tokens, context - len(fitting[index]))
    return fitting, limits


def _check_condition(model: object, prompts: Sequence[Sequence[int]], condition: Condition | None) -> None:
    if condition is None:
        return
    if not hasattr(model, "condition_dim"):
        raise UserError(
            f"generate: {type(model).__name__} accepts text only; pass the condition to a decoder that takes one"
        )
    if len(condition.tokens) != len(prompts):
        raise UserError(
            f"generate: got a condition of {len(condition.tokens)} rows for {len(prompts)} prompts; expected one each"
        )


def _check(
    model: object,
    prompts: Sequence[Sequence[int]],
    options: GenerationOptions,
    seeds: Sequence[int],
    decode: Decode | None,
    on_token: OnToken | None,
) -> None:
    if not isinstance(model, nn.Module) and not isinstance(model, NextTokenModel):
        raise UserError(f"generate: {type(model).__name__} cannot predict a next token; expected a language model")
    if getattr(model, "direction", "causal") == "masked":
        raise UserError(
            f"generate: {getattr(model, 'family', type(model).__name__)} is a masked language model and cannot "
            "continue a text; choose a causal (gpt, lstm) or a sequence-to-sequence (t5) model"
        )
    if len(seeds) != len(prompts):
        raise UserError(f"generate: got {len(seeds)} seeds for {len(prompts)} prompts; give one for all, or one each")
    if options.num_beams > 1 and on_token is not None:
        raise UserError("generate: beam search has no final token before its end and cannot stream; set num_beams=1")
    if options.stop_texts and (decode is None or options.num_beams > 1):
        raise UserError(
            "generate: stop_texts are matched in the decoded text during generation, so they need `decode` and "
            "num_beams=1; use stop_sequences of token ids instead"
        )
    vocabulary: int | None = getattr(model, "vocabulary_size", None)
    for index, prompt in enumerate(prompts):
        if not len(prompt) and isinstance(model, nn.Module):
            raise UserError(
                f"generate: prompt {index + 1} is empty; begin with a token, such as the tokenizer's bos_id"
            )
        if min(prompt, default=0) < 0 or (vocabulary is not None and max(prompt, default=0) >= vocabulary):
            raise UserError(
                f"generate: prompt {index + 1} holds a token outside the model's vocabulary of {vocabulary}; "
                "encode it with the tokenizer the model was trained with"
            )
    if vocabulary is not None and any(token >= vocabulary for token in options.suppress_tokens):
        raise UserError(
            f"generation.suppress_tokens: {max(options.suppress_tokens)} is outside the vocabulary of {vocabulary}"
        )
