"""Questions that the catalogue answers: who wrote an article, when, in which paper, how many there are, the newest.

They are told by rules, in both languages. The rules are strict: what a question says must be understood to its end, and
it must ask about articles of the collection. Who wrote a novel, when a museum was opened, or how many articles a treaty
has, is for the articles themselves to say.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator
from dataclasses import dataclass, replace
from typing import Literal

from index.articles import Language, Span
from index.text.folding import Folded, fold, fold_text
from qa.query.catalog_arabic import ARABIC
from qa.query.catalog_english import ENGLISH
from qa.query.catalog_grammar import CatalogQuestion, ConditionKind, Grammar, Head, Scope, Wanted
from qa.query.dialect import to_msa_question_words
from qa.query.periods import Period, read_period

MAX_LENGTH = 400
"""Code points of a question that is looked at: a longer one asks more than the catalogue knows."""
_FIRST_LETTER = re.compile(r"[^\W\d_]")
_ARABIC_LETTER = re.compile(r"[\u0620-\u06d3]")
_SHORT_IS = re.compile(r"(?i)\b(what|who|when|where)'s\b")
_QUOTED = re.compile(r"[\"“«„](?P<quoted>[^\"“”«»„]+)[\"”»“]")
_END = re.compile(r"[\s?؟.!,،]*$")
_MAX_DEPTH = 6
"""Most conditions of one question."""
_SINGLE: frozenset[Wanted] = frozenset({"author", "date", "source"})
"""Fields of one article, which the question must identify."""


@dataclass(frozen=True)
class _Conditions:
    """Conditions read so far; spans are positions in the folded question."""

    topic: Span | None = None
    scope: Scope = "about"
    author: Span | None = None
    source: Span | None = None
    owner: Span | None = None
    language: Language | None = None
    period: Period | None = None

    def with_period(self, period: Period) -> _Conditions | None:
        """Add a period; two of them are one ("since 2019", "until 2021") if they do not say the same."""
        if self.period is None:
            return replace(self, period=period)
        one, other = self.period, period
        if (one.since and other.since) or (one.until and other.until) or one.month_day or other.month_day:
            return None
        return replace(self, period=Period(one.since or other.since, one.until or other.until))

    def with_span(self, kind: ConditionKind, span: Span) -> _Conditions | None:
        """Add a name or a topic; `None` where there is one of its kind already."""
        if kind == "author":
            return None if self.author else replace(self, author=span)
        if kind == "source":
            return None if self.source else replace(self, source=span)
        if kind == "owner":
            return None if self.owner else replace(self, owner=span)
        if self.topic:
            return None
        scope: Scope = "title" if kind in ("title", "quote") else "mention" if kind == "mention" else "about"
        return replace(self, topic=span, scope=scope)


def parse_catalog_question(question: str) -> CatalogQuestion | None:
    """Return what a question asks of the catalogue, or `None` for any other question."""
    text = " ".join(to_msa_question_words(question).split()).replace("’", "'")
    text = _SHORT_IS.sub(r"\1 is", text)
    if not may_ask_catalogue(text):
        return None
    grammar, folded = _grammar_of(text), fold(text)
    polite = grammar.politeness.match(folded.text)
    parser = _Parser(text, folded, grammar, question)
    return next(parser.readings(polite.end() if polite else 0), None)


def may_ask_catalogue(question: str) -> bool:
    """Return whether a question is short enough, and does not say that it is about something else than articles."""
    if not _FIRST_LETTER.search(question) or len(question) > MAX_LENGTH:
        return False
    return not _grammar_of(question).not_articles.search(fold_text(question))


def is_noun_for_article(question: str, word: str) -> bool:
    """Return whether a folded word of a question means an article in general ("item", "news"), and no genre."""
    match = _grammar_of(question).noun_phrase.fullmatch(word)
    return match is not None and not match.groupdict().get("genre") and not match.groupdict().get("genre_construct")


def _grammar_of(question: str) -> Grammar:
    first = _FIRST_LETTER.search(question)
    return ARABIC if first and _ARABIC_LETTER.match(first.group()) else ENGLISH


class _Parser:
    """Parser of one question in one language."""

    def __init__(self, text: str, folded: Folded, grammar: Grammar, question: str) -> None:
        self._text = text
        self._folded = folded.text
        self._positions = folded
        self._grammar = grammar
        self._question = question
        self._is_construct = False
        end = _END.search(self._folded)
        self._end = end.start() if end else len(self._folded)

    def readings(self, start: int) -> Iterator[CatalogQuestion]:
        """Yield the readings of the question, that of the first matching head first."""
        for head in self._grammar.heads:
            if opening := head.opening.match(self._folded, start, self._end):
                yield from self._read(head, opening)

    def _read(self, head: Head, opening: re.Match[str]) -> Iterator[CatalogQuestion]:
        found = {name: Span(*opening.span(name)) for name, text in opening.groupdict().items() if text}
        if head.parts in ("opening", "conditions"):
            yield from self._complete(head, found, opening.end())
            return
        for noun in self._noun_phrases(head, opening.end()):
            parts = {name: Span(*noun.span(name)) for name, text in noun.groupdict().items() if text}
            if noun.start() > opening.end():
                parts["name"] = self._trimmed(opening.end(), noun.start())
            yield from self._complete(head, {**found, **parts}, noun.end())

    def _noun_phrases(self, head: Head, start: int) -> Iterator[re.Match[str]]:
        if head.parts == "named noun":
            matches = self._grammar.noun_phrase.finditer(self._folded, start + 1, self._end)
            yield from (match for match in matches if self._folded[match.start() - 1] == " ")
        elif match := self._grammar.noun_phrase.match(self._folded, start, self._end):
            yield match

    def _complete(self, head: Head, found: dict[str, Span], start: int) -> Iterator[CatalogQuestion]:
        """Yield the question if all after the opening and the noun phrase, from `start`, is understood."""
        conditions: _Conditions | None = _Conditions()
        if head.parts != "opening":
            middle = head.middle.match(self._folded, start, self._end)
            closing = head.closing.search(self._folded, middle.end(), self._end) if middle else None
            if not middle or not closing:
                return
            self._is_construct = head.parts != "plain noun" and not found.keys().isdisjoint(_CONSTRUCTS)
            conditions = self._conditions(middle.end(), closing.start(), _Conditions(), 0)
        for group, kind in _DIRECT.items():
            if conditions and group in found:
                conditions = conditions.with_span(kind, self._trimmed(found[group].start, found[group].end))
        if conditions and "year" in found:
            year = self._folded[found["year"].start : found["year"].end]
            conditions = conditions.with_period(Period(year, year))
        if conditions is None or (conditions.topic and not self._is_topic(conditions.topic, head.wanted)):
            return
        # "How many stories are in the building?"
        if "weak" in found and conditions.source and _BARE_IN.search(self._folded, 0, conditions.source.start):
            return
        if read := self._question_of(head, found.keys(), conditions):
            noun = found.get("strong") or found.get("strong_construct")
            is_one = noun is not None and not _PLURAL.search(self._folded, noun.start, noun.end)
            # "What article was published in 1937?" may be about one that is told of.
            yield replace(read, certain=False) if is_one and read.wanted == "list" and _has_only_date(read) else read

    def _question_of(self, head: Head, groups: Collection[str], conditions: _Conditions) -> CatalogQuestion | None:
        order = _order(groups)
        wanted: Wanted = order if order and head.wanted == "list" else head.wanted
        language: Language | None = "ar" if "arabic" in groups else "en" if "english" in groups else None
        is_genre = "genre" in groups or "genre_construct" in groups
        # What is named by a title alone ("who wrote “The borrowed coat”?") may be no article.
        is_quoted = head.parts == "conditions" and conditions.scope == "title"
        scope: Scope = "whole title" if is_genre or is_quoted else conditions.scope
        period = conditions.period or Period()
        read = CatalogQuestion(
            wanted=wanted,
            question=self._question,
            topic=self._cut(conditions.topic) or "",
            scope=scope,
            author=self._cut(conditions.author),
            source=self._cut(conditions.source),
            owner=self._cut(conditions.owner),
            language=conditions.language or language,
            since=period.since,
            until=period.until,
            month_day=period.month_day,
            pick=order if wanted in _SINGLE else head.pick,
            certain=head.certain and scope != "whole title" and "weak" not in groups,
        )
        return read if _is_sound(read, groups, head) else None

    def _conditions(self, start: int, end: int, read: _Conditions, depth: int) -> _Conditions | None:
        """Read the conditions from `start` to `end`, all of them; `None` where something is not understood."""
        if not self._folded[start:end].strip(" ,،;:.?!"):
            return read
        if depth >= _MAX_DEPTH:
            return None
        position = start + len(self._folded[start:end]) - len(self._folded[start:end].lstrip(" ,،"))
        if (dated := self._period(position, end)) and (with_period := read.with_period(dated[0])):
            after = self._conditions(dated[1], end, with_period, depth + 1)
            if after:
                return after
        for condition in self._grammar.conditions:
            if condition.kind == "owner" and (not self._is_construct or depth):
                continue
            match = condition.pattern.match(self._folded, start, end)
            if match and (found := self._after(condition.kind, match, end, read, depth + 1)):
                return found
        return None

    def _after(
        self, kind: ConditionKind, match: re.Match[str], end: int, read: _Conditions, depth: int
    ) -> _Conditions | None:
        """Read what a condition's pattern introduces, and the conditions after it."""
        if kind == "skip":
            return self._conditions(match.end(), end, read, depth)
        if kind in ("arabic", "english"):
            language: Language = "ar" if kind == "arabic" else "en"
            return self._conditions(match.end(), end, replace(read, language=language), depth)
        if match.groupdict().get("name"):
            named = read.with_span(kind, self._trimmed(*match.span("name")))
            return self._conditions(match.end(), end, named, depth) if named else None
        if kind in ("title", "quote") and (quoted := _QUOTED.match(self._folded, match.end(), end)):
            titled = read.with_span(kind, self._trimmed(*quoted.span("quoted")))
            return self._conditions(quoted.end(), end, titled, depth) if titled else None
        for stop in self._ends(kind, match.end(), end):
            span = self._trimmed(match.end(), stop)
            extended = read.with_span(kind, span) if span.end > span.start and kind != "quote" else None
            rest = self._conditions(stop, end, extended, depth) if extended else None
            if rest:
                return rest
        return None

    def _ends(self, kind: ConditionKind, start: int, end: int) -> Iterator[int]:
        """Yield where a name or topic that begins at `start` may end, the likeliest first."""
        border = {
            "author": self._grammar.name_end,
            "source": self._grammar.name_end,
            "owner": self._grammar.owner_end,
        }.get(kind, self._grammar.topic_end)
        for match in border.finditer(self._folded, start, end):
            if match.start() > start:
                yield match.start()
        yield end

    def _period(self, start: int, end: int) -> tuple[Period, int] | None:
        """Read the period at `start`, with a verb of publishing before it or not."""
        if published := _PUBLISHED.match(self._folded, start, end):
            start = published.end()
        found = read_period(self._folded, start)
        return found if found and found[1] <= end and not self._folded[found[1] : found[1] + 1].isalnum() else None

    def _is_topic(self, span: Span, wanted: Wanted) -> bool:
        topic = self._folded[span.start : span.end]
        if self._grammar.no_topic.match(topic):
            return False
        return wanted in ("author", "date", "source") or not self._grammar.clause.search(f" {topic}")

    def _trimmed(self, start: int, end: int) -> Span:
        while start < end and self._folded[start] in " ,،;:'\"“”«»„":
            start += 1
        while end > start and self._folded[end - 1] in " ,،;:.'\"“”«»„?؟!":
            end -= 1
        return Span(start, end)

    def _cut(self, span: Span | None) -> str | None:
        """Return the question's own spelling of a part of the folded question."""
        if span is None or span.end <= span.start:
            return None
        original = self._positions.to_original(span.start, span.end)
        return self._text[original.start : original.end]


