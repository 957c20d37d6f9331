"""Metrics, question log, traces and shutdown tracking of a server."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from index.errors import JawabError
from ui.protocols import AnswerStream
from ui.queue.shutdown import ShutdownManager
from ui.telemetry.internal_errors import wrap_unexpected
from ui.telemetry.metrics import Metrics
from ui.telemetry.question_log import QuestionLog

if TYPE_CHECKING:
    from ui.telemetry.tracing import Tracing

_COLLECTORS = ("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "OTEL_EXPORTER_OTLP_ENDPOINT")


class TracesMissing(JawabError):
    """The variable `name` enables traces, but the OpenTelemetry packages are not installed."""

    code = "traces_missing"


@dataclass(frozen=True)
class Telemetry:
    """Telemetry of one server."""

    metrics: Metrics = field(default_factory=Metrics)
    log: QuestionLog = field(default_factory=QuestionLog)
    stopping: ShutdownManager = field(default_factory=ShutdownManager)
    tracing: Tracing | None = None

    def watch(self, assistant: AnswerStream) -> AnswerStream:
        """Wrap the assistant in all of them. Error and shutdown handling is innermost: the others see its errors."""
        watched = self.metrics.watch(self.stopping.watch(wrap_unexpected(assistant)))
        return self.log.watch(self.tracing.watch(watched) if self.tracing else watched)

    def close(self) -> None:
        """Log open questions and flush traces."""
        self.log.close()
        if self.tracing:
            self.tracing.close()


def tracing_wanted(environment: Mapping[str, str] = os.environ) -> Tracing | None:
    """Return `Tracing` if OpenTelemetry's variables name a collector; otherwise `None`, and nothing of it is imported.

    Raises `TracesMissing`.
    """
    variable = next((name for name in _COLLECTORS if environment.get(name)), None)
    if variable is None or environment.get("OTEL_SDK_DISABLED", "").strip().lower() == "true":
        return None
    try:
        from ui.telemetry.tracing import Tracing
    except ModuleNotFoundError as error:
        raise TracesMissing(name=variable) from error
    return Tracing()
