"""Charts of a collection: timeline of its articles, and topic map.

`static/charts.js` draws them with Plotly, which is bundled. Their content is also given as text below them, for
screen readers and keyboard users.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse, RedirectResponse

from index.article_list import ArticleQuery, ArticleSummary
from index.articles import Language
from index.timeline import Timeline, article_timeline
from index.topics.topic_map import MapPoint, Topic, TopicMap
from ui.dates_and_plurals import format_date
from ui.escaping import strip_control_characters
from ui.http.language import PageLanguage, page_language
from ui.http.visitor_cookie import is_logged_in
from ui.i18n import translate
from ui.services import Collection, Services
from ui.templating import render
from ui.web.conversations.sidebar import frame_html
from ui.web.current_collection import CollectionInPath, chosen_id, opened, switcher_html
from ui.web.layout import POLICY, page_html

CHARTS_POLICY = POLICY.replace("style-src 'self'", "style-src 'self' 'unsafe-inline'")
"""Plotly sets inline styles."""
_LISTED = 8
"""Most articles listed for a topic below the map: the most central ones."""


@dataclass(frozen=True)
class _ListedTopic:
    """A topic below the map: its name, that name's language, and the most central of its `count` articles."""

    name: str
    language: Language
    count: int
    articles: Sequence[ArticleSummary]


def chart_pages(services: Services) -> APIRouter:
    """Return the routes of the charts page and of its data."""
    router = APIRouter()

    @router.get("/articles/charts")
    def page(request: Request) -> HTMLResponse:
        language = page_language(request.headers)
        collection, _ = opened(services, chosen_id(services, request.headers))
        html = page_html(
            f"{translate('page.charts.title', language)} · {translate('page.title', language)}",
            charts_html(collection, language), language,
            frame_html(language, switcher_html(services, collection.id, language), is_logged_in(request.scope)),
            ("collection.css", "charts.css"), ("collection.js", "plotly.js", "charts.js"),
        )  # fmt: skip
        headers = {"content-security-policy": CHARTS_POLICY, "cache-control": "no-store"}
        return HTMLResponse(html, headers=headers)

    @router.get("/articles/pictures")
    def moved() -> RedirectResponse:
        """Redirect from the former path of the page."""
        return RedirectResponse("/articles/charts", 301)

    @router.get("/page/collections/{collection}/charts")
    def drawn(collection: CollectionInPath, language: PageLanguage = "en") -> dict[str, Any]:
        timeline, found = article_timeline(collection.article_browser.browse(ArticleQuery())), collection.map()
        return {
            "time": _time_json(timeline, language),
            "map": _map_json(found, language) if found else None,
            "subjects": topics_html(found, language) if found else None,
        }

    return router


def charts_html(collection: Collection, language: Language) -> str:
    """Render the page without the data of its charts."""
    timeline = article_timeline(collection.article_browser.browse(ArticleQuery()))
    return render("charts/page.html", language, collection=collection.id, timeline=timeline, rows=_rows(timeline))


def _rows(timeline: Timeline) -> list[tuple[str, list[int]]]:
    """Return the periods that have articles, with their numbers for each language."""
    rows = [(period, [counts[at] for counts in timeline.counts.values()]) for at, period in enumerate(timeline.periods)]
    return [(period, counts) for period, counts in rows if any(counts)]


def topics_html(found: TopicMap, language: Language) -> str:
    """Render the topics with their most central articles, which open in the article pane."""
    topics = [_listed(found, number, language) for number in range(len(found.subjects))]
    return render("charts/topics.html", language, topics=topics)


def _listed(found: TopicMap, number: int, language: Language) -> _ListedTopic:
    articles = [place.article for place in found.places if place.subject == number]
    return _ListedTopic(*_name(found.subjects[number], language), len(articles), articles[:_LISTED])


def _name(subject: Topic, language: Language) -> tuple[str, Language]:
    """Return a topic's name in the page's language, or in the other if all its articles are in that."""
    other: Language = "en" if language == "ar" else "ar"
    for one in (language, other):
        if subject.words[one]:
            return ("، " if one == "ar" else ", ").join(subject.words[one]), one
    return translate("page.charts.unnamed_topic", language), language


def _time_json(timeline: Timeline, language: Language) -> dict[str, Any]:
    return {
        "periods": timeline.periods,
        "labels": [format_date(period, language) for period in timeline.periods],
        "counts": [
            {"name": translate(f"page.article_list.{one}", language), "values": values}
            for one, values in timeline.counts.items()
        ],
    }


def _map_json(found: TopicMap, language: Language) -> dict[str, Any]:
    """Return the map's data for the script; titles and names are plain text without bidi control characters."""
    shown = len(found.places)
    sample = (
        translate("page.charts.sample", language, shown=shown, count=found.articles) if shown < found.articles else ""
    )
    return {
        "places": [_place_json(place, language) for place in found.places],
        "subjects": [
            {"x": one.x, "y": one.y, "name": strip_control_characters(_name(one, language)[0])}
            for one in found.subjects
        ],
        "sample": sample,
    }


def _place_json(place: MapPoint, language: Language) -> dict[str, Any]:
    article = place.article
    where = [format_date(article.date, language) if article.date else None, article.publisher]
    return {
        "id": article.id,
        "title": strip_control_characters(article.title),
        "language": article.language,
        "where": [strip_control_characters(part) for part in where if part],
        "x": place.x,
        "y": place.y,
        "subject": place.subject,
    }
