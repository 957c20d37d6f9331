"""Publication dates: which date is the article's, where it was found, and which dates are not trusted."""

from __future__ import annotations

import datetime

import pytest

from index.articles import Span
from index.boilerplate.rules import find_boilerplate
from index.dates.beginnings import DateInvalid, parse_date_prefix
from index.dates.publication_date import PublicationDate, date_of_article
from index.formats.metadata import date_of

TODAY = datetime.date(2024, 6, 15)
ARABIC = "أعلن الوزير يوم الأربعاء أن المشروع سيبدأ في الصيف المقبل، وأن كلفته خمسة وعشرون مليون دينار."
ENGLISH = "The minister said on Wednesday that work on the bridge will begin next summer and cost five million."


def dated(text: str, given: str | None = None, file_name: str = "") -> PublicationDate | None:
    return date_of_article(text, find_boilerplate(text), given, file_name, TODAY)


def article(line: str, body: str | None = None) -> str:
    """An article whose second line is `line`."""
    is_arabic = any("ء" <= character <= "ي" for character in line)
    return f"{'عنوان الخبر' if is_arabic else 'A headline'}\n{line}\n\n{body or (ARABIC if is_arabic else ENGLISH)}\n"


@pytest.mark.parametrize(
    ("line", "day"),
    [
        ("بغداد-العراق-24-7-2021", "2021-07-24"),
        ("Basra, 3 May 2021", "2021-05-03"),
        ("البصرة، ١١ حزيران ٢٠٢٠", "2020-06-11"),
        ("القاهرة - 11 يونيو 2020", "2020-06-11"),
        ("دمشق 4 كانون الثاني 2019", "2019-01-04"),
        ("بغداد – 24 تموز/يوليو 2021 (أ ف ب)", "2021-07-24"),
        ("بغداد (رويترز) - 24 يوليو تموز 2021", "2021-07-24"),
        ("BAGHDAD, July 24, 2021 (AP) — The minister said on Saturday that work will begin.", "2021-07-24"),
        ("BAGHDAD, Saturday, July 24, 2021 (AP) — The minister said that work will begin.", "2021-07-24"),
        ("LONDON (Reuters) - 24 July 2021 - The minister said that work will begin.", "2021-07-24"),
        ("Port Salwan, 3 May 2021 – " + ENGLISH, "2021-05-03"),
        ("القاهرة - 3 محرم 1443 هـ الموافق 11 أغسطس 2021", "2021-08-11"),
        ("القاهرة - 11 أغسطس 2021 الموافق 3 محرم 1443 هـ", "2021-08-11"),
        ("الرياض - 3/1/1443 هـ الموافق 11/8/2021 م", "2021-08-11"),
        ("الرباط، 7 غشت 2019", "2019-08-07"),
        ("الجزائر - ۱۲ جويلية ۲۰۲۰", "2020-07-12"),
        ("تونس في 9 أفريل 2018 (وات) - أعلنت الوزارة أن العمل سيبدأ في الصيف.", None),
        ("بغداد، 9 أبريل 2018، كانت مدينة أخرى لا يعرفها أحد اليوم.", None),
        ("Baghdad, 9 April 2018, was another city that nobody would know again today.", None),
        ("On Friday, 26 May 2023, she took charge of the final.", None),
        ("ثورة 25 يناير 2011", None),
        ("هجمات 11 سبتمبر 2001", None),
        ("Elections, 24 July 2021", None),
        ("ذكرى الثورة، 25 يناير/كانون الثاني 2011", None),
        ("Saving the old bridge – 24 July 2021 – an album", None),
        ("Updated version 1.2.2020 of the file that everybody reads, more or less, in the end", None),
        ("القاهرة 45-13-2020", None),
        ("القاهرة - 31 فبراير 2020", None),
        ("القاهرة - 11 يونيو 2090", None),
        ("القاهرة - 11 يونيو/أغسطس 2020", None),
        ("القاهرة - 3 محرم 1443 هـ", None),
        ("الرياض | الخميس 25 أبريل 2024", None),
        ("أحمد علي | 24 يوليو 2021", "2021-07-24"),
        ("عدن، 24 تموز 2021 (سبأ) أعلن الوزير أن العمل سيبدأ.", "2021-07-24"),
        ("Washington, 6 January 2021: what happened", None),
        ("Paris, 13 November 2015 – a night to remember", None),
        ("انفجار بيروت - 4 آب 2020", None),
        ("Photo: Reuters, 3 May 2021", None),
        ("London, 3 May 2021 - Paris, 5 May 2021", None),
    ],
)
def test_datelines(line: str, day: str | None) -> None:
    found = dated(article(line))
    assert (found.day if found else None) == day
    assert found is None or (found.found_in == "dateline" and found.certainty >= 0.6)


