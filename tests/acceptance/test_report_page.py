"""The report in a browser: no requests, no overflow, folded parts that open, both themes, headings."""

import json
from itertools import pairwise

import pytest

from interlace.report.build import build_report
from interlace.report.results import load_runs
from tests.chromium import DESKTOP, PHONE, chromium, resize
from tests.report.fabricated_study import CODE, CONTROLS, DATA, fabricate

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def page(tmp_path_factory):
    """Path of a fabricated study's report."""
    root = tmp_path_factory.mktemp("page")
    runs = load_runs(fabricate(root), CODE)
    return build_report(
        folder=root / "report", title="fabricated", question="Which fusion strategy is best?", runs=runs,
        metrics={"test/accuracy": "max", "test/loss": "min"}, baseline="concat", controls=CONTROLS,
        data_description=DATA, command="interlace study run fabricated --jobs 2 " + "data.some_long_key=1 " * 8,
    )  # fmt: skip


@pytest.fixture(scope="module")
def browser(tmp_path_factory):
    """Headless Chromium."""
    with chromium(tmp_path_factory.mktemp("profile")) as driver:
        yield driver


@pytest.fixture
def opened(browser, page):
    """Opens the page at a size, in a light or dark surrounding."""

    def open_page(size, scheme="light"):
        resize(browser, size, scheme)
        browser.get(page.as_uri())
        browser.execute_script("localStorage.clear()")
        browser.refresh()
        return browser

    return open_page


def test_no_errors_and_no_requests(opened, page):
    browser = opened(DESKTOP)
    browser.get_log("browser")
    browser.get_log("performance")
    browser.get(page.as_uri())
    assert [entry for entry in browser.get_log("browser") if entry["level"] in ("SEVERE", "WARNING")] == []
    messages = [json.loads(entry["message"])["message"] for entry in browser.get_log("performance")]
    urls = [m["params"]["request"]["url"] for m in messages if m["method"] == "Network.requestWillBeSent"]
    assert [url for url in urls if not url.startswith(("data:", page.as_uri()))] == []


@pytest.mark.parametrize("size", [DESKTOP, PHONE])
def test_nothing_overflows_sideways(opened, size):
    browser = opened(size)
    assert browser.execute_script("return document.documentElement.scrollWidth") <= size[0]
    assert browser.execute_script("return document.querySelector('.ranking').scrollWidth") > 300


def test_the_page_is_short_and_the_rest_is_folded(opened):
    browser = opened(DESKTOP)
    assert browser.execute_script("return document.documentElement.scrollHeight") < 5000
    assert browser.execute_script("return document.querySelectorAll('details:not([open])').length") >= 5


def test_the_headline_comes_first_then_the_table_then_the_figure(opened):
    tops = opened(DESKTOP).execute_script(
        """return ['h1', '.ranking', '#figure-comparison']
             .map(s => document.querySelector(s).getBoundingClientRect().top)"""
    )
    assert tops == sorted(tops)


def test_a_link_opens_what_is_folded(opened, page):
    browser = opened(DESKTOP)
    for target in ("confusion", "more-examples", "method", "configuration", "group-values"):
        if not browser.find_elements("id", target):
            continue
        browser.get(f"{page.as_uri()}#{target}")
        seen = """const e = document.getElementById(arguments[0]);
                  return (e.matches('details') ? e : e.querySelector('details')).open"""
        assert browser.execute_script(seen, target), target


def test_printing_opens_all_and_closes_it_again(opened):
    browser = opened(DESKTOP)
    closed = "return document.querySelectorAll('details:not([open])').length"
    before = browser.execute_script(closed)
    browser.execute_script("dispatchEvent(new Event('beforeprint'))")
    assert browser.execute_script(closed) == 0
    browser.execute_script("dispatchEvent(new Event('afterprint'))")
    assert browser.execute_script(closed) == before > 0


def test_a_table_that_is_wider_than_the_page_says_so(opened):
    hint = """const box = document.querySelector('#comparison .scroller'), table = box.querySelector('.scroll');
              const seen = [box.hasAttribute('data-left'), box.hasAttribute('data-right'),
                            getComputedStyle(box.querySelector('.hint')).display != 'none'];
              table.scrollLeft = table.scrollWidth; return seen;"""
    browser = opened(PHONE)
    assert browser.execute_script(hint) == [False, True, True]
    from selenium.webdriver.support.ui import WebDriverWait

    at_the_end = """const box = document.querySelector('#comparison .scroller');
                    return [box.hasAttribute('data-left'), box.hasAttribute('data-right')]"""
    WebDriverWait(browser, 10).until(lambda b: b.execute_script(at_the_end) == [True, False])


