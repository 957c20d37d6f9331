"""Ways to use the LLM beside the reader: what it is shown, whether it is told the phrase, and who chooses.

    python -m benchmarks.llm_ablation BENCH_FOLDER [--work FOLDER] [--limit 16] [--sure 24] [--show]

Questions about articles that the reader was not trained on, over the whole sets. Every way gets the same passages and
the same reading. *Phrases*: F1 of the reader's phrase, of the LLM's own, by tokens of evidence, of the reader's
candidates as the LLM's likelihood ranks them, and of the reader's phrase in the sentence whose number the LLM picks.
*Sentences*: how many of those that the LLM writes stand as they are (`qa/verification/`), have the right answer in
them, and what the first token costs. *Sureness*: how well right answers are known from wrong ones by the reader's own
probability, and with what the LLM makes of the evidence, or of the phrase's sentence alone. Kept for each question in
the work folder, so that a run that was stopped goes on; figures are saved under benchmarks/results. Needs the extra
`benchmarks`.
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import platformdirs
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import log_loss, roc_auc_score
from sklearn.model_selection import GroupKFold
from tqdm import tqdm

from benchmarks.heldout_questions import ABSTAIN, RIGHT, Row, drawn, golds_of, retriever_of, scores
from index.articles import Language
from index.retriever import Hit
from index.text.language import detect_language
from qa.answer import Correction
from qa.assistant import SENTENCE_TOKENS
from qa.citations import Located
from qa.evaluation.metrics import f1, recall
from qa.evidence import MAX_EVIDENCE_TOKENS, Evidence, select_evidence
from qa.llm.base import Message, Prompt
from qa.llm.llama_cpp_llm import LlamaCppLLM
from qa.llm_extraction import PHRASE_TOKENS, extract_short_answer
from qa.postprocess import verify_sentence
from qa.prompts import AnswerPrompt, answer_prompt, prompt_table, sentence_prompt
from qa.query.question import validate_question
from qa.reader.base import Reader
from qa.reader.extractive_qa import BUDGET as READING
from qa.reader.extractive_qa import located, probability, token_batches
from qa.training.course import SETS
from ui.app import App
from ui.config import load_config

BUDGETS = (0, MAX_EVIDENCE_TOKENS)
"""Tokens of evidence; 0 is the best sentence alone."""
CANDIDATES = 8
CHOSEN = "and how likely the LLM holds its phrase, by its sentence"
SIGNALS = {
    "the reader alone": ["reader"],
    "and whether the LLM's own phrase agrees": ["reader", "evidence: agreed", "evidence: refusal"],
    "and whether it agrees, by the phrase's sentence": ["reader", "sentence: agreed", "sentence: refusal"],
    "and how likely the LLM holds its phrase": ["reader", "evidence: likelihood"],
    CHOSEN: ["reader", "sentence: likelihood"],
}
REPHRASE: dict[Language, str] = {
    "en": "Write the answer as one English sentence.",
    "ar": "اكتب الجواب في جملة عربية واحدة.",
}
"""What the LLM is told after the phrase, where the sentence is a second turn of the prompt for the phrase."""
NUMBERS = {
    "en": "You are given numbered sentences taken from articles. Write only the number of the sentence that answers.",
    "ar": "أمامك جمل مرقمة مأخوذة من مقالات. اكتب رقم الجملة التي تجيب عن السؤال فقط.",
}


@dataclass(frozen=True)
class Candidate:
    """A phrase that the reader holds possible, and how likely it is by its margin and its excerpt's worth."""

    located: Located
    likely: float


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("bench", type=Path)
    parser.add_argument("--work", type=Path, default=platformdirs.user_cache_path("jawab") / "reader")
    parser.add_argument("--out", type=Path, default=Path("benchmarks/results/llm_ablation.json"))
    parser.add_argument("--limit", type=int, default=16, help="questions of each set")
    parser.add_argument("--sure", type=int, default=24, help="questions of each set, and of abstain, for sureness")
    parser.add_argument("--show", action="store_true", help="print what was written")
    given = parser.parse_args()
    app = App(load_config())
    reader, generator = app.components.reader, app.components.generator
    if reader is None or not isinstance(generator, LlamaCppLLM):
        raise SystemExit("needs the reader and the LLM")
    kept = given.work / f"llm_ablation-{generator.name}.json"
    asked: dict[str, Row] = json.loads(kept.read_text()) if kept.exists() else {}
    for name in (*SETS, *ABSTAIN):
        retriever = retriever_of(name, given.bench, given.work, app.components.embedder)
        questions = drawn(given.bench, name, max(given.limit, given.sure))
        for number, question in enumerate(tqdm(questions, desc=name, mininterval=10)):
            key = f"{name} {question['id']}"
            if key not in asked:
                hits = retriever.search(question["question"], literally=False)
                thoroughly = name in SETS and number < given.limit
                asked[key] = measure(question, hits, reader, generator, thoroughly)
                kept.write_text(json.dumps(asked, ensure_ascii=False))
    by_set = {name: [row for key, row in asked.items() if key.split()[0] == name and "phrases" in row] for name in SETS}
    figures = {
        "questions": {name: len(rows) for name, rows in by_set.items()},
        **tables(by_set),
        "sureness": sureness(list(asked.values())),
    }
    given.out.write_text(json.dumps(figures, indent=2) + "\n")
    print(json.dumps(figures, indent=2))
    if given.show:
        print("\n".join(json.dumps(row.get("sentences"), ensure_ascii=False) for row in asked.values()))


