"""The process that injects: `start` runs it, and gives its results as they come.

    LD_PRELOAD=faults.so python -m tests.faults.run FOLDER FAULTS KILLS SEED NAMES

A process of its own, because it forks: there must be no threads in it.
"""

from __future__ import annotations

import json
import logging
import os
import random
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path

from index import indexer
from index.formats.parsed import ParsedDocument, Rejected
from index.ingestion.parser_worker import read_file
from index.runtime.cancellation import Check
from tests.faults.injection import Injector, Result
from tests.faults.kinds import FAULTS, KILLS, Kind
from tests.faults.library import Library, compile_library
from tests.faults.scenarios import SCENARIOS

ROOT = Path(__file__).parent.parent.parent


def start(folder: Path, faults: int, kills: int, seed: int = 1, names: str = "") -> Iterator[Result]:
    """Results of about so many faults and so many kills, spread over the scenarios whose names contain `names`.

    Half of the kills are at random moments. Raises `CalledProcessError`.
    """
    folder.mkdir(parents=True, exist_ok=True)
    one_thread = {name: "1" for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")}
    environment = os.environ | one_thread | {"LD_PRELOAD": str(compile_library(folder))}
    command = [sys.executable, "-m", "tests.faults.run", str(folder), str(faults), str(kills), str(seed), names]
    with subprocess.Popen(command, cwd=ROOT, env=environment, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        for line in process.stdout:
            told = json.loads(line)
            yield Result(**told | {"faults": tuple(told["faults"])})
    if process.returncode:
        raise subprocess.CalledProcessError(process.returncode, command)


def main(folder: Path, faults: int, kills: int, seed: int, names: str) -> None:
    """Write a line of JSON for each injection."""
    vars(indexer)["SandboxedParser"] = _Reading
    logging.getLogger().addHandler(logging.NullHandler())
    chance = random.Random(seed)
    scenarios = [scenario for scenario in SCENARIOS if names in scenario.name]
    library = Library(folder / "place" / "now" / "store")
    for turn, scenario in enumerate(scenarios):
        injector = Injector(scenario, folder / "place", library)
        for result in _results(
            injector, chance, _share(faults, turn, len(scenarios)), _share(kills, turn, len(scenarios))
        ):
            print(json.dumps(asdict(result)), flush=True)


class _Reading:
    """Reads articles in this process, so that none has to be started for each fault: articles are not in the store."""

    def __init__(self, check: Check) -> None:
        pass

    def __enter__(self) -> _Reading:
        return self

    def __exit__(self, *_: object) -> None:
        pass

    def read(self, path: Path, size: int) -> tuple[list[ParsedDocument], list[Rejected]]:
        parts = read_file(path)
        drafts = [part for part in parts if isinstance(part, ParsedDocument)]
        return drafts, [part for part in parts if isinstance(part, Rejected)]


def _share(of: int, turn: int, turns: int) -> int:
    """The part of `of` that falls to a turn; all turns together have all of it."""
    return of * (turn + 1) // turns - of * turn // turns


def _results(injector: Injector, chance: random.Random, faults: int, kills: int) -> Iterator[Result]:
    at_calls = kills // 2
    plans = [*_chosen(injector, FAULTS, faults, chance), *_chosen(injector, KILLS, at_calls, chance)]
    for turn, (kind, number) in enumerate(plans):
        yield injector.inject(kind, number, same_process=turn % 2 == 0)
    for _ in range(kills - at_calls):
        yield injector.kill(chance.random())


def _chosen(injector: Injector, kinds: tuple[Kind, ...], most: int, chance: random.Random) -> list[tuple[Kind, int]]:
    """Calls to go wrong, at random and each once; all of them where there are no more."""
    if not most:
        return []
    every = [(kind, number) for kind in kinds for number in range(1, injector.calls(kind) + 1)]
    return chance.sample(every, min(most, len(every)))


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3]), int(sys.argv[4]), sys.argv[5])
