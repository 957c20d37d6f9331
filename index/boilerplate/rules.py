"""Boilerplate by rules: lines of a page recognised by their wording, marked as ignored spans, never cut out.

A rule covers whole lines only, so that no part of a sentence is ever ignored, and matches lines that are hardly ever
article text: share buttons, a cookie notice, a tracker's tail. Lines that could also be subheadings ("Print",
"Facebook") count only at the page's edges, before the first paragraph and after the last one, or beside another such
line. Author and agency credits belong to the article. Boilerplate specific to one site is handled by
`index/boilerplate/repetition.py`.
"""

from __future__ import annotations

import datetime
import re
from collections.abc import Iterator, Sequence
from itertools import pairwise

from index.articles import Span
from index.dates.parser import WEEKDAY, find_dates, strip_dates
from index.runtime.cancellation import Check, checked, never
from index.text.folding import fold_text
from index.text.lines import Line, lines_of, prose_bounds

_LONGEST_REPEAT = 200
_LONGEST_REFERENCE = 200
_LONGEST_NOTICE = 300
_LONGEST_TITLE = 120
_REPEATED_WORDS = 3
_HEAD = 12
"""Lines searched for a headline and captions."""


def _folded(table: str) -> frozenset[str]:
    """Return the entries of a table, one a line or separated by " / ", folded."""
    return frozenset(fold_text(entry.strip()) for entry in re.split(r"\n| / ", table) if entry.strip())


# A line that is one of these is a button or the name of a box, anywhere on a page.
_LABELS = _folded("""
شارك القصة / شارك المقال / شارك الخبر / شارك هذا المقال / شارك هذا الخبر / شارك هذه القصة / شارك الموضوع
مشاركة المقال / مشاركة الخبر / شارك عبر / شارك على / مشاركة عبر / شارك مع أصدقائك / انسخ الرابط / نسخ الرابط
تم نسخ الرابط / رابط مختصر / تابع القراءة / أكمل القراءة / اقرأ المزيد / قراءة المزيد / عرض المزيد / شاهد المزيد
أرسل إلى صديق / طباعة المقال / تكبير الخط / تصغير الخط / حجم الخط / استمع إلى المقال / استمع للمقال / حفظ المقال
إعلان / العودة إلى الأعلى / تخطى إلى المحتوى / انتقل إلى المحتوى / التجاوز إلى المحتوى / جاري التحميل
جار التحميل / تسجيل الدخول / إنشاء حساب / اشترك الآن / تابعنا على / تابعونا على / تابعونا / قبول الكل / رفض الكل
إعدادات الخصوصية / اتصل بنا / أعلن معنا / خريطة الموقع / أضف تعليق / أضف تعليقا / أضف تعليقك / اترك تعليقا
اترك تعليقك / اترك ردا / لا توجد تعليقات / لا يوجد تعليقات
share this / share this story / share this article / share this post / share on / share via / share article
copy link / link copied / copy url / continue reading / keep reading / read full story / read the full story
show more / load more / view more / send to a friend / email this / print this / print this page
save for later / listen to this article / advertisement / article continues below
story continues below advertisement / skip to content / skip to main content / skip to navigation / back to top
log in / sign in / sign up / create account / subscribe now / follow us / follow us on / accept cookies
accept all / accept all cookies / reject all / cookie settings / manage cookies / terms of service / contact us
advertise with us / site map / leave a comment / leave a reply / post a comment / add a comment
join the conversation / show comments / view comments
""")
# Names of boxes with links to other articles. At the end of a page, the lines after one of them are those links.
_RELATED = _folded("""
اقرأ أيضا / اقرأ أيضاً / اقرأ ايضا في الموقع / شاهد أيضا / شاهد أيضاً / طالع أيضا / طالع المزيد
ربما يعجبك أيضا / قد يعجبك أيضا / قد يهمك أيضا / قد يهمك / مواضيع ذات صلة / مواضيع متعلقة / مقالات ذات صلة
أخبار ذات صلة / أخبار متعلقة / اقرأ كذلك / المزيد من الأخبار / الأكثر قراءة / الأكثر مشاهدة / الأكثر تداولا
آخر الأخبار / أحدث الأخبار
read also / also read / see also on this site / related / related articles / related stories / related news
related posts / you may also like / you might also like / you might also be interested in / recommended
recommended for you / more stories / more from this section / most read / most popular / most viewed / trending
trending now / latest news / read more / read next / up next / what to read next
""")
# Buttons whose names could be subheadings.
_WEAK_LABELS = _folded("""
شارك / مشاركة / مشاركه / إغلاق / أغلق / طباعة / حفظ / نسخ / تابع / استمع / القائمة / بحث / الرئيسية / تعليقات
التعليقات / وسوم / الوسوم / كلمات مفتاحية / تكبير / تصغير / النشرة البريدية / مقترحات / من نحن / إلى الأعلى
سياسة الخصوصية / شروط الاستخدام
share / shares / close / changed / print / email / e-mail / tweet / like / save / copy / listen / menu / search
home / comments / tags / subscribe / newsletter / follow / more / next / previous / next article
previous article / about us / privacy policy / terms of use / loading / copied
""")
_NETWORKS = _folded("""
فيسبوك / فيس / بوك / الفيسبوك / تويتر / إكس / واتساب / واتس / اب / الواتساب / تلغرام / تليغرام / تيليغرام
تلجرام / تليجرام / تيليجرام / لينكد / لينكدإن / ان / انستغرام / انستجرام / انستقرام / إنستاغرام / يوتيوب
ماسنجر / تيك / توك / سناب / شات / بينترست / البريد / الإلكتروني / ايميل
facebook / twitter / x / whatsapp / telegram / linkedin / instagram / youtube / pinterest / reddit / messenger
tiktok / viber / threads / snapchat / bluesky / mastodon / email / mail / rss
""")
_SHARING = _folded("""
شارك / شاركها / شاركه / مشاركة / انشر / أرسل / إرسال / غرد / تابع / تابعنا / تابعونا / انضم / انضموا / اشترك
اشتركوا / انسخ / نسخ / طباعة
share / shared / tweet / send / follow / join / copy / print / subscribe
""")
_BETWEEN = _folded("""
على / عبر / في / إلى / من / و / أو / هذا / هذه / المقال / الخبر / القصة / الرابط / صفحتنا / صفحاتنا / قناتنا
قنواتنا / حسابنا / حساباتنا / الرسمية / الرسمي / بواسطة / مع / خلال / جوجل / غوغل / نيوز / أخبار
on / via / by / to / us / our / the / this / article / story / post / page / channel / channels / account / and
or / with / at / for / latest / news / updates / link / google
""")

