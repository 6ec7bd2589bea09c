"""A small BEIR folder whose questions are found by one word of their passage."""

import numpy as np

from interlace.data.passages.beir import write_beir
from interlace.data.passages.collection import Collection, Queries


def small_collection(number=40, seed=0):
    """`number` passages of 12 words, of which the last names it, and a question for each that shares two words."""
    draw = np.random.default_rng(seed)
    words = [f"{a}{b}{c}" for a in "bdfgk" for b in "aeiou" for c in "lmnrst"]
    texts = [" ".join([*draw.choice(words, 11), f"name{i}x"]) for i in range(number)]
    collection = Collection([f"p{i}" for i in range(number)], [f"Title {i % 3}" for i in range(number)], texts)
    splits = {"train": Queries(), "val": Queries(), "test": Queries()}
    for row in range(number):
        split = ("train", "train", "val", "test")[row % 4]
        spoken = texts[row].split()
        splits[split].add(f"q{row}", f"which {spoken[3]} {spoken[7]}", {row: 1}, f"c{row % 5}", [spoken[11]])
    return collection, splits


def small_beir(folder, number=40):
    """Writes the collection as BEIR's files and returns the folder."""
    collection, splits = small_collection(number)
    write_beir(folder, collection, splits)
    return folder