def measure(question: Row, hits: Sequence[Hit], reader: Reader, generator: LlamaCppLLM, thoroughly: bool) -> Row:
    """One question: what tells whether its answer is right, and, if `thoroughly`, every way to put it."""
    text = question["question"]
    candidates = candidates_of(text, hits, reader)
    best = candidates[0].located
    prompts = answer_prompt(validate_question(text))
    generator.prepare(prompts.head)
    evidence = with_phrase(select_evidence(text, hits, generator.count_tokens, MAX_EVIDENCE_TOKENS), best)
    prompt = prompts.ask(text, [piece.text for piece in evidence])
    row = {"question": question, "signals": signals(question, candidates[0], prompt, prompts, generator)}
    if not thoroughly:
        return row
    phrases = {"reader": (best.text, 0.0, 0)}
    for budget in BUDGETS:
        phrases[f"LLM, {budget} tokens"] = drafted(text, hits, budget, prompts, generator)
    liked = likelihoods([one.located.text for one in candidates], prompt, generator)
    for how, value in liked.items():
        phrases[f"reader's candidates by the LLM's {how}"] = (candidates[int(np.argmax(value))].located.text, 0.0, 0)
        mixed = [v + np.log(max(c.likely, 1e-6)) for v, c in zip(value, candidates, strict=True)]
        phrases[f"by both, {how}"] = (candidates[int(np.argmax(mixed))].located.text, 0.0, 0)
    phrases["in the sentence that the LLM picks"] = (picked(text, evidence, candidates, generator), 0.0, 0)
    return row | {
        "phrases": {
            name: {"f1": scores(question, said)[0], "em": scores(question, said)[1], "seconds": seconds, "tokens": cost}
            for name, (said, seconds, cost) in phrases.items()
        },
        "sentences": sentences(question, best, evidence, prompts, generator),
    }


def signals(
    question: Row, best: Candidate, prompt: Prompt, prompts: AnswerPrompt, generator: LlamaCppLLM
) -> dict[str, float]:
    """What could tell whether the reader's phrase is right, and whether it is."""
    phrase = best.located.text
    told = {
        "right": float(scores(question, phrase)[0] >= RIGHT),
        "reader": float(np.log(max(best.likely, 1e-6) / max(1 - best.likely, 1e-6))),
    }
    alone = prompts.ask(question["question"], [best.located.evidence.text])
    for name, shown in (("evidence", prompt), ("sentence", alone)):
        own = generator.generate_candidate(shown, PHRASE_TOKENS, prompts.none)
        told[f"{name}: agreed"] = f1(own.text, phrase)
        told[f"{name}: refusal"] = float(np.exp(own.refusal))
        told[f"{name}: likelihood"] = generator.score(shown, phrase)
    return told


def candidates_of(question: str, hits: Sequence[Hit], reader: Reader) -> list[Candidate]:
    """The likeliest phrases over the excerpts that Jawab would read, were it never sure; the best first."""
    chosen = [excerpt for part in token_batches(reader, question, hits, READING) for excerpt in part]
    found: dict[str, Candidate] = {}
    for excerpt, reading in zip(chosen, reader.read(question, [one.context for one in chosen]), strict=True):
        for scored in reading.spans:
            one = Candidate(
                located(excerpt, scored.span),
                probability(scored.score - reading.no_answer_score, excerpt.best.score, reading.answerable),
            )
            if one.located.text not in found or found[one.located.text].likely < one.likely:
                found[one.located.text] = one
    return sorted(found.values(), key=lambda one: -one.likely)[:CANDIDATES]


