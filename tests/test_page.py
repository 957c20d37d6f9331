"""The page in a real browser: both languages, stop, hostile text, and not one request to another host."""

from __future__ import annotations

import os
import shutil
import socket
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field

import pytest
import uvicorn
from playwright.sync_api import Browser, Page, expect, sync_playwright

from tests.page_assistant import (
    ARABIC_QUESTION,
    DECLINED_QUESTION,
    ENGLISH_QUESTION,
    ERROR_QUESTION,
    HOSTILE_QUESTION,
    PASSAGES,
    SLOW_QUESTION,
    CannedAssistant,
    site,
)
from ui.web.server import create_app

pytestmark = pytest.mark.real

ARGUMENTS = [
    "--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-component-update",
    "--disable-sync", "--no-first-run", "--disable-quic",
]  # fmt: skip
FIELD = "#question textarea"
DONE = "#now-answer .turn:not([aria-busy])"


@dataclass
class Visit:
    """A page together with everything it asked for and complained of."""

    page: Page
    address: str
    requested: list[str] = field(default_factory=list)
    complaints: list[str] = field(default_factory=list)

    def ask(self, question: str, done: str = DONE) -> None:
        self.page.fill(FIELD, question)
        self.page.press(FIELD, "Enter")
        self.page.locator("#now-answer .question", has_text=question).wait_for()
        self.page.wait_for_selector(done)

    def direction(self, selector: str) -> str:
        return str(self.page.locator(selector).first.evaluate("element => getComputedStyle(element).direction"))


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    chromium = shutil.which("chromium")
    if chromium is None:
        message = "these tests need the Debian package chromium: apt-get install chromium fonts-noto-core"
        if os.environ.get("CI"):
            pytest.fail(message)
        pytest.skip(message)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=ARGUMENTS)
        yield browser
        browser.close()


@pytest.fixture(scope="module")
def assistant() -> CannedAssistant:
    return CannedAssistant(pause=0.03)


