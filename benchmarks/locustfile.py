"""Callers for Locust (locust.io): each has a key of its own, and asks or searches again as soon as it is answered.

`benchmarks/load.py` runs it. Every answer goes to the file in `LOAD_OUT`, a line each: caller, status, when, seconds.
"""

from __future__ import annotations

import itertools
import json
import os
import time
from pathlib import Path

from locust import FastHttpUser, events, task

_NUMBERS = itertools.count()
_QUESTIONS = [
    json.loads(line)["question"] for line in Path(os.environ["LOAD_QUESTIONS"]).read_text("utf-8").splitlines()
]
_KEYS = Path(os.environ["LOAD_KEYS"]).read_text("utf-8").split()
_PATH = os.environ["LOAD_PATH"]
_RUN = os.getpid()
_REMEMBERED = _PATH.endswith("/ask")
"""Whether an answer is kept for who asks the same; passages are searched for each time."""
_PAUSE = float(os.environ["LOAD_PAUSE"])
_out = Path(os.environ["LOAD_OUT"]).open("w", encoding="utf-8")  # noqa: SIM115 - until the end of the process


class Caller(FastHttpUser):
    """One caller. A refused one waits as long as it was told to, as a good client does."""

    network_timeout = connection_timeout = 600.0

    def on_start(self) -> None:
        self.number = next(_NUMBERS)
        self.asked = itertools.count()
        self.key = {"authorization": f"Bearer {_KEYS[self.number % len(_KEYS)]}"}

    @task
    def ask(self) -> None:
        number = next(self.asked)
        question = _QUESTIONS[(self.number * 7 + number) % len(_QUESTIONS)]
        if _REMEMBERED:
            # Nobody's questions are another's: what is measured is not the memory of answers.
            question += f" ({_RUN} {self.number} {number})"
        began = time.perf_counter()
        with self.client.post(_PATH, json={"question": question}, headers=self.key, catch_response=True) as response:
            took = time.perf_counter() - began
            response.success()  # what is an error is decided where it is counted
            told = response.headers.get("retry-after") if response.headers else None
            row = {"caller": self.number, "status": response.status_code, "at": time.time(), "seconds": took}
            _out.write(json.dumps(row) + "\n")
        time.sleep(float(told or _PAUSE))


@events.quitting.add_listener
def close(environment: object, **_: object) -> None:
    """Nothing stays in a buffer."""
    _out.close()
