"""The self-test of the LLM: llama.cpp runs in a child process before it is trusted in this one.

Native code can crash its process: if compiled for another processor, miscompiled (github.com/ggml-org/llama.cpp, pull
request 26954: AMX tiles), or refused by a hypervisor an instruction that the processor announces (issue 28328). So a
child loads the model and computes with it (`qa/llm/self_test_child.py`). If it dies, hangs or computes nonsense, the
next configuration is tried. The result is stored for each combination of library, processor and model, and costs
nothing at the next start.
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
import os
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from index.errors import InsufficientMemory
from index.runtime.child_process import ChildResult, python_command, run_child
from index.runtime.cpu import cpu_digest
from index.runtime.memory import insufficient_memory, require_memory
from qa.errors import LLMFailed, LLMUnusable
from qa.llm.llama_context import memory_needed
from qa.llm.llama_library import LlamaConfiguration, library_digest

_VERSION = 1
"""Version of the stored results; increment it to invalidate earlier ones."""
SILENCE = 180.0
"""Seconds in which a child must report its next stage. Reading a model from a slow disk takes half a minute."""
PLAUSIBLE = -2.0
"""The least mean log-probability of a continuation that every model knows; the default one gives -0.01."""
GAIN = 1.5
"""Prompt tokens a second, as a ratio, at which repacked weights are worth the memory of their copies."""
_REPACKED_ATTEMPTS = 2
"""Files of CPU code that are tried with repacked weights: with AMX the best one may crash."""
_CODE = "from qa.llm.self_test_child import main; main()"
_NONSENSE = "nonsense"
_NO_MEMORY = "no memory"
_KILLED = "SIGKILL"
"""Signal with which the system kills a child when memory runs out."""


@dataclass(frozen=True)
class Attempt:
    """One configuration that was tried: the reason for its failure, or its speed in tokens a second."""

    configuration: LlamaConfiguration
    failure: str | None = None
    prompt_rate: float = 0.0
    generation_rate: float = 0.0


@dataclass(frozen=True)
class SelfTestResult:
    """All attempts, and the configuration to use, which is `None` if every attempt failed."""

    attempts: tuple[Attempt, ...]
    chosen: LlamaConfiguration | None

    @property
    def failures(self) -> tuple[Attempt, ...]:
        return tuple(attempt for attempt in self.attempts if attempt.failure)

    def attempt(self, configuration: LlamaConfiguration) -> Attempt:
        return next(attempt for attempt in self.attempts if attempt.configuration == configuration)


class SelfTest:
    """Runs self-tests and stores their results in `folder`, if there is one.

    A test whose child reports nothing for `silence` seconds has failed. `command_prefix` goes before the child's
    command (an emulator of another processor, in tests). `on_start` is called before a test, which takes a while.
    """

    def __init__(
        self,
        folder: Path | None,
        threads: int = 0,
        *,
        silence: float = SILENCE,
        command_prefix: Sequence[str] = (),
        on_start: Callable[[], None] = lambda: None,
    ) -> None:
        self._folder = folder
        self._threads = threads or os.cpu_count() or 2
        self._silence = silence
        self._command_prefix = tuple(command_prefix)
        self._on_start = on_start

    def configuration(self, model: Path) -> LlamaConfiguration:
        """Return the configuration that runs `model` here.

        Raises `LLMUnusable` if none does, `LLMFailed` for a file that is not a model, and `InsufficientMemory` if there
        is too little memory for it.
        """
        result = self.result(model)
        if result.chosen is None:
            failures = dict.fromkeys(attempt.failure for attempt in result.failures)
            raise LLMUnusable(name=model.stem, failure=", ".join(filter(None, failures)))
        return result.chosen

    def result(self, model: Path) -> SelfTestResult:
        """Return the stored result for `model`, or run a test now. Raises `LLMFailed` and `InsufficientMemory`."""
        file = self._file(model)
        stored = _load(file) if file else None
        if stored:
            return stored
        self._on_start()
        result = self._run(model)
        if file:
            _store(file, result)
        return result

    def _run(self, model: Path) -> SelfTestResult:
        listing = self._child("backends")
        if listing.failure == _KILLED:
            raise insufficient_memory(memory_needed(model), model)
        if listing.failure:
            return SelfTestResult((Attempt(LlamaConfiguration(), listing.failure),), None)
        attempts: list[Attempt] = []
        backends = _backends(listing)
        for backend in backends:
            attempts.append(self._attempt(model, LlamaConfiguration(backend)))
            if attempts[-1].failure is None:
                break
        else:
            return SelfTestResult(tuple(attempts), None)
        working = attempts[-1]
        for backend in backends[len(attempts) - 1 :][:_REPACKED_ATTEMPTS]:
            attempts.append(self._attempt_repacked(model, LlamaConfiguration(backend, extra_buffers=True)))
            if attempts[-1].failure in (None, _NO_MEMORY):
                break
        faster = not attempts[-1].failure and attempts[-1].prompt_rate > working.prompt_rate * GAIN
        return SelfTestResult(tuple(attempts), (attempts[-1] if faster else working).configuration)

    def _attempt_repacked(self, model: Path, configuration: LlamaConfiguration) -> Attempt:
        """Try repacked weights. Memory too small for both copies still suffices for the weights themselves."""
        try:
            return self._attempt(model, configuration)
        except InsufficientMemory:
            return Attempt(configuration, _NO_MEMORY)

    def _attempt(self, model: Path, configuration: LlamaConfiguration) -> Attempt:
        needed = memory_needed(model)
        require_memory(needed, model)
        extra = "extra" if configuration.extra_buffers else "plain"
        child = self._child("compute", str(model), str(self._threads), configuration.backend, extra)
        reports = _reports(child)
        if refused := reports.get("refused"):
            raise LLMFailed(path=model) if refused["reason"] == "not_a_model" else insufficient_memory(needed, model)
        if child.failure == _KILLED:
            raise insufficient_memory(needed, model)
        computed = reports.get("computed")
        if computed is None:
            return Attempt(configuration, child.failure or _NONSENSE)
        # Also false for NaN.
        plausible = computed["log_prob"] >= PLAUSIBLE
        rates = computed["prompt_rate"], computed["generation_rate"]
        return Attempt(configuration, None if plausible else _NONSENSE, *rates)

    def _child(self, *arguments: str) -> ChildResult:
        return run_child([*self._command_prefix, *python_command(_CODE, arguments)], self._silence)

    def _file(self, model: Path) -> Path | None:
        if self._folder is None:
            return None
        stat = model.stat()
        depends_on = _VERSION, library_digest(), cpu_digest(), model.resolve(), stat.st_size, stat.st_mtime_ns
        return self._folder / f"{hashlib.sha256(repr(depends_on).encode()).hexdigest()[:32]}.json"


def _backends(listing: ChildResult) -> list[str]:
    """Return the files of CPU code, best first; a single empty name if the library has its code built in."""
    return list(_reports(listing).get("backends", {}).get("names", ())) or [""]


def _reports(child: ChildResult) -> dict[str, dict[str, Any]]:
    """Parse the reports of a child, by stage; other lines are skipped."""
    reports: dict[str, dict[str, Any]] = {}
    for line in child.lines:
        with suppress(ValueError):
            report = json.loads(line)
            if isinstance(report, dict) and isinstance(report.get("stage"), str):
                reports[report["stage"]] = report
    return reports


def _load(file: Path) -> SelfTestResult | None:
    """Load a stored result; `None` if it is missing or damaged."""
    try:
        stored = json.loads(file.read_text(encoding="utf-8"))
        attempts = tuple(
            Attempt(**{**attempt, "configuration": LlamaConfiguration(**attempt["configuration"])})
            for attempt in stored["attempts"]
        )
        return SelfTestResult(attempts, LlamaConfiguration(**stored["chosen"]) if stored["chosen"] else None)
    except (OSError, ValueError, KeyError, TypeError):
        return None


def _store(file: Path, result: SelfTestResult) -> None:
    """Store a result. If that fails (a full disk), the next process runs the test again."""
    partial = file.with_suffix(f".{os.getpid()}.partial")
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        partial.write_text(json.dumps(dataclasses.asdict(result)), encoding="utf-8")
        partial.replace(file)
    except OSError:
        with suppress(OSError):
            partial.unlink()
