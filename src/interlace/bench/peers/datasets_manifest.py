"""A manifest of texts and feature vectors to batches with Hugging Face datasets and torch's DataLoader."""

import argparse
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Literal, get_args

import numpy as np

from interlace.bench.measuring import reporting

Work = Literal["prepare", "batches"]
BATCH_SIZE = 64


def measure(*, manifest: Path, work: Work, scratch: Path, processes: int) -> dict[str, Any]:
    """Measure the seconds from the file to a data set of word ids (loading, counting of training words, `map`), or of
    one shuffled pass of padded training batches after that."""
    import datasets
    import torch

    datasets.disable_progress_bars()
    start = time.perf_counter()
    rows = datasets.load_dataset("json", data_files=str(manifest), split="train", cache_dir=str(scratch))
    training = rows.filter(lambda names: [name == "train" for name in names], batched=True, input_columns=["split"])
    encoder = _tokenizer(batch["text"] for batch in training.iter(batch_size=1000))
    classes = {name: index for index, name in enumerate(sorted(rows.unique("label")))}

    def encode(batch: Mapping[str, Sequence[Any]]) -> dict[str, Any]:
        encoded = encoder.encode_batch_fast(batch["text"], add_special_tokens=False)
        return {"ids": [each.ids for each in encoded], "class": [classes[name] for name in batch["label"]]}

    coded = rows.map(encode, batched=True, num_proc=processes)
    seconds = time.perf_counter() - start
    if work == "prepare":
        return {"value": seconds, "examples": len(coded), "processes": processes}
    training = coded.filter(lambda names: [n == "train" for n in names], batched=True, input_columns=["split"])
    columns = ["ids", "features", "class"]
    loader = torch.utils.data.DataLoader(
        training.with_format("numpy", columns=columns), batch_size=BATCH_SIZE, shuffle=True, collate_fn=_collated,
        generator=torch.Generator().manual_seed(0),
    )  # fmt: skip
    start = time.perf_counter()
    tokens = sum(int(batch["length"].sum()) for batch in loader)
    return {"value": time.perf_counter() - start, "examples": len(training), "tokens": tokens}


def _tokenizer(texts: Any) -> Any:
    """Return a tokenizer of lower-cased words and punctuation marks, like Interlace's default."""
    from tokenizers import Tokenizer
    from tokenizers.models import WordLevel
    from tokenizers.normalizers import NFC, Lowercase, Sequence
    from tokenizers.pre_tokenizers import BertPreTokenizer
    from tokenizers.trainers import WordLevelTrainer

    tokenizer = Tokenizer(WordLevel({"[PAD]": 0, "[UNK]": 1}, unk_token="[UNK]"))
    tokenizer.normalizer = Sequence([NFC(), Lowercase()])
    tokenizer.pre_tokenizer = BertPreTokenizer()
    trainer = WordLevelTrainer(vocab_size=30_002, special_tokens=["[PAD]", "[UNK]"], show_progress=False)
    tokenizer.train_from_iterator(texts, trainer)
    return tokenizer


def _collated(rows: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Return ids padded to the longest of the batch with their lengths, and stacked features and classes."""
    import torch

    length = np.array([len(row["ids"]) for row in rows])
    ids = np.zeros((len(rows), length.max()), dtype=np.int64)
    for index, row in enumerate(rows):
        ids[index, : length[index]] = row["ids"]
    features = np.stack([row["features"] for row in rows]).astype(np.float32)
    arrays = {"ids": ids, "length": length, "features": features, "class": np.array([row["class"] for row in rows])}
    return {name: torch.from_numpy(array) for name, array in arrays.items()}


def main() -> None:
    """The command line of this module."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("manifest", type=Path)
    parser.add_argument("--work", choices=get_args(Work), required=True)
    parser.add_argument("--scratch", type=Path, required=True)
    parser.add_argument("--processes", type=int, default=2)
    with reporting() as figures:
        figures.update(measure(**vars(parser.parse_args())))


if __name__ == "__main__":
    main()
