"""Training sources from families of like articles: the question's own article answers, its siblings do not.

A family is a TOML file of `[[articles]]` and `[[questions]]` (benchmarks/sets/traps/README.md); a question names the
article that answers it, or that tempts most, and has a translation: it is asked in both languages. One family in
`HELD_OUT` is held out.
"""

from __future__ import annotations

import random
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from index.articles import Span
from index.text.sentences import sentences
from index.text.words import content_words
from qa.comparison.sub_questions import owner_question, value_question
from qa.training.examples import Source

HELD_OUT = 12
KINDS = frozenset({"plain", "another", "premise", "yes-no", "title", "speaker", "source", "several", "compare"})
"""Kinds of questions that the reader answers. Each of several answers is learnt by itself, and so is each value of a
comparison; the comparison itself where one article has all values and the answer: one over several articles is
learnt as not answered by any."""
SIBLINGS = 0.2
"""Share of the questions that are asked of another article in vain, too."""
OWNERS = 0.25
"""Share of the values of named things of which the reader learns whose they are; of unnamed ones it learns all."""

Table = dict[str, Any]


def read_families(folder: Path) -> dict[str, Table]:
    """Map family name to its articles and questions, by name."""
    return {file.stem: tomllib.loads(file.read_text(encoding="utf-8")) for file in sorted(folder.glob("*.toml"))}


def held_out(families: dict[str, Table]) -> dict[str, Table]:
    """Return the families that nothing is learnt from."""
    return {name: family for at, (name, family) in enumerate(families.items()) if at % HELD_OUT == 0}


def family_sources(folder: Path, draw: random.Random, validation: bool = False) -> list[Source]:
    """Return the sources of the families in a folder for training, or of those that are held out."""
    families = read_families(folder)
    unseen = held_out(families)
    return [
        source
        for name, family in families.items()
        if (name in unseen) == validation
        for question in family["questions"]
        if question["kind"] in KINDS
        for source in _sources_in_both(question, family["articles"], draw)
    ]


def _sources_in_both(question: Table, articles: list[Table], draw: random.Random) -> Iterator[Source]:
    asked = question["question"], question["translation"]
    if question["kind"] == "several":
        for item in question["all"]:
            answers = {"answers": [item["answer"]]}
            yield _answered(draw.choice(asked), articles[item["article"] - 1], question | answers)
        return
    if question["kind"] == "compare":
        yield from _comparison(draw.choice(asked), question, articles)
        for text, key in zip(asked, ("of", "of_translation"), strict=True):
            yield from _values(text, key, question, articles, draw)
        return
    for text in asked:
        yield from _sources(text, question, articles, draw)


def _comparison(asked: str, question: Table, articles: list[Table]) -> Iterator[Source]:
    numbers = {value["article"] for value in question.get("values", ())}
    verdict = question.get("verdict")
    for number in sorted(numbers):
        article = articles[number - 1]
        answers = [value["answer"] for value in question["values"]] if verdict else question.get("answers", ())
        in_text = [answer for answer in answers if answer in article["text"]]
        if len(numbers) == 1 and in_text:
            yield _answered(asked, article, question | {"answers": in_text})
        else:
            yield _unanswered(asked, article, verdict is not None)


def _values(asked: str, key: str, question: Table, articles: list[Table], draw: random.Random) -> Iterator[Source]:
    """Yield the sub-questions of a comparison; `key` is that of a thing's name in the language of `asked`."""
    values = question.get("values", ())
    for value in values:
        thing, answer, owner = value.get(key, ""), value["answer"], value.get("owner", "")
        about, own = f"{question['question']} {value.get('of', '')} {owner}", articles[value["article"] - 1]
        sub_question = value_question(asked, thing)
        yield _answered(sub_question, own, {"kind": "value", "question": about, "answers": [answer]})
        if owner and (not thing or draw.random() < OWNERS):
            sought = {"kind": "owner", "question": f"{question['question']} {answer}", "answers": [owner]}
            yield _answered(owner_question(asked, answer), own, sought)
        having = {other["article"] for other in values if other.get(key, "") == thing}
        others = [article for number, article in enumerate(articles, 1) if number not in having]
        if thing and others and draw.random() < SIBLINGS:
            yield _unanswered(sub_question, draw.choice(others), yes_no=False)
    if missing := question.get("missing"):
        sub_question = value_question(asked, missing[key])
        numbers = {value["article"] for value in values} or {1}
        yield from (_unanswered(sub_question, articles[number - 1], yes_no=False) for number in sorted(numbers))


def _sources(asked: str, question: Table, articles: list[Table], draw: random.Random) -> Iterator[Source]:
    own = articles[question["article"] - 1]
    answers = question.get("answers", ())
    yes_no = question["kind"] == "yes-no"
    if answers:
        yield _answered(asked, own, question)
    else:
        yield _unanswered(asked, own, yes_no)
    siblings = [a for a in articles if a is not own and not any(s in a["title"] + a["text"] for s in answers)]
    if siblings and draw.random() < SIBLINGS:
        yield _unanswered(asked, draw.choice(siblings), yes_no)


def _answered(asked: str, article: Table, question: Table) -> Source:
    text, title = article["text"].strip(), article["title"]
    answer = question["answers"][0]
    if question["kind"] == "title" or answer not in text:
        at = title.index(answer)
        span = Span(at, at + len(answer))
        return Source(asked, title, span, (text,), date=_date(article), verdict=question.get("verdict"))
    at = _likeliest(question["question"], text, answer)
    return Source(
        asked,
        text,
        Span(at, at + len(answer)),
        (),
        title=title,
        date=_date(article),
        verdict=question.get("verdict"),
    )


def _likeliest(question: str, text: str, answer: str) -> int:
    """Return where an answer stands: in the sentence that shares most words with the question."""
    asked = content_words(question)
    places = [
        (len(asked & content_words(text[sentence.start : sentence.end])), at)
        for sentence in sentences(text)
        if (at := text.find(answer, sentence.start, sentence.end)) >= 0
    ]
    return max(places, key=lambda place: place[0])[1] if places else text.index(answer)


def _unanswered(asked: str, article: Table, yes_no: bool) -> Source:
    text, title = article["text"].strip(), article["title"]
    return Source(asked, text, None, (), title=title, date=_date(article), verdict="neither" if yes_no else None)


def _date(article: Table) -> str:
    return str(article.get("date", ""))
