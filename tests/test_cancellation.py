"""Cancellation of indexing: every stage can be cancelled soon, even on hostile articles, and then nothing changes."""

from __future__ import annotations

import json
import shutil
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from index.boilerplate.repetition import candidate_lines
from index.dedup.clustering import load_view
from index.dedup.similarity import MAX_COMPARED_SENTENCES
from index.fakes import HashEmbedder
from index.indexer import update_index
from index.ingestion import sandbox
from index.ingestion.sandbox import SandboxedParser
from index.recovery import check_integrity
from index.storage.catalog import Catalog
from index.text.lines import lines_of
from ui.jobs.progress import JobCancelled, JobProgress

DIMENSION = 32
LONGEST = 2.0
"""Limit in seconds of thread time between two checks. Usually it is a tenth of it; a machine may be busy or slow."""

SHAPES: dict[str, Callable[[], dict[str, str]]] = {
    "one-letter lines": lambda: {"a.txt": "\n".join("abcdefghijklm"[n % 13] for n in range(100_000))},
    "one-letter sentences": lambda: {"a.txt": "a. " * 70_000},
    "a line without spaces": lambda: {"a.txt": "x." * 1_000_000},
    "blank lines": lambda: {"a.txt": "x\n" + "\n" * 2_000_000 + "y"},
    "the same lines in many files": lambda: {
        f"{file}.txt": f"Title {file}\n" + "\n".join(f"Line {n} here" for n in range(1000)) for file in range(20)
    },
    "calls to subscribe": lambda: {
        f"{file}.txt": "\n".join(f"Subscribe {n} times" for n in range(1000)) for file in range(20)
    },
    "dates": lambda: {"a.txt": "\n".join(f"{n % 28 + 1} March {1900 + n % 120}" for n in range(60_000))},
    "digits": lambda: {"a.txt": " ".join(map(str, range(10**6, 10**6 + 120_000)))},
    "marks": lambda: {"a.txt": "\u0628\u064e\u0651\u0650 " * 150_000},
    "headings": lambda: {"a.md": "\n".join(f"# Heading {n}" for n in range(50_000))},
    "paths": lambda: {"a.txt": "\n".join("home > " + "a > " * 20 for _ in range(10_000))},
    "words": lambda: {"a.txt": " ".join(f"Na{n:x}me".translate(str.maketrans("0123", "ghij")) for n in range(70_000))},
}


class TimedProgress(JobProgress):
    """Progress that records the longest time between two cancellation checks, in seconds of thread time."""

    def __init__(self) -> None:
        super().__init__()
        self.longest, self.last = 0.0, time.thread_time()

    def check(self) -> None:
        now = time.thread_time()
        self.longest, self.last = max(self.longest, now - self.last), now


class CancelAtCheck(JobProgress):
    """Progress that cancels the run at the check with this number; `checks` counts them."""

    def __init__(self, number: int = -1) -> None:
        super().__init__()
        self.number, self.checks = number, 0

    def check(self) -> None:
        self.checks += 1
        if self.checks == self.number:
            raise JobCancelled


@pytest.mark.parametrize("shape", SHAPES)
def test_every_stage_checks_for_cancellation_in_time(shape: str, tmp_path: Path) -> None:
    articles = tmp_path / "articles"
    articles.mkdir()
    for name, text in SHAPES[shape]().items():
        (articles / name).write_text(text, encoding="utf-8")
    progress = TimedProgress()
    summary = update_index(tmp_path / "index", [articles], HashEmbedder(DIMENSION), progress)
    progress.check()
    assert summary.added
    assert progress.longest < LONGEST


