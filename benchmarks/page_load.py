"""Page load time: `python -m benchmarks.page_load http://127.0.0.1:7860/ [--times 7]`.

Of a running server, in Debian's Chromium without a cache, medians in milliseconds: first paint, until the field can be
typed into, how much the page shifted (cumulative layout shift), and what came over the wire. Figures are saved under
benchmarks/results. Needs the `dev` dependencies.
"""

from __future__ import annotations

import argparse
import json
import shutil
import statistics
import time
from pathlib import Path
from typing import Any

from playwright.sync_api import Browser, sync_playwright

SHIFTS = """() => { window.shifted = 0; new PerformanceObserver(list => {
  for (const entry of list.getEntries()) if (!entry.hadRecentInput) window.shifted += entry.value;
}).observe({ type: "layout-shift", buffered: true }); }"""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("url")
    parser.add_argument("--times", type=int, default=7)
    parser.add_argument("--out", type=Path, default=Path("benchmarks/results/page_load.json"))
    given = parser.parse_args()
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=["--no-sandbox"])
        figures = {
            name: medians([visit(browser, given.url + path, ready) for _ in range(given.times)])
            for name, path, ready in (("chat", "", "#question textarea"), ("collection", "articles", ".article-list"))
        }
        browser.close()
    given.out.write_text(json.dumps(figures, indent=2) + "\n")
    print(json.dumps(figures, indent=2))


def visit(browser: Browser, url: str, ready: str) -> dict[str, float]:
    context = browser.new_context(locale="ar", viewport={"width": 1280, "height": 900})
    page = context.new_page()
    received: list[int] = []
    page.on("response", lambda response: received.append(int(response.headers.get("content-length", 0))))
    start = time.perf_counter()
    page.goto(url, wait_until="commit")
    page.evaluate(SHIFTS)
    page.wait_for_selector(ready)
    usable = (time.perf_counter() - start) * 1000
    page.wait_for_timeout(1500)
    paints: list[dict[str, Any]] = page.evaluate("performance.getEntriesByType('paint').map(e => e.toJSON())")
    figures = {paint["name"]: paint["startTime"] for paint in paints}
    figures |= {"usable": usable, "shift": page.evaluate("window.shifted")}
    figures |= {"requests": len(received), "bytes with a length": sum(received)}
    context.close()
    return figures


def medians(visits: list[dict[str, float]]) -> dict[str, float]:
    return {name: round(statistics.median(one[name] for one in visits), 3) for name in visits[0]}


if __name__ == "__main__":
    main()
