"""Traces, received by the tests' own collector, which reads OpenTelemetry's protocol from a real socket."""

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
    """Records the requests that it receives, undecoded."""

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

    def child_names(self, parent: Span) -> list[str]:
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
    def test_request_question_and_step_spans_are_nested(
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
        assert collector.child_names(request) == ["question"]
        assert collector.child_names(question) == ["search", "reading", "writing"]
        assert attributes(question) == {
            "jawab.language": "en", "jawab.status": "answered", "jawab.passages": 5, "jawab.cited": 2,
            "jawab.tokens": 15,
        }  # fmt: skip
        for name in ("search", "reading", "writing"):
            part = collector.span(name)
            assert question.start_time_unix_nano <= part.start_time_unix_nano <= part.end_time_unix_nano
            assert part.end_time_unix_nano <= question.end_time_unix_nano

    @pytest.mark.parametrize("stream", [False, True])
    def test_declined_question_is_traced_with_and_without_stream(
        self, tmp_path: Path, tracing: Tracing, collector: Collector, stream: bool
    ) -> None:
        serve(tmp_path, tracing).post("/v1/ask", json={"question": DECLINED_QUESTION, "stream": stream})
        tracing.close()
        assert collector.child_names(collector.span("POST /v1/ask")) == ["question"]
        assert attributes(collector.span("question"))["jawab.status"] == "declined"

    def test_small_talk_has_no_search_or_reading_span(self, tracing: Tracing, collector: Collector) -> None:
        class Talking(CannedAssistant):
            def stream(self, *_: Any, **__: Any) -> Iterator[Event]:
                yield Finished(canned(DECLINED_QUESTION))

        list(tracing.watch(Talking()).stream("Hello"))
        tracing.close()
        assert [span.name for span in collector.spans] == ["question"]

    def test_failed_spans_have_error_code(self, tmp_path: Path, tracing: Tracing, collector: Collector) -> None:
        serve(tmp_path, tracing).post("/v1/ask", json={"question": ERROR_QUESTION})
        tracing.close()
        request, question = collector.span("POST /v1/ask"), collector.span("question")
        assert attributes(question)["error.type"] == "index_missing" and attributes(request)["error.type"] == "500"
        assert question.status.code == request.status.code == Status.STATUS_CODE_ERROR

    def test_abandoned_stream_ends_at_current_step(self, tracing: Tracing, collector: Collector) -> None:
        events = tracing.watch(CannedAssistant()).stream(ENGLISH_QUESTION)
        next(events)
        next(events)
        events.close()  # type: ignore[attr-defined]
        tracing.close()
        assert collector.child_names(collector.span("question")) == ["search", "reading"]
        assert attributes(collector.span("question"))["jawab.status"] == "cancelled"

    def test_span_start_excludes_waiting_time(self, tracing: Tracing, collector: Collector) -> None:
        events = tracing.watch(CannedAssistant()).stream(ENGLISH_QUESTION)
        next(events)
        time.sleep(0.3)
        list(events)
        tracing.close()
        waited = collector.span("reading").start_time_unix_nano - collector.span("search").end_time_unix_nano
        assert waited >= 0.3e9


class TestPrivacy:
    def test_spans_contain_no_question_article_or_exception_text(
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

    def test_spans_of_other_libraries_are_not_exported(self, tracing: Tracing, collector: Collector) -> None:
        from opentelemetry import trace

        with trace.get_tracer("mcp").start_as_current_span("mcp/call a secret"):
            pass
        tracing.close()
        assert collector.bodies == []


class TestSettings:
    @pytest.mark.parametrize("name", [ENDPOINT, "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT"])
    def test_uses_opentelemetry_environment_variables(
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

    def test_default_service_name_is_jawab(self, tracing: Tracing, collector: Collector) -> None:
        list(tracing.watch(CannedAssistant()).stream(ENGLISH_QUESTION))
        tracing.close()
        assert collector.service == "jawab"

    def test_tracing_is_off_without_endpoint(self) -> None:
        assert tracing_wanted({}) is None and tracing_wanted({ENDPOINT: ""}) is None
        assert tracing_wanted({ENDPOINT: "http://127.0.0.1:1", "OTEL_SDK_DISABLED": "TRUE"}) is None

    def test_opentelemetry_is_not_imported_without_endpoint(self) -> None:
        code = (
            "import sys, ui.server.serve; from ui.telemetry.telemetry import tracing_wanted;"
            "assert tracing_wanted() is None;"
            "sys.exit(any(name in sys.modules for name in ('opentelemetry.sdk', 'opentelemetry.exporter', 'grpc')))"
        )
        environment = {name: value for name, value in os.environ.items() if not name.startswith("OTEL_")}
        assert subprocess.run([sys.executable, "-c", code], env=environment, check=False).returncode == 0

    def test_missing_packages_raise_traces_missing(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv(ENDPOINT, "http://127.0.0.1:1")
        monkeypatch.setitem(sys.modules, "opentelemetry.sdk.resources", None)
        monkeypatch.delitem(sys.modules, "ui.telemetry.tracing")
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            port = free.getsockname()[1]
        places = {f"JAWAB_{name.upper()}": str(tmp_path / name) for name in ("index", "collections", "conversations")}
        run = CliRunner(env={**places, "JAWAB_EMBEDDER": "fake"}).invoke(jawab, ["serve", "--port", str(port)])
        assert getattr(run.exception, "code", "") == "traces_missing"


class TestUnavailableCollector:
    @pytest.fixture(params=["refuses", "is silent"])
    def time_ten_answers(
        self, request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch
    ) -> Iterator[Callable[[], float]]:
        """Answer ten questions while the collector is down and return the seconds that they took."""
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

    def test_does_not_slow_answers_or_shutdown(self, time_ten_answers: Callable[[], float]) -> None:
        assert time_ten_answers() < 5
