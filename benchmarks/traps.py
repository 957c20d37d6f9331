"""Right, rightly declined, wrong, and sure and wrong: questions among which traps are as frequent as plain ones.

    python -m benchmarks.traps [--half figures] [--llm] [--work FOLDER] [--news FOLDER] [--without PART]

The families of benchmarks/sets/traps/HALF are indexed together. A question is right if the answer has one of its
`answers` (all of its `all`, its `verdict`), or is declined where the articles do not say. Figures are by kind and
language, with the risk-coverage of all answers; saved under benchmarks/results. `tuning` is for choosing, `figures` and
`cases` for reporting only. With `--news`, the questions of news-questions.toml are asked about the articles in FOLDER
instead.
"""

from __future__ import annotations

import argparse
import dataclasses
import datetime
import json
import re
import statistics
import tomllib
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import platformdirs
from tqdm import tqdm

from benchmarks.risk import figures_of
from index.dates.parser import find_dates
from index.indexer import update_index
from index.runtime.cpu import cpu_name
from index.text.folding import fold_text
from index.text.language import detect_language
from index.text.words import normalize_tokens
from qa.answer import Answer
from qa.assistant import Assistant
from qa.components import Components
from qa.errors import QuestionLanguage
from qa.reader.extractive_qa import ReaderSignals
from qa.training.families import held_out, read_families
from qa.verification.grounding import Grounding
from qa.verification.numbers import parse_numbers, possible_values
from qa.verification.verifier import VERIFICATION_WEIGHTS, Verifier, VerifierOf

SETS = Path(__file__).parent / "sets" / "traps"
RESULTS = Path("benchmarks/results/traps.json")
PARTS = (
    *(field.name for field in dataclasses.fields(ReaderSignals)),
    *(field.name for field in dataclasses.fields(Grounding)),
)
"""Signals of the verification."""
SURE = 0.8
"""Confidence from which an answer is called sure."""
_WORD = re.compile(r"\w+")
_MARKER = re.compile(r"\[\d+\]")

Row = dict[str, Any]


@dataclass(frozen=True)
class Outcome:
    """A question, its record's essentials, and whether it is right."""

    family: str
    question: str
    kind: str
    language: str
    crossed: bool
    status: str
    answer: str
    confidence: float
    right: bool
    milliseconds: float


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--half", choices=("tuning", "figures", "cases"), default="tuning")
    parser.add_argument("--llm", action="store_true", help="with the LLM; without, phrase and quotation alone")
    parser.add_argument("--work", type=Path, default=platformdirs.user_cache_path("jawab") / "traps")
    parser.add_argument("--out", type=Path, default=RESULTS)
    parser.add_argument("--without", choices=PARTS, help="switch a part of the verification off; saves nothing")
    parser.add_argument("--news", type=Path, help="folder of the five news articles")
    parser.add_argument("--show", action="store_true", help="print every wrong answer")
    given = parser.parse_args()
    half = "news" if given.news else given.half
    families = news_family() if given.news else read_families(SETS / half)
    components = Components(verifier=verifier_without(given.without))
    opened = open_over_files(given.news, given.work / half, given.llm, components) if given.news else None
    with opened or open_over(families, given.work / half, given.llm, components) as assistant:
        outcomes = list(ask_all(assistant, families))
    if given.show:
        for outcome in outcomes:
            if not outcome.right:
                print(json.dumps(dataclasses.asdict(outcome), ensure_ascii=False))
    figures = {"cpu": cpu_name(), "llm": given.llm, "half": half, **summary(outcomes)}
    print(json.dumps(figures, indent=1))
    if given.without:
        return
    key = f"{half}, {'LLM' if given.llm else 'no LLM'}"
    saved = json.loads(given.out.read_text()) if given.out.is_file() else {}
    given.out.write_text(json.dumps(saved | {key: figures}, indent=1) + "\n")


def fitting_families() -> dict[str, dict[str, Any]]:
    """Return the families that weights are fitted on: the tuning half, and those that the reader did not learn from."""
    return read_families(SETS / "tuning") | held_out(read_families(SETS / "training"))


def news_family() -> dict[str, dict[str, Any]]:
    """Return the questions about the news as one family, without its articles."""
    return {"news": tomllib.loads((SETS / "news-questions.toml").read_text(encoding="utf-8")) | {"articles": []}}


def verifier_without(part: str | None) -> VerifierOf:
    """Return a verifier in which a signal weighs nothing; with all signals if `part` is `None`."""
    if part is None:
        return Verifier
    given = VERIFICATION_WEIGHTS
    if hasattr(given.reader, part):
        weights = dataclasses.replace(given, reader=dataclasses.replace(given.reader, **{part: 0.0}))
    else:
        weights = dataclasses.replace(given, grounding=dataclasses.replace(given.grounding, **{part: 0.0}))
    return lambda asked: Verifier(asked, weights)


def open_over_files(folder: Path, work: Path, with_llm: bool, components: Components) -> Assistant:
    """Open an assistant over the articles of a folder, indexed in `work` where they are not yet."""
    update_index(work / "index", [folder], components.embedder)
    return components.open_assistant(work / "index", with_llm)


