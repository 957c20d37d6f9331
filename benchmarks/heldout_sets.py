"""Question sets for `jawab eval` whose questions are only about articles that nothing was trained on.

    python -m benchmarks.heldout_sets BENCH_FOLDER FOLDER

Every set is written to FOLDER with all of its articles, so that searching is as hard as over the whole set. What is
written holds the sets' texts: it is for measuring with, not for keeping in the project.
"""

from __future__ import annotations

import argparse
import json
import shutil
from pathlib import Path

from benchmarks.heldout_questions import ABSTAIN, heldout_questions
from qa.evaluation.question_set import read_set
from qa.training.course import SETS


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("bench", type=Path)
    parser.add_argument("folder", type=Path)
    given = parser.parse_args()
    for name in (*SETS, *ABSTAIN):
        folder = given.folder / name
        folder.mkdir(parents=True, exist_ok=True)
        lines = [json.dumps(question, ensure_ascii=False) for question in heldout_questions(given.bench, name)]
        (folder / "questions.jsonl").write_text("\n".join(lines) + "\n", encoding="utf-8")
        if "-over-" not in name:  # those ask about the articles of another set
            shutil.copyfile(read_set(given.bench / name).articles, folder / "articles.jsonl")
        print(name, len(lines))


if __name__ == "__main__":
    main()
