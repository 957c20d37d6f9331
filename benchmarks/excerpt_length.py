"""Loss of F1 between the paragraph that holds the answer and the program: by excerpts, filter and declining.

    python -m benchmarks.excerpt_length BENCH_FOLDER --data FOLDER --weights FILE --work FOLDER [--limit 100]

For questions about Arabic articles that are kept from training (TyDi of FOLDER, xquad/ar, arcd), F1 of the reader with
the right paragraph given, and end to end by the length of excerpts, all within the same budget of tokens; with the
sentences that command taken out, and with what is declined counted as nothing. Saved under benchmarks/results.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from tqdm import tqdm

from benchmarks.heldout_questions import drawn, golds_of, retriever_of
from benchmarks.pairings import retriever_over
from index.embeddings import SentenceTransformerEmbedder
from index.retriever import Hit, Retriever
from qa.confidence import THRESHOLD
from qa.evaluation.metrics import phrase_scores
from qa.reader.base import Context
from qa.reader.excerpts import MAX_EXCERPT_TOKENS, Excerpt, excerpts
from qa.reader.extractive_qa import BUDGET, probability
from qa.reader.lora_reader import LoRAReader
from qa.reader.prompt_injection import InjectionClassifier
from qa.training.course import validation_titles
from qa.training.reader_data import MIXTURE, read_mixture
from qa.training.train import default_embedder

RESULTS = Path("benchmarks/results/excerpt-length.json")
LENGTHS = (80, MAX_EXCERPT_TOKENS, 170, 250)
_AROUND = 14

Asked = tuple[str, Sequence[str], Context]
"""A question, its right answers, and the paragraph that has them."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("bench", type=Path)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--weights", type=Path, required=True)
    parser.add_argument("--work", type=Path, required=True)
    parser.add_argument("--limit", type=int, default=100, help="questions of each set")
    parser.add_argument("--out", type=Path, default=RESULTS)
    given = parser.parse_args()
    embedder = SentenceTransformerEmbedder(default_embedder())
    reader = LoRAReader.of(given.weights, embedder, "reader")
    classifier = InjectionClassifier.of(given.weights.parent / "jawab-commands.safetensors", embedder)
    if reader is None or classifier is None:
        raise SystemExit("the weights are for another embedder")
    figures = {}
    for name, asked, retriever in sets(given.bench, given.data, given.limit, embedder, given.work):
        figures[name] = losses(name, asked, retriever, reader, classifier)
        print(name, json.dumps(figures[name], indent=1), flush=True)
    given.out.write_text(json.dumps(figures, indent=1) + "\n")


def sets(
    bench: Path, data: Path, limit: int, embedder: SentenceTransformerEmbedder, work: Path
) -> Iterator[tuple[str, list[Asked], Retriever]]:
    kept = read_mixture(data, MIXTURE, validation_titles(bench)).validation["tydiqa-ar"]
    tydi = [source for source in kept if source.answer][:limit]
    asked: list[Asked] = [
        (s.question, [s.paragraph[s.answer.start : s.answer.end]], Context(s.paragraph, s.title, s.date))
        for s in tydi
        if s.answer
    ]
    yield "TyDi Arabic", asked, retriever_over(kept, embedder, work / "tydi")
    for name in ("xquad/ar", "arcd"):
        retriever = retriever_of(name, bench, work, embedder)
        articles = {article.id: article for article in retriever.catalog.articles()}
        rows = drawn(bench, name, limit)
        of = [(row, articles[row["article_id"]]) for row in rows]
        yield (
            name,
            [
                (row["question"], golds_of(row), Context(article.text[slice(*row["paragraph"])], article.title))
                for row, article in of
            ],
            retriever,
        )


def losses(
    name: str,
    asked: Sequence[Asked],
    retriever: Retriever,
    reader: LoRAReader,
    classifier: InjectionClassifier,
) -> dict[str, float]:
    found: dict[str, list[float]] = {}
    for question, golds, paragraph in tqdm(asked, desc=name, mininterval=10):
        hits = retriever.search(question, literally=False)
        text, _ = _best(reader, question, [paragraph], lambda _: 0.0)
        found.setdefault("paragraph given", []).append(phrase_scores(text, golds)[0])
        for longest in LENGTHS:
            text, sure = _end_to_end(reader, question, hits, longest)
            found.setdefault(f"excerpts of {longest}", []).append(phrase_scores(text, golds)[0])
            if longest == MAX_EXCERPT_TOKENS:
                score = phrase_scores(text, golds)[0] if sure >= THRESHOLD else 0.0
                found.setdefault(f"excerpts of {longest}, declining", []).append(score)
        text, _ = _end_to_end(reader, question, classifier.filter_hits(hits), MAX_EXCERPT_TOKENS)
        found.setdefault(f"excerpts of {MAX_EXCERPT_TOKENS}, guarded", []).append(phrase_scores(text, golds)[0])
    return {way: round(sum(scores) / len(scores), 4) for way, scores in found.items()} | {"questions": len(asked)}


def _end_to_end(reader: LoRAReader, question: str, hits: Sequence[Hit], longest: int) -> tuple[str, float]:
    """The likeliest answer within the program's budget, all of it read, and its probability."""
    asked = reader.count_tokens(question) + _AROUND
    chosen: list[Excerpt] = []
    spent = 0
    for excerpt in excerpts(question, hits, reader.count_tokens, longest):
        spent += reader.count_tokens(excerpt.text) + asked
        if chosen and spent > BUDGET:
            break
        chosen.append(excerpt)
    return _best(reader, question, [one.context for one in chosen], lambda at: chosen[at].best.score)


def _best(
    reader: LoRAReader, question: str, contexts: Sequence[Context], evidence: Callable[[int], float]
) -> tuple[str, float]:
    answers = [("", 0.0)]
    for at, (context, reading) in enumerate(zip(contexts, reader.read(question, contexts), strict=True)):
        if reading.spans:
            span = reading.spans[0].span
            answers.append(
                (context.text[span.start : span.end], probability(reading.margin, evidence(at), reading.answerable))
            )
    return max(answers, key=lambda answer: answer[1])


if __name__ == "__main__":
    main()
