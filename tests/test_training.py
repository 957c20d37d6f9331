"""Training of the reader: its examples, and that an interrupted training resumes to the same weights."""

from __future__ import annotations

import gzip
import json
import random
import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import click
import pytest
import torch
from click.testing import CliRunner
from transformers import Gemma3TextConfig, Gemma3TextModel

from index.articles import Span
from index.fakes import HashEmbedder
from qa.reader.base import Context
from qa.reader.lora import LoRAConfig, ReaderNetwork
from qa.training.course import SETS, cached_examples, course_sources, validation_titles
from qa.training.examples import Example, ExampleBuilder, Source, cut, in_plain_form, is_for_validation, load_set
from qa.training.hard_negatives import add_hard_negatives
from qa.training.recipe import Recipe
from qa.training.swaps import Swapper
from qa.training.train import batches_of, changed, loss_of
from qa.training.train import main as teach_reader
from qa.training.train_commands import main as teach_commands
from qa.training.trainer import Training, learning_rates

HARBOUR = "The harbour opened in 1859. It has 24 piers. Ships leave at noon. The pilot is Huda. It never freezes."


def words_in(text: str) -> int:
    return len(text.split())


def write_set(folder: Path, texts: list[str], asked: list[tuple[int, str, str]]) -> Path:
    """A question set of one-paragraph articles; `asked` has article number, question and answer."""
    folder.mkdir(parents=True, exist_ok=True)
    articles = [{"id": f"a-{n}", "lang": "en", "title": "t", "text": text} for n, text in enumerate(texts)]
    questions: list[dict[str, Any]] = []
    for n, question, answer in asked:
        start = texts[n].index(answer)
        found = {"text": answer, "start": start, "end": start + len(answer)}
        questions.append(
            {"id": f"q{len(questions)}", "lang": "en", "question": question, "article_id": f"a-{n}",
             "paragraph": [0, len(texts[n])], "answers": [found]}
        )  # fmt: skip
    (folder / "articles.jsonl").write_text("\n".join(map(json.dumps, articles)), encoding="utf-8")
    (folder / "questions.jsonl").write_text("\n".join(map(json.dumps, questions)), encoding="utf-8")
    return folder


class TestSources:
    def test_training_and_validation_articles_are_disjoint(self, tmp_path: Path) -> None:
        texts = [f"Pier {n} opened in {1850 + n}." for n in range(8)]
        folder = write_set(tmp_path / "set", texts, [(n, f"When did pier {n} open?", str(1850 + n)) for n in range(8)])
        training, validation = load_set(folder, validation=False), load_set(folder, validation=True)
        assert [is_for_validation(n) for n in range(8)] == [False, False, False, True] * 2
        assert {source.paragraph for source in validation} == {texts[3], texts[7]}
        assert {source.paragraph for source in training} == set(texts) - {texts[3], texts[7]}
        for source in training:
            assert (
                source.answer
                and source.paragraph[source.answer.start : source.answer.end] in texts[0] + source.paragraph
            )

    def test_hard_negatives_are_nearest_paragraphs_of_others(self) -> None:
        sources = [
            Source("When did the harbour pier open?", "The harbour pier opened in 1859.", Span(27, 31), ()),
            Source("What grows?", "Palms grow by the sea.", Span(0, 5), ("An oak is tall.",)),
            Source("What is long?", "The harbour pier is long.", Span(0, 16), ()),
        ]
        pier, *_ = add_hard_negatives(sources, HashEmbedder())
        assert [context.text for context in pier.near] == ["The harbour pier is long.", "Palms grow by the sea."]

    def test_hard_negatives_become_unanswerable_examples(self) -> None:
        near = (Context("The pier of Tunis has 12 lamps.", "Tunis"), Context("The pier has 24 lamps."))
        source = Source("How many piers?", HARBOUR, Span(HARBOUR.index("24"), HARBOUR.index("24") + 2), (), near)
        made = ExampleBuilder(words_in, Recipe(not_here=0.9)).make([source] * 40, 170)
        misses = {replace(example.context, date="") for example in made if example.answer is None}
        assert near[0] in misses and near[1] not in misses


