"""Boilerplate detection: by rules, and by counting lines that a source's articles repeat."""

from __future__ import annotations

import pytest

from index.articles import Span
from index.boilerplate.repetition import MIN_ARTICLES, add_repeated, candidate_lines, is_repeated
from index.boilerplate.rules import find_boilerplate
from index.text.language import detect_language, unsupported_language

ARABIC = "أعلن الوزير يوم الأربعاء أن العمل في الجسر سيبدأ في الصيف المقبل."
ENGLISH = "The minister said on Wednesday that work on the bridge will begin next summer."


def lines(text: str, spans: tuple[Span, ...]) -> list[str]:
    return [text[span.start : span.end] for span in spans]


def ignored(text: str) -> list[str]:
    return lines(text, find_boilerplate(text))


def test_boilerplate_lines_are_ignored() -> None:
    text = (
        "الخميس 25 أبريل / أبريل 2024\nعنوان القصة\nعنوان القصة\nقال الوزير إن القصة انتهت.\n"
        "شارك القصة\nClose\naXA6IDMuMTUuMjAzLjI0NiA= جزيرة ام اند امز\nوشارك القصة مع أصدقائه.\n"
    )
    assert ignored(text) == [
        "الخميس 25 أبريل / أبريل 2024",
        "عنوان القصة",
        "شارك القصة",
        "Close",
        "aXA6IDMuMTUuMjAzLjI0NiA= جزيرة ام اند امز",
    ]
    assert find_boilerplate(text)[1].start > text.index("عنوان القصة")


@pytest.mark.parametrize(
    "line",
    [
        "شارك القصة", "شارك على فيسبوك", "شارك عبر واتساب و تلغرام", "انسخ الرابط",
        "تابعونا على تويتر",
        "اقرأ أيضاً: الجسر القديم يُفتح من جديد", "ربما يعجبك أيضاً", "مواضيع ذات صلة:",
        "جميع الحقوق محفوظة © 2021 صحيفة المرفأ", "اشترك في النشرة البريدية", "مدة القراءة: 3 دقائق", "لا توجد تعليقات",
        "12 تعليقاً", "عدد المشاهدات: 1,204", "الرئيسية / أخبار / محليات", "تخطى إلى المحتوى", "إعلان",
        "نستخدم ملفات تعريف الارتباط لتحسين تجربتك على الموقع.", "Share this article", "Share on Facebook", "Copy link",
        "Follow @harbourpost on Twitter", "Read more: The old bridge reopens", "Related articles", "0 Comments",
        "5 min read", "1.2K views", "© 2021 The Harbour Post. All rights reserved.", "Home > News > City",
        "ADVERTISEMENT",
        "Sign up for our newsletter", "We use cookies to improve your experience. By continuing you accept our policy.",
        "By continuing to use this site you agree to our use of cookies.", "Skip to main content",
        "dGhpcyBpcyBubyB0ZXh0IGF0IGFsbA==",
    ],
)  # fmt: skip
def test_unambiguous_boilerplate_is_ignored_anywhere(line: str) -> None:
    body = ARABIC if any("ء" <= character <= "ي" for character in line) else ENGLISH
    assert ignored(f"عنوان الخبر\n\n{body}\n\n{line}\n\n{body} {body}\n") == [line]


@pytest.mark.parametrize("line", ["Close", "Changed", "Print", "Facebook", "Twitter WhatsApp", "طباعة", "@harbourpost"])
def test_ambiguous_line_ignored_only_at_edge_or_beside_button(line: str) -> None:
    assert ignored(f"The bridge\n{ENGLISH}\n{line}\n{ENGLISH}\nThe end of it came late.") == []
    assert ignored(f"The bridge\n{ENGLISH}\n{line}\n") == [line]
    assert ignored(f"The bridge\n{line}\n{ENGLISH}\n") == [line]
    beside = f"The bridge\n{ENGLISH}\nShare this article\n{line}\n{ENGLISH}\nThe end of it came late."
    assert ignored(beside) == ["Share this article", line]


