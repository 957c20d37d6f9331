"""Questions that compare: what they name, what they ask about each thing, and look-alikes that compare nothing."""

from __future__ import annotations

import pytest

from qa.query.comparing.model import Operation
from qa.query.comparison_question import parse_comparison


@pytest.mark.parametrize(
    ("question", "operation", "things", "sub_question"),
    [
        (
            "Which is longer, the Palm bridge or the Heron bridge?",
            "which",
            ("the Palm bridge", "the Heron bridge"),
            "How long is the Palm bridge?",
        ),
        ("Who is older, Ann Lee or Bo Ray?", "which", ("Ann Lee", "Bo Ray"), "How old is Ann Lee?"),
        ("Which town had more voters, Arden or Brill?", "which", ("Arden", "Brill"), "How many voters did Arden have?"),
        (
            "Which opened first: the Clock Museum, the Tram Museum or the Mill?",
            "which",
            ("the Clock Museum", "the Tram Museum", "the Mill"),
            "When did the Clock Museum open?",
        ),
        (
            "Which class comes back earliest: the seventh or the eighth?",
            "which",
            ("the seventh class", "the eighth class"),
            "When does the seventh class come back?",
        ),
        (
            "Where was bread more expensive: in Arden or in Brill?",
            "which",
            ("Arden", "Brill"),
            "How much did bread cost in Arden?",
        ),
        ("Which of Arden and Brill is larger?", "which", ("Arden", "Brill"), "How large is Arden?"),
        ("Did Arden or Brill collect more books?", "which", ("Arden", "Brill"), "How many books did Arden collect?"),
        ("Is Palm Road longer than Mill Road?", "whether", ("Palm Road", "Mill Road"), "How long is Palm Road?"),
        ("Was the mill built before the church?", "whether", ("the mill", "the church"), "When was the mill built?"),
        (
            "Did more people vote in Arden than in Brill?",
            "whether",
            ("Arden", "Brill"),
            "How many people vote in Arden?",
        ),
        (
            "Is the population of Arden larger than that of Brill?",
            "whether",
            ("Arden", "Brill"),
            "What is the population of Arden?",
        ),
        (
            "How much longer is Palm Road than Mill Road?",
            "difference",
            ("Palm Road", "Mill Road"),
            "How long is Palm Road?",
        ),
        (
            "How many more films did the sixth festival show than the fifth?",
            "difference",
            ("the sixth festival", "the fifth festival"),
            "How many films did the sixth festival show?",
        ),
        (
            "How much more did the auction bring in than the cake stall?",
            "difference",
            ("the auction", "the cake stall"),
            "How much did the auction bring in?",
        ),
        (
            "How many more visitors did the museum have in 2022 than in 2020?",
            "difference",
            ("2022", "2020"),
            "How many visitors did the museum have in 2022?",
        ),
        (
            "By how many pounds is the shelter of Arden dearer than that of Brill?",
            "difference",
            ("the shelter of Arden", "the shelter of Brill"),
            "How much does the shelter of Arden cost?",
        ),
        (
            "How many years after the mill was the church built?",
            "difference",
            ("the church", "the mill"),
            "When was the church built?",
        ),
        (
            "What is the difference in height between North Tower and South Tower?",
            "difference",
            ("North Tower", "South Tower"),
            "How tall is North Tower?",
        ),
        (
            "How many more adults than children attended the fair?",
            "difference",
            ("adults", "children"),
            "How many adults attended the fair?",
        ),
        (
            "How many books did Arden and Brill collect together?",
            "sum",
            ("Arden", "Brill"),
            "How many books did Arden collect?",
        ),
        (
            "In total, how many people live in Arden, Brill and Corvo?",
            "sum",
            ("Arden", "Brill", "Corvo"),
            "How many people live in Arden?",
        ),
        (
            "What was the total number of voters in Arden and Brill?",
            "sum",
            ("Arden", "Brill"),
            "How many voters are there in Arden?",
        ),
        ("أيهما أطول، جسر النخلة أم جسر الغزال؟", "which", ("جسر النخلة", "جسر الغزال"), "كم طول جسر النخلة؟"),
        ("هل جسر النخلة أطول أم جسر الغزال؟", "which", ("جسر النخلة", "جسر الغزال"), "كم طول جسر النخلة؟"),
        ("أي المدينتين أكثر سكانا: أردن أم بريل؟", "which", ("أردن", "بريل"), "كم عدد سكان أردن؟"),
        ("أين كان الخيار أغلى: في أردن أم بريل؟", "which", ("أردن", "بريل"), "كم سعر الخيار في أردن؟"),
        ("أي السوقين أرخص في الخيار: أردن أم بريل؟", "which", ("أردن", "بريل"), "كم سعر الخيار في أردن؟"),
        (
            "أي صف تعود رحلته أبكر من غيره: السابع أم الثامن؟",
            "which",
            ("الصف السابع", "الصف الثامن"),
            "متى تعود رحلة الصف السابع؟",
        ),
        ("أي الفريقين سجل أهدافا أكثر، الأهلي أم الاتحاد؟", "which", ("الأهلي", "الاتحاد"), "كم أهدافا سجل الأهلي؟"),
        ("هل جسر الغزال أطول من جسر النخلة؟", "whether", ("جسر الغزال", "جسر النخلة"), "كم طول جسر الغزال؟"),
        ("هل بني الجسر قبل المسجد؟", "whether", ("الجسر", "المسجد"), "متى بني الجسر؟"),
        ("هل عدد سكان أردن أكبر من عدد سكان بريل؟", "whether", ("أردن", "بريل"), "كم عدد سكان أردن؟"),
        ("هل جمعت أردن كتبا أكثر من بريل؟", "whether", ("أردن", "بريل"), "كم كتبا جمعت أردن؟"),
        (
            "كم يزيد طول جسر الغزال على طول جسر النخلة؟",
            "difference",
            ("جسر الغزال", "جسر النخلة"),
            "كم طول جسر الغزال؟",
        ),
        (
            "بكم فيلما زادت الدورة السادسة على الخامسة؟",
            "difference",
            ("الدورة السادسة", "الدورة الخامسة"),
            "كم فيلما في الدورة السادسة؟",
        ),
        (
            "ما الفرق بين أرباح الشركة في سنتي 2020 و2022؟",
            "difference",
            ("2020", "2022"),
            "كم كان أرباح الشركة في سنة 2020؟",
        ),
        ("كم سنة بين افتتاح المتحف وافتتاح المكتبة؟", "difference", ("المتحف", "المكتبة"), "متى كان افتتاح المتحف؟"),
        (
            "كم كتابا جمعت مدرسة الأمل ومدرسة النور معا؟",
            "sum",
            ("مدرسة الأمل", "مدرسة النور"),
            "كم كتابا جمعت مدرسة الأمل؟",
        ),
        ("كم سعر الكعك والمعمول معا؟", "sum", ("الكعك", "المعمول"), "كم سعر الكعك؟"),
        ("كم طول جسر وادي النمل وجسر الغزال معا؟", "sum", ("جسر وادي النمل", "جسر الغزال"), "كم طول جسر وادي النمل؟"),
    ],
)
def test_a_question_names_its_things_and_what_is_asked_of_each(
    question: str, operation: Operation, things: tuple[str, ...], sub_question: str
) -> None:
    parsed = parse_comparison(question)
    assert parsed, question
    assert (parsed.operation, parsed.things) == (operation, things)
    assert parsed.sub_questions[0].about(things[0]) == sub_question


