"""The way of a question: search → evidence → the LLM's phrase → located in an article, or declined → sentence.

The LLM is asked twice. First for the shortest phrase that answers; if that phrase stands in no article, or is
not likely enough to be right, the question is declined there and then. Only a phrase that has been found is
handed back for a sentence around it, which is streamed, checked, and marked with its citations.
"""

from __future__ import annotations

import itertools
import time
from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass, replace

from index.articles import Language
from index.search import Hit, Searcher
from qa.answer import (
    Answer,
    Citation,
    Event,
    Finished,
    FoundPassage,
    PassagesFound,
    PhraseFound,
    Status,
    Timings,
    Token,
)
from qa.citations import Located, also_in, cite
from qa.declining import THRESHOLD, nearness, probability, signals
from qa.evidence import BUDGET, select
from qa.generate import Generator
from qa.phrase import read_phrase
from qa.prompts import AnswerPrompt, answer_prompt
from qa.question import check
from qa.wording import holds, marked, phrase_alone

SENTENCE_TOKENS = 80


@dataclass(frozen=True)
class Options:
    """How to answer: passages shown, prompt tokens of evidence, and the least probability to answer at."""

    passages: int = 10
    evidence_tokens: int = BUDGET
    threshold: float = THRESHOLD


class Assistant:
    """Answers questions about one index. Without a generator it quotes the sentence nearest to the question."""

    def __init__(self, searcher: Searcher, generator: Generator | None, options: Options | None = None) -> None:
        self.searcher = searcher
        self._generator = generator
        self._options = options or Options()
        self._numbers = itertools.count(1)

    def prepare(self, language: Language) -> None:
        """Load the LLM and let it read its instructions, so that the first question need not wait for that."""
        if self._generator:
            self._generator.prepare(answer_prompt(language).head)

    def ask(self, question: str, question_id: str | None = None) -> Answer:
        """The answer record. Raises what `stream` raises."""
        for event in self.stream(question, question_id):
            if isinstance(event, Finished):
                return event.answer
        raise AssertionError("a stream ends with the record")

    def stream(self, question: str, question_id: str | None = None) -> Iterator[Event]:
        """The passages, the phrase that answers, the sentence around it as it is written, then the record.

        Closing the iterator stops the work. Raises `QuestionEmpty`, `QuestionTooLong`, `QuestionLanguage`.
        """
        clock = _Clock()
        language = check(question)
        hits = self.searcher.search(question, self._options.passages, literally=False)
        asked = _Asked(
            id=question_id or f"q-{next(self._numbers)}",
            question=question,
            language=language,
            hits=hits,
            prompt=answer_prompt(language),
            timings=Timings(search=clock.ms()),
            models={"embedder": self.searcher.embedder_name},
        )
        yield PassagesFound(asked.passages)
        if not hits:
            yield Finished(asked.declined(0.0, clock))
        elif self._generator is None:
            yield Finished(self._quote(asked, clock))
        else:
            asked.models["generator"] = self._generator.name
            yield from self._answer(asked, self._generator, clock)

    def _quote(self, asked: _Asked, clock: _Clock) -> Answer:
        """The nearest sentence as it stands, if it is near enough."""
        nearest = select(asked.question, asked.hits, len, budget=1)[0]
        confidence = nearness(nearest.similarity)
        if confidence < self._options.threshold:
            return asked.declined(confidence, clock)
        return asked.record(
            status="answered",
            answer=marked(nearest.text, [1]),
            short_answer=None,
            confidence=confidence,
            citations=[cite(1, Located(nearest, nearest.span))],
            timings=replace(asked.timings, total=clock.ms()),
        )

    def _answer(self, asked: _Asked, generator: Generator, clock: _Clock) -> Iterator[Event]:
        evidence = select(asked.question, asked.hits, generator.count_tokens, self._options.evidence_tokens)
        prompt = asked.prompt.ask(asked.question, [piece.text for piece in evidence])
        phrase = read_phrase(generator, prompt, asked.question, asked.prompt.none, evidence)
        confidence = probability(signals(asked.hits, phrase)) if phrase else 0.0
        if phrase is None or confidence < self._options.threshold:
            yield Finished(asked.declined(confidence, clock))
            return
        located = phrase.located
        yield PhraseFound(located.text)
        written: list[str] = []
        timings = asked.timings
        with closing(generator.write(asked.prompt.ask_for_sentence(prompt, located.text), SENTENCE_TOKENS)) as pieces:
            for text in pieces:
                if timings.first_token is None:
                    timings = replace(timings, first_token=clock.ms())
                written.append(text)
                yield Token(text)
        sentence = " ".join("".join(written).split())
        citations = [cite(marker, found) for marker, found in enumerate(also_in(located, evidence), start=1)]
        said = sentence if holds(sentence, asked.question, located) else phrase_alone(located)
        yield Finished(
            asked.record(
                status="answered",
                answer=marked(said, [citation.marker for citation in citations]),
                short_answer=located.text,
                confidence=confidence,
                citations=citations,
                timings=replace(timings, total=clock.ms()),
            )
        )


@dataclass(frozen=True)
class _Asked:
    """A question on its way: what is known of its record so far."""

    id: str
    question: str
    language: Language
    hits: Sequence[Hit]
    prompt: AnswerPrompt
    timings: Timings
    models: dict[str, str]

    @property
    def passages(self) -> tuple[FoundPassage, ...]:
        return found_passages(self.hits)

    def declined(self, confidence: float, clock: _Clock) -> Answer:
        """The record that says that the articles do not say."""
        timings = replace(self.timings, total=clock.ms())
        return self.record("declined", self.prompt.declined, None, confidence, (), timings)

    def record(
        self,
        status: Status,
        answer: str,
        short_answer: str | None,
        confidence: float,
        citations: Sequence[Citation],
        timings: Timings,
    ) -> Answer:
        return Answer(
            id=self.id,
            question=self.question,
            language=self.language,
            status=status,
            answer=answer,
            short_answer=short_answer,
            confidence=round(confidence, 3),
            citations=tuple(citations),
            passages=self.passages,
            timings_ms=timings,
            models=self.models,
        )


def found_passages(hits: Sequence[Hit]) -> tuple[FoundPassage, ...]:
    """What search found, as the record shows it."""
    return tuple(
        FoundPassage(
            article_id=hit.article.id,
            title=hit.article.title,
            start=hit.passage.start,
            end=hit.passage.end,
            text=hit.passage.text,
            score=round(hit.score, 4),
        )
        for hit in hits
    )


class _Clock:
    """Milliseconds since a question arrived."""

    def __init__(self) -> None:
        self._start = time.perf_counter()

    def ms(self) -> float:
        return round((time.perf_counter() - self._start) * 1000, 1)
