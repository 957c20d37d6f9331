"""Charts of a collection: timeline of its articles, and topic map.

`static/pictures.js` draws them with Plotly, which is bundled. Their content is also given as text below them, for
screen readers and keyboard users.
"""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse

from index.article_list import ArticleQuery
from index.articles import Language
from index.timeline import Timeline, article_timeline
from index.topics.topic_map import MapPoint, Topic, TopicMap
from ui.dates_and_plurals import format_date, plural_category
from ui.escaping import escape, in_language, strip_control_characters
from ui.http.language import PageLanguage, page_language
from ui.http.visitor_cookie import is_logged_in
from ui.i18n import translate
from ui.site import Collection, Site
from ui.web.conversations.sidebar import frame_html
from ui.web.current_collection import CollectionInPath, chosen_id, opened, switcher_html
from ui.web.layout import POLICY, page_html

CHARTS_POLICY = POLICY.replace("style-src 'self'", "style-src 'self' 'unsafe-inline'")
"""Plotly sets inline styles."""
_LISTED = 8
"""Most articles listed for a topic below the map: the most central ones."""


def chart_pages(site: Site) -> APIRouter:
    """Return the routes of the charts page and of its data."""
    router = APIRouter()

    @router.get("/articles/pictures")
    def page(request: Request) -> HTMLResponse:
        language = page_language(request.headers)
        collection, _ = opened(site, chosen_id(site, request.headers))
        html = page_html(
            f"{translate('page.pictures.title', language)} · {translate('page.title', language)}",
            charts_html(collection, language), language,
            frame_html(language, switcher_html(site, collection.id, language), is_logged_in(request.scope)),
            ("collection.css", "pictures.css"), ("collection.js", "plotly.js", "pictures.js"),
        )  # fmt: skip
        headers = {"content-security-policy": CHARTS_POLICY, "cache-control": "no-store"}
        return HTMLResponse(html, headers=headers)

    @router.get("/page/collections/{collection}/pictures")
    def drawn(collection: CollectionInPath, language: PageLanguage = "en") -> dict[str, Any]:
        timeline, found = article_timeline(collection.shelf.browse(ArticleQuery())), collection.map()
        return {
            "time": _time_json(timeline, language),
            "map": _map_json(found, language) if found else None,
            "subjects": topics_html(found, language) if found else None,
        }

    return router


def charts_html(collection: Collection, language: Language) -> str:
    """Render the page without the data of its charts."""
    timeline = article_timeline(collection.shelf.browse(ArticleQuery()))
    back = f'<p><a href="/articles">{_text("back", language)}</a></p>'
    title = f"<h1>{_text('title', language)}</h1>"
    head = f'<main class="collection pictures" data-collection="{escape(collection.id)}">{title}'
    if not (timeline.periods or timeline.undated):
        return f'{head}{back}<p class="note">{_text("nothing", language)}</p></main>'
    return f"{head}{back}{_time_html(timeline, language)}{_map_html(language)}</main>"


def _time_html(timeline: Timeline, language: Language) -> str:
    unit = translate(f"page.pictures.unit.{timeline.unit}", language)
    about = escape(translate("page.pictures.time_about", language, unit=unit))
    without = escape(translate("page.pictures.undated", language, count=timeline.undated)) if timeline.undated else ""
    drawn = (
        f'<p class="note">{about} {without}</p><div id="time" class="picture" aria-hidden="true"></div>'
        f"{_table(timeline, language)}"
        if timeline.periods
        else f'<p class="note">{without}</p>'
    )
    return f"<section><h2>{_text('time', language)}</h2>{drawn}</section>"


def _table(timeline: Timeline, language: Language) -> str:
    """Render the timeline as a table; each period links to its articles."""
    heads = "".join(f'<th scope="col">{_shelf(one, language)}</th>' for one in timeline.counts)
    rows = "".join(
        f'<tr><th scope="row">{_period(period, language)}</th>'
        f"{''.join(f'<td>{counts[at]}</td>' for counts in timeline.counts.values())}</tr>"
        for at, period in enumerate(timeline.periods)
        if any(counts[at] for counts in timeline.counts.values())
    )
    return (
        f'<details class="table"><summary>{_text("table", language)}</summary><table><thead><tr>'
        f'<th scope="col">{_text("period", language)}</th>{heads}</tr></thead><tbody>{rows}</tbody></table></details>'
    )


def _period(period: str, language: Language) -> str:
    return f'<a href="/articles?since={period}&amp;until={period}">{escape(format_date(period, language))}</a>'


def _map_html(language: Language) -> str:
    return (
        f'<section><h2>{_text("map", language)}</h2><p class="note">{_text("map_about", language)}'
        ' <span id="sample"></span></p><div class="frame"><div id="map" class="picture" aria-hidden="true">'
        f'<p class="note">{_text("drawing", language)}</p></div><div id="card" hidden></div></div>'
        f'<p class="zoom"><button type="button" id="nearer">{_text("nearer", language)}</button>'
        f'<button type="button" id="farther">{_text("farther", language)}</button></p>'
        f'<h3>{_text("subjects", language)}</h3><div id="subjects"></div></section>'
    )


def topics_html(found: TopicMap, language: Language) -> str:
    """Render the topics with their most central articles, which open in the article pane."""
    items = []
    for number, subject in enumerate(found.subjects):
        places = [place for place in found.places if place.subject == number]
        count = escape(translate(f"page.articles.{plural_category(len(places))}", language, count=len(places)))
        links = "".join(f"<li>{_link(place)}</li>" for place in places[:_LISTED])
        items.append(
            f'<li id="subject-{number}" tabindex="-1"><h4>{_name_html(subject, language)}</h4>'
            f'<p class="note">{count}</p><ul>{links}</ul></li>'
        )
    return f'<ol class="subjects">{"".join(items)}</ol>'


def _link(place: MapPoint) -> str:
    article = place.article
    return (
        f'<a class="open" href="#" data-article="{escape(article.id)}" {in_language(article.language)}>'
        f"{escape(article.title)}</a>"
    )


def _name(subject: Topic, language: Language) -> tuple[str, Language]:
    """Return a topic's name in the page's language, or in the other if all its articles are in that."""
    other: Language = "en" if language == "ar" else "ar"
    for one in (language, other):
        if subject.words[one]:
            return ("، " if one == "ar" else ", ").join(subject.words[one]), one
    return translate("page.pictures.nameless", language), language


def _name_html(subject: Topic, language: Language) -> str:
    name, own = _name(subject, language)
    return f"<bdi {in_language(own)}>{escape(name)}</bdi>"


def _time_json(timeline: Timeline, language: Language) -> dict[str, Any]:
    return {
        "periods": timeline.periods,
        "labels": [format_date(period, language) for period in timeline.periods],
        "counts": [
            {"name": translate(f"page.shelf.{one}", language), "values": values}
            for one, values in timeline.counts.items()
        ],
    }


def _map_json(found: TopicMap, language: Language) -> dict[str, Any]:
    """Return the map's data for the script; titles and names are plain text without bidi control characters."""
    shown = len(found.places)
    sample = (
        translate("page.pictures.sample", language, shown=shown, count=found.articles) if shown < found.articles else ""
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


def _text(key: str, language: Language) -> str:
    return escape(translate(f"page.pictures.{key}", language))


def _shelf(key: str, language: Language) -> str:
    return escape(translate(f"page.shelf.{key}", language))
