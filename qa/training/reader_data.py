"""Data mixture: files of examples, how many are sampled from each, and which articles are held out.

A file is `NAME.jsonl.gz`, a JSON object a line: `context`, `question`, `start`, `end` (both `null` where the context
does not answer), and where known `title`. What is validated on is chosen by article, so that no paragraph of an article
is learnt from and asked about; what another file says of the same contexts, or of the articles of a set that is
validated on, is left out too.
"""

from __future__ import annotations

import gzip
import hashlib
import json
import random
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from index.articles import Span
from qa.training.examples import Source

MAX_OTHERS = 8
"""Maximum other paragraphs of the article per question."""


@dataclass(frozen=True)
class Part:
    """File of the mixture, with the number of answerable and unanswerable examples to sample.

    Where there are fewer, some are learnt from again. `kept` is the part of its articles, one in so many, that is kept
    for validation; 0 for none.
    """

    name: str
    answerable: int
    unanswerable: int = 0
    kept: int = 0


MIXTURE = (
    Part("tydiqa-ar", 1400, 200, kept=10),
    Part("mlqa-ar", 200, kept=4),
    Part("mlqa-cross-ar-en", 350),
    Part("xor-tydi-cross", 350, 60),
    Part("squad-dev-bench-articles-en", 350, 300),
    Part("squad-train-en", 450, 450),
    Part("tydiqa-en", 350),
    Part("mlqa-en", 100),
    Part("nq-qed-en", 250),
    Part("afriqa-en", 150),
    Part("fairytaleqa-en", 100),
    Part("pquad-fa", 60, 100),
    Part("idk-mrc-id", 60, 100),
    Part("he", 40, 40),
)
"""Half of it is Arabic or asked across languages, and half is of questions that were asked before anybody had seen the
paragraph (TyDi QA, XOR-TyDi, Natural Questions, AfriQA), in other words than its own. The unanswerable ones are those
that people wrote to mislead (SQuAD 2.0, PQuAD, IDK-MRC), in whatever language, for there are none in Arabic; answerable
ones of the same files beside them, so that it is not the language that tells."""


@dataclass(frozen=True)
class Split:
    """Sources for training and held-out ones, by the name of their file."""

    training: dict[str, tuple[Source, ...]]
    validation: dict[str, tuple[Source, ...]]


def read_mixture(folder: Path, mixture: Iterable[Part], held_out_titles: frozenset[str]) -> Split:
    """Load the files in `folder`; articles with these titles are left out of training.

    Files that are not there are left out.
    """
    parts = [(part, _rows(folder / f"{part.name}.jsonl.gz")) for part in mixture]
    kept = {part.name: [row for row in rows if _is_for_validation(row, part.kept)] for part, rows in parts}
    kept_contexts = {row["context"] for rows in kept.values() for row in rows}
    training = {
        part.name: tuple(
            sources_of(
                [row for row in rows if row["context"] not in kept_contexts and row.get("title") not in held_out_titles]
            )
        )
        for part, rows in parts
    }
    return Split(training, {name: tuple(sources_of(rows)) for name, rows in kept.items() if rows})


def sample_part(sources: Sequence[Source], part: Part, share: float, draw: random.Random) -> list[Source]:
    """Sample as many examples as the part says, times `share`."""
    answerable = [source for source in sources if source.answer]
    unanswerable = [source for source in sources if not source.answer]
    return [
        *_some(answerable, round(part.answerable * share), draw),
        *_some(unanswerable, round(part.unanswerable * share), draw),
    ]


def _some(sources: Sequence[Source], count: int, draw: random.Random) -> list[Source]:
    """Sample `count`; all of them before any is repeated."""
    if not sources:
        return []
    whole, rest = divmod(count, len(sources))
    return [*sources] * whole + draw.sample(sources, rest)


def sources_of(rows: Sequence[dict[str, Any]]) -> list[Source]:
    """Convert rows to sources; other paragraphs are those with the same title, or else the one before."""
    of_title: dict[str, dict[str, None]] = {}
    contexts = list(dict.fromkeys(row["context"] for row in rows))
    before = dict(zip(contexts[1:], contexts, strict=False))
    for row in rows:
        if row.get("title"):
            of_title.setdefault(row["title"], {})[row["context"]] = None

    def others(row: dict[str, Any]) -> tuple[str, ...]:
        context = row["context"]
        if row.get("title"):
            return tuple(other for other in of_title[row["title"]] if other != context)[:MAX_OTHERS]
        return (before[context],) if context in before else ()

    return [_source(row, others) for row in rows]


def _source(row: dict[str, Any], others: Callable[[dict[str, Any]], tuple[str, ...]]) -> Source:
    answer = None if row["start"] is None else Span(row["start"], row["end"])
    return Source(row["question"], row["context"], answer, others(row), title=row.get("title") or "")


def _rows(file: Path) -> list[dict[str, Any]]:
    if not file.is_file():
        return []
    with gzip.open(file, "rt", encoding="utf-8") as lines:
        return [json.loads(line) for line in lines]


def _is_for_validation(row: dict[str, Any], one_in: int) -> bool:
    """Return whether the article of a row is held out: by a digest, the same for every seed and mixture."""
    return bool(one_in) and _number(row.get("title") or row["context"]) % one_in == 0


def _number(text: str) -> int:
    return int.from_bytes(hashlib.sha256(text.encode("utf-8", "replace")).digest()[:8], "big")
