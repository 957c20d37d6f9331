"""A question in progress, and the records that it can end with."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass, replace

from index.articles import Language
from index.retriever import Hit
from index.text.folding import fold_text
from qa.answer import Answer, Citation, Correction, FoundPassage, LeftOut, Nearest, Status, Timings
from qa.citations import Located, cite, corroborating, is_same_answer
from qa.composed import ComposedAnswer
from qa.confidence import nearest_related
from qa.evidence import Evidence
from qa.postprocess import add_citation_markers, fallback_answer, match_digits
from qa.prompts import AnswerPrompt
from qa.query.understanding import Kind, Understanding


@dataclass(frozen=True)
class QuestionContext:
    """A question in progress, with its record so far. `question` is the stand-alone form of `typed`.

    `left_out` are the sentences of the passages that `hits` do not have, as they seem to command.
    """

    id: str
    typed: str
    question: str
    language: Language
    hits: Sequence[Hit]
    understanding: Understanding
    prompt: AnswerPrompt
    timings: Timings
    models: dict[str, str]
    left_out: tuple[LeftOut, ...] = ()

    @property
    def passages(self) -> tuple[FoundPassage, ...]:
        return found_passages(self.hits)

    def of_kind(self, kind: Kind) -> QuestionContext:
        """Return the question as one of another kind."""
        return replace(self, understanding=replace(self.understanding, kind=kind))

    def answered(
        self,
        sentence: str,
        located: Located,
        evidence: Sequence[Evidence],
        confidence: float,
        clock: Clock,
        correction: Correction | None = None,
        other: Located | None = None,
    ) -> Answer:
        """Return the record of an answer of one sentence around a phrase; of two if another may be the right one."""
        quoted = corroborating(located, evidence)
        if other and any(other.same_sentence(cited) for cited in quoted):
            other = None
        if other and is_same_answer(located, other):
            quoted, other = [*quoted, other], None
        answer = add_citation_markers(match_digits(self.typed, sentence), range(1, len(quoted) + 1))
        if other:
            quoted = [*quoted, other]
            second = self.prompt.other.format(phrase=fallback_answer(other))
            answer += f" {add_citation_markers(match_digits(self.typed, second), [len(quoted)])}"
        record = self.record(
            status="answered",
            answer=answer,
            short_answer=located.text,
            confidence=confidence,
            citations=[cite(marker, cited) for marker, cited in enumerate(quoted, start=1)],
            timings=replace(self.timings, total=clock.ms()),
        )
        return replace(record, correction=correction, other=other.text if other else None)

    def marked(self, composed: ComposedAnswer) -> tuple[str, list[Located]]:
        """Return the text of a composed answer with its markers, and the quotations in their order, each once."""
        quotations: list[Located] = []
        sentences = []
        for statement in composed.statements:
            markers = []
            for located in statement.quotations:
                if located not in quotations:
                    quotations.append(located)
                markers.append(quotations.index(located) + 1)
            text = match_digits(self.typed, statement.text)
            sentences.append(add_citation_markers(text, markers) if markers else text)
        return " ".join(sentences), quotations

    def of_composed(self, composed: ComposedAnswer, answer: str, quotations: Sequence[Located], clock: Clock) -> Answer:
        """Return the record of a composed answer."""
        record = self.record(
            status="answered",
            answer=answer,
            short_answer=composed.short_answer,
            confidence=composed.confidence,
            citations=[cite(marker, located) for marker, located in enumerate(quotations, start=1)],
            timings=replace(self.timings, total=clock.ms()),
        )
        if composed.verdict is None:
            return record
        return replace(record, verdict="yes" if composed.verdict else "no")

    def declined(self, confidence: float, clock: Clock, missing: Sequence[str] = ()) -> Answer:
        """Return the record of a declined question; `missing` are names that no article has."""
        timings = replace(self.timings, total=clock.ms())
        text = self.prompt.declined
        if missing:
            quoted = [self.prompt.quoted.format(text=name) for name in missing]
            text += " " + self.prompt.missing.format(names=self.prompt.separator.join(quoted))
        record = self.record("declined", text, None, confidence, (), timings)
        related = nearest_related(self.question, self.hits)
        return replace(record, nearest=nearest(related) if related else None, missing=tuple(missing) or None)

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
            question=self.typed,
            language=self.language,
            status=status,
            answer=answer,
            short_answer=short_answer,
            confidence=round(confidence, 3),
            citations=tuple(citations),
            passages=self.passages,
            timings_ms=timings,
            models=self.models,
            understanding=self.understanding.to_json(),
            # Restored hamzas alone are not reported.
            asked=self.question if fold_text(self.question) != fold_text(self.typed) else None,
            left_out=self.left_out or None,
        )


def found_passages(hits: Sequence[Hit]) -> tuple[FoundPassage, ...]:
    """Convert hits to passages of the record."""
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


def nearest(evidence: Evidence) -> Nearest:
    """Convert a sentence to the `nearest` of a declined record."""
    article, span = evidence.article, evidence.span
    return Nearest(article.id, article.title, span.start, span.end, article.text[span.start : span.end])


class Clock:
    """Milliseconds since a question arrived."""

    def __init__(self) -> None:
        self._start = time.perf_counter()

    def ms(self) -> float:
        return round((time.perf_counter() - self._start) * 1000, 1)
