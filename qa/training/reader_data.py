"""Files of examples beside the question sets: which are learnt from and how often, and what is kept for validation.

A file is `NAME.jsonl.gz`, a JSON object a line: `context`, `question`, `start`, `end` (both `null` where the context
does not answer), and where known `title`. What is validated on is chosen by article, so that no paragraph of an article
is learnt from and asked about; what another file says of the same contexts, or of the articles of a set that is
validated on, is left out too.
"""

from __future__ import annotations

import gzip
import hashlib
import json
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from index.articles import Span
from qa.training.examples import Source

MOST_OTHERS = 8
"""Paragraphs of the same article that a question is given beside its own."""


@dataclass(frozen=True)
class Part:
    """A file of the mixture: `share` of its examples, and of each so many. `kept` is the part of its articles, one in
    so many, that is kept for validation; 0 for none."""

    name: str
    share: float = 1.0
    repeats: int = 1
    kept: int = 0


MIXTURE = (
    Part("tydiqa-ar", repeats=2, kept=10),
    Part("mlqa-ar", repeats=2, kept=4),
    Part("mlqa-cross-ar-en", repeats=2),
    Part("xor-tydi-cross"),
    Part("squad-train-en", share=0.6),
    Part("squad-dev-bench-articles-en"),
    Part("tydiqa-en"),
    Part("mlqa-en"),
    Part("nq-qed-en", share=0.5),
    Part("pquad-fa", share=0.4),
    Part("idk-mrc-id", share=0.4),
    Part("tydiqa-other", share=0.2),
    Part("mlqa-cross-other", share=0.2),
    Part("he", share=0.5),
    Part("ja", share=0.1),
)
"""Most of it is Arabic and English; of the others, those near to Arabic, or with questions that are not answered."""


@dataclass(frozen=True)
class Split:
    """The sources for training and, by the name of their file, those kept for validation."""

    training: tuple[Source, ...]
    validation: dict[str, tuple[Source, ...]]


def read_mixture(folder: Path, mixture: Iterable[Part], held_out_titles: frozenset[str], seed: int) -> Split:
    """The examples of the files in `folder`; nothing of articles with these titles is learnt from.

    Files that are not there are left out.
    """
    parts = [(part, _rows(folder / f"{part.name}.jsonl.gz")) for part in mixture]
    kept = {part.name: [row for row in rows if _is_for_validation(row, part.kept)] for part, rows in parts}
    kept_contexts = {row["context"] for rows in kept.values() for row in rows}
    training: list[Source] = []
    for part, rows in parts:
        learnt = [
            row for row in rows if row["context"] not in kept_contexts and row.get("title") not in held_out_titles
        ]
        # Paragraphs beside one's own may be of examples that are not in the share.
        sources = zip(learnt, sources_of(learnt), strict=True)
        training += [source for row, source in sources if _is_in_share(row, part.share, seed)] * part.repeats
    return Split(tuple(training), {name: tuple(sources_of(rows)) for name, rows in kept.items() if rows})


def sources_of(rows: Sequence[dict[str, Any]]) -> list[Source]:
    """Rows as sources; the other paragraphs of an article are those with the same title, or else the one before."""
    of_title: dict[str, dict[str, None]] = {}
    contexts = list(dict.fromkeys(row["context"] for row in rows))
    before = dict(zip(contexts[1:], contexts, strict=False))
    for row in rows:
        if row.get("title"):
            of_title.setdefault(row["title"], {})[row["context"]] = None

    def others(row: dict[str, Any]) -> tuple[str, ...]:
        context = row["context"]
        if row.get("title"):
            return tuple(other for other in of_title[row["title"]] if other != context)[:MOST_OTHERS]
        return (before[context],) if context in before else ()

    return [_source(row, others) for row in rows]


def _source(row: dict[str, Any], others: Callable[[dict[str, Any]], tuple[str, ...]]) -> Source:
    answer = None if row["start"] is None else Span(row["start"], row["end"])
    return Source(row["question"], row["context"], answer, others(row), title=row.get("title"))


def _rows(file: Path) -> list[dict[str, Any]]:
    if not file.is_file():
        return []
    with gzip.open(file, "rt", encoding="utf-8") as lines:
        return [json.loads(line) for line in lines]


def _is_for_validation(row: dict[str, Any], one_in: int) -> bool:
    """Whether the article of a row is kept for validation: by a digest, so that it is for every seed and mixture."""
    return bool(one_in) and _number(row.get("title") or row["context"]) % one_in == 0


def _is_in_share(row: dict[str, Any], share: float, seed: int) -> bool:
    return share >= 1 or _number(f"{seed} {row['question']} {row['context']}") % 10_000 < share * 10_000


def _number(text: str) -> int:
    return int.from_bytes(hashlib.sha256(text.encode("utf-8", "replace")).digest()[:8], "big")
