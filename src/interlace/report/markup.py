"""Tables in Markdown and LaTeX (package booktabs); all texts are escaped."""

import re
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass

from interlace.report import formats

DAGGER = "†"
LATEX: dict[str, str] = {
    "\\": r"\textbackslash{}", "&": r"\&", "%": r"\%", "$": r"\$", "#": r"\#", "_": r"\_", "{": r"\{", "}": r"\}",
    "~": r"\textasciitilde{}", "^": r"\textasciicircum{}", "<": "$<$", ">": "$>$", "|": r"\textbar{}",
    '"': "''", "`": r"\textasciigrave{}",
    formats.MINUS: "$-$", formats.MISSING: "--", "—": "---", "…": r"\ldots{}", DAGGER: r"\textdagger{}",
    "±": r"$\pm$", "×": r"$\times$", "·": r"$\cdot$", "≤": r"$\leq$", "≥": r"$\geq$", "≠": r"$\neq$",
    "≈": r"$\approx$", "∞": r"$\infty$", "→": r"$\rightarrow$", "←": r"$\leftarrow$", "↔": r"$\leftrightarrow$",
    "↑": r"$\uparrow$", "↓": r"$\downarrow$", "√": r"$\surd$", "∈": r"$\in$", "°": r"\textdegree{}",
}  # fmt: skip
GREEK = re.compile(r"GREEK (SMALL|CAPITAL) LETTER ([A-Z]+)")
# Greek letters with LaTeX commands; the others look like Latin letters.
SMALL = (
    "alpha|beta|gamma|delta|epsilon|zeta|eta|theta|iota|kappa|lambda|mu|nu|"
    "xi|pi|rho|sigma|tau|upsilon|phi|chi|psi|omega"
)
CAPITAL = "Gamma|Delta|Theta|Lambda|Xi|Pi|Sigma|Upsilon|Phi|Psi|Omega"
LATEST_OF_PDFLATEX = 0x17F  # end of Latin Extended-A; later characters need LuaLaTeX or XeLaTeX


@dataclass(frozen=True)
class TableCell:
    """A cell of a table; `bold`: the best of its column; `dagger`: not separable from the best."""

    text: str
    bold: bool = False
    dagger: bool = False


Cells = Sequence[TableCell | str]


def markdown_table(head: Sequence[str], rows: Sequence[Cells], caption: str) -> str:
    """A table with the first column left-aligned, others right-aligned, and the caption below."""
    lines = ["| " + " | ".join(_in_markdown(cell) for cell in row) + " |" for row in (head, *rows)]
    lines.insert(1, "|" + "|".join(["---"] + ["---:"] * (len(head) - 1)) + "|")
    return "\n".join([*lines, "", escape_markdown(caption), ""])


def latex_table(head: Sequence[str], groups: Sequence[Sequence[Cells]], caption: str, label: str) -> str:
    """A table environment with caption and label, and a rule between groups of rows.

    A comment names the required package, and characters that pdfLaTeX does not support.
    """
    parts = [[" & ".join(_in_latex(cell) for cell in row) for row in rows] for rows in groups if rows]
    body: list[str] = []
    for rows in parts:
        body += [r"\midrule", *(f"{_guarded(row)} \\\\" for row in rows)]
    text = "\n".join(
        [
            r"\begin{table}",
            r"\centering",
            rf"\caption{{{escape_latex(caption)}}}",
            rf"\label{{tab:{re.sub('[^A-Za-z0-9.:+-]', '-', label)}}}",
            rf"\begin{{tabular}}{{l{'r' * (len(head) - 1)}}}",
            r"\toprule",
            _guarded(" & ".join(escape_latex(name) for name in head)) + r" \\",
            *(body or [r"\midrule"]),
            r"\bottomrule",
            r"\end{tabular}",
            r"\end{table}",
            "",
        ]
    )
    foreign = sorted({sign for sign in text if ord(sign) > LATEST_OF_PDFLATEX})
    note = f"% pdfLaTeX does not have: {' '.join(foreign)}; set this table by LuaLaTeX or XeLaTeX\n" if foreign else ""
    return f"% needs \\usepackage{{booktabs}}\n{note}{text}"


def escape_markdown(text: str) -> str:
    """A text on one line, with Markdown and HTML escaped."""
    escaped = text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    for sign in ("\\", "|", "*", "_", "`", "[", "]"):
        escaped = escaped.replace(sign, f"\\{sign}")
    return " ".join(escaped.split())


def escape_latex(text: str) -> str:
    """A text on one line, with LaTeX escaped, and symbols and Greek letters as commands."""
    plain = " ".join(unicodedata.normalize("NFC", text).split())
    kept = [sign for sign in plain if not unicodedata.category(sign).startswith("C")]
    # LaTeX turns two hyphens into a dash.
    return "".join(
        "{}-" if sign == before == "-" else _sign(sign) for before, sign in zip(["", *kept], kept, strict=False)
    )


def _sign(sign: str) -> str:
    """A character as LaTeX."""
    if sign in LATEX or sign.isascii():
        return LATEX.get(sign, sign)
    found = GREEK.fullmatch(unicodedata.name(sign, ""))
    if found is None:
        return sign
    # Unicode spells it LAMDA.
    name = found[2].lower().replace("lamda", "lambda")
    name = name if found[1] == "SMALL" else name.capitalize()
    return rf"$\{name}$" if re.fullmatch(f"{SMALL}|{CAPITAL}", name) else sign


def _guarded(row: str) -> str:
    """A row protected from being read as an argument of the preceding `\\\\`."""
    return f"{{}}{row}" if row.startswith(("[", "*")) else row


def _in_markdown(cell: TableCell | str) -> str:
    if isinstance(cell, str):
        return escape_markdown(cell)
    text = escape_markdown(cell.text)
    return (f"**{text}**" if cell.bold else text) + (DAGGER if cell.dagger else "")


def _in_latex(cell: TableCell | str) -> str:
    if isinstance(cell, str):
        return escape_latex(cell)
    text = escape_latex(cell.text)
    return (rf"\textbf{{{text}}}" if cell.bold else text) + (r"\textsuperscript{\textdagger}" if cell.dagger else "")
