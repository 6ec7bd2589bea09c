"""The page with real clicks: pictures, sounds and questions to two runs, texts, a document, a conversation, ratings."""

import base64
import io
import json
import re

import docx
import pytest
import soundfile
from PIL import Image

from interlace.apps.answers import Question
from interlace.apps.opening import open_answerers
from interlace.configuration.compose import compose
from interlace.judging.store import RatingStore
from interlace.training import train
from tests.apps.serving.support import Echo, picture, serving, sound
from tests.chromium import DESKTOP, PHONE, resize

pytestmark = pytest.mark.slow
SCENES = [
    "experiment=scenes", "data.num_train=64", "data.num_val=64", "data.num_test=64", "trainer.max_epochs=1",
    "trainer.limit_train_batches=2", "trainer.threads=1", "logger=none",
]  # fmt: skip
# The focused control, the label that holds it or the one that stands for it has an outline.
OUTLINED = """return [document.activeElement,
    ...document.querySelectorAll(":has(:focus-visible), input:focus-visible + .button")].some(
      (e) => getComputedStyle(e).outlineStyle != "none")"""
ASK, LOADED = "#ask", "input[name=model]"


@pytest.fixture(scope="module")
def server(tmp_path_factory, text_run):
    """A server of two runs of scenes, a translator, a run of conversations and an echo."""
    folder = tmp_path_factory.mktemp("runs")
    arms = (compose([*SCENES, f"fusion={name}", f"arm={name}"]) for name in ("attention", "concat"))
    runs = [train(config, outputs=folder, quiet=True) for config in arms]
    texts = [text_run(name) for name in ("languages", "dialogue")]
    answerers = open_answerers([run.directory for run in (*runs, *texts)], coverage=0.9)
    with serving(*answerers.values(), Echo(), ratings=folder / "ratings.sqlite") as running:
        running.folder = folder
        yield running


@pytest.fixture
def page(browser, server):
    """Opens a task of the page and returns what finds, waits for and clicks its elements."""

    def open_task(task, size=DESKTOP, scheme="light"):
        resize(browser, size, scheme)
        browser.get("about:blank")
        browser.get(f"{server.address}/#{task}")
        browser.get_log("browser")
        found = Page(browser)
        found.wait(LOADED)
        return found

    return open_task


class Page:
    def __init__(self, browser):
        self.browser = browser

    def all(self, selector):
        return self.browser.find_elements("css selector", selector)

    def one(self, selector):
        return self.browser.find_element("css selector", selector)

    def texts(self, selector):
        return [element.text for element in self.all(selector)]

    def until(self, condition):
        from selenium.webdriver.support.ui import WebDriverWait

        return WebDriverWait(self.browser, 20, poll_frequency=0.05).until(lambda _: condition())

    def wait(self, selector):
        return self.until(lambda: self.all(selector))

    def type(self, text, name=""):
        self.one(f"textarea[data-name='{name}']").send_keys(text)

    def ask(self):
        self.one(ASK).click()
        self.until(lambda: self.all(".answer, .reply") and not self.all("[aria-busy=true], #ask:disabled"))

    def give(self, kind, path):
        self.one(f".drop input[accept='{kind}/*']").send_keys(str(path))
        self.until(lambda: path.name in self.one(f".drop:has(input[accept='{kind}/*']) .note").text)

    def script(self, code, *arguments):
        return self.browser.execute_script(code, *arguments)

    def listen(self):
        """Keep the bodies of requests in the page's variable `asked`."""
        self.script(
            """window.asked = []; const before = window.fetch;
               window.fetch = (path, options) => {
                 if (options?.body) asked.push(JSON.parse(options.body));
                 return before(path, options);
               };"""
        )

    def complaints(self):
        return [entry["message"] for entry in self.browser.get_log("browser") if entry["level"] == "SEVERE"]


@pytest.fixture
def media(tmp_path):
    return media_file(tmp_path, "photo.png", picture(0)), media_file(tmp_path, "noise.wav", sound(0, 16000, 0.32))


