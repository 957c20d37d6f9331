"""Kills an indexing process at random moments, again and again, and looks at what is left.

    python -m tests.crash_index_worker FOLDER TIMES

Each round a child brings the index from one state of the articles to the other, and is killed with SIGKILL somewhere
on the way. Prints as JSON how often the old and how often the new state was found, and every state that was neither.
A process of its own, because it forks: there must be no threads in it.
"""

from __future__ import annotations

import json
import os
import random
import shutil
import signal
import sys
import time
from pathlib import Path

from index.fakes import HashEmbedder
from index.indexer import update_index
from index.recovery import check_integrity
from index.retriever import Retriever
from index.storage.catalog import Catalog

DIMENSION = 64
ARTICLES = 12

State = dict[str, str]


def main(place: Path, times: int) -> dict[str, object]:
    """How often the old and the new state were found, and the states that were neither."""
    chance = random.Random(3)
    articles, index, now = place / "articles", place / "index", 0
    states = [_articles(1), _articles(2)]
    _write(articles, states[now])
    took = _update(index, articles)
    old, new, between = 0, 0, list[State]()
    for _ in range(times):
        after = 1 - now
        _write(articles, states[after])
        child = os.fork()
        if child == 0:
            _update(index, articles)
            os._exit(0)
        time.sleep(chance.uniform(0, took))
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
        left = _state(index)
        if left not in states or check_integrity(index) or not _is_found(index, left):
            between.append(left)
        elif left == states[after]:
            new += 1
            now = after
        else:
            old += 1
    return {"old": old, "new": new, "between": between}


def _update(index: Path, articles: Path) -> float:
    """Seconds that it took."""
    start = time.perf_counter()
    update_index(index, [articles], HashEmbedder(DIMENSION))
    return time.perf_counter() - start


def _articles(version: int) -> State:
    """Of some articles one version has another text than the other, others it has alone."""
    return {
        f"{number}" if number % 2 else f"{number}-{version}": f"Headline {number} of {version}\n\n"
        + f"Sentence {number} of version {version}. " * 60
        for number in range(ARTICLES)
    }


def _write(folder: Path, state: State) -> None:
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    for name, text in state.items():
        (folder / f"{name}.txt").write_text(text)


def _state(index: Path) -> State:
    catalog = Catalog.open(index)
    try:
        return {article.id: article.text for article in catalog.articles()}
    finally:
        catalog.close()


def _is_found(index: Path, state: State) -> bool:
    """Whether search finds what the catalogue has."""
    retriever = Retriever(index, HashEmbedder(DIMENSION))
    hits = retriever.search("Sentence 3 of version", 5)
    retriever.catalog.close()
    return bool(hits) and all(state[hit.article.id] == hit.article.text for hit in hits)


if __name__ == "__main__":
    print(json.dumps(main(Path(sys.argv[1]), int(sys.argv[2]))))