# Everything below is matched against folded text (index/text/folding.py).
_CREDIT = re.compile(
    r"(?:ال)?(?:مصدر|مصادر)\s*[:|–-].*|(?:sources?|credits?|photos?|images?)\s*[:|–-].*|[(\[][^()\[\]]*[)\]]"
    r"|(?:نقلا عن|ترجمه|اعداد|تحرير|بقلم|كتب|كتبت|كتابه|تقرير|تصوير|تدقيق|مراسل\w*)(?!\w).*"
    r"|(?:(?:additional )?(?:reporting|editing|writing|translated|written|edited) )?"
    r"by\s(?!continuing|using|clicking|browsing).*"
)
_REFERENCE = re.compile(
    r"(?:اقرا ايضا|اقرا المزيد|اقرا كذلك|شاهد ايضا|طالع ايضا|قد يهمك ايضا|قد يهمك|مواضيع ذات صله"
    r"|read also|also read|read more|read next|related|see also|more on this story|you may also like)"
    r"\s*(?:[:|»›>…]|\.\.+|[–—-]\s).+"
)
_COOKIES = re.compile(
    r"(?=.*(?:cookie|تعريف الارتباط|كوكي))"
    r"(?:we(?: and our partners)? use cookies|(?:this|our) (?:web)?site uses cookies|cookies help us"
    r"|by (?:continuing|using|clicking|browsing)|نستخدم|نحن نستخدم|(?:يستخدم )?(?:هذا الموقع|موقعنا)(?: يستخدم)?"
    r"|باستمرارك|بمتابعتك|باستخدامك)(?!\w)"
    r"(?=.*(?:experience|consent|accept|agree|privacy|policy|settings|تجربه|تجربتك|توافق|موافق|سياسه|الخصوصيه|قبول)|.{0,60}$).*"
)
# In Arabic "subscribe" is spelt like "he subscribed" ("اشترك"): it must address "you", or not be a sentence.
_NEWSLETTER = re.compile(
    r"(?:sign up|subscribe|register) (?:for|to|now|here|and)(?!\w).*(?:newsletter|inbox|(?<!\w)our(?!\w)).*"
    r"|get (?:the|our|all)(?!\w).*(?:inbox|newsletter).*|enter your e-?mail.*|your e-?mail address"
    r"|(?:اشترك|اشتركوا|سجل|سجلوا) (?:الان |مجانا )?(?:في |ب ?)(?:نشرتنا|النشره البريديه|القائمه البريديه|قناتنا)"
    r"(?:[^.]*|.*(?:بريدك|يصلك|تصلك|اليك).*)"
    r"|احصل علي (?:اخر|احدث|اهم)(?!\w).*بريدك.*|(?:ادخل|اكتب) بريدك.*|بريدك الالكتروني"
)
_APPLICATION = re.compile(
    r"(?:download|get) our(?: \S+){0,3} app(?!\w).*"
    r"|(?:download|get) (?:the|our).* app(?!\w).*(?:app store|google play).*"
    r"|حملوا? (?:ال)?تطبيق\w*(?!\w).*(?:هاتفك|جوالك|متجر|app store|google play).*|حملوا? (?:الان )?تطبيقنا.*"
    r"|(?:please )?(?:enable|turn on) javascript.*|javascript (?:is disabled|must be enabled).*"
)
_COPYRIGHT = re.compile(
    r"(?:©|\(c\)|copyright\s?(?:©|\(c\)|\d{4})).*(?:\d{4}|reserved|محفوظه).*"
    r"|(?:.{0,60}[.,،|–-] ?)?all rights reserved(?:\s?[.,،©|–-].{0,60})?"
    r"|(?:جميع|كل|كافه) (?:الحقوق|حقوق النشر) محفوظه.{0,80}|(?:حقوق النشر|الحقوق) محفوظه.{0,80}|حقوق النشر ©.{0,80}"
)
_COUNTERS = re.compile(
    r"(?:(?:no|\d[\d.,]*[km]?) (?:comments?|shares?|views?|likes?|retweets?|reactions?|replies)"
    r"|(?:(?:estimated )?(?:reading|read) time\s*:?\s*)\d+ ?(?:min|minutes?)|\d+[ -]?(?:min|mins|minutes?)[ -]reads?"
    r"|(?:مده|وقت|زمن) (?:ال)?قراءه\s*:?\s*(?:\d+ )?(?:دقيقه|دقايق|دقيقتان)(?: واحده)?"
    r"|\d+ (?:دقيقه|دقايق) (?:ل|لل)?قراءه"
    r"|\d[\d.,]* (?:تعليق|تعليقا|تعليقات|مشاهده|مشاهدات|مشاركه|مشاركات|قراءه|اعجاب|زياره)"
    r"|(?:عدد )?(?:ال)?(?:تعليقات|مشاهدات|مشاركات|قراءات|زيارات|قراء)\s*[:(]\s*\d[\d.,]*\)?)"
)
# One step of a path can match in many ways, and seven in a hundred thousand: atomic groups (`?>`) try one.
_BREADCRUMB = re.compile(r"(?:home(?:page)?|الرييسيه|الصفحه الرييسيه)(?>\s*[>»›/|\\←·•]\s*[^>»›/|\\←·•.]{1,40}){2,7}")
# Not folded: case distinguishes tracker codes from words.
_TRACKER = re.compile(r"[A-Za-z0-9+/]{16,}={1,2}")
_TRACKER_AND_WORDS = re.compile(r"[A-Za-z0-9+/]{16,}={1,2}\s.{1,60}")
_HANDLE = re.compile(r"@\w{2,30}")
_TOKEN = re.compile(r"@?[^\W_]+(?:[-_]\w+)*")
_MOST_TOKENS = 12