class TestExamples:
    def test_excerpt_is_whole_sentences_around_answer(self) -> None:
        start = HARBOUR.index("24")
        source = Source("How many piers?", HARBOUR, Span(start, start + 2), ("Palms grow near water.",))
        lengths = set()
        for seed in range(30):
            for example in ExampleBuilder(words_in, Recipe(seed=seed)).make([source], 170):
                if example.answer:
                    assert example.context.text[example.answer.start : example.answer.end] == "24"
                    assert example.context.text in HARBOUR
                    lengths.add(len(example.context.text))
                else:
                    assert "24" not in example.context.text
        assert lengths

    def test_same_seed_makes_same_examples(self) -> None:
        source = Source("How many piers?", HARBOUR, Span(34, 36), ())
        made = [ExampleBuilder(words_in, Recipe(seed=3)).make([source] * 9, 170) for _ in range(2)]
        assert made[0] == made[1]

    def test_plain_form_strips_diacritics_and_keeps_answer_span(self) -> None:
        text = "وُلِدَ في ﺍﻟﻘـﺎﻫﺮﺓ عامَ ١٩٥٨."
        start = text.index("ﺍﻟ")
        source = in_plain_form(Source("أينَ وُلِدَ؟", text, Span(start, text.index(" عام")), ()))
        assert source.question == "أين ولد؟"
        assert source.answer and source.paragraph[source.answer.start : source.answer.end] == "القاهرة"

    def test_splits_sentences_of_languages_without_spaces(self) -> None:
        text = "東京は大きい。川がある。橋もある。"
        assert [text[s.start : s.end] for s in cut(text)] == ["東京は大きい。", "川がある。", "橋もある。"]


class Tokenizer:
    """A tokenizer with one token per word."""

    def __call__(self, texts: list[str], **_: Any) -> dict[str, list[Any]]:
        words = [list(re.finditer(r"\s?\S+", text)) for text in texts]
        return {
            "input_ids": [[2, *(3 + len(w.group()) * 7 % 30 for w in row), 1] for row in words],
            "offset_mapping": [[(0, 0), *(w.span() for w in row), (0, 0)] for row in words],
        }


def network() -> ReaderNetwork:
    torch.manual_seed(0)
    config = Gemma3TextConfig(
        vocab_size=40, hidden_size=16, intermediate_size=24, num_hidden_layers=2, num_attention_heads=2,
        num_key_value_heads=1, head_dim=8, max_position_embeddings=64, sliding_window=64,
    )  # fmt: skip
    encoder = Gemma3TextModel(config)
    torch.manual_seed(1)
    return ReaderNetwork(encoder, LoRAConfig(layers=1, rank=4))


RECIPE = Recipe(rate=1e-2, head_rate=1e-2, warm_up=2, tokens_a_batch=60)


