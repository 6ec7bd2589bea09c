"""Runs of language models as answerers: texts continued, rewritten or replied to, token by token."""

import math
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from typing import Any

from interlace.apps.answers import Answer, Answerer, Question
from interlace.apps.run_answerer import describe
from interlace.assembly.components import constructor
from interlace.assembly.dialogue import reply_options, reply_room
from interlace.assembly.prompts import encode_prompt, without_padding_rows
from interlace.assembly.ranking import ranks_passages
from interlace.assembly.text_algorithms import is_text_algorithm
from interlace.assembly.texts import mean_log_probability
from interlace.data.dialogue.messages import USER, Message, read_prompt
from interlace.data.encoding import check_text
from interlace.data.problems import BadExample
from interlace.errors import UserError
from interlace.models.generation import (
    Generated,
    GenerationOptions,
    NextTokenModel,
    WaitKOptions,
    check_prompt,
    generate,
    stream,
)
from interlace.runs import Run


class TextAnswerer:
    """A run of a language model as an `Answerer`, with the texts of `interlace predict` and `generate`.

    `options`: those that the run generates with, without `Question.options`; greedy where it has none, and where it
    reads with a lag, as a question is read whole. The details of an answer are "reason" (see `Generated`), the numbers
    of tokens "prompt_tokens" and "completion_tokens", and for a longer source "truncated", its number of tokens, of
    which the first are read. Raises UserError for a model that generates nothing.
    """

    def __init__(self, run: Run, name: str) -> None:
        self.run = run
        self.model: Any = run.kept_model
        self.tokenizer = run.tokenizer()
        self.description = describe(run, name)
        if getattr(self.model, "direction", None) == "masked" or not (
            isinstance(self.model, NextTokenModel) or hasattr(self.model, "direction")
        ):
            raise UserError(
                f"{run.directory}: its model generates no text; give a run of a causal, n-gram or text-to-text model"
            )
        section = run.config["generation"]
        own = GenerationOptions() if section is None else constructor(section)()
        if isinstance(own, WaitKOptions):
            own = GenerationOptions(max_new_tokens=own.max_new_tokens)
        self._end_id = self.tokenizer.separator_id
        if self.description.kind != "continue":
            self._data: Any = run.data_for_prediction()
        if self.description.kind == "converse":
            self._template = self._data.template
            self._end_id = self._template.end_id
        self.options = self._usable(own)
        self.description = replace(self.description, streams=self.options.num_beams == 1)

    def answer(self, questions: Sequence[Question], *, explain: bool = False) -> list[Answer | UserError]:
        """Answer questions, those of equal options in one batch; an error in the place of one that cannot be answered.

        Samples are drawn one question at a time: the last digits of probabilities depend on the shape of a batch, and
        those decide which tokens top_p keeps. A language model has nothing to `explain`.
        """
        found: dict[int, Answer | UserError] = {}
        batches: dict[tuple[GenerationOptions, int | None], dict[int, list[int]]] = defaultdict(dict)
        for row, question in enumerate(questions):
            try:
                prompt, options = self._asked(question)
            except UserError as error:
                found[row] = error
            else:
                batches[options, row if options.sample else None][row] = prompt
        for (options, _), prompts in batches.items():
            made = generate(
                self.model,
                list(prompts.values()),
                options,
                eos_id=self._end_id,
                pad_id=self.tokenizer.pad_id,
                seed=[self._seed(questions[row]) for row in prompts],
                decode=self.tokenizer.decode,
            )
            best = [each for each in made if each.sequence == 0]
            for (row, prompt), result in zip(prompts.items(), best, strict=True):
                found[row] = self._answer(questions[row], result, len(prompt))
        return [found[row] for row in range(len(questions))]

    def stream(self, question: Question) -> Iterator[str]:
        """Answer one question token by token; nothing is computed after the iterator is closed. Raises UserError."""
        prompt, options = self._asked(question)
        if options.num_beams > 1:
            answer = self.answer([question])[0]
            assert isinstance(answer, Answer), "the question was checked"
            yield answer.text
            return
        made = stream(
            self.model,
            prompt,
            options,
            eos_id=self._end_id,
            pad_id=self.tokenizer.pad_id,
            seed=self._seed(question),
            decode=self.tokenizer.decode,
        )
        pieces = (piece.text for piece in made)
        yield from stripped(pieces) if self.description.kind == "converse" else (each for each in pieces if each)

    def _asked(self, question: Question) -> tuple[list[int], GenerationOptions]:
        """Return prompt and options of a question. Raises UserError where the model cannot take them."""
        if question.media or set(question.texts) - {"text"}:
            raise UserError(
                f"{self.description.name}: it takes neither pictures, sounds nor several texts; give one text"
            )
        try:
            prompt = self._prompt(question)
        except BadExample as bad:
            raise UserError(f"{self.description.name}: {bad}") from None
        options = self.options if question.options is None else self._usable(question.options)
        check_prompt(self.model, prompt, options, self.tokenizer.decode)
        return prompt, options

    def _prompt(self, question: Question) -> list[int]:
        text = _text_of(question)
        kind = self.description.kind
        if kind == "converse":
            given = question.messages if question.messages or text is None else (Message(USER, text),)
            messages = read_prompt([each._asdict() for each in given])
            prompt: list[int] = self._template.prompt(messages, reply_room(self.model, self._data))
            return prompt
        if text is None:
            raise UserError(f"{self.description.name}: nothing is asked; give a text")
        if kind == "continue":
            return encode_prompt(check_text("text", text) if text else text, self.model, self.tokenizer)
        source = _tagged(question, check_text("text", text))
        self._data.check_source(source)
        ids: list[int] = self._data.encode_sources([source])[0]
        return ids

    def _usable(self, options: GenerationOptions) -> GenerationOptions:
        """Return options that generate nothing that is no text."""
        if self.description.kind == "converse":
            return reply_options(options, self._template)
        if self.description.kind == "continue":
            return without_padding_rows(options, self.model, self.tokenizer)
        return options

    def _seed(self, question: Question) -> int:
        return int(self.run.config["seed"]["model"]) if question.seed is None else question.seed

    def _answer(self, question: Question, result: Generated, prompt_tokens: int) -> Answer:
        text = result.text or ""
        details: dict[str, Any] = {"reason": result.reason}
        if self.description.kind == "converse":
            text = text.strip()
        if self.description.kind == "rewrite":
            given = self._data.num_source_tokens(_tagged(question, _text_of(question) or ""))
            details |= {"truncated": given} if given > prompt_tokens else {}
        details |= {"prompt_tokens": prompt_tokens, "completion_tokens": len(result.tokens)}
        return Answer(text, confidence=math.exp(mean_log_probability(result)), details=details)