def find_boilerplate(text: str, check: Check = never) -> tuple[Span, ...]:
    """Return the spans of the boilerplate lines of `text`, in order."""
    lines = lines_of(text)
    credits = set(_credits(lines))
    boilerplate = {number for number, line in enumerate(checked(lines, check)) if _is_boilerplate(line)}
    certain = boilerplate - credits
    first, after = prose_bounds(lines, certain)
    outside = {*range(first), *range(after, len(lines))} - credits
    marked = certain | {number for number in checked(outside, check) if _is_page_date(lines[number])}
    buttons = {number for number in outside if _may_be_boilerplate(lines[number])}
    # An article may have the title "Facebook": keep a line before the prose that can be the headline.
    has_headline = not {*range(first)} <= marked | buttons
    marked |= {number for number in buttons if number >= after or has_headline}
    marked |= set(_repeated(lines, first)) - credits
    marked |= set(_related_links(lines, after)) - credits
    _mark_adjacent(lines, marked, credits)
    return tuple(lines[number].span for number in sorted(marked))


def is_credit(line: Line) -> bool:
    """Return whether the line credits an author, translator or photographer; credits belong to the article."""
    return 0 < len(line.folded) <= _LONGEST_TITLE and bool(_CREDIT.fullmatch(line.folded))


