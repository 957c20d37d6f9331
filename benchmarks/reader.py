"""How well the reader reads: right paragraph given, end to end, whether it knows what is not there, and how sure it is.

    python -m benchmarks.reader BENCH_FOLDER --data FOLDER --weights FILE [--work FOLDER] [--again]

Only questions about articles that the reader was not trained on are asked (`qa/training/examples.py`), over the whole
sets. Each question's excerpts are read once, up to the most tokens; figures for less are reckoned from that. What makes
an answer likely is fitted on half of the questions and reported on the other half, both ways round; the weights in
`qa/reader/extractive_qa.py` are fitted on all.

Beside the sets, questions that the articles do not answer are asked (`benchmarks/pairings.py`): SQuAD 2.0's, over whole
articles, as many as of its answerable ones, and questions of the sets with a detail swapped, beside the same ones as
they are. Figures are saved under benchmarks/results. Needs the extra `benchmarks`.
"""

from __future__ import annotations

import argparse
import json
import math
import random
import resource
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import platformdirs
from sklearn.linear_model import LogisticRegression
from tqdm import tqdm

from benchmarks.heldout_questions import (
    ABSTAIN,
    RIGHT,
    Row,
    half_of,
    heldout_questions,
    load_reader,
    retriever_of,
    scores,
)
from benchmarks.pairings import SQUAD, as_row, of_bench_articles, pairings, retriever_over
from benchmarks.risk import Answered, figures_of
from index.embeddings import SentenceTransformerEmbedder
from index.retriever import Retriever
from index.runtime.cpu import cpu_name
from qa.reader.base import Context, Reader
from qa.reader.excerpts import excerpts
from qa.reader.extractive_qa import BATCH_TOKENS, BUDGET, EARLY_STOP_PROBABILITY, WEIGHTS, Weights, probability
from qa.training.course import SETS
from qa.training.train import default_embedder, validate

BUDGETS = (150, 200, 300, 400, 500, 600)
SURE_AT = (0.6, 0.7, 0.8, 0.9, 1.1)
THRESHOLDS = (0.0, 0.2, 0.3, 0.35, 0.4, 0.5)
BINS = 10
UNANSWERABLE = 0.08
"""Share of unanswerable questions that probabilities are fitted for: with more, right answers are declined."""
MARGIN = Weights(margin=1, evidence=0, answerable=0, bias=0)


@dataclass(frozen=True)
class Read:
    """An excerpt as it was read: what it cost, what the reader made of it, and what it is worth as evidence."""

    tokens: int
    margin: float
    text: str
    evidence: float
    answerable: float


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("bench", type=Path)
    parser.add_argument("--data", type=Path, required=True, help="folder of the mixture's files")
    parser.add_argument("--weights", type=Path, required=True)
    parser.add_argument("--work", type=Path, default=platformdirs.user_cache_path("jawab") / "reader")
    parser.add_argument("--out", type=Path, default=Path("benchmarks/results/reader.json"))
    parser.add_argument("--limit", type=int, help="questions of each set")
    parser.add_argument("--pairs", type=int, default=150, help="questions of each side of a pairing")
    parser.add_argument("--untitled", action="store_true", help="read excerpts without title and date")
    parser.add_argument("--again", action="store_true", help="reckon from what an earlier run has read")
    given = parser.parse_args()
    if not given.again:
        read_all(given)
    names = json.loads((given.work / "names.json").read_text())
    rows: dict[str, list[Row]] = {name: json.loads(_kept(given.work, name).read_text()) for name in names}
    weights = fit([row for part in rows.values() for row in part])
    # A run that was stopped has read no whole paragraphs yet.
    paragraphs = given.work / "given.json"
    pairs = {name: part for name, part in rows.items() if name not in SETS}
    figures = {
        "weights": asdict(weights),
        "cpu": cpu_name(),
        "memory": json.loads((given.work / "memory.json").read_text()),
        "paragraph given": json.loads(paragraphs.read_text()) if paragraphs.is_file() else None,
        "end to end": {name: {str(b): end_to_end(rows[name], b, weights) for b in BUDGETS} for name in SETS},
        "margin alone": {name: {str(b): end_to_end(rows[name], b, MARGIN) for b in BUDGETS} for name in SETS},
        "stopping": {str(b): stopping(rows, weights, b) for b in (400, 500)},
        "thresholds": {str(bound): at_threshold(rows, weights, bound) for bound in THRESHOLDS},
        "declining": {name: declining(part, rows, BUDGET) for name, part in pairs.items()},
        "sureness": sureness([row for part in rows.values() for row in part]),
        "risk": {"all": risk([r for part in rows.values() for r in part]), **{n: risk(p) for n, p in rows.items()}},
    }
    given.out.write_text(json.dumps(figures, indent=2) + "\n")
    print(json.dumps(figures, indent=2))


