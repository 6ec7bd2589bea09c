"""Every choice of every group on four recipes: a run, or one sentence about what does not go together.

INTERLACE_FUZZ_SECONDS=3600 INTERLACE_FUZZ_SEED=7 pytest -n 0 -s tests/acceptance/test_choices.py
"""

import json
import os
import random
import re
import time

import pytest

import interlace
from interlace.configuration.names import choices, conf_file, groups
from interlace.errors import RunFailure, UserError

SECONDS = float(os.environ.get("INTERLACE_FUZZ_SECONDS", "10"))
SEED = int(os.environ.get("INTERLACE_FUZZ_SEED", "0"))
WRAPPED = re.compile(r"\b\w*(Error|Exception)\b|traceback is in|object has no attribute|is not callable")
# Data that are downloaded: composed only.
FETCHED = ("av_digits", "glue", "multi30k", "noto_emoji_captions", "sst2", "taskmaster4")
SEVERAL = ("ddp", "ddp_cpu", "fsdp", "multinode")  # processes of their own
FAST = [
    "trainer.max_epochs=1",
    *(f"trainer.limit_{split}_batches=1" for split in ("train", "val", "test")),
    "logger=none",
    "trainer.threads=1",
]
SMALL = ["data.num_train=64", "data.num_val=64", "data.num_test=64"]
PARTS = ("objective", "model", "head", "fusion", "decoder", "data", "tokenizer")


def overrides():
    """All single choices, and null, of all groups, shuffled by the seed; those of a model's parts are drawn first."""
    known = sorted(groups())
    known = [group for group in known if not group.startswith("experiment") and group != "logger"]
    own = {group: [name for name in choices(group) if conf_file(group, name).package is None] for group in known}
    pairs = [(group, name) for group in known for name in [*own[group], "null"] if name not in SEVERAL]
    random.Random(f"{SEED} choices").shuffle(pairs)
    return sorted(pairs, key=lambda pair: pair[0] not in PARTS and not pair[0].startswith("encoder/"))


@pytest.fixture(scope="module")
def recipes(tmp_path_factory):
    folder = tmp_path_factory.mktemp("recipes")
    draw = random.Random(0)
    texts = [" ".join(draw.choices(["the", "cat", "sat", "on", "a", "mat", "dog", "ran"], k=8)) for _ in range(300)]
    lines = [json.dumps({"text": text, "label": "yes" if "cat" in text else "no"}) for text in texts[:80]]
    (folder / "m.jsonl").write_text("\n".join(lines))
    (folder / "text.txt").write_text("\n".join(texts))
    corpus = ["data.name=null", f"data.train=[{folder / 'text.txt'}]", "data.block_length=32", "data.batch_size=8"]
    return {
        "scenes": SMALL,
        "interactions": SMALL,
        "pretrain/gpt": [*corpus, "tokenizer=char", "model.dim=32", "model.num_layers=1"],
        "manifest": [f"data.path={folder / 'm.jsonl'}"],
    }


def told(given, outputs, *, trained):
    """What is answered to these choices: None where they make a run."""
    try:
        config = interlace.compose(given)
        if trained:
            interlace.train(config, outputs=outputs, quiet=True)
    except (UserError, RunFailure) as error:
        return str(error)
    return None


def test_each_choice_makes_a_run_or_is_answered_in_one_sentence(recipes, tmp_path):
    until, count = time.process_time() + SECONDS, 0
    for group, name in overrides():
        for recipe, options in recipes.items():
            if time.process_time() > until and count:
                break
            count += 1
            if group in ("data", "model"):  # whose options another choice does not have
                options = [option for option in options if not option.startswith(f"{group}.")]
            given = [f"experiment={recipe}", *FAST, *options, f"{group}={name}"]
            answer = told(given, tmp_path / str(count), trained=group != "data" and name not in FETCHED)
            assert answer is None or (not WRAPPED.search(answer) and "\n" not in answer), (given, answer)
    print(f"\n{count} of {4 * len(overrides())} choices, seed {SEED}")
    assert count
