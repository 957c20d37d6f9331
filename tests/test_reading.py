"""Reader: plain form, span boundaries, excerpts, answer extraction, and the network over the embedder's weights."""

from __future__ import annotations

import math
import unicodedata
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from transformers import Gemma3TextConfig, Gemma3TextModel

from index.articles import Article, Span
from index.retriever import Hit, Sentence
from index.text.chunker import Passage
from index.text.folding import to_plain_form
from index.text.sentences import sentences
from qa.citations import Located
from qa.fakes import FakeReader
from qa.reader.base import Context, ReaderOutput, ScoredSpan
from qa.reader.excerpts import excerpts
from qa.reader.extractive_qa import ReaderSignals, Weights, extract_answer, probability
from qa.reader.lora import LoRAConfig, ReaderNetwork
from qa.reader.span_decoding import top_spans, whole
from qa.reader.tokenization import MAX_TITLE_TOKENS, ReaderInput, encode


class TestPlainForm:
    @pytest.mark.parametrize(
        ("given", "read"),
        [
            ("الإِدارَةُ", "الإدارة"),
            ("الـــقـــاهرة", "القاهرة"),
            ("ﻻ ﺷﻚ", "لا شك"),
            ("عام ٢٠٢١", "عام 2021"),
            ("\u202bنص\u202c", "نص"),
            ("Ünïted ＵＮ", "Ünïted UN"),
            (unicodedata.normalize("NFD", "أحمد وآمنة"), "أحمد وآمنة"),
            ("हिन्दी", "हिन्दी"),
        ],
    )
    def test_normalizes_marks_digits_and_presentation_forms(self, given: str, read: str) -> None:
        assert to_plain_form(given).text == read

    def test_offsets_map_back_to_original_text(self) -> None:
        text = "وُلِدَ في ﺍﻟﻘـﺎﻫﺮﺓ عامَ ١٩٥٨."
        read = to_plain_form(text)
        start = read.text.index("القاهرة")
        span = read.to_original(start, start + len("القاهرة"))
        assert text[span.start : span.end] == "ﺍﻟﻘـﺎﻫﺮﺓ"


class TestSpanBoundaries:
    @pytest.mark.parametrize(
        ("text", "found", "cut"),
        [
            ("وصل إلى البصرة أمس", "بصرة", "البصرة"),
            ("عاش بالبصرة أعواما", "البصرة", "البصرة"),
            ("عاش بالبصرة أعواما", "بصرة", "البصرة"),
            ("سافر وأحمد معه", "أحمد", "أحمد"),
            ("في القاهرة،", "القاهرة،", "القاهرة"),
            ("about 2,500 troops", "2,5", "2,500"),
            ("rose by 3.2% in May", "3.2%", "3.2%"),
            ("the (Old Harbour) line", "Old Harbour)", "Old Harbour"),
            ("led by Kirby himself", "irby", "Kirby"),
            ("ما من بلد آخر", "لد", "بلد"),
            ("it cost $40 then", "$40", "$40"),
        ],
    )
    def test_span_snaps_to_word_boundaries(self, text: str, found: str, cut: str) -> None:
        start = text.index(found)
        span = whole(text, Span(start, start + len(found)))
        assert text[span.start : span.end] == cut

    def test_punctuation_only_span_is_empty(self) -> None:
        span = whole("a — b", Span(2, 3))
        assert span.start == span.end

    def test_top_spans_never_end_before_start(self) -> None:
        text = "one two three"
        given = ReaderInput((9, 9, 1, 2, 3), (None, None, (0, 3), (3, 7), (7, 13)))
        logits = np.zeros((5, 2), dtype=np.float32)
        logits[0] = 1.0
        logits[3, 0] = 5.0
        logits[4, 1] = 4.0
        logits[2, 1] = 9.0  # an end before the start
        reading = top_spans(logits, given, text)
        assert reading.no_answer_score == 2.0
        assert ("two three", 9.0) in [(text[s.span.start : s.span.end], s.score) for s in reading.spans]
        assert [s.score for s in reading.spans] == sorted((s.score for s in reading.spans), reverse=True)


