"""Language detection: Arabic, English, or an unsupported language."""

from __future__ import annotations

import re
import unicodedata
from functools import cache
from typing import Any

from index.articles import Language

# A question with one of these is English, regardless of a statistical guess from eight words.
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
_MIN_PROBABILITY = 0.9
_MAX_COUNTED = 1_000_000
"""Code points of a text that are counted: the beginning of a very long one is enough."""
# Languages that the classifier chooses from: those that users are likely to write in; more make it less accurate.
_CANDIDATES = ["ar", "en", "fr", "de", "es", "it", "pt", "nl", "tr", "id", "fa", "ur", "ru", "sv", "pl"]
_LETTERS = re.compile(r"[^\W\d_]+")
# Letters and the marks on them; presentation forms too.
_ARABIC_WORDS = re.compile(
    r"[\u0610-\u061a\u0620-\u065f\u066e-\u06d3\u06d5-\u06dc\u06ee\u06ef\u06fa-\u06ff\u0750-\u077f\u08a0-\u08ff"
    r"\ufb50-\ufdfb\ufe70-\ufefc]+"
)
_LATIN = r"A-Za-z\u00c0-\u00d6\u00d8-\u00f6\u00f8-\u024f"
_CAPITAL_WORDS = re.compile(rf"(?<![{_LATIN}])[A-Z\u00c0-\u00d6\u00d8-\u00de][{_LATIN}'’]*")
_SMALL_WORDS = re.compile(rf"(?<![{_LATIN}'’])[a-z\u00df-\u00f6\u00f8-\u00ff][{_LATIN}'’]*")


def is_arabic_letter(character: str) -> bool:
    return character.isalpha() and unicodedata.name(character, "").startswith("ARABIC")


def detect_language(text: str) -> Language:
    """Return Arabic or English by majority of the words. Names in Latin script do not make a text English.

    A Latin word with a capital counts half, since it is likely to be a name; English also has lower-case words.
    In a tie the letters decide, and a text without letters is English.
    """
    text = text if len(text) <= _MAX_COUNTED else text.lstrip()[:_MAX_COUNTED]
    arabic, capital, small = (len(words.findall(text)) for words in (_ARABIC_WORDS, _CAPITAL_WORDS, _SMALL_WORDS))
    if 2 * arabic != capital + 2 * small:
        return "ar" if 2 * arabic > capital + 2 * small else "en"
    letters = sum(map(len, _LETTERS.findall(text)))
    return "ar" if letters and 2 * sum(map(len, _ARABIC_WORDS.findall(text))) >= letters else "en"


def warm_up_detector() -> None:
    """Load the language classifier. Concurrent first callers would each load it."""
    _identifier()


def unsupported_language(question: str) -> str | None:
    """Return the code ("fr") of a question's language if it is surely neither Arabic nor English, else `None`.

    Names make short questions hard to classify, so any common English word decides for English, and a guess
    must be nearly certain: refusing a question in English is worse than trying one in French.
    """
    words = _LETTERS.findall(question.casefold())
    if len(words) < 3 or not _ENGLISH_WORDS.isdisjoint(words):
        return None
    code, probability = _identifier().classify(question)
    return None if code in ("ar", "en") or probability < _MIN_PROBABILITY else str(code)


@cache
def _identifier() -> Any:
    # Here, not at the top: the model takes a fifth of a second to unpack, and a question in English never needs it.
    from py3langid.langid import MODEL_FILE, LanguageIdentifier

    identifier = LanguageIdentifier.from_model_file(MODEL_FILE, norm_probs=True)
    identifier.set_languages(_CANDIDATES)
    return identifier
