"""Accessibility of the pages under axe-core, WCAG 2.2 AA: no serious violation in Arabic (light) or English (dark)."""

from __future__ import annotations

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page

from tests.fake_site import ARABIC_QUESTION, DECLINED_QUESTION, ENGLISH_QUESTION
from tests.test_page import DONE, FIELD, address, assistant, browser, site_of_page

__all__ = ["address", "assistant", "browser", "site_of_page"]

pytestmark = pytest.mark.real

RULES = {
    "runOnly": {"type": "tag", "values": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]}
}


def serious(page: Page) -> list[str]:
    """The serious and critical violations that axe finds, each with the HTML of its element."""
    found = Axe().run(page, options=RULES).response["violations"]
    return [
        f"{one['id']} ({one['impact']}): {one['nodes'][0]['html'][:120]} {one['nodes'][0]['failureSummary'][:200]}"
        for one in found
        if one["impact"] in ("serious", "critical")
    ]


def ask(page: Page, question: str) -> None:
    page.fill(FIELD, question)
    page.press(FIELD, "Enter")
    page.locator("#now-answer .question", has_text=question).wait_for()
    page.wait_for_selector(DONE)


# Colours and language are independent of each other, so two of the four combinations are enough.
@pytest.mark.parametrize(("locale", "scheme"), [("ar", "light"), ("en-GB", "dark")])
def test_axe_reports_no_serious_accessibility_violations(
    browser: Browser, address: str, locale: str, scheme: str
) -> None:
    context = browser.new_context(locale=locale, color_scheme=scheme, viewport={"width": 1280, "height": 900})  # type: ignore[arg-type]
    page = context.new_page()
    page.set_default_timeout(15_000)
    page.goto(address)
    page.wait_for_selector("#opening p")
    found = {"the opening": serious(page)}
    ask(page, ENGLISH_QUESTION)
    ask(page, ARABIC_QUESTION)
    page.locator("#now-answer .confidence summary").click()
    page.locator("#now-answer [data-verdict=bad]").click()
    page.wait_for_selector("#now-answer .why input")
    found["answers"] = serious(page)
    page.locator("#now-answer .said a.marker").first.click()
    page.wait_for_selector("#article h2")
    found["the article"] = serious(page)
    page.keyboard.press("Escape")
    ask(page, DECLINED_QUESTION)
    found["a declined answer"] = serious(page)
    page.set_viewport_size({"width": 390, "height": 844})
    page.click("#menu")
    found["the list on a phone"] = serious(page)
    page.goto(f"{address}articles")
    page.wait_for_selector(".article-list")
    found["the collection"] = serious(page)
    page.locator(".collections summary").click()
    found["collections"] = serious(page)
    page.goto(f"{address}articles/charts")
    page.wait_for_selector("#map .point")
    found["the charts"] = serious(page)
    context.close()
    assert {where: what for where, what in found.items() if what} == {}