@pytest.fixture(scope="module")
def address(assistant: CannedAssistant, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    app = create_app(site(tmp_path_factory.mktemp("page"), assistant))
    settings = uvicorn.Config(app, "127.0.0.1", port, log_level="warning", timeout_graceful_shutdown=1)
    server = uvicorn.Server(settings)
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    deadline = time.monotonic() + 30
    while not server.started:
        assert thread.is_alive() and time.monotonic() < deadline
        time.sleep(0.05)
    yield f"http://127.0.0.1:{port}/"
    server.should_exit = True
    thread.join(10)


@pytest.fixture
def visit(browser: Browser, address: str, request: pytest.FixtureRequest) -> Iterator[Visit]:
    """A visit in the language of the test's parameter (English without one); afterwards the page must be clean."""
    locale = getattr(request, "param", "en-GB")
    context = browser.new_context(locale=locale, viewport={"width": 1280, "height": 900})
    visit = Visit(context.new_page(), address)
    visit.page.set_default_timeout(15_000)
    visit.page.on("request", lambda asked: visit.requested.append(asked.url))
    visit.page.on("console", lambda said: visit.complaints.append(said.text) if said.type == "error" else None)
    visit.page.on("pageerror", lambda error: visit.complaints.append(str(error)))
    visit.page.goto(address)
    visit.page.wait_for_selector("#opening p")
    yield visit
    context.close()
    assert len(visit.requested) > 5
    assert [url for url in visit.requested if not url.startswith((address, "data:", "blob:"))] == []
    assert visit.complaints == []


@pytest.mark.parametrize("visit", ["ar"], indirect=True)
def test_an_arabic_question_on_an_arabic_page(visit: Visit) -> None:
    page = visit.page
    assert page.evaluate("[document.documentElement.lang, document.documentElement.dir]") == ["ar", "rtl"]
    expect(page.locator("#opening")).to_contain_text("24 مقالاً بالعربية والإنجليزية")
    visit.ask(ARABIC_QUESTION)
    expect(page.locator("#now-answer .phrase")).to_have_text("حزيران/يونيو 2020")
    expect(page.locator("#now-answer .said")).to_contain_text("عُقدت الجولة الأولى من الحوار الاستراتيجي")
    expect(page.locator("#now-answer .quotation")).to_have_count(2)
    expect(page.locator("#now-answer figcaption").first).to_contain_text("24 تموز/يوليو 2021")
    assert visit.direction("#now-answer .said p") == "rtl"
    assert visit.direction("#now-answer .quotation:nth-of-type(2) blockquote") == "ltr"
    # In a line from right to left the first marker stands to the right of the second.
    first, second = (page.locator("#now-answer .said .marker").nth(n).bounding_box() for n in (0, 1))
    assert first is not None and second is not None and first["x"] > second["x"]


def test_an_english_question_on_an_english_page(visit: Visit) -> None:
    page = visit.page
    expect(page.locator(FIELD)).to_be_focused()
    expect(page.locator(".example")).to_have_count(4)
    visit.ask(ENGLISH_QUESTION)
    expect(page.locator("#now-answer .said")).to_contain_text("About 2,500 American soldiers")
    expect(page.locator("#now-answer figcaption").first).to_contain_text("24 July 2021")
    expect(page.locator("#now-found details")).to_have_count(len(PASSAGES))
    expect(page.locator(FIELD)).to_have_value("")
    expect(page.locator("footer")).not_to_be_visible()
    assert visit.direction("#now-answer .said p") == "ltr"
    assert visit.direction("#now-answer .quotation blockquote") == "rtl"
    sizes = "['.phrase', '.said p', 'blockquote'].map(s => parseFloat(getComputedStyle(document.querySelector("
    phrase, said, quote = page.evaluate(sizes + "'#now-answer ' + s)).fontSize))")
    assert phrase > said > quote * 0.9


def test_an_arabic_answer_reads_right_on_an_english_page_and_the_first_answer_stays(visit: Visit) -> None:
    visit.page.get_by_role("button", name=ENGLISH_QUESTION).click()
    visit.page.wait_for_selector(DONE)
    visit.ask(ARABIC_QUESTION)
    assert visit.direction("#now-answer .said p") == "rtl"
    assert visit.direction("#past .said p") == "ltr"
    expect(visit.page.locator("#past .question")).to_have_text(ENGLISH_QUESTION)


def test_passages_come_before_the_answer_is_written_and_stay_open(visit: Visit) -> None:
    page = visit.page
    visit.ask(SLOW_QUESTION, done="#now-found details")
    page.locator("#now-found summary").nth(1).click()
    page.type(FIELD, "typed meanwhile")
    before = page.locator("#now-answer .said").inner_text()
    page.wait_for_function(
        "n => document.querySelector('#now-answer .said').innerText.length > n", arg=len(before) + 40
    )
    assert page.locator("#now-found details").nth(1).get_attribute("open") is not None
    expect(page.locator("#now-found .passage").nth(1)).to_be_visible()
    expect(page.locator(FIELD)).to_have_value("typed meanwhile")
    page.click("#stop")
    page.wait_for_selector(DONE)


def test_stop_stops_the_page_and_the_assistant(visit: Visit, assistant: CannedAssistant) -> None:
    page = visit.page
    for turn in range(3):
        assistant.stopped_early.clear()
        visit.ask(f"{SLOW_QUESTION}", done="#now-answer .said")
        page.wait_for_timeout(100 + 70 * turn)
        page.click("#stop")
        page.wait_for_selector(DONE)
        assert assistant.stopped_early.wait(5)
        expect(page.locator("#ask")).to_be_visible()
        expect(page.locator("#now-answer .note")).to_have_text("Stopped here.")
        expect(page.locator("#now-answer .said")).to_contain_text("word0 word1")
        told, shown = assistant.tokens, page.locator("#now-answer").inner_text()
        page.wait_for_timeout(300)
        assert (assistant.tokens, page.locator("#now-answer").inner_text()) == (told, shown)
    visit.ask(ENGLISH_QUESTION)
    expect(page.locator("#now-answer .phrase")).to_have_text("2,500")


def test_closing_the_page_stops_the_assistant(browser: Browser, address: str, assistant: CannedAssistant) -> None:
    context = browser.new_context(locale="en-GB")
    visit = Visit(context.new_page(), address)
    visit.page.goto(address)
    visit.page.wait_for_selector("#opening p")
    visit.ask(SLOW_QUESTION, done="#now-answer .said")
    assistant.stopped_early.clear()
    context.close()
    assert assistant.stopped_early.wait(20)


def test_a_declined_answer_stands_where_answers_stand(visit: Visit) -> None:
    visit.ask(ENGLISH_QUESTION)
    visit.ask(DECLINED_QUESTION)
    answered, declined = (visit.page.locator(f"{where} .said p").first for where in ("#past", "#now-answer"))
    script = "e => [e.getBoundingClientRect().x, getComputedStyle(e).fontSize, getComputedStyle(e).color]"
    assert answered.evaluate(script) == declined.evaluate(script)
    expect(visit.page.locator("#now-answer .near")).to_have_count(3)


def test_an_error_is_a_calm_sentence_in_the_answers_place(visit: Visit) -> None:
    visit.ask(ERROR_QUESTION)
    expect(visit.page.locator("#now-answer .said p")).to_contain_text("There is no index in /data/<index> yet")
    expect(visit.page.locator("#ask")).to_be_visible()


def test_strangers_text_does_nothing(visit: Visit) -> None:
    visit.ask(HOSTILE_QUESTION)
    visit.page.wait_for_timeout(300)
    assert "owned" not in visit.page.title()
    injected = "document.querySelectorAll('.turn img, .turn script, .turn iframe, .found img, .found script').length"
    assert visit.page.evaluate(injected) == 0
    expect(visit.page.locator("#now-answer .said")).to_contain_text("${document.title='owned'} {{value}} esrever")


def test_the_page_changes_its_language_and_keeps_the_conversation(visit: Visit) -> None:
    page = visit.page
    visit.ask(ENGLISH_QUESTION)
    visit.ask(DECLINED_QUESTION)
    page.click("#switch")
    expect(page.locator("html")).to_have_attribute("dir", "rtl")
    expect(page.locator("#ask")).to_have_text("اسأل")
    for where in ("#past", "#now"):
        said, passages = (page.locator(f"{where} {part}").first.bounding_box() for part in (".turn", ".found"))
        assert said is not None and passages is not None and said["x"] > passages["x"] + passages["width"], where
    expect(page.locator("#past .phrase")).to_have_text("2,500")
    page.click("#switch")
    expect(page.locator("html")).to_have_attribute("dir", "ltr")


def test_the_first_answer_leaves_the_page_where_it_is_and_the_next_comes_to_the_top(visit: Visit) -> None:
    visit.ask(ENGLISH_QUESTION)
    assert visit.page.evaluate("[scrollY, document.documentElement.scrollHeight - innerHeight]") == [0, 0]
    visit.ask(ENGLISH_QUESTION)
    turn = visit.page.locator("#now-answer .turn[data-turn='2']")
    expect(turn).to_be_visible()
    assert 0 <= turn.evaluate("element => element.getBoundingClientRect().top") < 60


def test_a_marker_leads_to_its_quotation_without_leaving_the_page(visit: Visit) -> None:
    visit.ask(ENGLISH_QUESTION)
    visit.page.locator("#now-answer a.marker").nth(1).click()
    assert visit.page.url == visit.address + "#turn-1-quotation-2"
    expect(visit.page.locator("#now-answer .quotation").nth(1)).to_be_in_viewport()


@pytest.mark.parametrize("visit", ["ar", "en-GB"], indirect=True)
def test_a_phone_shows_everything_within_its_width(visit: Visit) -> None:
    visit.page.set_viewport_size({"width": 360, "height": 740})
    for question in (ARABIC_QUESTION, HOSTILE_QUESTION):
        visit.ask(question)
        assert visit.page.evaluate("document.documentElement.scrollWidth") <= 360
    field_box = visit.page.locator(FIELD).bounding_box()
    assert field_box is not None and field_box["y"] + field_box["height"] <= 740
