"""The answer record: the one thing that every surface of Jawab shows (`docs/answer-record.md`)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from functools import cache
from typing import Any, Literal

from pydantic import TypeAdapter

from index.articles import Language
from index.text.language import detect_language

Status = Literal["answered", "declined"]
Done = Literal["shortened", "replaced"]


@dataclass(frozen=True)
class Citation:
    """A quotation: `quote == text[start:end]` of the stored article, in Unicode code points."""

    marker: int
    article_id: str
    title: str
    source: str | None
    date: str | None
    language: Language
    start: int
    end: int
    quote: str


@dataclass(frozen=True)
class FoundPassage:
    """A passage that search found; `score` is the cosine of passage and question, in [-1, 1]."""

    article_id: str
    title: str
    start: int
    end: int
    text: str
    score: float


@dataclass(frozen=True)
class Nearest:
    """The sentence of the articles that is nearest to a question which they do not answer: `text[start:end]`."""

    article_id: str
    title: str
    start: int
    end: int
    text: str


@dataclass(frozen=True)
class Timings:
    """Milliseconds from the question's arrival; `None` for what did not happen."""

    search: float | None = None
    short_answer: float | None = None
    first_token: float | None = None
    total: float | None = None


@dataclass(frozen=True)
class Correction:
    """A sentence that the LLM wrote and that its quotation does not bear out.

    `fault` is what is wrong with it (`qa/verification/faithfulness.py`), `about` the words that are, where it is words.
    """

    written: str
    fault: str
    about: str
    done: Done


@dataclass(frozen=True)
class Answer:
    """The answer record. A declined one has an `answer` that says so, no citations, and the passages.

    `talk` is there where the question was none about the articles (`qa/query/smalltalk.py`): then `answer` is what a
    person would say to it, declined as an answer from the articles, without passages. `asked` is there where the
    question leant on what was said before it (`followup.py`) or was Arabic in Latin letters (`arabizi.py`): what
    was asked of the articles in its place.
    `correction` is there where the LLM's sentence did not hold, and is not what was said. `nearest` is there where the
    question is declined, though the articles speak of what it is about. `other` is the phrase of another sentence that
    may be the right one instead; `answer` says it too. `cached` is there where the same question was answered before
    over the same articles, and this is that answer.
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
    cached: bool | None = None

    @classmethod
    def refused(cls, answer_id: str, question: str, reason: str) -> Answer:
        """The record of a question that could not be asked: declined, with `reason` as its answer."""
        return cls(
            answer_id, question, detect_language(question), "declined", reason, None, 0.0, (), (), Timings(total=0.0)
        )

    @classmethod
    def of_json(cls, record: Mapping[str, Any]) -> Answer:
        """The record that `to_json` gave. Raises `ValueError` for anything else."""
        return _records().validate_python(record)

    def to_json(self) -> dict[str, Any]:
        """The record as JSON-ready values, keys in the order of the contract."""
        record = asdict(self)
        record["citations"] = list(record["citations"])
        record["passages"] = list(record["passages"])
        for name in ("talk", "asked", "correction", "nearest", "other", "cached"):
            if record[name] is None:
                del record[name]
        return record


@cache
def _records() -> TypeAdapter[Answer]:
    return TypeAdapter(Answer)


@dataclass(frozen=True)
class PassagesFound:
    """First event of an answer: what search found, before the LLM has said a word."""

    passages: tuple[FoundPassage, ...]


@dataclass(frozen=True)
class PhraseFound:
    """The phrase that answers, as an article has it, before the sentence around it is written."""

    text: str


@dataclass(frozen=True)
class Token:
    """A piece of the answer as it is written. The record at the end is what counts."""

    text: str


@dataclass(frozen=True)
class Finished:
    """Last event of an answer: the whole record."""

    answer: Answer


Event = PassagesFound | PhraseFound | Token | Finished
