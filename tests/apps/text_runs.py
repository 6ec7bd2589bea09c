"""Small runs of each kind that writes texts, trained for a few steps."""

import json
from pathlib import Path

from interlace.configuration.compose import compose
from interlace.runs import Run
from interlace.training import train

COMMON = ["logger=none", "trainer=cpu", "trainer.threads=1", "trainer.max_epochs=1"]
SMALL = ["model.dim=32", "model.num_layers=1", "model.num_heads=2", "model.feed_forward_dim=64"]
CORPUS = ["data.name=null", "data.block_length=32", "data.batch_size=4"]
PAIRS = [
    *SMALL,
    "model.head_dim=16",
    "model.num_decoder_layers=1",
    "data.batch_size=8",
    "model=t5_v1_1",
    "tokenizer=byte",
]
RUNS = {
    "gpt": ["experiment=pretrain/gpt", *SMALL, *CORPUS, "tokenizer.vocabulary_size=300", "trainer.steps_per_epoch=6"],
    "lstm": ["experiment=pretrain/lstm", "model.dim=32", *CORPUS, "tokenizer=byte", "trainer.steps_per_epoch=4"],
    "bert": ["experiment=pretrain/bert", *SMALL, *CORPUS, "tokenizer.vocabulary_size=300", "trainer.steps_per_epoch=2"],
    "ngram": ["experiment=pretrain/ngram", "data.name=null", "tokenizer=bpe", "tokenizer.vocabulary_size=300"],
    "dialogue": [
        "experiment=dialogue/taskmaster4", "data=dialogues", *SMALL, "data.batch_size=8", "tokenizer=byte",
        "task=dialogue", "task.num_candidates=3", "generation.max_new_tokens=12", "trainer.steps_per_epoch=6",
    ],
    "languages": [
        "experiment=finetune/multi30k_many", "data=multilingual_text", "data.pairs=[en-de, en-fr]", *PAIRS,
        "generation.max_new_tokens=16", "trainer.steps_per_epoch=6",
    ],
    "beams": [
        "experiment=finetune/multi30k", "data=parallel_text", *PAIRS, "generation=beam", "generation.num_beams=2",
        "generation.max_new_tokens=8", "trainer.steps_per_epoch=4",
    ],
    "wait_k": [
        "experiment=finetune/multi30k_streaming", "data=parallel_text", *PAIRS, "objective.lags=[1, 3]",
        "generation.lags=[1, null]", "generation.max_new_tokens=16", "trainer.steps_per_epoch=6",
    ],
    "correction": ["experiment=correction/noisy_channel", "data.name=null", "data.language=en"],
    "summaries": [
        "experiment=summaries/extractive", "data=parallel_text", "data.source=text", "data.target=summary",
        "model=lead", "model.max_sentences=[1]", "model.max_words=[null]", "model.unit=sentence",
    ],
}  # fmt: skip
WORDS = {"en": ["the", "dog", "sees", "a", "red", "cat"], "de": ["der", "Hund", "sieht", "eine", "rote", "Katze"],
         "fr": ["le", "chien", "voit", "un", "chat", "rouge"]}  # fmt: skip


def write_data(folder: Path) -> None:
    """Write a text, pairs in three languages, summaries and conversations."""
    for split, count in (("train", 40), ("val", 8), ("test", 8)):
        for language, words in WORDS.items():
            lines = [" ".join(words[(row * i + i) % len(words)] for i in range(1, 3 + row % 4)) for row in range(count)]
            (folder / f"{split}.{language}").write_text("\n".join(lines) + "\n")
        asked = ["a mocha", "a latte", "a tea"]
        messages = [{"messages": [{"role": "user", "content": asked[row % 3]},
                                  {"role": "assistant", "content": f"what size of {asked[row % 3]}?"}]}
                    for row in range(count)]  # fmt: skip
        (folder / "talk").mkdir(exist_ok=True)
        (folder / "talk" / f"{split}.jsonl").write_text("".join(json.dumps(each) + "\n" for each in messages))
        told = [
            {"text": f"Bob leaves at {row}. Ann stays.", "summary": f"Bob leaves at {row}."} for row in range(count)
        ]
        (folder / "notes").mkdir(exist_ok=True)
        (folder / "notes" / f"{split}.jsonl").write_text("".join(json.dumps(each) + "\n" for each in told))
    (folder / "text.txt").write_text(
        "\n".join(" ".join(WORDS["en"][(i * j) % 6] for j in range(12)) for i in range(200))
    )


def train_text_run(name: str, folder: Path, outputs: Path) -> Run:
    """Train one of `RUNS` on the data of `write_data`."""
    if name in ("gpt", "lstm", "bert", "ngram"):
        given = [f"data.train=[{folder / 'text.txt'}]"]
    else:
        given = [f"data.path={folder / {'dialogue': 'talk', 'summaries': 'notes'}.get(name, '')}"]
    if name in ("beams", "wait_k"):
        given += ["data.source=en", "data.target=de"]
    common = ["logger=none"] if name in ("correction", "summaries", "ngram") else COMMON
    return train(compose([*RUNS[name], *common, *given]), outputs=outputs, quiet=True)
