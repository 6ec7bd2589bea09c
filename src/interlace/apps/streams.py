"""Translation of words as they arrive."""

import codecs
from collections.abc import Callable, Iterator
from functools import partial
from io import BufferedIOBase
from typing import Any

from interlace.assembly.streaming import open_word_stream
from interlace.configuration.checking import resolve_target
from interlace.errors import UserError
from interlace.models.base import LanguageModel
from interlace.models.generation import WordStream
from interlace.objectives.wait_k import WaitK
from interlace.reading.limits import exceeded, limit
from interlace.runs import Run

CHUNK = 2**16


def open_stream(run: Run, lag: int, tag: str | None) -> tuple[Callable[[], WordStream], str]:
    """Return a function that begins a sentence, and a sentence on how the run learned to read.

    `lag`: the k of wait-k, in words. `tag`: of the target language. Raises UserError for a run without an encoder of
    texts, and for a source that its tags do not fit.
    """
    model: object = run.kept_model
    data: Any = run.data_for_prediction()
    if not isinstance(model, LanguageModel) or model.direction != "seq2seq":
        raise UserError(
            f"--wait: {run.directory} reads whole texts alone; words are translated as they come by an encoder-decoder "
            "(model=t5 or t5_v1_1), best by one trained for it (experiment=finetune/multi30k_streaming)"
        )
    data.check_source("x" if tag is None else f"{tag} x")
    streams = issubclass(resolve_target("objective", run.config["objective"]), WaitK)
    learned = "was trained to write while it reads" if streams else "was trained on whole texts, which costs quality"
    return partial(open_word_stream, run.config, model, data, lag, tag), f"{lag} words behind; the model {learned}"


def arriving_words(stream: BufferedIOBase) -> Iterator[str | None]:
    """Yield the words of a stream of UTF-8 as soon as white space follows them, and None at the end of each line.

    Raises UserError for other encodings, and for a word beyond the limit line_bytes.
    """
    decode = codecs.getincrementaldecoder("utf-8")().decode
    word, begun = "", False
    while chunk := stream.read1(CHUNK):
        for character in _decoded(decode, chunk):
            if not character.isspace():
                word, begun = word + character, True
                continue
            if word:
                yield word
                word = ""
            if character == "\n":
                yield None
                begun = False
        if len(word) > (most := limit("line_bytes")):
            raise exceeded("the standard input", f"it has a word of more than {most} characters", "line_bytes")
    if word:
        yield word
    if begun:
        yield None


def _decoded(decode: Callable[[bytes], str], chunk: bytes) -> str:
    try:
        return decode(chunk)
    except UnicodeDecodeError as error:
        raise UserError(f"the standard input: no UTF-8 ({error.reason}); convert it with iconv") from None
