"""The answer record, which every interface of Jawab returns (`docs/answer-record.md`)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from functools import cache
from typing import Any, Literal

from pydantic import TypeAdapter

from index.articles import Field, Language
from index.text.language import detect_language

Status = Literal["answered", "declined"]
Done = Literal["shortened", "replaced"]


@dataclass(frozen=True)
class Citation:
    """A quotation: `quote == text[start:end]` of the stored article, in Unicode code points.

    `field` is "title" for a quotation from the title; the offsets then count in it.
    """

    marker: int
    article_id: str
    title: str
    source: str | None
    date: str | None
    language: Language
    start: int
    end: int
    quote: str
    field: Field = "text"


@dataclass(frozen=True)
class FoundPassage:
    """A retrieved passage; `score` is the cosine of passage and question, in [-1, 1]."""

    article_id: str
    title: str
    start: int
    end: int
    text: str
    score: float


@dataclass(frozen=True)
class Nearest:
    """The sentence nearest to a question that the articles do not answer: `text[start:end]` of its article."""

    article_id: str
    title: str
    start: int
    end: int
    text: str


@dataclass(frozen=True)
class LeftOut:
    """A sentence of a passage that was not read, as it seems to command whoever answers: `text[start:end]` of its
    article."""

    article_id: str
    title: str
    start: int
    end: int
    text: str


@dataclass(frozen=True)
class Timings:
    """Milliseconds from the question's arrival; `None` for a step that did not happen."""

    search: float | None = None
    short_answer: float | None = None
    first_token: float | None = None
    total: float | None = None


@dataclass(frozen=True)
class Correction:
    """A sentence of the LLM that its quotation does not support.

    `fault` is the kind of issue (`qa/verification/faithfulness.py`), `about` the words concerned, if any.
    """

    written: str
    fault: str
    about: str
    done: Done


_OPTIONAL = (
    "talk", "asked", "correction", "nearest", "other", "understanding", "verdict", "missing", "left_out", "cached",
)  # fmt: skip
"""Fields that a record has only where they are set."""


@dataclass(frozen=True)
class Answer:
    """The answer record. A declined one has an `answer` that says so, no citations, and the passages.

    Optional fields:
    `talk` is set for small talk (`qa/query/smalltalk.py`): `answer` is then the reply, with the status declined and
    without passages. `asked` is the rewritten question that was used in place of a follow-up (`followup.py`) or of
    Arabic in Latin letters (`arabizi.py`). `correction` is set if the LLM's sentence failed verification, and was not
    used as written. `nearest` is set if the question is declined although the articles mention its subject. `other` is
    the phrase of another sentence that may be the right one instead; `answer` has it too. `understanding` is what was
    understood of the question (`qa/query/understanding.py`), `verdict` the yes or no to such a question, and `missing`,
    of a declined one, what of the question the articles do not have. `left_out` has the sentences of the passages that
    were not read, as they seem to command whoever answers (`qa/reader/prompt_injection.py`). `cached` is set if this is
    the stored answer to the same question over the same articles.
    """

    id: str
    question: str
    language: Language
    status: Status
    answer: str
    short_answer: str | None
    confidence: float
    citations: tuple[Citation, ...]
    passages: tuple[FoundPassage, ...]
    timings_ms: Timings
    models: dict[str, str] = field(default_factory=dict)
    talk: str | None = None
    asked: str | None = None
    correction: Correction | None = None
    nearest: Nearest | None = None
    other: str | None = None
    understanding: dict[str, Any] | None = None
    verdict: Literal["yes", "no"] | None = None
    missing: tuple[str, ...] | None = None
    left_out: tuple[LeftOut, ...] | None = None
    cached: bool | None = None

    @classmethod
    def refused(cls, answer_id: str, question: str, reason: str) -> Answer:
        """Return the record of an invalid question: declined, with `reason` as its answer."""
        return cls(
            answer_id, question, detect_language(question), "declined", reason, None, 0.0, (), (), Timings(total=0.0)
        )

    @classmethod
    def of_json(cls, record: Mapping[str, Any]) -> Answer:
        """Parse a record from `to_json`. Raises `ValueError` for anything else."""
        return _answer_adapter().validate_python(record)

    def to_json(self) -> dict[str, Any]:
        """Return the record as JSON-ready values, keys in the order of the contract."""
        record = asdict(self)
        for name in ("citations", "passages", "missing", "left_out"):
            if record[name] is not None:
                record[name] = list(record[name])
        for name in _OPTIONAL:
            if record[name] is None:
                del record[name]
        return record


@cache
def _answer_adapter() -> TypeAdapter[Answer]:
    return TypeAdapter(Answer)


@dataclass(frozen=True)
class PassagesFound:
    """First event of an answer: the retrieved passages, before any output of the LLM."""

    passages: tuple[FoundPassage, ...]


@dataclass(frozen=True)
class PhraseFound:
    """The answering phrase in an article's words, before the sentence around it is generated."""

    text: str


@dataclass(frozen=True)
class Token:
    """A streamed piece of the answer. The record at the end is authoritative."""

    text: str


@dataclass(frozen=True)
class Finished:
    """Last event of an answer: the complete record."""

    answer: Answer


Event = PassagesFound | PhraseFound | Token | Finished
