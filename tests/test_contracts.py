"""What every embedder and every LLM must do: the fakes and the real parts pass the same tests."""

from __future__ import annotations

import math
from collections.abc import Iterator

import numpy as np
import pytest

from index.articles import Span
from index.embed import Embedder, Text
from index.fakes import HashEmbedder
from index.sentences import sentences
from qa.fakes import FakeGenerator
from qa.generate import Generator, Line, Opening
from qa.prompts import answer_prompt

TRAM = "The first tram left the old harbour on Saturday. It stops at 24 stations."
DATES = "سوسة النخيل الحمراء حشرة صغيرة تفتك بقلب النخلة. وقد وصلت إلى الخليج في الثمانينيات."


@pytest.fixture(params=["fake", pytest.param("real", marks=pytest.mark.real)])
def embedder(request: pytest.FixtureRequest) -> Embedder:
    return HashEmbedder() if request.param == "fake" else request.getfixturevalue("real_embedder")


@pytest.fixture(params=["fake", pytest.param("real", marks=pytest.mark.real)])
def generator(request: pytest.FixtureRequest) -> Generator:
    return FakeGenerator() if request.param == "fake" else request.getfixturevalue("real_generator")


def as_text(title: str, text: str) -> Text:
    return Text(title, text, tuple(sentences(text)))


class TestEmbedder:
    def test_vectors_have_the_shapes_promised_and_unit_length(self, embedder: Embedder) -> None:
        done: list[int] = []
        embedded = embedder.embed_passages([as_text("Tram", TRAM), as_text("نخيل", DATES)], done.append)
        assert sum(done) == 2
        assert [e.sentences.shape for e in embedded] == [(2, embedder.dimension)] * 2
        rows = np.vstack([e.passage for e in embedded] + [e.sentences for e in embedded])
        assert rows.dtype == np.float32
        assert np.allclose(np.linalg.norm(rows, axis=1), 1, atol=1e-2)
        queries = embedder.embed_queries(["When did the tram leave?", "ما هي سوسة النخيل؟"])
        assert queries.shape == (2, embedder.dimension)
        assert np.allclose(np.linalg.norm(queries, axis=1), 1, atol=1e-2)

    def test_a_question_is_nearest_to_the_passage_and_the_sentence_that_answer_it(self, embedder: Embedder) -> None:
        tram, palms = embedder.embed_passages([as_text("Tram", TRAM), as_text("نخيل", DATES)])
        first, second = embedder.embed_queries(
            ["At how many stations does the tram stop?", "متى وصلت سوسة النخيل إلى الخليج؟"]
        )
        assert tram.passage @ first > palms.passage @ first
        assert palms.passage @ second > tram.passage @ second
        assert int(np.argmax(tram.sentences @ first)) == 1
        assert int(np.argmax(palms.sentences @ second)) == 1

    def test_the_same_text_gives_the_same_vector_whatever_stands_beside_it(self, embedder: Embedder) -> None:
        (alone,) = embedder.embed_passages([as_text("Tram", TRAM)])
        beside = embedder.embed_passages([as_text("نخيل", DATES * 20), as_text("Tram", TRAM), as_text("x", "Short.")])[
            1
        ]
        assert float(alone.passage @ beside.passage) > 0.99

    def test_nothing_to_embed(self, embedder: Embedder) -> None:
        assert embedder.embed_passages([]) == []
        assert embedder.embed_queries([]).shape == (0, embedder.dimension)

    def test_a_passage_longer_than_the_network_reads(self, embedder: Embedder) -> None:
        text = "كلمة " * 4000
        (embedded,) = embedder.embed_passages([Text("", text, (Span(0, 100), Span(15000, 15100)))])
        assert embedded.sentences.shape == (2, embedder.dimension)
        assert np.isfinite(embedded.sentences).all()

    def test_names_do_not_change(self, embedder: Embedder) -> None:
        assert embedder.name
        assert embedder.fingerprint.startswith(embedder.name)


