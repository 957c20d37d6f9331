"""Extraction from web pages in both languages: no text of the article is lost, and boilerplate is removed."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass

import pytest

from index.formats import parsers
from index.formats.parsed import ParsedDocument


@dataclass(frozen=True)
class Words:
    """The texts that a page is built from, in one language."""

    language: str
    title: str
    site: str
    author: str
    own: tuple[str, ...]
    share: str
    also: str
    cookies: str
    rights: str
    newsletter: str
    most_read: str
    comment: str
    about: str
    menu: tuple[str, ...]
    heading: str
    updated: str

    @property
    def others(self) -> tuple[str, ...]:
        return (
            self.share,
            self.also,
            self.cookies,
            self.rights,
            self.newsletter,
            self.most_read,
            self.comment,
            self.about,
        )


AR = Words(
    "ar",
    "محطة السد تعود إلى العمل",
    "الضفاف الإخباري",
    "سلمى الحسيني",
    (
        "أعلن المهندس سامر الخوري، مدير محطة السد الكبير، أن المحطة عادت إلى العمل بعد إصلاح استمر عامين.",
        "وقال في منشور على منصة تويتر إن الكلفة بلغت 3,750 مليون دينار، أي أقل مما كان متوقعاً.",
        "وأضاف الخوري لصحيفة الضفاف أن الأهالي لن ينتظروا الكهرباء بعد اليوم.",
        "ولاحظ السكان أن الإنارة استقرت في الأحياء الشرقية خلال الأسبوع الأول.",
        "وأوضح الخبير جون كيربي أن التوربينات الجديدة تعمل بثلاث سرعات وتحتاج إلى صيانة كل 18 شهراً.",
        "وكانت المحطة قد توقفت إثر فيضان غمر صالة المولدات وأدى إلى تلف اللوحات الرئيسية.",
    ),
    "شارك الخبر مع أصدقائك على فيسبوك وتويتر وواتساب",
    "اقرأ أيضاً: خمس نصائح لشراء هاتف جديد هذا العام",
    "نستخدم ملفات تعريف الارتباط لتحسين تجربتك على موقعنا",
    "جميع الحقوق محفوظة لموقع الضفاف الإخباري 2024",
    "اشترك في نشرتنا البريدية ليصلك كل جديد",
    "الأكثر قراءة: نتائج مباريات الدوري لهذا الأسبوع",
    "تعليق من أبي علي: الله يوفق الجميع إن شاء الله",
    "من نحن | اتصل بنا | سياسة الخصوصية",
    ("الرئيسية", "سياسة", "اقتصاد", "رياضة"),
    "ما الذي تغير في المحطة",
    "آخر تحديث",
)
EN = Words(
    "en",
    "Ferry line opens between the islands",
    "Ferry Gazette",
    "Anna Bright",
    (
        "The first ferry of the northern line left Harwick on Monday with 214 passengers aboard.",
        "The crossing took fifty-two minutes, eight fewer than the operator had promised in 2018.",
        "Margaret Ellison, who runs the post office, said that nobody had believed in the boat any more.",
        "Residents had protested repeatedly against the postponements of the last three years.",
        "The vessel, built in Gdansk for 41.3 million euros, runs on batteries alone.",
        "Engineers will recharge it overnight from a substation behind the fish market.",
    ),
    "Share this story with your friends on Facebook and Twitter",
    "Read also: five tips for buying a new telephone this year",
    "We use cookies to improve your experience on our website",
    "All rights reserved by the Ferry Gazette 2024",
    "Subscribe to our newsletter and get all the news first",
    "Most read: results of the football league this week",
    "Comment by tomcat99: great news for all the islands, well done",
    "About us | Contact | Privacy policy",
    ("Home", "Politics", "Business", "Sport"),
    "What has changed on board",
    "Last updated",
)


def page(w: Words, body: str, head: str = "", after: str = "") -> str:
    """A whole page around `body`: cookie banner, menu, side column, footer."""
    menu = "".join(f'<li><a href="/">{item}</a></li>' for item in w.menu)
    return f"""<!DOCTYPE html><html lang="{w.language}"><head><meta charset="utf-8"><title>{w.title} | {w.site}</title>
    {head}</head><body><div class="cookie-banner" id="cookie-consent"><p>{w.cookies}</p><button>OK</button></div>
    <header><nav><ul>{menu}</ul></nav></header>{body}
    <section id="comments" class="comments"><div class="comment"><p>{w.comment}</p></div></section>
    <aside class="sidebar"><ul><li><a href="/x">{w.most_read}</a></li></ul></aside>{after}
    <footer><p>{w.rights}</p><p>{w.about}</p></footer></body></html>"""


def each(tag: str, sentences: tuple[str, ...]) -> str:
    return "".join(f"<{tag}>{sentence}</{tag}>" for sentence in sentences)


def share(w: Words) -> str:
    return f'<div class="share-buttons"><a href="#">{w.share}</a></div>'


def also(w: Words) -> str:
    return f'<div class="related"><p><a href="/r">{w.also}</a></p></div>'


def newsletter(w: Words) -> str:
    return f'<div class="newsletter"><p>{w.newsletter}</p></div>'


def h1(w: Words) -> str:
    return f"<h1>{w.title}</h1>"


BODIES: dict[str, Callable[[Words], str]] = {
    "article with share buttons, related and newsletter": lambda w: (
        f"<article>{h1(w)}{share(w)}{each('p', w.own[:3])}{also(w)}{each('p', w.own[3:])}{newsletter(w)}</article>"
    ),
    "no article element": lambda w: (
        f'<div class="content"><div class="post">{h1(w)}<div>{each("div", w.own)}</div>{share(w)}</div></div>'
    ),
    "line breaks between paragraphs": lambda w: (
        f'<div id="story">{h1(w)}<div class="body">{"<br><br>".join(w.own)}</div>{share(w)}{also(w)}</div>'
    ),
    "line breaks in one paragraph": lambda w: f"<article>{h1(w)}<p>{'<br>'.join(w.own)}</p>{share(w)}</article>",
    "table, list, quote, heading": lambda w: (
        f"<article>{h1(w)}{each('p', w.own[:2])}<h2>{w.heading}</h2><ul>{each('li', w.own[2:4])}</ul>"
        f"<blockquote><p>{w.own[4]}</p></blockquote><table><tr><td>{w.own[5]}</td><td>7</td></tr></table></article>"
    ),
    "nested boilerplate": lambda w: (
        f'<main><div class="row"><article>{h1(w)}{each("p", w.own[:2])}<div><div class="promo widget">{newsletter(w)}'
        f'{also(w)}</div></div>{each("p", w.own[2:])}<div class="tags"><a href="/t">x</a></div>{share(w)}</article>'
        "</div></main>"
    ),
    "a link to another article as a paragraph": lambda w: (
        f'<div class="entry-content">{h1(w)}{each("p", w.own[:4])}<p><strong><a href="/r">{w.also}</a></strong></p>'
        f"{each('p', w.own[4:])}</div>"
    ),
    "spans": lambda w: (
        f'<div class="story-body">{h1(w)}{"".join(f"<div><span>{s}</span></div>" for s in w.own)}</div>{share(w)}'
    ),
    "sections with headings": lambda w: (
        f"<div>{h1(w)}{''.join(f'<section><h2>{n}</h2><p>{s}</p></section>' for n, s in enumerate(w.own))}</div>"
    ),
    "live blog": lambda w: (
        f"<main>{h1(w)}{''.join(f'<article><time>{n}:00</time><p>{s}</p></article>' for n, s in enumerate(w.own))}"
        "</main>"
    ),
}


def read(data: str | bytes) -> ParsedDocument:
    (found,) = parsers()[".html"](data.encode() if isinstance(data, str) else data)
    assert isinstance(found, ParsedDocument)
    return found


@pytest.mark.parametrize("words", [AR, EN], ids=["ar", "en"])
@pytest.mark.parametrize("name", BODIES)
def test_article_text_is_extracted_without_boilerplate(name: str, words: Words) -> None:
    text = " ".join(read(page(words, BODIES[name](words))).text.split())
    assert [sentence for sentence in words.own if text.count(sentence) != 1] == []
    assert [other for other in words.others if other in text] == []


def test_declared_windows_1256_encoding_is_decoded() -> None:
    html = page(AR, BODIES["spans"](AR)).replace('charset="utf-8"', 'charset="windows-1256"')
    assert all(sentence in read(html.encode("cp1256")).text for sentence in AR.own)


@pytest.mark.parametrize("words", [AR, EN], ids=["ar", "en"])
def test_metadata_is_read_from_json_ld(words: Words) -> None:
    data = {
        "@context": "https://schema.org",
        "@graph": [
            {"@type": "WebSite", "name": words.site},
            {
                "@type": "NewsArticle",
                "headline": words.title,
                "dateModified": "2024-02-02T10:00:00Z",
                "datePublished": "2021-04-14T09:00:00+03:00",
                "author": {"@type": "Person", "name": words.author},
                "publisher": {"@type": "Organization", "name": words.site},
            },
        ],
    }
    script = f'<script type="application/ld+json">{json.dumps(data, ensure_ascii=False)}</script>'
    found = read(page(words, BODIES["spans"](words), script))
    assert (found.title, found.date, found.author, found.source) == (
        words.title,
        "2021-04-14",
        words.author,
        words.site,
    )


@pytest.mark.parametrize("words", [AR, EN], ids=["ar", "en"])
def test_metadata_is_read_from_open_graph(words: Words) -> None:
    head = f"""<meta property="og:title" content="{words.title}"><meta property="og:site_name" content="{words.site}">
    <meta property="article:modified_time" content="2024-02-02"><meta name="author" content="{words.author}">
    <meta property="article:published_time" content="2021-05-03T10:00:00Z">"""
    found = read(page(words, BODIES["spans"](words), head))
    assert (found.title, found.date, found.author, found.source) == (
        words.title,
        "2021-05-03",
        words.author,
        words.site,
    )


@pytest.mark.parametrize(
    ("head", "body", "date"),
    [
        ("", '<time datetime="2021-04-14T08:00">14 April</time>', "2021-04-14"),
        ("", '<span itemprop="datePublished" content="2021-04-14">14 April</span>', "2021-04-14"),
        ("", '<p class="updated">Last updated <time datetime="2024-02-02">today</time></p>', None),
        ("", '<p>آخر تحديث <time datetime="2024-02-02">اليوم</time></p>', None),
        ("", '<div class="related"><time datetime="2024-02-02">today</time></div>', None),
        ('<meta property="article:modified_time" content="2024-02-02">', "", None),
        ('<script type="application/ld+json">{broken</script>', "", None),
        ('<script type="application/ld+json">[[[{"dateModified": "2024-02-02"}]]]</script>', "", None),
        ('<meta name="DC.date.issued" content="2021-04-14">', "", "2021-04-14"),
    ],
)
def test_only_publication_date_is_used(head: str, body: str, date: str | None) -> None:
    html = page(EN, f"<article>{h1(EN)}{body}{each('p', EN.own)}</article>", head)
    assert read(html.replace("</footer>", '<time datetime="2024-03-03">2024</time></footer>')).date == date
