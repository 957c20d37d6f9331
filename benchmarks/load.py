"""Many callers at once: how fast the API searches and answers, how fairly, and whether its memory grows.

    python -m benchmarks.load --work FOLDER [--callers 1 8 32 128] [--search-s 20] [--ask-s 90] [--minutes 30]

A real server with the real models over the sample articles, on loopback; the callers are Locust's
(`benchmarks/locustfile.py`), each with a key of its own, each asking again as soon as it is answered, or, where it is
refused, when it was told to come again. Nothing is asked twice, so that no answer comes from the memory of answers;
searches, which are not remembered, have the questions of the samples as they are.
`fairness` is the worst caller's median over the median of all. `late` is by how much the event loop came too late to
what was due, read from `/metrics`. `search_while_asked`: eight search while eight others ask. Then, for `--minutes`,
searches and questions together, while the server's memory is looked at.

Saves figures under benchmarks/results. Needs `make setup models` and `pip install -e .[benchmarks]`.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import statistics
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx

from benchmarks.serving import serving
from index.indexer import update_index
from ui.app import App
from ui.auth.api_keys import APIKeyStore
from ui.config import load_config

PORT = 7891
ADDRESS = f"http://127.0.0.1:{PORT}"
RESULTS = Path("benchmarks/results/load.json")
_SAMPLE = 15.0
"""Seconds between two looks at the memory."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--work", type=Path, required=True)
    parser.add_argument("--callers", type=int, nargs="*", default=[1, 8, 32, 128])
    parser.add_argument("--search-s", type=int, default=20)
    parser.add_argument("--ask-s", type=int, default=90)
    parser.add_argument("--minutes", type=float, default=30)
    parser.add_argument("--pause", type=float, default=0, help="seconds between an answer and the next question")
    parser.add_argument("--out", type=Path, default=RESULTS)
    given = parser.parse_args()
    given.work.mkdir(parents=True, exist_ok=True)
    figures: dict[str, Any] = {"search": {}, "ask": {}}
    with served(given.work) as server:
        figures["leaving"] = leaving()
        for name, seconds in (("search", given.search_s), ("ask", given.ask_s)):
            for callers in given.callers:
                figures[name][str(callers)] = told = under_load(given.work, f"/v1/{name}", callers, seconds)
                print(name, callers, json.dumps(told), flush=True)
        figures["search_while_asked"] = told = while_asked(given.work, 8, given.search_s)
        print("search while asked", json.dumps(told), flush=True)
        if given.minutes:
            figures["memory"] = over_time(server.pid, given.work, given.minutes * 60, given.pause)
    given.out.write_text(json.dumps(figures, indent=1) + "\n", encoding="utf-8")
    print(json.dumps(figures.get("memory")))


@contextmanager
def served(work: Path) -> Iterator[subprocess.Popen[bytes]]:
    """`jawab serve` over the samples, ready, with a key for each caller."""
    index, keys = work / "index", work / "keys.json"
    update_index(index, [Path("samples/articles")], App(load_config()).components.embedder)
    keys.unlink(missing_ok=True)
    made = [APIKeyStore(keys).add(f"caller {number}", ["read"], per_minute=100_000) for number in range(200)]
    (work / "secrets").write_text("\n".join(made), encoding="utf-8")
    with serving(work, PORT, settings={"JAWAB_KEYS": str(keys)}) as server:
        yield server


def under_load(work: Path, path: str, callers: int, seconds: int) -> dict[str, Any]:
    """The figures of so many callers for so many seconds."""
    before = beats()
    call(work, path, callers, seconds, work / "calls.jsonl")
    return figures_of(rows_of(work / "calls.jsonl"), seconds) | {"late": lateness(before, beats())}


def while_asked(work: Path, callers: int, seconds: int) -> dict[str, Any]:
    """The figures of so many who search while as many ask, and of those who ask."""
    asking = threading.Thread(target=call, args=(work, "/v1/ask", callers, seconds + 20, work / "asked.jsonl"))
    asking.start()
    time.sleep(10)
    began = time.time()
    told = under_load(work, "/v1/search", callers, seconds)
    ended = time.time()
    asking.join()
    asked = [row for row in rows_of(work / "asked.jsonl") if began <= row["at"] <= ended]
    return told | {"asked_meanwhile": figures_of(asked, ended - began)}