@pytest.mark.parametrize(
    ("line", "day", "certainty"),
    [
        ("نُشر في: 11 يونيو/حزيران 2020", "2020-06-11", 0.9),
        ("نشر في 2020-06-11 14:30", "2020-06-11", 0.9),
        ("تاريخ النشر: الخميس 11 يونيو 2020 - 10:45 صباحاً", "2020-06-11", 0.9),
        ("تم النشر بتاريخ ١١ حزيران ٢٠٢٠", "2020-06-11", 0.9),
        ("التاريخ: 11 جوان 2020", "2020-06-11", 0.9),
        ("أضيف في 11 يونيو 2020 | عدد القراء 120", "2020-06-11", 0.9),
        ("Published: 11 June 2020", "2020-06-11", 0.9),
        ("Published on Thursday, June 11th, 2020 at 10:45 GMT", "2020-06-11", 0.9),
        ("Posted on June 11, 2020 by Salma Haddad", "2020-06-11", 0.9),
        ("First published 11 Jun 2020, updated 13 Jun 2020", "2020-06-11", 0.9),
        ("Published: 11 June 2020 | Updated: 13 June 2020", "2020-06-11", 0.9),
        ("Updated: 13 June 2020 | Published: 11 June 2020", "2020-06-11", 0.9),
        ("Date: 2020-06-11", "2020-06-11", 0.9),
        ("Published: 2020-06-11T10:45:00+03:00", "2020-06-11", 0.9),
        ("التاريخ: 1441/10/19 هـ - 2020/06/11 م", "2020-06-11", 0.9),
        ("Date of birth: 11 June 1980", None, None),
        ("نشر في: 3/4/2020", "2020-04-03", 0.6),
        ("آخر تحديث: 11 يونيو 2020", "2020-06-11", 0.5),
        ("Last updated 11 June 2020, 10:45", "2020-06-11", 0.5),
        ("11 يونيو/حزيران 2020", "2020-06-11", 0.4),
        ("11 June 2020", "2020-06-11", 0.4),
        ("June 11, 2020", "2020-06-11", 0.4),
        ("11/06/2020", "2020-06-11", None),
        ("24/06/2020", "2020-06-24", 0.4),
        ("Published: 3/4/2020", None, None),
        ("Thursday 11 June 2020", None, None),
        ("الخميس 11 يونيو 2020", None, None),
        ("11 June 2020, 10:45", None, None),
        ("نُشر في 11 يونيو 2020 تقرير يقول إن النهر جفّ.", None, None),
        ("Published on 11 June 2020, the report says that the river ran dry.", None, None),
        ("Published: soon", None, None),
        ("It was opened on 11 June 2020.", None, None),
        ("Deadline: 11 June 2020", None, None),
    ],
)
def test_date_lines(line: str, day: str | None, certainty: float | None) -> None:
    found = dated(article(line))
    if certainty is None and day is not None:
        # Ambiguous: nothing shows that this English article writes the day first.
        assert found is None
    else:
        assert found == (PublicationDate(day, "text", certainty) if day and certainty else None)


