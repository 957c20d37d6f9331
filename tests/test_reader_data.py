"""Files of examples: shares, repeats, and nothing that is validated on is learnt from."""

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
    """Two files about the same articles in part."""
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


def test_articles_are_kept_as_a_whole_and_nowhere_learnt_from(folder: Path) -> None:
    split = read(folder, Part("one", 40, kept=4), Part("two", 40))
    learnt = [source for sources in split.training.values() for source in sources]
    kept = split.validation["one"]
    assert 0 < len(kept) < 40
    assert {source.title for source in kept}.isdisjoint({source.title for source in learnt} - {""})
    # The second file has some of the same paragraphs, without a title.
    assert {source.paragraph for source in kept}.isdisjoint(source.paragraph for source in learnt)


def test_articles_that_a_set_validates_on_are_left_out_by_title(folder: Path) -> None:
    split = read(folder, Part("bench", 20), titles=("Harbour",))
    assert {source.title for source in split.training["bench"]} == {"Bridge"}


def test_what_is_not_there_is_left_out(folder: Path) -> None:
    assert read(folder, Part("not there", 3)).training == {"not there": ()}


def test_so_many_are_drawn_and_all_of_them_before_any_again() -> None:
    sources = sources_of([row(number) for number in range(6)] + [row(9) | {"start": None, "end": None}])
    chosen = sample_part(sources, Part("one", answerable=9, unanswerable=2), 1.0, random.Random(0))
    assert [sum(source.answer is not None for source in chosen), len(chosen)] == [9, 11]
    assert set(sources) == set(chosen)
    assert len(sample_part(sources, Part("one", answerable=9, unanswerable=2), 0.5, random.Random(0))) == 4 + 1


def test_other_paragraphs_are_those_of_the_article() -> None:
    first, second, third = sources_of([row(0, "A"), row(1, "B"), row(2, "A")])
    assert first.others == (third.paragraph,) and second.others == () and third.others == (first.paragraph,)
    _, fifth = sources_of([row(3), row(4)])
    assert fifth.others == (row(3)["context"],)


def test_unanswerable_rows_have_no_answer() -> None:
    (source,) = sources_of([row(0) | {"start": None, "end": None}])
    assert source.answer is None
