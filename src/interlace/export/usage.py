"""Python that loads an export and predicts one example, for its model card."""

import json
from typing import Any

from interlace.configuration.checking import resolve_target
from interlace.data.parallel.datamodule import ParallelText
from interlace.data.reading_comprehension import ReadingComprehension
from interlace.data.sequences import SequenceTokenizer
from interlace.export.about import Format
from interlace.runs import Run
from interlace.tokens import ModalitySpec

TEXT = "what is it ?"
FILES = {"video": "example.mp4", "graph": "example.npz"}


def usage(run: Run, format: Format, encoder: str | None) -> str:
    """Return code that loads the export in the working directory and prints one prediction, or the shape of the tokens
    of an encoder."""
    if format == "huggingface":
        return (
            "from interlace.pretrained import load, load_tokenizer\n\n"
            'model, tokenizer = load("."), load_tokenizer(".")  # the folder of this file\n'
            "print(model.family, len(tokenizer))"
        )
    if not (run.classifies or run.writes or _answers_texts(run)):
        return (
            "from interlace.export import load\n\n"
            'run = load(".")  # the folder of this file\n'
            "print(run.language_model().family, len(run.tokenizer()))"
        )
    arguments, needs_numpy = _arguments(run, encoder)
    head = "import numpy as np\n\n" if needs_numpy else ""
    option = ", trusted=True" if format == "torch_export" else ""
    return (
        f"{head}from interlace.export import load\n\n"
        f'model = load("."{option})  # the folder of this file\n'
        f"answers = model.{'predict' if encoder is None else 'encode'}({arguments})\n"
        f"print(answers[0]{'' if encoder is None else '.shape'})"
    )


def _answers_texts(run: Run) -> bool:
    """Return True for a run that writes texts for texts or messages."""
    return issubclass(resolve_target("data", run.config["data"]), ParallelText)


def _arguments(run: Run, encoder: str | None) -> tuple[str, bool]:
    """Return the arguments of `predict` for one example (`encoder`: of that modality alone), and whether they use
    numpy."""
    if not (run.classifies or run.writes):
        return _records({"messages": [{"role": "user", "content": TEXT}]} if run.converses else {"text": TEXT}), False
    data = run.data_for_prediction()
    if issubclass(resolve_target("data", run.config["data"]), ReadingComprehension):
        return _records({"question": TEXT, "context": "It is a sentence ."}), False
    record: dict[str, str] = {}
    for name, spec in data.modalities.items():
        if encoder not in (None, name):
            continue
        tokenizer = data.tokenizers.get(name)
        if isinstance(tokenizer, SequenceTokenizer):
            record |= {column: _literal(TEXT) for column in tokenizer.columns}
        elif name not in data.copies:
            record[name] = _value(spec)
    readable = {name: value for name, value in record.items() if not value.startswith('"example.')} or record
    if all(value.startswith('"') for value in readable.values()):
        return "[{" + ", ".join(f"{_literal(name)}: {value}" for name, value in readable.items()) + "}]", False
    given = ", ".join(f"{_literal(name)}: {value}" for name, value in readable.items())
    return f"**{{{given}}}", any("np." in value for value in readable.values())


def _value(spec: ModalitySpec) -> str:
    if spec.kind == "text":
        return _literal(TEXT)
    if spec.kind == "image":
        channels, height, width = spec.shape
        return f"np.zeros(({height}, {width}{', 3' if channels == 3 else ''}), np.uint8)"
    if spec.kind == "audio":
        return f"np.zeros({spec.shape[0]}, np.float32)"
    if spec.kind == "features":
        return f"[[[0.0] * {spec.shape[1]}]]"
    return _literal(FILES[spec.kind])


def _records(record: dict[str, Any]) -> str:
    return f"[{json.dumps(record)}]"


def _literal(text: str) -> str:
    """Return a text as a literal that cannot end the block of code around it."""
    return json.dumps(text).replace("`", "\\u0060")
