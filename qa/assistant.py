"""Question pipeline: understand → search → the reader's phrase, verified, or declined → the LLM's sentence → citations.

The reader extracts the phrase from the articles, or finds that they do not answer; this takes half a second. Then the
LLM writes a sentence around it, which is streamed, verified, and marked with its citations. Last, the LLM's likelihood
of the phrase is computed, which affects only the confidence.

Without a reader, the LLM's phrase is located in the articles; without an LLM, phrase and quotation are the answer. A
question that no phrase answers ("summarise …") is answered by the articles' own sentences, and so are "why" and "how":
by the sentence that has the phrase and those that follow it. What the catalogue knows, comparisons, yes or no, and
lists are composed by the program around quotations.
"""

from __future__ import annotations

import collections.abc
import itertools
from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import replace
from functools import partial
from types import TracebackType
from typing import Self

from index.articles import Article, Language
from index.retrieval.filters import Filter
from index.retrieval.vocabulary import Vocabulary
from index.retriever import Hit, Retriever
from index.text.language import detect_language, warm_up_detector
from qa.answer import Answer, Correction, Event, Finished, PassagesFound, PhraseFound, Timings, Token
from qa.catalog.answers import answer_from_catalog
from qa.citations import Located, cite
from qa.comparison.answers import compare
from qa.comparison.values import ValueFinder
from qa.composed import ComposedAnswer
from qa.confidence import combine_confidence, cosine_confidence, llm_confidence
from qa.evidence import Evidence, select_evidence
from qa.listing import compose_list
from qa.llm.base import LLM
from qa.llm_extraction import extract_short_answer
from qa.missing import missing_names
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
from qa.prompts import answer_prompt, sentence_prompt
from qa.query.arabizi import transliterate
from qa.query.attribution import attribution_of
from qa.query.catalog_loosely import read_loosely
from qa.query.catalog_question import parse_catalog_question
from qa.query.comparison_question import ComparisonParser, NoComparisons
from qa.query.dialect import to_msa_question_words
from qa.query.followup import HistoryTurn, concat_history, is_follow_up
from qa.query.intent import IntentClassifier, Intents, NoIntents
from qa.query.names import CapitalTagger, NameTagger
from qa.query.question import validate_question
from qa.query.rewriting import rewrite_follow_up
from qa.query.smalltalk import EXAMPLES, Kind, classify, reply
from qa.query.spelling import correct_spelling
from qa.query.understanding import understand
from qa.question_context import Clock, QuestionContext
from qa.reader.base import Reader
from qa.reader.extractive_qa import extract_all, extract_answer
from qa.reader.prompt_injection import InjectionClassifier, ScreenedHits
from qa.verification.translation import check_translation
from qa.verification.verifier import Verifier, VerifierOf
from qa.yes_no import answer_yes_no

SENTENCE_TOKENS = 80

SentenceStream = collections.abc.Generator[Event, None, tuple["QuestionContext", str, Correction | None]]
"""Generator of a sentence's tokens; returns the question with updated timings, the final text, and the correction."""