def hit(text: str, scores: Sequence[float], article: str = "a", score: float = 0.6) -> Hit:
    """A hit whose passage is a whole article, with the cosine of each sentence."""
    found = tuple(
        Sentence(span, text[span.start : span.end], cosine, np.zeros(1, np.float32))
        for span, cosine in zip(sentences(text), scores, strict=True)
    )
    return Hit(Passage(1, article, 0, len(text), text), Article(article, "Title", text, "en"), score, found)


def words_in(text: str) -> int:
    return len(text.split())


TRAM = "The tram opened in May. It has 24 stations. The driver was Huda. It rained all day."


class TestExcerpts:
    def test_first_excerpt_has_best_sentence_and_better_neighbour(self) -> None:
        (first, *rest) = excerpts("How many stations?", [hit(TRAM, (0.2, 0.9, 0.5, 0.1))], words_in, longest=9)
        assert first.text == "It has 24 stations. The driver was Huda."
        assert first.text == first.article.text[first.span.start : first.span.end]
        assert first.best.text == "It has 24 stations."
        assert [len(excerpt.sentences) for excerpt in rest] == [1, 1]

    def test_each_sentence_is_in_exactly_one_excerpt(self) -> None:
        hits = [hit(TRAM, (0.2, 0.9, 0.5, 0.1)), hit("Ships leave at noon. They are slow.", (0.3, 0.2), "b")]
        found = list(excerpts("When?", hits, words_in, longest=9))
        said = [(e.article.id, span) for e in found for span in e.sentences]
        assert len(said) == len(set(said)) == 6

    def test_sentence_longer_than_limit_is_not_cut(self) -> None:
        (only,) = excerpts("Who?", [hit("One sentence of more words than fit here.", (0.5,))], words_in, longest=3)
        assert only.text == "One sentence of more words than fit here."

    def test_removed_sentence_splits_excerpt(self) -> None:
        whole = hit(TRAM, (0.2, 0.9, 0.5, 0.1))
        without_driver = replace(whole, sentences=(*whole.sentences[:2], whole.sentences[3]))
        found = list(excerpts("How many stations?", [without_driver], words_in, longest=50))
        assert [excerpt.text for excerpt in found] == [
            "The tram opened in May. It has 24 stations.",
            "It rained all day.",
        ]

    def test_identical_text_of_copies_is_read_once(self) -> None:
        hits = [hit("Two ships sank.", (0.9,)), hit("Two ships sank.", (0.8,), "b")]
        assert [excerpt.article.id for excerpt in excerpts("What sank?", hits, words_in)] == ["a"]


class CountingReader(FakeReader):
    """Records the contexts that it reads."""

    def __init__(self) -> None:
        self.given: list[Context] = []

    def read(self, question: str, contexts: Sequence[Context]) -> list[ReaderOutput]:
        self.given += contexts
        return super().read(question, contexts)


class TwoSpanReader(FakeReader):
    """Finds two spans in one sentence: a number, and the number with the word before it."""

    def read(self, question: str, contexts: Sequence[Context]) -> list[ReaderOutput]:
        return [ReaderOutput((ScoredSpan(Span(18, 20), 8.0), ScoredSpan(Span(14, 20), 7.9)), 1.0) for _ in contexts]


def margin_alone(signals: ReaderSignals, located: Located) -> float:
    return probability(signals.margin, 0.0, 0.0, Weights(margin=1.0, evidence=0.0, answerable=0.0, bias=0.0))


class CharacterTokenizer:
    """One token per character."""

    def __call__(self, texts: list[str], **_: object) -> dict[str, list[list[object]]]:
        return {
            "input_ids": [[2, *map(ord, text)] for text in texts],
            "offset_mapping": [[(0, 0), *((at, at + 1) for at in range(len(text)))] for text in texts],
        }


