"""Question pipeline: search → the reader's phrase, or declined → the LLM's sentence around it → citations.

The reader extracts the phrase from the articles, or finds that they do not answer; this takes half a second. Then the
LLM writes a sentence around it, which is streamed, verified, and marked with its citations. Last, the LLM's likelihood
of the phrase is computed, which affects only the confidence.

Without a reader, the LLM's phrase is located in the articles; without an LLM, phrase and quotation are the answer. A
question that no phrase answers ("summarise …") is answered by the articles' own sentences, and so are "why" and "how":
by the sentence that has the phrase and those that follow it.
"""

from __future__ import annotations

import collections.abc
import itertools
import time
from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass, replace
from types import TracebackType
from typing import Self

from index.articles import Article, Language
from index.retrieval.filters import Filter
from index.retrieval.vocabulary import Vocabulary
from index.retriever import Hit, Retriever
from index.text.folding import fold_text
from index.text.language import detect_language, warm_up_detector
from qa.answer import (
    Answer,
    Citation,
    Correction,
    Event,
    Finished,
    FoundPassage,
    Nearest,
    PassagesFound,
    PhraseFound,
    Status,
    Timings,
    Token,
)
from qa.citations import Located, cite, corroborating, is_same_answer
from qa.confidence import combine_confidence, cosine_confidence, llm_confidence, nearest_related
from qa.evidence import Evidence, select_evidence
from qa.llm.base import LLM
from qa.llm_extraction import extract_short_answer
from qa.multi_sentence import expand_explanation, select_sentences, strip_connective
from qa.options import Options
from qa.postprocess import (
    ExtraCheck,
    add_citation_markers,
    fallback_answer,
    match_digits,
    no_extra_checks,
    verify_sentence,
)
from qa.prompts import AnswerPrompt, answer_prompt, sentence_prompt
from qa.query.arabizi import transliterate
from qa.query.dialect import to_msa_question_words
from qa.query.followup import HistoryTurn, concat_history, is_follow_up
from qa.query.question import asks_why_or_how, is_factoid, validate_question
from qa.query.rewriting import rewrite_follow_up
from qa.query.smalltalk import EXAMPLES, Kind, classify, reply
from qa.query.spelling import correct_spelling
from qa.reader.base import Reader
from qa.reader.extractive_qa import extract_answer
from qa.reader.prompt_injection import InjectionClassifier
from qa.verification.translation import check_translation

SENTENCE_TOKENS = 80

SentenceStream = collections.abc.Generator[Event, None, tuple["_QuestionContext", str, Correction | None]]
"""Generator of a sentence's tokens; returns the question with updated timings, the final text, and the correction."""


