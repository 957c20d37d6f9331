"""Metrics table of an evaluation: figures of this run, their changes, and the figures of earlier runs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from index.articles import Language
from ui.evaluation.history import Run
from ui.i18n import texts, translate

_GROUPS = {
    "answers": ("questions", "short_answer_f1", "short_answer_em", "answer_contains_gold", "answer_words"),
    "declining": (
        "answered_when_answerable",
        "declined_when_unanswerable",
        "abstention_balanced_accuracy",
        "confidence_ece",
    ),
    "search": ("retrieval_hit@1", "retrieval_hit@5", "retrieval_hit@10"),
    "quotations": (
        "citation_hit_of_answered",
        "citation_precision",
        "quotes_verbatim",
        "markers_match_citations",
        "answers_present",
    ),
}
_TIMES, _OTHER = "times", "other"
_STEPS = ("search", "short_answer", "first_token", "total")
_QUANTILES = ("p50", "p95")
_NEUTRAL_FIGURES = frozenset({"questions", "answer_words"})
_NOISE = 0.1
"""Share by which a time varies between runs on a machine with other load."""
_LEFT_TO_RIGHT = "\u200e"
"""Keeps a sign before its number in right-to-left text."""


@dataclass(frozen=True)
class Figure:
    """A row of the table: figure of this run, its change, and figures of earlier runs; `None` if missing.

    `verdict` is `better`, `worse`, or empty.
    """

    name: str
    label: str
    value: str | None
    change: str | None
    verdict: str
    earlier: tuple[str | None, ...]


def figure_groups(run: Run, earlier: Sequence[Run], language: Language) -> list[tuple[str, list[Figure]]]:
    """Group the figures that any of the runs has under their headings."""
    names = list(dict.fromkeys(name for each_run in (run, *earlier) for name in each_run.figures))
    grouped: dict[str, list[Figure]] = {group: [] for group in (*_GROUPS, _TIMES, _OTHER)}
    for name in sorted(names, key=lambda name: _order(name, names)):
        grouped[_group(name)].append(_figure(name, run, earlier, language))
    return [(translate(f"report.group.{group}", language), figures) for group, figures in grouped.items() if figures]


def _group(name: str) -> str:
    if name.startswith("ms_"):
        return _TIMES
    return next((group for group, members in _GROUPS.items() if name in members), _OTHER)


def _order(name: str, names: Sequence[str]) -> int:
    members = _GROUPS.get(_group(name), tuple(f"ms_{step}_{quantile}" for step in _STEPS for quantile in _QUANTILES))
    return members.index(name) if name in members else len(members) + names.index(name)


def _figure(name: str, run: Run, earlier: Sequence[Run], language: Language) -> Figure:
    value = run.figures.get(name)
    comparable = next((other_run for other_run in earlier if _is_comparable(other_run, run)), None)
    previous = comparable.figures.get(name) if comparable else None
    change, verdict = None, ""
    if value is not None and previous is not None:
        change = _change(name, value - previous, language)
        verdict = _verdict(name, value, previous, run.figures.get("questions") or 1) if change else ""
    earlier_values = tuple(_format(name, other_run.figures.get(name), language) for other_run in earlier)
    return Figure(name, _label(name, language), _format(name, value, language), change, verdict, earlier_values)


def _change(name: str, difference: float, language: Language) -> str | None:
    """Format a difference with its sign; `None` if all its digits would be zero."""
    formatted = _format(name, abs(difference), language)
    if formatted == _format(name, type(difference)(0), language):
        return None
    return f"{_LEFT_TO_RIGHT}{'+' if difference > 0 else '−'}{formatted}"


def _verdict(name: str, value: float, previous: float, questions: float) -> str:
    """Return `better`, `worse`, or empty if the change is smaller than one question or the noise of a time."""
    is_time = name.startswith("ms_")
    if name in _NEUTRAL_FIGURES or abs(value - previous) < (_NOISE * previous if is_time else 1 / questions):
        return ""
    less_is_better = is_time or name == "confidence_ece"
    return "better" if (value < previous) == less_is_better else "worse"


def _is_comparable(earlier: Run, run: Run) -> bool:
    """Return whether two runs are comparable: same questions, same parts."""
    same_questions = earlier.figures.get("questions") == run.figures.get("questions")
    return (earlier.limit, earlier.without) == (run.limit, run.without) and same_questions


def _label(name: str, language: Language) -> str:
    messages = texts(language)
    if name.startswith("ms_"):
        step, _, quantile = name.removeprefix("ms_").rpartition("_")
        if {f"report.time.{step}", f"report.time.{quantile}"} <= messages.keys():
            return translate(f"report.time.{quantile}", language, step=messages[f"report.time.{step}"])
    return messages.get(f"report.figure.{name}", name)


def _format(name: str, value: float | int | None, language: Language) -> str | None:
    if value is None:
        return None
    if name.startswith("ms_"):
        return duration(value, language)
    if name == "answer_words":
        return f"{value:.1f}"
    return str(value) if isinstance(value, int) else f"{value:.3f}"


def duration(ms: float, language: Language) -> str:
    """Format milliseconds for people: "84 ms", "3.2 s"."""
    if ms < 1000:
        return translate("report.milliseconds", language, milliseconds=f"{ms:.0f}")
    return translate("report.seconds", language, seconds=f"{ms / 1000:.1f}")
