"""Field types shared by several requests."""

from __future__ import annotations

from typing import Annotated

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field

from index.articles import Language
from index.dates.beginnings import DateInvalid, parse_date_prefix
from index.retrieval.filters import Filter
from qa.query.question import MAX_QUESTION_LENGTH
from ui.i18n import error_message


def _whole_float_to_int(value: object) -> object:
    """Convert 5.0 to 5: they are the same in JSON, but not in pydantic's strict mode."""
    return int(value) if isinstance(value, float) and value.is_integer() else value


StrictInt = Annotated[int, BeforeValidator(_whole_float_to_int, json_schema_input_type=int), Field(strict=True)]
"""Integer; strings and booleans are rejected."""


def _stripped(question: str) -> str:
    if not (stripped := question.strip()):
        raise ValueError("The question is blank")
    return stripped


def _date(value: str) -> str:
    try:
        return parse_date_prefix(value)
    except DateInvalid as error:
        # pydantic accepts only `ValueError`; `problems.handle_validation_error` reports its cause.
        raise ValueError(error_message(error, "en")) from error


Number = Annotated[int, Field(ge=0, le=2**53)]
"""Row offset, up to 2**53, so that it is exact in JSON, JavaScript and SQLite."""
Day = Annotated[
    str,
    # The pattern is documented, not checked: `DateInvalid` explains more than a pattern mismatch would.
    Field(
        json_schema_extra={"pattern": r"^\d{4}(-\d{2}(-\d{2})?)?$"},
        description="a date or a prefix of one, such as 2021-04, in digits of any script",
    ),
    AfterValidator(_date),
]
Question = Annotated[str, Field(min_length=1, max_length=MAX_QUESTION_LENGTH), AfterValidator(_stripped)]
"""Question text, stripped. Its length is checked before stripping, as the schema documents it."""


class FilteredQuestion(BaseModel):
    """A question, with filters for the articles that are searched; an article must match all of them."""

    model_config = ConfigDict(extra="forbid", strict=True)

    question: Question
    since: Day | None = None
    until: Day | None = None
    sources: list[str] = Field(default_factory=list, max_length=100, description="any of which must match")
    language: Language | None = None
    articles: list[str] = Field(default_factory=list, max_length=1000, description="ids, any of which must match")

    @property
    def only(self) -> Filter:
        """The filters."""
        return Filter(self.since, self.until, tuple(self.sources), self.language, tuple(self.articles))
