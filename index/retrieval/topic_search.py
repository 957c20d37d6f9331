"""Topic search: all articles with every word of a topic in title or text, in any form, names also in the other script.

Unlike passage retrieval it returns all matches, not the best ones, and the fields in which the words occur.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass

from index.retrieval.cross_script_names import Rows, known_exonyms, transliteration_candidates
from index.text.folding import fold_text
from index.text.words import normalize_tokens, query_tokens, without_clitics

MAX_TOPIC_WORDS = 24
"""Words of a topic that are looked up."""
MAX_PLACED = 1_000
"""Maximum articles for which the fields with the words are determined."""
_MAX_RARE_PASSAGES = 2
"""Most passages of a word that is still looked up in the other script, as in keyword search."""
_FREQUENT = 10_000
"""Passages from which a word is frequent: reading a few articles is then cheaper than looking up all its passages."""
_FEW = 300
"""Maximum articles whose words are read instead of looking up all passages of a frequent word."""
_MAX_VARIABLES = 500
_CAPITALISED = re.compile(r"(?<![^\W_])[A-ZÀ-ÖØ-Þ][^\W\d_]+")
_ARABIC = re.compile(r"[\u0620-\u06d3]")
_DUAL = re.compile(r"ت(?:ين|ان)$")


@dataclass(frozen=True)
class TopicWord:
    """A word of a topic: its normalised forms in its own script and in the other, and whether it is a name or number.

    Arabic words that may be names in the other script count as names only there.
    """

    word: str
    own: tuple[str, ...]
    other: tuple[str, ...]
    is_name: bool

    @property
    def forms(self) -> tuple[str, ...]:
        return (*self.own, *self.other)


@dataclass(frozen=True)
class Place:
    """Match of an article with the words of a topic.

    `in_title` is the number of words in the title, `in_opening` is true if title and first passage have all of them,
    `is_title` if the title has all of them and no others.
    """

    in_title: int
    in_opening: bool
    is_title: bool


def topic_words(rows: Rows, topic: str) -> tuple[TopicWord, ...]:
    """Return the words of a topic, without stop words, as they are in the keyword table."""
    names = {fold_text(name) for name in _CAPITALISED.findall(topic)}
    return tuple(
        _topic_word(rows, word, normal, names) for word, normal in list(query_tokens(topic).items())[:MAX_TOPIC_WORDS]
    )


def _topic_word(rows: Rows, word: str, normal: str, names: Collection[str]) -> TopicWord:
    is_arabic = bool(_ARABIC.match(word))
    own = [normal]
    if is_arabic and _DUAL.search(word):
        # الدورتين is the dual of الدورة.
        own += normalize_tokens(_DUAL.sub("ه", word))
    is_name = word in names or word.isdigit()
    candidates: Collection[str] = ()
    if (is_arabic or word in names) and _count(rows, normal, _MAX_RARE_PASSAGES + 1) <= _MAX_RARE_PASSAGES:
        candidates = transliteration_candidates(rows, word)
    elif is_arabic or word in names:
        candidates = known_exonyms(without_clitics(word) if is_arabic else word)
    other = [form for name in sorted(candidates) for form in normalize_tokens(name)]
    return TopicWord(word, tuple(dict.fromkeys(own)), tuple(dict.fromkeys(other)), is_name)


def articles_with(rows: Rows, groups: Sequence[Sequence[str]]) -> set[int]:
    """Return the numbers of the articles with a form of every group in the title and one passage together.

    If there are none, return the numbers of those with a form of every group anywhere in title and text.
    """
    expressions = {_any_of(group): frozenset(group) for group in groups}
    return _with_all(rows, " AND ".join(f"({expression})" for expression in expressions)) or (
        _with_each(rows, expressions) if len(expressions) > 1 else set()
    )


def _with_each(rows: Rows, expressions: Mapping[str, frozenset[str]]) -> set[int]:
    """Return the articles that match all expressions, perhaps in different passages."""
    counts = {expression: _count_matches(rows, expression, _FREQUENT) for expression in expressions}
    found: set[int] | None = None
    for expression in sorted(expressions, key=lambda expression: counts[expression]):
        if found is not None and counts[expression] >= _FREQUENT and len(found) <= _FEW:
            words = words_of(rows, found)
            found = {number for number in found if not expressions[expression].isdisjoint(words[number])}
        else:
            matching = _with_all(rows, expression)
            found = matching if found is None else found & matching
        if not found:
            break
    return found or set()


def _with_all(rows: Rows, expression: str) -> set[int]:
    """Return the articles with a passage that matches an FTS5 query."""
    matches = rows(
        "SELECT DISTINCT p.article FROM keywords k JOIN passages p ON p.number = k.rowid WHERE k.keywords MATCH ?",
        expression,
    )
    return {int(number) for (number,) in matches}


def places(rows: Rows, groups: Sequence[Sequence[str]], numbers: Collection[int]) -> dict[int, Place]:
    """Map the numbers of articles to their matches with the words; empty for more than `MAX_PLACED` articles."""
    if len(numbers) > MAX_PLACED:
        return {}
    forms = [frozenset(group) for group in groups]
    titles = titles_of(rows, numbers)
    openings = _openings(rows, numbers)
    all_forms = frozenset().union(*forms)
    placed = {}
    for number, title in titles.items():
        words = set(normalize_tokens(title))
        opening = words | openings.get(number, set())
        in_title = sum(not group.isdisjoint(words) for group in forms)
        placed[number] = Place(
            in_title,
            all(not group.isdisjoint(opening) for group in forms),
            in_title == len(forms) and all_forms.issuperset(query_tokens(title).values()),
        )
    return placed


def titles_of(rows: Rows, numbers: Collection[int]) -> dict[int, str]:
    """Map the numbers of articles to their titles."""
    return {
        int(number): str(title)
        for chunk in _chunks(numbers)
        for number, title in rows(f"SELECT number, title FROM articles WHERE number IN ({_places(chunk)})", *chunk)
    }


def numbers_of(rows: Rows, ids: Collection[str]) -> dict[str, int]:
    """Map the ids of a few articles to their numbers."""
    found = rows(f"SELECT id, number FROM articles WHERE id IN ({_places(list(ids))})", *ids)
    return {str(article_id): int(number) for article_id, number in found}


def words_of(rows: Rows, numbers: Collection[int]) -> dict[int, set[str]]:
    """Map the numbers of articles to all normalised words of their titles and texts."""
    words: dict[int, set[str]] = {number: set() for number in numbers}
    for chunk in _chunks(numbers):
        for number, passage in rows(
            f"""SELECT p.article, k.words FROM passages p JOIN keywords k ON k.rowid = p.number
            WHERE p.article IN ({_places(chunk)})""",
            *chunk,
        ):
            words[int(number)].update(str(passage).split())
    return words


def _openings(rows: Rows, numbers: Collection[int]) -> dict[int, set[str]]:
    """Map the numbers of articles to the normalised words of title and first passage."""
    return {
        int(number): set(str(passage).split())
        for chunk in _chunks(numbers)
        for number, passage in rows(
            f"""SELECT p.article, k.words
            FROM (SELECT article, min(number) AS number FROM passages
                WHERE article IN ({_places(chunk)}) GROUP BY article) p
            JOIN keywords k ON k.rowid = p.number""",
            *chunk,
        )
    }


def _count(rows: Rows, word: str, limit: int) -> int:
    return _count_matches(rows, _any_of([word]), limit)


def _count_matches(rows: Rows, expression: str, limit: int) -> int:
    statement = "SELECT count(*) FROM (SELECT rowid FROM keywords WHERE keywords MATCH ? LIMIT ?)"
    return int(rows(statement, expression, limit)[0][0])


def _any_of(words: Sequence[str]) -> str:
    # `normalize_tokens` returns only letters and digits; quotation marks are escaped as a precaution.
    return " OR ".join('"' + word.replace('"', '""') + '"' for word in words)


def _places(values: Sequence[object]) -> str:
    return ", ".join("?" * len(values))


def _chunks(numbers: Collection[int]) -> Iterator[list[int]]:
    ordered = sorted(numbers)
    for start in range(0, len(ordered), _MAX_VARIABLES):
        yield ordered[start : start + _MAX_VARIABLES]