def _credits(lines: Sequence[Line]) -> Iterator[int]:
    for number, line in enumerate(lines):
        if is_credit(line):
            yield number
            # "المصادر:" ("sources:") with the agencies on the line below.
            if line.folded.endswith(":") and number + 1 < len(lines) and lines[number + 1].label not in _LABELS:
                yield number + 1


def _is_boilerplate(line: Line) -> bool:
    """Return whether the line is boilerplate anywhere on a page."""
    if not line.folded:
        return False
    is_box = line.label in _RELATED and " " in line.label
    if line.label in _LABELS or is_box or _TRACKER.fullmatch(line.text):
        return True
    if _is_sharing(line) or _COUNTERS.fullmatch(line.label) or _BREADCRUMB.fullmatch(line.folded):
        return True
    if len(line.text) <= _LONGEST_REFERENCE and _REFERENCE.fullmatch(line.folded):
        return True
    notices = (_COOKIES, _NEWSLETTER, _APPLICATION, _COPYRIGHT)
    return len(line.text) <= _LONGEST_NOTICE and any(notice.fullmatch(line.folded) for notice in notices)


def _may_be_boilerplate(line: Line) -> bool:
    """Return whether the line is a button or the name of an icon, provided that it is at an edge of the page."""
    words = _TOKEN.findall(line.folded)
    return (
        line.label in _WEAK_LABELS
        or line.label in _RELATED
        or bool(_TRACKER_AND_WORDS.fullmatch(line.text))
        or (0 < len(words) <= _MOST_TOKENS and all(word in _NETWORKS or _HANDLE.fullmatch(word) for word in words))
    )


def _is_sharing(line: Line) -> bool:
    """Return whether the line has only words of share and follow buttons, with at least one network."""
    words = _TOKEN.findall(line.folded)
    if not 2 <= len(words) <= _MOST_TOKENS:
        return False
    places = [word for word in words if word in _NETWORKS or _HANDLE.fullmatch(word)]
    verbs = [word for word in words if word in _SHARING]
    return bool(places and verbs) and all(word in _BETWEEN or word in places or word in verbs for word in words)


def _is_page_date(line: Line) -> bool:
    """Return whether the line is a weekday and a date, and nothing else."""
    if len(line.text) > _LONGEST_TITLE or not WEEKDAY.search(line.folded):
        return False
    dates = find_dates(line.folded, datetime.date.max - datetime.timedelta(days=1))
    # "25 أبريل / أبريل 2024", from pages that double the name of the month, is still one date.
    return len(dates) == 1 and not strip_dates(line.folded, dates)


def _repeated(lines: Sequence[Line], first: int) -> Iterator[int]:
    """Yield repetitions of headlines and captions that occur before the prose."""
    seen: dict[str, int] = {}
    for number, line in enumerate(lines):
        if not line.label or len(line.text) > _LONGEST_REPEAT:
            continue
        # A line of one or two words may occur twice, but not twice in a row.
        if line.label in seen and (number == seen[line.label] + 1 or len(line.label.split()) >= _REPEATED_WORDS):
            yield number
        if number < min(first, _HEAD):
            seen[line.label] = number


def _related_links(lines: Sequence[Line], after: int) -> Iterator[int]:
    """Yield the titles after the name of a box with links, to the end of the page."""
    is_open = False
    for number in range(after, len(lines)):
        line = lines[number]
        is_open = (is_open or line.label in _RELATED) and not is_credit(line)
        if is_open:
            yield number


def _mark_adjacent(lines: Sequence[Line], marked: set[int], credits: set[int]) -> None:
    """Mark possible buttons beside marked lines, until no more is found."""
    numbers = range(len(lines))
    for number, neighbour in (*pairwise(numbers), *pairwise(reversed(numbers))):
        if (
            number in marked
            and neighbour not in marked
            and neighbour not in credits
            and _may_be_boilerplate(lines[neighbour])
        ):
            marked.add(neighbour)