def open_over(
    families: dict[str, dict[str, Any]], work: Path, with_llm: bool, components: Components | None = None
) -> Assistant:
    """Open an assistant over the articles of all families, indexed in `work` where they are not yet."""
    components = components or Components()
    work.mkdir(parents=True, exist_ok=True)
    lines = [
        {"id": f"{name}-{number}", **{key: str(value) for key, value in article.items()}}
        for name, family in families.items()
        for number, article in enumerate(family["articles"], 1)
    ]
    articles = work / "articles.jsonl"
    articles.write_text("".join(json.dumps(line, ensure_ascii=False) + "\n" for line in lines), encoding="utf-8")
    update_index(work / "index", [articles], components.embedder)
    return components.open_assistant(work / "index", with_llm)


def ask_all(assistant: Assistant, families: dict[str, dict[str, Any]]) -> Iterator[Outcome]:
    asked = [(name, question) for name, family in families.items() for question in family["questions"]]
    spoken = {
        name: detect_language(family["articles"][0]["text"]) if family["articles"] else "ar"
        for name, family in families.items()
    }
    for name, row in tqdm(asked, mininterval=10):
        try:
            record = assistant.ask(row["question"])
        except QuestionLanguage:
            # Arabic in the letters of Urdu is taken for Urdu.
            yield Outcome(name, row["question"], row["kind"], "", False, "refused", "", 0.0, False, 0.0)
            continue
        yield Outcome(
            family=name,
            question=row["question"],
            kind=row["kind"],
            language=record.language,
            crossed=record.language != spoken[name],
            status=record.status,
            answer=record.answer,
            confidence=record.confidence,
            right=is_right(row, record),
            milliseconds=record.timings_ms.short_answer or record.timings_ms.total or 0.0,
        )


def is_right(row: Row, record: Answer) -> bool:
    """Return whether the record answers as the question's row says."""
    if row.get("declined"):
        return record.status == "declined"
    if record.status == "declined":
        return False
    # A yes or no is a word of the answer's beginning; the sentence that says so is quoted.
    if verdict := row.get("verdict"):
        return _verdict(record.answer) == verdict
    if row["kind"] == "compare":
        # The first sentence is the answer; what follows are the values.
        answer = record.short_answer or _MARKER.split(record.answer)[0]
        return any(holds(answer, one) for one in row["answers"])
    said = " ".join((record.short_answer or "", _MARKER.sub("", record.answer), *(c.quote for c in record.citations)))
    if "all" in row:
        return all(holds(said, one) for one in row["all"])
    return any(holds(record.short_answer or _MARKER.sub("", record.answer), one) for one in row["answers"])


def _verdict(answer: str) -> str | None:
    first = (_WORD.findall(fold_text(answer)) or [""])[0]
    return {"yes": "yes", "نعم": "yes", "no": "no", "لا": "no"}.get(first)


def holds(said: str, expected: str) -> bool:
    """Return whether `said` has the words of `expected` in their order and any form, its number, or its date."""
    if _words(expected) in _words(said):
        return True
    today = datetime.date.today()
    dates = {day for date in find_dates(fold_text(expected), today) for day in date.readings}
    if dates:
        return bool(dates & {day for date in find_dates(fold_text(said), today) for day in date.readings})
    numbers = parse_numbers(expected)
    has_number = len(numbers) == 1 and bool(numbers[0].readings & possible_values(said))
    return has_number and not _words_beside_numbers(expected)


def _words(text: str) -> str:
    return f" {' '.join(normalize_tokens(text))} "


def _words_beside_numbers(text: str) -> bool:
    return bool(re.search(r"[^\W\d_]", text))


def summary(outcomes: Sequence[Outcome]) -> dict[str, Any]:
    """Figures over all, by kind, and by language."""
    by = {
        "kinds": _grouped(outcomes, [o.kind for o in outcomes]),
        "languages": _grouped(outcomes, [f"{o.language}{', crossed' if o.crossed else ''}" for o in outcomes]),
    }
    answered = [(o.confidence, o.right) for o in outcomes if o.status == "answered"]
    return {
        "all": _figures(outcomes),
        **by,
        "risk": figures_of(answered),
        "milliseconds_median": round(statistics.median(o.milliseconds for o in outcomes), 1),
    }


def _grouped(outcomes: Sequence[Outcome], keys: Sequence[str]) -> dict[str, dict[str, float]]:
    return {
        key: _figures([o for o, own in zip(outcomes, keys, strict=True) if own == key]) for key in sorted(set(keys))
    }


def _figures(outcomes: Iterable[Outcome]) -> dict[str, float]:
    rows = list(outcomes)
    answered = [o for o in rows if o.status == "answered"]
    wrong = [o for o in answered if not o.right]
    sure = [o for o in wrong if o.confidence >= SURE]
    return {
        "questions": len(rows),
        "right": round(sum(o.right for o in rows) / len(rows), 3),
        "declined": len(rows) - len(answered),
        "declined_rightly": sum(o.right for o in rows if o.status == "declined"),
        "wrong": len(wrong),
        "sure_and_wrong": len(sure),
        "sure_and_wrong_of_answered": round(len(sure) / max(1, len(answered)), 3),
    }


if __name__ == "__main__":
    main()
