"""Query parser: the words of a query, and the phrases in quotation marks.

parse_query('متى تأسس «البنك المركزي»؟')  ==  Query('متى تأسس البنك المركزي ؟', ('البنك المركزي',))
"""

from __future__ import annotations

import re
from dataclasses import dataclass

# Pairs as they are typed: Arabic and French, curly, German, straight; and the first two reversed, which happens in
# right-to-left text. A straight mark after a digit is an inch or a second, not an opening mark.
_QUOTED = re.compile(
    "|".join(
        (
            "«([^«»]*)»",
            "»([^«»]*)«",
            "[“„]([^“”„]*)[”“]",
            "”([^“”„]*)“",
            r'(?<![0-9٠-٩۰-۹])"([^"]*)"',
        )
    )
)
_LETTER_OR_DIGIT = re.compile(r"[^\W_]")


@dataclass(frozen=True)
class Query:
    """A query: `text` without the quotation marks of `phrases`, which must match word for word."""

    text: str
    phrases: tuple[str, ...] = ()


def parse_query(raw_text: str) -> Query:
    """Parse a query. Quotation marks without a partner, or around nothing, remain in the text."""
    phrases: list[str] = []

    def unquoted(match: re.Match[str]) -> str:
        phrase = " ".join(next(group for group in match.groups() if group is not None).split())
        if not _LETTER_OR_DIGIT.search(phrase):
            return match.group()
        phrases.append(phrase)
        return f" {phrase} "

    text = " ".join(_QUOTED.sub(unquoted, raw_text).split())
    return Query(text, tuple(dict.fromkeys(phrases)))