class TestGenerator:
    def ask(self, generator: Generator, question: str, *evidence: str, tokens: int = 32) -> Iterator[tuple[str, float]]:
        prompt = answer_prompt("en").ask(question, evidence)
        for piece in generator.generate(prompt, tokens, refusal="none"):
            yield piece.text, piece.logprob

    def test_an_answer_comes_in_pieces_with_their_probabilities(self, generator: Generator) -> None:
        pieces = list(self.ask(generator, "At how many stations does the tram stop?", TRAM))
        assert "24" in "".join(text for text, _ in pieces)
        assert all(logprob <= 1e-6 and math.isfinite(logprob) for _, logprob in pieces)

    def test_the_same_prompt_gives_the_same_text(self, generator: Generator) -> None:
        first = list(self.ask(generator, "Where did the first tram leave?", TRAM))
        list(self.ask(generator, "How many palms were lost?", "The farmers lost 430 palms."))
        again = list(self.ask(generator, "Where did the first tram leave?", TRAM))
        assert [text for text, _ in first] == [text for text, _ in again]

    def test_a_refusal_is_never_written_and_its_probability_is_told_once(self, generator: Generator) -> None:
        prompt = answer_prompt("en").ask("Who painted the stations of the tram?", ["Palms grow near water."])
        pieces = list(generator.generate(prompt, 32, refusal="none"))
        assert not "".join(piece.text for piece in pieces).strip().startswith("none")
        assert pieces[0].refusal is not None
        assert all(piece.refusal is None for piece in pieces[1:])
        known = answer_prompt("en").ask("At how many stations does the tram stop?", [TRAM])
        assert next(iter(generator.generate(known, 32, refusal="none"))).refusal < pieces[0].refusal  # type: ignore[operator]

    def test_an_answer_can_be_made_to_begin_with_given_words(self, generator: Generator) -> None:
        prompt = answer_prompt("en").ask("At how many stations does the tram stop?", [TRAM])
        words = frozenset({"harbour", "Saturday"})
        first, second = (
            Line(generator.generate(prompt, 8, "none", Opening(words, rank))).read().text for rank in (0, 1)
        )
        assert first != second
        assert all(text[:1] in "hS" for text in (first, second))
        assert list(generator.generate(prompt, 8, "none", Opening(frozenset(), 0))) == []

    def test_no_more_tokens_than_allowed(self, generator: Generator) -> None:
        assert len(list(self.ask(generator, "What does the text say about the tram?", TRAM, tokens=2))) <= 2

    def test_a_stopped_answer_frees_the_model_for_the_next(self, generator: Generator) -> None:
        pieces = self.ask(generator, "Where did the first tram leave?", TRAM)
        next(pieces)
        pieces.close()  # type: ignore[attr-defined]
        assert list(self.ask(generator, "At how many stations does the tram stop?", TRAM))

    def test_languages_alternate_and_a_prepared_head_changes_nothing(self, generator: Generator) -> None:
        before = list(self.ask(generator, "At how many stations does the tram stop?", TRAM))
        generator.prepare(answer_prompt("ar").head)
        Line(generator.generate(answer_prompt("ar").ask("متى وصلت السوسة؟", [DATES]), 16, refusal="لا يوجد")).read()
        generator.prepare(answer_prompt("en").head)
        after = list(self.ask(generator, "At how many stations does the tram stop?", TRAM))
        assert [text for text, _ in before] == [text for text, _ in after]

    def test_arabic_comes_whole(self, generator: Generator) -> None:
        prompt = answer_prompt("ar").ask("ما الحشرة التي تفتك بقلب النخلة؟", [DATES])
        text = Line(generator.generate(prompt, 32, refusal="لا يوجد")).read().text
        assert text
        assert "\ufffd" not in text

    def test_tokens_are_counted(self, generator: Generator) -> None:
        assert 0 < generator.count_tokens("palm") < generator.count_tokens(TRAM)