def read_all(given: argparse.Namespace) -> None:
    """Read all excerpts of all questions, and store what was read in the work folder."""
    embedder = SentenceTransformerEmbedder(default_embedder())
    reader = load_reader(given.weights, embedder, given.untitled)
    given.work.mkdir(parents=True, exist_ok=True)
    (given.work / "memory.json").write_text(json.dumps(memory(embedder, reader)))
    names = []
    for name, asked in questions(given, embedder):
        # A run that was stopped goes on; another reader needs another work folder.
        if not _kept(given.work, name).is_file():
            rows = [read_question(question, retriever, reader) for question, retriever in tqdm(asked, desc=name)]
            _kept(given.work, name).write_text(json.dumps(rows, ensure_ascii=False))
        names.append(name)
        (given.work / "names.json").write_text(json.dumps(names))
    (given.work / "given.json").write_text(json.dumps(validate(reader, given.bench, given.limit)))


def questions(
    given: argparse.Namespace, embedder: SentenceTransformerEmbedder
) -> Iterator[tuple[str, list[tuple[Row, Retriever]]]]:
    """Yield sets and pairings: name, and questions with the retriever over their articles."""
    bench, work = given.bench, given.work
    for name in (*SETS, *ABSTAIN):
        retriever = retriever_of(name, bench, work, embedder)
        asked = list(heldout_questions(bench, name))
        asked = random.Random(0).sample(asked, min(given.limit or len(asked), len(asked)))
        yield name, [(question, retriever) for question in asked]
    whole = retriever_over(of_bench_articles(bench, given.data), embedder, work / "squad")
    for name, pairing in pairings(bench, given.data, given.pairs).items():
        rows = [as_row(source) for source in (*pairing.answerable, *pairing.unanswerable)]
        if name == SQUAD:
            yield name, [(row, whole) for row in rows]
        elif pairing.set_names:
            retrievers = [retriever_of(of, bench, work, embedder) for of in pairing.set_names]
            yield name, list(zip(rows, retrievers * 2, strict=True))


def memory(embedder: SentenceTransformerEmbedder, reader: Reader) -> dict[str, float]:
    """MB of this process with the embedder at work, and what the reader at work adds."""
    text = "The tram line has 24 stations and opened in May. " * 9
    embedder.embed_queries([text] * 4)
    before = _resident()
    reader.read("How many stations has the tram line?", [Context(text)] * 4)
    return {"embedder": round(before, 1), "reader_adds": round(_resident() - before, 1)}


def _resident() -> float:
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * resource.getpagesize() / 1e6


def _kept(work: Path, name: str) -> Path:
    return work / f"{name.replace('/', '-')}.json"


def read_question(question: Row, retriever: Retriever, reader: Reader) -> Row:
    """The question and its excerpts as they were read, in order."""
    text = question["question"]
    hits = retriever.search(text, literally=False)
    asked = reader.count_tokens(text)
    chosen, costs = [], []
    for excerpt in excerpts(text, hits, reader.count_tokens):
        costs.append(reader.count_tokens(excerpt.text) + asked)
        if chosen and sum(costs) > max(BUDGETS):
            break
        chosen.append(excerpt)
    read = []
    for cost, excerpt, reading in zip(costs, chosen, reader.read(text, [e.context for e in chosen]), strict=False):
        span = reading.spans[0].span
        said = excerpt.text[span.start : span.end]
        read.append(asdict(Read(cost, reading.margin, said, excerpt.best.score, reading.answerable)))
    return {"question": question, "read": read}


