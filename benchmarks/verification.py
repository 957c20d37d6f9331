"""Weights of the verification: fitted on the tuning half of the traps and on plain questions, by cross-validation.

    python -m benchmarks.verification BENCH_FOLDER [--work FOLDER] [--again]

Every phrase that the reader offers is recorded with its signals (`qa/verification/grounding.py`): for the traps that
the reader answers, and for questions of XQuAD about articles that nothing was trained on, as they are, with their
paragraph taken out of what was found, and with a detail swapped. Logistic regression tells how likely a phrase is
right; it is fitted to the phrases that it chooses itself, in a few rounds, and the weights of what a quotation does not
bear out may only lower it. Traps count as much as plain questions, taken together. Reported are figures of questions
that the weights were not fitted on, with every signal, and
with each left out; saved under benchmarks/results. The reader was trained on none of these families and articles.
"""

from __future__ import annotations

import argparse
import json
import random
from collections.abc import Callable, Iterator, Sequence
from dataclasses import fields
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import platformdirs
from scipy.optimize import minimize
from tqdm import tqdm

from benchmarks.heldout_questions import RIGHT, golds_of
from benchmarks.risk import figures_of
from benchmarks.traps import SURE, fitting_families, holds, open_over
from index.indexer import update_index
from index.retriever import Hit, Retriever
from index.runtime.cpu import cpu_name
from qa.citations import Located
from qa.components import Components
from qa.evaluation.metrics import phrase_scores
from qa.query.names import NameTagger
from qa.query.understanding import Understanding, understand
from qa.reader.base import Reader
from qa.reader.extractive_qa import ReaderSignals, Scorer, extract_answer
from qa.training.examples import is_for_validation, load_set, names_in
from qa.training.swaps import Swapper
from qa.verification.grounding import Grounder, Grounding

RESULTS = Path("benchmarks/results/verification.json")
KINDS = ("plain", "another", "premise", "title", "source", "speaker")
"""Kinds of traps that the reader answers."""
PLAIN = 30
"""Questions of each of the four pairings of languages."""
TAKEN_OUT, SWAPPED = 50, 60
FOLDS = 5
ROUNDS = 4
REGULARISATION = 1.0
SIGNALS = [field.name for field in fields(ReaderSignals)] + [field.name for field in fields(Grounding)]
READER = len(fields(ReaderSignals))
THRESHOLDS = (0.25, 0.3, 0.35, 0.4, 0.5)

Floats = npt.NDArray[np.float64]
Row = dict[str, Any]
Offered = tuple[ReaderSignals, Located, Grounding]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("bench", type=Path)
    parser.add_argument("--work", type=Path, default=platformdirs.user_cache_path("jawab") / "verification")
    parser.add_argument("--again", action="store_true", help="fit again from what an earlier run has read")
    given = parser.parse_args()
    given.work.mkdir(parents=True, exist_ok=True)
    if not given.again:
        for name, read in (("traps", read_traps), ("plain", lambda work: read_plain(given.bench, work))):
            if not (given.work / f"{name}.json").is_file():
                rows = list(read(given.work))
                (given.work / f"{name}.json").write_text(json.dumps(rows))
    rows = [row for name in ("traps", "plain") for row in json.loads((given.work / f"{name}.json").read_text())]
    weights, bias = fit(rows, range(len(SIGNALS)))
    figures: dict[str, Any] = {
        "cpu": cpu_name(),
        "weights": dict(zip(SIGNALS, map(float, np.round(weights, 3)), strict=True)) | {"bias": round(bias, 3)},
        "all signals": crossed(rows, range(len(SIGNALS))),
        "reader alone": crossed(rows, range(len(fields(ReaderSignals)))),
    }
    for at, name in enumerate(SIGNALS):
        figures[f"without {name}"] = crossed(rows, [other for other in range(len(SIGNALS)) if other != at])
    RESULTS.write_text(json.dumps(figures, indent=1) + "\n")
    print(json.dumps({name: figures[name] for name in ("weights", "all signals", "reader alone")}, indent=1))


def read_traps(work: Path) -> Iterator[Row]:
    """Yield the traps of the reader's kinds with the signals of every phrase offered."""
    families = fitting_families()
    recorder = Recorder()
    components = Components(verifier=recorder)
    with open_over(families, work / "families", with_llm=False, components=components) as assistant:
        for family, table in tqdm(families.items(), desc="traps"):
            for question in table["questions"]:
                if question["kind"] in KINDS:
                    recorder.offered = []
                    assistant.ask(question["question"])
                    offered = recorder.offered
                    answers = () if question.get("declined") else question["answers"]
                    yield _row(family, question["kind"], offered, answers, holds)


