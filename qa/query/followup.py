"""Follow-ups: a question that leans on the one before, and what it asks when it stands alone.

"And who leads it?" cannot be searched for. Whether a question leans on what was said is told by its words alone, in
no time: pronouns, a beginning in mid-sentence, no verb or question word of its own. One that does not is asked as it
is.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from index.text.folding import fold_text
from index.text.language import detect_language
from index.text.words import query_tokens
from qa.answer import Answer, Event, Finished

KEPT = 2
"""Exchanges that a question may lean on."""
_ENOUGH = 2
"""Words that say something before a pronoun, from which it may point to one of them."""
_FEW = 3
"""Words that say something, up to which a question without a name is short."""

_WORD = re.compile(r"\w+")
_NAME = re.compile(r"(?<![.?!] )(?<!^)\b[A-Z]\w+")
# Folded. Words that point to something that was said.
_ENGLISH_PRONOUNS = frozenset("he she it they him her them his hers its their theirs this these those".split())  # noqa: SIM905
_COPULAS = frozenset("هو هي هم هما هن".split())  # noqa: SIM905
"""After a question word, and with more to come, they only join: ما هو، من هي."""
_ARABIC_PRONOUNS = frozenset(
    """
    هذا هذه ذلك تلك هؤلاء اولئك هناك حينها انذاك نفسه نفسها نفسهم منه منها منهم له لها لهم فيه فيها عنه عنها عليه عليها
    اليه اليها معه معها معهم به بها بهم بينهم بينهما عنده عندها عندهم لديه لديها لديهم وقتها ساعتها ده دي دول هيدا هاي
    """.split()  # noqa: SIM905
)
_RELATIVES = frozenset("الذي التي الذين اللذان اللتان who that whose".split())  # noqa: SIM905
"""What stands after them points to what stands before them."""
_BEGINS = re.compile(
    r"^(?:and|but|so|or|what about|how about|what of|also|then|i meant?|ok|okay|no|sorry)\b"
    r"|^(?:و|ف|ثم|طيب|عفوا|اقصد|قصدي|قصدت|عنيت|بل|لا)(?=\w|\W)"
)
_ASKS = re.compile(
    r"\b(?:who|whom|whose|what|which|when|where|why|how|is|are|was|were|did|does|do|has|have|had|can|could|will|would)\b"
    r"|(?<!\w)و?(?:من|ما|ماذا|متي|اين|كم|كيف|لماذا|لم|هل|اي|ايه|بماذا|ممن|مم|عم|بكم|لمن|شو|ايش|شنو|مين|وين|ليش|كام|ازاي|امتي|فين|قديش)(?!\w)"
)
_ATTACHED = re.compile(r"^\w{3,}(?:ها|هم|هما|هن|[^اوي]ه)$")
_WITH_ARTICLE = re.compile(r"^[وف]?[بكل]?ا?ل")
_MARKS = re.compile(r"[\u064b-\u065f\u0670\u0640]")
_MARKED_WORD = re.compile(r"[\w\u064b-\u065f\u0670]+")


@dataclass(frozen=True)
class HistoryTurn:
    """A question as it was asked of the articles, and the phrase that answered it, if one did."""

    question: str
    phrase: str | None = None


def to_history_turn(answer: Answer) -> HistoryTurn | None:
    """What a conversation keeps of an answer; nothing of talk that asked nothing of the articles."""
    return None if answer.talk else HistoryTurn(answer.asked or answer.question, answer.short_answer)


def record_history(events: Iterator[Event], history: list[HistoryTurn]) -> Iterator[Event]:
    """The events as they come; the exchange that they end with is kept in `history`."""
    for event in events:
        if isinstance(event, Finished) and (exchange := to_history_turn(event.answer)):
            history.append(exchange)
        yield event


def is_follow_up(question: str) -> bool:
    """Whether a question needs what was said before it to be understood."""
    folded = fold_text(question)
    said = query_tokens(question)
    if not said:
        return True
    begins = bool(_BEGINS.match(folded))
    short = len(said) <= _FEW and not _NAME.search(question)
    if short and (begins or not _ASKS.search(folded)):
        return True
    return (_arabic_points if detect_language(question) == "ar" else _english_points)(question, begins)


def _english_points(question: str, begins: bool) -> bool:
    """Whether an English question has a pronoun for something that it does not name itself."""
    for match in _WORD.finditer(question):
        word = match.group().lower()
        if word in _ENGLISH_PRONOUNS:
            return begins or not _NAME.search(question, 0, match.start())
        if word in _RELATIVES and match.start() > 0:
            return False
    last = _WORD.findall(question.lower())[-2:]
    return last[-1:] == ["there"] and last[0] not in ("is", "are", "was", "were")


def _arabic_points(question: str, begins: bool) -> bool:
    """Whether an Arabic question has a pronoun, alone or written onto a word, for something not yet named in it."""
    words = [_MARKS.sub("", word) for word in _MARKED_WORD.findall(question)]
    folded = list(map(fold_text, words))
    content = set(query_tokens(question))
    before = 0
    for at, word in enumerate(folded):
        bare = word.removeprefix("و") if len(word) > 2 else word
        if word in _RELATIVES:
            return False
        joins = bare in _COPULAS and at + 1 < len(folded)
        if bare in _ARABIC_PRONOUNS or (bare in _COPULAS and not joins) or _has_pronoun(words[at]):
            # "Who has the record": من لديه points to nobody else.
            return begins or (before < _ENOUGH and not (at == 1 and folded[0] == "من"))
        before += word in content
    return False


def _has_pronoun(word: str) -> bool:
    """Whether a pronoun is written onto an Arabic word (يرأسها); none is onto a word that has the article."""
    return bool(_ATTACHED.match(word)) and not _WITH_ARTICLE.match(word)


def concat_history(question: str, history: Sequence[HistoryTurn]) -> str:
    """The question with what it leans on before it, to search with. Read so, it would be answered as the one before."""
    before = history[-1]
    said = f" {before.phrase}." if before.phrase else ""
    return f"{before.question}{said} {question}"
