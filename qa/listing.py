"""Questions with several answers: the whole enumeration around a phrase, or the lines of a list.

The reader finds phrases that answer. Where one is a line of a list, all lines are the answer; where they stand in one
sentence, so does the whole enumeration ("Nuwar, Blue Oars and Port Youth"); else each sentence is quoted.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from index.articles import Article, Span
from qa.citations import Located
from qa.composed import ComposedAnswer, Statement
from qa.evidence import Evidence
from qa.reader.extractive_qa import ExtractedAnswer

_SEPARATOR = re.compile(r"\s*[,،;؛]\s*(?:(?:and|or)\s+|و(?=\S))?|\s+(?:and|as well as|&)\s+|\s+و(?=\S)")
_MAX_WORDS = 7
"""Most words of a member of an enumeration."""
_ITEM = re.compile(r"^[ \t]*(?:[-–—•*·▪]|\(?\d{1,2}[.)]|[\u0660-\u0669]{1,2}[.)-])[ \t]+\S", re.MULTILINE)
_LABELLED = re.compile(r"^[^\n:]{2,60}:[ \t]+\S", re.MULTILINE)
_MIN_LINES = 3
COMPLETE = 0.9
"""Factor of the confidence of a list: all of its members must be there."""
MAX_STATEMENTS = 10
"""Most sentences of one answer."""


def compose_list(answers: Sequence[ExtractedAnswer]) -> ComposedAnswer:
    """Return the answer of all phrases, the likeliest of which is first."""
    best, confidence = answers[0], COMPLETE * answers[0].probability
    if lines := list_lines(best.located):
        return ComposedAnswer(tuple(Statement(line.evidence.text, (line,)) for line in lines), confidence)
    groups = _by_sentence([answer.located for answer in answers])
    if len(groups) == 1:
        whole = expand(_covering(groups[0]))
        text = " ".join(whole.text.split())
        return ComposedAnswer((Statement(text, (whole,)),), confidence, short_answer=whole.text)
    statements = [Statement(found[0].evidence.text, (_covering(found),)) for found in groups[:MAX_STATEMENTS]]
    return ComposedAnswer(tuple(statements), confidence)


def _by_sentence(found: Sequence[Located]) -> list[list[Located]]:
    """Group phrases by their sentence: articles in the order of their likeliest phrase, sentences as they stand."""
    groups: list[list[Located]] = []
    for located in found:
        own = next((group for group in groups if group[0].same_sentence(located)), None)
        if own is None:
            groups.append([located])
        else:
            own.append(located)
    articles = list(dict.fromkeys(located.evidence.article.id for located in found))
    return sorted(groups, key=lambda g: (articles.index(g[0].evidence.article.id), g[0].evidence.span.start))


def _covering(found: Sequence[Located]) -> Located:
    """Return the stretch of a sentence from the first of its phrases to the last."""
    spans = [located.span for located in found]
    return Located(found[0].evidence, Span(min(s.start for s in spans), max(s.end for s in spans)))


def expand(located: Located) -> Located:
    """Widen a phrase to the enumeration that it is a member of, within its sentence."""
    evidence = located.evidence
    quote = evidence.cut(evidence.span)
    start, end = located.span.start - evidence.span.start, located.span.end - evidence.span.start
    parts = list(_parts(quote))
    inside = [at for at, part in enumerate(parts) if part.start < end and start < part.end]
    if not inside:
        return located
    first, last = inside[0], inside[-1]
    # What stands before the first separator is the beginning of the sentence, and is no member.
    while first > 1 and _is_member(quote, parts[first - 1]):
        first -= 1
    while last + 1 < len(parts) and _is_member(quote, parts[last + 1]):
        last += 1
    new_start = min(start, parts[first].start) if first < inside[0] else start
    new_end = max(end, parts[last].end) if last > inside[-1] else end
    while new_end > new_start and quote[new_end - 1] in " .،,;؛\n":
        new_end -= 1
    offset = evidence.span.start
    return Located(evidence, Span(offset + new_start, offset + new_end))


def list_lines(located: Located) -> list[Located]:
    """Return the lines of the list that a phrase is in, each with itself as its quotation; empty if it is in none."""
    article = located.evidence.article
    if located.evidence.field != "text":
        return []
    block = _block(article, located.span)
    return [Located(_evidence(located.evidence, line), line) for line in block] if len(block) >= _MIN_LINES else []


def _parts(quote: str) -> Iterator[Span]:
    start = 0
    for match in _SEPARATOR.finditer(quote):
        yield Span(start, match.start())
        start = match.end()
    yield Span(start, len(quote))


def _is_member(quote: str, part: Span) -> bool:
    words = quote[part.start : part.end].split()
    return 0 < len(words) <= _MAX_WORDS


def _block(article: Article, span: Span) -> list[Span]:
    """Return the consecutive lines of one form around a span."""
    lines = [Span(*match.span()) for match in re.finditer(r"[^\n]+", article.text)]
    at = next((n for n, line in enumerate(lines) if line.overlaps(span)), None)
    if at is None:
        return []
    for form in (_ITEM, _LABELLED):
        is_of = [bool(form.match(article.text[line.start : line.end])) for line in lines]
        if is_of[at]:
            first = last = at
            while first > 0 and is_of[first - 1]:
                first -= 1
            while last + 1 < len(lines) and is_of[last + 1]:
                last += 1
            return lines[first : last + 1]
    return []


def _evidence(like: Evidence, line: Span) -> Evidence:
    text = " ".join(like.article.text[line.start : line.end].split())
    return Evidence(like.article, line, text, like.similarity, like.score)
