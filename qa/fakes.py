"""Fakes of LLM, reader and comparison parser, for tests and trials without models. They obey the same contracts."""

from __future__ import annotations

import re
from collections.abc import Sequence

from index.articles import Span
from index.text.sentences import sentences
from index.text.words import content_words
from qa.llm.base import Candidate, Message, Prompt, TextStream
from qa.polarity import polarity_of
from qa.query.comparison_question import ComparisonQuestion, Operation, asked_unit
from qa.query.intent import Intents
from qa.reader.base import UNJUDGED, Context, ReaderOutput, ScoredSpan, Verdict

_NUMBER = re.compile(r"\d+(?:[.,]\d+)*")
_THINGS = re.compile(r"[:,،] (?P<first>[^,،:]+?) (?:or|and|أم|و) ?(?P<second>[^,،:]+?)[?؟]$")
_LEAST = re.compile(r"\b(?:shorter|fewer|less|first|earlier|older)\b|أقصر|أقل|أقدم|أولا")
_COMPARES: tuple[tuple[Operation, re.Pattern[str]], ...] = (
    ("which", re.compile(r"^(?:Which|Who)\b|^أي", re.IGNORECASE)),
    ("difference", re.compile(r"^How much (?:more|longer)\b|^بكم", re.IGNORECASE)),
    ("sum", re.compile(r"^How much together\b|^كم مجموع", re.IGNORECASE)),
)


class FakeLLM:
    """Fake LLM: answers with words of the sentence that shares most with the question, or declines as in the examples.

    It parses the same prompts as the real one: evidence lines begin with "- ", the question is the last line.
    """

    name = "fake-generator"
    host: str | None = None
    address: str | None = None

    def __init__(self) -> None:
        self.prepared: list[tuple[Message, ...]] = []
        self.stopped_early = 0

    def count_tokens(self, text: str) -> int:
        return len(text.split())

    def prepare(self, head: tuple[Message, ...]) -> None:
        self.prepared.append(head)

    def generate_candidate(self, prompt: Prompt, max_tokens: int, refusal: str) -> Candidate:
        phrase, refusal_log_prob = self._phrase(prompt.turns[-1].content)
        return Candidate(" ".join(phrase.split()[:max_tokens]), -0.05, refusal_log_prob)

    def generate_candidates(
        self, prompt: Prompt, max_tokens: int, refusal: str, openings: frozenset[str], count: int
    ) -> list[Candidate]:
        _, refusal_log_prob = self._phrase(prompt.turns[-1].content)
        return [Candidate(word, -6.0, refusal_log_prob) for word in sorted(openings)[:count]]

    def score(self, prompt: Prompt, text: str) -> float:
        *lines, _ = prompt.turns[-1].content.split("\n")
        known = content_words(" ".join(lines))
        words = content_words(text)
        return -0.1 - 5.0 * len(words - known) / len(words) if words else -0.1

    def stream(self, prompt: Prompt, max_tokens: int) -> TextStream:
        words = re.findall(r"\S+\s*", self._sentence(prompt))[:max_tokens]
        finished = False
        try:
            yield from words
            finished = True
        finally:
            self.stopped_early += not finished

    def _phrase(self, turn: str) -> tuple[str, float]:
        """Return words of the best sentence, and the log-probability of refusing instead."""
        *lines, question = turn.split("\n")
        question_words = content_words(question)
        best = max(lines, key=lambda line: len(question_words & content_words(line)), default="")
        refusal_log_prob = -9.0 if len(question_words & content_words(best)) >= 2 else -0.05
        numbers = _NUMBER.findall(best)
        if numbers and _wants_number(question):
            return str(numbers[0]), refusal_log_prob
        return " ".join(best.removeprefix("- ").split()[:4]), refusal_log_prob

    def _sentence(self, prompt: Prompt) -> str:
        label, _, phrase = prompt.turns[-1].content.rpartition("\n")[2].partition(": ")
        arabic = any("\u0600" <= character <= "\u06ff" for character in label)
        return f"الجواب هو {phrase}" if arabic else f"The answer is {phrase}"


class FakeReader:
    """Fake reader: the answer is in the sentence that shares two words with the question, or there is none."""

    name = "fake-reader"

    def prepare(self) -> None: ...

    def count_tokens(self, text: str) -> int:
        return len(text.split())

    def read(self, question: str, contexts: Sequence[Context]) -> list[ReaderOutput]:
        # Of a sub-question of a comparison, what comes before the comparison.
        question_words = content_words(question.partition(" | ")[0])
        return [self._read(question, question_words, context.text) for context in contexts]

    def _read(self, question: str, question_words: frozenset[str], excerpt: str) -> ReaderOutput:
        candidates = []
        for sentence in sentences(excerpt):
            text = excerpt[sentence.start : sentence.end]
            start, end = _phrase_in(question, text)
            shared = len(question_words & content_words(text)) + (
                _wants_number(question) and bool(_NUMBER.search(text))
            )
            candidates.append(ScoredSpan(Span(sentence.start + start, sentence.start + end), 4.0 * shared))
        spans = tuple(sorted(candidates, key=lambda scored: -scored.score))
        if not spans:
            return ReaderOutput((), no_answer_score=6.0, answerable=-6.0)
        margin = spans[0].score - 6.0
        verdict = _verdict(question, excerpt, spans[0].span) if margin > 0 else UNJUDGED
        return ReaderOutput(spans, 6.0, margin, verdict, spans)


def _verdict(question: str, excerpt: str, span: Span) -> Verdict:
    """Return yes if the sentence with `span` and the question both deny, or neither does; else no."""
    sentence = next(s for s in sentences(excerpt) if s.overlaps(span))
    agrees = polarity_of(excerpt[sentence.start : sentence.end]).negated == polarity_of(question).negated
    return Verdict(0.9, 0.05, 0.05) if agrees else Verdict(0.05, 0.9, 0.05)


def _wants_number(question: str) -> bool:
    return bool(re.search(r"كم|عدد|how many|when|متى|^value ", question, re.IGNORECASE))


def _phrase_in(question: str, sentence: str) -> tuple[int, int]:
    """Return the span of a number if the question asks for one, else of the first four words."""
    number = _NUMBER.search(sentence)
    if number and _wants_number(question):
        return number.span()
    words = list(re.finditer(r"\S*\w[\u064b-\u0652]*", sentence))[:4]
    return words[0].start(), words[-1].end()


class FakeComparisonParser:
    """Fake parser: two things at the question's end, after a comma or a colon ("Which is longer, A or B?")."""

    def parse(self, question: str, intents: Intents) -> ComparisonQuestion | None:
        operation = next((name for name, opening in _COMPARES if opening.search(question)), None)
        things = _THINGS.search(question)
        if operation is None or things is None or things["first"] == things["second"]:
            return None
        most = not _LEAST.search(question)
        return ComparisonQuestion(
            question, operation, (things["first"], things["second"]), most, most, asked_unit(question)
        )
