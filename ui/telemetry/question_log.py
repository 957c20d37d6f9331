"""One log line for each question: its outcome and durations. The question itself is logged only if configured."""

from __future__ import annotations

import logging
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from index.errors import JawabError
from index.retrieval.filters import Filter
from index.text.language import detect_language
from qa.answer import Answer, Event, Finished, Token
from qa.query.followup import HistoryTurn
from ui.http.request_id import request_at_hand
from ui.logs import LOGGER_NAMES
from ui.protocols import AnswerStream

_log = logging.getLogger(f"{LOGGER_NAMES}.questions")


@dataclass(frozen=True)
class QuestionLog:
    """Logs questions when they are answered, fail or are abandoned; with their text if `with_text`."""

    with_text: bool = False
    _open: set[_OpenQuestion] = field(default_factory=set)

    def watch(self, assistant: AnswerStream) -> AnswerStream:
        """Wrap the assistant, logging its questions."""
        return _Logged(assistant, self)

    def follow(self, events: Iterator[Event], question: str, request: str | None) -> Iterator[Event]:
        """Yield the events, and write the log line when they end."""
        open_question = _OpenQuestion(self, question, request)
        self._open.add(open_question)
        try:
            yield from open_question.follow(events)
        finally:
            self._open.discard(open_question)

    def close(self) -> None:
        """Log the questions still open at shutdown."""
        for open_question in list(self._open):
            open_question.broke_off("failed", "shutting_down")

    def answered(self, answer: Answer, **extra: Any) -> None:
        """Log a question that has its answer record."""
        times = answer.timings_ms
        timings = {
            "search_ms": times.search, "phrase_ms": times.short_answer, "first_token_ms": times.first_token,
            "ms": times.total, "passages": len(answer.passages), "cited": len(answer.citations),
        }  # fmt: skip
        self.ended(answer.question, answer.status, language=answer.language, **timings, **extra)

    def ended(self, question: str, status: str, language: str, **extra: Any) -> None:
        """Write the log line of a question."""
        text = {"question": question} if self.with_text else {}
        fields = {"language": language, "status": status} | extra | text
        _log.info("question", extra={name: value for name, value in fields.items() if value is not None})


@dataclass(frozen=True)
class _Logged:
    assistant: AnswerStream
    log: QuestionLog

    def stream(
        self,
        question: str,
        question_id: str | None = None,
        history: Sequence[HistoryTurn] = (),
        only: Filter | None = None,
    ) -> Iterator[Event]:
        # Read here, in the context of the request: the events are produced in other threads.
        return self.log.follow(self.assistant.stream(question, question_id, history, only), question, request_at_hand())


@dataclass(eq=False)
class _OpenQuestion:
    log: QuestionLog
    question: str
    request: str | None
    tokens: int = 0
    is_logged: bool = False
    began: float = field(default_factory=time.perf_counter)

    def follow(self, events: Iterator[Event]) -> Iterator[Event]:
        try:
            for event in events:
                self.tokens += isinstance(event, Token)
                if isinstance(event, Finished) and not self.is_logged:
                    self.is_logged = True
                    self.log.answered(event.answer, tokens=self.tokens, request_id=self.request)
                yield event
        except JawabError as error:
            self.broke_off("failed", error.code)
            raise
        finally:
            self.broke_off("cancelled")

    def broke_off(self, status: str, code: str | None = None) -> None:
        """Log an end without a record, unless the question is logged already."""
        if self.is_logged:
            return
        self.is_logged = True
        elapsed_ms = round((time.perf_counter() - self.began) * 1000, 1)
        self.log.ended(
            self.question, status, detect_language(self.question), code=code, ms=elapsed_ms, tokens=self.tokens,
            request_id=self.request,
        )  # fmt: skip
