"""The page in a real browser: both languages, stop, hostile text, and no request to another host."""

from __future__ import annotations

import os
import re
import shutil
import socket
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest
import uvicorn
from playwright.sync_api import Browser, Page, expect, sync_playwright

from index.indexer import create_index
from tests.fake_site import (
    ARABIC_QUESTION,
    DECLINED_QUESTION,
    ENGLISH_QUESTION,
    ERROR_QUESTION,
    HOSTILE_QUESTION,
    LONG_QUESTION,
    PASSAGES,
    SLOW_QUESTION,
    TITLE_QUESTION,
    CannedAssistant,
    canned,
    site,
)
from tests.server_process import ServerProcess
from ui.config import UploadSettings
from ui.conversations.repository import StoredTurn, visitor_of
from ui.server.app import create_app
from ui.services import Services

pytestmark = pytest.mark.real

ARGUMENTS = [
    "--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-component-update",
    "--disable-sync", "--no-first-run", "--disable-quic", "--host-resolver-rules=MAP jawab.example 127.0.0.1",
]  # fmt: skip
FIELD = "#question textarea"
DONE = "#now-answer .turn:not([aria-busy])"


@dataclass
class Visit:
    """A page with its requests and its console errors."""

    page: Page
    address: str
    locale: str = "en-GB"
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
def site_of_page(assistant: CannedAssistant, tmp_path_factory: pytest.TempPathFactory) -> Services:
    return site(tmp_path_factory.mktemp("page"), assistant)


@pytest.fixture(scope="module")
def address(site_of_page: Services) -> Iterator[str]:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    app = create_app(site_of_page)
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
    """A visit in the language of the test's parameter (default English), checked for errors and external requests."""
    locale = getattr(request, "param", "en-GB")
    context = browser.new_context(locale=locale, viewport={"width": 1280, "height": 900})
    visit = Visit(context.new_page(), address, locale)
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
def test_arabic_question_on_arabic_page(visit: Visit) -> None:
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
    # In a line from right to left the first marker is to the right of the second.
    first, second = (page.locator("#now-answer .said .marker").nth(n).bounding_box() for n in (0, 1))
    assert first is not None and second is not None and first["x"] > second["x"]


def test_english_question_on_english_page(visit: Visit) -> None:
    page = visit.page
    expect(page.locator(FIELD)).to_be_focused()
    expect(page.locator(".example")).to_have_count(4)
    visit.ask(ENGLISH_QUESTION)
    expect(page.locator("#now-answer .said")).to_contain_text("About 2,500 American soldiers")
    expect(page.locator("#now-answer figcaption").first).to_contain_text("24 July 2021")
    expect(page.locator("#now-found details")).to_have_count(len(PASSAGES))
    expect(page.locator(FIELD)).to_have_value("")
    expect(page.locator("footer:not(.turn-actions)")).not_to_be_visible()
    assert visit.direction("#now-answer .said p") == "ltr"
    assert visit.direction("#now-answer .quotation blockquote") == "rtl"
    sizes = "['.phrase', '.said p', 'blockquote'].map(s => parseFloat(getComputedStyle(document.querySelector("
    phrase, said, quote = page.evaluate(sizes + "'#now-answer ' + s)).fontSize))")
    assert phrase > said > quote * 0.9


def test_arabic_answer_is_rtl_on_english_page(visit: Visit) -> None:
    visit.page.get_by_role("button", name=ENGLISH_QUESTION).click()
    visit.page.wait_for_selector(DONE)
    visit.ask(ARABIC_QUESTION)
    assert visit.direction("#now-answer .said p") == "rtl"
    assert visit.direction("#past .said p") == "ltr"
    expect(visit.page.locator("#past .question")).to_have_text(ENGLISH_QUESTION)


def test_passages_appear_before_answer_and_stay_open(visit: Visit) -> None:
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


def test_stop_button_cancels_answer(visit: Visit, assistant: CannedAssistant) -> None:
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


def test_closing_page_cancels_answer(browser: Browser, address: str, assistant: CannedAssistant) -> None:
    context = browser.new_context(locale="en-GB")
    visit = Visit(context.new_page(), address)
    visit.page.goto(address)
    visit.page.wait_for_selector("#opening p")
    visit.ask(SLOW_QUESTION, done="#now-answer .said")
    assistant.stopped_early.clear()
    context.close()
    assert assistant.stopped_early.wait(20)


