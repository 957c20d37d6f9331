"""Understanding of a question, once: its kind, and what an answer must bear out (names, years, numbers, polarity)."""

from __future__ import annotations

import re
from dataclasses import asdict, dataclass
from typing import Any, Literal

from index.text.folding import fold_text
from index.text.words import STOP_WORDS, normalize_tokens
from qa.polarity import Polarity, polarity_of
from qa.query.countries import countries_in
from qa.query.dialect import to_msa_question_words
from qa.query.intent import Intents
from qa.query.names import NameTagger, find_names
from qa.query.question import asks_why_or_how, is_factoid

Kind = Literal["phrase", "explanation", "yes-no", "list", "summary", "catalogue", "comparison"]
Expected = Literal["person", "place", "time", "quantity", "any"]

MIN_YES_NO_PROBABILITY = 0.6
"""Least probability at which a question that begins as one of yes or no is one, though it seems to offer a choice."""
MIN_LIST_PROBABILITY = 0.85
"""Least probability at which a question that the rules take for one of a phrase asks for a list."""
YEAR = re.compile(r"(?<![\d.,٫٬])(?:1[0-9]|20)\d\d(?![\d.,٫٬]*\d)")
_YES_NO = re.compile(
    r"^\W*(?:and |but |so )?(?:is|are|was|were|am|do|does|did|has|have|had|can|could|will|would|shall|should"
    r"|(?:is it true|true) that)\b|^\W*[وف]?(?:هل|اصحيح|ا(?:لم|ليس))(?!\w)"
)
_CURRENT = re.compile(
    r"\b(?:now|currently|current|today|at present|still|these days|latest|nowadays)\b"
    r"|(?<!\w)(?:الان|حاليا|اليوم|الحالي|الحاليه|لا يزال|ما زال|ما زالت|لا تزال|احدث|راهن|الراهن)(?!\w)"
)
_CHOICE = re.compile(r"\bor\b|(?<!\w)(?:ام|او)(?!\w)")
_NO_NOUN = r"(?!(?:of|did|do|does|was|is|has) )"
_LIST = re.compile(
    r"^\W*(?:please )?(?:name|list|enumerate) "
    r"|^\W*(?:and )?(?:who|what|where) (?:are|were) (?!\w+['’]s )"
    # A plural, perhaps after an adjective.
    rf"|^\W*(?:(?:in|at|on|by|to|from|for|of|with) )?(?:which|what) {_NO_NOUN}(?:{_NO_NOUN}\w+ )?\w{{2,}}[^s\W]s "
    r"(?!is |was |has |ago |the |an? |its |his |her |their |it |to )"
    r"|^\W*[وف]?(?:من|ما) (?:هم|هن|هما) |^\W*(?:اذكر|عدد|اسرد|سم) "
    r"|^\W*[وف]?(?:في |علي |من )?(?:اي|ما|من) ال\w+(?:ات|ون|ين) (?!اكثر|اقل|ا\w{3} )"
    r"|^\W*[وف]?(?:في |علي |من )?(?:اي|ما|من) ال\w{3,} (?:التي|الذين|اللذ\w+|اللت\w+) "
)
_EXPECTED: tuple[tuple[Expected, re.Pattern[str]], ...] = (
    (
        "quantity",
        re.compile(
            r"\bhow (?:many|much|old|long|far|tall|high|deep|wide|big|large|heavy|fast|hot|cold|often)\b"
            r"|\bwhat (?:is|was|are|were) the (?:number|price|cost|height|length|depth|weight|population|age|area)\b"
            r"|(?<!\w)[وبف]?كم(?!\w)"
            r"|ما (?:هو )?(?:عدد|سعر|ثمن|ارتفاع|طول|عمق|وزن|عمر|مساحه|سرعه|نسبه|تكلفه|كلفه|قيمه)(?!\w)"
        ),
    ),
    (
        "time",
        re.compile(
            r"\bwhen\b|\b(?:what|which) (?:year|day|date|month|time|hour|week|weekday|century|decade|season)\b"
            r"|(?<!\w)[وف]?متي(?!\w)|(?<!\w)(?:اي|ايه) (?:عام|سنه|يوم|تاريخ|شهر|وقت|ساعه|اسبوع|قرن)(?!\w)"
            r"|ما (?:هو )?(?:تاريخ|موعد)(?!\w)"
        ),
    ),
    (
        "person",
        re.compile(
            r"^\W*(?:and |but )?(?:by |to |from |for |with )?(?:who|whom|whose)\b"
            r"|^\W*[وف]?(?:من|لمن)(?: هو| هي| الذي| التي)? (?!اين|اي|متي)"
        ),
    ),
    (
        "place",
        re.compile(
            r"\bwhere\b|\b(?:what|which) (?:town|city|village|country|place|street|region)\b"
            r"|(?<!\w)[وف]?(?:من )?(?:اين)(?!\w)"
            r"|(?<!\w)(?:اي|ايه) (?:مدينه|بلده|قريه|بلد|دوله|مكان|شارع|منطقه)(?!\w)"
        ),
    ),
)