def media_file(folder, name, content):
    path = folder / name
    path.write_bytes(content)
    return path


def asked_about(page, media, size=DESKTOP, scheme="light"):
    shown = page("ask", size, scheme)
    shown.give("image", media[0])
    shown.give("audio", media[1])
    shown.type("what colour is the circle ?")
    shown.ask()
    return shown


def test_two_runs_answer_about_a_picture_and_a_sound_with_what_they_looked_at(page, media, server):
    shown = asked_about(page, media)
    names = [name for name, worker in server.service.workers.items() if worker.answerer.description.kind == "classify"]
    assert [title.split("\n")[1] for title in shown.texts(".answer h3")] == names
    assert len(names) == 2
    classes = server.service.workers[names[0]].answerer.description.classes
    for number, card in enumerate(shown.all(".answer"), 1):
        assert "With probability 90% one of: " in card.text
        (shares, contributions) = (
            [row.split("\n") for row in shown.texts(f".answer:nth-child({number}) ul:has({bar}) > li")]
            for bar in (".track:not(.two)", ".track.two")
        )
        values = [float(value.rstrip("%")) for _, value in shares[:5]]
        assert values == sorted(values, reverse=True)
        assert {name for name, _ in shares[:5]} <= set(classes)
        assert [name for name, _ in contributions] == ["text", "image", "audio"]
        assert all(re.fullmatch(r"[+−]\d\.\d\d|0\.00", value) for _, value in contributions)
        names = [each.accessible_name for each in card.find_elements("css selector", "canvas")]
        assert names[0].startswith("Most weight: row")
        assert names[1].endswith("seconds")
        assert shown.texts(f".answer:nth-child({number}) .word") == ["what", "colour", "is", "the", "circle", "?"]
    assert shown.complaints() == []
    assert shown.script("return document.documentElement.scrollWidth <= innerWidth")


def test_nothing_is_asked_of_another_server(page, media, server):
    shown = page("ask")
    shown.browser.get_log("performance")
    shown.browser.refresh()
    shown.wait(LOADED)
    shown.give("image", media[0])
    shown.ask()
    messages = [json.loads(entry["message"])["message"] for entry in shown.browser.get_log("performance")]
    urls = [each["params"]["request"]["url"] for each in messages if each["method"] == "Network.requestWillBeSent"]
    assert f"{server.address}/v1/chat/completions" in urls
    assert [url for url in urls if not url.startswith((f"{server.address}/", f"blob:{server.address}/"))] == []
    assert shown.complaints() == []  # nor did the policy of contents refuse anything


def test_a_large_picture_that_is_dropped_is_reduced(page):
    shown = page("ask")
    shown.browser.execute_async_script(
        """const canvas = document.createElement("canvas"); canvas.width = 3000; canvas.height = 2000;
           canvas.getContext("2d").fillRect(0, 0, 9, 9);
           canvas.toBlob((blob) => {
             const dataTransfer = new DataTransfer();
             dataTransfer.items.add(new File([blob], "large.png", { type: "image/png" }));
             document.querySelector(".drop").dispatchEvent(new DragEvent("drop", { dataTransfer, bubbles: true }));
             arguments[0]();
           });"""
    )
    shown.until(lambda: shown.one(".drop .note").text == "large.png, reduced from 3000 × 2000 to 2048 × 1365")
    shown.listen()
    shown.ask()
    url = shown.script("return asked")[0]["messages"][0]["content"][0]["image_url"]["url"]
    with Image.open(io.BytesIO(base64.b64decode(url.removeprefix("data:image/jpeg;base64,")))) as sent:
        assert (sent.format, sent.size) == ("JPEG", (2048, 1365))
    assert shown.texts(".answer .error") == []


