"""Follow-ups: whether a question that leans on the one before is noticed, and how well it is answered.

    python -m benchmarks.conversations SET --samples INDEX --news INDEX [--no-llm] [--show]

SET is a file of conversations (benchmarks/sets/conversations.jsonl); the two indexes hold the articles that they are
about. Each turn is asked of the reader in several ways: as it is, joined to what it leans on, searched for so and read
as it is, as the LLM rewrites it, and as a person would (the set says how). Figures by split are saved under
benchmarks/results.
"""

from __future__ import annotations

import argparse
import json
import statistics
import time
from collections import defaultdict
from pathlib import Path
from typing import Any

from index.retriever import Retriever
from qa.evaluation.metrics import phrase_scores, words
from qa.query.followup import HistoryTurn, concat_history, is_follow_up
from qa.query.rewriting import rewrite_follow_up
from qa.query.smalltalk import classify
from qa.reader.base import Reader
from qa.reader.extractive_qa import extract_answer
from ui.app import App
from ui.config import load_config

Row = dict[str, Any]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("set", type=Path)
    parser.add_argument("--samples", type=Path, required=True)
    parser.add_argument("--news", type=Path, required=True)
    parser.add_argument("--out", type=Path, default=Path("benchmarks/results/conversations.json"))
    parser.add_argument("--no-llm", action="store_true")
    parser.add_argument("--show", action="store_true", help="print what was asked and answered")
    given = parser.parse_args()
    app = App(load_config())
    assert app.components.reader
    retrievers = {name: Retriever(getattr(given, name), app.components.embedder) for name in ("samples", "news")}
    rows = []
    for line in given.set.read_text(encoding="utf-8").splitlines():
        conversation = json.loads(line)
        rows += talk(conversation, retrievers[conversation["collection"]], app, not given.no_llm)
    if given.show:
        print("\n".join(json.dumps(row, ensure_ascii=False) for row in rows))
    figures = {split: summary([row for row in rows if row["split"] == split]) for split in ("dev", "test")}
    given.out.write_text(json.dumps(figures, indent=2) + "\n")
    print(json.dumps(figures, indent=2))


def talk(conversation: Row, retriever: Retriever, app: App, with_llm: bool) -> list[Row]:
    """Every turn asked in every way; what was said before is what the set says, so that ways can be compared."""
    history: list[HistoryTurn] = []
    rows = []
    for turn in conversation["turns"]:
        row = {"split": conversation["split"], "later": bool(history), "turn": turn}
        if turn["status"] == "social":
            row["social"] = classify(turn["question"]) is not None
        else:
            assert app.components.reader
            row["leans"] = bool(history) and is_follow_up(turn["question"])
            row["ways"] = {}
            for way, wanted, asked, seconds in ways(turn, history, app, with_llm):
                row["ways"][way] = {
                    "asked": asked,
                    "seconds": seconds,
                    **ask(wanted, asked, turn, retriever, app.components.reader),
                }
            history.append(HistoryTurn(turn["alone"], turn["answers"][0] if turn["answers"] else None))
        rows.append(row)
    return rows


def ways(turn: Row, history: list[HistoryTurn], app: App, with_llm: bool) -> list[tuple[str, str, str, float]]:
    """Name, what is searched for, what is asked of the reader, and the seconds that making them took."""
    question, alone = turn["question"], turn["alone"]
    found = [("as it is", question, question, 0.0), ("as a person would", alone, alone, 0.0)]
    if history:
        together = concat_history(question, history)
        found += [("joined", together, together, 0.0), ("searched with what was said", together, question, 0.0)]
        if with_llm and app.components.generator:
            start = time.perf_counter()
            made = rewrite_follow_up(question, history, app.components.generator)
            found.append(("rewritten", made or together, made or question, time.perf_counter() - start))
    return found


def ask(wanted: str, asked: str, turn: Row, retriever: Retriever, reader: Reader) -> Row:
    found = extract_answer(reader, asked, retriever.search(wanted, literally=False))
    if found is None:
        return {"phrase": "", "likely": 0.0, "right": False}
    said = set(words(found.located.text))
    right = any(set(words(answer)) <= said or phrase_scores(found.located.text, [answer])[0] >= 0.5
                for answer in turn["answers"])  # fmt: skip
    return {"phrase": found.located.text, "likely": round(found.probability, 3), "right": right}


def summary(rows: list[Row]) -> Row:
    later = [row for row in rows if row["later"] and "ways" in row]
    social = [row for row in rows if "social" in row]
    figures: Row = {
        "first turns right": share([r["ways"]["as it is"]["right"] for r in rows if "ways" in r and not r["later"]]),
        "talk noticed": share([row["social"] for row in social]),
        "leaning noticed": share([row["leans"] for row in later if row["turn"]["needs_context"]]),
        "standing alone noticed": share([not row["leans"] for row in later if not row["turn"]["needs_context"]]),
    }
    answers: dict[str, list[bool]] = defaultdict(list)
    declined: dict[str, list[bool]] = defaultdict(list)
    for row in later:
        for name, way in {**row["ways"], **as_decided(row)}.items():
            if row["turn"]["status"] == "answered":
                answers[name].append(way["right"] and way["likely"] >= 0.3)
            else:
                declined[name].append(way["likely"] < 0.3)
    figures["later turns right"] = {name: share(found) for name, found in answers.items()}
    figures["later turns rightly declined"] = {name: share(found) for name, found in declined.items()}
    seconds = [way["seconds"] for row in later for name, way in row["ways"].items() if name == "rewritten"]
    figures["seconds to rewrite, median"] = round(statistics.median(seconds), 2) if seconds else None
    return figures


def as_decided(row: Row) -> Row:
    """Joined or rewritten only where the question is held to lean on what was said."""
    ways = row["ways"]
    return {
        f"{name} where it leans": ways[name] if row["leans"] else ways["as it is"]
        for name in ("joined", "searched with what was said", "rewritten")
        if name in ways
    }


def share(found: list[bool]) -> Row:
    return {"of": len(found), "share": round(sum(found) / len(found), 3) if found else None}


if __name__ == "__main__":
    main()
