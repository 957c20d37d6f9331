"""Follow-up detection: find questions that depend on earlier ones, and add the history for search.

"And who leads it?" cannot be searched for. Detection uses the question's words alone, and takes no time: pronouns, a
beginning in mid-sentence, no verb or question word of its own. Other questions are left unchanged.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from index.text.folding import fold_text
from index.text.language import detect_language
from index.text.words import query_tokens
from qa.answer import Answer, Event, Finished

MAX_EXCHANGES = 2
"""Exchanges that a question may depend on."""
_MIN_ANTECEDENT_WORDS = 2
"""Content words before a pronoun from which it may refer to one of them."""
_MAX_SHORT_WORDS = 3
"""Content words up to which a question without a name is short."""

_WORD = re.compile(r"\w+")
_NAME = re.compile(r"(?<![.?!] )(?<!^)\b[A-Z]\w+")
# Folded. Words that refer to something mentioned before.
_ENGLISH_PRONOUNS = frozenset("he she it they him her them his hers its their theirs this these those".split())  # noqa: SIM905
_COPULAS = frozenset("هو هي هم هما هن".split())  # noqa: SIM905
"""After a question word and before further words, they are mere copulas: ما هو، من هي."""
_ARABIC_PRONOUNS = frozenset(
    """
    هذا هذه ذلك تلك هؤلاء اولئك هناك حينها انذاك نفسه نفسها نفسهم منه منها منهم له لها لهم فيه فيها عنه عنها عليه عليها
    اليه اليها معه معها معهم به بها بهم بينهم بينهما عنده عندها عندهم لديه لديها لديهم وقتها ساعتها ده دي دول هيدا هاي
    """.split()  # noqa: SIM905
)
_RELATIVES = frozenset("الذي التي الذين اللذان اللتان who that whose".split())  # noqa: SIM905
"""Pronouns after them refer to words before them."""
_MID_SENTENCE_START = re.compile(
    r"^(?:and|but|so|or|what about|how about|what of|also|then|i meant?|ok|okay|no|sorry)\b"
    r"|^(?:و|ف|ثم|طيب|عفوا|اقصد|قصدي|قصدت|عنيت|بل|لا)(?=\w|\W)"
)
_QUESTION_WORDS = re.compile(
    r"\b(?:who|whom|whose|what|which|when|where|why|how|is|are|was|were|did|does|do|has|have|had|can|could|will|would)\b"
    r"|(?<!\w)و?(?:من|ما|ماذا|متي|اين|كم|كيف|لماذا|لم|هل|اي|ايه|بماذا|ممن|مم|عم|بكم|لمن|شو|ايش|شنو|مين|وين|ليش|كام|ازاي|امتي|فين|قديش)(?!\w)"
)
_ATTACHED = re.compile(r"^\w{3,}(?:ها|هم|هما|هن|[^اوي]ه)$")
_WITH_ARTICLE = re.compile(r"^[وف]?[بكل]?ا?ل")
_MARKS = re.compile(r"[\u064b-\u065f\u0670\u0640]")
_MARKED_WORD = re.compile(r"[\w\u064b-\u065f\u0670]+")


@dataclass(frozen=True)
class HistoryTurn:
    """A question in the form used for search, and the answering phrase, if any."""

    question: str
    phrase: str | None = None


def to_history_turn(answer: Answer) -> HistoryTurn | None:
    """Convert an answer to a history turn; `None` for small talk."""
    return None if answer.talk else HistoryTurn(answer.asked or answer.question, answer.short_answer)


def record_history(events: Iterator[Event], history: list[HistoryTurn]) -> Iterator[Event]:
    """Pass the events through, and append the finished exchange to `history`."""
    for event in events:
        if isinstance(event, Finished) and (exchange := to_history_turn(event.answer)):
            history.append(exchange)
        yield event


def is_follow_up(question: str) -> bool:
    """Return whether a question depends on the conversation before it."""
    folded = fold_text(question)
    tokens = query_tokens(question)
    if not tokens:
        return True
    mid_sentence = bool(_MID_SENTENCE_START.match(folded))
    short = len(tokens) <= _MAX_SHORT_WORDS and not _NAME.search(question)
    if short and (mid_sentence or not _QUESTION_WORDS.search(folded)):
        return True
    return (_arabic_refers_back if detect_language(question) == "ar" else _english_refers_back)(question, mid_sentence)


def _english_refers_back(question: str, mid_sentence: bool) -> bool:
    """Return whether an English question has a pronoun for something that it does not name itself."""
    for match in _WORD.finditer(question):
        word = match.group().lower()
        if word in _ENGLISH_PRONOUNS:
            return mid_sentence or not _NAME.search(question, 0, match.start())
        if word in _RELATIVES and match.start() > 0:
            return False
    last = _WORD.findall(question.lower())[-2:]
    return last[-1:] == ["there"] and last[0] not in ("is", "are", "was", "were")


def _arabic_refers_back(question: str, mid_sentence: bool) -> bool:
    """Return whether an Arabic question has a pronoun, free or attached, for something not yet named in it."""
    words = [_MARKS.sub("", word) for word in _MARKED_WORD.findall(question)]
    folded = list(map(fold_text, words))
    content = set(query_tokens(question))
    preceding = 0
    for at, word in enumerate(folded):
        bare = word.removeprefix("و") if len(word) > 2 else word
        if word in _RELATIVES:
            return False
        is_copula = bare in _COPULAS and at + 1 < len(folded)
        if bare in _ARABIC_PRONOUNS or (bare in _COPULAS and not is_copula) or _has_pronoun(words[at]):
            # "Who has the record": من لديه refers to nothing else.
            return mid_sentence or (preceding < _MIN_ANTECEDENT_WORDS and not (at == 1 and folded[0] == "من"))
        preceding += word in content
    return False


def _has_pronoun(word: str) -> bool:
    """Return whether an Arabic word has an attached pronoun (يرأسها); a word with the article has none."""
    return bool(_ATTACHED.match(word)) and not _WITH_ARTICLE.match(word)


def concat_history(question: str, history: Sequence[HistoryTurn]) -> str:
    """Prepend the last exchange to a question, for search only: the reader would answer the earlier question."""
    previous = history[-1]
    phrase = f" {previous.phrase}." if previous.phrase else ""
    return f"{previous.question}{phrase} {question}"
