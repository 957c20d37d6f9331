"""Words of others as text that is safe to show: the only way into the page's HTML.

Markup is escaped, and the characters are taken out that could turn the reading direction of what stands beside them.
"""

from __future__ import annotations

import html
import re

from index.articles import Language
from index.text.language import detect_language

# Control characters; and embeddings, overrides and isolates, which could show a sentence backwards or close the
# isolation of the element they stand in. Left-to-right and right-to-left marks are harmless and stay.
_UNSHOWN = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u206f\ufeff]")

_PATH = re.compile(r"(?<!\S)/[^\s<>()]+")


def escape(text: str) -> str:
    """`text` for an element's content or a quoted attribute: no markup, nothing that turns the direction around it."""
    return html.escape(strip_control_characters(text), quote=True)


def escape_sentence(text: str) -> str:
    """A sentence of the program, whose paths stand in the order in which they are written, whatever surrounds them."""
    return _PATH.sub(r'<bdi dir="ltr">\g<0></bdi>', escape(text))


def strip_control_characters(text: str) -> str:
    """`text` without control characters and what turns the direction of the text beside it."""
    return _UNSHOWN.sub("", text)


def direction(language: Language) -> str:
    """The value of `dir` for a text in `language`."""
    return "rtl" if language == "ar" else "ltr"


def in_language(language: Language) -> str:
    """The attributes of an element whose text is in `language`."""
    return f'lang="{language}" dir="{direction(language)}"'


def own_language(text: str) -> str:
    """`lang` and `dir` by most of the letters; the first letter alone misleads where a name in Latin opens."""
    return in_language(detect_language(text))


def bidi_isolate(line: str, markup: str, around: Language) -> str:
    """The `markup` of a `line` among others in the language `around`. One in the other language stands on their side,
    but reads in its own direction: its last marker and full stop belong at its own end."""
    ours = detect_language(line) == around or not any(map(str.isalpha, line))
    return markup if ours else f"<bdi {own_language(line)}>{markup}</bdi>"