@pytest.mark.parametrize(
    "line",
    [
        "المصدر: وكالات", "المصادر:\nالمرفأ، وكالات", "Source: agencies", "(رويترز)", "By Lina Ferris",
        "ترجمة: هدى سالم",
        "بغداد-العراق-24-7-2021", "نُشر في: 11 يونيو 2020", "توقيت الزيارة", "خلفية", "What we know",
        "شارك الوزير القصة مع الصحفيين.", "وشارك القصة مع أصدقائه.", "تابعنا في المقال السابق كيف تطورت الأزمة.",
        "اشترك في النشرة البريدية أكثر من ألف قارئ.", "حملوا تطبيق القانون مسؤولية ما حدث.",
        "اقرأ أيضاً ما كتبه عن النهر",
        "The company uses cookies, he said, and nobody had asked its readers.",
        "Share prices fell by a third on Friday.",
        "By clicking on a map of the city, readers can see which streets flood.",
        "All rights reserved seats were taken.",
        "Copyright was the subject of the second day.", "Related deaths rose to twelve.", "Read more books, he said.",
        "3 minutes", "Home/Away", "Close to the river", "Subscribers fell by a third.", "Email was down for an hour.",
    ],
)  # fmt: skip
@pytest.mark.parametrize("place", ["{body}\n{line}\n{body}", "{body}\n{line}"], ids=["amid", "last"])
def test_article_text_is_never_ignored(line: str, place: str) -> None:
    text = "The bridge\n\n" + place.format(body=ENGLISH, line=line)
    if place.count("{body}") == 2:
        text = text.removesuffix(ENGLISH) + ARABIC
    assert ignored(text) == []


class TestHeadlines:
    def test_repeated_headline_and_caption_are_ignored_once(self) -> None:
        headline, caption = "A bridge over the river", "The bridge (Harbour Post)"
        text = f"{headline}\n\n{headline}\n{caption}\n{caption}\n{ENGLISH}"
        assert ignored(text) == [headline, caption]
        assert find_boilerplate(text)[0].start == text.rindex("A bridge")

    def test_refrain_is_not_boilerplate(self) -> None:
        poem = "أغنية\nيا نهر يا نهر\nلا تنم الليلة\nيا نهر يا نهر\nلا تنم الليلة\n"
        assert ignored(poem) == []
        assert ignored(f"A headline\n{ENGLISH}\n- Yes.\n- Yes.\nQ: And then?\n- Yes.\n{ENGLISH}") == []

    def test_headline_may_equal_button_label(self) -> None:
        assert ignored(f"Twitter\n\n{ENGLISH}") == []

    def test_weekday_date_is_boilerplate_only_at_top(self) -> None:
        assert ignored(f"The fair\n{ENGLISH}\nThursday 25 April 2024\n{ENGLISH} Twice.") == []
        assert ignored(f"Thursday 25 April 2024\nThe fair\n{ENGLISH}") == ["Thursday 25 April 2024"]


def test_related_articles_box_is_ignored_but_not_credit() -> None:
    box = ["Related articles", "A tram for the harbour", "Who paid for the dam?"]
    text = "\n".join(["The bridge", ENGLISH, *box, "Source: agencies", "Twelve"])
    assert ignored(text) == box


@pytest.mark.parametrize("text", ["", "\n\n", "\r\n \r\n", "x", "Close", "a" * 100_000, "‏\n‏", "\ud800\n\ud800"])
def test_any_text_returns_valid_spans(text: str) -> None:
    spans = find_boilerplate(text)
    assert all(0 <= span.start < span.end <= len(text) for span in spans)
    assert set(spans) <= set(add_repeated(text, spans, candidate_lines(text, spans).keys()))


def test_crlf_line_endings_are_accepted() -> None:
    assert [line.strip() for line in ignored(f"The bridge\r\n{ENGLISH}\r\nShare this article\r\nClose\r\n")] == [
        "Share this article",
        "Close",
    ]


def page(headline: str, body: str = ENGLISH) -> str:
    return f"The Harbour Post\nTides and times\n{headline}\n{body}\nThe harbour, every morning\n"


