"""What the reader learns from: questions, excerpts, and where in them the answer stands, or that it does not.

Read are question sets (`qa/measuring/evaluate.py`) and files of examples (`.jsonl.gz`: `question`, `context`, `start`,
`end`).
An excerpt is what the reader will be given later: some sentences of a paragraph, not all. Where it holds no answer
it is one of the same paragraph or article, or of those that search finds, that shares words with the question: those
are the ones that mislead.
"""

from __future__ import annotations

import gzip
import json
import random
import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from index.articles import Span
from index.formats.draft import Draft
from index.formats.jsonl import read as read_articles
from index.text.folding import plain
from index.text.sentences import sentences
from index.text.words import content_words
from qa.measuring.evaluate import read_set
from qa.training.recipe import Recipe
from qa.training.swaps import Swapper

VALIDATION = 4
"""One article in so many is kept for validation: those whose number in its set leaves `VALIDATION - 1`."""
FOUND = 0.5
"""Share of the near misses that are taken from what search finds, where that is known."""
_TRIES = 6
_FULL_STOP = re.compile(r"(?<=[。！？।])")
"""Where sentences end in languages that are read only for the skill of it."""


@dataclass(frozen=True)
class Source:
    """A question about a paragraph; `answer` counts in it, `None` where the paragraph does not answer.

    `others` are paragraphs of the same article, and `near` those that search would find beside it: both may hold near
    misses. `title` is the article's, where it is known.
    """

    question: str
    paragraph: str
    answer: Span | None
    others: tuple[str, ...]
    near: tuple[str, ...] = ()
    title: str | None = None


@dataclass(frozen=True)
class Example:
    """What the network is given, in plain form; `answer` counts in `excerpt`, `None` where it does not answer."""

    question: str
    excerpt: str
    answer: Span | None


def is_for_validation(number: int) -> bool:
    """Whether the article with this number in its set is kept from training."""
    return number % VALIDATION == VALIDATION - 1


def of_set(folder: Path, validation: bool) -> list[Source]:
    """The questions of a set about its articles for validation, or about the others."""
    chosen = read_set(folder)
    drafts = [draft for draft in read_articles(chosen.articles.read_bytes()) if isinstance(draft, Draft)]
    texts = {draft.id: draft.text for draft in drafts}
    numbers = {draft.id: number for number, draft in enumerate(drafts)}
    asked = [
        q for q in chosen.questions if q.get("answers") and is_for_validation(numbers[q["article_id"]]) == validation
    ]
    paragraphs: dict[str, set[tuple[int, int]]] = {}
    for question in asked:
        paragraphs.setdefault(question["article_id"], set()).add(tuple(question["paragraph"]))
    found = []
    for question in asked:
        text, (start, end) = texts[question["article_id"]], question["paragraph"]
        answer = question["answers"][0]
        span = Span(answer["start"] - start, answer["end"] - start)
        others = sorted(paragraphs[question["article_id"]] - {(start, end)})
        found.append(Source(question["question"], text[start:end], span, tuple(text[s:e] for s, e in others)))
    return found


def of_file(file: Path, held_out: Callable[[int], bool] = lambda line: False) -> list[Source]:
    """The examples of a `.jsonl.gz` file, but for the lines that are held out.

    Neighbouring contexts are taken to be of one article.
    """
    with gzip.open(file, "rt", encoding="utf-8") as lines:
        rows = [json.loads(line) for number, line in enumerate(lines) if not held_out(number)]
    contexts = list(dict.fromkeys(row["context"] for row in rows))
    places = {context: place for place, context in enumerate(contexts)}
    return [
        Source(
            row["question"],
            row["context"],
            None if row["start"] is None else Span(row["start"], row["end"]),
            tuple(contexts[max(0, places[row["context"]] - 1) : places[row["context"]]]),
        )
        for row in rows
    ]


