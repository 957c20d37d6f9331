"""What the checker learns from: sentences that a quotation bears out, and the same ones turned wrong as an LLM does.

The sets `xquad/ar` and `xquad/en` ask the same questions of the same paragraphs, so the sentences that answer say the
same in two languages: each is a claim that the other bears out. A claim is made wrong by a small change: another
answer in the place of the right one, another number, two answers swapped, a negation, "most" for "all", what the next
sentence says. Nothing else may tell a wrong one from a right one, so right ones are shortened and written with other
digits just as wrong ones are.
"""

from __future__ import annotations

import random
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace

from index.articles import Span
from index.text.sentences import sentences
from qa.training.examples import Source

LONGEST = 45
"""Words of a claim."""
_ENGLISH_SWAPS = """
    all:some|some:all|most:all|most:few|many:few|few:many|every:no|always:sometimes|never:often|often:never|only:also
    more:less|less:more|more:fewer|increased:decreased|decreased:increased|rose:fell|fell:rose|increase:decrease
    higher:lower|lower:higher|largest:smallest|smallest:largest|larger:smaller|smaller:larger|highest:lowest
    before:after|after:before|first:last|last:first|early:late|late:early|north:south|south:north|east:west|west:east
    northern:southern|southern:northern|eastern:western|western:eastern|million:billion|million:thousand
    billion:million|thousand:million|hundred:thousand|years:months|months:years|days:weeks|weeks:days|hours:minutes
    kilometres:metres|km:miles|miles:km|percent:points|won:lost|lost:won|began:ended|ended:began|opened:closed
    won:hosted|against:for|with:without|without:with|includes:excludes|can:cannot|cannot:can|will:did|may:will
    may:must|might:will|planned:decided|at least:at most|at most:at least|more than:less than|less than:more than
    was:was not|is:is not|were:were not|are:are not|had:had not|has:has not|have:have not|did not:did|was not:was
    is not:is|were not:were|are not:are|could:could not|because:although|although:because|half:a third|half:most
    january:march|february:may|march:june|april:july|may:august|june:october|july:december|august:november
    september:april|october:january|november:february|december:september
"""
_ARABIC_SWAPS = """
    جميع:بعض|بعض:جميع|معظم:جميع|معظم:قليل من|كل:بعض|العديد من:قليل من|دائما:أحيانا|فقط:أيضا|أكثر:أقل|أقل:أكثر|أكبر:أصغر
    أصغر:أكبر|أعلى:أدنى|أدنى:أعلى|زاد:انخفض|ازداد:تراجع|ارتفع:انخفض|انخفض:ارتفع|ارتفاع:انخفاض|زيادة:انخفاض
    قبل:بعد|بعد:قبل|الأول:الأخير|الأولى:الأخيرة|أول:آخر|آخر:أول|شمال:جنوب|جنوب:شمال|شرق:غرب|غرب:شرق|الشمالية:الجنوبية
    الجنوبية:الشمالية|الشرقية:الغربية|الغربية:الشرقية|مليون:مليار|مليون:ألف|مليار:مليون|ألف:مليون|سنوات:أشهر|أشهر:سنوات
    أيام:أسابيع|أسابيع:أيام|ساعات:دقائق|كيلومتر:متر|كم:متر|فاز:خسر|خسر:فاز|بدأ:انتهى|بدأت:انتهت|انتهى:بدأ|مع:بدون
    بدون:مع|ضد:مع|كان:لم يكن|كانت:لم تكن|كانوا:لم يكونوا|لم يكن:كان|لم تكن:كانت|ليس:هو|ليست:هي|يمكن:لا يمكن
    لا يمكن:يمكن|على الأقل:على الأكثر|أكثر من:أقل من|أقل من:أكثر من|لأن:رغم أن|بسبب:رغم|رغم:بسبب|نصف:ثلث|نصف:معظم|سوف:لن
    لا:قد|لن:سوف|قد:لن|تم:لم يتم|يوجد:لا يوجد|توجد:لا توجد|يناير:مارس|فبراير:مايو|مارس:يونيو|أبريل:يوليو|مايو:أغسطس
    يونيو:أكتوبر|يوليو:ديسمبر|أغسطس:نوفمبر|سبتمبر:أبريل|أكتوبر:يناير|نوفمبر:فبراير|ديسمبر:سبتمبر
"""
_SWAPS = tuple(
    (pair.partition(":")[0].strip(), pair.partition(":")[2].strip())
    for pair in re.split(r"[|\n]", _ENGLISH_SWAPS + _ARABIC_SWAPS)
    if ":" in pair
)
_NUMBER = re.compile(r"\d+(?:[.,]\d+)*")
_CLAUSE = re.compile(r"[,،;؛](?=\s)")
_ASIDE = re.compile(r"\s*[(\[][^()\[\]]*[)\]]")
_ARABIC_DIGITS = str.maketrans("0123456789", "٠١٢٣٤٥٦٧٨٩")


