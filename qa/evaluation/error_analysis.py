"""Error analysis: classify wrong answers to a question set, and attribute each to a part of Jawab.

Every question has at most one kind of mistake, the first in `KINDS` that applies. It is attributed to the part that
lost the gold answer: it was not among the passages (search), it was there but not selected (the reader, or the LLM
where it extracts the phrases), or it was selected and lost in the sentence (the LLM).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, get_args

from qa.evaluation.metrics import Question, Record, gold_phrases, holds_gold, phrase_scores, recall, words

Kind = Literal[
    "missing", "declined_wrongly", "answered_wrongly", "phrase_wrong", "citation_misses", "sentence_loses_phrase"
]
Part = Literal["question", "search", "reader", "llm"]
Holding = Literal["place", "words", "none"]
"""Match of a quotation or passage with the gold answer: the marked place, the same words elsewhere, or none."""

KINDS: tuple[Kind, ...] = get_args(Kind)
PARTS: tuple[Part, ...] = get_args(Part)
RIGHT = 0.5
"""Word F1 with a gold answer from which a phrase counts as right."""


@dataclass(frozen=True)
class Mistake:
    """An answer that is wrong. `f1` is its phrase's, `None` where none was expected or given.

    `quotations` and `passages` have the match with the gold answer for each of the record's.
    """

    question: Question
    record: Record | None
    kind: Kind
    part: Part
    golds: tuple[str, ...]
    f1: float | None
    quotations: tuple[Holding, ...]
    passages: tuple[Holding, ...]


def find_mistakes(questions: Sequence[Question], records: Mapping[str, Record]) -> tuple[Mistake, ...]:
    """Return the mistakes among the records (by question id), sorted by kind, then part, then order in the set."""
    mistakes = [mistake for question in questions if (mistake := _mistake(question, records.get(question["id"])))]
    return tuple(sorted(mistakes, key=lambda mistake: (KINDS.index(mistake.kind), PARTS.index(mistake.part))))


def is_right(question: Question, record: Record) -> bool | None:
    """Return whether an answer is right; `None` for a declined one, and where there is no gold answer."""
    if record["status"] != "answered":
        return None
    if not question.get("answerable", True):
        return False
    golds = gold_phrases(question)
    return phrase_scores(record["short_answer"] or "", golds)[0] >= RIGHT if golds else None


def _mistake(question: Question, record: Record | None) -> Mistake | None:
    kind = _kind(question, record)
    if kind is None:
        return None
    golds = tuple(dict.fromkeys(gold_phrases(question)))
    quotations = tuple(_match_with_gold(c, c["quote"], question, golds) for c in record["citations"]) if record else ()
    passages = tuple(_match_with_gold(p, p["text"], question, golds) for p in record["passages"]) if record else ()
    phrase = record["short_answer"] if record and record["status"] == "answered" else None
    f1 = phrase_scores(phrase, golds)[0] if phrase and golds else None
    return Mistake(question, record, kind, _part(kind, record, passages), golds, f1, quotations, passages)


def _kind(question: Question, record: Record | None) -> Kind | None:
    if record is None:
        return "missing"
    answerable = question.get("answerable", True)
    if record["status"] != "answered":
        return "declined_wrongly" if answerable else None
    if not answerable:
        return "answered_wrongly"
    if not gold_phrases(question):
        return None
    if not is_right(question, record):
        return "phrase_wrong"
    if question.get("answers") and not any(holds_gold(citation, question) for citation in record["citations"]):
        return "citation_misses"
    return "sentence_loses_phrase" if recall(record["answer"], record["short_answer"] or "") < RIGHT else None


def _part(kind: Kind, record: Record | None, passages: Sequence[Holding]) -> Part:
    # Refused, taken for small talk, or answered in whole sentences though a phrase was expected.
    if record is None or record.get("talk") or not record["models"]:
        return "question"
    if kind == "phrase_wrong" and record["short_answer"] is None:
        return "question"
    if kind == "sentence_loses_phrase":
        return "llm"
    if kind != "answered_wrongly" and "place" not in passages:
        return "search"
    return "reader" if "reader" in record["models"] else "llm"


def _match_with_gold(location: Record, text: str, question: Question, golds: Sequence[str]) -> Holding:
    if question.get("answers") and holds_gold(location, question):
        return "place"
    padded = _pad_words(text)
    return "words" if any(_pad_words(gold).strip() and _pad_words(gold) in padded for gold in golds) else "none"


def _pad_words(text: str) -> str:
    """Return the normalised words, each between spaces, so that "2" is not found in "24"."""
    return f" {' '.join(words(text))} "
