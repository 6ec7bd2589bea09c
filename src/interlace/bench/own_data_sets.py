"""Six small data sets written as manifests, and the accuracy of simple models on them."""

import hashlib
import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from interlace.bench import own_data
from interlace.configuration.compose import compose
from interlace.configuration.spelling import spelled
from interlace.data.sources import find

Record = dict[str, Any]
TRAIN, VAL, TEST = 1000, 200, 1000  # maximum number of examples of each split


def write_manifest(folder: Path, records: list[Record]) -> Path:
    """Write `manifest.jsonl` to a folder and return its path."""
    path = folder / "manifest.jsonl"
    lines = [json.dumps(record, ensure_ascii=False) + "\n" for record in records]
    path.write_text("".join(lines), encoding="utf-8")
    return path


def sst2(folder: Path) -> Path:
    """Write sentences of film reviews, negative or positive: the first ones of each split."""
    records = []
    for file, split, most in (("train", "train", TRAIN), ("dev", "val", VAL), ("test", "test", TEST)):
        lines = (find("sst2") / f"{file}.tsv").read_text(encoding="utf-8").splitlines()[:most]
        for number, line in enumerate(lines):
            text, label = line.rsplit("\t", 1)
            records.append({"id": f"{split}-{number}", "split": split, "text": text, "label": label})
    return write_manifest(folder, records)


def fsdd(folder: Path) -> Path:
    """Write spoken digits: of each speaker and digit the official five for test, the next three for validation."""
    source = find("fsdd") / "recordings"
    (folder / "sounds").mkdir()
    records = []
    for path in sorted(source.glob("*.wav")):
        digit, speaker, number = path.stem.split("_")
        if int(number) >= 24:
            continue
        split = "test" if int(number) < 5 else "val" if int(number) < 8 else "train"
        shutil.copyfile(path, folder / "sounds" / path.name)
        record = {"id": path.stem, "split": split, "audio": f"sounds/{path.name}", "label": digit, "speaker": speaker}
        records.append(record)
    return write_manifest(folder, records)


def mnist(folder: Path) -> Path:
    """Write handwritten digits: the first ones of the training and of the test set."""
    from PIL import Image

    from interlace.data.av_digits.originals import read_mnist

    (folder / "pictures").mkdir()
    records = []
    for part, splits in (("train", ["train"] * TRAIN + ["val"] * VAL), ("t10k", ["test"] * TEST)):
        images, labels = read_mnist(find("mnist"), part)
        for number, split in enumerate(splits):
            name = f"pictures/{part}-{number}.png"
            Image.fromarray(images[number]).save(folder / name)
            records.append({"id": f"{part}-{number}", "split": split, "image": name, "label": str(labels[number])})
    return write_manifest(folder, records)


def tux_stamps(folder: Path) -> Path:
    """Write drawings and photographs with a sentence, for categories of at least 20 stamps, split by sentence."""
    source = find("tux-stamps")
    (folder / "pictures").mkdir()
    records = []
    for path in sorted((source / "stamps").rglob("*.txt")):
        picture = path.with_suffix(".png")
        if not picture.exists():
            continue
        name = str(picture.relative_to(source / "stamps"))
        text = path.read_text(encoding="utf-8").splitlines()[0].strip()
        percentile = int(hashlib.sha256(text.encode()).hexdigest(), 16) % 100
        split = "test" if percentile < 30 else "val" if percentile < 42 else "train"
        flat = name.replace("/", "-")
        shutil.copyfile(picture, folder / "pictures" / flat)
        record = {"id": name, "split": split, "text": text, "image": f"pictures/{flat}", "label": name.split("/")[0]}
        records.append(record)
    counts = {label: sum(r["label"] == label for r in records) for label in {r["label"] for r in records}}
    return write_manifest(folder, [record for record in records if counts[record["label"]] >= 20])


def emoji(folder: Path) -> Path:
    """Write drawings of emoji with their English name, labelled by Unicode group, in the splits of the data set."""
    from interlace.data.noto_emoji.reading import read_emoji

    source = find("noto-emoji-captions")
    (folder / "pictures").mkdir()
    records = []
    for each in read_emoji(source / "captions.jsonl"):
        name = f"pictures/{Path(each.image).name}"
        shutil.copyfile(source / each.image, folder / name)
        record = {"id": each.stem, "split": each.split, "text": each.names["en"], "image": name, "label": each.category}
        records.append(record)
    return write_manifest(folder, records)


def features(folder: Path) -> Path:
    """Write three feature sequences with a linear signal, of the size of CMU-MOSI."""
    return own_data.make(folder, 20)


SETS: dict[str, Callable[[Path], Path]] = {
    "sst2": sst2, "fsdd": fsdd, "mnist": mnist, "tux_stamps": tux_stamps, "emoji": emoji, "features": features,
}  # fmt: skip


def simple_figure(path: Path) -> dict[str, Any]:
    """Return the test accuracy of a support vector machine with a Gaussian kernel on the inputs of `model=linear`.

    The inputs are TF-IDF of words and word pairs, and pooled vectors with columns standardised or scaled to a maximum
    absolute value of one; the scaling, C and the kernel width are selected by validation accuracy.
    """
    from scipy import sparse
    from sklearn.feature_extraction.text import TfidfVectorizer
    from sklearn.preprocessing import MaxAbsScaler, StandardScaler
    from sklearn.svm import SVC

    from interlace.assembly.classical import ClassicalExperiment

    config = compose(["experiment=manifest", "model=linear", "fusion=null", spelled("data.path", str(path))])
    experiment = ClassicalExperiment(config)
    parts = experiment.data.splits
    inputs = {name: experiment.inputs(split) for name, split in parts.items()}
    words = {m: TfidfVectorizer(ngram_range=(1, 2)).fit(texts) for m, texts in inputs["train"].texts.items()}
    best: dict[str, Any] = {"val": -1.0}
    for kind in (StandardScaler, MaxAbsScaler) if inputs["train"].vectors.shape[1] else (None,):
        scaler = kind and kind().fit(inputs["train"].vectors)
        x = {}
        for name, each in inputs.items():
            columns = [words[m].transform(texts) for m, texts in each.texts.items()]
            if scaler is not None:
                columns.append(sparse.csr_matrix(scaler.transform(each.vectors)))
                if name == "train":
                    length = np.sqrt(columns[-1].power(2).sum(1).mean())
                columns[-1] /= length  # root mean square norm 1, as texts have
            x[name] = sparse.hstack(columns).tocsr()
        for gamma in (0.03, 0.1, 0.3, 1.0, 3.0, 10.0):
            for c in (1.0, 10.0, 100.0):
                model = SVC(C=c, gamma=gamma).fit(x["train"], parts["train"].labels)
                found = float(model.score(x["val"], parts["val"].labels))
                if found > best["val"]:
                    test = float(model.score(x["test"], parts["test"].labels))
                    best = {"val": found, "test": test, "C": c, "gamma": gamma}
    return best