def best(row: Row, budget: int, weights: Weights) -> Row:
    """The likeliest answer within a budget."""
    spent, within = 0, []
    for one in row["read"]:
        spent += one["tokens"]
        if within and spent > budget:
            break
        within.append(one)
    return max(within, key=lambda one: likely(one, weights))


def read_until(row: Row, budget: int, weights: Weights, sure: float) -> tuple[Row, int]:
    """The likeliest answer where reading stops, after a round, at one that is sure; and the tokens read."""
    best_so_far: Row | None = None
    spent = waiting = 0
    for one in row["read"]:
        if spent and spent + one["tokens"] > budget:
            break
        if waiting and waiting + one["tokens"] > BATCH_TOKENS:
            waiting = 0
            if best_so_far and likely(best_so_far, weights) >= sure:
                break
        spent, waiting = spent + one["tokens"], waiting + one["tokens"]
        if best_so_far is None or likely(one, weights) > likely(best_so_far, weights):
            best_so_far = one
    assert best_so_far
    return best_so_far, spent


def likely(one: Row, weights: Weights) -> float:
    return probability(one["margin"], one["evidence"], one["answerable"], weights)


def stopping(rows: dict[str, list[Row]], weights: Weights, budget: int) -> dict[str, dict[str, float]]:
    """What it costs to stop reading at an answer that is sure: F1 over all sets, and the tokens read."""
    asked = [row for name in SETS for row in rows[name]]
    table = {}
    for sure in SURE_AT:
        ended = [(row, *read_until(row, budget, weights, sure)) for row in asked]
        table[str(sure)] = {
            "f1": round(float(np.mean([scores(row["question"], one["text"])[0] for row, one, _ in ended])), 4),
            "tokens_median": float(np.median([tokens for _, _, tokens in ended])),
            "tokens_mean": round(float(np.mean([tokens for _, _, tokens in ended])), 1),
        }
    return table


def end_to_end(rows: Sequence[Row], budget: int, weights: Weights) -> dict[str, float]:
    found = [scores(row["question"], best(row, budget, weights)["text"]) for row in rows]
    return {
        "questions": len(rows),
        "f1": round(float(np.mean([score for score, _ in found])), 4),
        "em": round(float(np.mean([exact for _, exact in found])), 4),
    }


def fit(rows: Sequence[Row], budget: int = BUDGET) -> Weights:
    """Weights that make `probability` the chance that an answer is right; twice, for they also choose the answers.

    Unanswerable questions count as if they were `UNANSWERABLE` of all.
    """
    unanswerable = np.array([not row["question"].get("answerable", True) for row in rows])
    shares = np.where(
        unanswerable, UNANSWERABLE / max(1, unanswerable.sum()), (1 - UNANSWERABLE) / max(1, (~unanswerable).sum())
    )
    weights = WEIGHTS
    for _ in range(2):
        chosen = [(row, best(row, budget, weights)) for row in rows]
        signals = np.array([[one["margin"], one["evidence"], one["answerable"]] for _, one in chosen])
        right = np.array([scores(row["question"], one["text"])[0] >= RIGHT for row, one in chosen])
        model = LogisticRegression(C=100.0, max_iter=1000).fit(signals, right, sample_weight=shares * len(rows))
        weights = Weights(*map(float, model.coef_[0]), float(model.intercept_[0]))
    return weights


