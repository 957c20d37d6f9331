"""Date prefixes (2021, 2021-04, 2021-04-08), as used in conditions on dates."""

from __future__ import annotations

import datetime
import re
import unicodedata

from index.errors import JawabError

_SHAPE = re.compile(r"[0-9]{4}(-[0-9]{2}){0,2}")
_SHOWN = 40
"""Characters of an invalid date that its error shows."""


class DateInvalid(JawabError):
    """Raised where `given` is not a year, month or day of the calendar."""

    code = "date_invalid"


def parse_date_prefix(given: str) -> str:
    """Return the year, month or day in ASCII digits, from digits of any script: dates are compared as text.
    Raises `DateInvalid`."""
    date = "".join(str(unicodedata.decimal(character, character)) for character in given)
    try:
        if not _SHAPE.fullmatch(date):
            raise ValueError
        datetime.date.fromisoformat(date + "-01-01"[len(date) - 4 :])
    except ValueError:
        raise DateInvalid(given=given[:_SHOWN]) from None
    return date