def test_headings_are_in_order_and_tables_have_names_and_scopes(opened):
    browser = opened(DESKTOP)
    levels = browser.execute_script("return [...document.querySelectorAll('h1, h2, h3, h4')].map(h => +h.tagName[1])")
    assert levels[0] == 1
    assert levels.count(1) == 1
    assert all(after - before <= 1 for before, after in pairwise(levels))
    assert browser.execute_script(
        """return [...document.querySelectorAll('table')].every(t => t.caption && t.caption.textContent.trim()
             && [...t.querySelectorAll('th')].every(h => h.scope))"""
    )
    targets = browser.execute_script(
        "return [...document.querySelectorAll('a[href^=\"#\"]')].map(a => a.getAttribute('href').slice(1))"
    )
    assert targets
    assert all(browser.find_elements("id", target) for target in targets)


@pytest.mark.parametrize("size", [DESKTOP, PHONE])
def test_every_figure_is_seen(opened, size):
    shown = opened(size).execute_script(
        """return [...document.querySelectorAll('figure')].map(figure =>
             [...figure.querySelectorAll('svg')].map(s => s.getBoundingClientRect())
             .filter(r => r.width > 250 && r.height > 100).length)"""
    )
    assert len(shown) == 4
    assert shown == [1] * 4  # of the wide and the narrow drawing, one


def test_text_in_figures_stays_readable_on_a_phone(opened):
    smallest = opened(PHONE).execute_script(
        """return Math.min(...[...document.querySelectorAll('.narrow svg')].flatMap(svg =>
             [...svg.querySelectorAll('text')].map(text => parseFloat(getComputedStyle(text).fontSize)
               * svg.getBoundingClientRect().width / svg.viewBox.baseVal.width)))"""
    )
    assert smallest >= 8


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_the_theme_follows_the_system_and_the_button(opened, scheme):
    browser = opened(DESKTOP, scheme)
    brightness = "return getComputedStyle(document.body).backgroundColor.match(/\\d+/g).slice(0, 3).map(Number)"
    ink = "return getComputedStyle(document.querySelector('.wide svg text')).fill"
    before, ink_before = sum(browser.execute_script(brightness)), browser.execute_script(ink)
    assert (before > 600) == (scheme == "light")
    browser.find_element("id", "theme").click()
    assert (sum(browser.execute_script(brightness)) > 600) == (scheme == "dark")
    assert browser.execute_script(ink) != ink_before
    browser.refresh()
    assert (sum(browser.execute_script(brightness)) > 600) == (scheme == "dark")


def test_pictures_and_sounds_load(opened):
    browser = opened(DESKTOP)
    assert browser.execute_script("return [...document.images].every(i => i.naturalWidth > 0)")
    lengths = browser.execute_async_script(
        """const done = arguments[0], all = [...document.querySelectorAll('audio')];
           Promise.all(all.map(a => a.readyState ? a.duration
             : new Promise(resolve => a.onloadedmetadata = () => resolve(a.duration))))
             .then(done)"""
    )
    assert lengths == pytest.approx([0.2] * 8)


def test_another_confusion_matrix_can_be_chosen(opened):
    browser = opened(DESKTOP)
    browser.find_element("css selector", "#confusion summary").click()
    visible = "return [...document.querySelectorAll('.matrix')].map(m => m.offsetHeight > 0)"
    assert browser.execute_script(visible) == [True, False, False, False]
    browser.find_elements("css selector", "#confusion-choice option")[2].click()
    assert browser.execute_script(visible) == [False, False, True, False]


def test_text_has_contrast(opened):
    for scheme in ("light", "dark"):
        worst = opened(DESKTOP, scheme).execute_script(
            """const parse = c => c.match(/[\\d.]+/g).slice(0, 3).map(Number);
               const linear = v => v <= .03928 ? v / 12.92 : ((v + .055) / 1.055) ** 2.4;
               const light = c => parse(c).map(v => linear(v / 255))
                 .reduce((sum, v, i) => sum + v * [.2126, .7152, .0722][i], 0);
               const paper = light(getComputedStyle(document.body).backgroundColor);
               return Math.min(...['h1', '.question', 'figcaption', 'tr.control td', '.mean', 'footer p'].map(s => {
                 const ink = light(getComputedStyle(document.querySelector(s)).color);
                 return (Math.max(ink, paper) + .05) / (Math.min(ink, paper) + .05); }));"""
        )
        assert worst >= 4.5
