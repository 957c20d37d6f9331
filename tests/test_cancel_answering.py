"""Cancelling stops the real models in the middle of a step and leaves no state behind."""

from __future__ import annotations

import pytest

from qa.cancellation import Cancelled, CancelToken, cancel_scope
from qa.llm.llama_cpp_llm import LlamaCppLLM
from qa.prompts import answer_prompt
from qa.reader.base import Context
from qa.reader.lora_reader import BATCH, LoRAReader

QUESTION = "At how many stations does the tram stop on Saturdays?"
TRAM = "The harbour tram stops at 24 stations on weekdays and at 11 of them on Saturdays."


class CancelAfter(CancelToken):
    """Set once `is_set` has been called `looks` times."""

    def __init__(self, looks: int) -> None:
        super().__init__()
        self.looks = looks

    def is_set(self) -> bool:
        self.looks -= 1
        return self.looks < 0


@pytest.mark.real
@pytest.mark.parametrize("looks", [0, 1, 2])
def test_cancel_stops_candidate_generation(real_generator: LlamaCppLLM, looks: int) -> None:
    prompt = answer_prompt("en").ask(QUESTION, [TRAM])

    def candidates() -> object:
        return real_generator.generate_candidates(prompt, 32, "none", frozenset({"at", "eleven", "on"}), 3)

    wanted = candidates()
    real_generator.generate_candidate(answer_prompt("en").ask("What is it?", [TRAM]), 2, "none")
    with cancel_scope(CancelAfter(looks)), pytest.raises(Cancelled):
        candidates()
    assert candidates() == wanted


class CancelFlagOnly(CancelToken):
    """Set only in the flag that native code reads; `is_set` returns False."""

    def __init__(self) -> None:
        super().__init__()
        self.set()

    def is_set(self) -> bool:
        return False


@pytest.mark.real
def test_cancel_stops_llm_forward_pass(real_generator: LlamaCppLLM) -> None:
    prompt = answer_prompt("en").ask(QUESTION, [TRAM])
    wanted = real_generator.score(prompt, "11 of them")
    sentence = "".join(real_generator.stream(prompt, 8))
    real_generator.generate_candidate(answer_prompt("en").ask("What is it?", [TRAM]), 2, "none")
    with cancel_scope(CancelFlagOnly()), pytest.raises(Cancelled):
        real_generator.score(prompt, "11 of them")
    pieces = real_generator.stream(prompt, 8)
    next(pieces)
    with cancel_scope(CancelFlagOnly()), pytest.raises(Cancelled):
        list(pieces)
    assert real_generator.score(prompt, "11 of them") == wanted
    assert "".join(real_generator.stream(prompt, 8)) == sentence


@pytest.mark.real
def test_cancel_stops_reader_between_batches(real_reader: LoRAReader) -> None:
    contexts = [Context(f"{TRAM} ({number})") for number in range(BATCH + 1)]
    wanted = real_reader.read(QUESTION, contexts)
    with cancel_scope(CancelAfter(1)), pytest.raises(Cancelled):
        real_reader.read(QUESTION, contexts)
    assert real_reader.read(QUESTION, contexts) == wanted
