"""The page's files without a browser: contrast of its colours, no markup from text, nothing inline, nothing unused."""

import re
from itertools import product
from pathlib import Path

import pytest

import interlace.apps
import interlace.report

PAGE = Path(interlace.apps.__file__).parent / "page"
STYLE = (PAGE / "page.css").read_text(encoding="utf-8")
SCRIPTS = {path.name: path.read_text(encoding="utf-8") for path in PAGE.glob("*.js")}
INDEX = (PAGE / "index.html").read_text(encoding="utf-8")
LIGHT, DARK = 0, 1
TOKENS = {
    name: values for name, *values in re.findall(r"--([\w-]+): light-dark\((#\w{6}), (#\w{6})\)", STYLE)
}  # fmt: skip


def channels(colour):
    return [int(colour[place : place + 2], 16) / 255 for place in (1, 3, 5)]


def mixed(theme, name, share, ground):
    """color-mix(in srgb, NAME SHARE, GROUND)."""
    top, below = channels(TOKENS[name][theme]), channels(TOKENS[ground][theme])
    return [share * a + (1 - share) * b for a, b in zip(top, below, strict=True)]


def luminance(rgb):
    """Relative luminance (WCAG 2.2)."""
    linear = [value / 12.92 if value <= 0.04045 else ((value + 0.055) / 1.055) ** 2.4 for value in rgb]
    return sum(weight * value for weight, value in zip((0.2126, 0.7152, 0.0722), linear, strict=True))


def contrast(first, second):
    low, high = sorted((luminance(first), luminance(second)))
    return (high + 0.05) / (low + 0.05)


def test_contrast_is_that_of_known_pairs():
    assert contrast(channels("#000000"), channels("#ffffff")) == pytest.approx(21)
    assert contrast(channels("#777777"), channels("#ffffff")) == pytest.approx(4.48, abs=0.005)


@pytest.mark.parametrize("theme", [LIGHT, DARK], ids=["light", "dark"])
def test_texts_and_controls_stand_out(theme):
    texts = [*product(("ink", "muted", "accent", "bad", "good"), ("paper", "raised")), ("on-accent", "accent")]
    for text, ground in texts:
        found = contrast(channels(TOKENS[text][theme]), channels(TOKENS[ground][theme]))
        assert found >= 4.5, (text, ground, found)
    for control, ground in product(("edge", "accent", "other"), ("paper", "raised")):
        found = contrast(channels(TOKENS[control][theme]), channels(TOKENS[ground][theme]))
        assert found >= 3, (control, ground, found)


@pytest.mark.parametrize("theme", [LIGHT, DARK], ids=["light", "dark"])
def test_texts_on_tinted_grounds_stand_out(theme):
    shares = {float(share) / 100 for share in re.findall(r"color-mix\(in srgb, var\(--accent\) (\d+)%", STYLE)}
    heaviest = float(re.search(r"Math.round\((\d+) \* weight\)", SCRIPTS["highlights.js"])[1]) / 100
    for share, ground in product({*shares, heaviest}, ("paper", "raised")):
        found = contrast(channels(TOKENS["ink"][theme]), mixed(theme, "accent", share, ground))
        assert found >= 4.5, (share, ground, found)
    chosen = contrast(channels(TOKENS["muted"][theme]), mixed(theme, "accent", min(shares), "paper"))
    assert chosen >= 4.5, chosen


def test_colours_are_those_of_the_report():
    style = (Path(interlace.report.__file__).parent / "style.css").read_text(encoding="utf-8")
    starts = (":root", r':root\[data-theme="dark"\]')
    blocks = [re.search(rf"{start}\s*\{{(.*?)\}}", style, re.DOTALL)[1] for start in starts]
    report = [dict(re.findall(r"--([\w-]+): (#\w{6})", block)) for block in blocks]
    shared = set(TOKENS) & set(report[LIGHT])
    assert {"paper", "raised", "ink", "muted", "rule", "accent", "bad", "good"} <= shared
    assert {name: TOKENS[name] for name in shared} == {name: [each[name] for each in report] for name in shared}


def test_text_never_becomes_markup_or_code():
    banned = (
        r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|DOMParser|createContextualFragment|\beval\(|Function\("
    )
    assert {name: found for name, text in SCRIPTS.items() if (found := re.findall(banned, text))} == {}


def test_nothing_is_inline_and_nothing_comes_from_elsewhere():
    assert re.findall(r"<style|\sstyle=|\son\w+=|<script(?![^>]*\ssrc=)", INDEX) == []
    for name, text in {**SCRIPTS, "page.css": STYLE, "index.html": INDEX}.items():
        assert re.findall(r"(?:https?:)?//[\w.]+\.\w+/|@import|url\(", text) == [], name
    assert sum(len(path.read_bytes()) for path in PAGE.iterdir()) < 100_000


def test_lines_and_files_are_short():
    assert [(name, len(line)) for name, text in SCRIPTS.items() for line in text.splitlines() if len(line) > 120] == []
    assert [name for name, text in SCRIPTS.items() if len(text.splitlines()) > 250] == []


def test_every_file_is_reached_from_the_page():
    reached, ahead = set(), re.findall(r"/static/([\w.]+)", INDEX)
    while ahead:
        name = ahead.pop()
        assert (PAGE / name).is_file(), name
        if name not in reached:
            reached.add(name)
            ahead += re.findall(r'from "\./([\w.]+)"', SCRIPTS.get(name, ""))
    assert reached | {"index.html"} == {path.name for path in PAGE.iterdir() if path.is_file()}


def test_every_exported_name_and_class_is_used():
    tests = "".join(path.read_text(encoding="utf-8") for path in Path(__file__).parent.glob("*.py"))
    for name, text in SCRIPTS.items():
        others = tests + "".join(each for other, each in SCRIPTS.items() if other != name)
        for exported in re.findall(r"export (?:const|class|async function\*?|function) (\w+)", text):
            assert re.search(rf"\b{exported}\b", others), (name, exported)
    for name in re.findall(r"\.([a-z][\w-]*)(?=[^{}]*\{)", re.sub(r"/\*.*?\*/", "", STYLE)):
        assert any(re.search(rf"\b{name}\b", text) for text in (*SCRIPTS.values(), INDEX)), name