@pytest.mark.parametrize(
    ("given", "day", "certainty"),
    [
        ("2021-07-24", "2021-07-24", 1.0),
        ("2021-07-24T10:00:00+03:00", "2021-07-24", 1.0),
        ("2021-07-24 23:59:59", "2021-07-24", 1.0),
        ("2021/7/24", "2021-07-24", 1.0),
        ("20210724", "2021-07-24", 1.0),
        ("20210724T101500Z", "2021-07-24", 1.0),
        ("D:20210724103000+03'00'", "2021-07-24", 1.0),
        ("24/7/2021", "2021-07-24", 1.0),
        ("7/24/2021", "2021-07-24", 1.0),
        ("24.07.2021", "2021-07-24", 1.0),
        ("3.4.2021", "2021-04-03", 1.0),
        ("4/4/2021", "2021-04-04", 1.0),
        ("٢٤ تموز ٢٠٢١", "2021-07-24", 1.0),
        ("٢٤/٧/٢٠٢١", "2021-07-24", 1.0),
        ("۲۴ ژوئیه ۲۰۲۱", None, None),
        ("السبت 24 تموز/يوليو 2021 الساعة 10:30", "2021-07-24", 1.0),
        ("24 يوليو (تموز) 2021", "2021-07-24", 1.0),
        ("يوليو 24, 2021", "2021-07-24", 1.0),
        ("24 يوليو عام 2021م", "2021-07-24", 1.0),
        ("4 تشرين الثاني 2019", "2019-11-04", 1.0),
        ("4 كانون أول 2019", "2019-12-04", 1.0),
        ("7 آب 2020", "2020-08-07", 1.0),
        ("5 دجنبر 2020", "2020-12-05", 1.0),
        ("6 فيفري 2020", "2020-02-06", 1.0),
        ("6 مايس 2020", "2020-05-06", 1.0),
        ("July 24, 2021", "2021-07-24", 1.0),
        ("24th of July 2021", "2021-07-24", 1.0),
        ("24-Jul-2021", "2021-07-24", 1.0),
        ("Sat, 24 Jul 2021 10:00:00 GMT", "2021-07-24", 1.0),
        ("Sat Jul 24 10:00:00 +0000 2021", "2021-07-24", 1.0),
        ("1627120800", "2021-07-24", 1.0),
        ("1627120800000", "2021-07-24", 1.0),
        ("3/4/2021", None, None),
        ("0001-01-01T00:00:00", None, None),
        ("1970-01-01", None, None),
        ("1900-01-01 00:00:00", None, None),
        ("2099-01-01", None, None),
        ("2021", None, None),
        ("2021-07", None, None),
        ("July 2021", None, None),
        ("24/7/21", None, None),
        ("2021-02-30", None, None),
        ("3 محرم 1443", None, None),
        ("1443-01-03", None, None),
        ("between 2021-01-01 and 2021-02-01", None, None),
        ("sometime", None, None),
        ("", None, None),
        ("12345", None, None),
    ],
)
def test_given_date(given: str, day: str | None, certainty: float | None) -> None:
    found = dated(f"A headline\n\n{ENGLISH}", given)
    assert found == (PublicationDate(day, "given", certainty) if day and certainty else None)


@pytest.mark.parametrize(
    ("file_name", "day"),
    [
        ("2021-04-08-iraq.txt", "2021-04-08"),
        ("20210408_x.html", "2021-04-08"),
        ("news_2021_04_08.md", "2021-04-08"),
        ("24.07.2021.txt", "2021-07-24"),
        ("خبر-2021-04-08.txt", "2021-04-08"),
        ("03-04-2021.txt", None),
        ("000_5892b45960556b94.txt", None),
        ("report-20210408-final.txt", None),
        ("12345678.txt", None),
        ("0012021040855.txt", None),
        ("attack-of-11-september-2001.txt", None),
        ("2021.txt", None),
    ],
)
def test_date_in_file_name(file_name: str, day: str | None) -> None:
    assert dated(f"A headline\n\n{ENGLISH}", None, file_name) == (PublicationDate(day, "name", 0.5) if day else None)


