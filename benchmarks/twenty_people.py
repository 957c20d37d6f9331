"""Twenty people ask at once, over 50,000 passages: what each of them sees, and whether the page stays quick.

    python benchmarks/twenty_people.py --work FOLDER [--people 20] [--passages 50000]

A real server with the real models, over the sample articles and as many other passages as are asked for: their words
are drawn from the samples by Zipf's law and their vectors made to lie as real ones do (`benchmarks/growth.py`), so that
only the sample articles answer. Each of the people is a page in a real browser (Debian's chromium); all run on this
same machine. Their questions are those of the samples, sent within a second; while they wait, somebody else opens the
pages again and again.

Saves figures under benchmarks/results. Needs `make setup models` and chromium.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import shutil
import statistics
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.growth import DIMENSION, Vectors, fill
from index.build import update
from index.finding.vector_file import compact
from index.storage.catalog import matrix
from index.storage.writing import writing
from ui.app import App
from ui.settings import load_settings

PORT = 7877
ADDRESS = f"http://127.0.0.1:{PORT}/"
RESULTS = Path("benchmarks/results/twenty-people.json")
PATIENCE_MS = 900_000
WATCH = """() => new Promise((done) => {
  const began = performance.now(), seen = {places: [], problem: ""};
  const look = () => {
    const now = performance.now() - began, turn = document.querySelector("#now-answer .turn");
    if (!turn) return;
    if (!seen.passages && document.querySelector("#now-found li")) seen.passages = now;
    if (!seen.phrase && turn.querySelector(".phrase")) seen.phrase = now;
    for (const note of turn.querySelectorAll(".note")) {
      const text = note.textContent;
      if (!seen.places.some(([said]) => said === text)) seen.places.push([text, now]);
    }
    if (turn.hasAttribute("aria-busy")) return;
    clearInterval(timer);
    seen.done = now;
    seen.said = turn.querySelector(".said") ? turn.querySelector(".said").textContent : "";
    seen.quotations = turn.querySelectorAll(".quotation").length;
    seen.near = turn.querySelectorAll(".near").length;
    done(seen);
  };
  const timer = setInterval(look, 50);
})"""
"""What a page shows from now until its answer is there, each with when it was first seen, in milliseconds."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--work", type=Path, required=True)
    parser.add_argument("--people", type=int, default=20)
    parser.add_argument("--passages", type=int, default=50_000)
    given = parser.parse_args()
    index = build(given.work, given.passages)
    server = serve(index, given.work)
    try:
        figures = asyncio.run(everybody(given.people, given.passages))
        figures["server_peak_mb"] = peak_memory(server.pid)
    finally:
        server.terminate()
        server.wait(30)
    RESULTS.write_text(json.dumps(figures, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
    print(json.dumps(figures, indent=2, ensure_ascii=False))


def build(work: Path, passages: int) -> Path:
    """The samples, and among them so many passages that say nothing; built once."""
    folder = work / f"among-{passages}"
    if folder.exists():
        return folder
    made = work / "making"
    shutil.rmtree(made, ignore_errors=True)
    update(made, [Path("samples/articles")], App(load_settings()).embedder)
    with writing(made) as catalog:
        np.save(work / "real.npy", _vectors(catalog.rows("SELECT passage, sentences FROM embeddings")))
        with catalog.transaction():
            fill(catalog, work, 0, passages)
            catalog.execute("UPDATE articles SET story = number WHERE story IS NULL")
            catalog.next_generation()
        compact(catalog, always=True)
    made.rename(folder)
    return folder


def _vectors(rows: Iterable[tuple[bytes, bytes]]) -> Vectors:
    found = [matrix(blob, len(blob) // (2 * DIMENSION)) for pair in rows for blob in pair]
    real = np.unique(np.concatenate([some for some in found if some.size]), axis=0)
    unit: Vectors = real / np.linalg.norm(real, axis=1, keepdims=True)
    return unit


def serve(index: Path, work: Path) -> subprocess.Popen[bytes]:
    """`jawab serve`, ready."""
    kept = {f"JAWAB_{name.upper()}": str(work / name) for name in ("conversations", "collections", "brought")}
    command = [str(Path(sys.executable).with_name("jawab")), "serve", "--index", str(index), "--port", str(PORT)]
    server = subprocess.Popen(command, env=os.environ | kept, stdout=subprocess.DEVNULL)
    deadline = time.monotonic() + 300
    while not _answers():
        if server.poll() is not None or time.monotonic() > deadline:
            raise SystemExit("the server did not start")
        time.sleep(1)
    return server


def _answers() -> bool:
    try:
        with urllib.request.urlopen(f"{ADDRESS}health", timeout=2):
            return True
    except (urllib.error.URLError, OSError):
        return False


async def everybody(people: int, passages: int) -> dict[str, Any]:
    from playwright.async_api import async_playwright

    lines = Path("samples/questions.jsonl").read_text(encoding="utf-8").splitlines()
    questions = [json.loads(line) for line in lines][:people]
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(
            executable_path=shutil.which("chromium"), args=["--no-sandbox", "--disable-gpu"]
        )
        pages = []
        for question in questions:
            context = await browser.new_context(locale="ar" if question["lang"] == "ar" else "en-GB")
            page = await context.new_page()
            await page.goto(ADDRESS)
            await page.wait_for_selector("#opening p")
            pages.append(page)
        quiet = await _visits(browser, lambda count: count < 5)
        asking = [
            asyncio.ensure_future(_ask(page, one["question"])) for page, one in zip(pages, questions, strict=True)
        ]
        busy = await _visits(browser, lambda _: not all(one.done() for one in asking))
        seen = [await one for one in asking]
        await browser.close()
    return _figures(seen, questions, passages, quiet, busy)


async def _ask(page: Any, question: str) -> dict[str, Any]:
    page.set_default_timeout(PATIENCE_MS)
    await page.fill("#question textarea", question)
    await page.press("#question textarea", "Enter")
    seen: dict[str, Any] = await page.evaluate(WATCH)
    return seen


async def _visits(browser: Any, more: Any) -> dict[str, list[float]]:
    """Somebody opens the pages, one after the other; seconds until each could be used."""
    took: dict[str, list[float]] = {"chat": [], "collection": []}
    context = await browser.new_context(locale="en-GB")
    page = await context.new_page()
    while more(len(took["chat"])):
        for name, path, ready in (("chat", "", "#opening p"), ("collection", "articles", ".shelf")):
            began = time.perf_counter()
            await page.goto(ADDRESS + path)
            await page.wait_for_selector(ready)
            took[name].append(round(time.perf_counter() - began, 2))
        await asyncio.sleep(2)
    await context.close()
    return took


def _figures(
    seen: list[dict[str, Any]], questions: list[dict[str, Any]], passages: int,
    quiet: dict[str, list[float]], busy: dict[str, list[float]],
) -> dict[str, Any]:  # fmt: skip
    placed = [any(_is_place(text) for text, _ in one["places"]) for one in seen]
    order = sorted(one["done"] for one in seen)
    return {
        "people": len(seen), "passages": passages,
        "answered_or_declined": sum(bool(one["quotations"] or one["near"]) for one in seen),
        "with_an_error": sum(not (one["quotations"] or one["near"]) for one in seen),
        "saw_their_place": sum(placed),
        "first_to_finish_s": round(order[0] / 1000, 1), "last_to_finish_s": round(order[-1] / 1000, 1),
        "passages_s": _spread([one.get("passages") for one in seen]),
        "phrase_s": _spread([one.get("phrase") for one in seen]),
        "answer_s": _spread([one["done"] for one in seen]),
        "page_usable_s": {
            when: {name: _visited(took) for name, took in of.items()}
            for when, of in (("before", quiet), ("while they wait", busy))
        },
        "not_answered": [
            {"question": asked["id"], "said": one["said"][:80]}
            for one, asked in zip(seen, questions, strict=True)
            if not (one["quotations"] or one["near"])
        ],
    }  # fmt: skip


def _visited(took: list[float]) -> dict[str, float]:
    return {"p50": round(statistics.median(took), 2), "most": max(took), "visits": len(took)}


def _is_place(text: str) -> bool:
    return "before yours" in text or "قبل سؤالك" in text


def _spread(values: list[float | None]) -> dict[str, float]:
    there = sorted(value / 1000 for value in values if value is not None)
    return {"p50": round(statistics.median(there), 1), "most": round(there[-1], 1), "seen_by": len(there)}


def peak_memory(pid: int) -> int:
    status = Path(f"/proc/{pid}/status").read_text(encoding="utf-8")
    return int(next(line for line in status.splitlines() if line.startswith("VmHWM")).split()[1]) // 1000


if __name__ == "__main__":
    main()
