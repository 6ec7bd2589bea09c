"""The report folder of a fabricated study: files, figures, missing runs, odd studies."""

import json
import re
from html.parser import HTMLParser
from xml.etree import ElementTree

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from interlace.errors import UserError
from interlace.report import svg
from interlace.report.results import PlannedRun, load_runs
from interlace.statistics.summary import summarize
from tests.report.fabricated_study import CODE, GROUPS, fabricate, fail

FIGURES = {"comparison", "groups", "curves", "cost", "confusion"}


def test_every_file_of_the_contract_is_there(built):
    assert {path.name for path in built.iterdir()} == {
        "index.html", "results.csv", "items.parquet", "summary.json", "table.md", "table.tex", "figures",
    }  # fmt: skip
    names = {path.name for path in (built / "figures").iterdir()}
    assert names == {f"{name}.{suffix}" for name in FIGURES for suffix in ("svg", "png", "pdf")}
    assert [path.name for path in built.parent.iterdir() if path.name.startswith(".")] == []


def test_results_csv_has_one_row_a_run(built, study):
    table = pd.read_csv(built / "results.csv")
    assert len(table) == len(study[1]) == 16
    assert list(table.columns[:4]) == ["study", "arm", "factors", "seed"]
    ends = ["parameters", "flops", "seconds", "peak_memory_mb", "status", "run_dir", "num_test"]
    assert list(table.columns[-7:]) == ends
    assert {"test/accuracy", "test/accuracy/both", "test/loss"} <= set(table.columns)
    assert table["status"].value_counts().to_dict() == {"done": 14, "failed": 1, "pending": 1}
    assert table.loc[table["status"] != "done", "test/accuracy"].isna().all()


def test_summary_json_repeats_the_statistics(built, study):
    summary = json.loads((built / "summary.json").read_text())
    expected = summarize(load_runs(study[1], CODE).table, "test/accuracy", "max", "concat")
    for arm, row in expected.iterrows():
        entry = summary[arm]["test/accuracy"]
        assert entry["n"] == row["n"]
        assert entry["mean"] == pytest.approx(row["mean"])
        assert entry["ci95"] == pytest.approx([row["ci_low"], row["ci_high"]])
    assert summary["concat"]["test/accuracy"]["difference"] is None
    assert summary["attention"]["test/accuracy"]["p_adjusted"] == pytest.approx(expected.loc["attention", "p_adjusted"])
    assert summary["attention"]["test/accuracy/both"]["difference"] > 0.3
    assert set(summary["attention"]) == {"test/accuracy", "test/loss", *(f"test/accuracy/{g}" for g in GROUPS)}


def test_figures_are_pictures(built):
    for path in (built / "figures").glob("*.svg"):
        assert ElementTree.parse(path).getroot().tag.endswith("svg")
    for path in (built / "figures").glob("*.png"):
        with Image.open(path) as image:
            assert image.convert("RGB").getpixel((1, 1)) == (255, 255, 255)
            assert len(image.convert("L").getcolors(256)) > 20


def test_figures_for_papers_are_as_wide_as_a_column_with_fonts_that_publishers_take(built):
    found = list((built / "figures").glob("*.pdf"))
    assert {path.stem for path in found} == FIGURES
    for path in found:
        content = path.read_bytes()
        widths = [float(width) for width in re.findall(rb"/MediaBox \[ ?0 0 ([\d.]+)", content)]
        assert widths == [pytest.approx(3.25 * 72)] if path.stem != "confusion" else widths[0] <= 3.25 * 72
        assert b"/Type3" not in content
        assert b"/FontFile2" in content


class Page(HTMLParser):
    """Elements, ids and attributes of a page."""

    def __init__(self, text):
        super().__init__()
        self.elements, self.ids, self.sources = [], [], []
        self.feed(text)

    def handle_starttag(self, tag, attributes):
        values = dict(attributes)
        self.elements.append((tag, values))
        self.ids += [values["id"]] if "id" in values else []
        self.sources += [values[name] for name in ("src", "href", "xlink:href") if name in values]