class TestDatePrecedence:
    def test_given_date_precedes_most_certain_date(self) -> None:
        text = article("Port Salwan, 3 May 2021")
        assert dated(text, "2021-05-04", "2020-01-02.txt") == PublicationDate("2021-05-04", "given", 1.0)
        assert dated(text, None, "2020-01-02.txt") == PublicationDate("2021-05-03", "dateline", 0.7)
        assert dated(article("11 June 2020"), None, "2020-01-02.txt") == PublicationDate("2020-01-02", "name", 0.5)

    def test_implausible_given_date_falls_back_to_text(self) -> None:
        assert dated(article("Port Salwan, 3 May 2021"), "0001-01-01") == PublicationDate("2021-05-03", "dateline", 0.7)

    def test_ambiguous_date_is_resolved_by_other_date_or_language(self) -> None:
        assert dated(article("Port Salwan, 4 March 2021"), "3/4/2021") == PublicationDate("2021-03-04", "given", 1.0)
        assert dated(f"عنوان\n\n{ARABIC}", "3/4/2021") == PublicationDate("2021-04-03", "given", 0.6)

    def test_event_date_is_not_publication_date(self) -> None:
        assert dated(f"عنوان\n\n{ARABIC}\nعُقدت الجولة الأولى بتاريخ 11 يونيو/حزيران عام 2020.") is None
        assert dated(f"A headline\n\n{ENGLISH}\nIt was signed on 11 June 2020.") is None

    @pytest.mark.parametrize("first", ["الخميس 25 أبريل / أبريل 2024", "Thursday 25 April 2024", "Thursday, 25/4/2024"])
    def test_weekday_and_date_at_top_are_ignored(self, first: str) -> None:
        assert dated(f"{first}\n\nعنوان الخبر\n\n{ARABIC}") is None

    def test_chronology_has_no_publication_date(self) -> None:
        assert dated(f"A headline\n11 June 2020\n{ENGLISH}\n3 July 2020\n{ENGLISH}") is None

    def test_date_label_may_be_on_previous_line(self) -> None:
        assert dated(f"A headline\nPublished on:\n11 June 2020\n{ENGLISH}") == PublicationDate(
            "2020-06-11", "text", 0.9
        )

    def test_date_is_found_at_end_of_article(self) -> None:
        assert dated(f"عنوان\n{f'{ARABIC}{chr(10)}' * 20}تاريخ النشر: 11 يونيو 2020") == PublicationDate(
            "2020-06-11", "text", 0.9
        )

    def test_ignored_spans_are_not_searched_for_dates(self) -> None:
        text = f"date: 11 June 2020\nA headline\n\n{ENGLISH}"
        assert date_of_article(text, (), None, "", TODAY) == PublicationDate("2020-06-11", "text", 0.9)
        assert date_of_article(text, (Span(0, 18),), None, "", TODAY) is None

    def test_byline_may_contain_date(self) -> None:
        assert dated(article("By Lina Ferris, 14 April 2022")) == PublicationDate("2022-04-14", "dateline", 0.7)
        assert dated(article("ديما الحوراني، 17 أيلول/سبتمبر 2023")) == PublicationDate("2023-09-17", "dateline", 0.7)

    def test_date_may_be_at_most_one_day_ahead(self) -> None:
        assert dated("", "2024-06-16") == PublicationDate("2024-06-16", "given", 1.0)
        assert dated("", "2024-06-17") is None


@pytest.mark.parametrize(
    ("value", "iso"),
    [
        (datetime.date(2021, 7, 24), "2021-07-24"),
        (datetime.datetime(2021, 7, 24, 10, 0, tzinfo=datetime.UTC), "2021-07-24"),
        (datetime.date(1, 1, 1), None),
        (20210724, "2021-07-24"),
        (1627120800, "2021-07-24"),
        (1627120800.5, "2021-07-24"),
        (2021, None),
        (True, None),
        (None, None),
        (float("nan"), None),
        (["2021-07-24"], None),
        ("24 تموز 2021", "2021-07-24"),
        ("3/4/2021", "3/4/2021"),
        ("sometime", None),
    ],
)
def test_date_of_metadata_field(value: object, iso: str | None) -> None:
    assert date_of(value) == iso


@pytest.mark.parametrize(
    ("given", "date"),
    [
        ("2021", "2021"),
        ("2021-04", "2021-04"),
        ("2020-02-29", "2020-02-29"),
        ("٢٠٢١-٠٤-٠٨", "2021-04-08"),
        ("۲۰۲۱-۰۴", "2021-04"),
        ("2٠21", "2021"),
    ],
)
def test_date_prefix_is_normalised_to_ascii_digits(given: str, date: str) -> None:
    assert parse_date_prefix(given) == date


@pytest.mark.parametrize(
    "given",
    ["", "soon", "21", "2021-4", "2021-13", "2021-13-99", "٢٠٢١-١٣", "2021-02-29", "0000", "2021-04-08\n", "²021"],
)
def test_invalid_date_prefix_raises(given: str) -> None:
    with pytest.raises(DateInvalid):
        parse_date_prefix(given)
