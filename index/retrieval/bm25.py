"""Keyword search: BM25 over the normalised words of every passage, in two tables of the catalogue.

    CREATE VIRTUAL TABLE keywords USING fts5(words)  -- rowid: the passage's number; words: index_terms(title and text)
    CREATE TABLE names (key TEXT NOT NULL, word TEXT NOT NULL, PRIMARY KEY (key, word)) WITHOUT ROWID
                                                     -- name_keys(title and text), of all passages together

FTS5 takes about 2 µs to rank a passage, so it ranks no more than `MAX_POSTINGS`: those with rare words of the query,
and those where frequent words co-occur. The best are then scored again with all words. A word without matches may be a
name that the collection has in the other script (`index/retrieval/cross_script_names.py`).

Quoted phrases are looked up as phrases of normalised words, which may match other forms too; `contains_phrase` then
checks the text.
"""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from itertools import islice

from index.retrieval.cross_script_names import Rows, transliteration_candidates
from index.text.folding import fold_text
from index.text.words import ALL, NormalizationSteps, normalize_tokens, query_tokens, with_clitics

MAX_POSTINGS = 10_000
"""Passages ranked for one query: about 20 ms."""
MAX_QUERY_TERMS = 32
"""Words of a query that are looked up."""
MAX_RANKED = 1_000
"""Passages whose text is checked for the phrases of one query."""
_MAX_RARE_PASSAGES = 2
"""Most passages of a word that is still looked up in the other script: a stray mention of Kirby in Arabic articles must
not prevent a match of كيربي."""
_MAX_RESCORED = 200
"""Passages scored again with all words of a query, where FTS5 ranked with some."""
_K1, _B = 1.2, 0.75
"""FTS5's constants of BM25."""
_LEAST_WEIGHT = 1e-6
_FOLDED_WORD = re.compile(r"[^\W_]+")


@dataclass(frozen=True)
class _Term:
    """A normalised word, the number of passages that have it (estimated where they are many), and its weight."""

    word: str
    passages: int
    weight: float


def index_terms(text: str, steps: NormalizationSteps = ALL) -> str:
    """Return the normalised words of a passage, separated by spaces, as stored in the table."""
    return " ".join(normalize_tokens(text, steps))


def keyword_search(
    rows: Rows,
    text: str,
    k: int,
    allowed: Collection[int] | None = None,
    steps: NormalizationSteps = ALL,
    across: bool = True,
) -> list[tuple[int, float]]:
    """Return (passage number, score) of the `k` passages that match the words of `text` best, best first.

    A score is BM25 (k1 = 1.2, b = 0.75; Robertson and Zaragoza 2009) as a share of the total weight of all words of the
    query: about 1 where a passage has them all, near 0 where it has one of many, also above 1 where words are
    repeated. Words that occur nowhere weigh most, so a question in another language than the articles scores low, as
    it should. `allowed` restricts the passages; `across` looks up unknown words in the other script, which needs the
    table `names`.
    """
    last = rows("SELECT rowid FROM keywords ORDER BY rowid DESC LIMIT 1")
    if not last or k < 1:
        return []
    max_rowid = int(last[0][0])
    groups = _groups(rows, text, max_rowid, steps, across)
    known = sorted({term for group in groups for term in group if term.passages}, key=_rarest_first)
    affordable, frequent = _split(known)
    expression = _expression(affordable, frequent, max_rowid)
    if not expression:
        return []
    ranked = _ranked(rows, expression, max(k, _MAX_RESCORED) if frequent else k, allowed)
    if frequent:
        ranked = _rescored(rows, [number for number, _ in ranked], known)
    total = sum(max(term.weight for term in _occurring(group)) for group in groups)
    return [(number, score / total) for number, score in ranked[:k]]


def phrase_search(rows: Rows, phrases: Sequence[str], allowed: Collection[int] | None = None) -> set[int]:
    """Return the numbers of the passages with all of `phrases` in their text or their article's title.

    Of more than `MAX_RANKED` candidates only the best are checked. A phrase without letters and digits matches none.
    """
    expressions = [_phrase(phrase) for phrase in phrases]
    if not all(expressions):
        return set()
    expression = " AND ".join(f"({expression})" for expression in expressions)
    numbers = [number for number, _ in _ranked(rows, expression, MAX_RANKED, allowed)]
    spans = rows(
        f'SELECT number, article, start, "end" FROM passages WHERE number IN ({_placeholders(numbers)})', *numbers
    )
    # Not sliced by SQLite: its substr stops at a NUL.
    articles = sorted({article for _, article, _, _ in spans})
    texts = {
        number: (str(title), str(text))
        for number, title, text in rows(
            f"SELECT number, title, text FROM articles WHERE number IN ({_placeholders(articles)})", *articles
        )
    }
    return {
        int(number)
        for number, article, start, end in spans
        if all(_title_or_text_contains(texts[article][0], texts[article][1][start:end], phrase) for phrase in phrases)
    }


def _title_or_text_contains(title: str, text: str, phrase: str) -> bool:
    return contains_phrase(text, phrase) or contains_phrase(title, phrase)


def contains_phrase(text: str, phrase: str) -> bool:
    """Return whether `text` has `phrase` as consecutive whole words, both folded (`index/text/folding.py`).

    Marks between the words are ignored, and so are conjunctions and prepositions attached to the first word of an
    Arabic phrase: «للبنك المركزي» contains «البنك المركزي».
    """
    phrase_words = _FOLDED_WORD.findall(fold_text(phrase))
    if not phrase_words:
        return False
    words = _FOLDED_WORD.findall(fold_text(text))
    first, rest = frozenset(with_clitics(phrase_words[0])), phrase_words[1:]
    return any(
        word in first and words[position + 1 : position + len(phrase_words)] == rest
        for position, word in enumerate(words)
    )


