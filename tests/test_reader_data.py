"""The reader's training data: shares, repeats, and no overlap between training and validation."""

from __future__ import annotations

import gzip
import json
import random
from pathlib import Path
from typing import Any

import pytest

from qa.training.reader_data import Part, Split, read_mixture, sample_part, sources_of


def row(number: int, title: str | None = None, context: str | None = None) -> dict[str, Any]:
    text = context or f"Pier {number} opened in {1850 + number}."
    told = {"context": text, "question": f"When did pier {number} open?", "start": 15, "end": 19}
    return told | ({"title": title} if title else {})


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Three files, two of which share some articles."""
    files = {
        "one": [row(number, f"Pier {number // 2}") for number in range(40)],
        "two": [row(number) for number in range(30, 70)],
        "bench": [row(number, "Harbour" if number % 2 else "Bridge") for number in range(100, 120)],
    }
    for name, rows in files.items():
        with gzip.open(tmp_path / f"{name}.jsonl.gz", "wt", encoding="utf-8") as file:
            file.writelines(json.dumps(one) + "\n" for one in rows)
    return tmp_path


def read(folder: Path, *parts: Part, titles: tuple[str, ...] = ()) -> Split:
    return read_mixture(folder, parts, frozenset(titles))


def test_validation_articles_are_excluded_from_training(folder: Path) -> None:
    split = read(folder, Part("one", 40, kept=4), Part("two", 40))
    learnt = [source for sources in split.training.values() for source in sources]
    kept = split.validation["one"]
    assert 0 < len(kept) < 40
    assert {source.title for source in kept}.isdisjoint({source.title for source in learnt} - {""})
    # The second file repeats some of the paragraphs without a title.
    assert {source.paragraph for source in kept}.isdisjoint(source.paragraph for source in learnt)


def test_articles_are_excluded_by_title(folder: Path) -> None:
    split = read(folder, Part("bench", 20), titles=("Harbour",))
    assert {source.title for source in split.training["bench"]} == {"Bridge"}


def test_missing_file_gives_no_examples(folder: Path) -> None:
    assert read(folder, Part("not there", 3)).training == {"not there": ()}


def test_sampling_uses_every_example_before_repeating() -> None:
    sources = sources_of([row(number) for number in range(6)] + [row(9) | {"start": None, "end": None}])
    chosen = sample_part(sources, Part("one", answerable=9, unanswerable=2), 1.0, random.Random(0))
    assert [sum(source.answer is not None for source in chosen), len(chosen)] == [9, 11]
    assert set(sources) == set(chosen)
    assert len(sample_part(sources, Part("one", answerable=9, unanswerable=2), 0.5, random.Random(0))) == 4 + 1


def test_other_paragraphs_are_from_same_article() -> None:
    first, second, third = sources_of([row(0, "A"), row(1, "B"), row(2, "A")])
    assert first.others == (third.paragraph,) and second.others == () and third.others == (first.paragraph,)
    _, fifth = sources_of([row(3), row(4)])
    assert fifth.others == (row(3)["context"],)


def test_unanswerable_rows_have_no_answer() -> None:
    (source,) = sources_of([row(0) | {"start": None, "end": None}])
    assert source.answer is None
