"""Model cards and data cards: their code runs, their figures are those of the run, and names cannot break them."""

import json
import math
import re
import subprocess
import sys

import numpy as np
import pytest
from huggingface_hub import ModelCard
from markdown_it import MarkdownIt

from interlace.export import export_run
from interlace.export.cards import write_cards
from interlace.export.figures import figures
from interlace.export.origins import origins
from tests.export.conftest import NAMES, RUNS

CODE = re.compile(r"```python\n(.*?)\n```", re.DOTALL)


def parsed(text):
    """The tokens of a Markdown text in which HTML is allowed, as on a page that trusts it."""
    tokens = MarkdownIt("commonmark", {"html": True, "linkify": False}).enable("table").parse(text)
    return [each for token in tokens for each in (token, *(token.children or ()))]


@pytest.mark.parametrize("name", RUNS)
def test_the_code_of_the_card_loads_the_export_and_predicts(name, run_of, tmp_path):
    export_run(run_of(name), tmp_path / "made")
    (code,) = CODE.findall((tmp_path / "made" / "README.md").read_text(encoding="utf-8"))
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=tmp_path / "made", capture_output=True, text=True, check=True
    )
    assert done.stdout.startswith("{'id': '1', 'prediction': ")


def test_names_cannot_break_the_cards(strange, tmp_path):
    export_run(strange, tmp_path / "made", license="cc0-1.0\n---\nlibrary_name: evil")
    for name in ("README.md", "DATA.md"):
        text = (tmp_path / "made" / name).read_text(encoding="utf-8")
        assert "alert(1)" in text  # the name is there, as text
        tokens = parsed(ModelCard(text, ignore_metadata_errors=False).text)
        assert not [each.type for each in tokens if each.type in ("html_block", "html_inline", "link_open", "image")]
        assert all(each.info == "python" for each in tokens if each.type == "fence")
        assert "big" not in {each.content for each in tokens if each.type == "inline"}
    card = ModelCard.load(tmp_path / "made" / "README.md")
    assert card.data.library_name == "interlace"
    assert card.data.license == "cc0-1.0 --- library_name: evil"
    assert set(card.data.to_dict()) == {"library_name", "license", "tags", "model-index"}
    (fence,) = [each.content for each in parsed(card.text) if each.type == "fence"]
    compile(fence, "card", "exec")


def test_a_table_has_one_row_for_each_name(strange, tmp_path):
    export_run(strange, tmp_path / "made")
    text = (tmp_path / "made" / "DATA.md").read_text(encoding="utf-8")
    rows = [line for line in text.split("\n") if line.startswith("|")]
    widths = {len(re.findall(r"(?<!\\)\|", row)) for row in rows if "alert" in row}
    assert widths == {5}
    classes = text[text.index("| class |") :].split("\n\n")[0].split("\n")[2:]
    assert len(classes) == len(NAMES)


def test_figures_are_those_of_the_run_and_intervals_those_of_a_bootstrap(run_of):
    run = run_of("classes")
    found = {each.name: each for each in figures(run)}
    expected = {name.removeprefix("test/"): value for name, value in run.metrics.items() if name.startswith("test/")}
    assert {name: each.value for name, each in found.items()} == {n: v for n, v in expected.items() if math.isfinite(v)}
    right = run.predictions["correct"].to_numpy(dtype=float)
    rng = np.random.default_rng(1)
    means = rng.choice(right, (4000, len(right))).mean(1)
    low, high = found["accuracy"].interval
    assert (low, high) == pytest.approx(np.quantile(means, [0.025, 0.975]), abs=0.05)
    assert found["f1"].interval is None  # no mean over items
    assert found["accuracy"].value == pytest.approx(right.mean(), abs=1e-6)


def test_an_absolute_error_has_an_interval(run_of):
    run = run_of("numbers")
    (mae,) = [each for each in figures(run) if each.name == "mae"]
    assert mae.interval[0] < mae.value < mae.interval[1]


def test_an_analysis_comes_into_the_card(run_of, tmp_path):
    from interlace.analysis.explain import explain_run
    from interlace.analysis.settings import Settings
    from interlace.export.about import About

    run = run_of("classes")
    _, content = explain_run(run, Settings(parts=("missing", "shapley"), draws=1, repeats=1, examples=12))
    about = About(format="safetensors", version=1, interlace="0", run={})
    write_cards(run, tmp_path, about, None)
    before = (tmp_path / "README.md").read_text(encoding="utf-8")
    assert "Not analysed. `interlace analyze RUN_DIR`" in before
    path = run.directory / "analysis.json"
    path.write_text(json.dumps(content), encoding="utf-8")
    try:
        write_cards(run, tmp_path, about, None)
    finally:
        path.unlink()
    after = (tmp_path / "README.md").read_text(encoding="utf-8")
    assert "Not analysed" not in after
    assert f"| shapley/missing/text | {content['shapley'][0]['phi']['text']:.4f} |" in after


def test_licences_are_those_of_the_sources(run_of, strange):
    assert origins(run_of("classes"))[0].title == "generated by interlace"
    assert origins(strange)[0].licence.startswith("not recorded")


def test_the_card_names_command_fingerprint_and_limits(run_of, tmp_path):
    run = run_of("classes")
    export_run(run, tmp_path / "made")
    card = (tmp_path / "made" / "README.md").read_text(encoding="utf-8")
    manifest = json.loads((run.directory / "manifest.json").read_text())
    assert manifest["data_fingerprint"] in card
    assert manifest["data_fingerprint"] in (tmp_path / "made" / "DATA.md").read_text(encoding="utf-8")
    assert "    interlace --plugin=tests train experiment=scenes fusion=concat data.num_train=48" in card
    assert "One training run (seed 0)" in card
    assert "Never missing in training: text, image, audio" in card
