"""What could be distilled: of questions that the LLM asks of articles, how many it and the reader answer alike.

    python -m benchmarks.distillation INDEX [--limit 40]

From sentences drawn at random the LLM makes a question each; the reader answers from the sentence and its neighbours,
the LLM from the sentence. Where they agree, question and phrase could be an example to learn from. Saved are how many
there are, of what kind, and what they cost; `--show` prints them, to be read by eye.
"""

from __future__ import annotations

import argparse
import json
import random
import time
from pathlib import Path
from typing import Any

from index.articles import Article, Language
from index.storage.catalog import Catalog
from index.text.language import detect_language
from index.text.sentences import sentences
from qa.evaluation.metrics import f1
from qa.llm.base import LLM, Message, Prompt
from qa.llm_extraction import PHRASE_TOKENS
from qa.prompts import answer_prompt
from qa.reader.base import Context, Reader
from ui.app import App
from ui.config import load_config

WORDS = range(8, 41)
"""Of a sentence that a question is made of."""
QUESTION_TOKENS = 40
AGREE = 0.5
"""The F1 from which two phrases are the same answer."""
ASK: dict[Language, tuple[str, str, str]] = {
    "en": (
        "Write one short question that the sentence answers with a name, a number, a date or a place.",
        "The bridge was designed by Brunel and opened in 1859, after seven years of work.",
        "Who designed the bridge?",
    ),
    "ar": (
        "اكتب سؤالاً قصيراً واحداً تجيب عنه الجملة باسم أو رقم أو تاريخ أو مكان.",
        "بدأت الشركة عملها في حلب عام 1911، ثم نقلت أنوالها إلى بيروت بعد تسع سنوات.",
        "إلى أين نقلت الشركة أنوالها؟",
    ),
}

Row = dict[str, Any]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("index", type=Path, help="folder of an index")
    parser.add_argument("--limit", type=int, default=40, help="sentences of each language")
    parser.add_argument("--out", type=Path, default=Path("benchmarks/results/distilling.json"))
    parser.add_argument("--show", action="store_true", help="print what was asked and answered")
    given = parser.parse_args()
    app = App(load_config())
    reader, generator = app.components.reader, app.components.generator
    if reader is None or generator is None:
        raise SystemExit("needs the reader and the LLM")
    articles = list(Catalog.open(given.index).articles())
    figures = {}
    for language in ASK:
        places = [(a, s) for a in articles if a.language == language for s in range(len(sentences(a.text)))]
        places = [(a, s) for a, s in places if len(_sentence(a, s).split()) in WORDS]
        drawn = random.Random(0).sample(places, min(given.limit, len(places)))
        rows = [ask(article, number, language, generator, reader) for article, number in drawn]
        figures[language] = {"sentences": len(places), **summary(rows)}
        if given.show:
            print("\n".join(json.dumps(row, ensure_ascii=False) for row in rows))
    given.out.write_text(json.dumps(figures, indent=2) + "\n")
    print(json.dumps(figures, indent=2))


def ask(article: Article, number: int, language: Language, generator: LLM, reader: Reader) -> Row:
    """A question made of a sentence, and what each of the two answers."""
    start = time.perf_counter()
    sentence = _sentence(article, number)
    wanted, example, asked = ASK[language]
    head = (Message("system", wanted), Message("user", example), Message("assistant", asked))
    question = "".join(generator.stream(Prompt(head, (Message("user", sentence),)), QUESTION_TOKENS)).strip()
    around = "\n".join(_sentence(article, n) for n in range(number - 1, number + 2) if n >= 0)
    (reading,) = reader.read(question, [Context(around)])
    phrase = around[reading.spans[0].span.start : reading.spans[0].span.end] if reading.spans else ""
    prompt = answer_prompt(language)
    draft = generator.generate_candidate(prompt.ask(question, [sentence]), PHRASE_TOKENS, prompt.none)
    return {
        "question": question,
        "in_its_language": detect_language(question) == language and question.endswith(("?", "؟")),
        "reader": phrase,
        "margin": reading.margin,
        "llm": draft.text,
        "agree": reading.margin > 0 and f1(phrase, draft.text) >= AGREE,
        "seconds": time.perf_counter() - start,
    }


def _sentence(article: Article, number: int) -> str:
    spans = sentences(article.text)
    return " ".join(article.text[spans[number].start : spans[number].end].split()) if number < len(spans) else ""


def summary(rows: list[Row]) -> dict[str, float]:
    usable = [row for row in rows if row["in_its_language"] and row["agree"]]
    seconds = sum(row["seconds"] for row in rows)
    return {
        "asked": len(rows),
        "questions_in_the_language": sum(row["in_its_language"] for row in rows),
        "reader_and_llm_agree": len(usable),
        "seconds_a_question": round(seconds / len(rows), 2),
        "examples_an_hour": round(3600 * len(usable) / seconds),
    }


if __name__ == "__main__":
    main()
