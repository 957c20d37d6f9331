"""Questions end to end with the real models, over the sample articles."""

from __future__ import annotations

import threading
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from index.articles import Article
from index.embeddings import SentenceTransformerEmbedder
from index.retriever import Retriever
from index.text.folding import fold_text
from qa.answer import Answer, Finished, PassagesFound, PhraseFound, Token
from qa.assistant import Assistant
from qa.llm.llama_cpp_llm import LlamaCppLLM
from qa.prompts import sentence_prompt
from qa.query.comparison_question import TokenStateComparisonParser
from qa.query.intent import EmbeddingIntentClassifier, Intent
from qa.query.name_tagger import TokenStateTagger
from qa.query.names import find_names
from qa.reader.base import Context
from qa.reader.lora_reader import LoRAReader
from qa.reader.prompt_injection import InjectionClassifier
from qa.reader.tokenization import encode

pytestmark = pytest.mark.real


@pytest.fixture(scope="module")
def assistant(
    real_embedder: SentenceTransformerEmbedder,
    real_generator: LlamaCppLLM,
    real_reader: LoRAReader,
    real_classifier: InjectionClassifier,
    real_tagger: TokenStateTagger,
    real_intents: EmbeddingIntentClassifier,
    real_comparisons: TokenStateComparisonParser,
    real_index: Path,
) -> Assistant:
    return Assistant(
        Retriever(real_index, real_embedder),
        real_generator,
        real_reader,
        injection_classifier=real_classifier,
        tagger=real_tagger,
        intents=real_intents,
        comparisons=real_comparisons,
    )


def quotations_hold(answer: Answer, articles: dict[str, Article]) -> bool:
    return all(articles[c.article_id].field(c.field)[c.start : c.end] == c.quote != "" for c in answer.citations)


@pytest.fixture(scope="module")
def articles(assistant: Assistant) -> dict[str, Article]:
    return {article.id: article for article in assistant.retriever.catalog.articles()}


@pytest.mark.parametrize(
    ("question", "language", "said"),
    [
        ("كم عدد القوات الأمريكية المتبقية في العراق؟", "ar", "2500"),
        ("How many US troops remain in Iraq?", "en", "2500"),
        ("من قادت الرحلة الأولى للترام في مرسى نورس؟", "ar", "هدى المرواني"),
    ],
)
def test_question_is_answered_in_its_language_with_exact_quotation(
    assistant: Assistant, articles: dict[str, Article], question: str, language: str, said: str
) -> None:
    answer = assistant.ask(question)
    assert (answer.status, answer.language) == ("answered", language)
    assert fold_text(said) in fold_text(answer.short_answer or "").replace(",", "")
    assert quotations_hold(answer, articles)
    assert answer.short_answer is not None
    assert answer.short_answer in answer.citations[0].quote
    assert all(f"[{citation.marker}]" in answer.answer for citation in answer.citations)


@pytest.mark.parametrize(
    "question", ["من لحّن أوبرا عايدة؟", "What is the boiling point of ethanol?", "ما عدد سكان بغداد؟"]
)
def test_question_outside_articles_is_declined(assistant: Assistant, question: str) -> None:
    answer = assistant.ask(question)
    assert answer.status == "declined"
    assert answer.citations == ()
    assert answer.passages


def test_passages_stream_first_and_closing_releases_model(assistant: Assistant) -> None:
    events = assistant.stream("How many US troops remain in Iraq?")
    assert isinstance(next(events), PassagesFound)
    assert isinstance(next(events), PhraseFound)
    assert isinstance(next(events), Token)
    events.close()  # type: ignore[attr-defined]
    begun = time.monotonic()
    answer = assistant.ask("Who is the Pentagon spokesman?")
    assert answer.status == "answered"
    assert time.monotonic() - begun < 60


def test_concurrent_questions_are_serialized(assistant: Assistant) -> None:
    """Two requests at once on one `Llama` object crash; here the second waits."""
    first = assistant.stream("How many US troops remain in Iraq?")
    next(first), next(first)
    assert isinstance(next(first), Token)
    # The first holds the LLM; when it ends, the one that waits gets the LLM.
    with ThreadPoolExecutor(1) as pool:
        second = pool.submit(assistant.ask, "Who is the Pentagon spokesman?")
        last = list(first)[-1]
        assert isinstance(last, Finished)
        assert second.result(timeout=120).status == "answered"