def _groups(rows: Rows, text: str, max_rowid: int, steps: NormalizationSteps, across: bool) -> list[list[_Term]]:
    """Return the terms for each word of the query: the word, and its spellings as a name in the other script."""
    groups: dict[str, list[_Term]] = {}
    for word, normal in list(query_tokens(text, steps).items())[:MAX_QUERY_TERMS]:
        term = _term(rows, normal, max_rowid)
        candidates = transliteration_candidates(rows, word) if across and term.passages <= _MAX_RARE_PASSAGES else []
        spellings = dict.fromkeys(spelling for name in candidates for spelling in normalize_tokens(name, steps))
        groups[normal] = [term, *(_term(rows, spelling, max_rowid) for spelling in spellings)]
    return list(groups.values())


def _term(rows: Rows, word: str, max_rowid: int) -> _Term:
    """Return a word with its weight (Robertson and Spärck Jones's, as in FTS5).

    Counting stops at `MAX_POSTINGS`; the number of passages is then extrapolated from the last one counted.
    """
    counted, last = rows(
        "SELECT count(*), max(rowid) FROM (SELECT rowid FROM keywords WHERE keywords MATCH ? ORDER BY rowid LIMIT ?)",
        _quoted(word),
        MAX_POSTINGS,
    )[0]
    passages = int(counted) if counted < MAX_POSTINGS else int(counted * max_rowid / last)
    weight = math.log((max(max_rowid - passages, 0) + 0.5) / (passages + 0.5))
    return _Term(word, passages, max(weight, _LEAST_WEIGHT))


def _rarest_first(term: _Term) -> tuple[int, str]:
    return term.passages, term.word


def _occurring(group: Sequence[_Term]) -> Sequence[_Term]:
    """Return the terms of a group that occur in the collection, or all of them if none does."""
    return [term for term in group if term.passages] or group


def _split(known: Sequence[_Term]) -> tuple[list[_Term], list[_Term]]:
    """Return the terms whose passages can all be ranked, and the too frequent ones; `known` begins with the rarest."""
    budget = MAX_POSTINGS
    for position, term in enumerate(known):
        budget -= term.passages
        if budget < 0:
            return list(known[:position]), list(known[position:])
    return list(known), []


def _expression(affordable: Sequence[_Term], frequent: Sequence[_Term], max_rowid: int) -> str:
    """Return an FTS5 query: any of the affordable words, or enough frequent ones joined by AND to be rare."""
    parts = [_quoted(term.word) for term in affordable]
    budget = MAX_POSTINGS - sum(term.passages for term in affordable)
    combined, expected = 0, float(max_rowid)
    while combined < len(frequent) and (combined < 2 or expected > budget):
        expected *= frequent[combined].passages / max_rowid
        combined += 1
    if combined > 1 and expected <= budget:
        parts.append(f"({' AND '.join(_quoted(term.word) for term in frequent[:combined])})")
    return " OR ".join(parts)


def _phrase(phrase: str) -> str:
    """Return an FTS5 query for a phrase with all clitic forms of its first word; empty if it has no words."""
    first, *rest = _FOLDED_WORD.findall(fold_text(phrase)) or [""]
    forms = (index_terms(" ".join([form, *rest])) for form in with_clitics(first))
    return " OR ".join(dict.fromkeys(_quoted(form) for form in forms if form))


def _ranked(rows: Rows, expression: str, limit: int, allowed: Collection[int] | None) -> list[tuple[int, float]]:
    """Return (passage number, FTS5's BM25) of the matching passages, best first."""
    matches = rows(
        "SELECT rowid, rank FROM keywords WHERE keywords MATCH ? ORDER BY rank LIMIT ?",
        expression,
        # FTS5 ranks all matches, and with a small limit it might return none of the allowed ones.
        limit if allowed is None else MAX_POSTINGS,
    )
    scored = ((int(number), -float(rank)) for number, rank in matches)
    return list(islice((pair for pair in scored if allowed is None or pair[0] in allowed), limit))


def _quoted(words: str) -> str:
    # `normalize_tokens` returns only letters and digits; quotation marks are escaped as a precaution.
    return '"' + words.replace('"', '""') + '"'


def _placeholders(numbers: Sequence[int]) -> str:
    return ", ".join("?" * len(numbers))


def _rescored(rows: Rows, numbers: Sequence[int], known: Sequence[_Term]) -> list[tuple[int, float]]:
    """Return (passage number, BM25 with all known terms), best first. The mean length is that of these passages."""
    passages = {
        int(number): str(words).split()
        for number, words in rows(
            f"SELECT rowid, words FROM keywords WHERE rowid IN ({_placeholders(numbers)})", *numbers
        )
    }
    mean = sum(map(len, passages.values())) / max(len(passages), 1) or 1.0
    scores = [(number, _bm25(Counter(words), len(words) / mean, known)) for number, words in passages.items()]
    return sorted(scores, key=lambda scored: (-scored[1], scored[0]))


def _bm25(counts: Counter[str], length: float, known: Sequence[_Term]) -> float:
    """Return the BM25 of a passage; `length` is relative to the mean."""
    frequencies = ((counts[term.word], term.weight) for term in known)
    return sum(weight * n * (_K1 + 1) / (n + _K1 * (1 - _B + _B * length)) for n, weight in frequencies if n)