class Assistant:
    """Answers questions about one index.

    Without a generator the answer is the reader's phrase; without either, the sentence nearest to the question. With
    `injection_classifier` no answer is taken from a sentence that tries to command the reader or the LLM.
    """

    def __init__(
        self,
        retriever: Retriever,
        generator: LLM | None,
        reader: Reader | None = None,
        options: Options | None = None,
        injection_classifier: InjectionClassifier | None = None,
    ) -> None:
        self.retriever = retriever
        self._injection_classifier = injection_classifier
        self._generator = generator
        self._reader = reader
        self._options = options or Options()
        self._counter = itertools.count(1)

    def close(self) -> None:
        """Close the index; the models stay loaded."""
        self.retriever.catalog.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def search(self, question: str, k: int = 10, only: Filter | None = None, one_per_story: bool = False) -> list[Hit]:
        """Return the best passages for a question from `Retriever.search`. Raises the errors of `validate_question`."""
        validate_question(question)
        return self.retriever.search(question, k, only, one_per_story)

    def articles(self) -> list[Article]:
        """Return all articles, sorted by id."""
        return self.retriever.catalog.articles()

    def article(self, article_id: str) -> Article:
        """Return one article, with its text. Raises `ArticleMissing`."""
        return self.retriever.catalog.article(article_id)

    def prepare(self, language: Language) -> None:
        """Load the LLM and evaluate its instructions, so that the first question need not wait for that."""
        if self._generator:
            self._generator.prepare(answer_prompt(language).head)
            self._generator.prepare(sentence_prompt(language).head)

    def prepare_reading(self) -> None:
        """Load the embedder, the reader, and the language detector."""
        warm_up_detector()
        self.retriever.prepare()
        if self._reader:
            self._reader.prepare()

    def ask(self, question: str, question_id: str | None = None, history: Sequence[HistoryTurn] = ()) -> Answer:
        """Return the answer record. Raises the errors of `stream`."""
        for event in self.stream(question, question_id, history):
            if isinstance(event, Finished):
                return event.answer
        raise AssertionError("a stream ends with the record")

    def stream(
        self, question: str, question_id: str | None = None, history: Sequence[HistoryTurn] = ()
    ) -> Iterator[Event]:
        """Yield the passages, the answering phrase, the tokens of the sentence around it, then the record.

        `history` has the earlier exchanges, oldest first; a question that depends on it is rewritten to stand alone.
        Closing the iterator stops the work. Raises `QuestionEmpty`, `QuestionTooLong`, `QuestionLanguage`.
        """
        clock = _Clock()
        language = validate_question(question)
        answer_id = question_id or f"q-{next(self._counter)}"
        if kind := classify(question):
            yield Finished(self._smalltalk(answer_id, question, kind, language, clock))
            return
        vocabulary = Vocabulary(self.retriever.catalog.rows)
        transliterated = transliterate(question, vocabulary) or question
        standalone, query = self._rewrite_question(transliterated, history)
        hits = self.retriever.search(query, self._options.passages, literally=False)
        context = _QuestionContext(
            id=answer_id,
            typed=question,
            question=correct_spelling(to_msa_question_words(standalone), hits, vocabulary),
            language=language,
            hits=self._injection_classifier.filter_hits(hits) if self._injection_classifier else hits,
            prompt=answer_prompt(language),
            timings=Timings(search=clock.ms()),
            models={"embedder": self.retriever.embedder_name},
        )
        yield PassagesFound(context.passages)
        if not hits:
            yield Finished(context.declined(0.0, clock))
        elif not is_factoid(standalone):
            yield from self._answer_multi_sentence(context, clock)
        elif self._reader:
            yield from self._answer_with_reader(context, self._reader, clock)
        elif self._generator is None:
            yield Finished(self._answer_extractive(context, clock))
        else:
            yield from self._answer_with_llm_only(context, self._generator, clock)

    def _rewrite_question(self, question: str, history: Sequence[HistoryTurn]) -> tuple[str, str]:
        """Return the stand-alone form of the question, and the query to search for."""
        if not history or not is_follow_up(question):
            return question, question
        standalone = rewrite_follow_up(question, history, self._generator) if self._generator else None
        return (standalone, standalone) if standalone else (question, concat_history(question, history))

    def _smalltalk(self, answer_id: str, question: str, kind: Kind, language: Language, clock: _Clock) -> Answer:
        """Return the record for small talk."""
        catalog = self.retriever.catalog
        reply_text = reply(kind, language, catalog.titles(language, EXAMPLES), catalog.count_articles())
        return Answer(
            answer_id,
            question,
            language,
            "declined",
            reply_text,
            None,
            0.0,
            (),
            (),
            Timings(total=clock.ms()),
            talk=kind,
        )

    def _answer_with_reader(self, context: _QuestionContext, reader: Reader, clock: _Clock) -> Iterator[Event]:
        """Answer with the reader's phrase, and a sentence around it if there is an LLM."""
        context.models["reader"] = reader.name
        extracted = extract_answer(reader, context.question, context.hits, self._options.reading_tokens)
        confidence = extracted.probability if extracted else 0.0
        if extracted is None or confidence < self._options.threshold:
            yield Finished(context.declined(confidence, clock))
            return
        located = extracted.located
        context = replace(context, timings=replace(context.timings, short_answer=clock.ms()))
        yield PhraseFound(located.text)
        if asks_why_or_how(context.question):
            yield from self._emit_sentences(
                context, expand_explanation(located.evidence, context.hits), located, confidence, clock
            )
            return
        generator = self._generator
        sentence, correction, count_tokens = fallback_answer(located), None, reader.count_tokens
        if generator:
            context, sentence, correction = yield from self._generate_sentence(context, generator, located, clock)
            # Computed after the sentence, so that it does not delay the first token.
            prompt = context.prompt.ask(context.question, [located.evidence.text])
            confidence = combine_confidence(confidence, generator.score(prompt, located.text))
            count_tokens = generator.count_tokens
        evidence = select_evidence(context.question, context.hits, count_tokens, self._options.evidence_tokens)
        yield Finished(context.answered(sentence, located, evidence, confidence, clock, correction, extracted.other))

    def _answer_extractive(self, context: _QuestionContext, clock: _Clock) -> Answer:
        """Answer with the nearest sentence unchanged, if it is near enough."""
        nearest = next(iter(select_evidence(context.question, context.hits, len, budget=1)), None)
        confidence = cosine_confidence(nearest.similarity) if nearest else 0.0
        if nearest is None or confidence < self._options.threshold:
            return context.declined(confidence, clock)
        return context.record(
            status="answered",
            answer=add_citation_markers(nearest.text, [1]),
            short_answer=None,
            confidence=confidence,
            citations=[cite(1, Located(nearest, nearest.span))],
            timings=replace(context.timings, total=clock.ms()),
        )

    def _answer_multi_sentence(self, context: _QuestionContext, clock: _Clock) -> Iterator[Event]:
        """Answer with several of the articles' own sentences, each with its quotation."""
        chosen = select_sentences(context.question, context.hits)
        # A title may be nearest to what is asked for, though it is no part of the answer.
        scores = (sentence.score for hit in context.hits for sentence in hit.sentences)
        confidence = cosine_confidence(max(scores, default=-1.0))
        if not chosen or confidence < self._options.threshold:
            yield Finished(context.declined(confidence, clock))
            return
        yield from self._emit_sentences(context, chosen, None, confidence, clock)

    def _emit_sentences(
        self,
        context: _QuestionContext,
        chosen: Sequence[Evidence],
        phrase: Located | None,
        confidence: float,
        clock: _Clock,
    ) -> Iterator[Event]:
        """Yield sentences of the articles, one after the other; a phrase is in the first."""
        sentences: list[str] = []
        for marker, evidence in enumerate(chosen, start=1):
            sentences.append(add_citation_markers(match_digits(context.typed, strip_connective(evidence)), [marker]))
            if context.timings.first_token is None:
                context = replace(context, timings=replace(context.timings, first_token=clock.ms()))
            yield Token(f"{sentences[-1]} ")
        yield Finished(
            context.record(
                status="answered",
                answer=" ".join(sentences),
                short_answer=phrase.text if phrase else None,
                confidence=confidence,
                citations=[cite(marker, Located(e, e.span)) for marker, e in enumerate(chosen, start=1)],
                timings=replace(context.timings, total=clock.ms()),
            )
        )

    def _answer_with_llm_only(self, context: _QuestionContext, generator: LLM, clock: _Clock) -> Iterator[Event]:
        """Answer with the LLM's own phrase, located in the evidence, and a sentence around it."""
        evidence = select_evidence(
            context.question, context.hits, generator.count_tokens, self._options.evidence_tokens
        )
        prompt = context.prompt.ask(context.question, [piece.text for piece in evidence])
        phrase = extract_short_answer(generator, prompt, context.question, context.prompt.none, evidence)
        confidence = llm_confidence(context.hits, phrase) if phrase else 0.0
        if phrase is None or confidence < self._options.threshold:
            context.models["generator"] = generator.name
            yield Finished(context.declined(confidence, clock))
            return
        yield PhraseFound(phrase.located.text)
        context, sentence, correction = yield from self._generate_sentence(context, generator, phrase.located, clock)
        yield Finished(context.answered(sentence, phrase.located, evidence, confidence, clock, correction))

    def _generate_sentence(
        self,
        context: _QuestionContext,
        generator: LLM,
        located: Located,
        clock: _Clock,
    ) -> SentenceStream:
        """Stream a sentence around a phrase, then verify it."""
        context.models["generator"] = generator.name
        tokens: list[str] = []
        prompt = sentence_prompt(context.language).ask(context.question, located.evidence.text, located.text)
        with closing(generator.stream(prompt, SENTENCE_TOKENS)) as pieces:
            for text in pieces:
                if context.timings.first_token is None:
                    context = replace(context, timings=replace(context.timings, first_token=clock.ms()))
                tokens.append(text)
                yield Token(text)
        sentence = " ".join("".join(tokens).split())
        verified, correction = verify_sentence(
            sentence, context.question, located, self._semantic_checks(context, located)
        )
        return context, verified, correction

    def _semantic_checks(self, context: _QuestionContext, located: Located) -> ExtraCheck:
        """Return checks beyond the rules: in another language than the article's, the phrase may be mistranslated."""
        reader = self._reader
        if reader is None or detect_language(located.evidence.text) == context.language:
            return no_extra_checks
        likeness = self.retriever.likeness
        return lambda sentence: check_translation(sentence, context.question, located.text, reader, likeness)


@dataclass(frozen=True)
class _QuestionContext:
    """A question in progress, with its record so far. `question` is the stand-alone form of `typed`."""

    id: str
    typed: str
    question: str
    language: Language
    hits: Sequence[Hit]
    prompt: AnswerPrompt
    timings: Timings
    models: dict[str, str]

    @property
    def passages(self) -> tuple[FoundPassage, ...]:
        return found_passages(self.hits)

    def answered(
        self,
        sentence: str,
        located: Located,
        evidence: Sequence[Evidence],
        confidence: float,
        clock: _Clock,
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

    def declined(self, confidence: float, clock: _Clock) -> Answer:
        """Return the record of a declined question."""
        timings = replace(self.timings, total=clock.ms())
        record = self.record("declined", self.prompt.declined, None, confidence, (), timings)
        related = nearest_related(self.question, self.hits)
        return replace(record, nearest=nearest(related) if related else None)

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
            # Restored hamzas alone are not reported.
            asked=self.question if fold_text(self.question) != fold_text(self.typed) else None,
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


class _Clock:
    """Milliseconds since a question arrived."""

    def __init__(self) -> None:
        self._start = time.perf_counter()

    def ms(self) -> float:
        return round((time.perf_counter() - self._start) * 1000, 1)