class Recorder:
    """Verifier that believes nothing, and records what the reader offers for a question."""

    def __init__(self) -> None:
        self.offered: list[Offered] = []

    def __call__(self, asked: Understanding) -> Scorer:
        grounder = Grounder(asked)

        def score(signals: ReaderSignals, located: Located) -> float:
            self.offered.append((signals, located, grounder.ground(located)))
            return 0.0

        return score


def read_plain(bench: Path, work: Path) -> Iterator[Row]:
    """Yield plain questions, those whose paragraph was taken out of what was found, and swapped ones."""
    components = Components()
    reader, tagger = components.reader, components.name_tagger
    assert reader and tagger
    retrievers = {language: _heldout(bench, language, work, components) for language in ("ar", "en")}
    drawn = list(_drawn(bench, retrievers))
    for name, retriever, question, kind in tqdm(drawn, desc="plain"):
        hits = retriever.search(question["question"], literally=False)
        if kind == "taken out":
            hits = [hit for hit in hits if not _has_paragraph(hit, question)]
        offered = _read(question["question"], hits, reader, tagger)
        golds = golds_of(question) if kind == "plain" else ()
        yield _row(f"{name} {question['article_id']}", f"set/{kind}", offered, golds, _matches)


def _heldout(bench: Path, language: str, work: Path, components: Components) -> Retriever:
    """Search over the articles of a set that nothing was trained on."""
    lines = (bench / "xquad" / language / "articles.jsonl").read_text(encoding="utf-8").splitlines()
    file = work / f"{language}.jsonl"
    file.write_text("".join(f"{line}\n" for at, line in enumerate(lines) if is_for_validation(at)), encoding="utf-8")
    update_index(work / language, [file], components.embedder)
    return Retriever(work / language, components.embedder)


def _drawn(bench: Path, retrievers: dict[str, Retriever]) -> Iterator[tuple[str, Retriever, Row, str]]:
    draw = random.Random(5)
    plain: list[tuple[str, Retriever, Row]] = []
    asked: list[str] = []
    for name, language in (("ar", "ar"), ("en", "en"), ("en-over-ar", "ar"), ("ar-over-en", "en")):
        lines = (bench / "xquad" / name / "questions.jsonl").read_text(encoding="utf-8").splitlines()
        questions = [json.loads(line) for line in lines]
        asked += [question["question"] for question in questions]
        ids = {article.id for article in retrievers[language].catalog.articles()}
        chosen = draw.sample([question for question in questions if question["article_id"] in ids], PLAIN)
        plain += [(name, retrievers[language], question) for question in chosen]
    yield from ((*row, "plain") for row in plain)
    yield from ((*row, "taken out") for row in draw.sample(plain, TAKEN_OUT))
    swapper = Swapper(asked, draw, names_in(load_set(bench / "xquad/ar", validation=False)))
    swapped = []
    for name, retriever, question in plain:
        paragraph = retriever.catalog.article(question["article_id"]).text[slice(*question["paragraph"])]
        if swap := swapper.swap(question["question"], paragraph):
            swapped.append((name, retriever, {**question, "question": swap.question}, "swapped"))
    yield from draw.sample(swapped, min(SWAPPED, len(swapped)))


def _has_paragraph(hit: Hit, question: Row) -> bool:
    start, end = question["paragraph"]
    return hit.article.id == question["article_id"] and hit.passage.start < end and start < hit.passage.end


def _read(question: str, hits: Sequence[Hit], reader: Reader, tagger: NameTagger) -> list[Offered]:
    offered: list[Offered] = []
    grounder = Grounder(understand(question, tagger))

    def score(signals: ReaderSignals, located: Located) -> float:
        offered.append((signals, located, grounder.ground(located)))
        return 0.0

    extract_answer(reader, question, hits, score=score)
    return offered


def _row(
    group: str,
    kind: str,
    offered: Sequence[Offered],
    answers: Sequence[str],
    is_right: Callable[[str, str], bool],
) -> Row:
    """Return what is stored of a question: no texts, only signals and whether each phrase is right."""
    phrases = [
        {
            "signals": [*signals.values(), *grounding.values()],
            "right": any(is_right(located.text, answer) for answer in answers),
        }
        for signals, located, grounding in offered
    ]
    return {"group": group, "kind": kind, "answerable": bool(answers), "phrases": phrases}


