"""The metrics, on answers small enough to calculate by hand."""

from __future__ import annotations

from typing import Any

import pytest

from index.articles import Article
from qa.evaluation.metrics import f1, recall, score, words

TEXT = "The tram has 24 stations. It opened in 2022."
ARTICLES = {"tram": Article("tram", "The 24 stations of the tram", TEXT, "en")}
QUESTION: dict[str, Any] = {
    "id": "q1",
    "question": "How many?",
    "article_id": "tram",
    "paragraph": [0, len(TEXT)],
    "answers": [{"text": "24 stations", "start": 13, "end": 24}],
}
UNANSWERABLE: dict[str, Any] = {"id": "q2", "question": "Who?", "answerable": False}


def record(**changes: Any) -> dict[str, Any]:
    return {
        "id": "q1",
        "status": "answered",
        "answer": "It has 24 stations [1].",
        "short_answer": "24 stations",
        "citations": [{"marker": 1, "article_id": "tram", "start": 0, "end": 25, "quote": TEXT[:25]}],
        "passages": [
            {"article_id": "other", "start": 0, "end": 50},
            {"article_id": "tram", "start": 0, "end": len(TEXT)},
        ],
        "timings_ms": {"search": 50.0, "short_answer": None, "first_token": 900.0, "total": 1500.0},
    } | changes


@pytest.mark.parametrize(
    ("predicted", "gold", "value"),
    [
        ("24 stations", "24 stations", 1.0),
        ("The 24 stations.", "24 stations", 1.0),
        ("24", "24 stations", 2 / 3),
        ("٢٤ محطة", "24 محطّةً", 1.0),
        ("1,200", "1200", 1.0),
        ("المدرسة", "مدرسة", 1.0),
        ("palms", "24 stations", 0.0),
        ("", "24 stations", 0.0),
    ],
)
def test_f1(predicted: str, gold: str, value: float) -> None:
    assert f1(predicted, gold) == pytest.approx(value)


def test_recall_is_share_of_gold_words_in_answer() -> None:
    assert recall("It has 24 of them", "24 stations") == 0.5
    assert words("«الأولى» و[1]") == ["اولي", "و", "1"]


def test_scores_of_correct_answer() -> None:
    figures = score([QUESTION], {"q1": record()}, ARTICLES)
    assert {
        "answers_present": 1.0,
        "answered_when_answerable": 1.0,
        "markers_match_citations": 1.0,
        "quotes_verbatim": 1.0,
        "retrieval_hit@1": 0.0,
        "retrieval_hit@5": 1.0,
        "short_answer_f1": 1.0,
        "short_answer_em": 1.0,
        "answer_contains_gold": 1.0,
        "citation_hit_of_answered": 1.0,
        "citation_precision": 1.0,
        "ms_first_token_p50": 900.0,
    }.items() <= figures.items()
    assert "ms_short_answer_p50" not in figures


def cited(start: int, end: int, quote: str, **more: str) -> dict[str, Any]:
    return {"citations": [{"marker": 1, "article_id": "tram", "start": start, "end": end, "quote": quote, **more}]}


def test_title_quotation_is_verbatim_and_not_at_place_of_text() -> None:
    title = ARTICLES["tram"].title
    figures = score([QUESTION], {"q1": record(**cited(0, len(title), title, field="title"))}, ARTICLES)
    assert figures["quotes_verbatim"] == 1.0
    assert figures["citation_hit_of_answered"] == figures["citation_precision"] == 0.0


@pytest.mark.parametrize(
    ("changes", "name"),
    [
        ({"answer": "It has 24 stations [1][2]."}, "markers_match_citations"),
        ({"answer": "It has 24 stations."}, "markers_match_citations"),
        (cited(1, 25, TEXT[:25]), "quotes_verbatim"),
        (cited(5, 5, ""), "quotes_verbatim"),
        (cited(0, 25, TEXT[:25], field="title"), "quotes_verbatim"),
        (cited(26, 44, TEXT[26:44]), "citation_hit_of_answered"),
        ({"passages": []}, "retrieval_hit@10"),
        ({"short_answer": None}, "short_answer_f1"),
        ({"status": "declined", "citations": [], "short_answer": None}, "answered_when_answerable"),
    ],
)
def test_defect_in_answer_zeroes_its_metric(changes: dict[str, Any], name: str) -> None:
    assert score([QUESTION], {"q1": record(**changes)}, ARTICLES)[name] == 0.0


def test_abstention_accuracy_averages_both_kinds_of_question() -> None:
    declined = {"q2": record(id="q2", status="declined", citations=[], short_answer=None)}
    figures = score([QUESTION, UNANSWERABLE], {"q1": record(), **declined}, ARTICLES)
    assert figures["abstention_balanced_accuracy"] == 1.0
    answered_both = score([QUESTION, UNANSWERABLE], {"q1": record(), "q2": record(id="q2")}, ARTICLES)
    assert answered_both["abstention_balanced_accuracy"] == 0.5


def test_missing_answer_scores_zero() -> None:
    figures = score([QUESTION], {}, ARTICLES)
    assert (figures["answers_present"], figures["short_answer_f1"]) == (0.0, 0.0)