def with_phrase(evidence: list[Evidence], best: Located) -> list[Evidence]:
    return evidence if best.evidence.text in {piece.text for piece in evidence} else [best.evidence, *evidence]


def drafted(
    text: str, hits: Sequence[Hit], budget: int, prompts: AnswerPrompt, generator: LlamaCppLLM
) -> tuple[str, float, int]:
    """The LLM's own phrase, not told the reader's; seconds to its end, and tokens of its prompt after the head."""
    evidence = select_evidence(text, hits, generator.count_tokens, budget)
    lines = [piece.text for piece in evidence]
    start = time.perf_counter()
    phrase = extract_short_answer(generator, prompts.ask(text, lines), text, prompts.none, evidence)
    spent = time.perf_counter() - start
    return (phrase.located.text if phrase else ""), spent, generator.count_tokens("\n".join([*lines, text]))


def likelihoods(phrases: Sequence[str], prompt: Prompt, generator: LlamaCppLLM) -> dict[str, list[float]]:
    """Log-probability of each phrase as the LLM's answer: of all its tokens, and of one on the average."""
    means = [generator.score(prompt, phrase) for phrase in phrases]
    totals = [mean * generator.count_tokens(phrase) for mean, phrase in zip(means, phrases, strict=True)]
    return {"likelihood": totals, "likelihood a token": means}


def picked(text: str, evidence: Sequence[Evidence], candidates: Sequence[Candidate], generator: LlamaCppLLM) -> str:
    """The reader's best phrase in the sentence whose number the LLM finds likeliest: it can write no other."""
    language = validate_question(text)
    lines = [f"{number}. {piece.text}" for number, piece in enumerate(evidence[:9], start=1)]
    turns = Message("user", "\n".join([*lines, text]))
    following = generator._read(Prompt(numbers_head(language), (turns,)), room=512)
    context = generator._context
    digits = [context.tokenize(str(number))[0] for number in range(1, len(lines) + 1)]
    chosen = evidence[int(np.argmax(following[digits]))]
    inside = [one.located for one in candidates if chosen.span.overlaps(one.located.span)]
    return next((one.text for one in inside if one.evidence.article.id == chosen.article.id), chosen.text)


def numbers_head(language: Language) -> tuple[Message, ...]:
    """Instruction and examples, those of the prompt file that have an answer, with the number of its sentence."""
    head = [Message("system", NUMBERS[language])]
    for example in prompt_table("answer", language)["examples"]:
        holding = [n for n, one in enumerate(example["sentences"], start=1) if example["phrase"] in one]
        if holding:
            lines = [f"{n}. {one}" for n, one in enumerate(example["sentences"], start=1)]
            head.append(Message("user", "\n".join([*lines, example["question"]])))
            head.append(Message("assistant", str(holding[0])))
    return tuple(head)


def sentences(
    question: Row, best: Located, evidence: Sequence[Evidence], prompts: AnswerPrompt, generator: LlamaCppLLM
) -> dict[str, Row]:
    """What the LLM writes around the reader's phrase, by what it is shown."""
    text = question["question"]
    language = validate_question(text)
    everything = [piece.text for piece in evidence]
    alone = [best.evidence.text]
    own = sentence_prompt(language)
    bare = Prompt(own.head[:1], own.ask(text, best.evidence.text, best.text).turns)
    shown = {
        "after the phrase, the evidence": after_phrase(text, everything, best.text, language),
        "after the phrase, its sentence alone": after_phrase(text, alone, best.text, language),
        "after the phrase, its sentence, no example": after_phrase(text, alone, best.text, language, examples=False),
        "a prompt of its own": own.ask(text, best.evidence.text, best.text),
        "a prompt of its own, no example": bare,
    }
    if detect_language(best.evidence.text) != language:
        other = after_phrase(text, alone, best.text, detect_language(best.evidence.text))
        shown["after the phrase, its sentence, in the article's language"] = other
    told = {way: written(question, best, prompt, generator) for way, prompt in shown.items()}
    withheld = extract_short_answer(generator, prompts.ask(text, everything), text, prompts.none, evidence)
    if withheld:
        prompt = after_phrase(text, everything, withheld.located.text, language)
        told["after the LLM's own phrase, the evidence"] = written(question, withheld.located, prompt, generator)
    return told


