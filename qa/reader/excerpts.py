"""Excerpts for the reader: the stretches of retrieved passages that are worth reading, likeliest first.

Two cores read about a thousand tokens a second, and an answer should be there in half a second: whole passages are
too long. An excerpt is a sentence that may answer with as many of its neighbours as fit, for a reader needs to know
whom "he" means; or it is a title with words of the question, for some facts stand in a title only. `docs/reader.md`
has how often the answer is among them, by tokens.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cache

from index.articles import Article, Span
from index.retriever import Hit
from qa.evidence import Evidence, rank_sentences, rank_titles
from qa.reader.base import Context

MAX_TITLES = 3
"""Maximum titles that are read."""
MAX_EXCERPT_TOKENS = 110
"""Maximum tokens of an excerpt; a single longer sentence is not cut."""


@dataclass(frozen=True)
class Excerpt:
    """Consecutive whole sentences of an article, or its title.

    `sentences` are the spans of its sentences, and `best` is the one that it was chosen for, of the same field.
    """

    article: Article
    span: Span
    sentences: tuple[Span, ...]
    best: Evidence

    @property
    def text(self) -> str:
        return self.best.cut(self.span)

    @property
    def context(self) -> Context:
        """Input for `Reader.read`."""
        title = self.article.title if self.best.field == "text" else ""
        return Context(self.text, title, self.article.date or "")


def excerpts(
    question: str, hits: Sequence[Hit], count_tokens: Callable[[str], int], longest: int = MAX_EXCERPT_TOKENS
) -> Iterator[Excerpt]:
    """Yield excerpts of up to `longest` tokens, likeliest first; no sentence and no text is in two of them."""
    ranked = rank_sentences(question, hits)
    titles = rank_titles(question, hits)[:MAX_TITLES]
    # A passage is cut into several excerpts, and its sentences are counted for each.
    count_tokens = cache(count_tokens)
    scores = {(evidence.article.id, evidence.span): evidence.score for evidence in ranked}
    runs_by_key = {(hit.article.id, span): run for hit in hits for run in _runs(hit) for span in run}
    used: set[tuple[str, Span]] = set()
    seen_texts: set[str] = set()
    for evidence in sorted((*ranked, *titles), key=lambda evidence: -evidence.score):
        article, key = evidence.article, (evidence.article.id, evidence.span)
        # Copies of a wire story say the same sentence in the same words: once is enough.
        if evidence.text in seen_texts:
            continue
        if evidence.field == "title":
            seen_texts.add(evidence.text)
            yield Excerpt(article, evidence.span, (evidence.span,), evidence)
            continue
        if key in used:
            continue
        run = runs_by_key[key]
        available = [span if (article.id, span) not in used else None for span in run]
        run_scores = [scores[article.id, span] for span in run]
        first, last = _extend(
            run.index(evidence.span), available, run_scores, _costs(article, run, count_tokens), longest
        )
        chosen = tuple(run[first : last + 1])
        used.update((article.id, span) for span in chosen)
        seen_texts.update(" ".join(article.text[span.start : span.end].split()) for span in chosen)
        yield Excerpt(article, Span(chosen[0].start, chosen[-1].end), chosen, evidence)


def _runs(hit: Hit) -> list[list[Span]]:
    """Split the sentences of a passage where something was removed between them."""
    runs: list[list[Span]] = []
    for sentence in hit.sentences:
        if runs and not hit.article.text[runs[-1][-1].end : sentence.span.start].strip():
            runs[-1].append(sentence.span)
        else:
            runs.append([sentence.span])
    return runs


def _costs(article: Article, run: Sequence[Span], count_tokens: Callable[[str], int]) -> list[int]:
    return [count_tokens(article.text[span.start : span.end]) for span in run]


def _extend(
    center: int, available: Sequence[Span | None], scores: Sequence[float], costs: Sequence[int], longest: int
) -> tuple[int, int]:
    """Return the first and last sentence around `center` that fit, adding the higher-scoring neighbour first."""
    first = last = center
    spent = costs[center]
    while True:
        neighbours = [
            (scores[side], side) for side in (first - 1, last + 1) if 0 <= side < len(available) and available[side]
        ]
        fitting = [(value, side) for value, side in neighbours if spent + costs[side] <= longest]
        if not fitting:
            return first, last
        _, side = max(fitting)
        first, last = min(first, side), max(last, side)
        spent += costs[side]