class TestInput:
    def encoded(self, context: Context) -> tuple[str, str]:
        """The encoded text before the excerpt, and the excerpt."""
        (given,) = encode(CharacterTokenizer(), "How  many?", [context])
        parts = zip(given.ids[1:], given.offsets[1:], strict=True)
        told = [(chr(letter), place) for letter, place in parts]
        assert given.offsets[0] is None
        assert [place for _, place in told if place] == [(at, at + 1) for at in range(len(context.text))]
        return "".join(c for c, place in told if not place), "".join(c for c, place in told if place)

    def test_title_and_date_precede_excerpt(self) -> None:
        before = "question: How many? | title: Salwan votes | date: 2020-05-01 | context: "
        assert self.encoded(Context("1,450 people.", "Salwan\nvotes", "2020-05-01")) == (before, "1,450 people.")

    def test_missing_title_and_date_are_omitted(self) -> None:
        assert self.encoded(Context("It rained.")) == ("question: How many? | context: ", "It rained.")

    def test_long_title_is_truncated(self) -> None:
        before, _ = self.encoded(Context("It rained.", "T" * 1000))
        assert before.count("T") == MAX_TITLE_TOKENS


class TestExtractAnswer:
    def test_quotation_is_sentence_containing_answer(self) -> None:
        found = extract_answer(FakeReader(), "How many stations has the tram?", [hit(TRAM, (0.2, 0.9, 0.5, 0.1))])
        assert found
        assert found.located.text == "24"
        assert found.located.evidence.text == "It has 24 stations."
        assert 0 < found.probability < 1

    def test_highest_margin_across_excerpts_wins(self) -> None:
        hits = [hit("The ferry leaves at noon.", (0.9,)), hit("The tram line has 24 stations.", (0.4,), "b")]
        found = extract_answer(FakeReader(), "How many stations has the tram line?", hits, score=margin_alone)
        assert found and found.located.evidence.article.id == "b"

    def test_nearly_as_likely_answer_is_returned_as_other(self) -> None:
        both = [hit("The tram line has 24 stations.", (0.9,)), hit("The tram line has 26 stations.", (0.8,), "b")]
        found = extract_answer(FakeReader(), "How many stations has the tram line?", both, score=margin_alone)
        assert found and found.located.text == "24"
        assert found.other and found.other.text == "26"
        unlike = [both[0], hit("A ferry leaves at noon.", (0.8,), "b")]
        found = extract_answer(FakeReader(), "How many stations has the tram line?", unlike, score=margin_alone)
        assert found and found.other is None

    def test_one_sentence_has_one_answer(self) -> None:
        hits = [hit("The tram line has 24 stations.", (0.9,))]
        found = extract_answer(TwoSpanReader(), "How many stations has the tram line?", hits, score=margin_alone)
        assert found and found.other is None

    def test_question_repeated_in_an_article_is_no_answer(self) -> None:
        question = "من فاز بالجائزة الكبرى؟"
        assert extract_answer(FakeReader(), question, [hit("عمّن فاز بالجائزة الكبرى.", (0.9,))]) is None
        assert extract_answer(FakeReader(), question, [hit("ميسون فاز بالجائزة الكبرى.", (0.9,))])

    def test_no_hits_return_no_answer(self) -> None:
        assert extract_answer(FakeReader(), "Who?", []) is None

    def test_budget_limits_reading_to_at_least_one_excerpt(self) -> None:
        hits = [hit(f"Sentence number {name} has eight words in all.", (0.5,), name) for name in "abcdefgh"]
        reader = CountingReader()
        extract_answer(reader, "Who?", hits, budget=1)
        assert len(reader.given) == 1
        extract_answer(reader, "Who?", hits, budget=60)
        assert len(reader.given) == 1 + 3

    def test_confident_answer_stops_reading(self) -> None:
        text = " ".join(["pad"] * 95)
        hits = [hit(f"The tram line has 24 stations {text}.", (0.9,)), hit(f"Something else {text}.", (0.1,), "b")]
        reader = CountingReader()
        extract_answer(reader, "How many stations has the tram line?", hits, budget=5000, score=margin_alone)
        assert len(reader.given) == 1

    def test_probability_increases_with_margin_within_bounds(self) -> None:
        likely = [probability(margin, 0.5, 0.0) for margin in (-1e9, -3.0, 0.0, 3.0, 1e9)]
        assert likely == sorted(likely)
        judged = Weights(margin=0.2, evidence=2.0, answerable=0.2, bias=-2.0)
        assert probability(0.0, 0.5, -2.0, judged) < probability(0.0, 0.5, 2.0, judged)
        assert 0 <= likely[0] < likely[1] < likely[2] < likely[3] < likely[4] <= 1

    def test_margin_without_spans_is_minus_infinity(self) -> None:
        assert ReaderOutput((), 1.0).margin == -math.inf
        assert ReaderOutput((ScoredSpan(Span(0, 1), 3.0),), 1.0).margin == 2.0


