"""Questions for the catalogue: which there are, what is understood of them, and the many that look like them."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

import pytest

from index.text.folding import fold_text
from qa.query.catalog_question import MAX_LENGTH, parse_catalog_question
from qa.query.periods import Period, period_at_end, read_period

UNSTATED: dict[str, Any] = {
    "topic": "", "scope": "about", "author": None, "source": None, "owner": None, "language": None, "since": None,
    "until": None, "month_day": None, "pick": None, "certain": True,
}  # fmt: skip


@pytest.mark.parametrize(
    ("question", "understood"),
    [
        ("Who wrote the article about the ferry?", {"wanted": "author", "topic": "the ferry"}),
        ("Please tell me who wrote the article about the ferry", {"wanted": "author", "topic": "the ferry"}),
        ("What's the name of the author of the piece on bamboo?",
         {"wanted": "author", "topic": "bamboo", "certain": False}),
        ("Who wrote the 2021 article on the results of the Rimthan Mills?",
         {"wanted": "author", "topic": "the results of the Rimthan Mills", "since": "2021", "until": "2021"}),
        ("Who is the author of the article “Dates harvest begins”?",
         {"wanted": "author", "topic": "Dates harvest begins", "scope": "title"}),
        ("Who wrote the article titled Dates harvest begins?",
         {"wanted": "author", "topic": "Dates harvest begins", "scope": "title"}),
        ("Who is the author of the sermon about the borrowed coat?",
         {"wanted": "author", "topic": "the borrowed coat", "scope": "whole title", "certain": False}),
        ("Who wrote the latest article on the bridge?", {"wanted": "author", "topic": "the bridge", "pick": "newest"}),
        ("When was the article about the dates harvest published?", {"wanted": "date", "topic": "the dates harvest"}),
        ("When did The Buoy publish its article about the bridge?",
         {"wanted": "date", "topic": "the bridge", "author": "The Buoy"}),
        ("When was Huda Kassar's article on the bridge published?",
         {"wanted": "date", "topic": "the bridge", "owner": "Huda Kassar"}),
        ("Which newspaper reported that the bridge is closed?", {"wanted": "source", "topic": "the bridge is closed"}),
        ("In which paper did Tobias Renn-Astley's piece on bamboo appear?",
         {"wanted": "source", "topic": "bamboo", "owner": "Tobias Renn-Astley", "certain": False}),
        ("Where was the article about the ferry published?", {"wanted": "source", "topic": "the ferry"}),
        ("How many articles are there?", {"wanted": "count"}),
        ("How many articles mention the bridge of Wadi Lawz?",
         {"wanted": "count", "topic": "the bridge of Wadi Lawz", "scope": "mention"}),
        ("How many articles has Huda Kassar written about the bridge since 2019?",
         {"wanted": "count", "topic": "the bridge", "author": "Huda Kassar", "since": "2019"}),
        ("How many Arabic articles from The Buoy are there?", {"wanted": "count", "source": "Buoy", "language": "ar"}),
        ("How many articles were published before May 2021?", {"wanted": "count", "until": "2021-04"}),
        ("How many articles from 2019 to 2021 mention Aleppo?",
         {"wanted": "count", "topic": "Aleppo", "scope": "mention", "since": "2019", "until": "2021"}),
        ("List all articles by Huda Kassar from The Buoy since 2019",
         {"wanted": "list", "author": "Huda Kassar", "source": "Buoy", "since": "2019"}),
        ("Are there any articles about the bridge?", {"wanted": "list", "topic": "the bridge"}),
        ("What is the latest on Hadaf Bay?", {"wanted": "newest", "topic": "Hadaf Bay"}),
        ("Which is the oldest article on the port?", {"wanted": "oldest", "topic": "the port"}),
        ("Which article was published first?", {"wanted": "oldest"}),
        ("What article was published in 1937?",
         {"wanted": "list", "since": "1937", "until": "1937", "certain": False}),
        ("Which articles were published in 1937?", {"wanted": "list", "since": "1937", "until": "1937"}),
        ("Who wrote the most articles?", {"wanted": "authors", "pick": "most"}),
        ("Which authors wrote for The Buoy?", {"wanted": "authors", "source": "Buoy"}),
        ("Which newspapers are in the collection?", {"wanted": "sources"}),
        ("Who wrote the article of 3 May about the bridge?",
         {"wanted": "author", "topic": "the bridge", "month_day": "05-03"}),
        ("من كتب المقال عن العبّارة؟", {"wanted": "author", "topic": "العبّارة"}),
        ("مين كتب المقال عن الجسر؟", {"wanted": "author", "topic": "الجسر"}),
        ("من كتب مقالتي ختام الدورتين في المهرجان؟", {"wanted": "author", "owner": "ختام الدورتين في المهرجان"}),
        ("من كاتب مقال «خبز الزعتر»؟", {"wanted": "author", "topic": "خبز الزعتر", "scope": "title"}),
        ("من كتب وصفة معمول الجوز؟",
         {"wanted": "author", "owner": "معمول الجوز", "scope": "whole title", "certain": False}),
        ("متى نشر مقال هدى كسار عن الجسر؟", {"wanted": "date", "topic": "الجسر", "owner": "هدى كسار"}),
        ("متى نشرت صحيفة القنديل مقالها عن الجسر؟",
         {"wanted": "date", "topic": "الجسر", "author": "صحيفة القنديل"}),
        ("أي صحيفة ذكرت أن الجسر مغلق؟", {"wanted": "source", "topic": "الجسر مغلق"}),
        ("في أي صحيفة نُشر المقال عن الجسر؟", {"wanted": "source", "topic": "الجسر"}),
        ("كم مقالا في المجموعة كتبته سلمى الشمعدان؟", {"wanted": "count", "author": "سلمى الشمعدان"}),
        ("كم مقالا لهدى كسار؟", {"wanted": "count", "author": "هدى كسار"}),
        ("كم مقالاً عن الجسر نشرت صحيفة القنديل في عام ٢٠١٧؟",
         {"wanted": "count", "topic": "الجسر", "source": "القنديل", "since": "2017", "until": "2017"}),
        ("كم مقالا نُشر منذ أيار 2021؟", {"wanted": "count", "since": "2021-05"}),
        ("كم مقالا بالعربية؟", {"wanted": "count", "language": "ar"}),
        ("ما المقالات التي كتبتها هدى كسار؟", {"wanted": "list", "author": "هدى كسار"}),
        ("هل توجد مقالات عن الجسر؟", {"wanted": "list", "topic": "الجسر"}),
        ("ما أحدث مقال عن الجسر؟", {"wanted": "newest", "topic": "الجسر"}),
        ("ما الجديد عن الجسر؟", {"wanted": "newest", "topic": "الجسر"}),
        ("ما أقدم مقال في المجموعة؟", {"wanted": "oldest"}),
        ("من كتب أكثر المقالات؟", {"wanted": "authors", "pick": "most"}),
        ("ما الصحف الموجودة في المجموعة؟", {"wanted": "sources"}),
    ],
)  # fmt: skip
def test_question_about_catalogue_is_understood(question: str, understood: dict[str, Any]) -> None:
    asked = parse_catalog_question(question)
    assert asked is not None
    assert asdict(asked) == {**UNSTATED, "question": question, **understood}


@pytest.mark.parametrize(
    "question",
    [
        # other works than articles
        "Who wrote the novel Season of Migration?", "Who wrote the book about the bridge?",
        "Who wrote the letter to the minister?", "Who wrote the report on the flood?", "Who wrote the story of Sinbad?",
        "Who wrote the text of the constitution?", "Who is the author of the study on bees?", "Who wrote the play?",
        "Who wrote most of the constitution?", "Who wrote the sermon?", "When was the book published?",
        "When was the report published?", "When was the law on newspapers published?", "Where was the book printed?",
        "Which newspaper published her first poem?", "Which magazine published the photographs?",
        "In which newspaper did he publish his first story?", "Who published the book?",
        "When did she write the story?",
        "من كتب الرواية؟", "من كتب القصيدة؟", "من كتب الرسالة إلى الوزير؟", "من كتب التقرير عن الفيضان؟",
        "من كتب نص المعاهدة؟", "من كتب الكتاب عن الجسر؟", "من مؤلف كتاب الأيام؟", "من كتب كلمات النشيد؟",
        "متى نشر الكتاب؟", "متى صدر القانون؟", "متى كتب الشاعر قصيدته؟", "متى نُشر التقرير؟", "أين نُشر الكتاب؟",
        "أي صحيفة نشرت قصيدته الأولى؟", "أي صحيفة نشرت الصور؟", "ما آخر رواية كتبتها؟",
        # articles of laws and treaties
        "How many articles does the constitution have?", "How many articles of the treaty were changed?",
        "How many articles are there in the constitution?", "How many articles did parliament amend?",
        "How many articles about refugees are in the convention?", "Which articles of the constitution were amended?",
        "What does article 5 say?", "List the articles of the constitution.", "How many articles has the treaty?",
        "How many articles of clothing were found?", "كم مادة في الدستور؟", "كم عدد مواد المعاهدة؟",
        "أي مادة من القانون عدلت؟",
        # what an article says or what happened to it
        "What does the article about the bridge say?", "Who is quoted in the article about the bridge?",
        "Why was the article about the bridge withdrawn?", "Who read the article about the bridge?",
        "How many people read the article about the bridge?", "How many words does the article about the bridge have?",
        "Who wrote the article that led to the minister's resignation?", "When did the author of the article die?",
        "How many articles were removed by the censor last year?",
        "Did Huda Kassar write the article about the bridge?",
        "ماذا قال المقال عن الوزير؟", "من ذُكر في المقال عن الجسر؟", "كم مقالا حذفت الرقابة؟",
        "من كتب مقالا أغضب الوزير؟",
        "هل كتبت هدى كسار المقال عن الجسر؟",
        # too little to tell an article by
        "Who wrote the article?", "When was the article published?", "من كتب المقال؟",
        # newspapers, authors and sources as subjects
        "Which newspaper did she work for?", "Which newspaper was closed?", "Which newspaper said it would close?",
        "When was The Buoy founded?", "Which newspapers are published in the town?", "Who published the newspaper?",
        "How many newspapers are sold in Sandroon every day?", "Which is the oldest newspaper in the country?",
        "How many authors signed the letter?", "Which writers won the prize?", "Which writer has the most awards?",
        "How many journalists were arrested?", "What is the source of the river?",
        "Which source of energy is the cheapest?",
        "أي صحيفة عمل فيها؟", "ما الصحف التي أغلقت؟", "كم صحيفة تصدر في المدينة؟", "متى صدرت الصحيفة لأول مرة؟",
        "من الكتّاب الذين فازوا بالجائزة؟", "كم صحفيا اعتقل؟", "ما مصدر النهر؟", "من رئيس تحرير صحيفة القنديل؟",
        # other meanings of words for articles
        "How many stories does the building have?", "How many items were sold?", "How many columns hold the roof?",
        "How many posts are vacant?", "How many pieces are in the puzzle?", "How many files did the police seize?",
        "List the items on the agenda.", "What is the first item on the agenda?", "Which post did she hold?",
        "When was the column built?", "كم موضوعا في جدول الأعمال؟", "كم نصا ترجم؟", "متى وصل الخبر إلى المدينة؟",
        "ما أول خبر أذاعته المحطة؟", "ما أخبارك؟",
        # "latest", "first", "date", "when" of other things
        "When was the museum opened?", "When was the document signed?", "What is the date of the election?",
        "What is the latest version of the program?", "Who is the latest director of the port of Hadaf Bay?",
        "What are the latest figures on unemployment?", "What was the last piece she played?",
        "متى افتتح المتحف؟", "ما تاريخ الانتخابات؟", "ما أول مدينة حررت؟", "ما أقدم نص في المتحف؟",
        # what only today's date can answer
        "How many articles were published this year?", "كم مقالا نشر هذا العام؟",
        "", "؟", f"Who wrote the article about {'the bridge ' * MAX_LENGTH}?",
    ],
)  # fmt: skip
def test_question_that_looks_like_one_is_left_to_the_articles(question: str) -> None:
    assert parse_catalog_question(question) is None


@pytest.mark.parametrize(
    ("text", "period"),
    [
        ("since May 2021", Period(since="2021-05")),
        ("after 2021", Period(since="2022")),
        ("before 3 May 2021", Period(until="2021-05-02")),
        ("before January 2021", Period(until="2020-12")),
        ("until March 2020", Period(until="2020-03")),
        ("between 2019 and 2021", Period("2019", "2021")),
        ("from 2019", Period("2019", "2019")),
        ("on May 3, 2021", Period("2021-05-03", "2021-05-03")),
        ("of 3 May", Period(month_day="05-03")),
        ("in May", Period(month_day="05")),
        ("منذ أيار 2021", Period(since="2021-05")),
        ("قبل ٣ أيار ٢٠٢١", Period(until="2021-05-02")),
        ("في أيار/مايو 2021", Period("2021-05", "2021-05")),
        ("بين عامي 2019 و2021", Period("2019", "2021")),
        ("من 2019 إلى 2021", Period("2019", "2021")),
        ("لعام ٢٠٢١", Period("2021", "2021")),
        ("in 1984-85", None),
        ("since Monday", None),
        ("5 articles", None),
    ],
)
def test_period_is_read_with_its_preposition(text: str, period: Period | None) -> None:
    found = read_period(fold_text(text), 0)
    assert (found[0] if found else None) == period
    assert found is None or found[1] == len(fold_text(text))


def test_period_at_end_needs_a_preposition() -> None:
    assert period_at_end("the mills in 2021") == (len("the mills "), Period("2021", "2021"))
    assert period_at_end("the film blade runner 2049") is None
    assert period_at_end("the elections in 2021 and their results") is None
