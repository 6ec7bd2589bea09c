"""Small trained runs that tests of exports share."""

import json
import re

import pytest

from interlace.configuration.compose import compose
from interlace.training import train

SMALL = ["data.num_train=48", "data.num_val=24", "data.num_test=24", "trainer.max_epochs=1", "logger=none"]
RUNS = {
    "classes": ["experiment=scenes", "fusion=concat"],
    "numbers": ["experiment=scenes_sentiment", "data.target=value", "head=regression", "fusion=gated"],
    "linear": ["experiment=scenes", "fusion=null", "model=linear"],
    "vectors": ["experiment=interactions", "fusion=concat"],
    "further": [
        "experiment=scenes_sentiment",
        "fusion=sum",
        "multitask=labels",
        "multitask.labels={agreement: classification}",
    ],
}
# Names that would end a table, a heading, a block of code or the metadata, and run as HTML.
NAMES = [
    "a\n---\nlicense: mit\n---",
    "<script>alert(1)</script>",
    "b | c",
    "```\n# big",
    "[x](javascript:alert(1))",
    "*d*",
]


CODE = re.compile(r"```python\n(.*?)\n```", re.DOTALL)


@pytest.fixture
def output_of_card(monkeypatch, capsys):
    """output_of_card(folder) -> what the code of its model card prints, run in that folder."""

    def output(folder):
        (code,) = CODE.findall((folder / "README.md").read_text(encoding="utf-8"))
        monkeypatch.chdir(folder)
        capsys.readouterr()
        exec(compile(code, "README.md", "exec"), {"__name__": "card"})
        return capsys.readouterr().out

    return output


@pytest.fixture(scope="session")
def run_of(tmp_path_factory):
    """run_of(name) -> the small run of that name, trained once."""
    made = {}

    def run(name):
        if name not in made:
            folder = tmp_path_factory.mktemp(name)
            given = [*RUNS[name], *SMALL]
            made[name] = train(compose(given), outputs=folder, overrides=given, quiet=True)
        return made[name]

    return run


@pytest.fixture(scope="session")
def strange(tmp_path_factory):
    """A run whose classes and groups have names that are no plain text."""
    folder = tmp_path_factory.mktemp("strange")
    lines = [
        {"text": f"word{number % 6} of it", "label": NAMES[number % 6], "split": split, "kind": NAMES[number % 2]}
        for split in ("train", "val", "test")
        for number in range(24)
    ]
    path = folder / "data.jsonl"
    path.write_text("".join(json.dumps(line) + "\n" for line in lines), encoding="utf-8")
    given = [f"data.path={path}", "data.groups=[kind]", "fusion=sum", "trainer.max_epochs=1", "logger=none"]
    given = ["experiment=manifest", *given]
    return train(compose(given), outputs=folder, overrides=given, quiet=True)
