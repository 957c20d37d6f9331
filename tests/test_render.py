"""The HTML of the chat: its content, text direction, and the escaping of untrusted text."""

from __future__ import annotations

from dataclasses import replace
from html.parser import HTMLParser

import pytest

from index.articles import Language
from qa.answer import Nearest
from tests.fake_site import (
    ARABIC_QUESTION,
    DECLINED_QUESTION,
    ENGLISH_QUESTION,
    HOSTILE_QUESTION,
    PASSAGES,
    TITLE_QUESTION,
    canned,
    cited,
    found,
    record,
)
from ui.dates_and_plurals import format_date
from ui.escaping import escape, strip_control_characters
from ui.web.chat.render import Turn, answer_html, passages_html, plain_answer, turn_html

SHOWN = {
    "section", "h2", "h3", "p", "div", "a", "bdi", "figure", "blockquote", "q", "mark", "figcaption", "span",
    "aside", "ol", "li", "details", "summary", "footer", "button",
}  # fmt: skip
ATTRIBUTES = {
    "class", "dir", "lang", "id", "href", "tabindex", "data-turn", "data-article", "data-start", "data-end",
    "data-field", "data-phrase", "data-copy", "data-done", "type", "aria-label", "aria-live", "aria-busy",
    "aria-hidden",
}  # fmt: skip


