"""Bringing much to the page: 5,000 files, and 500 MB, through a real browser.

    python -m benchmarks.upload_throughput --work FOLDER [--files 5000] [--megabytes 500]

The 5,000 are short texts in a folder; the 500 MB are Word documents of 5 MB, most of it a picture. The server has the
fake models: what is measured is sending, receiving and reading, not embedding, which goes at the rate that
docs/benchmarks.md gives. While they are read, somebody opens the collection again and again. A second run stops the
bringing in its midst.

Saves figures under benchmarks/results. Needs chromium.
"""

from __future__ import annotations

import argparse
import json
import random
import shutil
import statistics
import time
from pathlib import Path
from typing import Any

from benchmarks.serving import serving
from index.fakes import HashEmbedder
from index.indexer import update_index

PORT = 7876
ADDRESS = f"http://127.0.0.1:{PORT}/"
RESULTS = Path("benchmarks/results/upload_throughput.json")
DOCUMENT_MB = 5
SEED = 3


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--work", type=Path, required=True)
    parser.add_argument("--files", type=int, default=5000)
    parser.add_argument("--megabytes", type=int, default=500)
    given = parser.parse_args()
    figures = {}
    for name, folder in (
        ("files", texts(given.work, given.files)),
        ("megabytes", documents(given.work, given.megabytes)),
    ):
        with_stop = bring(given.work, folder, stop=True)
        figures[name] = bring(given.work, folder) | with_stop
        print(name, figures[name], flush=True)
    RESULTS.write_text(json.dumps(figures, indent=2) + "\n", encoding="utf-8")


def words(count: int, chance: random.Random) -> str:
    samples = " ".join(path.read_text(encoding="utf-8") for path in sorted(Path("samples/articles").iterdir()))
    return " ".join(chance.choices(samples.split(), k=count))


def texts(work: Path, count: int) -> Path:
    folder, chance = work / "texts", random.Random(SEED)
    shutil.rmtree(folder, ignore_errors=True)
    for number in range(count):
        place = folder / f"{number // 500:02}"
        place.mkdir(parents=True, exist_ok=True)
        (place / f"مقال {number}.txt").write_text(f"Article {number}\n\n{words(120, chance)}", encoding="utf-8")
    return folder


def documents(work: Path, megabytes: int) -> Path:
    """Word documents: two pages of words and a picture that does not get smaller."""
    import io

    from docx import Document
    from PIL import Image

    folder, chance = work / "documents", random.Random(SEED)
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    side = int((DOCUMENT_MB * 1e6 / 3) ** 0.5)
    for number in range(megabytes // DOCUMENT_MB):
        picture = io.BytesIO()
        Image.frombytes("RGB", (side, side), chance.randbytes(side * side * 3)).save(picture, "BMP")
        document = Document()
        document.add_heading(f"Report {number}")
        for _ in range(8):
            document.add_paragraph(words(100, chance))
        document.add_picture(picture)
        document.save(str(folder / f"report {number}.docx"))
    return folder


def bring(work: Path, folder: Path, stop: bool = False) -> dict[str, Any]:
    """One server, one browser, one bringing; figures in seconds."""
    from playwright.sync_api import sync_playwright

    served = work / "served"
    shutil.rmtree(served, ignore_errors=True)
    update_index(served / "index", [Path("samples/articles")], HashEmbedder())
    with serving(served, PORT, settings={"JAWAB_EMBEDDER": "fake", "JAWAB_LLM": "fake"}) as server:
        with sync_playwright() as playwright:
            browser = playwright.chromium.launch(
                executable_path=shutil.which("chromium"), args=["--no-sandbox", "--disable-gpu"]
            )
            page, other = browser.new_page(locale="en-GB"), browser.new_page(locale="en-GB")
            page.goto(f"{ADDRESS}articles")
            began = time.monotonic()
            page.set_input_files("input[webkitdirectory]", str(folder), timeout=600_000)
            page.wait_for_selector("[data-state=reading]", timeout=1_800_000)
            received = time.monotonic() - began
            if stop:
                time.sleep(2)
                page.click("#stop-upload")
                pressed = time.monotonic()
                page.wait_for_selector("[data-state=stopped]", timeout=600_000)
                return {"stopped_after_s": round(time.monotonic() - pressed, 1)}
            opened = []
            while page.locator("[data-state=reading]").count():
                visit = time.monotonic()
                other.goto(f"{ADDRESS}articles")
                opened.append(time.monotonic() - visit)
                time.sleep(1)
            said = page.locator("#upload-status [data-state] p").inner_text()
            whole = time.monotonic() - began
            browser.close()
        peak = _peak_mb(server.pid)
    sizes = [file.stat().st_size for file in folder.rglob("*") if file.is_file()]
    return {
        "files": len(sizes), "mb": round(sum(sizes) / 1e6),
        "received_s": round(received, 1), "whole_s": round(whole, 1),
        "collection_opened_p50_s": round(statistics.median(opened), 2),
        "collection_opened_most_s": round(max(opened), 2),
        "server_peak_mb": peak, "said": said,
    }  # fmt: skip


def _peak_mb(pid: int) -> int:
    status = Path(f"/proc/{pid}/status").read_text(encoding="utf-8")
    return int(next(line for line in status.splitlines() if line.startswith("VmHWM")).split()[1]) // 1000


if __name__ == "__main__":
    main()
