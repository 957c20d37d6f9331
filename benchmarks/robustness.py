"""Questions as people type them: what slips, dialects, mixed languages and Arabizi cost, and what `qa/` makes good.

    python -m benchmarks.robustness BENCH_FOLDER [--work FOLDER] [--limit 40] [--weights FILE]

Arabic questions of XQuAD about articles that the reader was not trained on, each typed in every way of
`benchmarks/query_noise.py`; the articles of the set are indexed, and the reader answers from what search finds. "as it
is" asks what was typed; then, each on top of what it is: Arabizi made Arabic, standard question words, and, only for
the reader or for search too, words spelt as the passages found spell them, and slips put right. F1 and EM are of the
likeliest phrase, whether or not it would be given; declined are those below the default threshold or refused for their
language. What was read is kept in the work folder (`robustness.jsonl`), and nothing is asked twice, nor in a later run:
delete the file where search or reader have changed. Figures are saved under benchmarks/results. Needs the extra
`benchmarks`.
"""

from __future__ import annotations

import argparse
import json
import random
from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path

import numpy as np
import platformdirs
from tqdm import tqdm

from benchmarks.heldout_questions import Row, drawn, retriever_of, scores
from benchmarks.query_noise import WAYS
from index.embeddings import SentenceTransformerEmbedder
from index.retrieval.vocabulary import Vocabulary
from index.retriever import Hit, Retriever
from index.text.language import unsupported_language
from qa.answer import FoundPassage
from qa.confidence import THRESHOLD
from qa.evaluation.metrics import holds_gold
from qa.query.arabizi import transliterate
from qa.query.dialect import to_msa_question_words
from qa.query.spelling import corpus_spellings, correct_typos, restore_hamza
from qa.question_context import found_passages
from qa.reader.extractive_qa import extract_answer
from qa.reader.lora_reader import LoRAReader
from qa.training.train import default_embedder

SET = "xquad/ar"
WEIGHTS = Path("qa/reader/weights/jawab-reader.safetensors")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("bench", type=Path)
    parser.add_argument("--weights", type=Path, default=WEIGHTS)
    parser.add_argument("--work", type=Path, default=platformdirs.user_cache_path("jawab") / "reader")
    parser.add_argument("--out", type=Path, default=Path("benchmarks/results/robustness.json"))
    parser.add_argument("--limit", type=int, default=40, help="questions")
    given = parser.parse_args()
    embedder = SentenceTransformerEmbedder(default_embedder())
    reader = LoRAReader.of(given.weights, embedder, "reader")
    if reader is None:
        raise SystemExit("the weights are for another embedder")
    asked = drawn(given.bench, SET, given.limit)
    ask = Asker(retriever_of(SET, given.bench, given.work, embedder), reader, given.work / "robustness.jsonl")
    rows = [measure(question, name, ask) for question in tqdm(asked, mininterval=10) for name in WAYS]
    figures = {
        "questions": len(asked),
        "ways": {name: table([row for row in rows if row["way"] == name]) for name in WAYS},
    }
    given.out.write_text(json.dumps(figures, indent=2) + "\n")
    print(json.dumps(figures, indent=2))


class Asker:
    """Asks the index, and keeps what was answered."""

    def __init__(self, retriever: Retriever, reader: LoRAReader, kept: Path) -> None:
        self._reader = reader
        self._kept = kept
        lines = kept.read_text(encoding="utf-8").splitlines() if kept.exists() else []
        rows: list[Row] = [json.loads(line) for line in lines]
        self._answers = {(row["id"], row["asked"], row.get("read", row["asked"])): row for row in rows}
        self.words = Vocabulary(retriever.catalog.rows)
        self.search = lru_cache(maxsize=64)(lambda asked: retriever.search(asked, literally=False))

    def __call__(self, question: Row, asked: str, read: str | None = None) -> Row:
        """What is answered where `asked` is searched for and `read` is read, or the same."""
        key = (question["id"], asked, read or asked)
        if key not in self._answers:
            answered = answer(question, self.search(asked), read or asked, self._reader)
            row = {"id": question["id"], "asked": asked, "read": read or asked, **answered}
            with self._kept.open("a", encoding="utf-8") as file:
                file.write(json.dumps(row, ensure_ascii=False) + "\n")
            self._answers[key] = row
        return self._answers[key]

    def known(self, word: str) -> bool:
        return bool(self.words.passages(word))


def measure(question: Row, way: str, ask: Asker) -> Row:
    """One question typed in one way: as it is, with each thing built, and with all."""
    typed = WAYS[way](question["question"], random.Random(f"{question['id']} {way}"))
    meant = transliterate(typed, ask.words) or typed
    plain = to_msa_question_words(meant)
    written = corpus_spellings(ask.search(meant))
    spelt = restore_hamza(meant, written)
    right = correct_typos(spelt, written, ask.known)
    return {
        "way": way,
        "as it is": ask(question, typed),
        "arabizi": ask(question, meant),
        "question words": ask(question, plain),
        "respelt, only read": ask(question, meant, spelt),
        "slips, only read": ask(question, meant, right),
        "slips": ask(question, right),
    }


def answer(question: Row, hits: Sequence[Hit], read: str, reader: LoRAReader) -> Row:
    found = extract_answer(reader, read, hits)
    said = found.located.text if found else ""
    refused = unsupported_language(read) is not None
    f1, em = scores(question, said)
    return {
        "said": said,
        "f1": f1,
        "em": em,
        "hit@10": any(holds_gold(_plain(passage), question) for passage in found_passages(hits)),
        "probability": round(found.probability, 4) if found else 0.0,
        "refused": refused,
        "declined": refused or found is None or found.probability < THRESHOLD,
    }


def table(rows: Sequence[Row]) -> dict[str, dict[str, float]]:
    return {
        asked: {
            name: round(float(np.mean([row[asked][name] for row in rows])), 3)
            for name in ("f1", "em", "hit@10", "declined", "refused")
        }
        for asked in rows[0]
        if asked != "way"
    }


def _plain(passage: FoundPassage) -> Row:
    return {"article_id": passage.article_id, "start": passage.start, "end": passage.end}


if __name__ == "__main__":
    main()
