"""Training examples: questions, excerpts with their titles, and where in them the answer stands, or that it does not.

They are made of questions about paragraphs, out of question sets (`qa/evaluation/question_set.py`) and files of the
mixture (`qa/training/reader_data.py`). An excerpt is what the reader is given in use: some sentences of a paragraph,
not all. Where it holds no answer it is one of the same paragraph or article, or of those that search finds, that shares
words with the question: those mislead most.
"""

from __future__ import annotations

import random
import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal, get_args

from index.articles import Span
from index.formats.jsonl import read as read_articles
from index.formats.parsed import ParsedDocument
from index.text.folding import to_plain_form
from index.text.language import detect_language
from index.text.sentences import sentences
from index.text.words import content_words
from qa.evaluation.metrics import field_of
from qa.evaluation.question_set import read_set
from qa.reader.base import Context
from qa.training.recipe import Recipe
from qa.training.swaps import Swapper

VerdictName = Literal["yes", "no", "neither"]
VERDICTS: tuple[VerdictName, ...] = get_args(VerdictName)
VALIDATION = 4
"""One article in so many is held out: those whose number in its set leaves `VALIDATION - 1`."""
FOUND = 0.5
"""Share of the hard negatives that come from the retriever, where it was asked."""
ANY_PLACE = 0.3
"""Share of excerpts without an answer that are cut at a random place, not around the most similar sentence."""
_TRIES = 6
_IN_BRACKETS = re.compile(r"\(.*?\)")
_ASKS_NAME = re.compile(r"(?:من|أين|اين)\s")
_SHORTEST_NAME = 3
"""Letters."""
_LONGEST_NAME = 4
"""Words."""
_FULL_STOP = re.compile(r"(?<=[。！？।])")
"""Sentence ends of other languages in the mixture."""


@dataclass(frozen=True)
class Source:
    """Question about a paragraph; `answer` counts in it, `None` if the paragraph does not answer.

    `title` and `date` are the article's, "" where they are not known. `others` are paragraphs of the same article, and
    `near` those that search would find beside it: both may hold near misses. The `answer` of a yes-or-no question, the
    one kind that has a `verdict`, is the words that decide it.
    """

    question: str
    paragraph: str
    answer: Span | None
    others: tuple[str, ...]
    near: tuple[Context, ...] = ()
    title: str = ""
    date: str = ""
    verdict: VerdictName | None = None


@dataclass(frozen=True)
class Example:
    """Question and context in plain form; `answer` counts in the context's text, `None` where it does not answer.

    `verdict` is `None` where the question is not one of yes or no.
    """

    question: str
    context: Context
    answer: Span | None
    verdict: VerdictName | None = None


def is_for_validation(number: int) -> bool:
    """Return whether the article with this number in its set is held out."""
    return number % VALIDATION == VALIDATION - 1


def load_set(folder: Path, validation: bool) -> list[Source]:
    """Load the questions of a set about its held-out articles, or about the others."""
    chosen = read_set(folder)
    drafts = [draft for draft in read_articles(chosen.articles.read_bytes()) if isinstance(draft, ParsedDocument)]
    texts = {draft.id: draft.text for draft in drafts}
    titles = {draft.id: draft.title for draft in drafts}
    numbers = {draft.id: number for number, draft in enumerate(drafts)}
    in_texts = [q for q in chosen.questions if q.get("answers") and field_of(q) == "text"]
    asked = [q for q in in_texts if is_for_validation(numbers[q["article_id"]]) == validation]
    paragraphs: dict[str, set[tuple[int, int]]] = {}
    for question in asked:
        paragraphs.setdefault(question["article_id"], set()).add(tuple(question["paragraph"]))
    found = []
    for question in asked:
        text, (start, end) = texts[question["article_id"]], question["paragraph"]
        answer = question["answers"][0]
        span = Span(answer["start"] - start, answer["end"] - start)
        others = sorted(paragraphs[question["article_id"]] - {(start, end)})
        near_by = tuple(text[s:e] for s, e in others)
        title = titles[question["article_id"]] or ""
        found.append(Source(question["question"], text[start:end], span, near_by, title=title))
    return found


