"""Tables for a paper: chosen columns, bold and dagger, labels, and names that LaTeX and Markdown must not read."""

import re
import shutil
import subprocess

import pytest
from hypothesis import given
from hypothesis import strategies as st

from interlace.errors import UserError
from interlace.report.columns import ALL, COLUMNS, check_columns, parse_columns, study_table
from interlace.report.comparison import Comparison
from interlace.report.markup import TableCell, escape_latex, latex_table, markdown_table
from interlace.report.results import load_runs
from interlace.report.tables import table_md, table_tex
from tests.report.fabricated_study import CODE, CONTROLS, DATA, fabricate

METRICS = {"test/accuracy": "max", "test/loss": "min"}
HOSTILE = r"a & b % c $ d # e _ f { g } h ~ i ^ j \ k"


@pytest.fixture(scope="module")
def comparison(tmp_path_factory):
    """Two strategies that cannot be told apart, one that is far behind, and a control; three of them labelled."""
    arms = ("attention", "bottleneck", "concat", "image only")
    root = tmp_path_factory.mktemp("tables")
    runs = load_runs(fabricate(root, arms, (0, 1, 2), num_items=200, missing_runs=False), CODE)
    labels = {"attention": "Self-attention (ours)", "concat": HOSTILE, "image only": "β-image → 字"}
    return Comparison(runs, METRICS, "concat", frozenset(CONTROLS), DATA, labels=labels)


def test_columns_are_chosen_by_name(comparison):
    names = parse_columns("mean, ci,difference,p,parameters,test/loss,test/accuracy/both")
    check_columns(names, comparison)
    table = study_table(comparison, names)
    assert table.head == [
        "strategy", "mean (%)", "95% CI", f"difference from {HOSTILE}", "adjusted p", "parameters", "test loss",
        "test accuracy, both (%)",
    ]  # fmt: skip
    assert all(len(row) == len(table.head) for row in [*table.strategies, *table.controls])
    assert len(table.strategies) == 3
    assert len(table.controls) == 1


@pytest.mark.parametrize("text", ["nonsense", "mean,Parameters", "", " , "])
def test_an_unknown_column_is_told_with_the_valid_ones(text):
    with pytest.raises(UserError, match=r"--columns.*valid: .*parameters"):
        parse_columns(text)


def test_an_unknown_metric_is_told_with_the_valid_ones(comparison):
    with pytest.raises(UserError, match=r"no column 'test/acuracy'; did you mean 'test/accuracy'"):
        check_columns(parse_columns("mean,test/acuracy"), comparison)


@pytest.mark.parametrize("name", COLUMNS)
def test_every_column_has_a_head_and_texts(comparison, name):
    table = study_table(comparison, [name])
    assert table.head[1]
    assert all(row[1].text for row in [*table.strategies, *table.controls])


def test_the_best_is_bold_and_what_is_level_with_it_has_a_dagger(comparison):
    table = study_table(comparison, ("mean", "test/loss"))
    marks = {row[0].text: (row[1].bold, row[1].dagger) for row in [*table.strategies, *table.controls]}
    best = comparison.name_of(comparison.best_cell)
    assert [name for name, (bold, _) in marks.items() if bold] == [best]
    level = {comparison.name_of(cell) for cell in comparison.best_comparison.undecided}
    assert {name for name, (_, dagger) in marks.items() if dagger} == level
    assert ("†" in table.caption) == bool(level)
    losses = {row[0].text: float(row[2].text) for row in table.strategies}
    assert [row[0].text for row in table.strategies if row[2].bold] == [min(losses, key=losses.get)]


def test_names_are_the_labels_of_the_study(comparison):
    assert "Self-attention (ours)" in table_md(comparison)
    assert "Self-attention (ours)" in table_tex(comparison)
    assert "attention |" not in table_md(comparison)


def test_the_tex_table_has_caption_label_and_rules(comparison):
    text = table_tex(comparison)
    for part in (r"\caption{", r"\label{tab:fabricated}", r"\toprule", r"\bottomrule", r"\textbf{"):
        assert part in text
    assert text.count(r"\midrule") == 2  # the second before the controls
    assert "needs \\usepackage{booktabs}" in text
    assert "pdfLaTeX does not have: 字" in text
    assert r"$\beta$-image $\rightarrow$" in text


@pytest.mark.parametrize(
    ("sign", "escaped"),
    [
        ("&", r"\&"), ("%", r"\%"), ("$", r"\$"), ("#", r"\#"), ("_", r"\_"), ("{", r"\{"), ("}", r"\}"),
        ("~", r"\textasciitilde{}"), ("^", r"\textasciicircum{}"), ("\\", r"\textbackslash{}"), ("Λ", r"$\Lambda$"),
        ("ω", r"$\omega$"), ("é", "é"), ("字", "字"), ("\u2212", "$-$"), ("a--b", "a-{}-b"), ("\x07", ""),
        ("a\nb", "a b"),
    ],
)  # fmt: skip
def test_signs_of_latex_are_escaped(sign, escaped):
    assert escape_latex(sign) == escaped


@given(st.text(max_size=60))
def test_no_sign_of_latex_is_left(text):
    left = escape_latex(text)
    for command in (r"\\[a-zA-Z]+(\{\})?", r"\\[&%$#_{}]", r"\$[^$]*\$", r"\{\}"):
        left = re.sub(command, "", left)
    assert not re.search(r"[&%$#_{}~^\\\n]", left), left


@given(st.lists(st.text(max_size=30), min_size=2, max_size=2))
def test_tables_keep_their_shape_whatever_the_names(names):
    row = [TableCell(name, bold=True) for name in names]
    tex = latex_table(["a", "b"], [[row], [row]], names[0], names[1])
    body = tex[tex.index(r"\midrule") : tex.index(r"\bottomrule")].splitlines()
    assert len(body) == 4
    assert all(len(re.findall(r"(?<!\\)&", line)) == 1 for line in body if line != r"\midrule")
    assert re.search(r"\\label\{tab:[A-Za-z0-9.:+-]*\}", tex)
    lines = markdown_table(["a", "b"], [row], names[0]).splitlines()
    assert len(re.findall(r"(?<!\\)\|", lines[2])) == 3


def test_a_row_does_not_begin_with_what_ends_the_row_before_it():
    tex = latex_table(["a", "b"], [[["x", "1"], ["[y]", "2"], ["*z", "3"]]], "c", "l")
    assert "\n{}[y] & 2" in tex
    assert "\n{}*z & 3" in tex


def test_pdflatex_takes_the_table(comparison, tmp_path):
    program = shutil.which("pdflatex") or shutil.which("tectonic")
    if program is None:
        pytest.skip("pdflatex and tectonic are missing: apt-get install texlive-latex-recommended")
    table = table_tex(comparison, ALL).replace("字", "")
    document = "\\documentclass{article}\n\\usepackage{booktabs}\n"
    (tmp_path / "paper.tex").write_text(f"{document}\\begin{{document}}\n{table}\\end{{document}}\n", encoding="utf-8")
    options = ["-interaction=nonstopmode", "-halt-on-error"] if "pdflatex" in program else []
    done = subprocess.run(
        [program, *options, "paper.tex"], cwd=tmp_path, capture_output=True, text=True, timeout=120, check=False
    )
    assert done.returncode == 0, done.stdout[-3000:]
    assert (tmp_path / "paper.pdf").stat().st_size > 5000
