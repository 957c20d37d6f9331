"""Bytes to text: UTF-8, UTF-16 and Windows-1256, with or without a byte order mark."""

from __future__ import annotations

import codecs

_MARKS = ((codecs.BOM_UTF8, "utf-8-sig"), (codecs.BOM_UTF16_LE, "utf-16"), (codecs.BOM_UTF16_BE, "utf-16"))


class NotText(ValueError):
    """These bytes are not text in any encoding that Jawab recognises."""


def decode(data: bytes) -> str:
    """The text of `data`, line endings and all. Raises `NotText`."""
    for mark, encoding in _MARKS:
        if data.startswith(mark):
            return _decode(data, encoding)
    if b"\0" in data:
        return _decode_without_mark_utf16(data)
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError:
        return _guess(data)


def _decode(data: bytes, encoding: str) -> str:
    try:
        return data.decode(encoding)
    except UnicodeDecodeError as error:
        raise NotText(encoding) from error


def _decode_without_mark_utf16(data: bytes) -> str:
    """UTF-16 without a mark has its zero bytes all on one side (Latin letters, spaces); other files do not."""
    for encoding, zeros in (("utf-16-le", data[1::2]), ("utf-16-be", data[0::2])):
        if len(data) % 2 == 0 and data.count(0) == zeros.count(0):
            text = _decode(data, encoding)
            if _is_readable(text):
                return text
    raise NotText("zero bytes")


def _guess(data: bytes) -> str:
    # Imported here: it costs a tenth of a second, and nearly every file is UTF-8.
    from charset_normalizer import from_bytes

    best = from_bytes(data, cp_isolation=["cp1256", "cp1252"]).best()
    if best is None or not _is_readable(str(best)):
        raise NotText("no encoding fits")
    return str(best)


def _is_readable(text: str) -> bool:
    """Letters, digits, white space and punctuation; hardly any control characters."""
    controls = sum(1 for character in text if not character.isprintable() and not character.isspace())
    return controls <= len(text) // 200
