"""A stand-in for the LLM, for tests and for trying Jawab without models. It obeys the same contract."""

from __future__ import annotations

import re

from index.text.words import content_words
from qa.generate import Draft, Message, Pieces, Prompt

_NUMBER = re.compile(r"\d+(?:[.,]\d+)*")


class FakeGenerator:
    """Answers with words of the sentence that shares most with the question, or as the examples decline.

    It reads the same prompts as the real one: evidence lines begin with "- ", the question is the last line.
    """

    name = "fake-generator"

    def __init__(self) -> None:
        self.prepared: list[tuple[Message, ...]] = []
        self.stopped_early = 0

    def count_tokens(self, text: str) -> int:
        return len(text.split())

    def prepare(self, head: tuple[Message, ...]) -> None:
        self.prepared.append(head)

    def draft(self, prompt: Prompt, max_tokens: int, refusal: str) -> Draft:
        phrase, doubt = self._phrase(prompt.turns[-1].content)
        return Draft(" ".join(phrase.split()[:max_tokens]), -0.05, doubt)

    def drafts(
        self, prompt: Prompt, max_tokens: int, refusal: str, openings: frozenset[str], count: int
    ) -> list[Draft]:
        _, doubt = self._phrase(prompt.turns[-1].content)
        return [Draft(word, -6.0, doubt) for word in sorted(openings)[:count]]

    def write(self, prompt: Prompt, max_tokens: int) -> Pieces:
        words = re.findall(r"\S+\s*", self._sentence(prompt))[:max_tokens]
        finished = False
        try:
            yield from words
            finished = True
        finally:
            self.stopped_early += not finished

    def _phrase(self, turn: str) -> tuple[str, float]:
        """Words of the best sentence, and the log-probability of refusing instead."""
        *lines, question = turn.split("\n")
        asked = content_words(question)
        best = max(lines, key=lambda line: len(asked & content_words(line)), default="")
        doubt = -9.0 if len(asked & content_words(best)) >= 2 else -0.05
        numbers = _NUMBER.findall(best)
        if numbers and re.search(r"كم|عدد|how many|when|متى", question, re.IGNORECASE):
            return str(numbers[0]), doubt
        return " ".join(best.removeprefix("- ").split()[:4]), doubt

    def _sentence(self, prompt: Prompt) -> str:
        phrase = prompt.turns[-2].content
        arabic = any("\u0600" <= character <= "\u06ff" for character in prompt.turns[-1].content)
        return f"الجواب هو {phrase}" if arabic else f"The answer is {phrase}"
