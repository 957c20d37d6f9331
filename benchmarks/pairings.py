"""Answerable and unanswerable questions that are to be told apart, about articles that are kept from training."""

from __future__ import annotations

import json
import random
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from benchmarks.heldout_questions import Row
from index.embeddings import Embedder
from index.indexer import update_index
from index.retriever import Retriever
from qa.training.course import validation_titles
from qa.training.examples import Source, load_set, names_in
from qa.training.reader_data import MIXTURE, Part, read_mixture
from qa.training.siblings import siblings
from qa.training.swaps import Swapper

SEED = 26
SQUAD = "SQuAD 2.0"
TYDI = "TyDi Arabic"
NEWS = "news"
_NEWS_ITEMS = 2000
SWAPPED_SETS = {"Arabic": ("xquad/ar", "arcd"), "English": ("xquad/en",)}
_OF_BENCH_ARTICLES = "squad-dev-bench-articles-en"


@dataclass(frozen=True)
class Pairing:
    """As many answerable questions as unanswerable ones; `set_names` has the set that each pair is about, if any."""

    answerable: tuple[Source, ...]
    unanswerable: tuple[Source, ...]
    set_names: tuple[str, ...] = ()


def pairings(bench: Path, data: Path, limit: int) -> dict[str, Pairing]:
    """SQuAD 2.0's and TyDi's unanswerable questions, those of held-out events of `siblings.toml`, and those of the sets
    with one detail swapped, by kind."""
    kept = read_mixture(data, MIXTURE, frozenset()).validation
    return {
        SQUAD: halves(of_bench_articles(bench, data), limit),
        TYDI: halves(kept["tydiqa-ar"], limit),
        NEWS: halves(siblings(_NEWS_ITEMS, random.Random(SEED), validation=True), limit),
        **swapped(bench, limit),
    }


def of_bench_articles(bench: Path, data: Path) -> list[Source]:
    """SQuAD's questions about the articles of the sets that are kept from training."""
    titles = validation_titles(bench)
    # With no title held out, all of the file is there.
    every = read_mixture(data, [Part(_OF_BENCH_ARTICLES, 0)], frozenset()).training[_OF_BENCH_ARTICLES]
    return [source for source in every if source.title in titles]


def halves(sources: Sequence[Source], limit: int) -> Pairing:
    """As many answerable questions as unanswerable ones."""
    draw = random.Random(SEED)
    answerable = [source for source in sources if source.answer]
    unanswerable = [source for source in sources if not source.answer]
    count = min(limit, len(answerable), len(unanswerable))
    return Pairing(tuple(draw.sample(answerable, count)), tuple(draw.sample(unanswerable, count)))


def swapped(bench: Path, limit: int) -> dict[str, Pairing]:
    """Questions as they are and swapped, by language and kind."""
    found: dict[str, list[tuple[Source, Source, str]]] = {}
    for language, names in SWAPPED_SETS.items():
        sources = [(source, name) for name in names for source in load_set(bench / name, validation=True)]
        known = names_in(source for source, _ in sources)
        swapper = Swapper([source.question for source, _ in sources], random.Random(SEED), known)
        for source, name in sources:
            swap = swapper.swap(source.question, f"{source.title} {source.paragraph}")
            if swap:
                other = replace(source, question=swap.question, answer=None)
                found.setdefault(f"{language}, {swap.kind} swapped", []).append((source, other, name))
    return {kind: Pairing(*map(tuple, zip(*pairs[:limit], strict=True))) for kind, pairs in sorted(found.items())}


def as_row(source: Source) -> Row:
    """The question as those of the sets are."""
    answers = [{"text": source.paragraph[source.answer.start : source.answer.end]}] if source.answer else []
    return {"id": source.question, "question": source.question, "answers": answers, "answerable": bool(answers)}


def retriever_over(sources: Sequence[Source], embedder: Embedder, work: Path) -> Retriever:
    """Search over the articles of these questions, of all their paragraphs, indexed in `work`."""
    texts: dict[str, dict[str, None]] = {}
    for source in sources:
        of_article = texts.setdefault(source.title or source.paragraph, {})
        of_article.update(dict.fromkeys((source.paragraph, *source.others)))
    work.mkdir(parents=True, exist_ok=True)
    file = work / "articles.jsonl"
    articles = (
        {"id": str(number), "title": title if title not in paragraphs else "", "text": "\n\n".join(paragraphs)}
        for number, (title, paragraphs) in enumerate(texts.items())
    )
    file.write_text("".join(json.dumps(article) + "\n" for article in articles))
    update_index(work / "index", [file], embedder)
    return Retriever(work / "index", embedder)