def test_the_page_stands_alone_and_escapes_everything(built):
    text = (built / "index.html").read_text()
    page = Page(text)
    assert all(source.startswith(("data:", "#")) for source in page.sources)
    assert "@import" not in text
    assert len(page.ids) == len(set(page.ids))
    assert sum(tag == "script" for tag, _ in page.elements) == 1
    assert "Which &lt;b&gt;one&lt;/b&gt;?" in text
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in text
    assert all(values.get("alt") for tag, values in page.elements if tag == "img")
    assert all(values.get("aria-label") for tag, values in page.elements if tag == "svg")
    assert len(text) < 1_500_000


def test_the_figures_of_the_page_follow_its_theme(built):
    inline = "".join(re.findall(r"<svg.*?</svg>", (built / "index.html").read_text(), flags=re.DOTALL))
    assert "currentColor" in inline
    for colour in (svg.TEXT, svg.MUTED, svg.RULE, *svg.SERIES):
        assert colour not in inline
    assert not re.search(r"fill: #f{6}\b", inline)


def test_holes_are_shown_with_their_reason(built):
    text = (built / "index.html").read_text()
    assert "2 of 16 runs missing (1 pending and 1 failed)" in text
    assert "CUDA out of memory" in text
    assert "not started" in text


def test_examples_are_embedded_with_sound_and_answers(built):
    elements = Page((built / "index.html").read_text()).elements
    sounds = [values for tag, values in elements if tag == "audio"]
    assert len(sounds) == 8
    assert all(values["src"].startswith("data:audio/wav;base64,") and "controls" in values for values in sounds)
    assert sum(tag == "article" for tag, _ in elements) == 8


def test_a_second_report_replaces_the_first(tmp_path, report):
    runs = fabricate(tmp_path, ("attention", "concat"), (0, 1), num_items=60, missing_runs=False)
    folder = tmp_path / "report"
    report(folder, runs)
    first = {path.name: path.read_bytes() for path in (folder / "figures").iterdir()}
    page = (folder / "index.html").read_bytes()
    (folder / "figures" / "gone.svg").write_text("old")
    report(folder, runs)
    assert {path.name: path.read_bytes() for path in (folder / "figures").iterdir()} == first
    assert (folder / "index.html").read_bytes() == page


def test_a_failure_leaves_the_old_report(study, tmp_path, report, monkeypatch):
    folder = tmp_path / "report"
    report(folder, [])
    before = (folder / "index.html").read_bytes()

    def full(*_, **__):
        raise OSError("no space left on device")

    monkeypatch.setattr("interlace.report.build.render_page", full)
    with pytest.raises((OSError, UserError)):
        report(folder, study[1])
    assert (folder / "index.html").read_bytes() == before
    assert [path.name for path in tmp_path.iterdir() if path.name.startswith(".")] == []


def test_predictions_that_are_damaged_are_left_out_and_told(study, tmp_path, report, capsys):
    broken = [PlannedRun(r.study, r.arm, r.factors, r.seed, tmp_path / "b" / str(r.seed)) for r in study[1][:1]]
    broken[0].directory.mkdir(parents=True)
    (broken[0].directory / "results.json").write_bytes((study[1][0].directory / "results.json").read_bytes())
    (broken[0].directory / "predictions.parquet").write_bytes(b"torn")
    assert report(tmp_path / "report", broken).is_file()
    assert "predictions.parquet: not a readable parquet file" in capsys.readouterr().err


def test_nothing_has_run_yet(tmp_path, report):
    runs = [PlannedRun("s", arm, {}, seed, tmp_path / arm / str(seed)) for arm in "ab" for seed in (0, 1)]
    text = report(tmp_path / "report", runs).read_text()
    assert "No run has finished yet, of 4 planned." in text
    summary = json.loads((tmp_path / "report" / "summary.json").read_text())
    assert summary["a"]["test/accuracy"]["mean"] is None
    assert len(pd.read_csv(tmp_path / "report" / "results.csv")) == 4


def test_no_runs_planned(tmp_path, report):
    assert report(tmp_path / "report", []).exists()


