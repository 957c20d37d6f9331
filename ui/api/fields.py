"""Kinds of fields that several requests have."""

from __future__ import annotations

from typing import Annotated

from pydantic import AfterValidator, BeforeValidator, Field

from index.dates.beginnings import DateInvalid, parse_date_prefix
from qa.query.question import MAX_QUESTION_LENGTH
from ui.i18n import error_message


def _whole(given: object) -> object:
    """JSON knows no difference between 5 and 5.0; pydantic's strict mode does."""
    return int(given) if isinstance(given, float) and given.is_integer() else given


StrictInt = Annotated[int, BeforeValidator(_whole, json_schema_input_type=int), Field(strict=True)]
"""A whole number, and nothing that only looks like one: no text, no yes or no."""


def _said(question: str) -> str:
    if not (said := question.strip()):
        raise ValueError("A question has more than space")
    return said


def _date(given: str) -> str:
    try:
        return parse_date_prefix(given)
    except DateInvalid as error:
        # pydantic lets no other error be that of a field; `problems.of_fields` tells its cause.
        raise ValueError(error_message(error, "en")) from error


Number = Annotated[int, Field(ge=0, le=2**53)]
"""A number of a row: what JSON, JavaScript and SQLite all hold."""
Day = Annotated[
    str,
    # The shape is told, not checked: of what is no date the error of ours says more than that of the pattern.
    Field(
        json_schema_extra={"pattern": r"^\d{4}(-\d{2}(-\d{2})?)?$"},
        description="a date or its beginning: 2021-04, in any script's digits",
    ),
    AfterValidator(_date),
]
Question = Annotated[str, Field(min_length=1, max_length=MAX_QUESTION_LENGTH), AfterValidator(_said)]
"""A question without the space around it, which is counted as well: the description knows of no other length."""