def test_a_highlight_is_brighter_where_the_weight_is(page, media):
    """The overlay darkens each patch by the share of its weight; checked on a white picture."""
    shown = page("ask")
    light = shown.browser.execute_async_script(
        """const done = arguments[0];
           import("/static/answer.js").then(async ({ answerElements }) => {
             const canvas = document.createElement("canvas"); canvas.width = canvas.height = 320;
             const context = canvas.getContext("2d"); context.fillStyle = "#fff"; context.fillRect(0, 0, 320, 320);
             const image = new Image(); image.src = canvas.toDataURL(); await image.decode();
             const highlight = { kind: "image", shape: [2, 2], weights: [0, 0.1, 0.2, 0.4], labels: [] };
             const elements = answerElements({ text: "x", highlights: { image: highlight } }, { image });
             const drawn = elements.flatMap((element) => [...element.querySelectorAll("canvas")])[0].getContext("2d");
             done([[80, 80], [240, 80], [80, 240], [240, 240]].map(([x, y]) => drawn.getImageData(x, y, 1, 1).data[0]));
           });"""
    )
    assert light[3] == 255
    assert light == sorted(light)
    for share, found in zip((0, 0.25, 0.5), light, strict=False):
        assert found == pytest.approx(255 - 0.66 * (1 - share) * (255 - 10), abs=2)


def test_a_rating_is_stored_once_with_the_answers_and_an_error_is_told(page, media, server):
    shown = asked_about(page, media)
    shown.script(
        """const before = window.fetch;
           window.fetch = async () => {
             window.fetch = before;
             return new Response('{"error": {"message": "No room left."}}', { status: 507 });
           };"""
    )
    assert shown.texts(".rating button") == ["A", "B", "The same"]
    shown.all(".rating button")[2].click()
    shown.until(lambda: shown.one(".rating .told").text == "No room left.")
    shown.all(".rating button")[1].click()
    shown.until(lambda: shown.one(".rating .told").text == "Stored.")
    shown.all(".rating button")[0].click()
    (stored,) = RatingStore(server.folder / "ratings.sqlite").preferences()
    assert stored.question == "what colour is the circle ? [image] [audio]"
    assert [text for _, text in stored.answers] == shown.texts(".answer .text")
    assert stored.preferred == stored.answers[1][0]
    assert [each.get_attribute("aria-pressed") for each in shown.all(".rating button")] == ["false", "true", "false"]


def test_a_document_is_translated_and_downloaded(page, server, tmp_path):
    shown = page("translate")
    shown.browser.execute_cdp_cmd(
        "Browser.setDownloadBehavior", {"behavior": "allow", "downloadPath": str(tmp_path / "downloads")}
    )
    document = docx.Document()
    document.add_paragraph("the dog sees a cat")
    document.add_table(1, 1).cell(0, 0).text = "a red cat"
    document.save(tmp_path / "letter.docx")
    shown.one("option[value='>>fr<<']").click()
    shown.one(".document input").send_keys(str(tmp_path / "letter.docx"))
    (link,) = shown.wait(".downloads a")
    assert link.text == "Download letter.docx"
    link.click()
    written = tmp_path / "downloads" / "letter.docx"
    shown.until(written.exists)
    run = next(each.answerer.run for each in server.service.workers.values() if each.answerer.description.tags)
    expected = docx.Document(io.BytesIO(run.translate(tmp_path / "letter.docx", tag=">>fr<<")))
    found = docx.Document(written)
    assert (
        [each.text for each in found.paragraphs]
        == [each.text for each in expected.paragraphs]
        != ["the dog sees a cat"]
    )
    assert found.tables[0].cell(0, 0).text == expected.tables[0].cell(0, 0).text
    shown.one(".document input").send_keys(str(media_file(tmp_path, "notes.txt", b"\0binary")))
    shown.until(lambda: "as which it is named" in shown.one(".document .told").text)


def test_what_a_model_does_not_take_is_told(page, media):
    shown = page("translate")
    assert shown.all(".drop input[accept='image/*']") == []
    shown.one(ASK).click()
    assert shown.one("#problem").text == "Nothing is asked yet; give a text."
    shown = page("ask")
    shown.give("image", media_file(media[0].parent, "notes.txt", b"no picture"))
    assert shown.one(".drop .note").text == "notes.txt is no picture."
    shown.give("image", media_file(media[0].parent, "damaged.png", picture(0)[:40]))
    assert shown.one(".drop .note").text == "damaged.png cannot be read as a picture by this browser."