def test_declined_answer_is_styled_like_answer(visit: Visit) -> None:
    visit.ask(ENGLISH_QUESTION)
    visit.ask(DECLINED_QUESTION)
    answered, declined = (visit.page.locator(f"{where} .said p").first for where in ("#past", "#now-answer"))
    script = "e => [e.getBoundingClientRect().x, getComputedStyle(e).fontSize, getComputedStyle(e).color]"
    assert answered.evaluate(script) == declined.evaluate(script)
    expect(visit.page.locator("#now-answer .near")).to_have_count(3)


def test_error_is_shown_in_place_of_answer(visit: Visit) -> None:
    visit.ask(ERROR_QUESTION)
    expect(visit.page.locator("#now-answer .said p")).to_contain_text("There is no index in /data/<index> yet")
    expect(visit.page.locator("#ask")).to_be_visible()


def test_hostile_text_is_escaped(visit: Visit) -> None:
    visit.ask(HOSTILE_QUESTION)
    visit.page.wait_for_timeout(300)
    assert "owned" not in visit.page.title()
    injected = "document.querySelectorAll('.turn img, .turn script, .turn iframe, .found img, .found script').length"
    assert visit.page.evaluate(injected) == 0
    expect(visit.page.locator("#now-answer .said")).to_contain_text("${document.title='owned'} {{value}} esrever")


def test_switching_language_keeps_conversation(visit: Visit) -> None:
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


def test_only_later_answers_scroll_to_top(visit: Visit) -> None:
    visit.ask(ENGLISH_QUESTION)
    assert visit.page.evaluate("[scrollY, document.documentElement.scrollHeight - innerHeight]") == [0, 0]
    visit.ask(ENGLISH_QUESTION)
    turn = visit.page.locator("#now-answer .turn[data-turn='2']")
    expect(turn).to_be_visible()
    assert 0 <= turn.evaluate("element => element.getBoundingClientRect().top") < 60


@pytest.mark.parametrize("visit", ["ar", "en-GB"], indirect=True)
def test_page_fits_phone_width(visit: Visit) -> None:
    visit.page.set_viewport_size({"width": 360, "height": 740})
    for question in (ARABIC_QUESTION, HOSTILE_QUESTION):
        visit.ask(question)
        assert visit.page.evaluate("document.documentElement.scrollWidth") <= 360
    field_box = visit.page.locator(FIELD).bounding_box()
    assert field_box is not None and field_box["y"] + field_box["height"] <= 740


@pytest.mark.parametrize("visit", ["ar", "en-GB"], indirect=True)
def test_passages_are_no_wider_than_question_field(visit: Visit) -> None:
    visit.page.set_viewport_size({"width": 1200, "height": 850})
    visit.ask(ENGLISH_QUESTION)
    found, field = (visit.page.locator(name).bounding_box() for name in ("#now-found .found", "#ask-row"))
    assert found and field and found["y"] > visit.page.locator("#now-answer .said").bounding_box()["y"]  # type: ignore[index]
    assert field["x"] <= found["x"] and found["x"] + found["width"] <= field["x"] + field["width"]


