"""Faults of the disk and kills under everything that is stored: is the old state left, or the new one?

    python -m benchmarks.faults [--faults 2000] [--kills 1600] [--only NAME] [--work FOLDER]

Each fault is one system call that goes wrong (`tests/faults/kinds.py`), in one change of something stored
(`tests/faults/scenarios/`); half of the kills are at a system call, half at a random moment. Afterwards the store must
open, be whole, and hold what it held before or what the change makes of it; the change must have told what happened, as
done or as one of Jawab's errors; and done again, it must lead to the new state and leave nothing lying about. Prints
tables and what was wrong, and saves scenario by kind as JSON. What came too late to change anything is
not counted. A folder in memory is quickest. Linux, and a C compiler.
"""

from __future__ import annotations

import argparse
import json
import tempfile
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable
from pathlib import Path

from tests.faults.injection import Result
from tests.faults.library import missing
from tests.faults.run import start

COLUMNS = ("number", "old", "new", "error", "wrong")
"""Injections; those that left the old and the new state; those that ended with one of Jawab's errors; and failures."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--faults", type=int, default=2000)
    parser.add_argument("--kills", type=int, default=1600)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--only", default="", help="scenarios whose names contain this")
    parser.add_argument("--work", type=Path, help="an empty folder")
    parser.add_argument("--out", type=Path, default=Path("benchmarks/results/faults.json"))
    given = parser.parse_args()
    if reason := missing():
        raise SystemExit(reason)
    began = time.perf_counter()
    with tempfile.TemporaryDirectory(dir=given.work) as folder:
        results = list(start(Path(folder), given.faults, given.kills, given.seed, given.only))
    of_scenarios, of_kinds = grouped(results, lambda row: row.scenario), grouped(results, lambda row: row.kind)
    figures = {
        "seconds": round(time.perf_counter() - began),
        "faults": counted(result for result in results if not is_kill(result)),
        "kills": counted(result for result in results if is_kill(result)),
        "scenarios": {name: by(rows, lambda row: row.kind) for name, rows in of_scenarios.items()},
        "errors": {kind: Counter(row.ended for row in rows) for kind, rows in of_kinds.items()},
    }
    if not given.only:
        given.out.write_text(json.dumps(figures, indent=1) + "\n")
    print(table("kind", by(results, lambda row: row.kind)))
    print(table("faults", by((row for row in results if not is_kill(row)), lambda row: row.scenario)))
    print(table("kills", by((row for row in results if is_kill(row)), lambda row: row.scenario)))
    wrong = [result for result in results if result.faults]
    for result in wrong:
        print(result)
    raise SystemExit(bool(wrong))


def is_kill(result: Result) -> bool:
    return result.kind.startswith("SIGKILL")


def grouped(results: Iterable[Result], key: Callable[[Result], str]) -> dict[str, list[Result]]:
    found = defaultdict[str, list[Result]](list)
    for result in results:
        found[key(result)].append(result)
    return found


def by(results: Iterable[Result], key: Callable[[Result], str]) -> dict[str, dict[str, int]]:
    return {name: counted(rows) for name, rows in grouped(results, key).items()}


def counted(results: Iterable[Result]) -> dict[str, int]:
    rows = [result for result in results if result.fired]
    counts = (
        len(rows),
        sum(row.left == "old" for row in rows),
        sum(row.left == "new" for row in rows),
        sum(row.ended not in ("done", "killed", "wrong") for row in rows),
        sum(bool(row.faults) for row in rows),
    )
    return dict(zip(COLUMNS, counts, strict=True))


def table(title: str, rows: dict[str, dict[str, int]]) -> str:
    lines = [f"| {title} | " + " | ".join(COLUMNS) + " |", "|---" * (len(COLUMNS) + 1) + "|"]
    lines += [f"| {name} | " + " | ".join(str(row[column]) for column in COLUMNS) + " |" for name, row in rows.items()]
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    main()