class TestRepetition:
    def test_candidates_are_short_edge_lines_and_site_references(self) -> None:
        text = (
            f"The Harbour Post\nA bridge\nSource: agencies\n{ENGLISH}\nBackground\n{ENGLISH}\n"
            f"You read this because our readers pay for it.\nThe war began in 2014.\nTides and times\n"
        )
        found = [text[span.start : span.end] for spans in candidate_lines(text, ()).values() for span in spans]
        assert found == [
            "The Harbour Post",
            "A bridge",
            "You read this because our readers pay for it.",
            "Tides and times",
        ]

    def test_candidate_keys_are_short_and_ignore_spelling(self) -> None:
        one, other = (
            candidate_lines(f"إدارة الموقع\nعنوان\n{ARABIC}", ()),
            candidate_lines(f"* ادارة الموقع *\nآخر\n{ARABIC}", ()),
        )
        (key,) = one.keys() & other.keys()
        assert len(key) == 16

    def test_ignored_lines_are_not_candidates(self) -> None:
        text = page("A bridge")
        assert len(candidate_lines(text, (Span(0, 16),))) == len(candidate_lines(text, ())) - 1

    @pytest.mark.parametrize(
        ("with_the_line", "of_the_source", "repeated"),
        [(4, 4, False), (5, 5, True), (5, 9, True), (5, 10, False), (50, 99, True), (50, 1000, False), (0, 0, False)],
    )
    def test_repeated_needs_majority_and_at_least_five_articles(
        self, with_the_line: int, of_the_source: int, repeated: bool
    ) -> None:
        assert MIN_ARTICLES == 5
        assert is_repeated(with_the_line, of_the_source) is repeated

    def test_later_articles_change_which_lines_are_boilerplate(self) -> None:
        pages = [page(f"Headline number {n}") for n in range(6)]
        for count in (4, 5, 6):
            stored = [candidate_lines(text, find_boilerplate(text)) for text in pages[:count]]
            numbers = {key: sum(key in found for found in stored) for found in stored for key in found}
            repeated = {key for key, number in numbers.items() if is_repeated(number, count)}
            cut = [lines(text, add_repeated(text, find_boilerplate(text), repeated)) for text in pages[:count]]
            expected = [] if count < 5 else ["The Harbour Post", "Tides and times", "The harbour, every morning"]
            assert cut == [expected] * count
        assert not is_repeated(6, 20)

    def test_recurring_series_headline_is_not_ignored(self) -> None:
        text = page("Gold prices today")
        all_keys = candidate_lines(text, ()).keys()
        assert lines(text, add_repeated(text, (), all_keys)) == ["The harbour, every morning"]

    def test_linked_headline_is_not_ignored_in_its_article(self) -> None:
        linking = [f"Headline {n}\n{ENGLISH}\nThe old bridge reopens\n" for n in range(6)]
        linked = f"The old bridge reopens\n{ENGLISH}\n"
        repeated = set.intersection(*(set(candidate_lines(text, ())) for text in linking))
        assert lines(linking[0], add_repeated(linking[0], (), repeated)) == ["The old bridge reopens"]
        assert add_repeated(f"By no one\n{linked}", (), repeated) == ()

    def test_repeated_agency_sentences_are_not_candidates(self) -> None:
        text = f"A bridge\n{ENGLISH}\nThe river is 40 kilometres long.\n"
        assert len(candidate_lines(text, ())) == 1


@pytest.mark.parametrize(
    ("text", "language"),
    [
        ("كيربي John", "ar"),
        ("The word سلام means peace", "en"),
        ("2500", "en"),
        ("", "en"),
        ("وقّع الاتفاق Christopher Montgomery و Bartholomew Fitzgerald أمس", "ar"),
        ("شغّل الأمر pip install ثم أعد التشغيل", "ar"),
        ("John Kerry met سلام", "en"),
        ("ما هي OPEC؟", "ar"),
        ("كَتَبَ Smith", "ar"),
    ],
)
def test_language_is_detected(text: str, language: str) -> None:
    assert detect_language(text) == language


@pytest.mark.parametrize(
    ("question", "code"),
    [
        ("Combien de soldats américains restent en Irak ?", "fr"),
        ("چند سرباز آمریکایی در عراق باقی مانده‌اند؟", "fa"),
        ("How many US troops remain in Iraq?", None),
        ("كم عدد القوات الأمريكية المتبقية في العراق؟", None),
        ("Kadhimi visit Washington", None),
    ],
)
def test_unsupported_language_is_detected(question: str, code: str | None) -> None:
    assert unsupported_language(question) == code