def test_cancel_at_any_stage_changes_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sandbox, "_BETWEEN_CHECKS", 60.0)  # the number of checks must not depend on time
    articles = tmp_path / "articles"
    articles.mkdir()
    for number in range(6):
        (articles / f"{number}.txt").write_text(_report(number, "The tram opened in May."))
    index = tmp_path / "index"
    update_index(index, [articles], HashEmbedder(DIMENSION))
    before = _state(index)
    for number in range(4, 9):
        (articles / f"{number}.txt").write_text(_report(number, "The tram opened in June, and had 24 stations."))
    (articles / "0.txt").unlink()
    # A cancelled run keeps its embeddings and nothing else. This one computes them all, so that later runs are alike:
    with pytest.raises(JobCancelled):
        update_index(
            index, [articles], HashEmbedder(DIMENSION), CancelAtCheck(_checks(index, articles, tmp_path / "first"))
        )
    assert _state(index) == before
    checks = _checks(index, articles, tmp_path / "second")
    after = _state(tmp_path / "second")
    assert after["stories"] != before["stories"]
    for number in [*range(1, checks, checks // 25), *range(checks - 3, checks + 1)]:
        with pytest.raises(JobCancelled):
            update_index(index, [articles], HashEmbedder(DIMENSION), CancelAtCheck(number))
        assert _state(index) == before
        assert not check_integrity(index)
    update_index(index, [articles], HashEmbedder(DIMENSION))
    assert _state(index) == after


def _checks(index: Path, articles: Path, copy: Path) -> int:
    """The number of checks for cancellation in a run on a copy of the index."""
    progress = CancelAtCheck()
    update_index(shutil.copytree(index, copy), [articles], HashEmbedder(DIMENSION), progress)
    return progress.checks


def _report(number: int, sentence: str) -> str:
    more = " ".join(f"It was said that line {n} of the network would follow in {2030 + n}." for n in range(number, 8))
    return f"Report {number}\nFollow us on our website\n\n{sentence} {more}\n"


def _state(index: Path) -> dict[str, Any]:
    """The articles and stories that the index has, and its vector files."""
    catalog = Catalog.open(index)
    try:
        return {
            "articles": catalog.articles(),
            "passages": catalog.rows("SELECT article, start, embedding FROM passages ORDER BY number"),
            "stories": catalog.rows("SELECT id, story FROM articles ORDER BY id"),
            "links": catalog.rows("SELECT * FROM story_links ORDER BY a, b"),
            "lines": catalog.rows("SELECT * FROM lines ORDER BY article, line, start"),
            "generation": catalog.generation,
            "vectors": [path.name for path in index.glob("vectors-*")],
        }
    finally:
        catalog.close()


def test_slow_parsing_can_be_cancelled(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sandbox, "_START", "import time; time.sleep(60)")
    file = tmp_path / "a.txt"
    file.write_text("The tram opened in May.")
    progress = CancelAtCheck(3)
    began = time.monotonic()
    with pytest.raises(JobCancelled), SandboxedParser(check=progress.check) as readers:
        readers.read(file, file.stat().st_size)
    assert time.monotonic() - began < 5


class TestLimits:
    def test_candidate_boilerplate_lines_are_bounded(self) -> None:
        text = "\n".join(f"Subscribe {n} times to our newsletter" for n in range(5000))
        assert len(candidate_lines(text, ())) < 150

    def test_number_of_lines_is_bounded(self) -> None:
        lines = lines_of("\n".join(f"{n}" for n in range(100_000)))
        assert (len(lines), lines[0].text, lines[-1].text) == (20_000, "0", "99999")
        assert len(lines_of("\n".join(f"{n}" for n in range(20_000)))) == 20_000

    def test_sentences_compared_for_stories_are_bounded(self, tmp_path: Path) -> None:
        file = tmp_path / "a.txt"
        file.write_text("".join(f"{n}. " for n in range(20_000)))
        update_index(tmp_path / "index", [file], HashEmbedder(DIMENSION))
        catalog = Catalog.open(tmp_path / "index")
        read = 0
        rows = catalog.rows

        def counted(statement: str, *values: object) -> list[tuple[Any, ...]]:
            nonlocal read
            found = rows(statement, *values)
            read += sum(len(value) for row in found for value in row if isinstance(value, bytes))
            return found

        catalog.rows = counted
        assert load_view(catalog, 1).vectors.shape == (MAX_COMPARED_SENTENCES, DIMENSION)
        assert read < 2 * MAX_COMPARED_SENTENCES * DIMENSION * 2
        catalog.close()

    def test_removing_many_duplicates_is_fast(self, tmp_path: Path) -> None:
        articles = tmp_path / "articles"
        articles.mkdir()
        (articles / "other.txt").write_text("The ferry leaves at noon.")
        copies = articles / "copies.jsonl"
        copies.write_text("\n".join(json.dumps({"text": "The tram opened. " * 20}) for _ in range(2000)))
        update_index(tmp_path / "index", [articles], HashEmbedder(DIMENSION))
        copies.unlink()
        began = time.thread_time()
        assert len(update_index(tmp_path / "index", [articles], HashEmbedder(DIMENSION)).removed) == 2000
        assert time.thread_time() - began < 2