@dataclass(frozen=True)
class Claim:
    """A sentence, what was asked, and the quotation that bears it out or does not."""

    question: str
    sentence: str
    quote: str
    holds: bool


@dataclass(frozen=True)
class Told:
    """One sentence that answers: its text, where in it the answer stands, and what else its paragraph has."""

    question: str
    text: str
    answer: Span
    beside: str
    others: tuple[str, ...]
    """Other answers about the same paragraph."""

    @property
    def phrase(self) -> str:
        return self.text[self.answer.start : self.answer.end]


def told(sources: Sequence[Source]) -> list[Told | None]:
    """For each source the sentence that its answer stands in, if it is one sentence and short enough."""
    answers: dict[str, set[str]] = {}
    for source in sources:
        if source.answer:
            answers.setdefault(source.paragraph, set()).add(source.paragraph[source.answer.start : source.answer.end])
    return [_told(source, answers.get(source.paragraph, set())) for source in sources]


def _told(source: Source, answers: set[str]) -> Told | None:
    spans = sentences(source.paragraph)
    inside = [at for at, span in enumerate(spans) if source.answer and span.overlaps(source.answer)]
    if len(inside) != 1 or source.answer is None:
        return None
    span = spans[inside[0]]
    text = source.paragraph[span.start : span.end]
    answer = Span(source.answer.start - span.start, source.answer.end - span.start)
    if len(text.split()) > LONGEST or answer.start < 0 or answer.end > len(text):
        return None
    near = [at for at in (inside[0] - 1, inside[0] + 1) if 0 <= at < len(spans)]
    beside = source.paragraph[spans[near[-1]].start : spans[near[-1]].end] if near else ""
    return Told(source.question, text, answer, beside, tuple(sorted(answers - {text[answer.start : answer.end]})))


