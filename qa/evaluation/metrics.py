"""Measures of answers against a question set: SQuAD-style F1, hit@k, verbatim quotations, declining.

The names and definitions are those that Jawab's published figures use; `docs/benchmarks.md` explains them.
"""

from __future__ import annotations

import re
import statistics
import string
import unicodedata
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from index.articles import Article, Field

Question = Mapping[str, Any]
Record = Mapping[str, Any]
Figures = dict[str, float | int | None]

_MARKS = re.compile(r"[\u064b-\u065f\u0670\u0640]")
_ALEFS = re.compile(r"[إأآٱ]")
_DIGITS = str.maketrans("٠١٢٣٤٥٦٧٨٩۰۱۲۳۴۵۶۷۸۹", "01234567890123456789")
_PUNCTUATION = frozenset(string.punctuation) | frozenset("،؛؟«»“”‘’…–—٪٬٫")
_ARTICLES = frozenset({"a", "an", "the"})
_MARKER = re.compile(r"\[(\d+)\]")


def words(text: str) -> list[str]:
    """Return the normalised words: case, marks, alef forms, digits and articles folded."""
    text = unicodedata.normalize("NFKC", text).lower().translate(_DIGITS)
    text = _ALEFS.sub("ا", _MARKS.sub("", text)).replace("ى", "ي").replace("ة", "ه")
    text = re.sub(r"(?<=\d),(?=\d)", "", text)
    spaced = "".join(" " if character in _PUNCTUATION else character for character in text)
    tokens = (word for word in spaced.split() if word not in _ARTICLES)
    return [word[2:] if word.startswith("ال") and len(word) > 4 else word for word in tokens]


def f1(predicted: str, gold: str) -> float:
    """Harmonic mean of word precision and recall (SQuAD)."""
    predicted_words, gold_words = words(predicted), words(gold)
    shared = _overlap(predicted_words, gold_words)
    return 2 * shared / (len(predicted_words) + len(gold_words)) if shared else float(predicted_words == gold_words)


def phrase_scores(phrase: str, golds: Sequence[str]) -> tuple[float, float]:
    """F1 and exact match against the closest of the gold phrases; zero where there is none."""
    exact = any(words(phrase) == words(gold) for gold in golds)
    return max((f1(phrase, gold) for gold in golds), default=0.0), float(exact)


def recall(predicted: str, gold: str) -> float:
    """Share of the gold words that the prediction has."""
    gold_words = words(gold)
    return _overlap(words(predicted), gold_words) / len(gold_words) if gold_words else 0.0


def gold_phrases(question: Question) -> list[str]:
    """Gold answers in the article's words and, if different, in the question's language."""
    return [*(gold["text"] for gold in question.get("answers", [])), *question.get("answers_in_question_language", [])]


def field_of(located: Record) -> Field:
    """Return the field of the article that the offsets of a quotation, passage or question count in."""
    field: Field = located.get("field", "text")
    return field


def holds_gold(location: Record, question: Question) -> bool:
    """Return whether a passage or quotation covers a complete gold answer at its position in the set.

    Of a question with the `field` "title" the positions count in the title, which every passage comes with.
    """
    if location["article_id"] != question["article_id"]:
        return False
    if field_of(question) == "title" and "marker" not in location:
        return True
    return field_of(location) == field_of(question) and any(
        location["start"] <= gold["start"] and gold["end"] <= location["end"] for gold in question["answers"]
    )


def score(questions: Sequence[Question], answers: Mapping[str, Record], articles: Mapping[str, Article]) -> Figures:
    """Compute the figures of a set: `answers` by question id, `articles` as they are stored, by id."""
    rows: dict[str, list[float]] = {}
    for question in questions:
        for name, value in _measures(question, answers.get(question["id"]), articles):
            rows.setdefault(name, []).append(float(value))
    figures: Figures = {"questions": len(questions)}
    for name, values in rows.items():
        if name.startswith("ms_"):
            figures[f"{name}_p50"] = round(statistics.median(values), 1)
            figures[f"{name}_p95"] = round(sorted(values)[min(len(values) - 1, int(0.95 * len(values)))], 1)
        else:
            figures[name] = round(sum(values) / len(values), 4)
    yes, no = figures.get("answered_when_answerable"), figures.get("declined_when_unanswerable")
    if yes is not None and no is not None:
        figures["abstention_balanced_accuracy"] = round((yes + no) / 2, 4)
    return figures


def _measures(question: Question, answer: Record | None, articles: Mapping[str, Article]) -> list[tuple[str, float]]:
    status = answer["status"] if answer else None
    answerable = question.get("answerable", True)
    measures: list[tuple[str, float]] = [("answers_present", answer is not None)]
    if answerable:
        measures.append(("answered_when_answerable", status == "answered"))
    else:
        measures.append(("declined_when_unanswerable", status == "declined"))
    if answer:
        measures += [(f"ms_{name}", ms) for name, ms in answer["timings_ms"].items() if ms is not None]
    if answer and status == "answered":
        measures += _format_measures(answer, articles)
    if answerable and question.get("answers"):
        measures += _correctness_measures(question, answer)
    return measures


def _format_measures(answer: Record, articles: Mapping[str, Article]) -> list[tuple[str, float]]:
    cited = {citation["marker"] for citation in answer["citations"]}
    used = {int(number) for number in _MARKER.findall(answer["answer"])}
    verbatim = [("quotes_verbatim", _is_verbatim(c, articles.get(c["article_id"]))) for c in answer["citations"]]
    return [("markers_match_citations", bool(used) and used == cited), *verbatim]


def _is_verbatim(citation: Record, article: Article | None) -> bool:
    quoted = article.field(field_of(citation))[citation["start"] : citation["end"]] if article else ""
    return bool(quoted == citation["quote"] != "")


def _correctness_measures(question: Question, answer: Record | None) -> list[tuple[str, float]]:
    passages = answer["passages"] if answer else []
    golds = gold_phrases(question)
    answered = answer if answer and answer["status"] == "answered" else None
    short = (answered["short_answer"] or "") if answered else ""
    best, exact = phrase_scores(short, golds)
    measures: list[tuple[str, float]] = [
        (f"retrieval_hit@{k}", any(holds_gold(passage, question) for passage in passages[:k])) for k in (1, 5, 10)
    ]
    measures += [
        ("short_answer_f1", best),
        ("short_answer_em", exact),
        ("answer_contains_gold", max(recall(answered["answer"], gold) for gold in golds) if answered else 0.0),
    ]
    return [*measures, *_citation_measures(question, answered)] if answered else measures


def _citation_measures(question: Question, answer: Record) -> list[tuple[str, float]]:
    correct = [_is_in_paragraph(citation, question) for citation in answer["citations"]]
    return [
        ("citation_hit_of_answered", any(holds_gold(c, question) for c in answer["citations"])),
        ("citation_precision", sum(correct) / len(correct) if correct else 0.0),
        ("answer_words", len(words(_MARKER.sub(" ", answer["answer"])))),
    ]


def _is_in_paragraph(citation: Record, question: Question) -> bool:
    start, end = question["paragraph"]
    is_same_field = (citation["article_id"], field_of(citation)) == (question["article_id"], field_of(question))
    return is_same_field and bool(citation["start"] < end and start < citation["end"])


def _overlap(a: list[str], b: list[str]) -> int:
    return sum((Counter(a) & Counter(b)).values())