def _text_of(question: Question) -> str | None:
    return question.texts.get("text") if question.text is None else question.text


def _tagged(question: Question, text: str) -> str:
    return text if question.tag is None else f"{question.tag} {text}"


def generates_tokens(run: Run) -> bool:
    """Return whether a run's texts come token by token: those of a language model."""
    others = run.classifies or run.writes or is_text_algorithm(run.config) or ranks_passages(run.config)
    return not others and run.config["model"] is not None


def asked_options(
    answerer: Answerer,
    *,
    max_tokens: int | None = None,
    temperature: float | None = None,
    top_p: float | None = None,
    stop: Sequence[str] = (),
) -> GenerationOptions | None:
    """Return the options of a run with the values of a request; None where nothing is asked, or it generates no tokens.

    As in OpenAI's interface temperature 0 is greedy, and another temperature or top_p samples. Raises UserError for a
    value out of range.
    """
    if not isinstance(answerer, TextAnswerer) or (max_tokens, temperature, top_p, *stop) == (None, None, None):
        return None
    options = answerer.options
    changed: dict[str, Any] = {}
    if max_tokens is not None:
        changed |= {"max_new_tokens": max_tokens, "min_new_tokens": min(options.min_new_tokens, max_tokens)}
    if stop:
        changed["stop_texts"] = (*options.stop_texts, *stop)
    greedy = {"sample": False, "temperature": 1.0, "top_k": None, "top_p": None, "min_p": None}
    if temperature == 0:
        changed |= greedy
    elif temperature is not None or top_p is not None:
        changed |= {"sample": True, "num_beams": 1, "length_penalty": 1.0, "early_stopping": False}
        changed |= {} if temperature is None else {"temperature": temperature}
        changed |= {} if top_p is None else {"top_p": top_p}
    return replace(options, **changed)


def stripped(pieces: Iterable[str]) -> Iterator[str]:
    """Yield a text that comes in pieces without white space around it."""
    held: str | None = None  # white space that may be the last
    for piece in pieces:
        text = piece.lstrip() if held is None else held + piece
        shown = text.rstrip()
        if shown:
            yield shown
        if shown or held is not None:
            held = text[len(shown) :]