class TestArticlePane:
    @pytest.mark.parametrize("visit", ["en-GB", "ar"], indirect=True)
    def test_marker_opens_article_at_quotation(self, visit: Visit) -> None:
        page = visit.page
        visit.ask(ARABIC_QUESTION)
        page.locator("#now-answer .said a.marker").first.click()
        expect(page.locator("#article mark.exact")).to_have_text("حزيران/يونيو 2020")
        expect(page.locator("#article mark.exact")).to_be_in_viewport()
        expect(page.locator("#article h2")).to_be_focused()
        assert page.locator("#article h2").bounding_box()["y"] < 0  # type: ignore[index]
        assert visit.direction("#article .text") == "rtl"
        assert visit.direction("#article .origin") == ("rtl" if visit.locale == "ar" else "ltr")
        expect(page.locator("#article .ignored")).to_have_count(1)

    def test_title_quotation_opens_article_with_title_highlighted(self, visit: Visit) -> None:
        visit.ask(TITLE_QUESTION)
        visit.page.locator("#now-answer figcaption a.title").click()
        expect(visit.page.locator("#article h2 mark.exact")).to_have_text("Washington and Baghdad")
        expect(visit.page.locator("#article h2 mark.exact")).to_be_in_viewport()
        expect(visit.page.locator("#article .text mark")).to_have_count(0)

    def test_keyboard_opens_and_closes_pane_and_restores_focus(self, visit: Visit) -> None:
        page = visit.page
        visit.ask(ENGLISH_QUESTION)
        marker = page.locator("#now-answer .said a.marker").nth(1)
        marker.focus()
        expect(marker.locator(".peek")).to_be_visible()
        page.keyboard.press("Enter")
        expect(page.locator("#article mark.exact")).to_have_text("2,500")
        page.keyboard.press("Escape")
        expect(page.locator("#article")).to_be_hidden()
        expect(marker).to_be_focused()

    def test_article_of_same_story_opens_in_pane(self, visit: Visit) -> None:
        page = visit.page
        visit.ask(ENGLISH_QUESTION)
        page.locator("#now-answer figcaption a.title").first.click()
        page.locator("#article .same-story a").click()
        expect(page.locator("#article h2")).to_have_text("Washington and Baghdad discuss the future of US forces")
        page.locator("#article .close").click()
        expect(page.locator("#article")).to_be_hidden()

    def test_hovering_marker_shows_quotation(self, visit: Visit) -> None:
        visit.ask(ENGLISH_QUESTION)
        peek = visit.page.locator("#now-answer .said .peek").first
        expect(peek).to_be_hidden()
        visit.page.locator("#now-answer .said a.marker").first.hover()
        expect(peek).to_be_visible()
        assert visit.direction("#now-answer .said .peek") == "rtl"

    def test_pane_is_beside_chat_and_sheet_on_phone(self, visit: Visit) -> None:
        page = visit.page
        visit.ask(ENGLISH_QUESTION)
        page.locator("#now-answer .said a.marker").first.click()
        expect(page.locator("#article .text")).to_be_visible()
        pane, said = page.locator("#article").bounding_box(), page.locator("#now-answer .said").bounding_box()
        assert pane and said and said["x"] + said["width"] <= pane["x"]
        page.set_viewport_size({"width": 390, "height": 844})
        pane = page.locator("#article").bounding_box()
        assert pane and (pane["x"], pane["width"]) == (0, 390) and 100 < pane["y"] < 200

    def test_hostile_article_is_escaped(self, visit: Visit) -> None:
        page = visit.page
        visit.ask(HOSTILE_QUESTION)
        page.locator("#now-answer figcaption a.title").first.click()
        expect(page.locator("#article .text")).to_contain_text("<script>document.title='owned'</script>")
        page.wait_for_timeout(300)
        assert "owned" not in page.title()
        assert page.evaluate("document.querySelectorAll('#article :is(img, script, iframe, b, i, u)').length") == 0

    def test_passage_opens_at_its_position(self, visit: Visit) -> None:
        page = visit.page
        visit.ask(ENGLISH_QUESTION)
        page.locator("#now-found summary").nth(1).click()
        page.locator("#now-found details[open] a.open").click()
        expect(page.locator("#article mark.quoted").first).to_be_in_viewport()


