"""Log unexpected exceptions and convert them to `InternalError`, without exposing details to clients."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from index.errors import JawabError
from index.retrieval.filters import Filter
from qa.answer import Event
from qa.cancellation import Cancelled
from qa.query.followup import HistoryTurn
from ui.http.request_id import request_at_hand
from ui.logs import LOGGER_NAMES
from ui.protocols import AnswerStream

_log = logging.getLogger(f"{LOGGER_NAMES}.errors")


class InternalError(JawabError):
    """An unexpected exception; the log has the details."""

    code = "internal"


def log_unexpected(error: BaseException, request: str | None) -> None:
    """Log an unexpected exception."""
    _log.error("unexpected", exc_info=error, extra={"request_id": request} if request else {})


def wrap_unexpected(assistant: AnswerStream) -> AnswerStream:
    """Wrap the assistant: exceptions other than `JawabError` and `Cancelled` are logged and become `InternalError`."""
    return _Guarded(assistant)


@dataclass(frozen=True)
class _Guarded:
    assistant: AnswerStream

    def stream(
        self,
        question: str,
        question_id: str | None = None,
        history: Sequence[HistoryTurn] = (),
        only: Filter | None = None,
    ) -> Iterator[Event]:
        return self._followed(self.assistant.stream(question, question_id, history, only), request_at_hand())

    @staticmethod
    def _followed(events: Iterator[Event], request: str | None) -> Iterator[Event]:
        try:
            yield from events
        except (JawabError, Cancelled):
            raise
        except Exception as error:
            log_unexpected(error, request)
            raise InternalError from error
