"""Pictures of the pages with answers in them: `benchmarks/screenshots.py http://127.0.0.1:7860/ docs`.

The server must already be running. Needs Debian's chromium (`apt-get install chromium`) and the `dev` dependencies.
Writes chat-ar.png and chat-en.png, article-ar.png and article-en.png (the article beside its answer, the quotation
marked), collection-ar.png and collection-en.png, map-ar.png and map-en.png.
"""

from __future__ import annotations

import argparse
import shutil
import sys
from pathlib import Path

from playwright.sync_api import Browser, sync_playwright

ARABIC = "من قادت الرحلة الأولى للترام في مرسى نورس؟"
ENGLISH = "How many US troops remain in Iraq?"
ARGUMENTS = [
    "--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-component-update",
    "--disable-sync", "--no-first-run", "--disable-quic",
]  # fmt: skip


def main() -> int:
    """Asks one question in each language and photographs the finished answers."""
    options = parse(sys.argv[1:])
    chromium = shutil.which("chromium")
    if chromium is None:
        print("There is no chromium here; install it with: apt-get install chromium fonts-noto-core", file=sys.stderr)
        return 1
    options.folder.mkdir(parents=True, exist_ok=True)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=ARGUMENTS)
        for language, locale, question in (("ar", "ar", options.arabic), ("en", "en-GB", options.english)):
            photograph(browser, options, locale, question, language)
        browser.close()
    return 0


def parse(arguments: list[str]) -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("url", metavar="URL", help="address of the running page")
    parser.add_argument("folder", metavar="OUT_DIR", type=Path, help="folder for the pictures")
    parser.add_argument("--arabic", default=ARABIC, help="the Arabic question (default: %(default)s)")
    parser.add_argument("--english", default=ENGLISH, help="the English question (default: %(default)s)")
    parser.add_argument("--dark", action="store_true", help="photograph the dark page")
    parser.add_argument("--timeout", type=float, default=180, help="seconds to wait for an answer (default: 180)")
    return parser.parse_args(arguments)


def photograph(browser: Browser, options: argparse.Namespace, locale: str, question: str, language: str) -> None:
    """One visit: ask, wait for the whole answer, open its article, look at the collection; a picture of each."""

    def take(name: str) -> None:
        page.wait_for_timeout(400)
        target = options.folder / f"{name}-{language}.png"
        page.screenshot(path=target)
        print(target)

    context = browser.new_context(
        locale=locale,
        viewport={"width": 1280, "height": 900},
        color_scheme="dark" if options.dark else "light",
        reduced_motion="reduce",
    )
    page = context.new_page()
    page.set_default_timeout(options.timeout * 1000)
    page.goto(options.url)
    page.wait_for_selector("#opening p")
    page.fill("#question textarea", question)
    page.press("#question textarea", "Enter")
    page.wait_for_selector("#now-answer .turn:not([aria-busy])")
    page.wait_for_selector("#ask")
    take("chat")
    page.locator("#now-answer .said a.marker").first.click()
    page.wait_for_selector("#article mark")
    page.mouse.move(0, 0)
    take("article")
    page.goto(f"{options.url.rstrip('/')}/articles")
    page.wait_for_selector(".article-list")
    take("collection")
    page.goto(f"{options.url.rstrip('/')}/articles/charts")
    page.wait_for_selector("#map .point")
    page.wait_for_selector(".topics")
    page.locator("#map").scroll_into_view_if_needed()
    page.evaluate("scrollTo(0, document.querySelector('#map').getBoundingClientRect().top + scrollY - 80)")
    take("map")
    context.close()


if __name__ == "__main__":
    sys.exit(main())
