"""The generate verb, on a tiny model with a byte tokenizer."""

import json
from pathlib import Path

import pytest
import torch
import typer
from typer.testing import CliRunner

from interlace.cli.generate import generate
from interlace.data.tokenizers import TextTokenizer, builder_of
from interlace.errors import UserError
from interlace.models import generation
from interlace.models.generation import GenerationOptions
from tests.models.generation.models import TinyAnswerer, TinyCausal, tiny


@pytest.fixture
def tokenizer() -> TextTokenizer:
    return builder_of("byte").build(iter(()))


@pytest.fixture(params=[TinyCausal])
def model(request: pytest.FixtureRequest, tokenizer: TextTokenizer, monkeypatch: pytest.MonkeyPatch) -> TinyCausal:
    """What load_with_tokenizer finds, with three rows of padding in its vocabulary that it likes best of all."""
    model = tiny(request.param, vocabulary_size=len(tokenizer) + 3, max_length=None)
    with torch.no_grad():
        model.output.bias[-3:] += 99
    monkeypatch.setattr("interlace.pretrained.parents.load_with_tokenizer", lambda directory: (model, tokenizer))
    return model


def run(*arguments: str) -> str:
    app = typer.Typer()
    app.command()(generate)
    result = CliRunner().invoke(app, [".", *arguments], catch_exceptions=True)
    if result.exception is not None and not isinstance(result.exception, SystemExit):
        raise result.exception
    assert result.exit_code == 0, result.output
    return result.output


def expected(model: TinyCausal, tokenizer: TextTokenizer, prompt: str, **options: object) -> str:
    [result] = generation.generate(
        model,  # type: ignore[arg-type]
        [tokenizer.encode(prompt)],
        GenerationOptions(suppress_tokens=tuple(range(len(tokenizer), model.vocabulary_size)), **options),  # type: ignore[arg-type]
        eos_id=tokenizer.eos_id,
        decode=tokenizer.decode,
    )
    assert result.text is not None
    return result.text


def test_plain_text_is_prompt_and_continuation(model: TinyCausal, tokenizer: TextTokenizer) -> None:
    text = expected(model, tokenizer, "Hello", max_new_tokens=9)
    assert run("--prompt", "Hello", "--max-new-tokens", "9") == f"Hello{text}\n"
    assert run("--prompt", "Hello", "--max-new-tokens", "9", "--stream") == f"Hello{text}\n"
    assert run("--prompt", "Hello", "--max-new-tokens", "9", "--no-cache") == f"Hello{text}\n"


def test_options_reach_generation(model: TinyCausal, tokenizer: TextTokenizer) -> None:
    """Sampling options imply sampling, and the batch size changes nothing."""
    given = {"top_k": 40, "temperature": 2.0, "repetition_penalty": 1.2, "max_new_tokens": 9}
    flags = [f"--{name.replace('_', '-')}={value}" for name, value in given.items()]
    texts = ["one", "two", "three"]
    prompts = [argument for text in texts for argument in ("--prompt", text)]
    out = [json.loads(line) for line in run(*prompts, *flags, "--json", "--batch-size=2").splitlines()]
    assert [record["text"] for record in out] == [
        expected(model, tokenizer, text, sample=True, **given) for text in texts
    ]
    assert [record["prompt"] for record in out] == [0, 1, 2]
    assert [record["prompt_text"] for record in out] == texts
    assert {"tokens", "reason", "log_probability", "score", "sequence"} <= set(out[0])
    assert out[0]["text"] != json.loads(run(*prompts, *flags, "--json", "--seed=1").splitlines()[0])["text"]


def test_several_are_told_apart(model: TinyCausal) -> None:
    lines = run("--prompt", "a", "--num-beams=3", "--num-return-sequences=2", "--max-new-tokens=3").split("--- ")
    assert [line.split("(")[0] for line in lines[1:]] == ["prompt 1, continuation 1 ", "prompt 1, continuation 2 "]


def test_prompts_from_files(model: TinyCausal, tmp_path: Path) -> None:
    plain, records = tmp_path / "prompts.txt", tmp_path / "prompts.jsonl"
    plain.write_text("one\ntwo\n")
    records.write_text('{"prompt": "one"}\n{"prompt": "two"}\n')
    outputs = {run("--prompts-file", str(file), "--json", "--max-new-tokens=4") for file in (plain, records)}
    assert len(outputs) == 1
    records.write_text('{"prompt": "one"}\n{"text": "two"}\n')
    with pytest.raises(UserError, match=r"prompts\.jsonl:2: expected"):
        run("--prompts-file", str(records))
    with pytest.raises(UserError, match="cannot read prompts"):
        run("--prompts-file", str(tmp_path / "absent"))


def test_an_empty_prompt_begins_a_document(model: TinyCausal, tokenizer: TextTokenizer) -> None:
    run("--prompt", "", "--max-new-tokens=2")
    assert model.passes[0] == (1, 1)
    model.passes.clear()
    run("--prompt", "ab", "--bos", "--max-new-tokens=2")
    assert model.passes[0] == (1, 3)


@pytest.mark.parametrize("model", [TinyAnswerer], indirect=True)
def test_answers_come_without_their_prompt(model: TinyAnswerer, tokenizer: TextTokenizer) -> None:
    [record] = [json.loads(line) for line in run("--prompt", "Hello", "--json", "--max-new-tokens=5").splitlines()]
    assert run("--prompt", "Hello", "--max-new-tokens=5") == f"{record['text']}\n"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ([], "no prompt; add --prompt TEXT"),
        (["--prompt", "a", "--prompt", "b", "--stream"], "one prompt with one continuation can be streamed"),
        (["--prompt", "a", "--temperature", "0"], "generation.temperature: got 0.0"),
        (["--prompt", "a", "--top-k", "3", "--greedy"], "has no effect without sampling"),
    ],
)
def test_wrong_usage_is_a_sentence(model: TinyCausal, arguments: list[str], message: str) -> None:
    with pytest.raises(UserError, match=message):
        run(*arguments)
