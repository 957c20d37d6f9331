"""Sentence segmentation and passage boundaries."""

from __future__ import annotations

import random
from itertools import pairwise

import pytest

from index.articles import Article, Span
from index.text.chunker import TARGET, split_passages
from index.text.sentences import MAX_SENTENCE, sentences


def cut_sentences(text: str) -> list[str]:
    return [text[span.start : span.end] for span in sentences(text)]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("One. Two! Three?", ["One.", "Two!", "Three?"]),
        ("هل وصل؟ نعم، وصل. ثم غادر…", ["هل وصل؟", "نعم، وصل.", "ثم غادر…"]),
        ("He paid 3.5 million. Then he left.", ["He paid 3.5 million.", "Then he left."]),
        ("Dr. Smith met J. K. Rowling. They spoke.", ["Dr. Smith met J. K. Rowling.", "They spoke."]),
        ("قال د. أحمد كلمة. ثم خرج.", ["قال د. أحمد كلمة.", "ثم خرج."]),
        ("“Never.” He left. (Truly.) Yes", ["“Never.”", "He left.", "(Truly.)", "Yes"]),
        ("عنوان بلا نقطة\nالجملة الأولى. “\nالثانية", ["عنوان بلا نقطة", "الجملة الأولى. “", "الثانية"]),
        ("One.\n* * *\nTwo.", ["One.", "Two."]),
        ("", []),
        (" \n\t\n", []),
    ],
)
def test_sentences(text: str, expected: list[str]) -> None:
    assert cut_sentences(text) == expected


def test_long_sentence_is_split_at_clause() -> None:
    clause = "وقال المتحدث إن اللجنة ستجتمع في الأسبوع المقبل لمناقشة الخطة"
    text = "؛ ".join([clause] * 30) + "."
    pieces = cut_sentences(text)
    assert all(len(piece) <= MAX_SENTENCE for piece in pieces)
    assert all(piece.endswith(("؛", ".")) for piece in pieces)
    assert " ".join(pieces) == text


def test_overlong_word_is_split() -> None:
    pieces = cut_sentences("ا" * 2000)
    assert "".join(pieces) == "ا" * 2000
    assert max(map(len, pieces)) <= MAX_SENTENCE


def article(text: str, *ignored: Span) -> Article:
    return Article("a", "title", text, "ar", ignored=ignored)


def test_passages_keep_fitting_paragraphs_together() -> None:
    paragraphs = ["First sentence here. " * 25, "Second one here. " * 30, "Third. " * 20]
    text = "\n\n".join(paragraph.strip() for paragraph in paragraphs)
    found = [text[span.start : span.end] for span in split_passages(article(text))]
    assert found == [paragraphs[0].strip(), text[text.index("Second") :]]


def test_passages_do_not_cross_ignored_spans() -> None:
    text = "Before it.\nSHARE THIS\nAfter it."
    start = text.index("SHARE")
    found = [text[span.start : span.end] for span in split_passages(article(text, Span(start, start + 10)))]
    assert found == ["Before it.", "After it."]


def test_passages_are_ordered_bounded_and_complete() -> None:
    choose = random.Random(2)
    for _ in range(100):
        words = choose.choices(["كلمة", "word.", "طويلة؟", "\n", "\n\n", "x" * 40, "،"], k=choose.randrange(1, 600))
        text = " ".join(words)
        spans = list(split_passages(article(text)))
        assert all(1 <= span.end - span.start <= TARGET for span in spans)
        assert all(before.end <= after.start for before, after in pairwise(spans))
        kept = "".join(text[span.start : span.end] for span in spans)
        assert list(filter(str.isalnum, kept)) == list(filter(str.isalnum, text))
