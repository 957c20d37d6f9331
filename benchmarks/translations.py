"""How well the cosine of two phrases tells a translation from another phrase of the same article.

    python -m benchmarks.translations BENCH_FOLDER

The answers of XQuAD in Arabic, each with the same answer in English, as people translated it, and with that of another
question about the same article. The bound of `qa/verification/translation.py` is chosen on the articles that the reader
learns from, and reported on the others. Figures are saved under benchmarks/results.
"""

from __future__ import annotations

import argparse
import json
import random
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.heldout_questions import heldout_questions
from index.embeddings import SentenceTransformerEmbedder
from qa.evaluation.question_set import read_set
from qa.training.train import default_embedder
from qa.verification.translation import SAME

BOUNDS = (0.4, 0.45, 0.5, 0.55, 0.6, 0.7)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("bench", type=Path)
    parser.add_argument("--out", type=Path, default=Path("benchmarks/results/translations.json"))
    given = parser.parse_args()
    embedder = SentenceTransformerEmbedder(default_embedder())
    sets = (read_set(given.bench / "xquad" / name).questions for name in ("ar", "en"))
    arabic, english = ({key_of(question): question for question in one} for one in sets)
    held_out = {key_of(question) for question in heldout_questions(given.bench, "xquad/ar")}
    shared = sorted(arabic.keys() & english.keys())
    vectors = {
        name: embedder.embed_queries([questions[one]["answers"][0]["text"] for one in shared])
        for name, questions in (("ar", arabic), ("en", english))
    }
    cosines = vectors["ar"] @ vectors["en"].T
    others = [other_than(at, [english[one] for one in shared]) for at in range(len(shared))]
    figures: dict[str, Any] = {"bound": SAME}
    for part, chosen in (("learnt from", False), ("kept", True)):
        rows = [at for at, one in enumerate(shared) if (one in held_out) is chosen]
        right = np.array([cosines[at, at] for at in rows])
        wrong = np.array([cosines[at, others[at]] for at in rows if others[at] is not None])
        figures[part] = {
            "pairs": len(right),
            "area": round(float(np.mean([(one > wrong).mean() for one in right])), 4),
            "translations kept": {str(bound): round(float((right >= bound).mean()), 4) for bound in BOUNDS},
            "other phrases let through": {str(bound): round(float((wrong >= bound).mean()), 4) for bound in BOUNDS},
        }
    given.out.write_text(json.dumps(figures, indent=2) + "\n")
    print(json.dumps(figures, indent=2))


def key_of(question: dict[str, Any]) -> str:
    """What a question has in common with itself in another language."""
    return str(question["id"]).rpartition("-")[0]


def other_than(at: int, questions: list[dict[str, Any]]) -> int | None:
    """The place of another question about the same article with another answer, drawn at random."""
    own = questions[at]
    places = [
        place
        for place, one in enumerate(questions)
        if one["article_id"] == own["article_id"] and one["answers"][0]["text"] != own["answers"][0]["text"]
    ]
    return random.Random(at).choice(places) if places else None


if __name__ == "__main__":
    main()
