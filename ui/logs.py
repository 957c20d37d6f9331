"""Logging on standard error: one line for each event, as JSON or as text.

Log lines contain no questions, article texts, file names or article ids. An exception's message may contain any of
these, so only its type and traceback are logged, unless JAWAB_LOG_QUESTIONS is set. Values are escaped: they cannot
begin another line, move the cursor or change the text direction.
"""

from __future__ import annotations

import json
import logging
import re
import threading
import traceback
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any, TextIO

from pythonjsonlogger.core import LogData
from pythonjsonlogger.json import JsonFormatter

from ui.config import Config

LOGGER_NAMES = "jawab"
"""Name of Jawab's parent logger. The message of a record is the name of the event; its fields are in `extra`."""
_TRACED = re.compile(r"Traceback \(")
_PLACES = re.compile(r'^  File ".*", line \d+, in \S+$', re.MULTILINE)
_KIND = re.compile(r"^[A-Za-z_][\w.]*(?=:|$)", re.MULTILINE)
"""Patterns for a traceback given as text: its locations, and the exception's type without the message."""
_LAST_FIELDS = ("question", "traceback")
"""Fields that come last, as they may be long or have right-to-left text."""


def configure_logging(config: Config, to: TextIO | None = None) -> None:
    """Configure logging of this process from the settings; it writes to `to`, by default standard error."""
    handler: logging.Handler = logging.NullHandler()
    if config.messages.log != "off":
        handler = logging.StreamHandler(to)
        handler.setFormatter(
            JsonLogFormatter(config.messages.log_questions)
            if config.messages.log == "json"
            else TextLogFormatter(config.messages.log_questions)
        )
    # Of libraries, only warnings and errors are logged.
    logging.basicConfig(level=logging.WARNING, handlers=[handler], force=True)
    logging.getLogger(LOGGER_NAMES).setLevel(
        logging.INFO if config.messages.log in ("json", "text") else logging.WARNING
    )
    logging.captureWarnings(True)
    threading.excepthook = _log_thread_error


def _log_thread_error(args: threading.ExceptHookArgs) -> None:
    """Log an exception that ends a thread, in the format of the log."""
    if args.exc_value and not isinstance(args.exc_value, SystemExit):
        logging.getLogger(f"{LOGGER_NAMES}.threads").error("unexpected", exc_info=args.exc_value)


class JsonLogFormatter(JsonFormatter):
    """Formatter: one JSON object a line, in ASCII; other characters are escaped (\\\\u202e), for safe terminal output.

    `with_messages` is whether the messages of exceptions are included.
    """

    def __init__(self, with_messages: bool = False) -> None:
        super().__init__([], json_ensure_ascii=True, json_default=str)
        self._with_messages = with_messages

    def add_fields(self, log_data: LogData, record: logging.LogRecord, message_dict: dict[str, Any]) -> None:
        """Add time, level and event, then the event's own fields, then the exception, if there is one."""
        moment = datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds")
        log_data |= {"time": moment.replace("+00:00", "Z"), "level": record.levelname.lower()}
        if record.name.partition(".")[0] == LOGGER_NAMES:
            log_data["event"] = record.message
            super().add_fields(log_data, record, {})
        else:
            # Only the first line: asyncio, for example, appends the exception and its message.
            message = record.message.strip()
            log_data |= {"event": "log", "logger": record.name, "message": message.partition("\n")[0]}
            if _TRACED.match(message):  # uvicorn logs errors at startup like this
                log_data["traceback"] = (
                    message if self._with_messages else "\n".join(_PLACES.findall(message) + _KIND.findall(message)[:1])
                )
        if record.exc_info and record.exc_info[1]:
            log_data |= {"error": type(record.exc_info[1]).__name__, "traceback": self._traceback(record.exc_info[1])}

    def formatException(self, ei: Any) -> str:  # noqa: N802 - the library's name
        """Return an empty string: `add_fields` adds the exception."""
        return ""

    def _traceback(self, error: BaseException) -> str:
        lines = traceback.format_exception(error) if self._with_messages else _without_messages(error)
        return "".join(lines)


class TextLogFormatter(JsonLogFormatter):
    """Formatter of the same fields as text: time, level, event, `name=value` pairs; a traceback is indented below."""

    def jsonify_log_record(self, log_data: LogData) -> str:
        head = " ".join(str(log_data.pop(name)) for name in ("time", "level", "event"))
        last = [(name, log_data.pop(name)) for name in _LAST_FIELDS if name in log_data]
        trace = dict(last).get("traceback", "")
        fields = [f" {name}={_value(value)}" for name, value in (*log_data.items(), *last) if name != "traceback"]
        below = [f"\n  | {printable(line)}" for line in trace.splitlines()]
        return "".join([printable(head), *fields, *below])


def printable(text: str) -> str:
    """Escape all characters that are not printable: controls, line breaks, bidirectional marks."""
    return "".join(
        character if character.isprintable() else character.encode("unicode_escape").decode() for character in text
    )


def _value(value: object) -> str:
    """Format a value as one word, or quoted."""
    text = printable(value) if isinstance(value, str) else json.dumps(value, default=str)
    return text if text and not any(mark in text for mark in ' "=') else json.dumps(text, ensure_ascii=False)


def _without_messages(error: BaseException) -> Iterator[str]:
    """Yield the type and traceback of an exception and of its causes, without their messages."""
    current: BaseException | None = error
    while current:
        yield f"{type(current).__qualname__}\n"
        yield from traceback.format_tb(current.__traceback__)
        current = current.__cause__ or (None if current.__suppress_context__ else current.__context__)