@dataclass(frozen=True)
class Understanding:
    """A question understood.

    `names`, `years` and `numbers` are as written; `words` are the stems of its other content words. `expected` is the
    kind of phrase that would answer it; `current` whether what is so now is asked, and no year; `choice` whether it
    offers alternatives ("Nadia or Adel").
    `countries` are by their English names, adjectives among them (`countries.py`).
    """

    kind: Kind
    expected: Expected
    names: tuple[str, ...]
    years: tuple[str, ...]
    numbers: tuple[str, ...]
    words: frozenset[str]
    polarity: Polarity
    current: bool = False
    choice: bool = False
    countries: frozenset[str] = frozenset()

    def to_json(self) -> dict[str, Any]:
        """Return what a record tells of it."""
        return {
            "kind": self.kind,
            "expected": self.expected,
            "names": list(self.names),
            "years": list(self.years),
            "numbers": list(self.numbers),
            **asdict(self.polarity),
            "current": self.current,
            "choice": self.choice,
            "countries": sorted(self.countries),
        }


def understand(question: str, tagger: NameTagger, intents: Intents | None = None) -> Understanding:
    """Understand a question that stands alone."""
    folded = _folded(question)
    names = find_names(question, tagger)
    years = tuple(dict.fromkeys(YEAR.findall(folded)))
    numbers = tuple(dict.fromkeys(number for number in re.findall(r"\d+(?:[.,]\d+)*", folded) if number not in years))
    kind = _kind(question, intents or Intents())
    return Understanding(
        kind=kind,
        expected=_expected(folded),
        names=names,
        years=years,
        numbers=numbers,
        words=_other_words(folded, names),
        polarity=polarity_of(question),
        current=bool(_CURRENT.search(folded)) and not years,
        choice=kind != "yes-no" and bool(_CHOICE.search(folded)),
        countries=countries_in(question),
    )


def _kind(question: str, intents: Intents) -> Kind:
    """Return the kind by the rules; where they say phrase, yes-no or list if the classifier is sure of it."""
    kind = kind_of(question)
    # «أم» is "or" and "mother of".
    if kind == "phrase" and intents.of("yes-no") >= MIN_YES_NO_PROBABILITY and _YES_NO.search(_folded(question)):
        return "yes-no"
    return "list" if kind == "phrase" and intents.of("list") >= MIN_LIST_PROBABILITY else kind


def kind_of(question: str) -> Kind:
    """Return the kind of answer that a question asks for, by rules alone."""
    folded = _folded(question)
    if _YES_NO.search(folded) and not _CHOICE.search(folded):
        return "yes-no"
    if _LIST.search(folded):
        return "list"
    if not is_factoid(question):
        return "summary"
    return "explanation" if asks_why_or_how(question) else "phrase"


def _folded(question: str) -> str:
    return fold_text(to_msa_question_words(question))


def _expected(folded: str) -> Expected:
    return next((kind for kind, pattern in _EXPECTED if pattern.search(folded)), "any")


def _other_words(folded: str, names: tuple[str, ...]) -> frozenset[str]:
    named = {stem for name in names for stem in normalize_tokens(name)}
    words = (word for word in re.findall(r"[^\W\d_]+", folded) if word not in STOP_WORDS)
    return frozenset(stem for word in words for stem in normalize_tokens(word)) - named
