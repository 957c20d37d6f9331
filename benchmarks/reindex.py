"""What indexing costs where nothing changed: a folder of many small articles is indexed once, and then again.

    python -m benchmarks.reindex --articles 10000 --runs 5

Each later run is a whole process, `jawab index FOLDER`, as a person would start it; the mark is 5 seconds. The embedder
is the fake one: it embeds nothing the second time, and the first time is measured for what is not embedding.
Saves figures as benchmarks/results/reindex.json.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).parent.parent
RESULT = ROOT / "benchmarks" / "results" / "reindex.json"
SEED = 11
WORDS = 200
"""Words of an article: two or three passages."""
A_FOLDER = 1_000
COMMAND = "import sys; from ui.cli import main; main(sys.argv[1:])"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--articles", type=int, default=10_000)
    parser.add_argument("--runs", type=int, default=5)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as work:
        articles, index = Path(work) / "articles", Path(work) / "index"
        write_articles(articles, given.articles)
        first, _ = timed(articles, index)
        runs = [timed(articles, index) for _ in range(given.runs)]
    for _, said in runs:
        assert f"unchanged {given.articles}," in said, said
    times = sorted(seconds for seconds, _ in runs)
    result = {
        "articles": given.articles,
        "first_s": round(first, 1),
        "again_s": {"median": round(times[len(times) // 2], 2), "min": round(times[0], 2), "max": round(times[-1], 2)},
        "runs": given.runs,
    }
    RESULT.write_text(json.dumps(result, indent=2) + "\n", encoding="utf-8")
    print(json.dumps(result, indent=2))


def write_articles(folder: Path, count: int) -> None:
    """Small .txt articles of made-up words, drawn by Zipf's law so that some are frequent and most are rare."""
    chance = random.Random(SEED)
    words = ["".join(chance.choices("abcdefghilmnoprstu", k=chance.randint(2, 9))) for _ in range(20_000)]
    weights = [1 / rank for rank in range(1, len(words) + 1)]
    for number in range(count):
        place = folder / f"{number // A_FOLDER:03}"
        place.mkdir(parents=True, exist_ok=True)
        drawn = chance.choices(words, weights, k=WORDS)
        sentences = [" ".join(drawn[start : start + 20]).capitalize() + "." for start in range(0, WORDS, 20)]
        heading = " ".join(drawn[:6]).capitalize()
        (place / f"article-{number:06}.txt").write_text(f"{heading}\n\n{' '.join(sentences)}\n", encoding="utf-8")


def timed(articles: Path, index: Path) -> tuple[float, str]:
    """Seconds that `jawab index` takes as a process of its own, and what it says."""
    settings = os.environ | {"JAWAB_EMBEDDER": "fake", "JAWAB_LANG": "en", "PYTHONPATH": str(ROOT)}
    words = ["index", str(articles), "--index", str(index)]
    begun = time.perf_counter()
    done = subprocess.run(
        [sys.executable, "-c", COMMAND, *words], env=settings, capture_output=True, text=True, check=True
    )
    return time.perf_counter() - begun, done.stdout


if __name__ == "__main__":
    main()
