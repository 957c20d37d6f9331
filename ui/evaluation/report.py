"""The report of an evaluation: one HTML file that says how good the answers are and where they went wrong.

It loads nothing and runs nothing, so it can be opened anywhere and kept. Whatever the template writes goes through
`render.clean` (see `_cleaned`): articles, questions and answers are strangers' text.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC
from itertools import groupby, pairwise
from typing import TYPE_CHECKING, Any

from index.articles import Language
from index.text.language import detect_language
from qa.evaluation.calibration import calibration_error, reliability, score_answers, tradeoffs
from qa.evaluation.error_analysis import KINDS, PARTS, Holding, Kind, Mistake, Part, find_mistakes
from qa.evaluation.metrics import Question, Record
from ui.dates_and_plurals import format_date
from ui.evaluation import charts
from ui.evaluation.history import NO_RUNS, Run, Runs
from ui.evaluation.metrics_table import duration, figure_groups
from ui.i18n import translate
from ui.web.escaping import direction, escape

if TYPE_CHECKING:
    from jinja2 import Environment

EARLIER = 5
"""Earlier runs that are shown beside this one."""
_AROUND = 220
"""Characters of an article shown on either side of a gold answer."""


@dataclass(frozen=True)
class Measured:
    """What a report tells of: the questions that were asked of the set `name`, and the records by question id.

    `articles` are their stored texts by article id.
    """

    name: str
    questions: Sequence[Question]
    records: Mapping[str, Record]
    articles: Mapping[str, str]
    run: Run
    earlier: Runs = NO_RUNS


@dataclass(frozen=True)
class Piece:
    """A stretch of a quotation or passage: whether it belongs to the gold answer, and to what Jawab said."""

    text: str
    gold: bool = False
    said: bool = False


@dataclass(frozen=True)
class Stretch:
    """A quotation or passage with what it holds of the gold answer."""

    label: str
    title: str
    language: Language
    pieces: tuple[Piece, ...]
    holding: Holding


@dataclass(frozen=True)
class Card:
    """A mistake as it is shown; `stands` is where its article has the gold answer, where no quotation shows that."""

    mistake: Mistake
    quotations: tuple[Stretch, ...]
    passages: tuple[Stretch, ...]
    stands: tuple[Piece, ...] = ()


def report_html(measured: Measured, language: Language) -> str:
    """The page, in `language`; quotations and questions keep their own language and direction."""
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
    """The expected calibration error as a figure of the run; nothing where no answer can be judged."""
    error = calibration_error(reliability(score_answers(questions, records)))
    return {} if error is None else {"confidence_ece": round(error, 4)}


def _environment(language: Language) -> Environment:
    """The templates, every value of which is cleaned; autoescape is on besides."""
    from jinja2 import Environment, PackageLoader, StrictUndefined

    environment = Environment(
        loader=PackageLoader("ui.evaluation", "templates"),
        autoescape=True,
        finalize=_cleaned,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )

    def tell(key: str, **fields: object) -> str:
        return translate(f"report.{key}", language, **fields)

    def told_time(run: Run) -> str:
        at = run.measured.astimezone(UTC)
        return tell("moment", date=format_date(f"{at:%Y-%m-%d}", language), clock=f"{at:%H:%M}")

    environment.globals |= {
        "language": language,
        "direction": direction(language),
        "tell": tell,
        "told_time": told_time,
        "told_ms": lambda ms: duration(ms, language),
        "own": _own,
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


def _cleaned(value: Any) -> Any:
    """Every value that the template writes, made harmless where it is a text and not markup already."""
    from markupsafe import Markup

    return Markup(escape(value)) if isinstance(value, str) and not isinstance(value, Markup) else value


def _own(text: str) -> dict[str, str]:
    """`lang` and `dir` of a text by most of its words, as on the page: its first letter alone may be a name's."""
    if not any(character.isalpha() for character in text):
        return {"dir": "auto"}
    language = detect_language(text)
    return {"lang": language, "dir": direction(language)}


def _count(mistakes: Sequence[Mistake], kind: Kind, part: Part) -> int:
    return sum((mistake.kind, mistake.part) == (kind, part) for mistake in mistakes)


def _shares(mistakes: Sequence[Mistake], questions: int) -> list[tuple[str, int]]:
    """How many questions went without fault ("right"), and how many each part got wrong; the zeros left out."""
    counts = [("right", questions - len(mistakes))]
    counts += [(part, sum(mistake.part == part for mistake in mistakes)) for part in PARTS]
    return [(name, count) for name, count in counts if count]


def _card(mistake: Mistake, articles: Mapping[str, str]) -> Card:
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
    stands = () if "place" in mistake.quotations else tuple(_stands(mistake.question, articles))
    return Card(mistake, tuple(quotations), tuple(passages), stands)


def _stands(question: Question, articles: Mapping[str, str]) -> list[Piece]:
    """The article around the first gold answer, in whole words."""
    text = articles.get(question.get("article_id", ""), "")
    gold = next(iter(question.get("answers", ())), None)
    if gold is None or not 0 <= gold["start"] < gold["end"] <= len(text):
        return []
    first, last = question.get("paragraph", (0, len(text)))
    before, after = text[first : gold["start"]], text[gold["end"] : last]
    if len(before) > _AROUND:
        before = "… " + before[-_AROUND:].partition(" ")[2]
    if len(after) > _AROUND:
        after = after[:_AROUND].rpartition(" ")[0] + " …"
    return [Piece(before), Piece(text[gold["start"] : gold["end"]], gold=True), Piece(after)]


def _stretch(mistake: Mistake, label: str, where: Record, text: str, phrase: str, holding: Holding) -> Stretch:
    golds = []
    if where["article_id"] == mistake.question.get("article_id"):
        places = [(g["start"] - where["start"], g["end"] - where["start"]) for g in mistake.question.get("answers", ())]
        golds = [(start, end) for start, end in places if 0 <= start < end <= len(text)]
    at = text.find(phrase) if phrase else -1
    said = [(at, at + len(phrase))] if at >= 0 else []
    return Stretch(label, where["title"], detect_language(text), tuple(_pieces(text, golds, said)), holding)


def _pieces(text: str, golds: Sequence[tuple[int, int]], said: Sequence[tuple[int, int]]) -> list[Piece]:
    """The text cut wherever a gold answer or what was said starts or ends."""
    cuts = sorted({0, len(text), *(end for span in (*golds, *said) for end in span)})

    def within(spans: Sequence[tuple[int, int]], start: int) -> bool:
        return any(first <= start < last for first, last in spans)

    return [Piece(text[start:end], within(golds, start), within(said, start)) for start, end in pairwise(cuts)]