class ExampleBuilder:
    """Builds examples from sources: in plain form, cut to a length, some without the answer. Seeded.

    `swapper` makes questions that their paragraph does not answer; without it there are none of these. `titles` are
    those of all articles.
    """

    def __init__(
        self,
        count_tokens: Callable[[str], int],
        recipe: Recipe,
        swapper: Swapper | None = None,
        titles: Sequence[str] = (),
    ) -> None:
        self._count_tokens = count_tokens
        self._recipe = recipe
        self._swapper = swapper
        self._titles = titles
        self._random = random.Random(recipe.seed)

    def make(self, sources: Iterable[Source], longest: int) -> list[Example]:
        """Return one example per source, and for a share of them further, unanswerable ones.

        Excerpts have up to `longest` tokens.
        """
        made: list[Example] = []
        for source in map(in_plain_form, sources):
            source = self._named(source)
            made.append(self._cut(source, source.answer, longest))
            if source.answer is None:
                continue
            if self._random.random() < self._recipe.not_here / (1 - self._recipe.not_here):
                made += self._near_miss(source, longest)
            if self._swapper and not source.verdict and self._random.random() < self._recipe.swapped:
                made += self._swapped(self._swapper, source, longest)
            if self._random.random() < self._recipe.elsewhere:
                made += self._elsewhere(source, longest)
        return made

    def _named(self, source: Source) -> Source:
        """Drop some titles and add some dates, as articles in use have either or neither."""
        title = source.title if self._random.random() >= self._recipe.untitled else ""
        date = source.date
        if not date and self._random.random() < self._recipe.dated:
            year, month, day = (self._random.randint(*bounds) for bounds in ((2005, 2026), (1, 12), (1, 28)))
            date = f"{year}-{month:02}-{day:02}"
        return replace(source, title=title, date=date)

    def _swapped(self, swapper: Swapper, source: Source, longest: int) -> list[Example]:
        """Pair the answering sentences with a question about something else."""
        swapped = swapper.swap(source.question, f"{source.title} {source.paragraph}")
        if swapped is None:
            return []
        example = self._cut(source, source.answer, longest)
        return [replace(example, question=swapped.question, answer=None)]

    def _elsewhere(self, source: Source, longest: int) -> list[Example]:
        """Put the answering sentences under another title, if only the title said what they are about."""
        example = self._cut(source, source.answer, longest)
        named = content_words(source.title) & content_words(source.question)
        others = [title for title in self._random.choices(self._titles or [""], k=_TRIES) if title]
        others = [
            t for t in others if detect_language(t) == detect_language(source.title) and not content_words(t) & named
        ]
        if not named or named & content_words(example.context.text) or not others:
            return []
        elsewhere = replace(example.context, title=others[0])
        return [replace(example, context=elsewhere, answer=None, verdict=example.verdict and "neither")]

    def _cut(self, source: Source, answer: Span | None, longest: int) -> Example:
        """Cut sentences around the answer, or around the one most like the question, to a random length."""
        pieces = cut(source.paragraph)
        if not pieces:
            context = Context(source.paragraph, source.title, source.date)
            return Example(source.question, context, answer, source.verdict)
        first, last = self._core(source, answer, pieces)
        costs = [self._count_tokens(source.paragraph[piece.start : piece.end]) for piece in pieces]
        budget = self._random.randint(self._recipe.shortest, longest) - sum(costs[first : last + 1])
        while budget > 0 and (first > 0 or last < len(pieces) - 1):
            before = last == len(pieces) - 1 or (first > 0 and self._random.random() < 0.5)
            first, last = (first - 1, last) if before else (first, last + 1)
            budget -= costs[first if before else last]
        start, end = pieces[first].start, pieces[last].end
        if answer:
            start, end = min(start, answer.start), max(end, answer.end)
        moved = Span(answer.start - start, answer.end - start) if answer else None
        context = Context(source.paragraph[start:end], source.title, source.date)
        return Example(source.question, context, moved, source.verdict)

    def _core(self, source: Source, answer: Span | None, pieces: Sequence[Span]) -> tuple[int, int]:
        """Return the first and last sentence that an excerpt must have."""
        if answer:
            keep = [i for i, piece in enumerate(pieces) if piece.overlaps(answer)]
            if keep:
                return keep[0], keep[-1]
        asked = content_words(source.question)
        shared = [len(asked & content_words(source.paragraph[piece.start : piece.end])) for piece in pieces]
        # Search would choose the likeliest sentence, though not always.
        any_place = self._random.random() < ANY_PLACE
        at = self._random.randrange(len(pieces)) if any_place else shared.index(max(shared))
        return at, at

    def _near_miss(self, source: Source, longest: int) -> list[Example]:
        """Return, of some excerpts without the answer, the one that shares most words with the question."""
        assert source.answer
        answer = source.paragraph[source.answer.start : source.answer.end].casefold()
        own = [Context(text, source.title, source.date) for text in (source.paragraph, *source.others, *source.others)]
        among = source.near if source.near and self._random.random() < FOUND else own
        tried = []
        for _ in range(_TRIES):
            other = self._random.choice(among)
            drawn = replace(
                source, paragraph=other.text, title=other.title, date=other.date, verdict=source.verdict and "neither"
            )
            example = self._cut(drawn, None, longest)
            if answer not in example.context.text.casefold():
                tried.append(example)
        asked = content_words(source.question)
        return sorted(tried, key=lambda example: -len(asked & content_words(example.context.text)))[:1]


def names_in(sources: Iterable[Source]) -> set[str]:
    """Collect names: titles of articles without brackets, and short answers to who and where."""
    found = set()
    for source in sources:
        found.add(_IN_BRACKETS.sub("", source.title).strip())
        if source.answer and _ASKS_NAME.match(source.question):
            found.add(source.paragraph[source.answer.start : source.answer.end])
    return {name for name in found if len(name) >= _SHORTEST_NAME and len(name.split()) <= _LONGEST_NAME}


def in_plain_form(source: Source) -> Source:
    """Convert all texts of a source to plain form (`index.text.folding.to_plain_form`)."""
    paragraph = to_plain_form(source.paragraph)
    answer = source.answer
    if answer:
        inside = [at for at, offset in enumerate(paragraph.offsets) if answer.start <= offset < answer.end]
        answer = Span(inside[0], inside[-1] + 1) if inside else None
    return replace(
        source,
        question=to_plain_form(source.question).text,
        paragraph=paragraph.text,
        answer=answer,
        others=tuple(to_plain_form(other).text for other in source.others),
        near=tuple(
            Context(to_plain_form(near.text).text, to_plain_form(near.title).text, near.date) for near in source.near
        ),
        title=to_plain_form(source.title).text,
    )


def cut(paragraph: str) -> list[Span]:
    """Split a paragraph into sentences, in any language of the mixture."""
    return [piece for sentence in sentences(paragraph) for piece in _further(paragraph, sentence)]


def _further(paragraph: str, sentence: Span) -> Iterator[Span]:
    start = sentence.start
    for part in _FULL_STOP.split(paragraph[sentence.start : sentence.end]):
        if part.strip():
            yield Span(start, start + len(part))
        start += len(part)
