"""The LLM's tokens a second, alone and while other programs keep every core busy, with one thread and with all:

    python -m benchmarks.busy [--programs 5] [--rounds 3]

Rounds alternate between the settings, so that all of them meet the same hours of a shared machine; medians are told.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from statistics import median

import click

from index.runtime.cpu import cpu_name
from qa.components import Components
from qa.llm.llama_context import LlamaContext, Settings
from qa.llm.llama_cpp_llm import LlamaCppLLM
from qa.llm.self_test_child import CONTINUATION, PROMPT

_GENERATED = 12
_RESULT = Path(__file__).parent / "results" / "busy.json"


@click.command()
@click.option("--programs", default=5, show_default=True, help="Busy programs.")
@click.option("--rounds", default=3, show_default=True)
def main(programs: int, rounds: int) -> None:
    """Measure and save."""
    generator = Components().generator
    assert isinstance(generator, LlamaCppLLM)
    contexts = {
        name: LlamaContext(generator.path, threads, Settings(), generator.configuration)
        for name, threads in (("one thread", 1), ("all threads", os.cpu_count() or 2))
    }
    for context in contexts.values():
        _rates(context)
    figures: dict[str, dict[str, list[tuple[float, float]]]] = {}
    for _ in range(rounds):
        for load, count in (("alone", 0), (f"{programs} busy programs", programs)):
            with _busy(count):
                for name, context in contexts.items():
                    figures.setdefault(load, {}).setdefault(name, []).append(_rates(context))
    told = {
        load: {
            name: {
                "prompt_tokens_per_second": round(median(prompt for prompt, _ in rates), 1),
                "generated_tokens_per_second": round(median(generated for _, generated in rates), 2),
            }
            for name, rates in by_name.items()
        }
        for load, by_name in figures.items()
    }
    result = {"cpu": cpu_name(), "cores": os.cpu_count(), "rounds": rounds, "figures": told}
    _RESULT.write_text(json.dumps(result, indent=2) + "\n", encoding="utf-8")
    click.echo(json.dumps(told, indent=2))


def _rates(context: LlamaContext) -> tuple[float, float]:
    """Prompt tokens and generated tokens a second."""
    tokens = context.tokenize(PROMPT)[:128]
    context.forget()
    begun = time.perf_counter()
    context.read(tokens)
    read = time.perf_counter()
    token = context.tokenize(CONTINUATION)[0]
    context.branch(1)
    for depth in range(_GENERATED):
        context.step([(1, token)], depth)
    context.prune(1)
    return len(tokens) / (read - begun), _GENERATED / (time.perf_counter() - read)


@contextmanager
def _busy(programs: int) -> Iterator[None]:
    running = [subprocess.Popen([sys.executable, "-c", "while True: pass"]) for _ in range(programs)]
    try:
        if running:
            time.sleep(0.5)
        yield
    finally:
        for program in running:
            program.kill()
            program.wait()


if __name__ == "__main__":
    main()
