"""HTML report of an evaluation: answer quality and error analysis in one file.

It loads no resources and has no scripts, so it can be opened anywhere and archived. Every value in the template goes
through `escape` (see `_escaped`): articles, questions and answers are untrusted text.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC
from itertools import groupby, pairwise
from typing import TYPE_CHECKING, Any

from index.articles import Article, Language
from index.text.language import detect_language
from qa.evaluation.calibration import calibration_error, reliability, score_answers, tradeoffs
from qa.evaluation.error_analysis import KINDS, PARTS, Holding, Kind, Mistake, Part, find_mistakes
from qa.evaluation.metrics import Question, Record, field_of
from ui.dates_and_plurals import format_date
from ui.escaping import direction, escape
from ui.evaluation import charts
from ui.evaluation.history import NO_RUNS, Run, Runs
from ui.evaluation.metrics_table import duration, figure_groups
from ui.i18n import translate

if TYPE_CHECKING:
    from jinja2 import Environment

EARLIER = 5
"""Number of earlier runs shown beside this one."""
_CONTEXT_CHARACTERS = 220
"""Characters of an article shown on either side of a gold answer."""


@dataclass(frozen=True)
class Measured:
    """Input of a report: the questions asked from the set `name`, the records by question id, the articles by id."""

    name: str
    questions: Sequence[Question]
    records: Mapping[str, Record]
    articles: Mapping[str, Article]
    run: Run
    earlier: Runs = NO_RUNS


@dataclass(frozen=True)
class Piece:
    """A segment of a quotation or passage; `gold` if part of the gold answer, `said` if part of Jawab's phrase."""

    text: str
    gold: bool = False
    said: bool = False


@dataclass(frozen=True)
class Stretch:
    """A quotation or passage, with how much of the gold answer it contains."""

    label: str
    title: str
    language: Language
    pieces: tuple[Piece, ...]
    holding: Holding


@dataclass(frozen=True)
class Card:
    """A mistake for display; `stands` is the gold answer in its article, set if no quotation contains it."""

    mistake: Mistake
    quotations: tuple[Stretch, ...]
    passages: tuple[Stretch, ...]
    stands: tuple[Piece, ...] = ()


def report_html(measured: Measured, language: Language) -> str:
    """Render the report in `language`; quotations and questions keep their own language and direction."""
    mistakes = find_mistakes(measured.questions, measured.records)
    judged = score_answers(measured.questions, measured.records)
    bins = reliability(judged)
    times = charts.times_of(list(measured.records.values()))
    earlier = tuple(reversed(measured.earlier.runs))[:EARLIER]
    page = _environment(language).get_template("report.html")
    return page.render(
        measured=measured,
        run=measured.run,
        earlier=earlier,
        groups=figure_groups(measured.run, earlier, language),
        mistakes=mistakes,
        counts={kind: {part: _count(mistakes, kind, part) for part in PARTS} for kind in KINDS},
        shares=_shares(mistakes, len(measured.questions)),
        groups_of_cards=[
            (kind, [_card(mistake, measured.articles) for mistake in group])
            for kind, group in groupby(mistakes, lambda m: m.kind)
        ],
        calibration_error=calibration_error(bins),
        reliability=charts.reliability_chart(bins, language),
        risk=charts.risk_chart(tradeoffs(judged, len(measured.questions)), language),
        times=times,
        times_chart=charts.times_chart(times, language),
    )


def figures_of_confidence(questions: Sequence[Question], records: Mapping[str, Record]) -> dict[str, float]:
    """Return the expected calibration error as a figure of the run; empty if no answer can be scored."""
    error = calibration_error(reliability(score_answers(questions, records)))
    return {} if error is None else {"confidence_ece": round(error, 4)}


def _environment(language: Language) -> Environment:
    """Return the template environment: every value goes through `_escaped`, with autoescape as a second layer."""
    from jinja2 import Environment, PackageLoader, StrictUndefined

    environment = Environment(
        loader=PackageLoader("ui.evaluation", "templates"),
        autoescape=True,
        finalize=_escaped,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )

    def report_text(key: str, **fields: object) -> str:
        return translate(f"report.{key}", language, **fields)

    def format_time(run: Run) -> str:
        moment = run.measured.astimezone(UTC)
        return report_text("moment", date=format_date(f"{moment:%Y-%m-%d}", language), clock=f"{moment:%H:%M}")

    environment.globals |= {
        "language": language,
        "direction": direction(language),
        "tell": report_text,
        "told_time": format_time,
        "told_ms": lambda ms: duration(ms, language),
        "own": _language_attributes,
        "joined": lambda texts: ("، " if language == "ar" else ", ").join(map(str, texts)),
        "kinds": KINDS,
        "parts": PARTS,
        "width": charts.WIDTH,
        "height": charts.HEIGHT,
        "left": charts.LEFT,
        "right": charts.RIGHT,
        "top": charts.TOP,
        "bottom": charts.BOTTOM,
    }
    return environment


