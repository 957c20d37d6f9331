"""Welcome texts of the chat page, in the user's language."""

from __future__ import annotations

from index.articles import Language
from index.text.language import detect_language
from ui.dates_and_plurals import format_date, plural_category
from ui.escaping import escape, in_language
from ui.http.language import titled
from ui.i18n import explain_missing_llm, translate
from ui.protocols import Overview


def example_texts(overview: Overview, language: Language, most: int) -> list[str]:
    """Return at most `most` example questions, those in the page's language first."""
    return sorted(overview.examples[:most], key=lambda question: detect_language(question) != language)


def welcome_html(overview: Overview, language: Language) -> str:
    """Return the introduction, the collection's summary and the heading of the examples."""
    collection = f"<p {in_language(language)}>{escape(_collection(overview, language))}</p>"
    examples = titled("h3", "page.try_one", language) if overview.examples else ""
    about = titled("p", "page.about_sent" if overview.sent_to else "page.about", language, host=overview.sent_to)
    if not overview.articles:
        return about + collection + _bring_some(language)
    return about + collection + _llm_problem(overview, language) + examples


def _llm_problem(overview: Overview, language: Language) -> str:
    if overview.llm_problem is None:
        return ""
    return f"<p {in_language(language)}>{escape(explain_missing_llm(overview.llm_problem, language))}</p>"


def _bring_some(language: Language) -> str:
    """Return a link to the upload page, for an empty collection."""
    return f'<p {in_language(language)}><a href="/articles">{escape(translate("page.bring.title", language))}</a></p>'


def exports_html(language: Language) -> str:
    """Return the export links of a conversation; `static/side.js` fills in its id."""
    links = " ".join(
        f'<a data-kind="{kind}"{" target=_blank" if kind == "html" else " download"}>'
        f"{escape(translate(f'page.export_{kind}', language))}</a>"
        for kind in ("md", "docx", "html")
    )
    return f"<p {in_language(language)}>{escape(translate('page.export', language))} {links}</p>"


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