class TestConversations:
    def test_conversation_is_listed_and_survives_reload(self, visit: Visit) -> None:
        page = visit.page
        expect(page.locator("#conversations")).to_contain_text("Conversations are kept here")
        visit.ask(ENGLISH_QUESTION)
        visit.ask(DECLINED_QUESTION)
        expect(page.locator("#conversations li a")).to_have_text([ENGLISH_QUESTION])
        expect(page.locator("#conversations [aria-current]")).to_have_count(1)
        page.reload()
        expect(page.locator("#past .question")).to_have_text([ENGLISH_QUESTION])
        expect(page.locator("#now-answer .question")).to_have_text(DECLINED_QUESTION)
        expect(page.locator("#welcome")).to_be_hidden()
        visit.ask(ARABIC_QUESTION)
        expect(page.locator("#past .question")).to_have_count(2)
        page.locator("#sidebar a.new").click()
        page.wait_for_selector("#opening p")
        expect(page.locator("#now-answer .turn")).to_have_count(0)
        page.locator("#conversations li a").click()
        expect(page.locator("#past .question")).to_have_count(2)

    def test_search_rename_delete_and_restore_by_keyboard(self, visit: Visit) -> None:
        page = visit.page
        for question in (ENGLISH_QUESTION, ARABIC_QUESTION):
            page.goto(visit.address)
            page.wait_for_selector("#opening p")
            visit.ask(question)
        expect(page.locator("#conversations li")).to_have_count(2)
        page.fill("#find", "الحوار الإستراتيجي")
        expect(page.locator("#conversations li a")).to_have_text([ARABIC_QUESTION])
        page.locator("#conversations .rename").focus()
        page.keyboard.press("Enter")
        page.keyboard.type("الحوار")
        page.keyboard.press("Enter")
        expect(page.locator("#conversations li a")).to_have_text(["الحوار"])
        page.locator("#conversations .delete").focus()
        page.keyboard.press("Enter")
        expect(page.locator("#conversations li")).to_have_count(0)
        expect(page.locator("#undo button")).to_be_focused()
        page.keyboard.press("Enter")
        expect(page.locator("#conversations li a")).to_have_text(["الحوار"])
        page.fill("#find", "")
        expect(page.locator("#conversations li")).to_have_count(2)

    def test_other_browser_cannot_see_conversation(self, visit: Visit, browser: Browser) -> None:
        visit.ask(ENGLISH_QUESTION)
        visit.page.wait_for_url("**/?c=*")
        context = browser.new_context(locale="en-GB")
        other = context.new_page()
        other.goto(visit.page.url)
        expect(other.locator("#opening p").first).to_be_visible()
        expect(other.locator("#past")).to_have_text("This conversation is not here; begin a new one below.")
        expect(other.locator(".turn")).to_have_count(0)
        expect(other.locator("#conversations li")).to_have_count(0)
        context.close()

    def test_last_question_can_be_retried_or_edited(self, visit: Visit) -> None:
        page = visit.page
        visit.ask(DECLINED_QUESTION)
        visit.ask(ENGLISH_QUESTION)
        page.click("#again")
        page.wait_for_selector("#now-answer .turn[aria-busy]")
        page.wait_for_selector(DONE)
        expect(page.locator("#past .question")).to_have_text([DECLINED_QUESTION])
        page.click("#edit")
        expect(page.locator(FIELD)).to_have_value(ENGLISH_QUESTION)
        expect(page.locator(FIELD)).to_be_focused()
        visit.ask(ARABIC_QUESTION)
        expect(page.locator("#past .question")).to_have_text([DECLINED_QUESTION])
        page.reload()
        expect(page.locator("#now-answer .question")).to_have_text(ARABIC_QUESTION)

    def test_sidebar_is_behind_button_on_phone(self, visit: Visit) -> None:
        page = visit.page
        page.set_viewport_size({"width": 390, "height": 844})
        expect(page.locator("#sidebar")).to_be_hidden()
        page.click("#menu")
        expect(page.locator("#sidebar a.new")).to_be_focused()
        page.keyboard.press("Escape")
        expect(page.locator("#sidebar")).to_be_hidden()
        expect(page.locator("#menu")).to_be_focused()

    @pytest.mark.parametrize("visit", ["ar"], indirect=True)
    def test_chosen_language_survives_reload(self, visit: Visit) -> None:
        page = visit.page
        expect(page.locator("#sidebar a.new")).to_have_text("سؤال جديد")
        page.click("#switch")
        expect(page.locator("#sidebar a.new")).to_have_text("New question")
        page.reload()
        expect(page.locator("#ask")).to_have_text("Ask")
        assert page.evaluate("document.documentElement.dir") == "ltr"


