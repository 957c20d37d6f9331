"""One fault or kill in one scenario: the change is tried in a child, and another child looks at what it left.

Children are forked from a process that has imported everything and has no threads, so that one costs milliseconds.
"""

from __future__ import annotations

import json
import os
import selectors
import shutil
import signal
import threading
import time
import traceback
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from index.errors import JawabError
from tests.faults.kinds import AT_RANDOM, Kind
from tests.faults.library import Library, Plan
from tests.faults.scenario import Place, Scenario

_SECONDS = 60.0
"""For one child; what takes longer hangs."""
_LONGEST = 2000
"""Characters of a state that is shown."""

Told = dict[str, Any]
"""The report of a child about how it ended."""


@dataclass(frozen=True)
class Result:
    """One injection; `fired` where it came before the end of the change.

    `ended` is how the change ended: `done`, `killed`, the code of its error, or `wrong`. `left` is the state that was
    found: `old`, `new`, or `neither`; where the change changes nothing that its user sees, `new`.
    """

    scenario: str
    kind: str
    at: float
    fired: bool
    ended: str
    left: str
    faults: tuple[str, ...]


class Injector:
    """Injects faults into one scenario, whose folders are in `folder`."""

    def __init__(self, scenario: Scenario, folder: Path, library: Library) -> None:
        self._scenario = scenario
        self._folder = folder
        self._library = library
        self._place = Place(folder / "now" / "store", folder / "now" / "articles")
        self._before = folder / "before"
        self._prepare()

    def calls(self, kind: Kind) -> int:
        """The number of calls of the change that can go wrong in this way."""
        self._put_back()
        return int(_run(lambda: self._try(kind.at(0)))["calls"])

    def inject(self, kind: Kind, number: int, same_process: bool) -> Result:
        """Let the call of this number go wrong; then look, in the same process or in the next one."""
        self._put_back()

        def work() -> Told:
            told = self._try(kind.at(number))
            return told | (self._look(told["faults"]) if same_process else {})

        return self._result(kind.name, number, _run(work))

    def kill(self, moment: float) -> Result:
        """Kill it at a moment of its run, from 0 to 1."""
        self._put_back()
        child, told = _fork(self._act)
        time.sleep(moment * self._took)
        os.kill(child, signal.SIGKILL)
        ended = _report(child, told)
        return self._result(AT_RANDOM, round(moment, 4), ended | {"changed": ended["ended"] == "killed"})

    def _prepare(self) -> None:
        """Make the old state, and know how the old and the new one look."""
        shutil.rmtree(self._folder, ignore_errors=True)
        for place in (self._place.store, self._place.articles):
            place.mkdir(parents=True)
        _run_well(lambda: self._scenario.prepare(self._place))
        shutil.copytree(self._folder / "now", self._before)
        self._old = _run_well(lambda: {"state": self._state()})["state"]
        self._took = min(self._time_of_it(), self._time_of_it())
        self._new = _run_well(lambda: {"state": self._state()})["state"]
        faults = _run_well(self._look)["faults"]
        assert not faults, (self._scenario.name, faults)

    def _time_of_it(self) -> float:
        """Seconds that the change takes."""
        self._put_back()
        began = time.perf_counter()
        _run_well(self._act)
        return time.perf_counter() - began

    def _put_back(self) -> None:
        now = self._folder / "now"
        shutil.rmtree(now)
        shutil.copytree(self._before, now)

    def _act(self) -> None:
        self._scenario.act(self._place)

    def _state(self) -> str:
        return json.dumps(self._scenario.state(self._place), sort_keys=True)

    def _try(self, plan: Plan) -> Told:
        """The change under a plan."""
        faults: list[str] = []
        threading.excepthook = lambda told: faults.append(_shown(told.exc_value))
        self._library.arm(plan)
        ended = _ended(self._act, faults)
        counted = self._library.disarm()
        return {"ended": ended, "faults": faults, "calls": counted.calls, "changed": counted.changed}

    def _result(self, kind: str, at: float, tried: Told) -> Result:
        faults = tried.get("faults", [])
        looked = tried if "left" in tried else _run(lambda: self._look(faults))
        fired, ended, left = tried.get("changed", 1) > 0, tried["ended"], looked.get("left", "neither")
        faults = list(looked["faults"])
        if ended == "done" and left == "old":
            faults.append("told as done, and it was not")
        return Result(self._scenario.name, kind, at, fired, ended, left, tuple(faults))

    def _look(self, faults: Sequence[str] = ()) -> Told:
        """Examine the state that is left, and whether the change can be done now; adds to `faults`."""
        found, left = list(faults), "neither"
        try:
            left = self._left(found)
        except Exception as error:  # noqa: BLE001 - whatever is wrong is told
            found.append("afterwards: " + _shown(error))
        return {"left": left, "faults": found}

    def _left(self, faults: list[str]) -> str:
        state = self._state()
        left = "new" if state == self._new else "old" if state == self._old else "neither"
        if left == "neither":
            faults.append(f"neither: {state[:_LONGEST]}")
        faults += self._scenario.complaints(self._place)
        if left == "old" and self._scenario.again:
            self._act()
            again = self._state()
            if again != self._new:
                faults.append(f"not new when done again: {again[:_LONGEST]}")
        faults += self._scenario.leftovers(self._place)
        return left


def _ended(act: Callable[[], None], faults: list[str]) -> str:
    try:
        act()
    except JawabError as error:
        return error.code
    except Exception as error:  # noqa: BLE001 - whatever is no designed error is a fault
        faults.append(_shown(error))
        return "wrong"
    return "done"


def _shown(error: BaseException | None) -> str:
    """The error and its last frames, in one line."""
    if error is None:
        return "an error without a word"
    frames = traceback.extract_tb(error.__traceback__)
    return f"{type(error).__name__}: {error} @ " + " > ".join(
        f"{Path(f.filename).name}:{f.lineno}" for f in frames[-6:]
    )


def _run(work: Callable[[], Told | None]) -> Told:
    """Run `work` in a child of its own; gives its report."""
    return _report(*_fork(work))


def _run_well(work: Callable[[], Told | None]) -> Told:
    """The same, where nothing is to go wrong."""
    told = _run(work)
    assert told.get("ended") not in ("wrong", "killed"), told
    return told


def _fork(work: Callable[[], Told | None]) -> tuple[int, int]:
    """A child that does this; its id, and the end of a pipe that says how it ended."""
    here, there = os.pipe()
    child = os.fork()
    if child:
        os.close(there)
        return child, here
    os.close(here)
    try:
        told = work() or {"ended": "done"}
    except BaseException as error:  # noqa: BLE001 - nothing may go on from here but the end of the child
        told = {"ended": "wrong", "faults": [_shown(error)]}
    with os.fdopen(there, "w") as pipe:
        json.dump(told, pipe)
    os._exit(0)


def _report(child: int, pipe: int) -> Told:
    with os.fdopen(pipe, "rb") as answer, selectors.DefaultSelector() as selector:
        selector.register(answer, selectors.EVENT_READ)
        hangs = not selector.select(_SECONDS)
        if hangs:
            os.kill(child, signal.SIGKILL)
        told = answer.read()
    os.waitpid(child, 0)
    if hangs:
        return {"ended": "wrong", "faults": ["it hangs"]}
    return dict(json.loads(told)) if told else {"ended": "killed", "faults": []}
