"""Claims that the checker learns from: right ones say what the quotation says, wrong ones something else."""

from __future__ import annotations

from index.articles import Span
from qa.training.claims import Claim, ClaimMaker, Told, told
from qa.training.examples import Source

ENGLISH = (
    "The pier opened in 1859, and it has 24 lamps. Brunel built it (in iron) before the war. It closed again in May."
)
ARABIC = "افتُتح الرصيف عام 1859، وفيه 24 مصباحاً. بناه برونيل (من الحديد) قبل الحرب. وأُغلق في مايو."


def source(paragraph: str, question: str, answer: str) -> Source:
    start = paragraph.index(answer)
    return Source(question, paragraph, Span(start, start + len(answer)), ())


def pairs() -> list[tuple[Told, Told]]:
    english = [source(ENGLISH, "When?", "1859"), source(ENGLISH, "How many?", "24"), source(ENGLISH, "Who?", "Brunel")]
    arabic = [source(ARABIC, "متى؟", "1859"), source(ARABIC, "كم؟", "24"), source(ARABIC, "من؟", "برونيل")]
    return [(one, other) for one, other in zip(told(english), told(arabic), strict=True) if one and other]


def made() -> list[Claim]:
    return [claim for seed in range(30) for claim in ClaimMaker(seed).make(pairs())]


def test_the_sentence_that_answers_is_found_with_the_answer_in_it() -> None:
    (when, _), *_ = pairs()
    assert when.text == "The pier opened in 1859, and it has 24 lamps." and when.phrase == "1859"
    assert when.beside.startswith("Brunel") and when.others == ("24", "Brunel")


def test_an_answer_across_two_sentences_makes_no_claim() -> None:
    assert told([source(ENGLISH, "What?", "lamps. Brunel")]) == [None]


def test_as_many_are_right_as_wrong_in_all_four_directions() -> None:
    claims = made()
    assert sum(claim.holds for claim in claims) * 2 == len(claims)
    directions = {(claim.sentence[0] > "\u0600", claim.quote[0] > "\u0600") for claim in claims}
    assert len(directions) == 4


def test_right_ones_have_the_answer_and_wrong_ones_are_not_said_by_the_quotation() -> None:
    for claim in made():
        if claim.question == "When?":
            assert not claim.holds or "1859" in claim.sentence or "١٨٥٩" in claim.sentence
        if claim.quote[0].isascii() is claim.sentence[0].isascii() and not claim.holds:
            assert claim.sentence.rstrip(".") not in claim.quote


def test_wrong_ones_are_wrong_in_many_ways() -> None:
    wrong = {claim.sentence for claim in made() if not claim.holds}
    assert "Brunel built it (in iron) after the war." in wrong
    assert any("opened in 24" in sentence for sentence in wrong)
    assert any(sentence.startswith("It closed again in May") for sentence in wrong)


def test_the_same_seed_makes_the_same_claims() -> None:
    assert ClaimMaker(5).make(pairs()) == ClaimMaker(5).make(pairs())