class TestAnswerActions:
    def test_copied_answer_includes_sources(self, visit: Visit) -> None:
        page = visit.page
        page.context.grant_permissions(["clipboard-read", "clipboard-write"])
        visit.ask(ENGLISH_QUESTION)
        button = page.locator("#now-answer .copy")
        button.click()
        expect(button).to_have_text("Copied")
        copied = page.evaluate("navigator.clipboard.readText()")
        assert copied.startswith(f"{ENGLISH_QUESTION}\n\nAbout 2,500") and "8 April 2021 · dw.com" in copied

    def test_verdict_is_saved_and_can_be_withdrawn(self, visit: Visit) -> None:
        page = visit.page
        visit.ask(ENGLISH_QUESTION)
        right, wrong = (page.locator(f"#now-answer [data-verdict={verdict}]") for verdict in ("good", "bad"))
        right.click()
        expect(right).to_have_attribute("aria-pressed", "true")
        wrong.click()
        expect(right).to_have_attribute("aria-pressed", "false")
        why = page.locator("#now-answer .why input")
        expect(why).to_be_focused()
        page.keyboard.type("It is of another year")
        page.keyboard.press("Enter")
        expect(page.locator("#now-answer .why [role=status]")).to_have_text("Kept on this computer.")
        page.reload()
        expect(wrong).to_have_attribute("aria-pressed", "true")
        expect(why).to_have_value("It is of another year")
        wrong.click()
        expect(why).to_be_hidden()

    @pytest.mark.parametrize("visit", ["ar", "en-GB"], indirect=True)
    def test_conversation_is_exported_in_three_formats(self, visit: Visit) -> None:
        page = visit.page
        visit.ask(ARABIC_QUESTION)
        for kind in ("md", "docx"):
            with page.expect_download() as download:
                page.click(f"#exports a[data-kind={kind}]")
            assert download.value.suggested_filename == f"jawab.{kind}"
            assert download.value.path().stat().st_size > 500
        with page.context.expect_page() as opened:
            page.click("#exports a[data-kind=html]")
        printed = opened.value
        expect(printed.locator("mark").first).to_have_text("حزيران/يونيو 2020")
        assert printed.evaluate("getComputedStyle(document.querySelector('blockquote')).direction") == "rtl"
        assert "rgb(253, 238, 163)" in printed.evaluate(
            "getComputedStyle(document.querySelector('mark')).backgroundColor"
        )


class TestArticleList:
    @pytest.fixture
    def page(self, visit: Visit) -> Page:
        visit.page.locator("#sidebar a.link").click()
        visit.page.wait_for_selector(".article-list")
        return visit.page

    def test_articles_are_searched_and_opened(self, page: Page) -> None:
        expect(page.locator(".article-list li")).to_have_count(3)
        page.fill(".wanted [name=words]", "Pentagon")
        page.keyboard.press("Enter")
        expect(page.locator(".article-list li")).to_have_count(1)
        page.locator(".article-list a").click()
        expect(page.locator("#article h2")).to_have_text("Washington and Baghdad discuss the future of US forces")
        page.keyboard.press("Escape")
        page.select_option(".wanted [name=language]", "ar")
        page.fill(".wanted [name=words]", "")
        page.locator(".wanted button").click()
        expect(page.locator(".article-list li")).to_have_count(1)
        assert "language=ar" in page.url

    def test_article_is_removed_and_restored_by_keyboard(self, page: Page) -> None:
        page.locator(".article-list .remove").first.focus()
        page.keyboard.press("Enter")
        expect(page.locator(".article-list li:visible")).to_have_count(2)
        expect(page.locator("#removed button")).to_be_focused()
        page.keyboard.press("Enter")
        expect(page.locator(".article-list li:visible")).to_have_count(3)
        page.reload()
        expect(page.locator(".article-list li")).to_have_count(3)

    @pytest.mark.parametrize("visit", ["ar"], indirect=True)
    def test_chosen_language_applies_to_list_and_chat(self, page: Page) -> None:
        assert page.evaluate("document.documentElement.dir") == "rtl"
        page.click("#switch")
        expect(page.locator("h1", has_text="Articles")).to_be_visible()
        page.locator("#sidebar a.new").click()
        expect(page.locator("#ask")).to_have_text("Ask")

    def test_hostile_titles_are_escaped(self, page: Page) -> None:
        expect(page.locator(".article-list a", has_text="<b>Bold</b> title")).to_be_visible()
        assert page.evaluate("document.querySelectorAll('.article-list :is(b, img, script, i, u)').length") == 0

    def test_list_fits_phone_width(self, page: Page) -> None:
        page.set_viewport_size({"width": 360, "height": 740})
        assert page.evaluate("document.documentElement.scrollWidth") <= 360


@pytest.mark.parametrize("visit", ["ar", "en-GB"], indirect=True)
def test_long_content_fits_any_width(visit: Visit) -> None:
    """An answer of 5,000 characters, words of 300 letters, and a title of 300."""
    page = visit.page
    visit.ask(LONG_QUESTION)
    for width in (360, 768, 1024, 1440):
        page.set_viewport_size({"width": width, "height": 800})
        assert page.evaluate("document.documentElement.scrollWidth") <= width
        said = page.locator("#now-answer .said").bounding_box()
        assert said is not None and said["x"] >= 0 and said["x"] + said["width"] <= width
        page.locator("#now-answer .said a.marker").click()
        expect(page.locator("#article h2")).to_be_visible()
        assert page.evaluate("document.documentElement.scrollWidth") <= width
        page.keyboard.press("Escape")


