"""Bounded parser for server-sent events as chat servers send them: one `data:` line each."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

MAX_LINE_BYTES = 2**16
"""Bytes. A line has one token, with at most its twenty likeliest alternatives."""
_END = b"[DONE]"


class LineTooLong(Exception):
    """A line of a stream has more than `MAX_LINE_BYTES` bytes."""


def events(chunks: Iterable[bytes]) -> Iterator[bytes]:
    """Yield the data of each event, up to the one that ends the stream. Raises `LineTooLong`."""
    for line in _lines(chunks):
        name, _, value = line.partition(b":")
        if name == b"data":
            if value.strip() == _END:
                return
            yield value.strip()


def _lines(chunks: Iterable[bytes]) -> Iterator[bytes]:
    rest = b""
    for chunk in chunks:
        *complete, rest = (rest + chunk).split(b"\n")
        if max(map(len, (*complete, rest))) > MAX_LINE_BYTES:
            raise LineTooLong
        yield from complete
    yield rest
