"""Which language a text is in: Arabic, English, or one that Jawab does not speak."""

from __future__ import annotations

import re
import unicodedata
from functools import cache
from typing import Any

from index.articles import Language

# A question with one of these is English, whatever a statistical guess over eight words says.
_ENGLISH_WORDS = frozenset(
    [
        "the",
        "of",
        "and",
        "is",
        "are",
        "was",
        "were",
        "did",
        "does",
        "do",
        "what",
        "who",
        "whom",
        "whose",
        "when",
        "where",
        "why",
        "how",
        "which",
        "many",
        "much",
        "in",
        "on",
        "at",
        "by",
        "for",
        "from",
        "with",
        "about",
        "his",
        "her",
        "their",
        "its",
        "it",
        "has",
        "have",
        "had",
        "be",
        "been",
        "to",
        "an",
        "that",
        "this",
    ]
)
_CERTAIN = 0.9
# The guesser chooses among languages that people are likely to write to Jawab in; too many make it guess worse.
_CANDIDATES = ["ar", "en", "fr", "de", "es", "it", "pt", "nl", "tr", "id", "fa", "ur", "ru", "sv", "pl"]
_LETTERS = re.compile(r"[^\W\d_]+")


def is_arabic_letter(character: str) -> bool:
    return character.isalpha() and unicodedata.name(character, "").startswith("ARABIC")


def language_of(text: str) -> Language:
    """Arabic if at least half of the letters are, else English. Names in Latin script do not turn an Arabic text."""
    letters = [character for character in text if character.isalpha()]
    arabic = sum(map(is_arabic_letter, letters))
    return "ar" if letters and 2 * arabic >= len(letters) else "en"


def foreign_language_of(question: str) -> str | None:
    """The code ("fr") of a question's language if it is surely neither Arabic nor English, else `None`.

    Names make short questions hard to tell, so any everyday English word settles it for English, and a guess
    must be nearly certain: refusing a question in English is worse than trying one in French.
    """
    words = _LETTERS.findall(question.casefold())
    if len(words) < 3 or not _ENGLISH_WORDS.isdisjoint(words):
        return None
    code, probability = _identifier().classify(question)
    return None if code in ("ar", "en") or probability < _CERTAIN else str(code)


@cache
def _identifier() -> Any:
    # Here, not at the top: the model takes a fifth of a second to unpack, and most questions never need it.
    from py3langid.langid import MODEL_FILE, LanguageIdentifier

    identifier = LanguageIdentifier.from_model_file(MODEL_FILE, norm_probs=True)
    identifier.set_languages(_CANDIDATES)
    return identifier