def test_conversation_of_hundred_questions_is_shown_completely(visit: Visit, site_of_page: Services) -> None:
    page = visit.page
    visit.ask(ENGLISH_QUESTION)
    page.wait_for_url("**/?c=*")
    cookie = next(one["value"] for one in page.context.cookies() if one["name"] == "jawab_visitor")
    conversation = page.url.partition("?c=")[2]
    for number in range(2, 101):
        kept = StoredTurn(number, f"{ENGLISH_QUESTION} ({number})", canned(ENGLISH_QUESTION))
        site_of_page.conversations.put(visitor_of(cookie), conversation, kept)
    page.reload()
    expect(page.locator("#now-answer .question")).to_have_text(f"{ENGLISH_QUESTION} (100)")
    expect(page.locator("#past .question").first).to_have_text(ENGLISH_QUESTION)
    expect(page.locator("#past .question")).to_have_count(99)
    assert page.evaluate("document.documentElement.scrollWidth") <= 1280
    visit.ask(DECLINED_QUESTION)
    expect(page.locator("#past .question")).to_have_count(100)


@pytest.mark.parametrize("visit", ["ar"], indirect=True)
def test_server_outage_is_shown_until_recovery(visit: Visit) -> None:
    page = visit.page
    page.route("**/health", lambda route: route.abort())
    expect(page.locator("#server-gone")).to_contain_text("أعد تشغيله", timeout=15_000)
    page.unroute("**/health")
    expect(page.locator("#server-gone")).to_be_hidden(timeout=10_000)
    visit.complaints.clear()


