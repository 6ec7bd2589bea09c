"""interlace generate"""

import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from interlace.cli.arguments import Json, existing
from interlace.errors import UserError

if TYPE_CHECKING:
    from interlace.models.generation import Generated, GenerationOptions

Model = Annotated[
    Path, typer.Argument(metavar="DIR", help="A run's directory, or a Hugging Face model's folder.", callback=existing)
]
Prompts = Annotated[
    list[str] | None, typer.Option("--prompt", help="Text to continue or to answer; repeatable.", show_default=False)
]
PromptsFile = Annotated[
    Path | None, typer.Option(help='One prompt a line, or .jsonl with {"prompt": ...} lines.', show_default=False)
]
Sample = Annotated[
    bool | None,
    typer.Option("--sample/--greedy", help="Draw tokens; implied by --temperature, --top-k, --top-p and --min-p."),
]
Temperature = Annotated[float | None, typer.Option(help="Divides the logits: below 1 sharper, above 1 flatter.")]
MinP = Annotated[
    float | None, typer.Option(help="Draw among tokens with at least this share of the highest probability.")
]
EarlyStopping = Annotated[
    Literal["false", "true", "never"], typer.Option(help="End of beam search, see GenerationOptions.")
]
Window = Annotated[
    Literal["stop", "slide"], typer.Option(help="At the end of the context: stop, or drop the oldest tokens.")
]
Cache = Annotated[
    bool, typer.Option("--cache/--no-cache", help="Keep keys and values of earlier tokens; results are the same.")
]
Bos = Annotated[bool, typer.Option("--bos/--no-bos", help="Begin prompts with the token that begins documents.")]
Stops = Annotated[
    list[str] | None,
    typer.Option("--stop", help="Text that ends a continuation and is cut off; repeatable.", show_default=False),
]
Stream = Annotated[
    bool | None, typer.Option("--stream/--no-stream", help="Print text while it is generated; default: in a terminal.")
]


def generate(
    directory: Model,
    prompt: Prompts = None,
    prompts_file: PromptsFile = None,
    max_new_tokens: Annotated[int, typer.Option(min=1)] = 64,
    min_new_tokens: Annotated[int, typer.Option(min=0)] = 0,
    sample: Sample = None,
    temperature: Temperature = None,
    top_k: Annotated[int | None, typer.Option(help="Draw among the k likeliest tokens.")] = None,
    top_p: Annotated[float | None, typer.Option(help="Draw among the likeliest tokens of this mass.")] = None,
    min_p: MinP = None,
    repetition_penalty: Annotated[float, typer.Option(help="Above 1 makes tokens seen before less likely.")] = 1.0,
    no_repeat_ngram_size: Annotated[int | None, typer.Option(help="No n-gram of this size twice.")] = None,
    num_beams: Annotated[int, typer.Option(min=1, help="Hypotheses of beam search; 1: no beam search.")] = 1,
    length_penalty: Annotated[float, typer.Option(help="Beams are ranked by log p / length^penalty.")] = 1.0,
    early_stopping: EarlyStopping = "false",
    num_return_sequences: Annotated[int, typer.Option(min=1, help="Continuations of each prompt.")] = 1,
    stop: Stops = None,
    window: Window = "stop",
    truncate_prompt: Annotated[bool, typer.Option("--truncate-prompt", help="Cut the start of long prompts.")] = False,
    cache: Cache = True,
    bos: Bos = False,
    batch_size: Annotated[int, typer.Option(min=1, help="Prompts at a time; the results are the same.")] = 16,
    seed: Annotated[int, typer.Option(help="Seed of sampling; a result depends on it and its own prompt alone.")] = 0,
    stream: Stream = None,
    json: Json = False,
) -> None:
    """Continue prompts with a trained language model, or answer them with a sequence-to-sequence one."""
    texts = read_prompts(prompt, prompts_file)
    drawn = any(value is not None for value in (temperature, top_k, top_p, min_p))
    from interlace.models.generation import GenerationOptions

    options = GenerationOptions(
        max_new_tokens=max_new_tokens, min_new_tokens=min_new_tokens, sample=drawn if sample is None else sample,
        temperature=1.0 if temperature is None else temperature, top_k=top_k, top_p=top_p, min_p=min_p,
        repetition_penalty=repetition_penalty, no_repeat_ngram_size=no_repeat_ngram_size, num_beams=num_beams,
        length_penalty=length_penalty,
        early_stopping="never" if early_stopping == "never" else early_stopping == "true",
        num_return_sequences=num_return_sequences, use_cache=cache, window=window, truncate_prompt=truncate_prompt,
        stop_texts=tuple(stop or ()),
    )  # fmt: skip
    streamed = _streamed(stream, json, texts, options)
    write(directory, texts, options, bos=bos, batch_size=batch_size, seed=seed, streamed=streamed, json=json)


