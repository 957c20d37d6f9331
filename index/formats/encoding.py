"""Decode text: UTF-8, UTF-16, Windows-1256, Windows-1252 and ISO 8859-6, with or without a byte order mark."""

from __future__ import annotations

import codecs
import re

# UTF-32 before UTF-16: its mark begins with that of UTF-16.
_MARKS = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
_ARTICLE = re.compile(r"\bال[ء-ي]{2}")
"""A word with the Arabic article. Every Arabic text has one; its bytes in another encoding hardly ever do."""
_WELL_FORMED = 10
"""Least intact non-ASCII characters for each broken one in UTF-8 with broken bytes."""


class NotText(ValueError):
    """Raised for bytes that are not text in any supported encoding."""


def decode(data: bytes) -> str:
    """Decode `data`, keeping line endings; single broken bytes of UTF-8 become U+FFFD. Raises `NotText`."""
    for mark, encoding in _MARKS:
        if data.startswith(mark):
            return _decode(data, encoding)
    if b"\0" in data:
        return _decode_without_mark_utf16(data)
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError:
        return _decode_damaged_utf8(data) or _guess(data)


def _decode_damaged_utf8(data: bytes) -> str | None:
    """Decode UTF-8 with a few broken bytes: they must not lose a long article or select another encoding."""
    text = data.decode("utf-8", "replace")
    broken = text.count("\ufffd")
    intact = sum(1 for character in text if not character.isascii()) - broken
    return text if intact >= _WELL_FORMED * broken and _is_readable(text) else None


def _decode(data: bytes, encoding: str) -> str:
    try:
        return data.decode(encoding)
    except UnicodeDecodeError as error:
        raise NotText(encoding) from error


def _decode_without_mark_utf16(data: bytes) -> str:
    """Decode UTF-16 without a mark: all its zero bytes are on one side (from Latin letters, spaces)."""
    for encoding, zeros in (("utf-16-le", data[1::2]), ("utf-16-be", data[0::2])):
        if len(data) % 2 == 0 and data.count(0) == zeros.count(0):
            text = _decode(data, encoding)
            if _is_readable(text):
                return text
    raise NotText("zero bytes")


def _guess(data: bytes) -> str:
    # Imported here: it takes a tenth of a second, and nearly every file is UTF-8.
    from charset_normalizer import from_bytes

    best = from_bytes(data, cp_isolation=["cp1256", "cp1252"]).best()
    guessed = "" if best is None else str(best)
    text = max(guessed, _decode_iso_8859_6(data), key=lambda candidate: len(_ARTICLE.findall(candidate)))
    if not text or not _is_readable(text):
        raise NotText("no encoding fits")
    return text


def _decode_iso_8859_6(data: bytes) -> str:
    """Decode ISO 8859-6, or return "". Few files use it, so it is chosen only where it gives more Arabic words."""
    try:
        return data.decode("iso8859_6")
    except UnicodeDecodeError:
        return ""


def _is_readable(text: str) -> bool:
    """Return whether the text has hardly any control characters."""
    controls = sum(1 for character in text if not character.isprintable() and not character.isspace())
    return controls <= len(text) // 200