class Maker:
    """Makes examples of sources: in plain form, cut to a length, some without the answer. Seeded.

    `swapper` makes questions that their paragraph does not answer; without it there are none of these.
    """

    def __init__(self, count_tokens: Callable[[str], int], recipe: Recipe, swapper: Swapper | None = None) -> None:
        self._count_tokens = count_tokens
        self._recipe = recipe
        self._swapper = swapper
        self._random = random.Random(recipe.seed)

    def make(self, sources: Iterable[Source], longest: int) -> list[Example]:
        """An example a source, and for a share of them one more whose excerpt does not hold the answer.

        Excerpts have up to `longest` tokens.
        """
        made: list[Example] = []
        for source in map(in_plain_form, sources):
            if source.answer is None:
                made.append(self._cut(source.question, source.paragraph, None, longest))
                continue
            made.append(self._cut(source.question, source.paragraph, source.answer, longest))
            if self._random.random() < self._recipe.not_here / (1 - self._recipe.not_here):
                made += self._near_miss(source, longest)
            if self._swapper and self._random.random() < self._recipe.swapped:
                made += self._swapped(self._swapper, source, longest)
        return made

    def _swapped(self, swapper: Swapper, source: Source, longest: int) -> list[Example]:
        """The sentences that would answer, under a question about something else."""
        swapped = swapper.swap(source.question, source.paragraph)
        if swapped is None:
            return []
        example = self._cut(source.question, source.paragraph, source.answer, longest)
        return [Example(swapped.question, example.excerpt, None)]

    def _cut(self, question: str, paragraph: str, answer: Span | None, longest: int) -> Example:
        """Sentences around the answer, or around any place, up to a length drawn at random."""
        pieces = cut(paragraph)
        if not pieces:
            return Example(question, paragraph, answer)
        keep = [i for i, piece in enumerate(pieces) if answer and piece.overlaps(answer)]
        first, last = (keep[0], keep[-1]) if keep else (self._random.randrange(len(pieces)),) * 2
        costs = [self._count_tokens(paragraph[piece.start : piece.end]) for piece in pieces]
        budget = self._random.randint(self._recipe.shortest, longest) - sum(costs[first : last + 1])
        while budget > 0 and (first > 0 or last < len(pieces) - 1):
            before = last == len(pieces) - 1 or (first > 0 and self._random.random() < 0.5)
            first, last = (first - 1, last) if before else (first, last + 1)
            budget -= costs[first if before else last]
        start, end = pieces[first].start, pieces[last].end
        if answer:
            start, end = min(start, answer.start), max(end, answer.end)
        moved = Span(answer.start - start, answer.end - start) if answer else None
        return Example(question, paragraph[start:end], moved)

    def _near_miss(self, source: Source, longest: int) -> list[Example]:
        """Of some excerpts without the answer that which shares most words with the question."""
        assert source.answer
        answer = source.paragraph[source.answer.start : source.answer.end].casefold()
        tried = []
        among: Sequence[str] = [source.paragraph, *source.others, *source.others]
        if source.near and self._random.random() < FOUND:
            among = source.near
        for _ in range(_TRIES):
            paragraph = self._random.choice(among)
            example = self._cut(source.question, paragraph, None, longest)
            if answer not in example.excerpt.casefold():
                tried.append(example)
        asked = content_words(source.question)
        return sorted(tried, key=lambda example: -len(asked & content_words(example.excerpt)))[:1]


def in_plain_form(source: Source) -> Source:
    """The source as the reader reads: see `index.text.folding.plain`."""
    paragraph = plain(source.paragraph)
    answer = source.answer
    if answer:
        inside = [at for at, offset in enumerate(paragraph.offsets) if answer.start <= offset < answer.end]
        answer = Span(inside[0], inside[-1] + 1) if inside else None
    return replace(
        source,
        question=plain(source.question).text,
        paragraph=paragraph.text,
        answer=answer,
        others=tuple(plain(other).text for other in source.others),
        near=tuple(plain(near).text for near in source.near),
    )


def cut(paragraph: str) -> list[Span]:
    """The sentences of a paragraph, in any of the languages that are read."""
    return [piece for sentence in sentences(paragraph) for piece in _further(paragraph, sentence)]


def _further(paragraph: str, sentence: Span) -> Iterator[Span]:
    start = sentence.start
    for part in _FULL_STOP.split(paragraph[sentence.start : sentence.end]):
        if part.strip():
            yield Span(start, start + len(part))
        start += len(part)
