"""Attribution: the source, author, article or date that a question names limits which articles may answer.

    "According to the Morning Bulletin, who won?"   the articles of that source
    "… in the minutes of 12 March"                  the articles of that day, and of that title
    «كم … بحسب صحيفة …؟»

Named is what follows a cue ("according to", «بحسب»). If no source, author or title has its words, it is a person who
speaks in an article, and limits nothing here.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass

from index.articles import Article
from index.dates.parser import MONTHS
from index.publications import Publication, Publications
from index.retrieval.filters import Filter
from index.retriever import Hit
from index.text.folding import fold_text
from index.text.words import STOP_WORDS
from qa.text_words import TextWords

_CUE = re.compile(
    r"(?:\baccording to|\bas reported (?:by|in)|\breported (?:by|in)|\bgoing by|\bas stated in"
    r"|\bin the (?=(?:\w+ ){0,4}(?:article|report|minutes|issue|edition|bulletin|letter|story|interview|notice) of)"
    r"|\b(?:does|did) (?=the (?:\w+ ){0,4}(?:say|report|write|claim|state|give))"
    r"|(?<!\w)(?:بحسب|حسب|وفقا ل|وفق|طبقا ل|نقلا عن|كما جاء في|كما ورد في|استنادا الي|كما (?:ذكرت|نشرت|كتبت)"
    r"|في (?=(?:مقال|مقاله|خبر|عدد|نشره|تقرير|محضر|رساله|تعميم|بيان) )))\s*(?P<named>[^,،?؟;:]+)"
)
_ENDS = re.compile(r"\b(?:say|says|report|reports|write|writes|claim|claims|state|states|give|gives)\b.*")
_GENERIC = frozenset(
    fold_text(
        """the a an of in on by newspaper paper article report letter minutes issue edition bulletin story interview
        notice circular obituary review list account website site magazine journal correction post official
        صحيفة جريدة مجلة موقع نشرة مقال مقالة خبر عدد تقرير محضر رسالة تعميم بيان صفحة رسمي حوار مقابلة تاريخ يوم"""
    ).split()
)
_PUBLISHER = re.compile(
    r"\b(?:newspaper|paper|gazette|courier|post|times|herald|magazine|journal|website|bulletin)\b"
    r"|(?<!\w)(?:صحيفه|جريده|مجله|موقع|نشره|وكاله)(?!\w)"
)
_WORD = re.compile(r"[^\W\d_]+")
_MONTH_OF = {name: number for number, names in enumerate(MONTHS, 1) for name in names}
_MONTHS = "|".join(sorted(_MONTH_OF, key=len, reverse=True))
_DATE = re.compile(
    rf"(?P<day>\d{{1,2}})(?:st|nd|rd|th)? (?:of |من )?(?P<month>{_MONTHS})(?!\w)"
    rf"(?: (?:عام |سنه )?(?P<year>\d{{4}}))?"
)


@dataclass(frozen=True)
class Attribution:
    """The words after a cue, and the articles that may answer; none if the publisher is not in the collection."""

    named: str
    articles: tuple[str, ...]

    @property
    def filter(self) -> Filter:
        """The filter of a search among these articles."""
        return Filter(articles=self.articles)


def attribution_of(question: str, hits: Sequence[Hit], publications: Callable[[], Publications]) -> Attribution | None:
    """Return the attribution of a question; `None` if it has none, or names a person who speaks."""
    found = _CUE.search(fold_text(question))
    if not found:
        return None
    named = _ENDS.sub("", found["named"]).strip()
    date = _DATE.search(named)
    words = [word for word in _WORD.findall(_DATE.sub(" ", named)) if word not in STOP_WORDS and word not in _GENERIC]
    articles = _named_articles(words, date, hits, publications())
    if articles:
        return Attribution(named, tuple(articles))
    return Attribution(named, ()) if words and _PUBLISHER.search(named) else None


def _named_articles(
    words: Sequence[str], date: re.Match[str] | None, hits: Sequence[Hit], publications: Publications
) -> list[str]:
    """Return the ids of the articles whose source or author, or whose title if they were found, has all words."""
    if not words:
        named = publications.all if date else ()
    else:
        of_title = {hit.article.id for hit in hits if _has_all(words, _described(hit.article))}
        named = (
            *(one for groups in (publications.by_author, publications.by_publisher) for one in _of_name(words, groups)),
            *(one for one in publications.all if one.id in of_title),
        )
    return sorted({one.id for one in named if date is None or _is_on(one.date, date)})


def _of_name(words: Sequence[str], groups: dict[str, list[Publication]]) -> Iterator[Publication]:
    for name, publications in groups.items():
        if _has_all(words, (name,)):
            yield from publications


def _described(article: Article) -> tuple[str, ...]:
    return article.title, article.source or "", article.author or ""


def _has_all(words: Sequence[str], texts: Iterable[str]) -> bool:
    has = TextWords(*texts)
    return all(has.has_name(word) for word in words)


def _is_on(day: str | None, date: re.Match[str]) -> bool:
    if not day:
        return False
    written = f"-{_MONTH_OF[date['month']]:02}-{int(date['day']):02}"
    return day.endswith(written) and (date["year"] is None or day.startswith(date["year"]))
