"""Child process that parses files, started and supervised by `index/ingestion/sandbox.py`, which explains the design.

It parses one file after another. Requests and responses are JSON, prefixed with the length (4 bytes, big endian):

    {"path": "/articles/tram.html", "seconds": 60}
    {"drafts": [{"text": "…", …}], "refused": [{"reason": "empty", "line": null, …}]}     or     {"error": 13}

where 13 is an `errno` of the operating system. The process exits when its standard input ends. An error inside a
format ends it as well: the parent only has to handle an exit code or a signal.
"""

from __future__ import annotations

import dataclasses
import json
import math
import os
import signal
import stat
import sys
from collections.abc import Callable, Iterable
from contextlib import suppress
from pathlib import Path
from typing import IO, Any, BinaryIO

from index.formats import archive, parsers
from index.formats.encoding import NotText
from index.formats.parsed import ParsedDocument, Rejected

LARGEST_FILE = 64 * 2**20
"""Bytes: two hundred times a long book."""
LARGEST_ANSWER = 2**29
"""Bytes of JSON: twice the limit for unpacked zip-based formats."""
MAX_REJECTIONS = 1000
"""Rejections listed for one file; a last one, "and_more", stands for the rest."""
MAX_ARTICLES = 200_000
"""Articles of one file; the rest is dropped and reported as "too_many_articles"."""
MAX_MEMORY = 2 * 2**30
"""Bytes of address space: thirty times the largest file."""
OUT_OF_MEMORY = 75
"""Exit code."""
MAX_METADATA_LENGTH = 1000
"""Code points of a title, source or author; longer values are truncated."""

_MOST_OPEN_FILES = 64
_SLACK = 5
"""Seconds of CPU time above the limit, so that the parent, if still alive, acts first."""


def main() -> None:
    """Handle requests until standard input ends."""
    # Output of libraries must not get into the responses.
    responses = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    _set_limits()
    while message := receive(sys.stdin.buffer):
        request = json.loads(message)
        _limit_processor_time(request["seconds"])
        try:
            response = _respond(Path(request["path"]))
        except MemoryError:
            # No memory for a response: the partial result is still held.
            os._exit(OUT_OF_MEMORY)
        send(responses, response)


def send(stream: IO[bytes], message: bytes) -> None:
    stream.write(len(message).to_bytes(4, "big"))
    stream.write(message)
    stream.flush()


def receive(stream: IO[bytes]) -> bytes:
    """Return the next message, or `b""` at the end."""
    return stream.read(int.from_bytes(stream.read(4), "big"))


def _set_limits() -> None:
    """Forbid writing files and core dumps, limit open files and memory, where the system supports it."""
    try:
        import resource
    except ImportError:
        return
    for limit, maximum in (
        (resource.RLIMIT_CORE, 0),
        (resource.RLIMIT_FSIZE, 0),
        (resource.RLIMIT_NOFILE, _MOST_OPEN_FILES),
        (resource.RLIMIT_AS, MAX_MEMORY),
    ):
        # macOS has RLIMIT_AS but refuses to set it: there only the time limit bounds memory.
        with suppress(ValueError, OSError):
            resource.setrlimit(limit, (maximum, maximum))


def _limit_processor_time(seconds: int) -> None:
    """Limit CPU time, so that the system ends this process if the parent was killed."""
    try:
        import resource
    except ImportError:
        return
    used = resource.getrusage(resource.RUSAGE_SELF)
    limit = math.ceil(used.ru_utime + used.ru_stime) + seconds + _SLACK
    with suppress(ValueError, OSError):
        resource.setrlimit(resource.RLIMIT_CPU, (limit, resource.getrlimit(resource.RLIMIT_CPU)[1]))