@pytest.fixture
def encoder() -> torch.nn.Module:
    """A small, untrained network of the embedder's architecture."""
    torch.manual_seed(0)
    config = Gemma3TextConfig(
        vocab_size=40, hidden_size=16, intermediate_size=24, num_hidden_layers=3, num_attention_heads=2,
        num_key_value_heads=1, head_dim=8, max_position_embeddings=64, sliding_window=16,
    )  # fmt: skip
    network: torch.nn.Module = Gemma3TextModel(config)
    return network


IDS = torch.tensor([[3, 5, 7, 9, 11, 2]])
MASK = torch.ones_like(IDS)
ALLOWED = torch.ones_like(IDS, dtype=torch.bool)


class TestReaderNetwork:
    def test_shares_all_embedder_tensors(self, encoder: torch.nn.Module) -> None:
        network = ReaderNetwork(encoder, LoRAConfig(layers=2, rank=4))
        theirs = {parameter.data_ptr() for parameter in encoder.parameters()}
        ours = {p.data_ptr() for name, p in network.named_parameters() if name not in network.adapter_state()}
        assert ours <= theirs
        assert [tuple(part.shape) for part in network(IDS, MASK, ALLOWED)] == [(1, 6, 2), (1,), (1, 3)]

    def test_lora_adapts_only_upper_layers(self, encoder: torch.nn.Module) -> None:
        names = ReaderNetwork(encoder, LoRAConfig(layers=1, rank=4)).adapter_state()
        assert {name.split(".")[2] for name in names if name.startswith("encoder.layers")} == {"2"}
        assert len(names) == 7 * 2 + 3 * 2

    def test_training_does_not_change_embedder(self, encoder: torch.nn.Module, tmp_path: Path) -> None:
        before = encoder(input_ids=IDS, attention_mask=MASK).last_hidden_state.detach().clone()
        network = ReaderNetwork(encoder, LoRAConfig(layers=2, rank=4))
        optimizer = torch.optim.Adam(network.adapter_state().values(), lr=0.02)
        losses = []
        for _ in range(40):
            logits = network(IDS, MASK, ALLOWED).spans
            loss = torch.nn.functional.cross_entropy(logits[..., 0], torch.tensor([4]))
            optimizer.zero_grad()
            loss.backward()  # type: ignore[no-untyped-call]
            optimizer.step()
            losses.append(float(loss.detach()))
        assert losses[-1] < 0.1 < losses[0]
        after = encoder(input_ids=IDS, attention_mask=MASK).last_hidden_state
        assert torch.equal(before, after)

    def test_adapter_state_round_trips_and_rejects_other_network(self, encoder: torch.nn.Module) -> None:
        network = ReaderNetwork(encoder, LoRAConfig(layers=2, rank=4))
        with torch.no_grad():
            for tensor in network.adapter_state().values():
                tensor.normal_()
        again = ReaderNetwork(encoder, LoRAConfig(layers=2, rank=4))
        again.load_adapter_state({name: tensor.clone() for name, tensor in network.adapter_state().items()})
        assert all(
            torch.equal(*pair) for pair in zip(network(IDS, MASK, ALLOWED), again(IDS, MASK, ALLOWED), strict=True)
        )
        with pytest.raises(ValueError, match="another network"):
            ReaderNetwork(encoder, LoRAConfig(layers=1, rank=4)).load_adapter_state(network.adapter_state())
