"""Two people judge in a browser, with clicks and with keys, and the report shows what they found."""

import json
import time

import pytest

from interlace.cli.application import run
from interlace.judging.making import Plan
from interlace.judging.store import RatingStore
from tests.apps.judging.support import folder_with_media, judging
from tests.chromium import DESKTOP, PHONE, chromium, resize

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def browser(tmp_path_factory):
    """Headless Chromium."""
    with chromium(tmp_path_factory.mktemp("profile")) as driver:
        yield driver


class Rater:
    """A person at the page, who finds the wordier answer worse."""

    def __init__(self, browser, address, size=DESKTOP):
        resize(browser, size)
        self.browser = browser
        browser.get(address)

    def until(self, selector):
        for _ in range(400):
            if found := self.browser.find_elements("css selector", selector):
                return found
            time.sleep(0.02)
        raise AssertionError(f"{selector} never came; {self.browser.find_element('tag name', 'main').text}")

    def click(self, selector):
        self.until(selector)[0].click()

    def begin(self, code):
        self.until("#login:not([hidden])")
        self.until("#code")[0].send_keys(code)
        self.click("#login .primary")

    def done(self):
        return int(self.browser.find_element("id", "progress").get_attribute("aria-valuenow"))

    def wait_for(self, done):
        self.until(f"#progress[aria-valuenow='{done}']")

    def better(self):
        texts = [each.text for each in self.browser.find_elements("css selector", "#answers p")]
        return "left" if "perhaps" not in texts[0] else "right"

    def press(self, key):
        from selenium.webdriver.common.action_chains import ActionChains

        ActionChains(self.browser).send_keys(key).perform()


def test_two_raters_judge_with_clicks_and_keys_and_the_report_has_both(browser, tmp_path, capsys):
    from selenium.webdriver.common.keys import Keys

    folder = folder_with_media(tmp_path / "files")
    total = len(folder.orders[0])
    with judging(folder) as server:
        ada = Rater(browser, server.address)
        ada.begin("ada-7")
        ada.click("#unknown:not([hidden]) #join")
        ada.wait_for(0)
        ada.until("#inputs img[src^='blob:'].pixels")
        ada.until("#inputs audio[src^='blob:']")
        assert browser.execute_script("return document.querySelector('#inputs img').naturalWidth") > 0
        assert "<b>" in browser.find_element("id", "answers").text  # shown as text, never as markup
        for position in range(3):
            ada.click(f"#choose button[data-value='{ada.better()}']")
            ada.wait_for(position + 1)
        browser.get(server.address)  # she loads the page again, and goes on where she was
        ada.wait_for(3)
        ada.click("#undo")
        ada.wait_for(2)
        for position in range(2, total):
            ada.click(f"#choose button[data-value='{ada.better()}']")
            if position + 1 < total:
                ada.wait_for(position + 1)
        ada.until("#end:not([hidden])")

        ada.click("#leave")
        bob = Rater(browser, server.address, PHONE)
        bob.begin("bob-4")
        bob.click("#unknown:not([hidden]) #join")
        for position in range(total):
            bob.wait_for(position)
            bob.until("#inputs img[src^='blob:']")
            assert browser.execute_script("return document.documentElement.scrollWidth") <= PHONE[0]
            bob.press(Keys.ARROW_DOWN if position == 0 else Keys.ARROW_LEFT if bob.better() == "left" else "3")
        bob.until("#end:not([hidden])")
        bob.press("u")
        bob.until("#task:not([hidden])")
        bob.press(Keys.ARROW_LEFT if bob.better() == "left" else Keys.ARROW_RIGHT)
        bob.until("#end:not([hidden])")
        assert [each for each in browser.get_log("browser") if each["level"] in ("SEVERE", "WARNING")] == []
    store = RatingStore(folder.ratings)
    assert [(each.rater, each.position) for each in store.ratings()] == [(r, p) for r in (1, 2) for p in range(total)]
    store.close()
    page = tmp_path / "judged.html"
    assert run(["judge", "report", str(folder.path), "--html", str(page), "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    (pair,) = found["pairs"]
    assert (pair["losses"], pair["ties"], pair["wins"]) in ((0, 1, 11), (11, 1, 0))
    browser.get(page.as_uri())
    for size in (DESKTOP, PHONE):
        resize(browser, size)
        assert browser.execute_script("return document.documentElement.scrollWidth") <= size[0]
    assert "secret-auk" in browser.find_element("tag name", "main").text
    assert [each for each in browser.get_log("browser") if each["level"] == "SEVERE"] == []


def test_points_are_given_by_their_numbers_and_a_lost_server_is_told(browser, tmp_path):
    folder = folder_with_media(tmp_path / "files", Plan("scale", items=2, raters=1, repeats=0.0), items=2)
    with judging(folder, token="a-token-of-20-signs!") as server:
        ada = Rater(browser, server.address, PHONE)
        ada.begin("ada-7")
        ada.until("#token:not([hidden])")
        ada.until("#token-value")[0].send_keys("a-token-of-20-signs!")
        ada.click("#token .primary")
        ada.click("#unknown:not([hidden]) #join")
        ada.wait_for(0)
        ada.until("#inputs img[src^='blob:']")
        assert len(browser.find_elements("css selector", "#choose button[data-value]")) == 5
        ada.press("9")  # no point of this scale
        ada.press("5")
        ada.wait_for(1)
    ada.press("4")
    ada.until("#problem:not([hidden])")
    assert "does not answer" in browser.find_element("id", "problem").text
    store = RatingStore(folder.ratings)
    assert [each.value for each in store.ratings()] == ["5"]
    store.close()
