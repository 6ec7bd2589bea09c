"""Continuations of prompts from the test text of a corpus."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np

from interlace.assembly.components import constructor
from interlace.assembly.texts import BATCH, as_written, mean_log_probability
from interlace.data.corpus.datamodule import Corpus
from interlace.data.text_pairs import Pairs
from interlace.errors import UserError
from interlace.models.base import LanguageModel
from interlace.models.generation import GenerationOptions, generate
from interlace.models.text_algorithm import Answer
from interlace.tasks.continuation.task import Continuation
from interlace.tasks.text_task import WrittenTexts


def continue_test_text(
    config: Mapping[str, Any], model: LanguageModel, data: Corpus, task: Continuation
) -> WrittenTexts:
    """Continue prompts of the test text with the options of `generation`; the reference is the text that follows.

    Prompt i begins at the token i (N - L) / (P - 1) of N, where L is the length of prompt and continuation and P the
    number of prompts. Raises UserError if the text is shorter than L.
    """
    options: GenerationOptions = constructor(config["generation"])()
    ids, _ = data.documents("test")
    length = task.prompt_tokens + options.max_new_tokens
    if len(ids) < length:
        raise UserError(
            f"task.prompt_tokens, generation.max_new_tokens: {task.prompt_tokens} and {options.max_new_tokens} tokens "
            f"are more than the {len(ids)} of the test text; lower them"
        )
    starts = np.linspace(0, len(ids) - length, task.num_prompts).astype(int)
    prompts = [ids[start : start + task.prompt_tokens].tolist() for start in starts]
    held_out = [ids[start + task.prompt_tokens : start + length].tolist() for start in starts]
    tokenizer = data.tokenizer
    # Unknown, padding and other special tokens are no text; the separator ends a continuation.
    barred = {*options.suppress_tokens, *tokenizer.special_ids} - {tokenizer.separator_id}
    options = replace(options, suppress_tokens=tuple(sorted(barred)))
    answers: list[Answer] = []
    for first in range(0, len(prompts), BATCH):
        made = generate(
            model,
            prompts[first : first + BATCH],
            options,
            eos_id=tokenizer.separator_id,
            pad_id=tokenizer.pad_id,
            seed=[config["seed"]["model"] + first + row for row in range(len(prompts[first : first + BATCH]))],
        )
        kept = [each for each in made if each.sequence == 0]
        answers += [Answer(tokenizer.decode(each.tokens), mean_log_probability(each)) for each in kept]
    names = [str(start) for start in starts]
    if len(set(names)) < len(names):
        names = [f"{name}-{row}" for row, name in enumerate(names)]
    references = [[text] for text in tokenizer.decode_batch(held_out)]
    return as_written(Pairs(tokenizer.decode_batch(prompts), references, names), answers)
