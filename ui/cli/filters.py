"""Options that restrict which articles are searched: `--since`, `--until`, `--source`, `--language`, `--article`."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any

import click

from index.articles import Language
from index.dates.beginnings import DateInvalid, parse_date_prefix
from ui.i18n import translate, user_language


def _day(context: click.Context, parameter: click.Parameter, value: str | None) -> str | None:
    """Parse a year, month or day, in the digits of any script."""
    if value is None:
        return None
    try:
        return parse_date_prefix(value)
    except DateInvalid:
        raise click.BadParameter(translate("search.bad_date", user_language()), context, parameter) from None


_OPTIONS = (
    click.option(
        "--since", metavar="DATE", callback=_day,
        help="Only articles of this day or later (2021, 2021-04 or 2021-04-08).",
    ),
    click.option("--until", metavar="DATE", callback=_day, help="Only articles of this day or earlier."),
    click.option("--source", "sources", multiple=True, help="Only articles of this source; may be repeated."),
    click.option("--language", type=click.Choice(["ar", "en"]), help="Only passages in this language."),
    click.option("--article", "articles", multiple=True, metavar="ID", help="Only this article; may be repeated."),
)  # fmt: skip


def filter_options(command: Callable[..., None]) -> Callable[..., None]:
    """Add the options to a command, which gets them as `only`, a `Filter`."""

    @wraps(command)
    def with_filter(
        *arguments: Any,
        since: str | None,
        until: str | None,
        sources: tuple[str, ...],
        language: Language | None,
        articles: tuple[str, ...],
        **options: Any,
    ) -> None:
        from index.retrieval.filters import Filter

        command(*arguments, only=Filter(since, until, sources, language, articles), **options)

    decorated: Callable[..., None] = with_filter
    for option in reversed(_OPTIONS):
        decorated = option(decorated)
    return decorated
