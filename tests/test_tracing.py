"""Traces, taken by a collector of the tests' own, which reads OpenTelemetry's protocol from a real socket."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from fastapi.testclient import TestClient
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.trace.v1.trace_pb2 import Span, Status

from qa.answer import Event, Finished
from tests.fake_site import DECLINED_QUESTION, ENGLISH_QUESTION, ERROR_QUESTION, CannedAssistant, canned, site
from tests.test_error_middleware import BrokenAssistant
from ui.cli import jawab
from ui.server.app import create_app
from ui.telemetry.telemetry import Telemetry, tracing_wanted
from ui.telemetry.tracing import Tracing

ENDPOINT = "OTEL_EXPORTER_OTLP_ENDPOINT"
PARENT = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"


@dataclass
class Collector:
    """What was sent to it, as it came."""

    address: str
    bodies: list[bytes] = field(default_factory=list)
    paths: list[str] = field(default_factory=list)

    @property
    def sent(self) -> list[ExportTraceServiceRequest]:
        return [ExportTraceServiceRequest.FromString(body) for body in self.bodies]

    @property
    def spans(self) -> list[Span]:
        return [
            span
            for sent in self.sent
            for one in sent.resource_spans
            for scope in one.scope_spans
            for span in scope.spans
        ]

    def span(self, name: str) -> Span:
        (found,) = (span for span in self.spans if span.name == name)
        return found

    def under(self, parent: Span) -> list[str]:
        children = [span for span in self.spans if span.parent_span_id == parent.span_id]
        return [span.name for span in sorted(children, key=lambda span: span.start_time_unix_nano)]

    @property
    def service(self) -> str:
        (attribute,) = (one for one in self.sent[0].resource_spans[0].resource.attributes if one.key == "service.name")
        return str(attribute.value.string_value)


@pytest.fixture
def collector() -> Iterator[Collector]:
    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            here.paths.append(self.path)
            here.bodies.append(self.rfile.read(int(self.headers["content-length"])))
            self.send_response(200)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    here = Collector(f"http://127.0.0.1:{server.server_address[1]}")
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield here
    server.shutdown()
    server.server_close()


@pytest.fixture
def tracing(collector: Collector, monkeypatch: pytest.MonkeyPatch) -> Tracing:
    monkeypatch.setenv(ENDPOINT, collector.address)
    found = tracing_wanted()
    assert found
    return found


def attributes(span: Span) -> dict[str, Any]:
    return {one.key: one.value.string_value or one.value.int_value for one in span.attributes}


def serve(folder: Path, tracing: Tracing, assistant: Any = None) -> TestClient:
    observers = Telemetry(tracing=tracing)
    watched = observers.watch(assistant or CannedAssistant())
    return TestClient(create_app(site(folder, watched), observers=observers), "http://127.0.0.1")


class TestSpans:
    def test_a_question_is_under_its_request_and_its_parts_are_under_it(
        self, tmp_path: Path, tracing: Tracing, collector: Collector
    ) -> None:
        headers = {"traceparent": PARENT, "x-request-id": "job-7"}
        serve(tmp_path, tracing).post("/v1/ask", json={"question": ENGLISH_QUESTION}, headers=headers)
        tracing.close()
        request, question = collector.span("POST /v1/ask"), collector.span("question")
        assert {span.trace_id.hex() for span in collector.spans} == {"0af7651916cd43dd8448eb211c80319c"}
        assert request.parent_span_id.hex() == "b7ad6b7169203331" and request.kind == Span.SPAN_KIND_SERVER
        assert attributes(request) == {
            "http.request.method": "POST", "http.route": "/v1/ask", "http.response.status_code": 200,
            "jawab.request_id": "job-7",
        }  # fmt: skip
        assert collector.under(request) == ["question"]
        assert collector.under(question) == ["search", "reading", "writing"]
        assert attributes(question) == {
            "jawab.language": "en", "jawab.status": "answered", "jawab.passages": 5, "jawab.cited": 2,
            "jawab.tokens": 15,
        }  # fmt: skip
        for name in ("search", "reading", "writing"):
            part = collector.span(name)
            assert question.start_time_unix_nano <= part.start_time_unix_nano <= part.end_time_unix_nano
            assert part.end_time_unix_nano <= question.end_time_unix_nano

    @pytest.mark.parametrize("stream", [False, True])
    def test_a_streamed_question_too_and_one_that_is_declined(
        self, tmp_path: Path, tracing: Tracing, collector: Collector, stream: bool
    ) -> None:
        serve(tmp_path, tracing).post("/v1/ask", json={"question": DECLINED_QUESTION, "stream": stream})
        tracing.close()
        assert collector.under(collector.span("POST /v1/ask")) == ["question"]
        assert attributes(collector.span("question"))["jawab.status"] == "declined"

    def test_talk_is_neither_searched_for_nor_read(self, tracing: Tracing, collector: Collector) -> None:
        class Talking(CannedAssistant):
            def stream(self, *_: Any, **__: Any) -> Iterator[Event]:
                yield Finished(canned(DECLINED_QUESTION))

        list(tracing.watch(Talking()).stream("Hello"))
        tracing.close()
        assert [span.name for span in collector.spans] == ["question"]

    def test_failures_are_told_by_their_code(self, tmp_path: Path, tracing: Tracing, collector: Collector) -> None:
        serve(tmp_path, tracing).post("/v1/ask", json={"question": ERROR_QUESTION})
        tracing.close()
        request, question = collector.span("POST /v1/ask"), collector.span("question")
        assert attributes(question)["error.type"] == "index_missing" and attributes(request)["error.type"] == "500"
        assert question.status.code == request.status.code == Status.STATUS_CODE_ERROR

    def test_what_is_left_ends_where_it_was(self, tracing: Tracing, collector: Collector) -> None:
        events = tracing.watch(CannedAssistant()).stream(ENGLISH_QUESTION)
        next(events)
        next(events)
        events.close()  # type: ignore[attr-defined]
        tracing.close()
        assert collector.under(collector.span("question")) == ["search", "reading"]
        assert attributes(collector.span("question"))["jawab.status"] == "left"

    def test_a_part_that_waits_for_its_turn_has_not_begun(self, tracing: Tracing, collector: Collector) -> None:
        events = tracing.watch(CannedAssistant()).stream(ENGLISH_QUESTION)
        next(events)
        time.sleep(0.3)
        list(events)
        tracing.close()
        waited = collector.span("reading").start_time_unix_nano - collector.span("search").end_time_unix_nano
        assert waited >= 0.3e9


class TestNothingPrivate:
    def test_no_word_of_a_question_an_article_or_an_exception_is_sent(
        self, tmp_path: Path, tracing: Tracing, collector: Collector
    ) -> None:
        with serve(tmp_path, tracing) as page:
            page.post("/v1/ask", json={"question": ENGLISH_QUESTION, "stream": True})
            page.get("/v1/articles/en-1?words=private", headers={"cookie": "private", "user-agent": "private"})
            page.get("/private")
            page.request("PRIVATE", "/health")
        serve(tmp_path / "broken", tracing, BrokenAssistant()).post("/v1/ask", json={"question": ENGLISH_QUESTION})
        tracing.close()
        assert len(collector.spans) >= 10 and "GET /v1/articles/{article_id:path}" in {s.name for s in collector.spans}
        everything = b"".join(collector.bodies).lower()
        for word in (b"troops", b"iraq", b"soldiers", b"en-1", b"private", b"dw.com", b"secret", b"127.0.0.1", b"/tmp"):
            assert word not in everything, word

    def test_other_libraries_do_not_send_through_it(self, tracing: Tracing, collector: Collector) -> None:
        from opentelemetry import trace

        with trace.get_tracer("mcp").start_as_current_span("mcp/call a secret"):
            pass
        tracing.close()
        assert collector.bodies == []


class TestSettings:
    @pytest.mark.parametrize("name", [ENDPOINT, "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT"])
    def test_they_are_openTelemetrys_own(  # noqa: N802
        self, name: str, collector: Collector, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv(name, collector.address)
        monkeypatch.setenv("OTEL_SERVICE_NAME", "archive")
        tracing = tracing_wanted()
        assert tracing
        list(tracing.watch(CannedAssistant()).stream(ENGLISH_QUESTION))
        tracing.close()
        assert collector.service == "archive"
        assert collector.paths == ["/v1/traces" if name == ENDPOINT else "/"]

    def test_by_itself_it_is_jawab(self, tracing: Tracing, collector: Collector) -> None:
        list(tracing.watch(CannedAssistant()).stream(ENGLISH_QUESTION))
        tracing.close()
        assert collector.service == "jawab"

    def test_without_them_nothing_is_traced(self) -> None:
        assert tracing_wanted({}) is None and tracing_wanted({ENDPOINT: ""}) is None
        assert tracing_wanted({ENDPOINT: "http://127.0.0.1:1", "OTEL_SDK_DISABLED": "TRUE"}) is None

    def test_without_them_nothing_of_it_is_imported(self) -> None:
        code = (
            "import sys, ui.server.serve; from ui.telemetry.telemetry import tracing_wanted;"
            "assert tracing_wanted() is None;"
            "sys.exit(any(name in sys.modules for name in ('opentelemetry.sdk', 'opentelemetry.exporter', 'grpc')))"
        )
        environment = {name: value for name, value in os.environ.items() if not name.startswith("OTEL_")}
        assert subprocess.run([sys.executable, "-c", code], env=environment, check=False).returncode == 0

    def test_without_the_packages_one_sentence_says_what_to_do(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv(ENDPOINT, "http://127.0.0.1:1")
        monkeypatch.setitem(sys.modules, "opentelemetry.sdk.resources", None)
        monkeypatch.delitem(sys.modules, "ui.telemetry.tracing")
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            port = free.getsockname()[1]
        places = {f"JAWAB_{name.upper()}": str(tmp_path / name) for name in ("index", "collections", "conversations")}
        run = CliRunner(env={**places, "JAWAB_EMBEDDER": "fake"}).invoke(jawab, ["serve", "--port", str(port)])
        assert getattr(run.exception, "code", "") == "traces_missing"


class TestACollectorThatIsDown:
    @pytest.fixture(params=["refuses", "is silent"])
    def down(self, request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[], float]]:
        """Answers ten questions; gives the seconds that they took."""
        with socket.socket() as listener:
            listener.bind(("127.0.0.1", 0))
            if request.param == "is silent":
                listener.listen()
            monkeypatch.setenv(ENDPOINT, f"http://127.0.0.1:{listener.getsockname()[1]}")
            monkeypatch.setenv("OTEL_BSP_SCHEDULE_DELAY", "10")
            tracing = tracing_wanted()
            assert tracing

            def ask() -> float:
                began = time.monotonic()
                for _ in range(10):
                    assert len(list(tracing.watch(CannedAssistant()).stream(ENGLISH_QUESTION))) > 10
                    time.sleep(0.02)
                return time.monotonic() - began

            yield ask
            began = time.monotonic()
            tracing.close()
            assert time.monotonic() - began < 5

    def test_it_slows_neither_answers_nor_the_end(self, down: Callable[[], float]) -> None:
        assert down() < 5
