"""What the server tells about itself on standard error: a line for whatever happens, as JSON or as text.

A line holds nothing that was asked, quoted or named: no questions, no texts, no names of files, no ids of articles.
What an exception says may hold any of these, so of an exception only its kind is told, and where it came from. Who
wants to see more says so (JAWAB_LOG_QUESTIONS). Whatever stands in a line stays in it: nothing can begin another line,
move the cursor or turn the direction of what follows.
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

from ui.settings import Settings

LOGGER_NAMES = "jawab"
"""The logger over all of Jawab's own. What is logged by one of them is the name of an event; its fields are `extra`."""
_TRACED = re.compile(r"Traceback \(")
_PLACES = re.compile(r'^  File ".*", line \d+, in \S+$', re.MULTILINE)
_KIND = re.compile(r"^[A-Za-z_][\w.]*(?=:|$)", re.MULTILINE)
"""Of a traceback that is text already: where it went, and the kind of the exception, before what that says."""
_LAST = ("question", "traceback")
"""Fields that may be long, or in letters that are read from the right."""


def configure_logging(settings: Settings, to: TextIO | None = None) -> None:
    """From now on, all that is logged in this process is told as the settings say: to standard error, if not `to`."""
    handler: logging.Handler = logging.NullHandler()
    if settings.log != "off":
        handler = logging.StreamHandler(to)
        handler.setFormatter(
            JsonLogFormatter(settings.log_questions)
            if settings.log == "json"
            else TextLogFormatter(settings.log_questions)
        )
    # Libraries tell of all they do, where they are let: only what went wrong with them is wanted.
    logging.basicConfig(level=logging.WARNING, handlers=[handler], force=True)
    logging.getLogger(LOGGER_NAMES).setLevel(logging.INFO if settings.log in ("json", "text") else logging.WARNING)
    logging.captureWarnings(True)
    threading.excepthook = _thread_broke


def _thread_broke(broke: threading.ExceptHookArgs) -> None:
    """An error that ends a thread is logged too, in the log's form, and without what it quotes."""
    if broke.exc_value and not isinstance(broke.exc_value, SystemExit):
        logging.getLogger(f"{LOGGER_NAMES}.threads").error("unexpected", exc_info=broke.exc_value)


class JsonLogFormatter(JsonFormatter):
    """A JSON object a line, in ASCII: what is not is spelt out (\\\\u202e), whatever it would do to a terminal.

    `told` is whether exceptions are told with what they say.
    """

    def __init__(self, told: bool = False) -> None:
        super().__init__([], json_ensure_ascii=True, json_default=str)
        self._told = told

    def add_fields(self, log_data: LogData, record: logging.LogRecord, message_dict: dict[str, Any]) -> None:
        """The time, the level and the event, then the event's own fields, then the exception, if there is one."""
        moment = datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds")
        log_data |= {"time": moment.replace("+00:00", "Z"), "level": record.levelname.lower()}
        if record.name.partition(".")[0] == LOGGER_NAMES:
            log_data["event"] = record.message
            super().add_fields(log_data, record, {})
        else:
            # Only how it begins: asyncio, for one, goes on with the exception and what that says.
            said = record.message.strip()
            log_data |= {"event": "log", "logger": record.name, "message": said.partition("\n")[0]}
            if _TRACED.match(said):  # as uvicorn tells of what breaks when the server starts
                log_data["traceback"] = (
                    said if self._told else "\n".join(_PLACES.findall(said) + _KIND.findall(said)[:1])
                )
        if record.exc_info and record.exc_info[1]:
            log_data |= {"error": type(record.exc_info[1]).__name__, "traceback": self._traceback(record.exc_info[1])}

    def formatException(self, ei: Any) -> str:  # noqa: N802 - the library's name
        """Nothing: `add_fields` tells of exceptions."""
        return ""

    def _traceback(self, error: BaseException) -> str:
        lines = traceback.format_exception(error) if self._told else _without_words(error)
        return "".join(lines)


class TextLogFormatter(JsonLogFormatter):
    """The same for a person: time, level and event, then `name=value`; a traceback is set in below."""

    def jsonify_log_record(self, log_data: LogData) -> str:
        head = " ".join(str(log_data.pop(name)) for name in ("time", "level", "event"))
        last = [(name, log_data.pop(name)) for name in _LAST if name in log_data]
        traced = dict(last).get("traceback", "")
        fields = [f" {name}={_value(value)}" for name, value in (*log_data.items(), *last) if name != "traceback"]
        below = [f"\n  | {printable(line)}" for line in traced.splitlines()]
        return "".join([printable(head), *fields, *below])


def printable(text: str) -> str:
    """The text with all spelt out that is neither seen nor a space: controls, line breaks, turns of direction."""
    return "".join(each if each.isprintable() else each.encode("unicode_escape").decode() for each in text)


def _value(value: object) -> str:
    """A value in one word, or in quotation marks."""
    text = printable(value) if isinstance(value, str) else json.dumps(value, default=str)
    return text if text and not any(mark in text for mark in ' "=') else json.dumps(text, ensure_ascii=False)


def _without_words(error: BaseException) -> Iterator[str]:
    """The kind of an exception and where it came from, and the same of what led to it."""
    led_to: BaseException | None = error
    while led_to:
        yield f"{type(led_to).__qualname__}\n"
        yield from traceback.format_tb(led_to.__traceback__)
        led_to = led_to.__cause__ or (None if led_to.__suppress_context__ else led_to.__context__)