def _order(groups: Collection[str]) -> Literal["newest", "oldest"] | None:
    if "newest" in groups or "newest_after" in groups:
        return "newest"
    return "oldest" if "oldest" in groups or "oldest_after" in groups else None


def _has_only_date(read: CatalogQuestion) -> bool:
    return not (read.topic or read.author or read.source or read.owner or read.language)


def _is_sound(read: CatalogQuestion, groups: Collection[str], head: Head) -> bool:
    """Return whether a question says enough about which articles it means to be about the collection's."""
    if (read.wanted == "sources" and read.source) or (read.wanted == "authors" and read.author):
        return False
    if read.scope == "whole title":
        return read.wanted in _SINGLE and bool(read.topic or read.owner)
    if "weak" in groups:
        # "When was the text written?", "What items are there?" are not about articles.
        return bool(read.topic) or (bool(read.author or read.source) and read.wanted in ("count", "list"))
    if head.wanted in _SINGLE and ("strong" in groups or "strong_construct" in groups):
        dated = bool(read.since or read.until or read.month_day)
        return bool(read.topic or read.owner or read.author or read.source or read.pick or dated)
    return True


_DIRECT: dict[str, ConditionKind] = {
    "topic": "topic", "claim": "topic", "name": "author", "paper": "source", "owner": "owner",
}  # fmt: skip
"""Groups of a head, and the conditions that they are."""
_PLURAL = re.compile(r"(?:s|ات|ين|ان|اخبار|انباء|تقارير|مواد|قصص|اعمده)(?: \w+)?$")
_BARE_IN = re.compile(r"(?<!published)(?<!printed)(?<!appeared)(?: in| في)(?: the)? $")
_CONSTRUCTS = ("strong_construct", "genre_construct")
_PUBLISHED = re.compile(
    r"(?:(?:that |which )?(?:is |was |are |were |has been |have been )?(?:published|written|printed|posted|issued|dated"
    r"|appear(?:ed|ing)?|came out|come out) |(?:(?:التي|الذي) )?(?:قد )?(?:[يت]?نشرت?|المنشوره?|الصادره?|صدرت?|كتبت?"
    r"|المكتوبه?|ظهرت?|تم نشر(?:ه|ها)?) )(?!\s)"
)
