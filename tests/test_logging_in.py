"""Login and logout in a real browser, at a host that it trusts (loopback) and at one that it does not."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser

from tests.asgi_server import listening
from tests.fake_site import site
from tests.test_accessible import serious
from tests.test_page import browser
from ui.auth.middleware import AccessPolicy
from ui.server.app import create_app

__all__ = ["browser"]

pytestmark = pytest.mark.real
PASSWORD = "كلمة سر طويلة"


@pytest.fixture(scope="module")
def guarded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with listening(create_app(site(tmp_path_factory.mktemp("page")), AccessPolicy(PASSWORD, asks=True))) as address:
        yield address


@pytest.mark.parametrize("host", ["127.0.0.1", "jawab.example"])
@pytest.mark.parametrize(("locale", "scheme"), [("ar", "light"), ("en-GB", "dark")])
def test_login_and_logout_work_and_are_accessible(
    browser: Browser, guarded: str, host: str, locale: str, scheme: str
) -> None:
    context = browser.new_context(locale=locale, color_scheme=scheme, viewport={"width": 1280, "height": 900})  # type: ignore[arg-type]
    page = context.new_page()
    page.set_default_timeout(15_000)
    page.goto(guarded.replace("127.0.0.1", host))
    found = {"the login": serious(page)}
    page.fill("#password", PASSWORD)
    page.press("#password", "Enter")
    page.wait_for_selector("#opening p")
    found["the page"] = serious(page)
    page.set_viewport_size({"width": 390, "height": 844})
    page.click("#menu")
    found["the list on a phone"] = serious(page)
    page.click("#sidebar .leave button")
    page.wait_for_selector("#password")
    assert page.url.endswith("/login")
    context.close()
    assert {where: what for where, what in found.items() if what} == {}