def at_threshold(rows: dict[str, list[Row]], weights: Weights, bound: float) -> dict[str, dict[str, float]]:
    """As the product does it, stopping where it is sure: F1 with what is declined as nothing, and who is declined."""
    table: dict[str, dict[str, float]] = {}
    for name, part in rows.items():
        ended = [(row, read_until(row, BUDGET, weights, EARLY_STOP_PROBABILITY)[0]) for row in part]
        kept = [(row, one) for row, one in ended if likely(one, weights) >= bound]
        there = sum(bool(row["question"].get("answerable", True)) for row, _ in ended)
        answered = sum(bool(row["question"].get("answerable", True)) for row, _ in kept)
        table[name] = {"answered_when_answerable": round(answered / there, 4)}
        if name not in SETS:
            declined = 1 - (len(kept) - answered) / (len(ended) - there)
            table[name]["declined_when_unanswerable"] = round(declined, 4)
            table[name]["balanced_accuracy"] = round((answered / there + declined) / 2, 4)
        else:
            found = [scores(row["question"], one["text"]) for row, one in kept]
            table[name]["f1"] = round(sum(f for f, _ in found) / len(ended), 4)
            table[name]["em"] = round(sum(e for _, e in found) / len(ended), 4)
    return table


def risk(rows: Sequence[Row]) -> dict[str, float]:
    """Risk-coverage and calibration of what the program would answer: read until sure, within its budget."""
    ended = ((row, read_until(row, BUDGET, WEIGHTS, EARLY_STOP_PROBABILITY)[0]) for row in rows)
    answers: list[Answered] = [
        (likely(one, WEIGHTS), scores(row["question"], one["text"])[0] >= RIGHT) for row, one in ended
    ]
    return figures_of(answers)


def declining(rows: Sequence[Row], all_rows: dict[str, list[Row]], budget: int) -> dict[str, float]:
    """Balanced accuracy with weights and threshold chosen on the other half of the questions of all sets."""
    everything = [row for part in all_rows.values() for row in part]
    found = []
    for half in (0, 1):
        weights = fit([row for row in everything if half_of(row["question"]) != half])
        pairs = [part for name, part in all_rows.items() if name not in SETS]
        there = [row for part in pairs for row in part if half_of(row["question"]) != half]
        bound = max((b / 50 for b in range(1, 50)), key=lambda b: balanced(there, budget, weights, b))
        asked = [row for row in rows if half_of(row["question"]) == half]
        found.append((len(asked), balanced(asked, budget, weights, bound), bound))
    total = sum(count for count, _, _ in found)
    return {
        "questions": total,
        "balanced_accuracy": round(sum(count * value for count, value, _ in found) / total, 4),
        "thresholds": [bound for _, _, bound in found],  # type: ignore[dict-item]
    }


def balanced(rows: Sequence[Row], budget: int, weights: Weights, bound: float) -> float:
    sure = [(_sure(row, budget, weights) >= bound, row["question"].get("answerable", True)) for row in rows]
    yes, no = [s for s, there in sure if there], [not s for s, there in sure if not there]
    return (sum(yes) / max(1, len(yes)) + sum(no) / max(1, len(no))) / 2


def _sure(row: Row, budget: int, weights: Weights) -> float:
    return likely(best(row, budget, weights), weights)


def sureness(rows: Sequence[Row], budget: int = 400) -> dict[str, Any]:
    """Expected calibration error and the reliability curve, each half by weights of the other."""
    pairs = []
    for half in (0, 1):
        weights = fit([row for row in rows if half_of(row["question"]) != half])
        for row in (row for row in rows if half_of(row["question"]) == half):
            one = best(row, budget, weights)
            pairs.append((likely(one, weights), scores(row["question"], one["text"])[0] >= RIGHT))
    curve = []
    for lower in range(BINS):
        inside = [(p, right) for p, right in pairs if math.floor(min(p, 0.9999) * BINS) == lower]
        if inside:
            said, was = (float(np.mean(column)) for column in zip(*inside, strict=True))
            curve.append({"answers": len(inside), "said": round(said, 3), "was": round(was, 3)})
    error = sum(bin_["answers"] * abs(bin_["said"] - bin_["was"]) for bin_ in curve) / len(pairs)
    return {"answers": len(pairs), "ece": round(error, 4), "curve": curve}


if __name__ == "__main__":
    main()
