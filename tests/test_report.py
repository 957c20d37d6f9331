"""The evaluation report: error attribution, metrics, and a page that is safe to open."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import astuple
from datetime import UTC, datetime, timedelta
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest

from index.articles import Article, Language
from qa.evaluation.calibration import ScoredAnswer, calibration_error, reliability, score_answers, tradeoffs
from qa.evaluation.error_analysis import find_mistakes, is_right
from tests.test_cli import Run as RunCommand
from tests.test_cli import run as run  # the fixture
from tests.test_cli import samples as samples
from ui.evaluation.charts import BOTTOM, LEFT, RIGHT, TOP, reliability_chart, risk_chart, times_chart, times_of
from ui.evaluation.history import Run, Runs, append_run, read_runs
from ui.evaluation.metrics_table import figure_groups
from ui.evaluation.report import Measured, figures_of_confidence, report_html
from ui.i18n import translate

TEXT = "The lighthouse of Ras Tin was lit in 1931. Its keeper was Salma Qadri. A ferry passed in 1931 as well."
ARABIC = "أضيئت منارة رأس الطين عام 1931. وكانت حارستها سلمى القادري. ومرّت عبّارة قربها في العام نفسه."
HOSTILE = '<script>alert(1)</script> & "x" \u202etxt.exe\u202c <img src=http://x.example/ onerror=y>'


def question(number: str, gold: str | None, text: str = TEXT, **changes: Any) -> dict[str, Any]:
    asked: dict[str, Any] = {"id": number, "question": f"Question {number}?", "answerable": gold is not None}
    if gold is not None:
        start = text.index(gold)
        asked |= {"article_id": "a", "paragraph": [0, len(text)]}
        asked["answers"] = [{"text": gold, "start": start, "end": start + len(gold)}]
    return asked | changes


def make_passage(start: int, end: int, text: str = TEXT, article: str = "a", **changes: Any) -> dict[str, Any]:
    part = text[start:end]
    return {"article_id": article, "title": "Ras Tin", "start": start, "end": end, "text": part, **changes}


def record(number: str, phrase: str | None = None, **changes: Any) -> dict[str, Any]:
    """A declined record, or one that answers with `phrase` and quotes the first sentence."""
    quote = make_passage(0, 42)
    made: dict[str, Any] = {
        "id": number,
        "question": f"Question {number}?",
        "status": "answered" if phrase else "declined",
        "answer": f"It is {phrase} [1]." if phrase else "The articles do not say.",
        "short_answer": phrase,
        "confidence": 0.9 if phrase else 0.1,
        "citations": [{**quote, "marker": 1, "quote": quote["text"], "language": "en"}] if phrase else [],
        "passages": [make_passage(0, len(TEXT))],
        "timings_ms": {"search": 50.0, "short_answer": 400.0, "first_token": None, "total": 1500.0},
        "models": {"embedder": "e", "reader": "r", "generator": "g"},
    }
    return made | changes


def made_run(days: int = 0, **changes: Any) -> Run:
    fields: dict[str, Any] = {
        "measured": datetime(2024, 5, 20, 8, 30, tzinfo=UTC) - timedelta(days=days),
        "limit": None,
        "without": "",
        "models": {"embedder": "e", "reader": "r"},
        "settings": {"threshold": 0.3},
        "figures": {"questions": 10, "short_answer_f1": 0.5, "ms_total_p50": 1500.0},
    }
    return Run(**fields | changes)


def page(
    questions: Sequence[dict[str, Any]],
    records: Sequence[dict[str, Any]],
    language: Language = "en",
    earlier: Runs | None = None,
    name: str = "lighthouses",
    texts: dict[str, str] | None = None,
    this: Run | None = None,
    title: str = "Ras Tin",
) -> str:
    by_id = {answer["id"]: answer for answer in records}
    articles = {name: Article(name, title, text, "en") for name, text in (texts or {"a": TEXT}).items()}
    return report_html(Measured(name, questions, by_id, articles, this or made_run(), earlier or Runs()), language)


class Page(HTMLParser):
    """The tags of a page with their attributes, its text, and the text of each `mark` by its class."""

    EMPTY = frozenset({"meta"})

    def __init__(self, html: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.open: list[str] = []
        self.text: list[str] = []
        self.marks: list[tuple[str, str]] = []
        self.feed(html)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        if tag not in self.EMPTY:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.text.append(data)
        if self.open and self.open[-1] == "mark":
            self.marks.append((str(self.tags[-1][1]["class"]).strip(), data))

    def all(self, tag: str) -> list[dict[str, str | None]]:
        return [attributes for name, attributes in self.tags if name == tag]


# --- mistakes


@pytest.mark.parametrize(
    ("asked", "answer", "expected"),
    [
        (question("q", "1931"), record("q", "1931"), None),
        (question("q", None), record("q"), None),
        (question("q", "1931"), None, ("missing", "question")),
        (question("q", "1931"), record("q"), ("declined_wrongly", "reader")),
        (question("q", "1931"), record("q", passages=[make_passage(43, 69)]), ("declined_wrongly", "search")),
        (question("q", "1931"), record("q", models={"generator": "g"}), ("declined_wrongly", "llm")),
        (question("q", "1931"), record("q", talk="greeting", passages=[]), ("declined_wrongly", "question")),
        (question("q", "1931"), record("q", models={}, passages=[]), ("declined_wrongly", "question")),
        (question("q", None), record("q", "1931"), ("answered_wrongly", "reader")),
        (question("q", "1931"), record("q", "Salma Qadri"), ("phrase_wrong", "reader")),
        (question("q", "1931"), record("q", "Ras", passages=[make_passage(70, 103)]), ("phrase_wrong", "search")),
        (question("q", "Salma Qadri"), record("q", "Salma Qadri"), ("citation_misses", "reader")),
        (question("q", "1931"), record("q", "1931", answer="Long ago [1]."), ("sentence_loses_phrase", "llm")),
        (
            question("q", "1931"),
            record("q", "x", short_answer=None, answer="It was lit in 1931 [1]."),
            ("phrase_wrong", "question"),
        ),
    ],
)
def test_mistake_is_attributed_to_responsible_component(
    asked: dict[str, Any], answer: dict[str, Any] | None, expected: tuple[str, str] | None
) -> None:
    found = find_mistakes([asked], {"q": answer} if answer else {})
    assert [(mistake.kind, mistake.part) for mistake in found] == ([expected] if expected else [])


def test_same_words_elsewhere_differ_from_gold_place() -> None:
    passages = [make_passage(70, len(TEXT)), make_passage(43, 69), make_passage(0, 42), make_passage(0, 5, "19310")]
    (mistake,) = find_mistakes([question("q", "1931")], {"q": record("q", "Salma", passages=passages)})
    assert mistake.passages == ("words", "none", "place", "none")
    assert mistake.quotations == ("place",)


def test_answer_is_right_from_half_word_overlap() -> None:
    asked = question("q", "Salma Qadri")
    assert is_right(asked, record("q", "keeper Qadri")) is True
    assert is_right(asked, record("q", "her keeper was Qadri")) is False
    assert is_right(asked, record("q")) is None
    assert is_right({"id": "q", "question": "Summarise."}, record("q", "1931")) is None


# --- confidence


def test_reliability_bins_and_calibration_error() -> None:
    judged = [ScoredAnswer(0.95, True), ScoredAnswer(1.0, True), ScoredAnswer(0.93, False), ScoredAnswer(0.41, False)]
    bins = reliability(judged)
    assert [bin.count for bin in bins] == [1, 3]
    assert astuple(bins[1]) == pytest.approx((3, 0.96, 2 / 3))
    assert calibration_error(bins) == pytest.approx(0.25 * 0.41 + 0.75 * (0.96 - 2 / 3))
    assert calibration_error([]) is None


def test_higher_confidence_threshold_answers_fewer_questions() -> None:
    judged = [ScoredAnswer(0.5, False), ScoredAnswer(0.9, True), ScoredAnswer(0.9, True), ScoredAnswer(0.7, False)]
    found = tradeoffs(judged, 8)
    assert [astuple(tradeoff) for tradeoff in found] == [(0.9, 0.25, 0.0), (0.7, 0.375, 1 / 3), (0.5, 0.5, 0.5)]


def test_declined_questions_are_not_scored() -> None:
    questions = [question("q1", "1931"), question("q2", None), question("q3", "1931")]
    records = {"q1": record("q1", "1931"), "q2": record("q2", "1931"), "q3": record("q3")}
    assert score_answers(questions, records) == [ScoredAnswer(0.9, True), ScoredAnswer(0.9, False)]
    assert figures_of_confidence(questions, records) == {"confidence_ece": 0.4}
    assert figures_of_confidence(questions, {}) == {}


# --- curves


def test_curves_stay_within_chart_area() -> None:
    judged = [ScoredAnswer(step / 50, step % 3 > 0) for step in range(51)]
    risk, reliable = risk_chart(tradeoffs(judged, 60), "en"), reliability_chart(reliability(judged), "ar")
    assert risk and reliable and risk.dots and len(reliable.dots) == 10
    for dot in (*risk.dots, *reliable.dots):
        assert LEFT <= dot.x <= RIGHT and TOP <= dot.y <= BOTTOM


@pytest.mark.parametrize("values", [[0.0], [3.0, 3.0], [0.02, 90.0, 4e9], [1000.0, 2000.0, 5000.0]])
def test_time_curve_ends_at_all_questions(values: list[float]) -> None:
    records = [record("q", timings_ms={"search": 1.0, "first_token": None, "total": value}) for value in values]
    (step,) = times_of(records)
    assert (step.name, step.values) == ("total", tuple(sorted(values)))
    chart = times_chart([step], "en")
    assert chart and chart.lines[0].path.endswith(f"V{TOP}H{RIGHT}")
    assert len(chart.x_ticks) >= 2


def test_rare_step_has_no_time_curve() -> None:
    rare, often = ([i < count for i in range(20)] for count in (1, 2))
    for had, names in ((rare, ["total"]), (often, ["first_token", "total"])):
        records = [record("q", timings_ms={"first_token": 5.0 if one else None, "total": 9.0}) for one in had]
        assert [step.name for step in times_of(records)] == names


def test_no_answers_give_no_curves() -> None:
    assert (reliability_chart([], "en"), risk_chart([], "en"), times_chart([], "en")) == (None, None, None)


# --- runs


def test_runs_are_read_in_append_order(tmp_path: Path) -> None:
    path = tmp_path / "runs.jsonl"
    assert read_runs(path) == Runs()
    first, second = made_run(1), made_run(limit=5, without="llm")
    append_run(path, first)
    append_run(path, second)
    assert read_runs(path) == Runs((first, second))


@pytest.mark.parametrize(
    "damage",
    [
        b"\xff\xfe\n",
        b"[1, 2]\n",
        b"{}\n",
        b"[" * 50_000 + b"\n",
        made_run().model_dump_json().replace("0.5", "NaN").encode() + b"\n",
        made_run().model_dump_json().replace("2024-", "0001-").encode() + b"\n",
        made_run().model_dump_json()[:40].encode(),  # cut off, so without a line break
    ],
)
def test_damaged_line_is_skipped_and_reported(tmp_path: Path, damage: bytes) -> None:
    path = tmp_path / "runs.jsonl"
    append_run(path, made_run(2))
    path.write_bytes(path.read_bytes() + damage)
    append_run(path, made_run(1))
    assert read_runs(path) == Runs((made_run(2), made_run(1)), (2,))


# --- comparison with earlier runs


def test_change_compares_with_latest_matching_run() -> None:
    earlier = [
        made_run(1, limit=5, figures={"questions": 5, "short_answer_f1": 0.9}),
        made_run(2, without="llm"),
        made_run(3, figures={"questions": 10, "short_answer_f1": 0.3, "ms_total_p50": 1000.0}),
        made_run(4, figures={"questions": 10, "short_answer_f1": 0.6}),
    ]
    rows = {figure.name: figure for _, figures in figure_groups(made_run(), earlier, "en") for figure in figures}
    assert (rows["short_answer_f1"].change, rows["short_answer_f1"].verdict) == ("\u200e+0.200", "better")
    assert rows["short_answer_f1"].earlier == ("0.900", "0.500", "0.300", "0.600")
    assert (rows["ms_total_p50"].change, rows["ms_total_p50"].verdict) == ("\u200e+500 ms", "worse")
    assert rows["ms_total_p50"].earlier == (None, "1.5 s", "1.0 s", None)
    assert rows["questions"].change is None


def test_small_change_has_no_verdict() -> None:
    before = made_run(1, figures={"questions": 10, "short_answer_f1": 0.45, "ms_total_p50": 1450.0})
    rows = {figure.name: figure for _, figures in figure_groups(made_run(), [before], "en") for figure in figures}
    assert (rows["short_answer_f1"].change, rows["short_answer_f1"].verdict) == ("\u200e+0.050", "")
    assert (rows["ms_total_p50"].change, rows["ms_total_p50"].verdict) == ("\u200e+50 ms", "")


def test_unknown_metric_is_shown_by_name() -> None:
    this = made_run(figures={"questions": 10, "<b>new": 0.25, "ms_odd": 3.0, "confidence_ece": None})
    groups = dict(figure_groups(this, [], "en"))
    assert [figure.label for figure in groups["Others"]] == ["<b>new"]
    assert [figure.label for figure in groups["Times"]] == ["ms_odd"]
    assert "&lt;b&gt;new" in page([], [], this=this)


# --- the page

EVERY_KIND = [
    (question("q1", "1931"), None),
    (question("q2", "1931"), record("q2", passages=[])),
    (question("q3", None), record("q3", "1931")),
    (question("q4", "Salma Qadri"), record("q4", "1931", asked="When was it lit?")),
    (question("q5", "Salma Qadri"), record("q5", "Salma Qadri")),
    (question("q6", "1931"), record("q6", "1931", answer="Long ago [1].")),
    (question("q7", "1931"), record("q7", "1931")),
]
QUESTIONS = [asked for asked, _ in EVERY_KIND]
RECORDS = [answer for _, answer in EVERY_KIND if answer]


@pytest.mark.parametrize("language", ["ar", "en"])
def test_page_groups_mistakes_by_kind(language: Language) -> None:
    shown = Page(page(QUESTIONS, RECORDS, language))
    assert shown.all("html") == [{"lang": language, "dir": "rtl" if language == "ar" else "ltr"}]
    kinds = [tag["id"] for tag in shown.all("details") if tag["class"] == "kind"]
    assert kinds == [
        "missing", "declined_wrongly", "answered_wrongly", "phrase_wrong", "citation_misses", "sentence_loses_phrase",
    ]  # fmt: skip
    text = "".join(shown.text)
    assert all(translate(f"report.kind.{kind}", language) in text for kind in kinds)
    assert "Question q6?" in text and "Question q7?" not in text
    assert "When was it lit?" in text
    assert len(shown.all("svg")) >= 3


def test_gold_and_given_answers_are_highlighted() -> None:
    asked, answer = question("q", "Salma Qadri"), record("q", "1931")
    marks = Page(page([asked], [answer])).marks
    assert ("said", "1931") in marks  # in the quotation
    assert marks.count(("gold", "Salma Qadri")) == 2  # in its context, and in the passage
    overlapping = record("q", "was Salma Qadri. A ferry passed in the")
    overlapping["passages"][0]["text"] = TEXT.replace("in 1931 as", "in the as")
    assert ("gold said", "Salma Qadri") in Page(page([asked], [overlapping])).marks


def test_gold_is_highlighted_only_in_its_field() -> None:
    title = "The keeper of Ras Tin"
    quote = {**make_passage(0, 21, title), "marker": 1, "quote": title, "language": "en", "field": "title"}
    answer = record("q", "keeper", citations=[quote], passages=[])
    asked = question("q", "The lighthouse"), question("q", "Ras Tin", title, field="title")
    for one, given in zip(asked, (answer, record("q", "1931")), strict=True):
        marks = Page(page([one], [given], title=title)).marks
        _, shown = [text for kind, text in marks if kind == "gold"]
        assert shown == one["answers"][0]["text"]  # in the article's own field, no other stretch


def test_gold_answer_missed_by_search_is_shown_in_context() -> None:
    long = "far away " * 60 + "the keeper was Salma Qadri, " + "and on it goes " * 60
    shown = Page(page([question("q", "Salma Qadri", long)], [record("q", passages=[])], texts={"a": long}))
    assert ("gold", "Salma Qadri") in shown.marks
    text = "".join(shown.text)
    assert "… " in text and "keeper was " in text
    assert text.count("far away") < 30


@pytest.mark.parametrize("language", ["ar", "en"])
def test_each_text_has_its_own_bidi_direction(language: Language) -> None:
    asked = question("q", "سلمى القادري", ARABIC, question="NATO: من كانت حارسة منارة رأس الطين؟")
    answer = record("q", passages=[make_passage(0, len(ARABIC), ARABIC, title="Ras Tin today")])
    shown = Page(page([asked], [answer], language, texts={"a": ARABIC}))
    assert shown.all("h4") == [{"lang": "ar", "dir": "rtl"}]  # though its first letter is Latin
    assert {"lang": "en", "dir": "ltr"} in shown.all("bdi")
    assert {"class": "passage", "lang": "ar", "dir": "rtl"} in shown.all("p")
    numbers = Page(page([question("q", "1931")], [record("q", "1900")], language))
    assert {"class": "golden", "dir": "auto"} in numbers.all("bdi")


@pytest.mark.parametrize("language", ["ar", "en"])
def test_hostile_text_is_escaped(language: Language) -> None:
    text = f"Lit in 1931. {HOSTILE}"
    passage = make_passage(0, len(text), text, title=HOSTILE)
    quote = {**passage, "marker": 1, "quote": text, "language": HOSTILE}
    answer = record(
        "q",
        HOSTILE,
        id=HOSTILE,
        answer=HOSTILE,
        asked=HOSTILE,
        citations=[quote],
        passages=[passage],
        correction={"written": HOSTILE, "fault": HOSTILE, "about": [HOSTILE], "done": HOSTILE},
    )
    asked = question("q", "1931", text, id=HOSTILE, question=HOSTILE, answers_in_question_language=[HOSTILE + "y"])
    this = made_run(models={"embedder": HOSTILE}, without=HOSTILE, figures={HOSTILE: 1.0})
    wrong = answer | {"short_answer": "x", "id": HOSTILE}
    for given in (answer, wrong, record(HOSTILE)):
        html = page([asked], [given], language, Runs((this,)), HOSTILE, {"a": text}, this)
        shown = Page(html)
        assert not {"script", "img", "iframe", "object", "link"} & {tag for tag, _ in shown.tags}
        assert not [name for _, tag in shown.tags for name in tag if name.startswith("on") or name == "src"]
        assert all(str(tag["href"]).startswith("#") for tag in shown.all("a"))
        assert not {"\u202e", "\u202c"} & set(html)
        assert '<script>alert(1)</script> & "x" txt.exe' in "".join(shown.text)


def test_page_loads_no_external_resources() -> None:
    html = page(QUESTIONS, RECORDS)
    assert "http" not in html.replace("http-equiv", "")
    assert "url(" not in html and "@import" not in html
    policy = [tag["content"] for tag in Page(html).all("meta") if "http-equiv" in tag]
    assert policy == ["default-src 'none'; style-src 'unsafe-inline'"]


@pytest.mark.parametrize("language", ["ar", "en"])
def test_page_reports_absence_of_mistakes(language: Language) -> None:
    shown = Page(page([question("q", "1931")], [record("q", "1931")], language))
    assert translate("report.no_mistakes", language) in "".join(shown.text)
    assert not shown.all("details")


def test_empty_question_set_renders_page() -> None:
    shown = Page(page([], []))
    assert translate("report.no_curve", "en") in "".join(shown.text)


@pytest.mark.parametrize("language", ["ar", "en"])
def test_page_lists_earlier_runs_and_damaged_lines(language: Language) -> None:
    earlier = Runs(tuple(made_run(days, without="reader" if days == 2 else "") for days in range(9, 0, -1)), (4, 7))
    html = page(QUESTIONS, RECORDS, language, earlier)
    text = "".join(Page(html).text)
    dates = [text.find(translate("report.moment", language, date=day, clock="08:30")) for day in days_of(language)]
    assert -1 not in dates[:5] and dates[:5] == sorted(dates[:5])
    assert dates[5] == -1
    assert translate("report.damaged", language, lines="4، 7" if language == "ar" else "4, 7") in text
    assert "reader" in text


def days_of(language: Language) -> list[str]:
    """The days of the earlier runs, newest first."""
    return [f"{day} {'أيار/مايو' if language == 'ar' else 'May'} 2024" for day in range(19, 10, -1)]


# --- the command


def test_eval_writes_report_and_stores_metrics_without_texts(samples: RunCommand, tmp_path: Path) -> None:
    from tests.conftest import SAMPLES

    command = ["eval", str(SAMPLES), "--limit", "6", "--out", str(tmp_path / "out"), "--work", str(tmp_path / "work")]
    first = samples(*command)
    assert first.code == 0
    place = tmp_path / "work" / "samples"
    assert str(place / "report.html") in first.out
    report = Page((place / "report.html").read_text(encoding="utf-8"))
    assert translate("report.figures_about_first", "en") in "".join(report.text)
    (line,) = (place / "runs.jsonl").read_text(encoding="utf-8").splitlines()
    kept = json.loads(line)
    assert (kept["limit"], kept["figures"]["questions"]) == (6, 6)
    questions = [json.loads(text) for text in (SAMPLES / "questions.jsonl").read_text(encoding="utf-8").splitlines()]
    assert not [asked["question"] for asked in questions if asked["question"] in line]

    with (place / "runs.jsonl").open("a") as file:
        file.write('{"cut off')
    again = samples(*command)
    assert again.code == 0
    assert "Skipped line 2 of" in again.err
    text = "".join(Page((place / "report.html").read_text(encoding="utf-8")).text)
    assert translate("report.figures_about", "en") in text and translate("report.damaged", "en", lines="2") in text
    assert len(read_runs(place / "runs.jsonl").runs) == 2