class Assistant:
    """Answers questions about one index.

    Without a generator the answer is the reader's phrase; without either, the sentence nearest to the question. With
    `injection_classifier` no answer is taken from a sentence that tries to command the reader or the LLM. `tagger`
    finds the names of a question, `intents` tells what it asks for where rules do not, `comparisons` understands what
    it compares, and `verifier` makes the scorer of the phrases that may answer it.
    """

    def __init__(
        self,
        retriever: Retriever,
        generator: LLM | None,
        reader: Reader | None = None,
        options: Options | None = None,
        injection_classifier: InjectionClassifier | None = None,
        tagger: NameTagger | None = None,
        verifier: VerifierOf = Verifier,
        intents: IntentClassifier | None = None,
        comparisons: ComparisonParser | None = None,
    ) -> None:
        self.retriever = retriever
        self._injection_classifier = injection_classifier
        self._generator = generator
        self._reader = reader
        self._options = options or Options()
        self._tagger = tagger or CapitalTagger()
        self._verifier = verifier
        self._intents = intents or NoIntents()
        self._comparisons = comparisons or NoComparisons()
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

    def ask(
        self,
        question: str,
        question_id: str | None = None,
        history: Sequence[HistoryTurn] = (),
        only: Filter | None = None,
    ) -> Answer:
        """Return the answer record. Raises the errors of `stream`."""
        for event in self.stream(question, question_id, history, only):
            if isinstance(event, Finished):
                return event.answer
        raise AssertionError("a stream ends with the record")

    def stream(
        self,
        question: str,
        question_id: str | None = None,
        history: Sequence[HistoryTurn] = (),
        only: Filter | None = None,
    ) -> Iterator[Event]:
        """Yield the passages, the answering phrase, the tokens of the sentence around it, then the record.

        `history` has the earlier exchanges, oldest first; a question that depends on it is rewritten to stand alone.
        `only` restricts the passages that the answer may come from.
        Closing the iterator stops the work. Raises `QuestionEmpty`, `QuestionTooLong`, `QuestionLanguage`.
        """
        clock = Clock()
        language = validate_question(question)
        answer_id = question_id or f"q-{next(self._counter)}"
        if kind := classify(question):
            yield Finished(self._smalltalk(answer_id, question, kind, language, clock))
            return
        vocabulary = Vocabulary(self.retriever.catalog.rows)
        transliterated = transliterate(question, vocabulary) or question
        standalone, query = self._rewrite_question(transliterated, history)
        found = self._search(query, only)
        asked = correct_spelling(to_msa_question_words(standalone), found.hits, vocabulary)
        intents = self._intents.classify(asked)
        context = QuestionContext(
            id=answer_id,
            typed=question,
            question=asked,
            language=language,
            hits=found.hits,
            understanding=understand(asked, self._tagger, intents),
            prompt=answer_prompt(language),
            timings=Timings(search=clock.ms()),
            models={"embedder": self.retriever.embedder_name},
            left_out=found.left_out,
        )
        yield PassagesFound(context.passages)
        yield from self._answer(context, standalone, only, intents, clock)

    def _search(self, query: str, only: Filter | None) -> ScreenedHits:
        """Return the passages that may answer, without injections, and these."""
        hits = self.retriever.search(query, self._options.passages, only, literally=False)
        attribution = attribution_of(query, hits, self.retriever.publications)
        if attribution:
            among = replace(only, articles=attribution.articles) if only else attribution.filter
            hits = (
                self.retriever.search(query, self._options.passages, among, literally=False)
                if attribution.articles
                else []
            )
        return self._injection_classifier.screen(hits) if self._injection_classifier else ScreenedHits(hits)

    def _answer(
        self, context: QuestionContext, standalone: str, only: Filter | None, intents: Intents, clock: Clock
    ) -> Iterator[Event]:
        """Answer in the way of the question's kind."""
        kind = context.understanding.kind
        if by_program := self._answer_by_program(context, standalone, only, intents):
            yield from self._emit_composed(*by_program, clock)
        elif not context.hits:
            yield Finished(self._declined(context, 0.0, clock))
        elif kind == "yes-no" and self._reader:
            yield from self._answer_yes_no(context, self._reader, clock)
        elif kind == "summary":
            yield from self._answer_multi_sentence(context, clock)
        elif self._reader:
            yield from self._answer_with_reader(context, self._reader, clock)
        elif self._generator is None:
            yield Finished(self._answer_extractive(context, clock))
        else:
            yield from self._answer_with_llm_only(context, self._generator, clock)

    def _answer_by_program(
        self, context: QuestionContext, question: str, only: Filter | None, intents: Intents
    ) -> tuple[QuestionContext, ComposedAnswer | None] | None:
        """Return the question as one of the catalogue or a comparison, with its answer; `None` if it is neither.

        The answer is `None` where only the catalogue could give it, and does not. The catalogue answers for all
        articles: it is not asked where a filter leaves some out.
        """
        parsed = None if only else parse_catalog_question(question)
        asked = parsed or (None if only else read_loosely(question, intents, self.retriever.publications()))
        if asked and (composed := answer_from_catalog(asked, self.retriever, context.language)):
            context = context.of_kind("catalogue")
        elif parsed and parsed.certain:
            return context.of_kind("catalogue"), None
        elif self._reader and (comparison := self._comparisons.parse(context.question, intents)):
            context = context.of_kind("comparison")
            context.models["reader"] = self._reader.name
            finder = ValueFinder(comparison, partial(self._passages, only), self._reader)
            composed = compare(comparison, finder, context.language)
        else:
            return None
        return (context, composed) if composed and composed.confidence >= self._options.threshold else None

    def _passages(self, only: Filter | None, question: str, count: int) -> list[Hit]:
        """Search for passages, and return them without injections."""
        hits = self.retriever.search(question, count, only, literally=False)
        return self._injection_classifier.filter_hits(hits) if self._injection_classifier else hits

    def _declined(self, context: QuestionContext, confidence: float, clock: Clock) -> Answer:
        """Return the record of a declined question, with the names that no article has."""
        missing = missing_names(context.understanding.names, context.hits, self.retriever)
        return context.declined(confidence, clock, missing)

    def _answer_yes_no(self, context: QuestionContext, reader: Reader, clock: Clock) -> Iterator[Event]:
        """Answer yes or no with the sentence that says so; neither if none does."""
        context.models["reader"] = reader.name
        budget = self._options.reader_tokens
        composed = answer_yes_no(
            context.question, context.understanding, context.hits, reader, budget, context.language
        )
        if composed is None or composed.confidence < self._options.threshold:
            yield Finished(self._declined(context, composed.confidence if composed else 0.0, clock))
        else:
            yield from self._emit_composed(context, composed, clock)

    def _emit_composed(
        self, context: QuestionContext, composed: ComposedAnswer | None, clock: Clock
    ) -> Iterator[Event]:
        """Yield the statements of a composed answer, and its record; that of a declined question if there is none."""
        if composed is None:
            yield Finished(self._declined(context, 0.0, clock))
            return
        context = replace(context, timings=replace(context.timings, short_answer=clock.ms()))
        if composed.short_answer:
            yield PhraseFound(composed.short_answer)
        answer, quotations = context.marked(composed)
        context = replace(context, timings=replace(context.timings, first_token=clock.ms()))
        yield Token(answer)
        yield Finished(context.of_composed(composed, answer, quotations, clock))

    def _rewrite_question(self, question: str, history: Sequence[HistoryTurn]) -> tuple[str, str]:
        """Return the stand-alone form of the question, and the query to search for."""
        if not history or not is_follow_up(question):
            return question, question
        standalone = rewrite_follow_up(question, history, self._generator) if self._generator else None
        return (standalone, standalone) if standalone else (question, concat_history(question, history))

    def _smalltalk(self, answer_id: str, question: str, kind: Kind, language: Language, clock: Clock) -> Answer:
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

    def _answer_with_reader(self, context: QuestionContext, reader: Reader, clock: Clock) -> Iterator[Event]:
        """Answer with the reader's phrase, and a sentence around it if there is an LLM."""
        context.models["reader"] = reader.name
        asked = context.understanding
        if asked.kind == "list":
            yield from self._answer_list(context, reader, clock)
            return
        extracted = extract_answer(
            reader,
            context.question,
            context.hits,
            self._options.reader_tokens,
            self._verifier(asked),
            newest=asked.current,
        )
        confidence = extracted.probability if extracted else 0.0
        if extracted is None or confidence < self._options.threshold:
            yield Finished(self._declined(context, confidence, clock))
            return
        located = extracted.located
        context = replace(context, timings=replace(context.timings, short_answer=clock.ms()))
        yield PhraseFound(located.text)
        if context.understanding.kind == "explanation":
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
            if confidence < self._options.threshold:
                yield Finished(self._declined(context, confidence, clock))
                return
        evidence = select_evidence(context.question, context.hits, count_tokens, self._options.evidence_tokens)
        yield Finished(context.answered(sentence, located, evidence, confidence, clock, correction, extracted.other))

    def _answer_list(self, context: QuestionContext, reader: Reader, clock: Clock) -> Iterator[Event]:
        """Answer with all phrases that answer, each with its quotation."""
        asked, budget = context.understanding, self._options.reader_tokens
        verifier = self._verifier(asked)
        found = extract_all(reader, context.question, context.hits, budget, verifier, asked.current)
        if not found or found[0].probability < self._options.threshold:
            yield Finished(self._declined(context, found[0].probability if found else 0.0, clock))
        else:
            yield from self._emit_composed(context, compose_list(found), clock)

    def _answer_extractive(self, context: QuestionContext, clock: Clock) -> Answer:
        """Answer with the nearest sentence unchanged, if it is near enough."""
        nearest = next(iter(select_evidence(context.question, context.hits, len, budget=1)), None)
        confidence = cosine_confidence(nearest.similarity) if nearest else 0.0
        if nearest is None or confidence < self._options.threshold:
            return self._declined(context, confidence, clock)
        return context.record(
            status="answered",
            answer=add_citation_markers(nearest.text, [1]),
            short_answer=None,
            confidence=confidence,
            citations=[cite(1, Located(nearest, nearest.span))],
            timings=replace(context.timings, total=clock.ms()),
        )

    def _answer_multi_sentence(self, context: QuestionContext, clock: Clock) -> Iterator[Event]:
        """Answer with several of the articles' own sentences, each with its quotation."""
        chosen = select_sentences(context.question, context.hits)
        # A title may be nearest to what is asked for, though it is no part of the answer.
        scores = (sentence.score for hit in context.hits for sentence in hit.sentences)
        confidence = cosine_confidence(max(scores, default=-1.0))
        if not chosen or confidence < self._options.threshold:
            yield Finished(self._declined(context, confidence, clock))
            return
        yield from self._emit_sentences(context, chosen, None, confidence, clock)

    def _emit_sentences(
        self,
        context: QuestionContext,
        chosen: Sequence[Evidence],
        phrase: Located | None,
        confidence: float,
        clock: Clock,
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

    def _answer_with_llm_only(self, context: QuestionContext, generator: LLM, clock: Clock) -> Iterator[Event]:
        """Answer with the LLM's own phrase, located in the evidence, and a sentence around it."""
        evidence = select_evidence(
            context.question, context.hits, generator.count_tokens, self._options.evidence_tokens
        )
        prompt = context.prompt.ask(context.question, [piece.text for piece in evidence])
        phrase = extract_short_answer(generator, prompt, context.question, context.prompt.none, evidence)
        confidence = llm_confidence(context.hits, phrase) if phrase else 0.0
        if phrase is None or confidence < self._options.threshold:
            context.models["generator"] = generator.name
            yield Finished(self._declined(context, confidence, clock))
            return
        yield PhraseFound(phrase.located.text)
        context, sentence, correction = yield from self._generate_sentence(context, generator, phrase.located, clock)
        yield Finished(context.answered(sentence, phrase.located, evidence, confidence, clock, correction))

    def _generate_sentence(
        self,
        context: QuestionContext,
        generator: LLM,
        located: Located,
        clock: Clock,
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

    def _semantic_checks(self, context: QuestionContext, located: Located) -> ExtraCheck:
        """Return checks beyond the rules: in another language than the article's, the phrase may be mistranslated."""
        reader = self._reader
        if reader is None or detect_language(located.evidence.text) == context.language:
            return no_extra_checks
        likeness = self.retriever.likeness
        return lambda sentence: check_translation(sentence, context.question, located.text, reader, likeness)
