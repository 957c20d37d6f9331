"""Prometheus metrics: questions, durations of their stages, questions in progress.

They contain no question, no answer and nothing that identifies a client.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, Metric, generate_latest
from prometheus_client.exposition import CONTENT_TYPE_LATEST
from prometheus_client.registry import Collector

from index.errors import JawabError
from index.retrieval.filters import Filter
from qa.answer import Answer, Event, Finished, Token
from qa.cancellation import Cancelled
from qa.query.followup import HistoryTurn
from ui.protocols import AnswerStream
from ui.services import Services

MEDIA_TYPE = CONTENT_TYPE_LATEST
DEPRECATED_NAMES: Mapping[str, str] = {
    "jawab_event_loop_lag_seconds": "jawab_loop_late_seconds",
    "jawab_questions_cancelled": "jawab_questions_left",
    "jawab_questions_in_progress": "jawab_questions_under_way",
    "jawab_queue_length": "jawab_line",
    "jawab_short_answer_seconds": "jawab_phrase_seconds",
}
"""Former name of each metric whose name was changed. For one version both are exported."""
_SEARCH = (0.02, 0.05, 0.1, 0.15, 0.25, 0.5, 1, 2, 5, 15)
_LAG = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1)
_ANSWER = (0.25, 0.5, 1, 2, 3, 5, 8, 13, 20, 40, 90, 180)
"""Upper edges of the histograms' bins, in seconds."""


class Metrics:
    """Metrics of one server."""

    def __init__(self) -> None:
        self._registry = CollectorRegistry()
        self._questions = Counter(
            "jawab_questions", "Questions with a record", ["language", "status"], registry=self._registry
        )
        self._cached = Counter(
            "jawab_questions_cached", "Questions whose answer was known already", registry=self._registry
        )
        self._failed = Counter(
            "jawab_questions_failed", "Questions that ended with an error", ["code"], registry=self._registry
        )
        self._cancelled = Counter(
            "jawab_questions_cancelled", "Questions that were cancelled or whose client left", registry=self._registry
        )
        self._tokens = Counter("jawab_tokens", "Tokens that the LLM wrote", registry=self._registry)
        self._in_progress = Gauge(
            "jawab_questions_in_progress", "Questions that are answered or wait", registry=self._registry
        )
        self._queue_length = Gauge(
            "jawab_queue_length", "Questions that are answered or wait for their turn", registry=self._registry
        )
        self._articles = Gauge("jawab_articles", "Articles in the index", ["collection"], registry=self._registry)
        self._passages = Gauge("jawab_passages", "Passages in the index", ["collection"], registry=self._registry)
        self._times = {
            name: Histogram(f"jawab_{name}_seconds", description, buckets=buckets, registry=self._registry)
            for name, description, buckets in (
                ("search", "From the question to its passages", _SEARCH),
                ("event_loop_lag", "Delay of the event loop", _LAG),
                ("short_answer", "From the question to the phrase that answers", _ANSWER),
                ("first_token", "From the question to the first piece of the sentence", _ANSWER),
                ("answer", "From the question to the record", _ANSWER),
            )
        }
        self._deprecated = CollectorRegistry()
        self._deprecated.register(_DeprecatedNames(self._registry))

    def watch(self, assistant: AnswerStream) -> AnswerStream:
        """Wrap the assistant, counting its questions, tokens and durations."""
        return _Watched(assistant, self)

    def scraped(self, services: Services) -> bytes:
        """Return all metrics in Prometheus' text format; sizes are of open collections only."""
        for size in (self._articles, self._passages):
            size.clear()
        for collection in services.collections.opened():
            self._articles.labels(collection.id).set(collection.articles.count_articles())
            self._passages.labels(collection.id).set(collection.articles.count_passages())
        self._queue_length.set(services.queue.length)
        return generate_latest(self._registry) + generate_latest(self._deprecated)

    def loop_lag(self, seconds: float) -> None:
        self._times["event_loop_lag"].observe(seconds)

    def began(self) -> None:
        self._in_progress.inc()

    def ended(self) -> None:
        self._in_progress.dec()

    def wrote(self) -> None:
        self._tokens.inc()

    def cancelled(self) -> None:
        self._cancelled.inc()

    def failed(self, error: JawabError) -> None:
        self._failed.labels(error.code).inc()

    def cached(self, answer: Answer) -> None:
        self._questions.labels(answer.language, answer.status).inc()
        self._cached.inc()

    def answered(self, answer: Answer) -> None:
        self._questions.labels(answer.language, answer.status).inc()
        times = answer.timings_ms
        for name, milliseconds in (
            ("search", times.search), ("short_answer", times.short_answer), ("first_token", times.first_token),
            ("answer", times.total),
        ):  # fmt: skip
            if milliseconds is not None:
                self._times[name].observe(milliseconds / 1000)


@dataclass(frozen=True)
class _DeprecatedNames(Collector):
    """Collector of the metrics of `registry` that have a former name, under that name."""

    registry: CollectorRegistry

    def collect(self) -> Iterator[Metric]:
        for current in self.registry.collect():
            if current.name in DEPRECATED_NAMES:
                former = DEPRECATED_NAMES[current.name]
                copy = Metric(former, f"Deprecated; use {current.name}", current.type)
                copy.samples = [
                    sample._replace(name=former + sample.name.removeprefix(current.name)) for sample in current.samples
                ]
                yield copy


@dataclass(frozen=True)
class _Watched:
    assistant: AnswerStream
    metrics: Metrics

    def stream(
        self,
        question: str,
        question_id: str | None = None,
        history: Sequence[HistoryTurn] = (),
        only: Filter | None = None,
    ) -> Iterator[Event]:
        self.metrics.began()
        answered = False
        try:
            for event in self.assistant.stream(question, question_id, history, only):
                if isinstance(event, Token):
                    self.metrics.wrote()
                elif isinstance(event, Finished):
                    answered = True
                    self.metrics.answered(event.answer)
                yield event
        except JawabError as error:
            self.metrics.failed(error)
            raise
        except (GeneratorExit, Cancelled):
            # The stream is also closed after the record; that is no abort.
            if not answered:
                self.metrics.cancelled()
            raise
        finally:
            self.metrics.ended()
