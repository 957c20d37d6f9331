"""What the user typed, taken apart: the words, and the phrases that stand in quotation marks.

parse('متى تأسس «البنك المركزي»؟')  ==  Query('متى تأسس البنك المركزي ؟', ('البنك المركزي',))
"""

from __future__ import annotations

import re
from dataclasses import dataclass

# Pairs as they are typed: Arabic and French, curly, German, straight; and the first two the wrong way round, which
# happens where text runs from right to left. A straight mark after a digit is an inch or a second, not an opening.
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
_SAYS_SOMETHING = re.compile(r"[^\W_]")


@dataclass(frozen=True)
class Query:
    """`text` is what was typed without the quotation marks of `phrases`, which are to be found word for word."""

    text: str
    phrases: tuple[str, ...] = ()


def parse_query(typed: str) -> Query:
    """The query that was typed. Marks without a partner, or around nothing, are left where they are."""
    phrases: list[str] = []

    def unquoted(match: re.Match[str]) -> str:
        phrase = " ".join(next(group for group in match.groups() if group is not None).split())
        if not _SAYS_SOMETHING.search(phrase):
            return match.group()
        phrases.append(phrase)
        return f" {phrase} "

    text = " ".join(_QUOTED.sub(unquoted, typed).split())
    return Query(text, tuple(dict.fromkeys(phrases)))