def test_factors_give_cells_and_a_line_plot(tmp_path, report):
    settings = tuple({"num_components": k} for k in (4, 64))
    runs = fabricate(tmp_path, ("attention", "concat"), (0, 1, 2), settings, num_items=60, missing_runs=False)
    report(tmp_path / "report", runs)
    summary = json.loads((tmp_path / "report" / "summary.json").read_text())
    assert set(summary) == {f"{arm} [num_components={k}]" for arm in ("attention", "concat") for k in (4, 64)}
    assert summary["attention [num_components=4]"]["test/accuracy"]["difference"] is not None
    assert (tmp_path / "report" / "figures" / "factor-num-components.svg").exists()
    factors = pd.read_csv(tmp_path / "report" / "results.csv")["factors"].map(json.loads)
    assert factors[0] == {"num_components": 4}


def test_names_that_hurt(tmp_path, report):
    name = r'<img src=x onerror=alert(1)> $\frac{ | & % _ # "quoted" ' + "long " * 20
    runs = fabricate(tmp_path, ("attention", "concat"), (0, 1, 2), num_items=60, missing_runs=False)
    runs = [PlannedRun(r.study, name if r.arm == "attention" else r.arm, {}, r.seed, r.directory) for r in runs]
    text = report(tmp_path / "report", runs, controls=[]).read_text()
    assert "<img src=x" not in text
    assert len(re.findall(r"(?<!\\)\|", (tmp_path / "report" / "table.md").read_text().splitlines()[2])) == 13
    row = next(line for line in (tmp_path / "report" / "table.tex").read_text().splitlines() if "frac" in line)
    assert r"\$\textbackslash{}frac\{ \textbar{} \& \% \_ \#" in row


def test_regression_has_no_confusion(tmp_path, report):
    rng = np.random.default_rng(0)
    runs = []
    for arm, noise in (("a", 0.1), ("b", 0.4)):
        for seed in range(3):
            run = PlannedRun("s", arm, {}, seed, tmp_path / arm / str(seed))
            run.directory.mkdir(parents=True)
            label = rng.normal(size=50)
            error = rng.normal(0, noise, 50)
            columns = {"id": [str(i) for i in range(50)], "label": label, "prediction": label + error, "error": error}
            pd.DataFrame(columns).to_parquet(run.directory / "predictions.parquet")
            metrics = {"test/mae": float(np.abs(error).mean()), "val/loss": noise}
            (run.directory / "results.json").write_text(
                json.dumps({"status": "done", "metrics": metrics, "code": CODE})
            )
            runs.append(run)
    text = report(
        tmp_path / "report", runs, metrics={"test/mae": "min"}, baseline="b", controls=(), data_description={}
    ).read_text()
    assert "a wins" in text
    assert "below b" in text
    assert 'id="confusion"' not in text
    summary = json.loads((tmp_path / "report" / "summary.json").read_text())
    low, high = summary["a"]["test/mae"]["items_ci95"]
    assert low < summary["a"]["test/mae"]["mean"] < high


@pytest.mark.parametrize("metrics", [{}, {"test/accuracy": "up"}])
def test_a_wrong_metric_is_refused(tmp_path, metrics, report):
    with pytest.raises(UserError, match="report:"):
        report(tmp_path / "report", [], metrics=metrics)
    assert not (tmp_path / "report").exists()


def test_media_outside_the_run_directory_stay_out(tmp_path):
    from interlace.report.examples import data_uri

    run = tmp_path / "run"
    run.mkdir()
    (tmp_path / "secret.png").write_bytes(b"x")
    (run / "page.html").write_bytes(b"x")
    assert data_uri(run, "../secret.png", "image") == ""
    assert data_uri(run, str(tmp_path / "secret.png"), "image") == ""
    assert data_uri(run, "page.html", "image") == ""
    assert data_uri(run, "absent.png", "image") == ""


def test_stale_runs_are_named(tmp_path, report):
    runs = fabricate(tmp_path, ("attention", "concat"), (0,), num_items=40, missing_runs=False)
    content = json.loads((runs[0].directory / "results.json").read_text())
    (runs[0].directory / "results.json").write_text(json.dumps(content | {"code": "older"}))
    fail(PlannedRun("s", "concat", {}, 0, runs[1].directory), "unused: results.json has the last word")
    text = report(tmp_path / "report", runs).read_text()
    assert "1 run was made by other code" in text
    assert "attention, seed 0" in text