def read_prompts(given: Sequence[str] | None, file: Path | None) -> list[str]:
    """The prompts of the command line and of a file; UserError when there is none or the file cannot be read."""
    texts = list(given or [])
    if file is not None:
        texts += list(_prompts_in(file))
    if not texts:
        raise UserError('generate: no prompt; add --prompt TEXT (--prompt "" begins a new document) or --prompts-file')
    return texts


def _prompts_in(file: Path) -> Iterator[str]:
    from interlace.reading.documents import parse_json
    from interlace.reading.files import read_bytes
    from interlace.reading.lines import text_lines

    try:
        lines = text_lines(read_bytes(file), file)
    except OSError as error:
        raise UserError(f"{file}: cannot read prompts ({error.strerror or error})") from None
    for number, line in enumerate(lines, 1):
        if file.suffix != ".jsonl":
            yield line
            continue
        try:
            record = parse_json(line, f"{file}:{number}")
        except ValueError:
            record = None
        if not isinstance(record, dict) or not isinstance(record.get("prompt"), str):
            raise UserError(f'{file}:{number}: expected {{"prompt": "TEXT"}}, got {line[:60]!r}')
        yield record["prompt"]


def _streamed(stream: bool | None, json: bool, texts: Sequence[str], options: "GenerationOptions") -> bool:
    """True where text is printed while it is generated: one prompt, one continuation."""
    single = len(texts) == 1 and options.num_return_sequences == 1 and options.num_beams == 1 and not json
    if stream and not single:
        raise UserError("--stream: one prompt with one continuation can be streamed, without beams and --json")
    return single and sys.stdout.isatty() if stream is None else stream


def write(
    directory: Path,
    texts: Sequence[str],
    options: "GenerationOptions",
    *,
    bos: bool,
    batch_size: int,
    seed: int,
    streamed: bool,
    json: bool,
) -> None:
    """Generates batch by batch, and prints each batch as soon as it is finished."""
    from interlace.assembly.prompts import encode_prompt, is_seq2seq, without_padding_rows
    from interlace.models import generation
    from interlace.pretrained import parents

    model, tokenizer = parents.load_with_tokenizer(directory)
    options = without_padding_rows(options, model, tokenizer)
    answers = is_seq2seq(model)
    several = len(texts) * options.num_return_sequences > 1
    if streamed and not answers:
        print(texts[0], end="", flush=True)
    for start in range(0, len(texts), batch_size):
        batch = texts[start : start + batch_size]
        results = generation.generate(
            model,
            [encode_prompt(text, model, tokenizer, bos=bos) for text in batch],
            options,
            eos_id=tokenizer.separator_id,
            pad_id=tokenizer.pad_id,
            seed=seed,
            decode=tokenizer.decode,
            on_token=(lambda piece: print(piece.text, end="", flush=True)) if streamed else None,
        )
        for result in results:
            _show(result, batch[result.prompt], start + result.prompt, answers, several, streamed, json)


def _show(
    result: "Generated", prompt: str, number: int, answers: bool, several: bool, streamed: bool, json: bool
) -> None:
    if json:
        import json as encoder

        record = {**vars(result), "prompt": number, "prompt_text": prompt}
        print(encoder.dumps(record, ensure_ascii=False), flush=True)
    elif streamed:
        print()
    else:
        if several:
            print(f"--- prompt {number + 1}, continuation {result.sequence + 1} ({result.reason})")
        print(result.text if answers else prompt + (result.text or ""), flush=True)
