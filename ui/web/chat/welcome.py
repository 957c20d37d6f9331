"""Welcome texts of the chat page, in the user's language."""

from __future__ import annotations

from index.articles import Language
from index.text.language import detect_language
from ui.dates_and_plurals import format_date, plural_category
from ui.i18n import explain_missing_llm, translate
from ui.protocols import Overview
from ui.templating import render


def example_texts(overview: Overview, language: Language, most: int) -> list[str]:
    """Return at most `most` example questions, those in the page's language first."""
    return sorted(overview.examples[:most], key=lambda question: detect_language(question) != language)


def welcome_html(overview: Overview, language: Language) -> str:
    """Render the introduction, the collection's summary and the heading of the examples."""
    problem = explain_missing_llm(overview.llm_problem, language) if overview.llm_problem else None
    summary = _collection(overview, language)
    return render("chat/welcome.html", language, overview=overview, summary=summary, problem=problem)


def exports_html(language: Language) -> str:
    """Render the export links of a conversation; `static/sidebar.js` fills in its id."""
    return render("chat/exports.html", language)


def _collection(overview: Overview, language: Language) -> str:
    """Return one sentence with the number, dates and languages of the articles."""
    articles = translate(f"page.articles.{plural_category(overview.articles)}", language, count=overview.articles)
    if not overview.articles:
        return articles
    spoken = overview.languages[0] if len(overview.languages) == 1 else "both"
    fields = {"articles": articles, "languages": translate(f"page.languages.{spoken}", language)}
    if not (overview.first and overview.last):
        return translate("page.collection", language, **fields)
    first, last = format_date(overview.first, language), format_date(overview.last, language)
    key = "page.collection_one_day" if first == last else "page.collection_dated"
    return translate(key, language, **fields, first=first, last=last)
