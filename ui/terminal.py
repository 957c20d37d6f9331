"""Safe terminal output: names and texts of files cannot move the cursor, set colours or fake another line.

Terminals interpret control characters, wherever they come from. Each is replaced by its picture (␛); in single lines,
so are line breaks and bidirectional overrides.
"""

from __future__ import annotations

import re

import click

_CONTROL = "\x00-\x08\x0b-\x1f\x7f-\x9f\ud800-\udfff"
_IN_TEXT = re.compile(f"[{_CONTROL}]")
_IN_A_LINE = re.compile(f"[{_CONTROL}\t\n\u2028\u2029\u202d\u202e]")
_IN_JSON = re.compile(f"[{_CONTROL}\u2028\u2029\u202d\u202e]")
_FIRST_PICTURE = 0x2400
_DELETE = "\x7f"


def one_line(text: str) -> str:
    """Escape a title, name, id or path for output within one line."""
    return _IN_A_LINE.sub(_picture, text)


def lines(text: str) -> str:
    """Escape text of several lines; line breaks and tabs stay, "\\r\\n" becomes one line break."""
    return _IN_TEXT.sub(_picture, text.replace("\r\n", "\n"))


def json_escaped(text: str) -> str:
    """Escape these characters in JSON as \\u…, including those that JSON allows; the value is unchanged."""
    return _IN_JSON.sub(lambda match: f"\\u{ord(match.group()):04x}", text)


def echo(text: str, nl: bool = True, err: bool = False) -> None:
    """Print text, with control characters escaped."""
    click.echo(lines(text), nl=nl, err=err)


def _picture(match: re.Match[str]) -> str:
    character = match.group()
    if character == _DELETE:
        return "␡"
    return chr(_FIRST_PICTURE + ord(character)) if character < " " else "\ufffd"