def batches(count: int = 24) -> list[Any]:
    texts = ("Pier nine opened in 1859 .", "A tram has 24 stations now .", "Nobody knows .")
    examples = [
        Example("What is it ?", Context(text), Span(answer, answer + 4) if answer else None)
        for text, answer in zip(texts * (count // 3), (20, 11, 0) * (count // 3), strict=True)
    ]
    return batches_of(examples, Tokenizer(), RECIPE, random.Random(0))


LOSS = loss_of(0.5)


class TestTraining:
    def test_learning_rate_warms_up_and_decays(self) -> None:
        rates = learning_rates(10, warm_up=2)
        assert rates[:3] == [0.5, 1.0, 1.0] and rates[9] == 0.125

    def test_targets_are_answer_tokens_or_first_token(self) -> None:
        given = [pair for batch in batches() for pair in zip(batch.inputs, batch.targets, strict=True)]
        assert len(given) == 24
        for one, (start, end, verdict) in given:
            assert verdict == -1
            if (start, end) != (0, 0):
                assert one.offsets[start] in ((19, 24), (10, 13))
                assert one.offsets[start] is not None and one.offsets[end] is not None

    def test_training_reduces_loss(self, tmp_path: Path) -> None:
        Training(network(), batches(240), LOSS, RECIPE, tmp_path).run()
        losses = [json.loads(line)["loss"] for line in (tmp_path / "log.jsonl").read_text().splitlines()]
        assert sum(losses[-5:]) < 0.7 * sum(losses[:5])

    def test_interrupted_training_resumes_to_same_weights(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("qa.training.trainer.SAVE_EVERY", 2)
        whole = network()
        Training(whole, batches(), LOSS, RECIPE, tmp_path).run()
        (tmp_path / "other").mkdir()
        stopped = Training(network(), batches(), LOSS, RECIPE, tmp_path / "other")
        monkeypatch.setattr(stopped, "_learn", _interrupted_after(stopped._learn, 3))
        with pytest.raises(KeyboardInterrupt):
            stopped.run()
        again = network()
        Training(again, batches(), LOSS, RECIPE, tmp_path / "other").run()
        for name, tensor in whole.adapter_state().items():
            assert torch.allclose(tensor, again.adapter_state()[name], atol=1e-6), name
        steps = [json.loads(line)["step"] for line in (tmp_path / "other" / "log.jsonl").read_text().splitlines()]
        assert steps == list(range(1, len(batches()) + 1))

    def test_recipe_fields_are_overridden_by_name(self) -> None:
        assert changed(Recipe(), ["rank=8", "rate=0.001"]) == Recipe(rank=8, rate=0.001)
        for wrong in ("ranks=8", "rank=many"):
            with pytest.raises(click.BadParameter):
                changed(Recipe(), [wrong])


def _interrupted_after(learn: Any, steps: int) -> Any:
    done = 0

    def step(batch: Any) -> float:
        nonlocal done
        if done == steps:
            raise KeyboardInterrupt
        done += 1
        return float(learn(batch))

    return step


def test_swapped_question_keeps_sentences_of_original_answer() -> None:
    start = HARBOUR.index("1859")
    source = Source("What is of 1859?", HARBOUR, Span(start, start + 4), ())
    swapper = Swapper(["Who came in 1931?"], random.Random(0))
    recipe = replace(Recipe(), swapped=1.0, not_here=0.0, elsewhere=0.0, shortest=5)
    answered, swapped = ExampleBuilder(words_in, recipe, swapper).make([source], longest=8)
    assert answered.answer and "1859" in answered.context.text
    assert (swapped.question, swapped.answer) == ("What is of 1931?", None)
    assert "1859" in swapped.context.text
    assert len(ExampleBuilder(words_in, recipe).make([source], longest=8)) == 1


def test_course_excludes_validation_articles(tmp_path: Path) -> None:
    texts = [f"Pier {n} opened in {1850 + n}." for n in range(4)]
    asked = [(n, f"When did pier {n} open?", str(1850 + n)) for n in range(4)]
    for name in SETS:
        folder = write_set(tmp_path / "sets" / name, texts, asked)
        lines = (folder / "articles.jsonl").read_text().splitlines()
        titled = [json.loads(line) | {"title": f"Pier {n}"} for n, line in enumerate(lines)]
        (folder / "articles.jsonl").write_text("\n".join(map(json.dumps, titled)))
    assert validation_titles(tmp_path / "sets") == {"Pier 3"}
    rows = [
        {"context": f"Of pier {n}: {1900 + n}", "question": "?", "start": 11, "end": 15, "title": f"Pier {n}"}
        for n in range(4)
    ]
    with gzip.open(tmp_path / "squad-dev-bench-articles-en.jsonl.gz", "wt") as file:
        file.write("\n".join(map(json.dumps, rows)))
    learnt = course_sources(tmp_path, tmp_path / "sets", HashEmbedder(), Recipe(siblings=0))
    assert {source.title for source in learnt} == {"Pier 0", "Pier 1", "Pier 2"}
    assert texts[3] not in {source.paragraph for source in learnt}
    some = course_sources(tmp_path, tmp_path / "sets", HashEmbedder(), Recipe(siblings=8, own=0, share=0.5))
    assert len([source for source in some if source.title.startswith("Pier")]) == 175
    assert len(some) == 175 + 4


def test_examples_are_cached(tmp_path: Path) -> None:
    example = Example("كم؟", Context("نص", "عنوان", "2020-01-02"), Span(0, 1))
    made = cached_examples(tmp_path / "examples.jsonl", lambda: [example, replace(example, answer=None)])
    assert made == [example, replace(example, answer=None)]
    assert cached_examples(tmp_path / "examples.jsonl", lambda: []) == made


def test_title_that_alone_identifies_excerpt_is_swapped() -> None:
    start = HARBOUR.index("24")
    source = Source("How many piers has Port Nasim?", HARBOUR, Span(start, start + 2), (), title="Port Nasim")
    recipe = replace(Recipe(), not_here=0.0, elsewhere=1.0, untitled=0.0)
    made = ExampleBuilder(words_in, recipe, titles=["Port Nasim", "Salwan", "ميناء"]).make([source] * 20, longest=50)
    assert {(example.context.title, example.answer is None) for example in made} == {
        ("Port Nasim", False),
        ("Salwan", True),
    }
    assert all("24" in example.context.text for example in made)
    named = replace(source, paragraph=f"Port Nasim: {HARBOUR}", answer=Span(start + 12, start + 14))
    assert len(ExampleBuilder(words_in, replace(recipe, shortest=50), titles=["Salwan"]).make([named], longest=60)) == 1


@pytest.mark.parametrize("command", [teach_reader, teach_commands], ids=["reader", "commands"])
def test_missing_extra_is_reported_before_training(
    command: click.Command, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr("qa.training.needs.find_spec", lambda module: None)
    out = tmp_path / "work"
    places = {"--sets": tmp_path, "--data": tmp_path, "--families": tmp_path, "--work": out, "--out": out}
    wanted = [option.opts[0] for option in command.params if option.required]
    words = [str(word) for name in wanted for word in (name, places[name])]
    result = CliRunner().invoke(command, words)
    assert (result.exit_code, result.output) == (
        1,
        'Error: Teaching needs the extra "train": pip install -e ".[train]"\n',
    )
    assert not out.exists()
