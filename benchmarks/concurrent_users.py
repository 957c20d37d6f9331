"""Twenty people ask at once, over 50,000 passages: what each of them sees, and whether the page stays quick.

    python -m benchmarks.concurrent_users --work FOLDER [--people 20] [--passages 50000]

A real server with the real models, over the sample articles and as many other passages as are asked for: their words
are drawn from the samples by Zipf's law and their vectors made to lie as real ones do (`benchmarks/scaling.py`), so
that only the sample articles answer; many of the questions are declined among so much that is like the answers. The
people are clients that do what the page does (`benchmarks/page_client.py`), each with its own session; their questions
are those of the samples, sent at once. While they wait, somebody opens the pages in a real browser again and again.

Saves figures under benchmarks/results. Needs `make setup models` and chromium.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import shutil
import statistics
import time
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.page_client import PageClient, Seen
from benchmarks.scaling import DIMENSION, Vectors, fill
from benchmarks.serving import serving
from index.indexer import change_index, update_index
from index.storage.rows import matrix
from index.storage.writing import writing
from index.vectors.faiss_file import compact
from ui.app import App
from ui.config import load_config

PORT = 7877
ADDRESS = f"http://127.0.0.1:{PORT}/"
RESULTS = Path("benchmarks/results/concurrent_users.json")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--work", type=Path, required=True)
    parser.add_argument("--people", type=int, default=20)
    parser.add_argument("--passages", type=int, default=50_000)
    given = parser.parse_args()
    index = build(given.work, given.passages)
    with serving(given.work, PORT, index) as server:
        figures = asyncio.run(everybody(given.people, given.passages))
        figures["server_peak_mb"] = peak_memory(server.pid)
    RESULTS.write_text(json.dumps(figures, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
    print(json.dumps(figures, indent=2, ensure_ascii=False))


def build(work: Path, passages: int) -> Path:
    """The samples, and among them so many passages that say nothing; built once."""
    folder = work / f"among-{passages}"
    if folder.exists():
        return folder
    made = work / "making"
    shutil.rmtree(made, ignore_errors=True)
    update_index(made, [Path("samples/articles")], App(load_config()).components.embedder)
    with writing(made) as catalog:
        np.save(work / "real.npy", _vectors(catalog.rows("SELECT passage, sentences FROM embeddings")))
        with catalog.transaction():
            fill(catalog, work, 0, passages)
            catalog.execute("UPDATE articles SET story = number WHERE story IS NULL")
            catalog.next_generation()
        with change_index(catalog):
            compact(catalog)
    made.rename(folder)
    return folder


def _vectors(rows: Iterable[tuple[bytes, bytes]]) -> Vectors:
    found = [matrix(blob, len(blob) // (2 * DIMENSION)) for pair in rows for blob in pair]
    real = np.unique(np.concatenate([some for some in found if some.size]), axis=0)
    unit: Vectors = real / np.linalg.norm(real, axis=1, keepdims=True)
    return unit


async def everybody(people: int, passages: int) -> dict[str, Any]:
    from playwright.async_api import async_playwright

    lines = Path("samples/questions.jsonl").read_text(encoding="utf-8").splitlines()
    questions = [json.loads(line) for line in lines][:people]
    clients = [PageClient(ADDRESS, question["lang"]) for question in questions]
    began = time.monotonic()
    await asyncio.gather(*(client.open() for client in clients))
    opened = time.monotonic() - began
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(
            executable_path=shutil.which("chromium"), args=["--no-sandbox", "--disable-gpu"]
        )
        quiet = await _visits(browser, lambda count: count < 5)
        asking = [
            asyncio.ensure_future(client.ask(question["question"]))
            for client, question in zip(clients, questions, strict=True)
        ]
        busy = await _visits(browser, lambda _: not all(one.done() for one in asking))
        seen = [await one for one in asking]
        await browser.close()
    for client in clients:
        await client.close()
    return {"people": people, "passages": passages, "all_opened_s": round(opened, 1), **_figures(seen, quiet, busy)}


async def _visits(browser: Any, more: Any) -> dict[str, list[float]]:
    """Somebody opens the pages, one after the other; seconds until each could be used."""
    took: dict[str, list[float]] = {"chat": [], "collection": []}
    context = await browser.new_context(locale="en-GB")
    page = await context.new_page()
    while more(len(took["chat"])):
        for name, path, ready in (("chat", "", "#opening p"), ("collection", "articles", ".article-list")):
            began = time.perf_counter()
            await page.goto(ADDRESS + path)
            await page.wait_for_selector(ready)
            took[name].append(round(time.perf_counter() - began, 2))
        await asyncio.sleep(2)
    await context.close()
    return took


def _figures(seen: list[Seen], quiet: dict[str, list[float]], busy: dict[str, list[float]]) -> dict[str, Any]:
    return {
        "answered": sum(one.quotations > 0 for one in seen),
        "declined": sum(not one.quotations and not one.problem for one in seen),
        "with_an_error": [one.problem for one in seen if one.problem],
        # The first of the line has nobody before it.
        "place_s": _spread([one.place for one in seen]),
        "passages_s": _spread([one.passages for one in seen]),
        "answer_s": _spread([one.done for one in seen]),
        "page_usable_s": {
            when: {name: _spread(list(took)) for name, took in of.items()}
            for when, of in (("before", quiet), ("while they wait", busy))
        },
    }


def _spread(values: Sequence[float | None]) -> dict[str, float]:
    there = sorted(value for value in values if value is not None)
    return {"p50": round(statistics.median(there), 2), "most": round(there[-1], 2), "of": len(there)}


def peak_memory(pid: int) -> int:
    status = Path(f"/proc/{pid}/status").read_text(encoding="utf-8")
    return int(next(line for line in status.splitlines() if line.startswith("VmHWM")).split()[1]) // 1000


if __name__ == "__main__":
    main()