def _respond(path: Path) -> bytes:
    try:
        parts = read_file(path)
    except OSError as error:
        return _packed({"error": error.errno})
    drafts = [part for part in parts if isinstance(part, ParsedDocument)]
    response = _packed({"drafts": drafts, "refused": [part for part in parts if isinstance(part, Rejected)]})
    if len(response) > LARGEST_ANSWER:
        raise MemoryError
    return response


def _packed(response: dict[str, Any]) -> bytes:
    return json.dumps(response, ensure_ascii=False, separators=(",", ":"), default=_fields).encode()


def _fields(value: Any) -> dict[str, Any]:
    return {field.name: getattr(value, field.name) for field in dataclasses.fields(value)}


def read_file(path: Path) -> list[ParsedDocument | Rejected]:
    """Parse a file; return its parts in order. Raises `OSError` where it cannot be opened or read."""
    suffix = path.suffix.lower()
    if suffix not in parsers():
        return [Rejected("unknown_format")]
    # Do not wait on a pipe, nor follow a link that was created since the folder was listed.
    with os.fdopen(os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_NOFOLLOW), "rb") as file:
        if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
            return [Rejected("not_a_file")]
        try:
            return _bounded(_storable(_parts(suffix, file))) or [Rejected("empty")]
        except NotText:
            return [Rejected("not_text")]
        except RecursionError:
            return [Rejected("nested_too_deep")]


def _parts(suffix: str, file: BinaryIO) -> Iterable[ParsedDocument | Rejected]:
    """Run the parser of the format. An archive is read from the file incrementally; others are loaded into memory."""
    if suffix in archive.SUFFIXES and os.fstat(file.fileno()).st_size > 0:
        return archive.read(file)
    # Read, not `st_size`: a file may grow, and some system files report a size of 0.
    data = file.read(LARGEST_FILE + 1)
    if len(data) > LARGEST_FILE:
        return [Rejected("too_large")]
    return parsers()[suffix](data) if data.strip() else [Rejected("empty")]


def _bounded(parts: Iterable[ParsedDocument | Rejected]) -> list[ParsedDocument | Rejected]:
    """Limit the articles and rejections of one file to `MAX_ARTICLES` and `MAX_REJECTIONS`."""
    bounded: list[ParsedDocument | Rejected] = []
    drafts = refused = 0
    for part in parts:
        drafts, refused = (drafts + 1, refused) if isinstance(part, ParsedDocument) else (drafts, refused + 1)
        if drafts > MAX_ARTICLES:
            return [*bounded, Rejected("too_many_articles")]
        if isinstance(part, ParsedDocument) or refused <= MAX_REJECTIONS:
            bounded.append(part)
    return [*bounded, Rejected("and_more")] if refused > MAX_REJECTIONS else bounded


def _storable(parts: Iterable[ParsedDocument | Rejected]) -> Iterable[ParsedDocument | Rejected]:
    """Yield `parts` without content that cannot be stored: surrogates (valid in JSON), overlong titles, empty texts."""
    replace: Callable[..., ParsedDocument | Rejected] = dataclasses.replace
    for part in parts:
        if isinstance(part, ParsedDocument) and not part.text.strip():
            part = Rejected("empty", member=part.member)
        elif isinstance(part, ParsedDocument) and not _is_text(part.text):
            part = Rejected("not_text", member=part.member)
        changed = {
            name: cleaned
            for name, value in _fields(part).items()
            if isinstance(value, str) and name != "text" and (cleaned := _storable_name(value)) != value
        }
        yield replace(part, **changed) if changed else part


def _is_text(value: str) -> bool:
    """Return whether `value` can be encoded as UTF-8."""
    try:
        value.encode()
    except UnicodeEncodeError:
        return False
    return True


def _storable_name(value: str) -> str:
    """Return a title, key or name in a form that can be stored and shown."""
    cleaned = value if _is_text(value) else value.encode("utf-8", "backslashreplace").decode()
    return cleaned if len(cleaned) <= MAX_METADATA_LENGTH else cleaned[: MAX_METADATA_LENGTH - 1] + "…"