def _escaped(value: Any) -> Any:
    """Escape a template value that is text and not yet markup."""
    from markupsafe import Markup

    return Markup(escape(value)) if isinstance(value, str) and not isinstance(value, Markup) else value


def _language_attributes(text: str) -> dict[str, str]:
    """Return `lang` and `dir` by most of the words, as on the page: the first letter alone may belong to a name."""
    if not any(character.isalpha() for character in text):
        return {"dir": "auto"}
    language = detect_language(text)
    return {"lang": language, "dir": direction(language)}


def _count(mistakes: Sequence[Mistake], kind: Kind, part: Part) -> int:
    return sum((mistake.kind, mistake.part) == (kind, part) for mistake in mistakes)


def _shares(mistakes: Sequence[Mistake], questions: int) -> list[tuple[str, int]]:
    """Count the questions without a mistake ("right") and the mistakes of each part; zeros are left out."""
    counts = [("right", questions - len(mistakes))]
    counts += [(part, sum(mistake.part == part for mistake in mistakes)) for part in PARTS]
    return [(name, count) for name, count in counts if count]


def _card(mistake: Mistake, articles: Mapping[str, Article]) -> Card:
    record = mistake.record or {"citations": (), "passages": (), "short_answer": None}
    phrase = record["short_answer"] or ""
    quotations = [
        _stretch(mistake, f"[{c['marker']}]", c, c["quote"], phrase, holding)
        for c, holding in zip(record["citations"], mistake.quotations, strict=True)
    ]
    passages = [
        _stretch(mistake, str(number), p, p["text"], phrase, holding)
        for number, (p, holding) in enumerate(zip(record["passages"], mistake.passages, strict=True), start=1)
    ]
    gold_context = () if "place" in mistake.quotations else tuple(_gold_in_article(mistake.question, articles))
    return Card(mistake, tuple(quotations), tuple(passages), gold_context)


def _gold_in_article(question: Question, articles: Mapping[str, Article]) -> list[Piece]:
    """Return the article's text (or title) around the first gold answer, cut at word boundaries."""
    article = articles.get(question.get("article_id", ""))
    text = article.field(field_of(question)) if article else ""
    gold = next(iter(question.get("answers", ())), None)
    if gold is None or not 0 <= gold["start"] < gold["end"] <= len(text):
        return []
    first, last = question.get("paragraph", (0, len(text)))
    before, after = text[first : gold["start"]], text[gold["end"] : last]
    if len(before) > _CONTEXT_CHARACTERS:
        before = "… " + before[-_CONTEXT_CHARACTERS:].partition(" ")[2]
    if len(after) > _CONTEXT_CHARACTERS:
        after = after[:_CONTEXT_CHARACTERS].rpartition(" ")[0] + " …"
    return [Piece(before), Piece(text[gold["start"] : gold["end"]], gold=True), Piece(after)]


def _stretch(mistake: Mistake, label: str, source: Record, text: str, phrase: str, holding: Holding) -> Stretch:
    golds = []
    if _place(source) == _place(mistake.question):
        places = [
            (g["start"] - source["start"], g["end"] - source["start"]) for g in mistake.question.get("answers", ())
        ]
        golds = [(start, end) for start, end in places if 0 <= start < end <= len(text)]
    phrase_start = text.find(phrase) if phrase else -1
    phrase_spans = [(phrase_start, phrase_start + len(phrase))] if phrase_start >= 0 else []
    return Stretch(label, source["title"], detect_language(text), tuple(_pieces(text, golds, phrase_spans)), holding)


def _place(located: Record) -> tuple[str | None, str]:
    """Return the id of the article and the field to which offsets refer."""
    return located.get("article_id"), field_of(located)


def _pieces(text: str, golds: Sequence[tuple[int, int]], phrase_spans: Sequence[tuple[int, int]]) -> list[Piece]:
    """Split the text at the edges of the `golds` and `phrase_spans`."""
    cuts = sorted({0, len(text), *(end for span in (*golds, *phrase_spans) for end in span)})

    def within(spans: Sequence[tuple[int, int]], start: int) -> bool:
        return any(first <= start < last for first, last in spans)

    return [Piece(text[start:end], within(golds, start), within(phrase_spans, start)) for start, end in pairwise(cuts)]