def test_prompt_head_is_evaluated_once_per_language(
    assistant: Assistant, real_generator: LlamaCppLLM, monkeypatch: pytest.MonkeyPatch
) -> None:
    for language in ("ar", "en"):
        assistant.prepare(language)
    evaluated: list[int] = []
    context = real_generator._context
    decode = context._decode

    def counted(items: Sequence[tuple[int, int, int]], last_only: bool) -> None:
        evaluated.append(len(items))
        decode(items, last_only)

    monkeypatch.setattr(context, "_decode", counted)
    head = len(real_generator._tokens(sentence_prompt("ar").head, answer=False))
    assert head > 300
    for question in ("متى افتتح الترام؟", "When did the tram open?", "كم مخطوطاً تضم خزانة ابن الناسخ؟"):
        evaluated.clear()
        list(assistant.stream(question))
        # The question with its evidence and the generated tokens, never the head again.
        assert 0 < sum(evaluated) < head


def test_articles_of_every_format_are_indexed(assistant: Assistant) -> None:
    ids = {article.id for article in assistant.retriever.catalog.articles()}
    assert {"tram-ar", "football-en", "tram-opening-en", "weevil-en"} <= ids


@pytest.mark.parametrize("mark", ["<eos>", "<bos>", "<pad>", "<start_of_turn>"])
def test_special_tokens_in_text_are_neutralized(real_embedder: SentenceTransformerEmbedder, mark: str) -> None:
    tokenizer = real_embedder.tokenizer
    number = tokenizer.convert_tokens_to_ids(mark)
    assert number != tokenizer.unk_token_id
    (given,) = encode(tokenizer, f"Who {mark}?", [Context(f"The pier {mark} opened.", f"Pier {mark}")])
    without = encode(tokenizer, "Who?", [Context("The pier opened.", "Pier")])[0]
    assert given.ids.count(number) == without.ids.count(number)
    features = real_embedder._model.preprocess([f"The pier {mark} opened."])
    assert int((features["input_ids"] == number).sum()) == without.ids.count(number)


def test_token_counting_is_safe_during_embedding(
    real_embedder: SentenceTransformerEmbedder, real_reader: LoRAReader
) -> None:
    """A tokenizer shared by threads would pad one caller's batch with another caller's settings: not at all."""
    counting = threading.Event()

    def count() -> None:
        while not counting.is_set():
            real_reader.count_tokens("Huda al-Marwani drove the first tram.")

    with ThreadPoolExecutor(4) as pool:
        for _ in range(3):
            pool.submit(count)
        try:
            for at in range(12):
                vectors = real_embedder.embed_queries(["tram", "Who drove the tram on its first day?", "?" * (at + 1)])
                assert vectors.shape == (3, real_embedder.dimension)
        finally:
            counting.set()


@pytest.mark.real
@pytest.mark.parametrize(
    ("question", "names"),
    [
        ("متى استقال شاكر الدقاق من رئاسة المجلس؟", {"شاكر", "الدقاق"}),
        ("how many people voted in wadi jurf?", {"jurf"}),
        ("كم عدد الركاب في الرحلة الأولى؟", set()),
    ],
)
def test_name_tagger_knows_names_without_capitals(
    real_tagger: TokenStateTagger, question: str, names: set[str]
) -> None:
    found = {word for name in find_names(question, real_tagger) for word in name.split()}
    assert names <= found and (names or not found)


@pytest.mark.parametrize(
    ("question", "intent"),
    [
        ("By whom was the column on beekeeping penned?", "author"),
        ("بقلم من نُشرت المادة عن النحل؟", "author"),
        ("How many items about wolves are in the collection?", "count"),
        ("كم مقالا نُشر عن الذئاب منذ 2019؟", "count"),
        ("What came out last about the harbour?", "newest"),
        ("Who are the members of the jury?", "list"),
        ("Was the tram line approved?", "yes-no"),
        ("How tall is the lighthouse?", "phrase"),
        ("كم يبلغ ارتفاع المنارة؟", "phrase"),
        ("Which town had fewer voters, Arden or Brill?", "which"),
    ],
)
def test_intent_classifier_knows_other_wordings(
    real_intents: EmbeddingIntentClassifier, question: str, intent: Intent
) -> None:
    intents = real_intents.classify(question)
    assert max(intents.probabilities, key=intents.of) == intent