def leaving(times: int = 20) -> dict[str, Any]:
    """Seconds that the work goes on after its client has left, at moments all over an answer."""
    lines = Path("samples/questions.jsonl").read_text(encoding="utf-8").splitlines()
    took = []
    for number in range(times):
        question = f"{json.loads(lines[number % len(lines)])['question']} ({number} left)"
        with httpx.Client(base_url=ADDRESS, timeout=0.1 + number * 0.2, trust_env=False) as client:
            try:
                client.post("/v1/ask", json={"question": question})
                continue  # answered before
            except httpx.ReadTimeout:
                left = time.monotonic()
        while under_way():
            time.sleep(0.02)
        took.append(time.monotonic() - left)
    return {"left": len(took), "p50": round(statistics.median(took), 2), "most": round(max(took), 2)}


def under_way() -> bool:
    """Whether a question is worked on."""
    return "jawab_questions_in_progress 0.0" not in httpx.get(f"{ADDRESS}/metrics", trust_env=False, timeout=60).text


def call(work: Path, path: str, callers: int, seconds: int, out: Path, pause: float = 0) -> None:
    """Locust, to the end."""
    environment = os.environ | {
        "LOAD_QUESTIONS": "samples/questions.jsonl", "LOAD_KEYS": str(work / "secrets"), "LOAD_PATH": path,
        "LOAD_OUT": str(out), "LOAD_PAUSE": str(pause),
    }  # fmt: skip
    command = [
        sys.executable, "-m", "locust", "-f", "benchmarks/locustfile.py", "--headless", "--only-summary", "-H", ADDRESS,
        "-u", str(callers), "-r", str(callers), "-t", f"{seconds}s",
    ]  # fmt: skip
    subprocess.run(command, env=environment, check=False, capture_output=True, timeout=seconds + 120)


def rows_of(file: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in file.read_text(encoding="utf-8").splitlines()]


def figures_of(rows: Sequence[dict[str, Any]], seconds: float) -> dict[str, Any]:
    """What callers saw. Those that were cut off by the end of the run (status 0) are not counted."""
    answered = [row for row in rows if row["status"] == 200]
    times = sorted(row["seconds"] for row in answered)
    own: dict[int, list[float]] = {}
    for row in answered:
        own.setdefault(row["caller"], []).append(row["seconds"])
    medians = [statistics.median(of_one) for of_one in own.values()]
    at = {name: round(times[min(len(times) - 1, int(len(times) * share))], 3) for name, share in
          (("p50", 0.5), ("p95", 0.95), ("p99", 0.99))} if times else {}  # fmt: skip
    return {
        "answered": len(answered),
        "a_second": round(len(answered) / seconds, 2),
        **at,
        "statuses": dict(Counter(str(row["status"]) for row in rows if row["status"])),
        "callers_answered": len(own),
        "fairness": round(max(medians) / statistics.median(medians), 2) if medians else None,
    }


def beats() -> dict[str, float]:
    """How many beats of the event loop came at most so late, by the histogram's edges."""
    text = httpx.get(f"{ADDRESS}/metrics", trust_env=False, timeout=60).text
    found = re.findall(r'jawab_event_loop_lag_seconds_bucket\{le="([^"]+)"\} (\S+)', text)
    return {edge: float(count) for edge, count in found}


def lateness(before: dict[str, float], after: dict[str, float]) -> dict[str, Any]:
    """How many beats there were, and how many came later than a tenth, a quarter, half a second."""
    all_beats = after["+Inf"] - before["+Inf"]
    over = {f"over_{edge}_s": int(all_beats - (after[edge] - before[edge])) for edge in ("0.05", "0.1", "0.25", "0.5")}
    return {"beats": int(all_beats)} | over


def over_time(pid: int, work: Path, seconds: float, pause: float) -> dict[str, Any]:
    """Memory of the server while callers search and ask, in megabytes."""
    began, seen = time.monotonic(), list[tuple[float, float]]()
    turn = answered = 0
    while (now := time.monotonic() - began) < seconds:
        seen.append((round(now / 60, 1), resident(pid)))
        path = ("/v1/search", "/v1/ask")[turn % 2]
        call(work, path, 8, int(_SAMPLE), work / "calls.jsonl", pause)
        answered += len(rows_of(work / "calls.jsonl"))
        turn += 1
    settled = [memory for minute, memory in seen if minute >= seconds / 600]
    return {
        "minutes": seconds / 60,
        "requests": answered,
        "mb_at_first": seen[0][1],
        "mb_settled": settled[0],
        "mb_at_last": seen[-1][1],
        "mb_most": max(memory for _, memory in seen),
        "seen": seen,
    }


def resident(pid: int) -> float:
    status = Path(f"/proc/{pid}/status").read_text(encoding="utf-8")
    return int(next(line for line in status.splitlines() if line.startswith("VmRSS")).split()[1]) // 1000


if __name__ == "__main__":
    main()
