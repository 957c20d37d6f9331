"""A backup of a large collection, made while a server is used, and restored elsewhere: time, size, equal answers.

    python -m benchmarks.backup --work FOLDER [--articles 10000] [--questions 200]

A real server with the fake models over articles made of a few patterns (town, people, number, day; Arabic and English).
While four callers search, ask, upload articles and take them out again, `jawab backup` runs three times: killed at a
random moment (SIGKILL) and run again, and once more by itself. The last archive is restored into an empty place. Then
the articles that were uploaded meanwhile are taken out of both indexes, and the same questions are asked of both: the
records (answer, citations, confidence) must be equal.

Saves figures under benchmarks/results. Needs `make setup`.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import statistics
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import httpx

from benchmarks.serving import serving
from index.fakes import HashEmbedder
from index.indexer import remove_articles, update_index
from index.runtime.cpu import cpu_name
from index.storage.catalog import Catalog
from ui.app import App
from ui.config import load_config

PORT = 7893
RESULTS = Path("benchmarks/results/backup.json")
SEED = 25
_FAKES = {"JAWAB_EMBEDDER": "fake", "JAWAB_LLM": "fake"}
_TOWNS = ("Nawras", "Salwan", "Nasim", "Bardi", "Wifaq", "Harbour", "Midad", "Khasib")
_PLACES = ("bridge", "library", "school", "market", "clinic", "station", "museum", "garden")
_ARABIC = ("جسر", "مكتبة", "مدرسة", "سوق", "عيادة", "محطة", "متحف", "حديقة")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--work", type=Path, required=True)
    parser.add_argument("--articles", type=int, default=10_000)
    parser.add_argument("--questions", type=int, default=200)
    given = parser.parse_args()
    given.work.mkdir(parents=True, exist_ok=True)
    home, elsewhere, archive = given.work / "home", given.work / "elsewhere", given.work / "backup.tar"
    build(home, given.articles)
    figures: dict[str, Any] = {"cpu": cpu_name(), "articles": given.articles}
    with serving(home, PORT, settings=_FAKES), load() as calls:
        figures["killed"] = killed_and_run_again(home, given.work / "killed.tar")
        figures["backup_s"] = run(home, "backup", archive)
        figures["calls_meanwhile"] = calls()
    figures["bytes"] = archive.stat().st_size
    figures["restore_s"] = run(elsewhere, "restore", archive)
    figures |= compared(home, elsewhere, given.questions)
    RESULTS.write_text(json.dumps(figures, indent=1) + "\n", encoding="utf-8")
    print(json.dumps(figures, indent=1))


def build(home: Path, articles: int) -> None:
    """The collection, if it is not there from an earlier run."""
    lines = home / "articles.jsonl"
    if not (home / "index").exists():
        home.mkdir(parents=True, exist_ok=True)
        lines.write_text("".join(json.dumps(article(n), ensure_ascii=False) + "\n" for n in range(articles)))
        update_index(home / "index", [lines], HashEmbedder())


def article(number: int) -> dict[str, str]:
    draw = random.Random(f"{SEED} {number}")
    town, kind, count = draw.choice(_TOWNS), draw.randrange(len(_PLACES)), draw.randrange(100, 99_999)
    date = f"20{draw.randrange(10, 26)}-{draw.randrange(1, 13):02}-{draw.randrange(1, 29):02}"
    if number % 2:
        text = f"افتتحت {_ARABIC[kind]} رقم {number} في {town} أبوابها. بلغ عدد الزوار {count} في اليوم الأول."
    else:
        text = f"The {_PLACES[kind]} number {number} of {town} opened. On the first day {count} visitors came."
    return {"id": f"made-{number}", "title": f"{town} {number}", "text": text, "date": date}


@contextmanager
def load() -> Iterator[Callable[[], dict[str, int]]]:
    """Four callers until the end; gives what tells how many calls of each kind were answered."""
    stop, answered = threading.Event(), {"search": 0, "ask": 0, "upload": 0, "remove": 0, "failed": 0}

    def call(kind: str, work: Callable[[httpx.Client, int], httpx.Response]) -> None:
        with httpx.Client(base_url=f"http://127.0.0.1:{PORT}", timeout=600) as client:
            for number in iter(lambda: answered[kind], None):
                if stop.is_set():
                    return
                response = work(client, number)
                answered[kind if response.is_success or response.status_code == 404 else "failed"] += 1

    def upload(client: httpx.Client, number: int) -> httpx.Response:
        line = {"id": f"load-{number}", "text": f"An article of the load: number {number} of many."}
        return client.post("/v1/articles", json=line)

    def take_out(client: httpx.Client, number: int) -> httpx.Response:
        time.sleep(0.5)
        return client.delete(f"/v1/articles/load-{2 * number}")

    callers = [
        ("search", lambda client, number: client.post("/v1/search", json={"question": question(number)})),
        ("ask", lambda client, number: client.post("/v1/ask", json={"question": question(number)})),
        ("upload", upload),
        ("remove", take_out),
    ]
    threads = [threading.Thread(target=call, args=caller) for caller in callers]
    for thread in threads:
        thread.start()
    try:
        yield lambda: dict(answered)
    finally:
        stop.set()
        for thread in threads:
            thread.join()


def question(number: int) -> str:
    made = article(number * 37 % 10_000)
    return f"How many visitors came in {made['title']}?" if number % 2 else f"كم بلغ عدد الزوار في {made['title']}؟"


def killed_and_run_again(home: Path, archive: Path) -> dict[str, float]:
    """A backup that is killed after a random time within that of a whole one, and run again."""
    whole = run(home, "backup", archive)
    archive.unlink()
    after = random.Random(SEED).uniform(0.2, 0.9) * whole
    process = subprocess.Popen(command("backup", archive), env=environment(home), stdout=subprocess.DEVNULL)
    with suppress(subprocess.TimeoutExpired):
        process.wait(after)
    process.kill()
    process.wait()
    archive.unlink(missing_ok=True)  # where it was faster than the one before
    again = run(home, "backup", archive)
    archive.unlink()
    return {"whole_s": whole, "killed_after_s": round(after, 2), "again_s": again}


def run(home: Path, *words: str | Path) -> float:
    """Seconds that a command took."""
    began = time.monotonic()
    subprocess.run(command(*words), env=environment(home), check=True, stdout=subprocess.DEVNULL)
    return round(time.monotonic() - began, 2)


def command(*words: str | Path) -> list[str]:
    return [str(Path(sys.executable).with_name("jawab")), *map(str, words)]


def environment(home: Path) -> dict[str, str]:
    places = {"index": "index", "conversations": "conversations", "collections": "collections", "uploads": "uploads"}
    return os.environ | _FAKES | {f"JAWAB_{name.upper()}": str(home / place) for name, place in places.items()}


def compared(home: Path, elsewhere: Path, questions: int) -> dict[str, Any]:
    """The number of questions with equal records in both indexes, without the articles that came and went meanwhile."""
    for folder in (home / "index", elsewhere / "index"):
        with_load = [found.id for found in Catalog.open(folder).articles() if found.id.startswith("load-")]
        if with_load:
            remove_articles(folder, with_load)
    records = [asked(folder / "index", questions) for folder in (home, elsewhere)]
    equal = sum(before == after for before, after in zip(*records, strict=True))
    answered = sum(record["status"] == "answered" for record in records[0])
    return {"questions": questions, "answered": answered, "equal": equal}


def asked(index: Path, questions: int) -> list[dict[str, Any]]:
    app = App(load_config(index=index, embedder="fake", llm="fake"))
    found, took = [], []
    for number in range(questions):
        began = time.monotonic()
        record = app.assistant.ask(question(number)).to_json()
        took.append(time.monotonic() - began)
        found.append({name: value for name, value in record.items() if name not in ("id", "timings_ms")})
    print(index, "median", round(statistics.median(took), 3), "s", flush=True)
    return found


if __name__ == "__main__":
    main()