def _matches(phrase: str, gold: str) -> bool:
    return phrase_scores(phrase, [gold])[0] >= RIGHT


def fit(rows: Sequence[Row], columns: Sequence[int]) -> tuple[Floats, float]:
    """Return weights of all signals (0 of those that are not in `columns`) and the bias."""
    weights, bias = np.zeros(len(SIGNALS)), 0.0
    weights[:3] = 0.2, 3.0, 0.2
    for _ in range(ROUNDS):
        offered = [(row, best(row, weights)) for row in rows]
        chosen = [phrase for _, phrase in offered if phrase]
        shares = _shares([row for row, phrase in offered if phrase])
        signals = np.array([phrase["signals"] for phrase in chosen])[:, list(columns)]
        right = np.array([phrase["right"] for phrase in chosen])
        scale = signals.std(0) + 1e-6
        found = _regression(signals / scale, right, shares, [other >= READER for other in columns])
        weights = np.zeros(len(SIGNALS))
        weights[list(columns)] = found[:-1] / scale
        bias = float(found[-1])
    return weights, bias


def _shares(rows: Sequence[Row]) -> Floats:
    """Return how much each question counts: the traps together as much as the questions of the sets."""
    traps = np.array([not row["kind"].startswith("set/") for row in rows])
    return np.where(traps, len(rows) / 2 / max(1, traps.sum()), len(rows) / 2 / max(1, (~traps).sum()))


def _regression(signals: Floats, right: npt.NDArray[np.bool_], shares: Floats, lowers: Sequence[bool]) -> Floats:
    """Return weights and bias of a regularised logistic regression; those that may only lower are not above 0."""

    def loss(weights: Floats) -> tuple[float, Floats]:
        odds = signals @ weights[:-1] + weights[-1]
        error = shares * (1 / (1 + np.exp(-odds)) - right)
        gradient = np.append(signals.T @ error + REGULARISATION * weights[:-1], error.sum())
        value = (shares * (np.logaddexp(0, odds) - odds * right)).sum()
        value += REGULARISATION / 2 * (weights[:-1] ** 2).sum()
        return float(value), gradient

    bounds = [(None, 0.0) if low else (None, None) for low in lowers] + [(None, None)]
    fitted: Floats = minimize(loss, np.zeros(len(bounds)), jac=True, method="L-BFGS-B", bounds=bounds).x
    return fitted


def best(row: Row, weights: Floats) -> Row | None:
    """Return the phrase that the weights choose."""
    return max(row["phrases"], key=lambda phrase: float(np.dot(phrase["signals"], weights)), default=None)


def crossed(rows: Sequence[Row], columns: Sequence[int]) -> dict[str, Any]:
    """Figures with weights that were fitted on other families and articles."""
    groups = sorted({row["group"] for row in rows})
    random.Random(0).shuffle(groups)
    fold = {group: at % FOLDS for at, group in enumerate(groups)}
    judged: list[tuple[Row, float, bool]] = []
    for at in range(FOLDS):
        weights, bias = fit([row for row in rows if fold[row["group"]] != at], columns)
        for row in (row for row in rows if fold[row["group"]] == at):
            phrase = best(row, weights)
            odds = float(np.dot(phrase["signals"], weights)) + bias if phrase else -9.0
            judged.append((row, float(1 / (1 + np.exp(-odds))), bool(phrase and phrase["right"])))
    return {
        "risk": figures_of([(sure, right) for _, sure, right in judged]),
        **{str(bound): _at(judged, bound) for bound in THRESHOLDS},
    }


def _at(judged: Sequence[tuple[Row, float, bool]], bound: float) -> dict[str, float]:
    """Return the shares of right outcomes of traps and plain questions, and of sure and wrong ones."""
    figures: dict[str, float] = {}
    for name in ("traps", "set"):
        part = [one for one in judged if one[0]["kind"].startswith("set/") == (name == "set")]
        right = [is_right if sure >= bound else not row["answerable"] for row, sure, is_right in part]
        answered = [(sure, is_right) for _, sure, is_right in part if sure >= bound]
        figures |= {
            f"{name} right": round(float(np.mean(right)), 3),
            f"{name} answered": len(answered),
            f"{name} wrong": sum(not is_right for _, is_right in answered),
            f"{name} sure and wrong": sum(sure >= SURE and not is_right for sure, is_right in answered),
        }
    return figures


if __name__ == "__main__":
    main()