class ClaimMaker:
    """Makes claims, as many right as wrong. Seeded."""

    def __init__(self, seed: int) -> None:
        self._random = random.Random(seed)

    def make(self, pairs: Iterable[tuple[Told, Told]]) -> list[Claim]:
        """Of each pair, that says the same twice, a right claim and a wrong one about each and by each."""
        made: list[Claim] = []
        for one, other in pairs:
            for claimed, quoted in ((one, other), (other, one), (one, one), (other, other)):
                made += self._both(claimed, quoted)
        return made

    def _both(self, claimed: Told, quoted: Told) -> Iterator[Claim]:
        right = self._varied(claimed)
        if claimed is quoted and right.text == quoted.text and self._random.random() < 0.5:
            right = self._shorter(right)
        wrong = self._wrong(self._varied(claimed), quoted)
        if wrong:
            yield Claim(claimed.question, right.text, quoted.text, True)
            yield Claim(claimed.question, wrong, quoted.text, False)

    def _varied(self, claimed: Told) -> Told:
        """The same sentence, often shorter, sometimes with other digits."""
        if self._random.random() < 0.5:
            claimed = self._shorter(claimed)
        if self._random.random() < 0.15:
            claimed = replace(claimed, text=claimed.text.translate(_ARABIC_DIGITS))
        return claimed

    def _shorter(self, claimed: Told) -> Told:
        """Without what stands in brackets, and from one comma to another, the answer in it."""
        cuts = [0, *(match.end() for match in _CLAUSE.finditer(claimed.text)), len(claimed.text)]
        before = [cut for cut in cuts if cut <= claimed.answer.start]
        after = [cut for cut in cuts if cut >= claimed.answer.end]
        start, end = (before[0], self._random.choice(after)) if before and after else (0, len(claimed.text))
        text = claimed.text[start:end].strip().rstrip(",،;؛ ")
        short = _ASIDE.sub("", text)
        found = short.find(claimed.phrase)
        if found < 0 or len(short.split()) < 5:
            return claimed
        return replace(claimed, text=short, answer=Span(found, found + len(claimed.phrase)))

    def _wrong(self, claimed: Told, quoted: Told) -> str | None:
        """The sentence with something in it that the quotation does not say; tried in an order drawn at random."""
        ways = [self._other_answer, self._other_answer, self._swapped_words, self._swapped_words, self._other_number,
                self._swapped_answers, self._added, self._beside]  # fmt: skip
        self._random.shuffle(ways)
        return next((wrong for way in ways if (wrong := way(claimed, quoted)) and wrong != claimed.text), None)

    def _other_answer(self, claimed: Told, quoted: Told) -> str | None:
        numeric = bool(_NUMBER.search(claimed.phrase))
        fitting = [
            other
            for other in claimed.others
            if bool(_NUMBER.search(other)) is numeric
            and other not in claimed.text
            and claimed.phrase not in other
            and len(other.split()) <= 2 * len(claimed.phrase.split()) + 1
        ]
        return self._with_answer(claimed, self._random.choice(fitting)) if fitting else None

    def _with_answer(self, claimed: Told, answer: str) -> str:
        return claimed.text[: claimed.answer.start] + answer + claimed.text[claimed.answer.end :]

    def _swapped_answers(self, claimed: Told, quoted: Told) -> str | None:
        inside = [other for other in claimed.others if other in claimed.text and other not in claimed.phrase]
        inside = [other for other in inside if claimed.phrase not in other]
        if not inside:
            return None
        other = self._random.choice(inside)
        at = claimed.text.index(other)
        if Span(at, at + len(other)).overlaps(claimed.answer):
            return None
        mark = "\0"
        return self._with_answer(claimed, mark).replace(other, claimed.phrase, 1).replace(mark, other)

    def _swapped_words(self, claimed: Told, quoted: Told) -> str | None:
        found = [(old, new) for old, new in _SWAPS if re.search(_whole(old), claimed.text)]
        if not found:
            return None
        old, new = self._random.choice(found)
        return re.sub(_whole(old), new, claimed.text, count=1)

    def _other_number(self, claimed: Told, quoted: Told) -> str | None:
        numbers = list(_NUMBER.finditer(claimed.text))
        if not numbers:
            return None
        match = self._random.choice(numbers)
        others = [number for number in _NUMBER.findall(quoted.text) if number != match.group()]
        new = self._random.choice(others) if others and self._random.random() < 0.4 else self._changed(match.group())
        return claimed.text[: match.start()] + new + claimed.text[match.end() :]

    def _changed(self, number: str) -> str:
        at = self._random.choice([at for at, digit in enumerate(number) if digit.isdecimal()])
        new = self._random.choice([digit for digit in "123456789" if digit != number[at]])
        return number[:at] + new + number[at + 1 :]

    def _added(self, claimed: Told, quoted: Told) -> str | None:
        """With a part of the sentence beside it, which the quotation does not have."""
        parts = [part.strip() for part in _CLAUSE.split(claimed.beside) if 3 < len(part.split()) < 15]
        if not parts:
            return None
        return f"{claimed.text.rstrip('. ')}{'،' if _arabic(claimed.text) else ','} {self._random.choice(parts)}"

    def _beside(self, claimed: Told, quoted: Told) -> str | None:
        return claimed.beside if 4 < len(claimed.beside.split()) < LONGEST else None


def _whole(word: str) -> str:
    return rf"(?<!\w){re.escape(word)}(?!\w)"


def _arabic(text: str) -> bool:
    return any("\u0600" <= character <= "\u06ff" for character in text[:20])
