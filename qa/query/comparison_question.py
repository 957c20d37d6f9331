"""Recognise questions that compare: which of two is longer, how much longer, how many together, the longest of all.

    parse_comparison("Which is longer, the Palm bridge or the Heron bridge?")
    →  things "the Palm bridge", "the Heron bridge"; "How long is the Palm bridge?" …

By rules on the folded text. They are strict: a question that is not clearly one of these gives `None`.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import replace

from index.text.folding import fold_text
from index.text.language import detect_language
from qa.query.comparing import arabic_amounts, arabic_choices, english_amounts, english_choices
from qa.query.comparing.model import MAX_THINGS, ComparisonQuestion, QuestionLine, without_quotes

_ENGLISH = (
    english_amounts.difference_of_adjective,
    english_amounts.difference_of_counts,
    english_amounts.difference_of_kinds,
    english_amounts.difference_between,
    english_amounts.time_between,
    english_amounts.sum_of_things,
    english_amounts.sum_of_noun,
    english_choices.choice,
    english_choices.choice_before_clause,
    english_choices.choice_of_subjects,
    english_choices.whether_more,
    english_choices.whether_before,
    english_choices.whether_counted,
    english_choices.most_of_kind,
)
_ARABIC = (
    arabic_amounts.difference_between,
    arabic_amounts.difference_of_exceeding,
    arabic_amounts.time_between,
    arabic_amounts.difference_of_adjective,
    arabic_amounts.sum_of_things,
    arabic_choices.choice,
    arabic_choices.choice_without_mark,
    arabic_choices.whether_in_places,
    arabic_choices.whether_more,
    arabic_choices.whether_before,
    arabic_choices.most_of_kind,
)
"""Rules in order: the first that matches is taken."""
_LEAD = re.compile(r"^(?:and|so|but|well|please|tell me)[, ]+", re.IGNORECASE)
_FIRST_WORD = re.compile(r"^(\w*)(.*)$")
Rule = Callable[[QuestionLine], ComparisonQuestion | None]
"""Matches one form of question."""
_MAX_LENGTH = 300
"""Characters of the longest question that is tried."""


def parse_comparison(question: str) -> ComparisonQuestion | None:
    """Return what a question compares; `None` for any other question."""
    line = without_quotes(question)
    if not line or len(line) > _MAX_LENGTH:
        return None
    if detect_language(line) == "ar":
        parsed = _first(_ARABIC, QuestionLine(line))
    else:
        parsed = _first(_ENGLISH, QuestionLine(_LEAD.sub("", line)))
    return _as_typed(line, parsed) if parsed and _is_sound(parsed) else None


def _first(rules: Sequence[Rule], line: QuestionLine) -> ComparisonQuestion | None:
    return next((parsed for rule in rules if (parsed := rule(line))), None)


def _as_typed(line: str, parsed: ComparisonQuestion) -> ComparisonQuestion:
    """Return the question with its words as they were typed, with capitals and hamzas, where rules used folded ones."""
    words = re.findall(r"\w+", line)
    # The first word has a capital that it does not keep elsewhere.
    typed = {fold_text(word): word for word in words[words[0].isascii() :]}
    typed |= {f"ال{folded}": f"ال{word}" for folded, word in typed.items() if not folded.isascii()}

    def restore(text: str) -> str:
        return re.sub(r"\w+", lambda word: typed.get(word.group(), word.group()), text)

    questions = [
        replace(
            question,
            # "When" of the template stays, though "when" may be in the question.
            before=_FIRST_WORD.sub(lambda match: match[1] + restore(match[2]), question.before),
            after=restore(question.after),
        )
        for question in parsed.sub_questions
    ]
    return replace(parsed, wording=restore(parsed.wording), sub_questions=tuple(questions), question=line)


def _is_sound(parsed: ComparisonQuestion) -> bool:
    """Return whether the things are neither too many nor the same."""
    names = {fold_text(thing) for thing in parsed.things}
    return len(names) == len(parsed.things) and len(names) != 1 and len(names) <= MAX_THINGS
