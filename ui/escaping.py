"""Escape untrusted text; all text in the page's HTML passes through here.

Markup is escaped, and characters that could change the direction of neighbouring text are removed.
"""

from __future__ import annotations

import html
import re

from index.articles import Language
from index.text.language import detect_language

# Control characters; and bidi embeddings, overrides and isolates, which could display a sentence backwards or close the
# isolation of their element. Left-to-right and right-to-left marks are harmless and stay.
_CONTROL_CHARACTERS = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u206f\ufeff]")

_PATH = re.compile(r"(?<!\S)/[^\s<>()]+")


def escape(text: str) -> str:
    """Escape `text` for an element's content or a quoted attribute; control characters are removed."""
    return html.escape(strip_control_characters(text), quote=True)


def escape_sentence(text: str) -> str:
    """Escape a sentence of the program; file paths in it are isolated as left-to-right text."""
    return _PATH.sub(r'<bdi dir="ltr">\g<0></bdi>', escape(text))


def strip_control_characters(text: str) -> str:
    """Remove control characters, including those that change the direction of neighbouring text."""
    return _CONTROL_CHARACTERS.sub("", text)


def direction(language: Language) -> str:
    """Return the value of `dir` for a text in `language`."""
    return "rtl" if language == "ar" else "ltr"


def in_language(language: Language) -> str:
    """Return `lang` and `dir` of an element whose text is in `language`."""
    return f'lang="{language}" dir="{direction(language)}"'


def own_language(text: str) -> str:
    """Return `lang` and `dir` by most of the letters; the first alone misleads if a text begins with a Latin name."""
    return in_language(detect_language(text))


def bidi_isolate(line: str, markup: str, around: Language) -> str:
    """Isolate the `markup` of a `line` if its language is not `around`. It is aligned with the lines around it, but
    has its own direction, so that its last marker and full stop are at its own end."""
    has_same_direction = detect_language(line) == around or not any(map(str.isalpha, line))
    return markup if has_same_direction else f"<bdi {own_language(line)}>{markup}</bdi>"
