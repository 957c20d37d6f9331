"""Export of feedback on answers as a question set for `jawab eval`."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from index.fakes import HashEmbedder
from index.indexer import remove_articles, update_index
from index.storage.catalog import Catalog
from qa.answer import Answer, Citation, FoundPassage
from qa.evaluation.metrics import score
from qa.evaluation.question_set import read_set
from qa.training.examples import load_set
from tests.fake_site import record
from ui.cli import jawab
from ui.conversations.repository import ConversationRepository, Feedback, StoredTurn, visitor_of
from ui.evaluation.feedback_export import NoFeedback, write_set

TEXT = "The harbour of Selwan opened in 1923. Since then it has been widened twice, and boats come daily."


@pytest.fixture
def catalog(tmp_path: Path) -> Catalog:
    (tmp_path / "harbour.txt").write_text(f"The harbour\n\n{TEXT}", encoding="utf-8")
    (tmp_path / "other.txt").write_text("Another\n\nNothing of interest is told in this one, at all.", encoding="utf-8")
    update_index(tmp_path / "index", [tmp_path / "harbour.txt", tmp_path / "other.txt"], HashEmbedder())
    return Catalog.open(tmp_path / "index")


def answered(catalog: Catalog) -> Answer:
    article = next(one for one in catalog.articles() if "harbour" in one.title)
    start = article.text.index("The harbour of")
    quote = article.text[start : article.text.index("1923.") + 5]
    cited = Citation(1, article.id, article.title, None, None, "en", start, start + len(quote), quote)
    passage = FoundPassage(article.id, article.title, start, start + len(quote), quote, 0.9)
    question = "When did the harbour open?"
    return record(question, "In 1923 [1].", short_answer="1923", citations=(cited,), passages=(passage,))


def rows(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def test_good_answers_become_questions_with_gold(catalog: Catalog, tmp_path: Path) -> None:
    declined = record("Who paints boats?", "The articles do not say.", status="declined", passages=())
    follow_up = replace(answered(catalog), question="And when?", asked="When did the harbour open?")
    judged = [Feedback(one, "good", None, None) for one in (answered(catalog), declined, follow_up)]
    judged.append(Feedback(answered(catalog), "bad", "it is 1924", None))
    written = write_set(judged, catalog, tmp_path / "set")
    assert (written.questions, written.wrong) == (3, 1)
    questions = read_set(tmp_path / "set")
    first, second, third = questions.questions
    (article,) = rows(tmp_path / "set" / "articles.jsonl")
    (gold,) = first["answers"]
    assert article["text"][gold["start"] : gold["end"]] == gold["text"] == "1923"
    assert first["answerable"] and not second["answerable"] and third["question"] == first["question"]
    assert rows(tmp_path / "set" / "wrong.jsonl")[0]["why"] == "it is 1924"


def test_answer_from_title_has_its_gold_there(catalog: Catalog, tmp_path: Path) -> None:
    article = next(one for one in catalog.articles() if "harbour" in one.title)
    end = len(article.title)
    quote = Citation(1, article.id, article.title, None, None, "en", 0, end, article.title, "title")
    answer = replace(answered(catalog), citations=(quote,), short_answer="harbour")
    moved = replace(quote, start=1, end=end + 1)
    judged = [Feedback(one, "good", None, None) for one in (answer, replace(answer, citations=(moved,)))]
    write_set(judged, catalog, tmp_path / "set")
    (question,) = rows(tmp_path / "set" / "questions.jsonl")
    (gold,) = question["answers"]
    assert question["field"] == "title" and article.title[gold["start"] : gold["end"]] == gold["text"] == "harbour"
    figures = score([question], {question["id"]: answer.to_json()}, {article.id: article})
    assert figures["citation_hit_of_answered"] == figures["quotes_verbatim"] == figures["retrieval_hit@1"] == 1.0
    assert load_set(tmp_path / "set", validation=False) == []


def test_question_of_removed_article_is_dropped(catalog: Catalog, tmp_path: Path) -> None:
    answer = answered(catalog)
    remove_articles(catalog.folder, [answer.citations[0].article_id])
    written = write_set([Feedback(answer, "good", None, None)], catalog, tmp_path / "set")
    assert written.questions == 0 and not (tmp_path / "set" / "questions.jsonl").exists()


def test_export_without_feedback_raises(catalog: Catalog, tmp_path: Path) -> None:
    with pytest.raises(NoFeedback):
        write_set([], catalog, tmp_path / "set")


def test_exported_feedback_runs_in_eval(catalog: Catalog, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in {"EMBEDDER": "fake", "LLM": "fake", "LANG": "en"}.items():
        monkeypatch.setenv(f"JAWAB_{name}", value)
    monkeypatch.setenv("JAWAB_CONVERSATIONS", str(tmp_path / "kept.sqlite"))
    store, me = ConversationRepository(tmp_path / "kept.sqlite"), visitor_of("me")
    for collection in (None, "first", "another-1"):
        kept = store.begin(me, "When did the harbour open?", collection)
        store.put(me, kept, StoredTurn(1, "When did the harbour open?", answered(catalog)))
        store.judge(me, kept, 1, "good")
    deleted = store.begin(me, "x", "first")
    store.put(me, deleted, StoredTurn(1, "x", answered(catalog)))
    store.judge(me, deleted, 1, "bad")
    store.delete(me, deleted)
    folder, index = str(tmp_path / "set"), str(tmp_path / "index")
    run = CliRunner().invoke(jawab, ["judged", folder, "--index", index])
    assert run.exit_code == 0 and "Wrote 2 questions" in run.output and "and 0 that" in run.output
    run = CliRunner().invoke(jawab, ["eval", folder, "--out", str(tmp_path / "out"), "--work", str(tmp_path / "work")])
    assert run.exit_code == 0 and "2 questions" in run.output
    assert list((tmp_path / "out").glob("*.json"))
    missing = CliRunner().invoke(jawab, ["judged", folder, "--collection", "none such", "--index", index])
    assert missing.exit_code != 0
