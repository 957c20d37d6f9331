"""HTML templates: `ui/templates`, rendered by Jinja2 with every value escaped.

Values pass through `ui.escaping.escape`, which also removes characters that change the direction of neighbouring text.
Only `Markup` is inserted as it is: the result of another template, or of the functions below.

Templates have, beside their values: `t(key, **fields)`, a text of `ui/texts` in the template's `language`; `lang(x)`
and `own(text)`, the attributes `lang` and `dir` of a language and of a text; `sentence(text)`, where paths are
isolated; `date(iso)` and `plural(count)`.
"""

from __future__ import annotations

from functools import cache
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined, pass_context
from jinja2.runtime import Context
from markupsafe import Markup

from index.articles import Language
from ui.dates_and_plurals import format_date, plural_category
from ui.escaping import escape, escape_sentence, in_language, own_language
from ui.i18n import translate


def render(template: str, language: Language, **values: object) -> Markup:
    """Render `ui/templates/TEMPLATE` in a language."""
    return Markup(_environment().get_template(template).render(language=language, **values))


@cache
def _environment() -> Environment:
    environment = Environment(
        loader=PackageLoader("ui"),
        autoescape=True,
        finalize=_escaped,
        trim_blocks=True,
        lstrip_blocks=True,
        undefined=StrictUndefined,
        auto_reload=False,
    )
    environment.globals |= {
        "t": _translated,
        "date": _date,
        "plural": plural_category,
        "lang": lambda language: Markup(in_language(language)),
        "own": lambda text: Markup(own_language(text)),
        "sentence": lambda text: Markup(escape_sentence(text)),
    }
    return environment


def _escaped(value: Any) -> Markup:
    """Escape a value by our own rules, before Jinja would by its own."""
    return value if isinstance(value, Markup) else Markup(escape("" if value is None else str(value)))


@pass_context
def _translated(context: Context, key: str, **fields: object) -> str:
    return translate(key, context["language"], **fields)


@pass_context
def _date(context: Context, iso: str) -> str:
    return format_date(iso, context["language"])
