"""What nobody waits for ends in the midst of a step of the real models, and leaves nothing behind."""

from __future__ import annotations

import pytest

from qa.cancellation import Cancelled, CancelToken, cancel_scope
from qa.llm.llama_cpp_llm import LlamaCppLLM
from qa.prompts import answer_prompt
from qa.reader.base import Context
from qa.reader.lora_reader import BATCH, LoRAReader

QUESTION = "At how many stations does the tram stop on Saturdays?"
TRAM = "The harbour tram stops at 24 stations on weekdays and at 11 of them on Saturdays."


class After(CancelToken):
    """Set once it has been looked at so many times."""

    def __init__(self, looks: int) -> None:
        super().__init__()
        self.looks = looks

    def is_set(self) -> bool:
        self.looks -= 1
        return self.looks < 0


@pytest.mark.real
@pytest.mark.parametrize("looks", [0, 1, 2])
def test_drafts_end_in_their_midst(real_generator: LlamaCppLLM, looks: int) -> None:
    prompt = answer_prompt("en").ask(QUESTION, [TRAM])

    def drafts() -> object:
        return real_generator.generate_candidates(prompt, 32, "none", frozenset({"at", "eleven", "on"}), 3)

    wanted = drafts()
    real_generator.generate_candidate(answer_prompt("en").ask("What is it?", [TRAM]), 2, "none")
    with cancel_scope(After(looks)), pytest.raises(Cancelled):
        drafts()
    assert drafts() == wanted


class SeenInC(CancelToken):
    """Set, but only for who looks at the flag."""

    def __init__(self) -> None:
        super().__init__()
        self.set()

    def is_set(self) -> bool:
        return False


@pytest.mark.real
def test_a_pass_through_the_llm_ends_in_its_midst(real_generator: LlamaCppLLM) -> None:
    prompt = answer_prompt("en").ask(QUESTION, [TRAM])
    wanted = real_generator.score(prompt, "11 of them")
    sentence = "".join(real_generator.stream(prompt, 8))
    real_generator.generate_candidate(answer_prompt("en").ask("What is it?", [TRAM]), 2, "none")
    with cancel_scope(SeenInC()), pytest.raises(Cancelled):
        real_generator.score(prompt, "11 of them")
    pieces = real_generator.stream(prompt, 8)
    next(pieces)
    with cancel_scope(SeenInC()), pytest.raises(Cancelled):
        list(pieces)
    assert real_generator.score(prompt, "11 of them") == wanted
    assert "".join(real_generator.stream(prompt, 8)) == sentence


@pytest.mark.real
def test_reading_ends_between_two_batches(real_reader: LoRAReader) -> None:
    contexts = [Context(f"{TRAM} ({number})") for number in range(BATCH + 1)]
    wanted = real_reader.read(QUESTION, contexts)
    with cancel_scope(After(1)), pytest.raises(Cancelled):
        real_reader.read(QUESTION, contexts)
    assert real_reader.read(QUESTION, contexts) == wanted
