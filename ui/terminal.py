"""What is printed: no file can have its name or text move the cursor, colour the screen or pretend to be another line.

A terminal obeys control characters, wherever they come from. Each is shown as its picture (␛) instead; in what is to be
one line so are line breaks, and the characters that turn the direction of all that follows.
"""

from __future__ import annotations

import re

import click

_OBEYED = "\x00-\x08\x0b-\x1f\x7f-\x9f\ud800-\udfff"
_IN_TEXT = re.compile(f"[{_OBEYED}]")
_IN_A_LINE = re.compile(f"[{_OBEYED}\t\n\u2028\u2029\u202d\u202e]")
_IN_JSON = re.compile(f"[{_OBEYED}\u2028\u2029\u202d\u202e]")
_PICTURES = 0x2400
_DELETE = "\x7f"


def one_line(text: str) -> str:
    """A title, name, id or path as it may stand in a line."""
    return _IN_A_LINE.sub(_picture, text)


def lines(text: str) -> str:
    """Text of several lines, its line breaks and tabs as they are; "\\r\\n" is one line break."""
    return _IN_TEXT.sub(_picture, text.replace("\r\n", "\n"))


def json_escaped(text: str) -> str:
    """JSON in which every such character is spelt out, also those that JSON allows; it means the same."""
    return _IN_JSON.sub(lambda match: f"\\u{ord(match.group()):04x}", text)


def echo(text: str, nl: bool = True, err: bool = False) -> None:
    """Print text, whatever is in it."""
    click.echo(lines(text), nl=nl, err=err)


def _picture(match: re.Match[str]) -> str:
    character = match.group()
    if character == _DELETE:
        return "␡"
    return chr(_PICTURES + ord(character)) if character < " " else "\ufffd"