@pytest.mark.parametrize(
    ("question", "kind", "sub_question"),
    [
        ("Which bridge is the longest?", "bridge", "How long is X?"),
        ("Which town had the most voters?", "town", "How many voters did X have?"),
        ("What is the oldest mill in the valley?", "mill", "How old is X in the valley?"),
        ("Which town was the first to sign the charter?", "town", "When did X sign the charter?"),
        ("In which town were the most books collected?", "town", "How many books were collected in X?"),
        ("أي جسر هو الأطول؟", "جسر", "كم طول X؟"),
        ("ما أطول جسر في الوادي؟", "جسر", "كم طول X في الوادي؟"),
        ("أي المدن أكثر سكانا؟", "المدن", "كم عدد سكان X؟"),
    ],
)
def test_the_most_of_a_kind_names_no_things(question: str, kind: str, sub_question: str) -> None:
    parsed = parse_comparison(question)
    assert parsed, question
    assert (parsed.operation, parsed.things, parsed.kind) == ("which", (), kind)
    assert parsed.sub_questions[0].about("X") == sub_question


@pytest.mark.parametrize(
    ("question", "greatest"),
    [
        ("Which is longer, A Road or B Road?", True),
        ("Which is shorter, A Road or B Road?", False),
        ("Which opened last, A Road or B Road?", True),
        ("Which opened earlier, A Road or B Road?", False),
        ("Which town had fewer voters, Arden or Brill?", False),
        ("أيهما أقصر: جسر النخلة أم جسر الغزال؟", False),
        ("أيهما افتتح أولا: جسر النخلة أم جسر الغزال؟", False),
        ("أيهما أغلى: الكعك أم المعمول؟", True),
    ],
)
def test_the_direction_is_that_of_the_comparative(question: str, greatest: bool) -> None:
    parsed = parse_comparison(question)
    assert parsed
    assert parsed.sub_questions[0].greatest is greatest


