"""Child process of the self-test: loads a model, computes with it, and reports on standard output.

`qa/llm/self_test.py` starts it and explains why. A report is a line of JSON with a `stage`:

    {"stage": "backends", "names": ["libggml-cpu-haswell.so", …]}       if requested
    {"stage": "loaded"}
    {"stage": "computed", "log_prob": -0.01, "prompt_rate": 101.2, "generation_rate": 9.7}

or, in place of the last two, {"stage": "refused", "reason": "not_a_model" or "no_memory"}. A crash is not caught.
"""

from __future__ import annotations

import itertools
import json
import sys
import time
from pathlib import Path

import numpy as np

from qa.llm.llama_context import LlamaContext, LogProbs, Settings
from qa.llm.llama_library import LlamaConfiguration, rated_backends

PROMPT = ", ".join(map(str, range(1, 61)))
"""A text whose continuation every language model knows. It has more tokens than one pass takes."""
CONTINUATION = ", 61, 62, 63, 64"
_BRANCHES = 4
_TIMED_TOKENS = 128


def main() -> None:
    """Run the task in the first argument: `backends`, or `compute` with model, threads and configuration."""
    task, *arguments = sys.argv[1:]
    if task == "backends":
        _report("backends", names=rated_backends())
        return
    model, threads, backend, extra_buffers = arguments
    try:
        context = LlamaContext(
            Path(model), int(threads), Settings(), LlamaConfiguration(backend, extra_buffers == "extra")
        )
    except ValueError:
        _report("refused", reason="not_a_model")
        return
    except MemoryError:
        _report("refused", reason="no_memory")
        return
    _report("loaded")
    log_prob = continuation_log_prob(context)
    prompt_rate, generation_rate = _rates(context)
    _report("computed", log_prob=log_prob, prompt_rate=prompt_rate, generation_rate=generation_rate)


def continuation_log_prob(context: LlamaContext) -> float:
    """Return the mean log-probability of CONTINUATION after PROMPT, the least of four ways to compute it.

    Token by token in one sequence, in several parallel sequences, in one pass, and after a state that was saved and
    loaded; NaN if any logit is NaN.
    """
    prompt, continuation = context.tokenize(PROMPT), context.tokenize(CONTINUATION)
    following = context.read(prompt)
    single = _stepwise_log_prob(context, following, continuation, 1)
    parallel = _stepwise_log_prob(context, following, continuation, _BRANCHES)
    one_pass = float(np.mean(context.weigh(continuation, following)))
    context.load(context.save())
    after_loading = _stepwise_log_prob(context, following, continuation, 1)
    return float(np.min([single, parallel, one_pass, after_loading]))


def _stepwise_log_prob(context: LlamaContext, following: LogProbs, tokens: list[int], branches: int) -> float:
    """Return the mean log-probability of `tokens`, evaluated one by one in `branches` identical sequences."""
    log_probs = [following[tokens[0]]]
    context.branch(branches)
    try:
        for depth, (token, expected) in enumerate(itertools.pairwise(tokens)):
            rows = context.step([(branch, token) for branch in range(1, branches + 1)], depth)
            log_probs += [row[expected] for row in rows]
    finally:
        context.prune(branches)
    return float(np.mean(log_probs))


def _rates(context: LlamaContext) -> tuple[float, float]:
    """Prompt tokens and generated tokens a second, weights in memory: the best of two rounds, as noise only slows."""
    prompt, continuation = context.tokenize(PROMPT)[:_TIMED_TOKENS], context.tokenize(CONTINUATION)
    prompt_rates, generation_rates = [], []
    for _ in range(2):
        context.forget()
        started = time.perf_counter()
        following = context.read(prompt)
        evaluated = time.perf_counter()
        _stepwise_log_prob(context, following, continuation, 1)
        prompt_rates.append(len(prompt) / (evaluated - started))
        generation_rates.append((len(continuation) - 1) / (time.perf_counter() - evaluated))
    return max(prompt_rates), max(generation_rates)


def _report(stage: str, **values: object) -> None:
    print(json.dumps({"stage": stage} | values), flush=True)
