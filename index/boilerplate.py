"""Lines of a page that are not the article's own: marked as ignored spans, never cut out.

Rules for now: share and navigation labels, a page's own date, a line that repeats an earlier one, a tracker's
tail. Each rule looks at whole lines, so that no part of a sentence is ever ignored.
"""

from __future__ import annotations

import re

from index.articles import Span
from index.folding import fold_text

_LABELS = frozenset(
    map(
        fold_text,
        (
            "شارك", "شارك القصة", "شارك المقال", "تابع القراءة", "اقرأ أيضا", "اقرأ أيضاً", "إقرأ أيضا",
            "ربما يعجبك أيضا", "قد يعجبك أيضا", "مواضيع ذات صلة", "إغلاق", "أغلق", "طباعة", "أرسل إلى صديق",
            "share", "share this", "share this story", "share this article", "read more", "read also",
            "related", "related articles", "you may also like", "close", "changed", "print", "advertisement",
            "continue reading", "follow us", "subscribe", "sign up", "accept cookies", "tweet", "email",
        ),
    )
)  # fmt: skip
_WEEKDAYS = "الأحد|الاثنين|الإثنين|الثلاثاء|الأربعاء|الخميس|الجمعة|السبت|(?:Mon|Tues|Wednes|Thurs|Fri|Satur|Sun)day"
_PAGE_DATE = re.compile(rf"(?:{_WEEKDAYS})\b.{{0,40}}\d{{4}}(?:\s*[|\-،,]?\s*\d{{1,2}}:\d{{2}}.*)?")
_TRACKER = re.compile(r"[A-Za-z0-9+/]{16,}={1,2}(?:\s.{0,60})?")
_LINE = re.compile(r"[^\n]+")
_LONGEST_REPEAT = 200


def ignored_lines(text: str) -> tuple[Span, ...]:
    """The spans of the lines of `text` that are not the article's own, in order."""
    seen: set[str] = set()
    ignored = []
    for match in _LINE.finditer(text):
        line = match.group().strip()
        folded = fold_text(line).strip(" .:…!،")
        repeated = folded in seen and len(line) <= _LONGEST_REPEAT
        if folded and (repeated or folded in _LABELS or _PAGE_DATE.fullmatch(line) or _TRACKER.fullmatch(line)):
            ignored.append(Span(match.start(), match.end()))
        seen.add(folded)
    return tuple(ignored)