def test_an_error_of_the_server_is_a_sentence_in_the_card(page):
    shown = page("rewrite")
    shown.type("bad")
    shown.ask()
    assert shown.texts(".answer .error") == ["echo: it has no answer to that"]


def test_a_phone_offers_its_camera(page, media):
    shown = page("ask", PHONE)
    shown.browser.execute_cdp_cmd("Emulation.setTouchEmulationEnabled", {"enabled": True})
    try:
        shown.browser.refresh()
        shown.wait(LOADED)
        camera = shown.one("input[capture='environment']")
        assert (camera.get_attribute("accept"), camera.accessible_name) == ("image/*", "Camera")
        camera.send_keys(str(media[0]))
        shown.until(lambda: shown.one(".drop .note").text.startswith("photo.png, 32 × 32"))
    finally:
        shown.browser.execute_cdp_cmd("Emulation.setTouchEmulationEnabled", {"enabled": False})


def test_a_question_can_be_stopped(page, server):
    echo = server.service.workers["echo"].answerer
    echo.open.clear()
    try:
        shown = page("rewrite")
        shown.type("slow")
        shown.one(ASK).click()
        assert not shown.one(ASK).is_enabled()
        shown.one("#stop").click()
        shown.until(lambda: shown.texts(".answer .error") == ["Stopped."])
        shown.until(lambda: shown.one(ASK).is_enabled() and not shown.one("#stop").is_displayed())
    finally:
        echo.open.set()


def test_no_text_becomes_markup(page):
    shown = page("rewrite")
    shown.type("<img src=x onerror=alert(1)><b>bold</b>")
    shown.ask()
    assert "<b>bold</b>" in shown.one(".answer .text").text
    assert shown.all(".answer .text b, .answer .text img") == []
    assert shown.complaints() == []


def test_a_text_is_translated_into_the_chosen_language(page, server):
    shown = page("translate")
    assert shown.texts("option") == ["German (de)", "French (fr)"]
    shown.one("option[value='>>fr<<']").click()
    shown.type("the dog")
    shown.ask()
    worker = next(each for each in server.service.workers.values() if each.answerer.description.tags)
    expected = worker.answerer.answer([Question("the dog", tag=">>fr<<")])[0].text
    assert shown.script("return document.querySelector('.answer .text').textContent") == expected


def test_a_text_of_several_sentences_is_translated_as_a_document_is(page, server, tmp_path):
    shown = page("translate")
    text = "the dog sees a cat. a red cat.\nthe dog"
    shown.type(text)
    shown.ask()
    run = next(each.answerer.run for each in server.service.workers.values() if each.answerer.description.tags)
    expected = run.translate(media_file(tmp_path, "text.txt", text.encode()), tag=">>de<<")
    assert shown.script("return document.querySelector('.answer .text').textContent") == expected.rstrip()


def test_a_conversation_has_several_turns_and_can_start_anew(page, server):
    shown = page("chat")
    shown.listen()
    for text in ("a tea", "a mocha"):
        shown.type(text)
        shown.ask()
    assert len(shown.all(".said")) == len(shown.all(".reply")) == 2
    first, second = (each["messages"] for each in shown.script("return asked"))
    assert [each["role"] for each in second] == ["user", "assistant", "user"]
    assert second[0] == first[0] == {"role": "user", "content": "a tea"}
    assert second[1]["content"] == shown.script("return document.querySelector('.reply .text').textContent")
    assert shown.script("return document.activeElement.tagName") == "TEXTAREA"
    shown.one("#restart").click()
    assert shown.all(".said") == []


