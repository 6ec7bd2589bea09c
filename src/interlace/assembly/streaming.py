"""Texts that are written while their source is read, with the delay of each word."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from interlace.assembly.components import constructor
from interlace.data.parallel.datamodule import ParallelText
from interlace.data.text_pairs import Pairs
from interlace.data.tokenizers import TextTokenizer
from interlace.models.base import LanguageModel
from interlace.models.generation import Streamed, WaitKOptions, WordStream, generate_wait_k
from interlace.models.text_algorithm import Answer
from interlace.tasks.text_task import WrittenTexts

BATCH = 64
GROUP = "lag"


def write_while_reading(
    options: WaitKOptions, model: LanguageModel, tokenizer: TextTokenizer, pairs: Pairs, sources: Sequence[list[int]]
) -> WrittenTexts:
    """Return the texts of a split once for each lag, grouped by "lag" (k1, k3, full), with ids such as `7/k3`."""
    ids: list[str] = []
    names: list[str] = []
    answers: list[Answer] = []
    for lag in options.lags:
        name = "full" if lag is None else f"k{lag}"
        ids += [f"{each}/{name}" for each in pairs.ids]
        names += [name] * len(pairs)
        answers += stream_answers(model, tokenizer, sources, options, lag, BATCH)
    repeated = pairs.take(list(range(len(pairs))) * len(options.lags))
    repeated = replace(repeated, ids=ids, groups={**repeated.groups, GROUP: names})
    return WrittenTexts(
        repeated,
        [answer.text for answer in answers],
        [answer.confidence for answer in answers],
        [answer.details for answer in answers],
    )


def stream_answers(
    model: LanguageModel,
    tokenizer: TextTokenizer,
    sources: Sequence[list[int]],
    options: WaitKOptions,
    lag: int | None,
    batch_size: int,
) -> list[Answer]:
    """Return the text of each encoded source; its details are "read" (delays of the words) and "source_words"."""
    answers: list[Answer] = []
    for start in range(0, len(sources), batch_size):
        part = sources[start : start + batch_size]
        made = generate_wait_k(
            model,
            part,
            lag,
            max_new_tokens=options.max_new_tokens,
            eos_id=tokenizer.eos_id,
            pad_id=tokenizer.pad_id,
        )
        for source, streamed in zip(part, made, strict=True):
            begun = words_read(tokenizer.decode, source)
            details = {"read": word_delays(tokenizer.decode, begun, streamed), "source_words": begun[-1]}
            confidence = streamed.log_probability / max(1, len(streamed.read))
            answers.append(Answer(tokenizer.decode(streamed.tokens), confidence, details))
    return answers


def open_word_stream(
    config: Mapping[str, Any], model: LanguageModel, data: ParallelText, lag: int, tag: str | None
) -> WordStream:
    """Return a stream for the words of one source, which begins with the tag, if there is one."""
    tokenizer = data.needed_tokenizer()
    start = [] if tag is None else [tag]

    def encode(words: Sequence[str], ended: bool) -> list[int]:
        ids = data.encode_sources([" ".join([*start, *words])])[0]
        return ids if ended else ids[:-1]  # the last is the end token

    return WordStream(
        model,
        encode,
        tokenizer.decode,
        lag=lag,
        max_new_tokens=constructor(config["generation"])().max_new_tokens,
        eos_id=tokenizer.eos_id,
        pad_id=tokenizer.pad_id,
    )


def words_begun(decode: Callable[[list[int]], str], ids: Sequence[int]) -> list[int]:
    """Return the number of words between white space of which the first n ids hold a part, for n = 0..len(ids)."""
    return [len(decode(list(ids[:count])).split()) for count in range(len(ids) + 1)]


def words_read(decode: Callable[[list[int]], str], ids: Sequence[int]) -> list[int]:
    """Return the number of source words of which the first n ids tell something, for n = 0..len(ids).

    As `words_begun`, but an id without a visible character (a space that is a token of its own, the first byte of a
    character) belongs to the word after it: it is one of that word's tokens, and which ones they are tells about it.
    """
    texts = [decode(list(ids[:count])).rstrip() for count in range(len(ids) + 1)]
    begun = [len(text.split()) for text in texts]
    for count in range(len(ids) - 1, 0, -1):
        if texts[count] == texts[count - 1]:
            begun[count] = begun[count + 1]
    return begun


def word_delays(decode: Callable[[list[int]], str], begun: Sequence[int], streamed: Streamed) -> list[int]:
    """Return the source words read when each word of a text was written: when the next word began, or the text ended.

    `begun`: `words_read` of the source. A source word counts as read when its first token is, since its tokens are
    known only when it is known whole.
    """
    written = words_begun(decode, streamed.tokens)
    delays: list[int] = []
    for step, count in enumerate(written[1:]):
        delays += [begun[streamed.read[step]]] * (count - 1 - len(delays))  # the words before the one that grows
    if written[-1] > len(delays):
        delays += [begun[streamed.read[-1]]] * (written[-1] - len(delays))
    return delays
