"""Traces: a span for each request, and below it one for each question, with its search, reading and writing.

Imported only if OpenTelemetry's variables name a collector (`ui/telemetry/telemetry.py`). The provider is not the
global one: other libraries in this process support OpenTelemetry and would send their own spans through it. No span has
text of a question or an article, a path, an address, or the message of an exception.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from importlib.metadata import version

from opentelemetry.context import Context, get_current
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import SERVICE_NAME, Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from opentelemetry.trace import Span, SpanKind, StatusCode, Tracer, set_span_in_context
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator
from starlette.datastructures import Headers
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from index.errors import JawabError
from index.retrieval.filters import Filter
from index.text.language import detect_language
from qa.answer import Event, Finished, PassagesFound, PhraseFound, Token
from qa.query.followup import HistoryTurn
from ui.http.request_id import request_at_hand, request_id
from ui.http.request_log import route_of
from ui.protocols import AnswerStream

_METHODS = frozenset(["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "CONNECT", "TRACE"])
_FLUSH_SECONDS = 1.0
"""Seconds allowed for sending pending spans at shutdown."""


class Tracing:
    """Span exporter: sends spans to the collector named in the environment, in batches of a few seconds, from its own
    thread. If the collector is down, only spans are lost."""

    def __init__(self) -> None:
        resource = Resource.create()
        if str(resource.attributes.get(SERVICE_NAME)).startswith("unknown_service"):
            resource = resource.merge(Resource({SERVICE_NAME: "jawab"}))
        provider = TracerProvider(resource=resource, shutdown_on_exit=False)
        self._processor = BatchSpanProcessor(OTLPSpanExporter())
        provider.add_span_processor(self._processor)
        self.tracer = provider.get_tracer("jawab", version("jawab"))

    def watch(self, assistant: AnswerStream) -> AnswerStream:
        """Wrap the assistant, tracing its questions."""
        return _Traced(assistant, self.tracer)

    def middleware(self, app: ASGIApp) -> ASGIApp:
        """Wrap an ASGI app, tracing its requests."""
        return _TracedRequests(app, self.tracer)

    def close(self) -> None:
        """Send pending spans, for at most `_FLUSH_SECONDS`."""
        flushing = threading.Thread(target=self._processor.shutdown, name="jawab-traces", daemon=True)
        flushing.start()
        flushing.join(_FLUSH_SECONDS)


class _TracedRequests:
    """ASGI middleware: a span for each request, within the client's trace (`traceparent`)."""

    def __init__(self, app: ASGIApp, tracer: Tracer) -> None:
        self._app = app
        self._tracer = tracer

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        method = scope["method"] if scope["method"] in _METHODS else "_OTHER"
        with self._tracer.start_as_current_span(
            method, TraceContextTextMapPropagator().extract(dict(Headers(scope=scope))), SpanKind.SERVER,
            {"http.request.method": method, "jawab.request_id": request_id(scope) or ""},
            record_exception=False, set_status_on_exception=False,
        ) as span:  # fmt: skip

            async def send_and_note(message: Message) -> None:
                if message["type"] == "http.response.start":
                    _note_status(span, message["status"])
                await send(message)

            try:
                await self._app(scope, receive, send_and_note)
            finally:
                if route := route_of(scope):
                    span.update_name(f"{method} {route}")
                    span.set_attribute("http.route", route)


def _note_status(span: Span, status: int) -> None:
    span.set_attribute("http.response.status_code", status)
    if status >= 500:
        span.set_attribute("error.type", str(status))
        span.set_status(StatusCode.ERROR)


@dataclass(frozen=True)
class _Traced:
    assistant: AnswerStream
    tracer: Tracer

    def stream(
        self,
        question: str,
        question_id: str | None = None,
        history: Sequence[HistoryTurn] = (),
        only: Filter | None = None,
    ) -> Iterator[Event]:
        # Read here, in the context of the request: the events are produced in other threads.
        request = get_current() if request_at_hand() else Context()
        events = self.assistant.stream(question, question_id, history, only)
        return self._traced(events, detect_language(question), request)

    def _traced(self, events: Iterator[Event], language: str, request: Context) -> Iterator[Event]:
        span = self.tracer.start_span("question", request, attributes={"jawab.language": language})
        stages, ended = _Stages(self.tracer, set_span_in_context(span)), False
        try:
            for event in events:
                stages.take(event)
                if isinstance(event, Finished):
                    ended = True
                    _note_record(span, event, stages.tokens)
                yield event
                stages.go_on()
        except JawabError as error:
            ended = True
            span.set_attributes({"jawab.status": "failed", "error.type": error.code})
            span.set_status(StatusCode.ERROR)
            raise
        finally:
            if not ended:
                span.set_attribute("jawab.status", "cancelled")
            stages.end()
            span.end()


def _note_record(span: Span, event: Finished, tokens: int) -> None:
    answer = event.answer
    span.set_attributes(
        {
            "jawab.status": answer.status, "jawab.passages": len(answer.passages), "jawab.cited": len(answer.citations),
            "jawab.tokens": tokens,
        }
    )  # fmt: skip


class _Stages:
    """Spans of a question's stages: search, reading, writing. A stage begins when the next event is requested, not when
    the previous stage ended: between them a question may wait in the queue."""

    def __init__(self, tracer: Tracer, question: Context) -> None:
        self._tracer = tracer
        self._question = question
        self._name: str | None = "search"
        self._following: str | None = None
        self._began = time.time_ns()
        self.tokens = 0

    def take(self, event: Event) -> None:
        """Handle an event, which may end a stage."""
        match event:
            case PassagesFound():
                self._end_stage(following="reading")
            case PhraseFound():
                self._end_stage(following="writing")
            case Token():
                self.tokens += 1
                if self._name == "reading":
                    self._end_stage(following="writing")
            case Finished():
                # Small talk is answered without a search.
                self._name = None if self._name == "search" else self._name
                self._end_stage(following=None)

    def go_on(self) -> None:
        """Begin the next stage if the previous one is over."""
        if self._name is None and self._following:
            self._name, self._following, self._began = self._following, None, time.time_ns()

    def end(self) -> None:
        """End the current stage, if any."""
        self._end_stage(following=None)

    def _end_stage(self, following: str | None) -> None:
        if self._name:
            self._tracer.start_span(self._name, self._question, start_time=self._began).end()
        self._name, self._following = None, following