def test_a_recording_becomes_a_wav_that_is_answered(page):
    shown = page("ask")
    buttons = {button.text: button for button in shown.all(".drop button")}
    buttons["Record"].click()
    shown.until(lambda: "Recording" in " ".join(shown.texts(".drop .note")))
    shown.browser.execute_async_script("setTimeout(arguments[0], 1200)")
    buttons["Record"].click()
    shown.until(lambda: "The recording" in " ".join(shown.texts(".drop .note")))
    shown.listen()
    shown.ask()
    part = shown.script("return asked")[0]["messages"][0]["content"][0]["input_audio"]
    samples, rate = soundfile.read(io.BytesIO(base64.b64decode(part["data"])))
    assert (part["format"], rate) == ("wav", 16000)
    assert 0.3 < len(samples) / rate < 5
    assert abs(samples).max() > 0.01  # the device beeps once a second
    assert all("more than 0.32 s" in error for error in shown.texts(".answer .error"))  # the server has read it


@pytest.mark.parametrize(
    ("task", "size"), [("ask", DESKTOP), ("ask", PHONE), ("translate", DESKTOP), ("chat", DESKTOP), ("chat", PHONE)]
)
def test_every_control_has_a_name_and_is_reached_by_the_tab_key(page, task, size):
    from selenium.webdriver.common.action_chains import ActionChains
    from selenium.webdriver.common.keys import Keys

    shown = page(task, size)
    assert shown.script("return document.documentElement.scrollWidth <= innerWidth")
    controls = shown.script(
        """const all = [...document.querySelectorAll("a[href], button, input, select, textarea, summary, pre")]
             .filter((e) => e.checkVisibility() && !e.disabled && (e.type !== "radio" || e.checked));
           return all.map((e, i) => { e.dataset.number = i; return e.outerHTML.slice(0, 120); });"""
    )
    assert [controls[i] for i, each in enumerate(shown.all("[data-number]")) if not each.accessible_name] == []
    reached = []
    for _ in range(len(controls) + 3):
        ActionChains(shown.browser).send_keys(Keys.TAB).perform()
        number = shown.script("return document.activeElement.dataset.number")
        if number is not None:
            reached.append(int(number))
            assert shown.script(OUTLINED), controls[int(number)]
    assert [controls[i] for i in range(len(controls)) if i not in reached] == []
    assert reached[: len(controls)] == sorted(reached[: len(controls)])  # in the order of the page


def test_the_layout_does_not_shift_when_answers_come(page, media):
    shown = page("ask")
    shown.script(
        """window.shift = 0;
           new PerformanceObserver((list) => {
             for (const each of list.getEntries()) if (!each.hadRecentInput) shift += each.value;
           }).observe({ type: "layout-shift", buffered: true });"""
    )
    shown.give("image", media[0])
    shown.type("what colour is the circle ?")
    shown.ask()
    assert shown.script("return shift") < 0.1  # "good" of Core Web Vitals


def test_a_server_with_a_token_asks_for_it_and_one_that_is_gone_is_told(browser):
    with serving(Echo(), token="a-secret-of-the-test") as server:
        browser.get(server.address)
        shown = Page(browser)
        field = shown.until(lambda: next((each for each in shown.all("#token-value") if each.is_displayed()), None))
        field.send_keys("wrong\n")
        shown.until(lambda: shown.one("#token-note").text == "The server has another token.")
        field.clear()
        field.send_keys("a-secret-of-the-test\n")
        shown.wait(LOADED)
        shown.type("hello")
        shown.ask()
        assert shown.texts(".answer .text") == ["hello"]
        assert shown.script("return document.querySelector('#status').textContent") == "echo: hello"
    shown.ask()
    assert shown.texts(".answer .error") == ["The server does not answer; is interlace serve still running?"]


def test_settings_of_the_page(page):
    shown = page("ask", scheme="dark")
    dark = shown.script("return getComputedStyle(document.body).backgroundColor")
    shown.one("#theme").click()
    assert shown.script("return getComputedStyle(document.body).backgroundColor") != dark
    assert shown.one("#theme").get_attribute("aria-pressed") == "false"
    shown.script("localStorage.clear()")
    assert len(shown.all("h1")) == 1
