"""Questions that take sentences to answer: how many of the points that a good answer makes are made.

    python -m benchmarks.multi_sentence SET --samples INDEX --news INDEX [--split dev] [--with-llm] [--show]

SET is benchmarks/sets/whole-answers.jsonl: for every question the points, each with wordings any of which shows that it
was made. By default the sentences that `qa/multi_sentence.py` chooses are looked at, for several numbers of sentences;
with `--with-llm` the whole program's answers. Figures are saved under benchmarks/results.
"""

from __future__ import annotations

import argparse
import json
import statistics
from collections import defaultdict
from pathlib import Path
from typing import Any

from index.retriever import Retriever
from index.text.folding import fold_text
from qa.assistant import Assistant
from qa.multi_sentence import MAX_REASONS, expand_explanation, select_sentences
from qa.query.question import asks_why_or_how
from qa.reader.extractive_qa import extract_answer
from ui.app import App
from ui.config import load_config

MOST = (2, 3, 4, 5, 6, 8)

Row = dict[str, Any]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("set", type=Path)
    parser.add_argument("--samples", type=Path, required=True)
    parser.add_argument("--news", type=Path, required=True)
    parser.add_argument("--split", choices=("dev", "test"), default="dev")
    parser.add_argument("--with-llm", action="store_true")
    parser.add_argument("--show", action="store_true")
    parser.add_argument("--out", type=Path)
    given = parser.parse_args()
    app = App(load_config())
    retrievers = {name: Retriever(getattr(given, name), app.components.embedder) for name in ("samples", "news")}
    asked = [json.loads(line) for line in given.set.read_text(encoding="utf-8").splitlines()]
    asked = [question for question in asked if question["split"] == given.split]
    if given.with_llm:
        figures = whole_program(asked, retrievers, app, given.show)
    else:
        figures = {**sentences(asked, retrievers), "why and how": reasons(asked, retrievers, app)}
    name = f"multi_sentence-{given.split}{'-program' if given.with_llm else ''}.json"
    (given.out or Path("benchmarks/results") / name).write_text(json.dumps(figures, indent=2) + "\n")
    print(json.dumps(figures, indent=2))


def sentences(asked: list[Row], retrievers: dict[str, Retriever]) -> Row:
    """Share of the points that are in the sentences chosen, by number of sentences; by kind for five of them."""
    made: dict[int, list[bool]] = defaultdict(list)
    kinds: dict[str, list[bool]] = defaultdict(list)
    for question in asked:
        hits = retrievers[question["collection"]].search(question["question"], literally=False)
        for most in MOST:
            chosen = select_sentences(question["question"], hits, most)
            found = [r for point in question["points"] if (r := in_sentences(point, question, chosen)) is not None]
            made[most] += found
            if most == 5:
                kinds[question["kind"]] += found
    by_number = {str(most): share(found) for most, found in made.items()}
    return {
        "points": len(made[MOST[0]]),
        "made by sentences": by_number,
        "kinds": {k: share(v) for k, v in kinds.items()},
    }


def reasons(asked: list[Row], retrievers: dict[str, Retriever], app: App) -> Row:
    """The same for why and how: by the sentence of the reader's phrase, by what goes on from it, by what is chosen."""
    assert app.components.reader
    made: dict[str, list[bool]] = defaultdict(list)
    for question in asked:
        if not question["answerable"] or not asks_why_or_how(question["question"]):
            continue
        hits = retrievers[question["collection"]].search(question["question"], literally=False)
        found = extract_answer(app.components.reader, question["question"], hits)
        assert found
        first = found.located.evidence
        chosen = select_sentences(question["question"], hits, MAX_REASONS)
        ways = {
            "its sentence": [first],
            "and the next": expand_explanation(first, hits)[:2],
            "and the next two": expand_explanation(first, hits),
            "and two that are chosen": [first, *(one for one in chosen if one.text != first.text)][:MAX_REASONS],
            "three that are chosen": chosen,
        }
        for way, read in ways.items():
            made[way] += [r for p in question["points"] if (r := in_sentences(p, question, read)) is not None]
    return {"points": len(made["its sentence"]), **{way: share(found) for way, found in made.items()}}


def in_sentences(point: Row, question: Row, chosen: Any) -> bool | None:
    """Whether the quotation of a point is among the sentences, or its wording, where there is none in the set."""
    if "quote" in point:
        wanted = fold_text(" ".join(point["quote"].split()))
        return any(wanted in (said := fold_text(one.text)) or said in wanted for one in chosen)
    return made_in(point, " ".join(one.text for one in chosen)) if question["lang"] == "ar" else None


def whole_program(asked: list[Row], retrievers: dict[str, Retriever], app: App, show: bool) -> Row:
    """Points made in the answers, and whether what cannot be answered is declined."""
    assistants = {
        name: Assistant(retriever, app.components.generator, app.components.reader, app.components.options)
        for name, retriever in retrievers.items()
    }
    made: dict[str, list[bool]] = defaultdict(list)
    seconds, lengths, declined, wrongly = [], [], [], []
    for question in asked:
        record = assistants[question["collection"]].ask(question["question"])
        if show:
            print(json.dumps([question["question"], record.status, record.answer], ensure_ascii=False), flush=True)
        seconds.append((record.timings_ms.total or 0) / 1000)
        if not question["answerable"]:
            declined.append(record.status == "declined")
            continue
        wrongly.append(record.status == "declined")
        lengths.append(len(record.citations))
        for point in question["points"]:
            hit = record.status == "answered" and made_in(point, record.answer)
            for key in ("all", question["lang"], question["kind"], question["collection"]):
                made[key].append(hit)
    return {
        "questions": len(asked),
        "points": len(made["all"]),
        "made": {key: share(found) for key, found in made.items()},
        "answerable and declined": share(wrongly),
        "unanswerable and declined": share(declined),
        "citations, mean": round(statistics.mean(lengths), 2),
        "seconds, median": round(statistics.median(seconds), 2),
    }


def made_in(point: Row, text: str) -> bool:
    folded = fold_text(text)
    return any(all(fold_text(part.strip()) in folded for part in wording.split("+")) for wording in point["any"])


def share(found: list[bool]) -> float:
    return round(sum(found) / max(1, len(found)), 3)


if __name__ == "__main__":
    main()
