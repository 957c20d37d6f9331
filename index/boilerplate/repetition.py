"""Boilerplate by repetition: lines in most articles of one source, such as its banner, menu or subscription notice.

Counting finds what the rules (`index/boilerplate/rules.py`) cannot. The caller stores the keys of `candidate_lines` for
each article, counts them by source, calls `is_repeated`, and passes the repeated ones to `add_repeated`. All three are
pure, and `candidate_lines` depends on the article alone: when a line becomes repeated, or ceases to be, only the
articles that have its key need to be chunked again.

Agency copies and retellings repeat an article's own sentences, and series repeat their headlines and bylines.
Therefore a candidate is a short line outside the prose that is not a sentence, or a line anywhere that mentions the
site or addresses its reader. It must be in more than half of the source's articles. Where every line before the prose
is repeated, counting cannot distinguish the banner from the headline of a series, and none of them is marked. Copies
of one text must be counted once.
"""

from __future__ import annotations

import hashlib
import re
from collections import defaultdict
from collections.abc import Collection, Iterator, Sequence

from index.articles import Span
from index.boilerplate.rules import is_credit
from index.text.lines import Line, prose_bounds, unmasked_lines

MIN_ARTICLES = 5
"""Fewest articles that prove repetition: a story and its updates, or the parts of a series, are two to four."""
LEAST_SHARE = 0.5
"""Share of a source's articles that a repeated line must exceed. Topics, series and authors rarely reach it; page
boilerplate does, unless the site was redesigned."""
_LONGEST_LINE = 80
_LONGEST_SENTENCE = 300
_EDGE = 12
"""Lines examined at either edge; bounds the rows stored for a page that is a list."""
_MOST_NOTICES = 100
"""Notices stored from outside the edges; bounds the rows stored for a text that mentions sites throughout."""
_SENTENCE_END = (".", "!", "?", "؟", "…", ":", "؛", ";")
# In folded text: words with which a site mentions itself or addresses its reader.
_SITE_WORDS = re.compile(
    r"(?<!\w)(?:our (?:site|website|app|newsletter|page|channel|readers|journalism)|this (?:site|website)"
    r"|subscribe|sign up|newsletter|cookies|follow us|click here|download"
    r"|موقعنا|هذا الموقع|تطبيقنا|نشرتنا|صفحتنا|قناتنا|قراينا"
    r"|حساباتنا|تابعونا|اشترك|اشتركوا|اضغط هنا|انقر هنا|حملوا|النشره البريديه|ملفات تعريف الارتباط)(?!\w)"
)


def candidate_lines(text: str, ignored: Sequence[Span]) -> dict[str, tuple[Span, ...]]:
    """Return the spans of lines that could be boilerplate of the source, by key.

    `ignored` has the spans known without counting (those of the format and of `find_boilerplate`). A key is 16
    hexadecimal digits of a hash of the folded line and its zone (before, amid or after the prose), so that a headline
    does not count as repeated because a box at the end of every page links to it.
    """
    return _spans_by_key(unmasked_lines(text, ignored))


def is_repeated(articles_with_the_line: int, articles_of_the_source: int) -> bool:
    """Return whether a line is boilerplate of the source, from counts of distinct articles."""
    return articles_with_the_line >= MIN_ARTICLES and articles_with_the_line > LEAST_SHARE * articles_of_the_source


def add_repeated(text: str, ignored: Sequence[Span], repeated: Collection[str]) -> tuple[Span, ...]:
    """Return `ignored` and the spans of the lines whose keys are in `repeated`, in order.

    `ignored` must be the value passed to `candidate_lines`, not an earlier result of this function; otherwise a line
    that is no longer repeated would stay ignored.
    """
    if not repeated:
        return tuple(sorted(set(ignored), key=lambda span: span.start))
    lines = unmasked_lines(text, ignored)
    repeated_spans = {span for key, spans in _spans_by_key(lines).items() if key in repeated for span in spans}
    head = {line.span for line in lines[: prose_bounds(lines, _notices(lines))[0]]}
    if head <= repeated_spans:
        repeated_spans -= head
    return tuple(sorted({*ignored, *repeated_spans}, key=lambda span: span.start))


def _spans_by_key(lines: Sequence[Line]) -> dict[str, tuple[Span, ...]]:
    grouped: dict[str, list[Span]] = defaultdict(list)
    for zone, line in _candidate_lines(lines):
        key = hashlib.sha256(f"{zone}\0{line.label}".encode("utf-8", "surrogatepass")).hexdigest()[:16]
        grouped[key].append(line.span)
    return {key: tuple(spans) for key, spans in grouped.items()}


def _candidate_lines(lines: Sequence[Line]) -> Iterator[tuple[str, Line]]:
    """Candidates, each with the name of its zone."""
    notices = _notices(lines)
    first, after = prose_bounds(lines, notices)
    edge = {*range(len(lines))[:_EDGE], *range(len(lines))[-_EDGE:]}
    short = {number for number in edge if not first <= number < after and _is_short(lines[number])}
    for number in sorted({*sorted(notices - edge)[:_MOST_NOTICES], *(notices & edge), *short}):
        if lines[number].label and not is_credit(lines[number]):
            yield "head" if number < first else "foot" if number >= after else "amid", lines[number]


def _notices(lines: Sequence[Line]) -> set[int]:
    return {number for number, line in enumerate(lines) if _is_notice(line)}


def _is_short(line: Line) -> bool:
    return len(line.text) <= _LONGEST_LINE and not line.text.endswith(_SENTENCE_END)


def _is_notice(line: Line) -> bool:
    return len(line.text) <= _LONGEST_SENTENCE and bool(_SITE_WORDS.search(line.folded))
