"""Question sets: a folder with `questions.jsonl` and its articles (`articles.jsonl` or a folder `articles`)."""

from __future__ import annotations

import json
import random
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from index.errors import JawabError

SEED = 0


class QuestionSetInvalid(JawabError):
    """`path` is not a question set; `detail` names the missing file."""

    code = "question_set_invalid"


@dataclass(frozen=True)
class QuestionSet:
    """A question set: a display `name`, the `articles` to index, and the `questions` in file order."""

    name: str
    articles: Path
    questions: tuple[dict[str, Any], ...]

    def sample(self, limit: int | None) -> tuple[dict[str, Any], ...]:
        """Return `limit` questions drawn at random with a fixed seed; all of them if there are no more."""
        if limit is None or limit >= len(self.questions):
            return self.questions
        chosen = random.Random(SEED).sample(range(len(self.questions)), limit)
        return tuple(self.questions[position] for position in sorted(chosen))


def read_set(folder: Path) -> QuestionSet:
    """Read the set in `folder`. One named en-over-ar has English questions about the articles of its sibling ar."""
    file = folder / "questions.jsonl"
    if not file.is_file():
        raise QuestionSetInvalid(path=folder, detail="questions.jsonl")
    lines = file.read_text(encoding="utf-8").split("\n")
    articles = _articles(folder)
    if articles is None:
        raise QuestionSetInvalid(path=folder, detail="articles.jsonl")
    resolved = folder.resolve()
    name = resolved.name if articles.is_dir() else f"{resolved.parent.name}/{resolved.name}"
    return QuestionSet(name, articles, tuple(json.loads(line) for line in lines if line.strip()))


def _articles(folder: Path) -> Path | None:
    _, separator, article_language = folder.resolve().name.partition("-over-")
    candidates = [folder / "articles.jsonl", folder / "articles"]
    if separator:
        candidates.append(folder.resolve().parent / article_language / "articles.jsonl")
    return next((path for path in candidates if path.exists()), None)
