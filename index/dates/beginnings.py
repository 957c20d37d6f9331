"""A date or the beginning of one (2021, 2021-04, 2021-04-08), as conditions on dates have it."""

from __future__ import annotations

import datetime
import re
import unicodedata

from index.errors import JawabError

_SHAPE = re.compile(r"[0-9]{4}(-[0-9]{2}){0,2}")
_SHOWN = 40
"""Characters of what is no date that its error repeats."""


class DateInvalid(JawabError):
    """`given` is no year, month or day of the calendar."""

    code = "date_invalid"


def parse_date_prefix(given: str) -> str:
    """The year, month or day in ASCII digits, whichever digits it is written in: dates are compared as text.
    Raises `DateInvalid`."""
    date = "".join(str(unicodedata.decimal(character, character)) for character in given)
    try:
        if not _SHAPE.fullmatch(date):
            raise ValueError
        datetime.date.fromisoformat(date + "-01-01"[len(date) - 4 :])
    except ValueError:
        raise DateInvalid(given=given[:_SHOWN]) from None
    return date
