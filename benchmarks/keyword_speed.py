"""How long a keyword search takes in a large collection of made-up passages.

    python -m benchmarks.keyword_speed [--passages 100000]

Passages are 130 made-up Arabic words each, as frequent as words are (Zipf); questions are 3 to 11 words drawn in
the same way, without the 50 most frequent ones, which stand for stop words. Figures are saved under
benchmarks/results.
"""

from __future__ import annotations

import argparse
import json
import sqlite3
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from tqdm import tqdm

from index.retrieval.bm25 import index_terms, keyword_search
from index.retrieval.cross_script_names import name_keys

WORDS = 300_000
LENGTH = 130
AT_ONCE = 5_000
STOP_WORDS = 50
QUESTIONS = 300


def made_up_words(random: np.random.Generator) -> list[str]:
    letters = list("ابتثجحخدذرزسشصضطظعغفقكلمنهوي")
    return ["".join(random.choice(letters, length)) for length in random.integers(3, 8, WORDS)]


def cumulative(first: int = 0) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
    """How likely a word, or one before it, is to be drawn; none of the `first` ones is."""
    shares = 1 / np.arange(1, WORDS + 1)
    shares[:first] = 0
    return np.asarray(np.cumsum(shares / shares.sum()))


def milliseconds(connection: sqlite3.Connection, questions: Sequence[str]) -> dict[str, float]:
    times = []
    for question in questions:
        start = time.perf_counter()
        keyword_search(lambda statement, *values: connection.execute(statement, values).fetchall(), question, 50)
        times.append((time.perf_counter() - start) * 1000)
    return {f"p{percent}": round(float(np.percentile(times, percent)), 1) for percent in (50, 95, 100)}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--passages", type=int, default=100_000)
    parser.add_argument("--out", type=Path, default=Path("benchmarks/results/keyword_speed.json"))
    args = parser.parse_args()
    random = np.random.default_rng(0)
    words = made_up_words(random)
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "words.sqlite"
        connection = sqlite3.connect(file)
        connection.execute("CREATE VIRTUAL TABLE keywords USING fts5(words)")
        connection.execute("CREATE TABLE names (key TEXT, word TEXT, PRIMARY KEY (key, word)) WITHOUT ROWID")
        connection.executemany("INSERT OR IGNORE INTO names VALUES (?, ?)", name_keys(" ".join(words)))
        start = time.perf_counter()
        for first in tqdm(range(0, args.passages, AT_ONCE)):
            drawn = np.searchsorted(cumulative(), random.random((AT_ONCE, LENGTH))).clip(max=WORDS - 1)
            rows = ((first + n, index_terms(" ".join(words[i] for i in row))) for n, row in enumerate(drawn, start=1))
            connection.executemany("INSERT INTO keywords (rowid, words) VALUES (?, ?)", rows)
        connection.commit()
        built = time.perf_counter() - start
        lengths = random.integers(3, 12, QUESTIONS)
        places = [np.searchsorted(cumulative(STOP_WORDS), random.random(n)).clip(max=WORDS - 1) for n in lengths]
        figures = {
            "passages": args.passages,
            "built_s": round(built, 1),
            "mb": round(file.stat().st_size / 2**20, 1),
            "questions_ms": milliseconds(connection, [" ".join(words[i] for i in row) for row in places]),
            "most_frequent_words_ms": milliseconds(connection, [" ".join(words[:12])] * 10),
            "longest_question_ms": milliseconds(connection, [" ".join(words[STOP_WORDS : STOP_WORDS + 500])] * 10),
            "unknown_names_ms": milliseconds(connection, ["Kirby Maddison Merkel Nixon Zelda Fresno"] * 10),
        }
        connection.close()
    args.out.write_text(json.dumps(figures, indent=1) + "\n", encoding="utf-8")
    print(json.dumps(figures, indent=1))


if __name__ == "__main__":
    main()