class Reader(HTMLParser):
    """Collects tags with attributes, the text, and the nearest `dir` around each piece of text."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.open: list[tuple[str, str | None]] = []
        self.pieces: list[tuple[str, str | None]] = []
        self.feed(html)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        if tag not in ("input", "meta", "link"):
            self.open.append((tag, dict(attrs).get("dir")))

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop()[0] == tag

    def handle_data(self, data: str) -> None:
        around = [direction for _, direction in self.open if direction]
        self.pieces.append((data, around[-1] if around else None))

    @property
    def text(self) -> str:
        return "".join(piece for piece, _ in self.pieces)

    def direction_of(self, words: str) -> str | None:
        return next(direction for piece, direction in self.pieces if words in piece)


def words_of(text: str) -> str:
    """A text as displayed: without control characters, runs of white space as one space."""
    return " ".join(strip_control_characters(text).split())


def finished_turn(question: str, language: Language = "en") -> Turn:
    return Turn(3, question, language, passages=PASSAGES, answer=canned(question))


HOSTILE = [
    # scripts
    "<script>alert(1)</script>",
    "<ScRiPt>alert(1)</sCrIpT>",
    "<script src=//evil.example/x.js></script>",
    "<script\n>alert(1)</script >",
    "<script>alert(1)",
    "<<script>script>alert(1)<</script>/script>",
    "</script><script>alert(1)</script>",
    "<noscript><p title='</noscript><script>alert(1)</script>'>",
    # event handlers
    '<img src=x onerror="alert(1)">',
    "<img src=x onerror=alert(1)//",
    "<img/src=x/onerror=alert(1)>",
    "' onmouseover='alert(1)",
    '" onfocus="alert(1)" autofocus="',
    "` onclick=`alert(1)",
    "<body onload=alert(1)>",
    "<details open ontoggle=alert(1)>",
    "<input autofocus onfocus=alert(1)>",
    "<video><source onerror=alert(1)></video>",
    "<marquee onstart=alert(1)>x</marquee>",
    '<a href="#" onclick="alert(1)">x</a>',
    # SVG, MathML and other namespaces
    '"><svg onload=alert(1)>',
    "<svg><script>alert(1)</script></svg>",
    '<svg><a xlink:href="javascript:alert(1)"><text>x</text></a></svg>',
    "<svg><animate onbegin=alert(1) attributeName=x>",
    "<svg><foreignObject><iframe src=javascript:alert(1)></foreignObject></svg>",
    '<math><mi xlink:href="javascript:alert(1)">x</mi></math>',
    "<svg><style>*{background:url(//evil.example)}</style>",
    # frames, forms, styles, whole-page changes
    "</section></div><iframe src=https://evil.example>",
    "<iframe srcdoc='<script>alert(1)</script>'></iframe>",
    "<object data=//evil.example></object>",
    "<embed src=//evil.example>",
    "<form action=//evil.example><button>go</button></form>",
    "<button formaction=javascript:alert(1)>x</button>",
    "<base href=//evil.example/>",
    '<meta http-equiv="refresh" content="0;url=//evil.example">',
    "<link rel=stylesheet href=//evil.example/x.css>",
    "<style>body{display:none}</style>",
    '<div style="background:url(//evil.example/x)">x</div>',
    '<p style="position:fixed;inset:0">covers all</p>',
    "<template><script>alert(1)</script></template>",
    "<textarea></textarea><script>alert(1)</script>",
    "<title></title><script>alert(1)</script>",
    # comments, entities, broken markup
    "<!-- ",
    "--><script>alert(1)</script>",
    "<![CDATA[ x",
    "<!doctype html>",
    "<?xml version='1.0'?>",
    "&lt;script&gt;",
    "&#x3c;script&#x3e;alert(1)",
    "&#106;avascript:alert(1)",
    "<b",
    "<b x='",
    "\"'><",
    # Markdown with external links or images
    "![pixel](https://evil.example/p.png)",
    "[click](javascript:alert(1))",
    "[click](//evil.example 'title')",
    "[ref]: https://evil.example",
    "<https://evil.example>",
    "![x][ref] | a | b |",
    "```html\n<script>alert(1)</script>\n```",
    # templates
    "${alert(1)} {{value}} `",
    "{{constructor.constructor('alert(1)')()}}",
    "{% raw %}{{ 7*7 }}{% endraw %}",
    "{0.__class__} %s %(x)s",
    # bytes that should not be there
    "a\x00b\x1b[31m",
    "tab\tand\x7fdelete\x9bcontrol",
    # direction: overrides, isolates that are not closed, marks
    "\u202emoc.elpmave\u202c",
    "\u2066never closed",
    "\u2069\u2069closed twice",
    "\u202bمن اليمين\u202c to the left",
    # addresses
    "javascript:alert(1)",
    "data:text/html,<script>alert(1)</script>",
    "//evil.example",
    "../../../etc/passwd",
    "http://[::1]:99999/<b>",
]
"""Untrusted input in texts, titles, file names, addresses and fields of files."""


@pytest.mark.parametrize("payload", HOSTILE)
def test_record_fields_are_escaped(payload: str) -> None:
    quote = cited(1, "en", f"quoted {payload}", f"title {payload}", source=payload, date=payload)
    passages = (found(f"title {payload}", f"text {payload}"),)
    answer = record(payload, f"says {payload} [1].", citations=(quote,), passages=passages, short_answer=payload)
    declined = record(payload, payload, status="declined", passages=passages)
    turns = [
        Turn(1, payload, "en", passages=passages, answer=answer),
        Turn(1, payload, "ar", passages=passages, answer=declined),
        Turn(1, payload, "en", passages=passages, written=payload),
        Turn(1, payload, "en", problem=payload),
    ]
    for turn in turns:
        reader = Reader(turn_html(turn))
        assert not reader.open
        assert {tag for tag, _ in reader.tags} <= SHOWN
        assert {name for _, attributes in reader.tags for name in attributes} <= ATTRIBUTES
        assert all((a["href"] or "").startswith("#") for tag, a in reader.tags if tag == "a")
        assert words_of(payload) in words_of(reader.text)


@pytest.mark.parametrize(("language", "label"), [("en", "from the title"), ("ar", "من العنوان")])
def test_title_quotation_links_to_title_and_says_so(language: Language, label: str) -> None:
    turn = finished_turn(TITLE_QUESTION, language)
    links = [attributes for tag, attributes in Reader(answer_html(turn)).tags if tag == "a"]
    assert {link["data-field"] for link in links} == {"title"}
    assert label in Reader(answer_html(turn)).text
    assert "from the title" in plain_answer(canned(TITLE_QUESTION))
    assert "from the title" not in plain_answer(canned(ENGLISH_QUESTION))
    in_texts = Reader(turn_html(finished_turn(ENGLISH_QUESTION))).tags
    assert {attributes["data-field"] for _, attributes in in_texts if "data-field" in attributes} == {"text"}


@pytest.mark.parametrize("code", [0x202A, 0x202B, 0x202C, 0x202D, 0x202E, 0x2066, 0x2067, 0x2068, 0x2069])
def test_bidi_controls_are_removed(code: int) -> None:
    quote = cited(1, "en", f"quo{chr(code)}ted", f"ti{chr(code)}tle", source=f"s{chr(code)}")
    answer = record("why", f"be{chr(code)}cause [1].", citations=(quote,), passages=(found(chr(code), chr(code)),))
    html = turn_html(Turn(1, f"w{chr(code)}hy", "en", answer=answer))
    assert chr(code) not in html
    assert "quoted" in html and "because" in html


def test_escape_keeps_directional_marks() -> None:
    assert escape("‎.txt و\u200f") == "‎.txt و\u200f"


def test_english_quotation_in_arabic_answer_is_ltr() -> None:
    reader = Reader(answer_html(finished_turn(ARABIC_QUESTION, "ar")))
    assert reader.direction_of("عُقدت الجولة الأولى من الحوار") == "rtl"
    assert reader.direction_of("The first round") == "ltr"
    assert reader.direction_of("Washington and Baghdad") == "ltr"
    assert reader.direction_of("[2]") == "ltr"


def test_arabic_quotation_in_english_answer_is_rtl() -> None:
    reader = Reader(answer_html(finished_turn(ENGLISH_QUESTION)))
    assert reader.direction_of("About 2,500") == "ltr"
    assert reader.direction_of("وكانت الولايات") == "rtl"


def test_sentence_in_other_language_is_bidi_isolated() -> None:
    turn = Turn(
        1, "كم كلّف المشروع؟", "ar", written="The project was finished below its budget [1].\nكلّف كثيراً [2].\n2019 [3]."
    )
    html = answer_html(turn)
    assert '<p><bdi lang="en" dir="ltr">The project was finished below its budget <bdi' in html
    assert "<p>كلّف كثيراً <bdi" in html and "<p>2019 <bdi" in html
    assert '<p><bdi lang="ar" dir="rtl">كلّف' in answer_html(replace(turn, language="en"))


def test_each_marker_links_to_its_quotation() -> None:
    reader = Reader(answer_html(finished_turn(ENGLISH_QUESTION)))
    links = [attributes["href"] for tag, attributes in reader.tags if attributes.get("class") == "marker open"]
    anchors = [f"#{attributes['id']}" for tag, attributes in reader.tags if tag == "figure"]
    assert links == anchors == ["#turn-3-quotation-1", "#turn-3-quotation-2"]


def test_bracketed_number_without_citation_is_not_linked() -> None:
    quote = cited(1, "en", "Words.", "T")
    reader = Reader(answer_html(Turn(1, "why", "en", answer=record("why", "As of [7], so [1].", citations=(quote,)))))
    assert [a["href"] for _, a in reader.tags if a.get("class") == "marker open"] == ["#turn-1-quotation-1"]
    assert "As of [7], so [1]" in reader.text


def test_phrase_is_highlighted_once_in_its_quotation() -> None:
    html = answer_html(finished_turn(ENGLISH_QUESTION))
    assert html.count("<mark>2,500</mark>") == 1
    assert '<p class="phrase"><bdi>2,500</bdi></p>' in html


def test_declined_answer_shows_closest_passages() -> None:
    declined, answered = answer_html(finished_turn(DECLINED_QUESTION)), answer_html(finished_turn(ENGLISH_QUESTION))
    assert '<div class="said"' in declined and '<div class="said"' in answered
    reader = Reader(declined)
    assert reader.text.index("The articles do not say.") < reader.text.index(PASSAGES[0].text)
    assert PASSAGES[2].text in reader.text and PASSAGES[3].text not in reader.text
    assert "quotation" not in declined


@pytest.mark.parametrize(("language", "label"), [("en", "What they do say"), ("ar", "أقرب ما تذكره")])
def test_declined_answer_shows_nearest_sentence(language: Language, label: str) -> None:
    near = Nearest("a", "<i>عنوان</i>", 0, 30, "كان <b>السفير</b> في بغداد.")
    declined = replace(canned(DECLINED_QUESTION), nearest=near)
    reader = Reader(answer_html(Turn(1, DECLINED_QUESTION, language, answer=declined)))
    assert reader.text.index(label) < reader.text.index(near.text) < reader.text.index(PASSAGES[0].text)
    assert reader.direction_of(near.text) == "rtl"
    assert label not in answer_html(Turn(1, DECLINED_QUESTION, language, answer=canned(DECLINED_QUESTION)))


def test_passages_keep_their_own_direction() -> None:
    reader = Reader(passages_html(Turn(1, "why", "en", passages=PASSAGES)))
    assert sum(tag == "details" for tag, _ in reader.tags) == len(PASSAGES)
    assert reader.direction_of("مباحثات") == "rtl"
    assert reader.direction_of("Washington") == "ltr"
    assert all(passage.title in reader.text for passage in PASSAGES)


def test_no_passages_render_nothing() -> None:
    assert passages_html(Turn(1, "why", "en")) == ""
    assert passages_html(Turn(1, "why", "en", passages=())) == ""


def test_path_in_arabic_sentence_is_bidi_isolated() -> None:
    turn = Turn(1, "متى؟", "ar", problem="القرص الذي فيه /tmp/index/<b> ممتلئ")
    assert '<bdi dir="ltr">/tmp/index/&lt;b&gt;</bdi> ممتلئ' in answer_html(turn)


def test_progress_is_shown_in_language_of_question() -> None:
    searching, reading = Turn(1, "متى؟", "ar"), Turn(1, "متى؟", "ar", passages=PASSAGES)
    assert "يبحث في المقالات" in answer_html(searching) and 'aria-busy="true"' in answer_html(searching)
    assert "يقرأ 5 مقاطع" in answer_html(reading)
    writing = answer_html(Turn(1, "كم؟", "ar", passages=PASSAGES, phrase="2500"))
    assert "2500" in writing and "يكتب" in writing
    stopped = answer_html(Turn(1, "When?", "en", written="So far", stopped=True))
    assert "So far" in stopped and "Stopped here." in stopped and "aria-busy" not in stopped


@pytest.mark.parametrize(
    ("written", "language", "spoken"),
    [
        ("2021-07-24", "en", "24 July 2021"),
        ("2021-07-24", "ar", "24 تموز/يوليو 2021"),
        ("2021-04-08T10:00:00Z", "en", "8 April 2021"),
        ("2020-12", "ar", "كانون الأول/ديسمبر 2020"),
        ("2020", "en", "2020"),
        ("2021-02-30", "en", "2021-02-30"),
        ("2021-13", "en", "2021-13"),
        ("0000-01-01", "en", "0000-01-01"),
        ("spring", "en", "spring"),
    ],
)
def test_format_date_returns_localized_date(written: str, language: Language, spoken: str) -> None:
    assert format_date(written, language) == spoken


@pytest.mark.parametrize(
    ("source", "shown"),
    [("https://www.dw.com/ar/a-1", "dw.com"), ("Reuters", "Reuters"), ("http://[bad", "http://[bad")],
)
def test_source_is_shown_as_name_without_link(source: str, shown: str) -> None:
    quote = cited(1, "en", "Words.", "T", source=source)
    html = answer_html(Turn(1, "why", "en", answer=record("why", "So [1].", citations=(quote,))))
    assert f"<bdi>{shown}</bdi>" in html
    assert 'href="http' not in html


def test_hostile_record_of_browser_tests_is_escaped() -> None:
    reader = Reader(turn_html(finished_turn(HOSTILE_QUESTION)))
    assert {tag for tag, _ in reader.tags} <= SHOWN


@pytest.mark.parametrize(
    ("confidence", "more", "said"),
    [
        (0.95, {}, "Sure: one article says so"),
        (0.8, {}, "Sure: one article says so"),
        (0.79, {}, "Likely: one article says so"),
        (0.3, {}, "Look yourself: one article says so"),
        (0.95, {"other": "12"}, "Look yourself: the articles can be read in two ways"),
        (0.95, {"short_answer": None}, "The articles' own sentences"),
    ],
)
def test_confidence_is_shown_in_words(confidence: float, more: dict[str, object], said: str) -> None:
    quote = cited(1, "en", "Words.", "T")
    fields = {"short_answer": "Words", "confidence": confidence, "citations": (quote,), **more}
    html = answer_html(Turn(1, "why", "en", answer=record("why", "So [1].", **fields)))
    assert f"<summary>{escape(said)}</summary>" in html


def test_declined_answer_shows_no_confidence() -> None:
    assert 'class="confidence"' not in answer_html(finished_turn(DECLINED_QUESTION))


def test_confidence_of_arabic_answer_is_in_arabic() -> None:
    assert "موثوق: يذكر ذلك مقالان" in answer_html(finished_turn(ARABIC_QUESTION, "ar"))


def test_queue_position_is_shown_while_waiting() -> None:
    assert "before yours" not in answer_html(Turn(1, "why", "en", before=0))
    assert "Two questions are before yours." in answer_html(Turn(1, "why", "en", before=2))
    assert "قبل سؤالك 3 أسئلة." in answer_html(Turn(1, "لماذا", "ar", before=3, phrase="x"))
    assert "before yours" not in answer_html(Turn(1, "why", "en", before=2, written="So"))
