"""Export rated answers as a question set for `jawab eval`.

An answer rated right becomes a question with its gold answer, or one that the articles do not answer. One rated wrong
has no gold answer yet: it is written beside the set with the user's comment, so that one can be added by hand. The
set's articles are those retrieved for its questions; texts are written only to that folder.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from index.articles import Article, Span
from index.errors import ArticleMissing, JawabError
from index.storage.catalog import Catalog
from index.storage.database import storage_errors
from qa.answer import Answer
from ui.conversations.repository import Feedback
from ui.highlighting import find_answer_span


class NoFeedback(JawabError):
    """No answer from this collection has been rated."""

    code = "no_feedback"


@dataclass(frozen=True)
class ExportResult:
    """Number of questions written with a gold answer, and of those without one (`wrong`)."""

    questions: int
    wrong: int


def write_set(judged: Sequence[Feedback], catalog: Catalog, folder: Path) -> ExportResult:
    """Write `questions.jsonl`, `articles.jsonl` and `wrong.jsonl` to `folder`; empty ones are left out.

    Raises `NoFeedback`.
    """
    if not judged:
        raise NoFeedback
    right = [feedback.answer for feedback in judged if feedback.verdict == "good"]
    questions = [question for number, answer in enumerate(right, 1) if (question := _question(number, answer, catalog))]
    wrong = [_wrong(feedback) for feedback in judged if feedback.verdict == "bad"]
    articles = _articles(catalog, [feedback.answer for feedback in judged])
    with storage_errors(folder):
        folder.mkdir(parents=True, exist_ok=True)
        _write(folder / "questions.jsonl", questions)
        _write(folder / "articles.jsonl", map(_article, articles))
        _write(folder / "wrong.jsonl", wrong)
    return ExportResult(len(questions), len(wrong))


def _question(number: int, answer: Answer, catalog: Catalog) -> dict[str, Any] | None:
    """Return a question with its gold answer; `None` without a phrase, or if its article was removed or changed."""
    fields = {"id": f"judged-{number:04}", "lang": answer.language, "question": answer.asked or answer.question}
    if answer.status == "declined":
        return fields | {"answerable": False, "answers": []}
    citation = next(iter(answer.citations), None)
    if citation is None or answer.short_answer is None:
        return None  # a multi-sentence answer has no phrase to compare
    article = _find(catalog, citation.article_id)
    if article is None or article.field(citation.field)[citation.start : citation.end] != citation.quote:
        return None
    phrase_span = find_answer_span(citation.quote, answer.short_answer) or Span(0, len(citation.quote))
    start, end = citation.start + phrase_span.start, citation.start + phrase_span.end
    gold = {"text": article.field(citation.field)[start:end], "start": start, "end": end}
    location = {"article_id": article.id, "field": citation.field, "paragraph": [citation.start, citation.end]}
    return fields | {"answerable": True} | location | {"answers": [gold]}


def _wrong(judged: Feedback) -> dict[str, Any]:
    answer = judged.answer
    outcome = {"status": answer.status, "short_answer": answer.short_answer, "why": judged.why}
    return {"lang": answer.language, "question": answer.asked or answer.question} | outcome


def _articles(catalog: Catalog, answers: Iterable[Answer]) -> list[Article]:
    article_ids = [quoted.article_id for answer in answers for quoted in answer.citations]
    article_ids += [quoted.article_id for answer in answers for quoted in answer.passages]
    return [article for article in (_find(catalog, article_id) for article_id in dict.fromkeys(article_ids)) if article]


def _find(catalog: Catalog, article_id: str) -> Article | None:
    try:
        return catalog.article(article_id)
    except ArticleMissing:
        return None


def _article(article: Article) -> dict[str, Any]:
    fields = {"id": article.id, "lang": article.language, "title": article.title, "text": article.text}
    return fields | {"date": article.date, "source": article.source, "author": article.author}


def _write(path: Path, rows: Iterable[dict[str, Any]]) -> None:
    lines = [json.dumps(row, ensure_ascii=False) + "\n" for row in rows]
    if lines:
        path.write_text("".join(lines), encoding="utf-8")
    else:
        path.unlink(missing_ok=True)