def after_phrase(
    question: str, sentences: Sequence[str], phrase: str, language: Language, examples: bool = True
) -> Prompt:
    """The sentence as a second turn: the prompt for the phrase with the phrase as its answer, then "as a sentence"."""
    prompts = answer_prompt(language)
    answers = {example["question"]: example["answer"] for example in prompt_table("sentence", language)["examples"]}
    head = [prompts.head[0]]
    for example in prompt_table("answer", language)["examples"] if examples else ():
        head += prompts.ask(example["question"], example["sentences"]).turns
        head.append(Message("assistant", example["phrase"]))
        if example["question"] in answers:
            head += [Message("user", REPHRASE[language]), Message("assistant", answers[example["question"]])]
    asked = Prompt(tuple(head), prompts.ask(question, sentences).turns)
    return asked.then(Message("assistant", phrase), Message("user", REPHRASE[language]))


def written(question: Row, located: Located, prompt: Prompt, generator: LlamaCppLLM) -> Row:
    generator.prepare(prompt.head)
    # As where a question comes: the head is known, and nothing else.
    generator._context.load(generator._states[prompt.head])
    start = time.perf_counter()
    first = None
    pieces = []
    for piece in generator.stream(prompt, SENTENCE_TOKENS):
        first = first or time.perf_counter() - start
        pieces.append(piece)
    wrote = " ".join("".join(pieces).split())
    said, correction = verify_sentence(wrote, question["question"], located)
    return {
        "wrote": wrote,
        "said": said,
        "fault": correction.fault if correction else "",
        "stands": float(correction is None),
        "shortened": float(_done(correction) == "shortened"),
        "gold": covered(wrote, question),
        "gold in what is said": covered(said, question),
        "first token": first or 0.0,
        "total": time.perf_counter() - start,
        "tokens": generator.count_tokens("\n".join(turn.content for turn in prompt.turns)),
    }


def covered(said: str, question: Row) -> float:
    """The share of the right answer's words that are said."""
    return max(recall(said, gold) for gold in golds_of(question))


def _done(correction: Correction | None) -> str:
    return correction.done if correction else ""


def tables(by_set: dict[str, list[Row]]) -> dict[str, Any]:
    phrases: dict[str, Any] = {}
    sentences: dict[str, Any] = {}
    everything = [row for rows in by_set.values() for row in rows]
    for way in everything[0]["phrases"]:
        phrases[way] = {name: mean([row["phrases"][way]["f1"] for row in rows]) for name, rows in by_set.items()}
        phrases[way]["mean"] = mean(list(phrases[way].values()))
        for cost in ("seconds", "tokens"):
            phrases[way][f"{cost}, median"] = median([row["phrases"][way][cost] for row in everything])
    for way in dict.fromkeys(way for row in everything for way in row["sentences"]):
        rows = [row["sentences"][way] for row in everything if way in row["sentences"]]
        sentences[way] = {
            **{figure: mean([row[figure] for row in rows]) for figure in ("stands", "shortened")},
            **{figure: mean([row[figure] for row in rows]) for figure in ("gold", "gold in what is said")},
            **{f"{cost}, median": median([row[cost] for row in rows]) for cost in ("tokens", "first token", "total")},
        }
    return {"phrases": phrases, "sentences": sentences}


def sureness(rows: Sequence[Row]) -> dict[str, Any]:
    """Area under the ROC curve and log loss, each fifth of the questions foretold by what the others teach.

    "weights" are those of the reader's log-odds and of the phrase's likelihood by its sentence, and the bias, fitted on
    all: `qa/confidence.py: TOGETHER`.
    """
    told = [row["signals"] for row in rows]
    right = np.array([one["right"] for one in told])
    families = [row["question"]["id"].split("-")[0] for row in rows]  # one question in several languages
    figures: dict[str, Any] = {"answers": len(told), "right": int(right.sum())}
    for way, names in SIGNALS.items():
        seen = columns(told, names)
        likely = np.zeros(len(told))
        for taught, tried in GroupKFold(5).split(seen, right, families):
            likely[tried] = LogisticRegression().fit(seen[taught], right[taught]).predict_proba(seen[tried])[:, 1]
        figures[way] = {"area": round(roc_auc_score(right, likely), 4), "log loss": round(log_loss(right, likely), 4)}
    model = LogisticRegression().fit(columns(told, SIGNALS[CHOSEN]), right)
    figures["weights"] = [round(float(weight), 3) for weight in (*model.coef_[0], *model.intercept_)]
    return figures


def columns(told: Sequence[Row], names: Sequence[str]) -> np.ndarray[Any, Any]:
    return np.array([[one[name] for name in names] for one in told])


def mean(values: Sequence[float]) -> float:
    return round(float(np.mean(values)), 4) if values else 0.0


def median(values: Sequence[float]) -> float:
    return round(float(np.median(values)), 3) if values else 0.0


if __name__ == "__main__":
    main()
