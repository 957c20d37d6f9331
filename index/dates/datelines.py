"""Datelines: "بغداد-العراق-24-7-2021", "BAGHDAD, July 24, 2021 (AP) — The minister said …", and bylines with a date.

A dateline begins with a place. It is distinguished from a headline about an event ("ثورة 25 يناير 2011") and from a
sentence ("Baghdad, 9 April 2018, was another city") by the punctuation around place and date, and the text after them.
"""

from __future__ import annotations

import re

from index.dates.parser import HIJRI, WEEKDAY, WrittenDate
from index.text.folding import fold_text

STATED_CERTAINTY = 0.9
LIKELY_CERTAINTY = 0.7
_LONGEST_PLACE = 50
_MOST_WORDS = 6
_MIN_TEXT_AFTER = 60
"""Least code points after "PLACE, DATE –" in a paragraph; with fewer it is a headline with a date."""

# Everything below is matched against folded text (index/text/folding.py).
_AGENCY_NAME = r"(?:\([^()]{2,40}\)|/[^/]{2,40}/)"
_AGENCY_BEFORE = re.compile(_AGENCY_NAME)
_AGENCY = re.compile(rf"\s*{_AGENCY_NAME}\s*[-–—:]*\s*")
_BYLINE = re.compile(r"(?:by|بقلم|كتب|كتبت|بواسطه|اعداد)(?!\w)\s?:?\s*\D{2,40}?(?:[,،|–—-]|\s(?:on|في|بتاريخ))\s*")
_SEPARATED = re.compile(r"\D*[\w.)/\]]\s*[,،:|–—-][\s,،:|–—-]*")
_CORRESPONDING = r"(?<!\w)(?:الموافق|موافق|يوافق)(?!\w)"
_HIJRI_BESIDE = re.compile(rf"(?:{HIJRI.pattern}\s*)?{_CORRESPONDING}(?:\s*{HIJRI.pattern})?|{HIJRI.pattern}")
_DASH = re.compile(r"\s*(?:[-–—]+|:)\s*(?=\S)")
_SENTENCE_MARKS = re.compile(r"[!?؟؛;«»\"“”]")
_NO_PLACES = """
in on at since until till from between before after by the a an next last this that as of for with was were and
updated update modified edited version published posted dated date issued deadline edition issue anniversary
election elections attack attacks war agreement deal match final results result summit conference protest protests
revolution coup born died earthquake statement explosion blast bombing battle siege massacre assassination killing
flood fire photo picture image caption
في منذ حتي من الي عن بين قبل بعد خلال يوم ليله مساء صباح هذا هذه ان قال كان وكان
تحديث التحديث تعديل نشر النشر نشرت تاريخ التاريخ عدد العدد اصدار نسخه موعد ذكري
ثوره الثوره انتخابات الانتخابات هجوم هجمات احداث حرب معركه اتفاق اتفاقيه قرار تفجير تفجيرات انقلاب مظاهرات
احتجاجات قمه مؤتمر نتائج مباراه ولد توفي وفاه مجزره زلزال اعلان بيان
انفجار اغتيال مقتل غاره قصف حصار سقوط اشتباكات عاصفه فيضان حريق صوره الصوره
"""
"""Words that begin a sentence, a label, or a headline about an event on a day."""
_KNOWN_CITIES = """
بغداد البصره الموصل اربيل كركوك النجف كربلاء دمشق حلب حمص بيروت طرابلس عمان القدس رام_الله غزه القاهره الاسكندريه
الخرطوم بنغازي تونس الجزائر وهران الرباط الدار_البيضاء نواكشوط مقديشو جيبوتي الرياض جده مكه_المكرمه الدمام الكويت
المنامه الدوحه ابوظبي ابو_ظبي دبي الشارقه مسقط صنعاء عدن طهران انقره اسطنبول واشنطن نيويورك لندن باريس برلين بروكسل
جنيف فيينا روما مدريد موسكو كييف بكين طوكيو نيودلهي اسلام_اباد كابول
baghdad basra mosul erbil kirkuk najaf karbala damascus aleppo homs beirut tripoli amman jerusalem ramallah gaza cairo
alexandria khartoum benghazi tunis algiers oran rabat casablanca nouakchott mogadishu djibouti riyadh jeddah mecca
dammam manama doha dubai abu_dhabi sharjah muscat sanaa aden kuwait_city tehran ankara istanbul washington new_york
united_nations london paris berlin brussels geneva vienna rome madrid moscow kyiv beijing tokyo new_delhi
islamabad kabul
"""
"""Cities of most datelines in Arabic and English; these need no comma ("دمشق 4 كانون الثاني 2019")."""
_NOT_A_PLACE = frozenset(fold_text(_NO_PLACES).split())
_CITIES = frozenset(fold_text(_KNOWN_CITIES).split())


def certainty_of_dateline(folded: str, date: WrittenDate) -> float | None:
    """Return `STATED_CERTAINTY` or `LIKELY_CERTAINTY` where the folded line is a dateline with `date`, else `None`."""
    before, after = (_HIJRI_BESIDE.sub(" ", part) for part in (folded[: date.start], folded[date.end :]))
    has_weekday = bool(WEEKDAY.search(before))
    before = WEEKDAY.sub("", before)
    is_whole = not after.strip(" .:*_)]–—-")
    if is_whole and not has_weekday and _BYLINE.fullmatch(before):
        return LIKELY_CERTAINTY
    names_agency = bool(_AGENCY.match(after) or _AGENCY_BEFORE.search(before))
    # A place, a weekday and a date are a page header as often as a dateline.
    if not _is_place(before) or (has_weekday and not names_agency):
        return None
    is_city = re.split(r"[(/,،:|–—-]", before)[0].strip().replace(" ", "_") in _CITIES
    is_set_off = _SEPARATED.fullmatch(before) or (is_city and (is_whole or _AGENCY.match(after)))
    text_follows = bool(_DASH.match(after)) and len(after) >= _MIN_TEXT_AFTER
    if not is_set_off or not (is_whole or text_follows or names_agency):
        return None
    return STATED_CERTAINTY if is_city or names_agency else LIKELY_CERTAINTY


def _is_place(before: str) -> bool:
    """Return whether the text before a date can be a place, perhaps with a country, an agency or a reporter's name."""
    words = re.findall(r"[^\W\d_]+", before)
    return (
        0 < len(words) <= _MOST_WORDS
        and len(before) <= _LONGEST_PLACE
        and not any(map(str.isdigit, before))
        and not _SENTENCE_MARKS.search(before)
        and _NOT_A_PLACE.isdisjoint(words)
    )