class TestUpload:
    @pytest.fixture
    def page(self, visit: Visit) -> Page:
        visit.page.goto(f"{visit.address}articles")
        visit.page.wait_for_selector(".upload")
        return visit.page

    @staticmethod
    def files(folder: Path, count: int) -> list[Path]:
        found = [folder / f"article {number}.txt" for number in range(count)]
        for file in found:
            file.write_text("Words.", encoding="utf-8")
        return found

    def test_chosen_files_are_uploaded_and_reported(self, page: Page, tmp_path: Path) -> None:
        unread = tmp_path / '<b>"picture".bin'
        unread.write_bytes(b"\0")
        page.set_input_files(".upload input[multiple]", [*self.files(tmp_path, 3), unread])
        expect(page.locator("#upload-status")).to_contain_text("Added 3, updated 0, unchanged 0; not read 1.")
        expect(page.locator("#upload-status .skipped")).to_have_text('Skipped <b>"picture".bin: it is not text.')
        expect(page.locator("#show-uploaded")).to_be_visible()
        expect(page.locator("#stop-upload")).to_be_hidden()

    @pytest.mark.parametrize("visit", ["ar"], indirect=True)
    def test_folder_upload_shows_progress_and_can_be_cancelled(self, page: Page, tmp_path: Path) -> None:
        self.files(tmp_path, 200)
        page.set_input_files(".upload input[webkitdirectory]", tmp_path)
        expect(page.locator("#upload-status progress")).to_be_visible()
        expect(page.locator("#upload-status")).to_contain_text("في الثانية. الثواني الباقية: نحو")
        page.click("#stop-upload")
        expect(page.locator("#upload-status")).to_contain_text("أُوقف، ولم يدخل منه شيء")
        expect(page.locator("#stop-upload")).to_be_hidden()

    def test_upload_is_retried_after_full_disk(self, page: Page, tmp_path: Path) -> None:
        (tmp_path / "full.txt").write_text("Words.", encoding="utf-8")
        page.set_input_files(".upload input[multiple]", [tmp_path / "full.txt"])
        expect(page.locator("#upload-status")).to_contain_text("is full; make room")
        expect(page.locator("#files-kept")).to_contain_text("this page still has your files")
        expect(page.locator("#stop-upload")).to_be_hidden()
        page.click("#retry-upload")
        expect(page.locator("#upload-status")).to_contain_text("Added 1")
        expect(page.locator("#retry-upload")).to_be_hidden()
        expect(page.locator("#files-kept")).to_be_hidden()
        expect(page.locator("#show-uploaded")).to_be_visible()

    def test_dropped_files_are_uploaded(self, page: Page) -> None:
        page.evaluate(
            """() => {
              const held = new DataTransfer();
              for (const name of ["one.txt", "two.txt"]) held.items.add(new File(["Words."], name));
              const how = { dataTransfer: held, bubbles: true, cancelable: true };
              for (const kind of ["dragover", "drop"]) document.body.dispatchEvent(new DragEvent(kind, how));
            }"""
        )
        expect(page.locator("#upload-status")).to_contain_text("Added 2")

    def test_upload_is_followed_after_reload(self, page: Page, tmp_path: Path) -> None:
        page.set_input_files(".upload input[multiple]", self.files(tmp_path, 60))
        expect(page.locator("[data-state=reading]")).to_be_visible()
        page.reload()
        expect(page.locator("#upload-status progress")).to_be_visible()
        page.set_input_files(".upload input[multiple]", self.files(tmp_path, 1))
        expect(page.locator("#upload-in-progress")).to_contain_text("wait until that is done, or stop it")
        expect(page.locator("#upload-status")).to_contain_text("Added 60")
        expect(page.locator("#upload-in-progress")).to_be_hidden()
        expect(page.locator("#stop-upload")).to_be_hidden()
        page.reload()
        expect(page.locator("#upload-status")).to_be_empty()

    def test_stopped_while_sending(self, page: Page, tmp_path: Path) -> None:
        send_slowly(page, 2_000_000)
        (tmp_path / "large.txt").write_bytes(b"x" * 20_000_000)
        page.set_input_files(".upload input[multiple]", [*self.files(tmp_path, 1), tmp_path / "large.txt"])
        expect(page.locator("#upload-status")).to_contain_text("files received (")
        page.click("#stop-upload")
        expect(page.locator("#upload-status")).to_contain_text("Stopped; nothing of it went in.")
        expect(page.locator("#stop-upload")).to_be_hidden()
        expect(page.locator("#retry-upload")).to_be_hidden()

    def test_refused_upload_is_explained(
        self, page: Page, visit: Visit, site_of_page: Services, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(site_of_page.jobs, "limits", UploadSettings(max_bytes=50_000_000))
        (tmp_path / "large.txt").write_bytes(b"x" * 90_000_000)
        page.set_input_files(".upload input[multiple]", [tmp_path / "large.txt"])
        expect(page.locator("#upload-status")).to_contain_text("more than can be uploaded at once")
        expect(page.locator("#retry-upload")).to_be_hidden()
        visit.complaints.clear()

    @pytest.mark.parametrize("state", ["receiving", "reading"])
    def test_upload_goes_on_after_server_crash(self, browser: Browser, tmp_path: Path, state: str) -> None:
        files = [tmp_path / f"article {number}.txt" for number in range(400)]
        for number, file in enumerate(files):
            file.write_text(f"The tram number {number} opened in May. " * 50, encoding="utf-8")
        create_index(tmp_path / "served" / "index")
        with ServerProcess(tmp_path / "served") as server:
            page = browser.new_page(locale="en-GB")
            page.goto(f"{server.address}/articles")
            if state == "receiving":
                send_slowly(page, 400_000)
            page.set_input_files(".upload input[multiple]", files)
            page.locator(f"[data-state={state}]").wait_for()
            server.kill()
            server.start()
            expect(page.locator("#upload-status")).to_contain_text(
                re.compile("Added 400, .* not read 0"), timeout=60_000
            )
            assert server.get("/v1/jobs")["total"] == 1 and server.get("/v1/articles")["total"] == 400
            page.close()


def send_slowly(page: Page, bytes_per_second: int) -> None:
    limits = {"offline": False, "latency": 0, "downloadThroughput": -1, "uploadThroughput": bytes_per_second}
    page.context.new_cdp_session(page).send("Network.emulateNetworkConditions", limits)


class TestCharts:
    @pytest.fixture
    def page(self, visit: Visit) -> Page:
        visit.page.goto(f"{visit.address}articles")
        visit.page.locator("a[href='/articles/charts']").click()
        visit.page.wait_for_selector("#map .point")
        return visit.page

    def test_map_point_shows_details_and_opens_article(self, page: Page) -> None:
        # Two of the names contain hostile text, none of which becomes a link.
        expect(page.locator("#map .annotation")).to_have_count(2)
        expect(page.locator("#map .annotation").nth(1)).to_contain_text("<b>bold</b>, <a href=")
        assert page.locator("#map a").count() == 0
        page.locator(".frame").scroll_into_view_if_needed()
        box = page.locator("#map .point").nth(1).bounding_box()
        assert box
        page.mouse.move(box["x"] + 5, box["y"] + 5)
        expect(page.locator("#card b")).to_have_text("Washington and Baghdad discuss the future of US forces")
        expect(page.locator("#card span")).to_have_text("8 April 2021 · dw.com")
        page.mouse.click(box["x"] + 5, box["y"] + 5)
        expect(page.locator("#article h2")).to_have_text("Washington and Baghdad discuss the future of US forces")

    def test_bar_links_to_its_articles(self, page: Page) -> None:
        boxes = [bar.bounding_box() for bar in page.locator("#time .point path").all()]
        bar = next(box for box in boxes if box and box["height"] > 10)
        page.mouse.click(bar["x"] + bar["width"] / 2, bar["y"] + bar["height"] / 2)
        page.wait_for_url("**/articles?since=*")

    def test_charts_are_keyboard_accessible(self, page: Page) -> None:
        page.locator(".table summary").focus()
        page.keyboard.press("Enter")
        expect(page.locator("td").first).to_be_visible()
        page.locator(".topics a").first.focus()
        page.keyboard.press("Enter")
        expect(page.locator("#article h2")).to_be_visible()

    @pytest.mark.parametrize("visit", ["ar"], indirect=True)
    def test_time_axis_follows_text_direction(self, page: Page) -> None:
        april = page.locator("#time .xtick", has_text="نيسان").bounding_box()
        july = page.locator("#time .xtick", has_text="تموز").bounding_box()
        assert april and july and april["x"] > july["x"]
        expect(page.locator("#map .annotation").first).to_contain_text("القوات، بغداد")

    def test_charts_fit_phone_width(self, page: Page) -> None:
        page.set_viewport_size({"width": 360, "height": 740})
        page.reload()
        page.wait_for_selector("#map .point")
        assert page.evaluate("document.documentElement.scrollWidth") <= 360


def test_api_docs_load_without_external_requests(visit: Visit) -> None:
    visit.page.goto(f"{visit.address}docs")
    visit.page.wait_for_selector(".opblock")
    expect(visit.page.locator(".opblock-summary-path", has_text="/v1/ask").first).to_be_visible()


class TestCollections:
    """Last in this file: from here on there is more than one collection."""

    def test_collection_is_created_switched_removed_and_restored(self, visit: Visit) -> None:
        page = visit.page
        page.goto(f"{visit.address}articles")
        expect(page.locator("#collections")).to_have_count(0)
        page.locator(".collections summary").click()
        page.locator("form[data-do=make] input").fill("Cooking <b>")
        page.keyboard.press("Enter")
        expect(page.locator("h1[dir=auto]")).to_have_text("Cooking <b>")
        page.locator("#sidebar .new").click()
        page.wait_for_selector("#opening p")
        chosen = page.locator("#collections select")
        expect(chosen.locator("option:checked")).to_have_text("Cooking <b>")
        visit.ask(ENGLISH_QUESTION)
        page.locator("#now-answer a.marker").first.click()
        expect(page.locator("#article h2")).to_be_visible()
        chosen.select_option(label="Articles")
        page.wait_for_selector("#opening p")
        expect(chosen.locator("option:checked")).to_have_text("Articles")
        page.locator("#conversations a", has_text=ENGLISH_QUESTION).first.click()
        page.wait_for_selector(DONE)
        expect(chosen.locator("option:checked")).to_have_text("Cooking <b>")
        asked = page.url
        page.goto(f"{visit.address}articles")
        page.locator(".collections summary").click()
        page.locator("[data-do=remove]").click()
        page.locator("#collection-gone button").click()
        expect(page.locator("h1[dir=auto]")).to_have_text("Cooking <b>")
        page.locator(".collections summary").click()
        page.locator("[data-do=remove]").click()
        expect(page.locator("#collection-gone")).to_be_visible()
        page.goto(asked)
        expect(page.locator("#past .gone")).to_contain_text("This collection was removed")
        visit.ask("And now?")
        expect(page.locator("#now-answer")).to_contain_text("This collection was removed")

    @pytest.mark.parametrize("visit", ["ar"], indirect=True)
    def test_collections_menu_is_in_arabic(self, visit: Visit) -> None:
        visit.page.goto(f"{visit.address}articles")
        visit.page.locator(".collections summary").click()
        expect(visit.page.locator(".collections")).to_contain_text("تُسأل كل مجموعة وحدها")
