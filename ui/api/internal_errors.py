"""What nobody thought of: it is logged where it happens, and everybody else is told that something broke, not what."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from index.errors import JawabError
from qa.answer import Event
from qa.cancellation import Cancelled
from qa.query.followup import HistoryTurn
from ui.api.request_id import request_at_hand
from ui.logs import LOGGER_NAMES
from ui.web.site import AnswerStream

_log = logging.getLogger(f"{LOGGER_NAMES}.errors")


class InternalError(JawabError):
    """Something in Jawab broke. The log has what."""

    code = "internal"


def log_unexpected(error: BaseException, request: str | None) -> None:
    """Tell the log of an exception that nobody thought of."""
    _log.error("unexpected", exc_info=error, extra={"request_id": request} if request else {})


def wrap_unexpected(assistant: AnswerStream) -> AnswerStream:
    """The assistant; where it raises what it does not promise to raise, that is logged, and `InternalError` comes
    out."""
    return _Guarded(assistant)


@dataclass(frozen=True)
class _Guarded:
    assistant: AnswerStream

    def stream(
        self, question: str, question_id: str | None = None, history: Sequence[HistoryTurn] = ()
    ) -> Iterator[Event]:
        return self._followed(self.assistant.stream(question, question_id, history), request_at_hand())

    @staticmethod
    def _followed(events: Iterator[Event], request: str | None) -> Iterator[Event]:
        try:
            yield from events
        except (JawabError, Cancelled):
            raise
        except Exception as error:
            log_unexpected(error, request)
            raise InternalError from error