@pytest.mark.parametrize(
    "question",
    [
        "Compare the Palm bridge and the Heron bridge.",
        "What is the difference between the Palm bridge and the Heron bridge?",
        "Who is the oldest mayor?",
        "Who was the first woman to climb it?",
        "When was the bridge opened?",
        "What is the most important reason?",
        "What was the highest level of the Ostrel at Tarn Cross?",
        "Which articles are the latest?",
        "Which year was the hottest?",
        "Is it longer than expected?",
        "Was the tower higher than planned?",
        "Did he leave before noon?",
        "Was he older than 30?",
        "Is the ferry more than 20 years old?",
        "Did more than 300 people vote?",
        "Is the bridge open or closed?",
        "Did the mayor resign or not?",
        "Which is better, tea or coffee?",
        "Why is bread cheaper than cake?",
        "What do Ann Lee and Bo Ray have together?",
        "How many people work together in the mill?",
        "Who won, Arden or Brill?",
        "Which party did he join first, the Greens or the Reds?",
        "What did the council do first: sell the mill or close the school?",
        "Is the street named after the grandson?",
        "How many times longer is Palm Road than Mill Road?",
        "Is the Palm bridge older or newer than the Heron bridge?",
        "Which is longer, the Palm bridge or the Palm bridge?",
        "ما الفرق بين جسر الغزال وجسر النخلة؟",
        "من هو أكبر شاعر في المدينة؟",
        "هل وصل الوزير قبل المساء؟",
        "ما أهم أسباب الحريق؟",
        "ما أعلى سعر؟",
        "أي مقال أحدث؟",
        "من فاز، أردن أم بريل؟",
        "متى افتتح الجسر؟",
        "هل هو أكبر من ثلاثين سنة؟",
        "هل يزيد طول الجسر على مئة متر؟",
        "هل أكثر من نصف السكان صوتوا؟",
        "كم عدد سكان أردن؟",
        "أيهما أفضل، الشاي أم القهوة؟",
        "هل الجسر مفتوح أم مغلق؟",
        "كم بلغ مجموع التبرعات؟",
        "",
    ],
)
def test_other_questions_compare_nothing(question: str) -> None:
    assert parse_comparison(question) is None


def test_a_brace_in_a_question_is_no_variable() -> None:
    parsed = parse_comparison("Which is longer, the {thing} bridge or the {0} bridge?")
    assert parsed
    assert parsed.sub_questions[0].about(parsed.things[1]) == "How long is the {0} bridge?"


def test_a_long_question_is_not_tried() -> None:
    assert (
        parse_comparison("Which is longer, the Palm bridge or the Heron bridge" + " of the valley" * 40 + "?") is None
    )


def test_names_keep_their_capitals_and_hamzas_in_sub_questions() -> None:
    parsed = parse_comparison("أيهما أقرب إلى أردن: بريل أم كورفو؟")
    assert parsed
    assert parsed.sub_questions[0].about("بريل") == "كم يبعد بريل إلى أردن؟"
    english = parse_comparison("Which river is the longest in Ossermere?")
    assert english
    assert english.sub_questions[0].about("it") == "How long is it in Ossermere?"
