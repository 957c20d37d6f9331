"""The things that an Arabic question compares: «A أم B», «A وB», and what cannot be the name of one."""

from __future__ import annotations

import re
from collections.abc import Sequence
from itertools import pairwise

from index.text.folding import fold_text
from qa.query.comparing.model import is_thing

_YEAR = re.compile(r"(?:1\d|20)\d\d")
_NOT_A_THING = re.compile(
    r"^(?:هو|هي|هم|ذلك|هذا|هذه|غيره|غيرها|الاخر|الاخري|الاخرين|لا|نعم|ان|الان|المتوقع|المعتاد|العاده|اي|كل|بعض|ما|من"
    r"|الظهر|المساء|الصباح|الليل|الفجر|العصر|اليوم|امس|غد|الغد|منتصف|نهايه|بدايه|شهر|سنه|عام|يوم|الساعه|ايام|ساعات)"
    r"(?:\s|$)|^\d"
)
_VAGUE_KIND = re.compile(
    r"(?:ال)?(?:عدد|سعر|اسعار|درجه|نسبه|عمر|سن|قيمه|مبلغ|رقم|سبب|اسباب|شيء|شي|مقال|مقاله|مقالات|خبر|اخبار|يوم|ايام|شهر"
    r"|اشهر|سنه|سنوات|عام|اعوام|وقت|مره|جزء|كميه|حجم|نتيجه|احد|واحد|من|تقرير|تقارير|نص|نصوص|مصدر|صحيفه|مستوي|سرعه"
    r"|ارتفاع|طول|عمق|وزن|كلفه|تكلفه|علامه|معدل|مجموع|راتب|اجر|رسم|عرض)"
)
_WITH_WAW = """
    وادي وزير وزاره ولايه وفد وكاله وحده ورد ورده وسط وطن واحه والي وليد وايل وسيم وفاء ورشه وقف وصفه ورق وقت وزن وجبه
    وسام واجهه وديع وداد ورود وجه وقود وكيل ولد وصول
"""
_NOT_CONJOINED = frozenset(_WITH_WAW.split())
"""Words whose و is no conjunction."""
_ORDINAL = re.compile(r"ال(?:اول|ثاني|ثالث|رابع|خامس|سادس|سابع|ثامن|تاسع|عاشر)[هي]?")
_MEASURES = re.compile(
    r"(?:ال)?(?:عدد|سعر|ثمن|طول|ارتفاع|مساحه|وزن|عمر|درجه|نسبه|عمق|عرض|سرعه|مده|كلفه|تكلفه|اجره|صافي|حجم|كميه"
    r"|محصول|انتاج|ايرادات|ارباح|مبيعات|ميزانيه|معدل|قيمه|راتب|عائدات|صادرات|واردات)"
)
_OF_TWO_WORDS = frozenset({"عدد", "درجه", "نسبه", "صافي", "كميه"})


def valid_things(names: Sequence[str]) -> tuple[str, ...]:
    """Return the names; none unless there are several, and each can be a name, or all are years."""
    folded = [fold_text(name) for name in names]
    good = len(names) > 1 and (all(map(_YEAR.fullmatch, folded)) or all(map(_is_name, names)))
    return tuple(names) if good else ()


def alternatives(words: str) -> tuple[str, ...]:
    """Return the names of «A أم B», «A، B أو C»."""
    joined = r"(?:أم|ام|أو|او)\s+"
    return valid_things([bare_name(name) for name in re.split(rf"\s+{joined}|\s*[،,]\s*(?:{joined})?", words)])


def conjoined(words: str) -> tuple[str, ...]:
    """Return the names of «A وB»; none if it is unclear which و joins them."""
    tokens = words.replace("،", " ").split()
    folded = [fold_text(token) for token in tokens]
    joints = [at for at in range(1, len(tokens)) if _is_joined(folded[at])]
    # In «جسر وادي النمل وجسر الغزال» the second «جسر» tells.
    joints = [at for at in joints if folded[at][1:] == folded[0]] or joints
    ends = [0, *joints, len(tokens)]
    if (
        len(joints) > 1
        and any(folded[at][1:] != folded[0] for at in joints)
        and any(b - a > 1 for a, b in pairwise(ends))
    ):
        return ()
    parts = [tokens[a:b] for a, b in pairwise(ends)]
    names = [" ".join(part if at == 0 else [part[0][1:], *part[1:]]) for at, part in enumerate(parts)]
    return valid_things([bare_name(name) for name in names])


def bare_name(name: str) -> str:
    """Return a name without the preposition before it."""
    return re.sub(r"^(?:في|عند|لدى|على)\s+", "", name.strip(" ،,:؛"))


def with_heads(names: tuple[str, ...], kind: str) -> tuple[str, ...]:
    """Complete «السابع» to «الصف السابع», and «الخامسة» after «الدورة السادسة»."""
    pairs = [name.split() for name in names if len(name.split()) == 2]
    heads = [head for head, last in pairs if _ORDINAL.fullmatch(fold_text(last))]
    head = heads[0] if heads else f"ال{kind}" if kind and not kind.startswith("ال") else ""
    return tuple(f"{head} {name}" if head and _ORDINAL.fullmatch(fold_text(name)) else name for name in names)


def split_measure(names: Sequence[str]) -> tuple[str, tuple[str, ...]]:
    """Split «طول جسر الغزال» and «طول جسر النخلة» into what is measured and the things.

    What is measured is a known noun at the start. Where only the first name has it, the second is the thing alone; of
    «سعر الخيار في A» and «سعره في B» the item is the same.
    """
    first, second = (name.split() for name in names)
    noun = fold_text(first[0])
    if not _MEASURES.fullmatch(noun):
        return "", tuple(names)
    stem = noun.removesuffix("ه")
    with_pronoun = {f"{stem}{end}" for end in ("ه", "ها", "ته", "تها", "هم", "هن")}
    if fold_text(second[0]) in with_pronoun and second[1:2] == ["في"]:
        item, place, thing = " ".join(first).rpartition(" في ")
        return (f"{item}{place.rstrip()}", (thing, " ".join(second[2:]))) if place else ("", tuple(names))
    length = 2 if noun in _OF_TWO_WORDS and len(first) > 2 else 1
    measure = first[:length]
    things = [name[length:] if name[:length] == measure else name for name in (first, second)]
    return " ".join(measure), tuple(" ".join(thing) for thing in things)


def kind_of_things(noun: str) -> str:
    """Return a noun that names a kind of things with articles of their own; empty for any other."""
    return "" if _VAGUE_KIND.fullmatch(noun) else noun


def _is_name(name: str) -> bool:
    return is_thing(name) and not _NOT_A_THING.search(fold_text(name))


def _is_joined(token: str) -> bool:
    return token == "و" or (token.startswith("و") and len(token) > 2 and token not in _NOT_CONJOINED)
