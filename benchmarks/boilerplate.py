"""How much of what is not an article's own is ignored, and how much of what is; and which dates are found.

    python -m benchmarks.boilerplate NEWS_FOLDER

Measured in characters, white space left out: precision is the share of the ignored ones that are boilerplate, recall
the share of boilerplate that is ignored. Two sets:

- the five news articles of NEWS_FOLDER, in the order of their names, against line numbers labelled by hand. They lay
  open while the rules were written, so they show what the rules do and not what they would do elsewhere;
- pages of five invented sources that this script builds around paragraphs of samples/articles. Their furniture
  was written before it was run against the rules, and some of it only counting can tell. Traps are built in: a
  background sentence and a subheading that stand in most articles of a source, an author and a column that come back.

Saves figures (no texts) as benchmarks/results/boilerplate.json.
"""

from __future__ import annotations

import argparse
import base64
import json
import random
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from index.articles import Span
from index.boilerplate.repetition import LEAST_SHARE, MIN_ARTICLES, add_repeated, candidate_lines
from index.boilerplate.rules import find_boilerplate
from index.dates.publication_date import date_of_article
from index.formats import parsers
from index.formats.parsed import ParsedDocument
from index.text.language import detect_language
from index.text.lines import unmasked_lines

ROOT = Path(__file__).parent.parent
# Line numbers, from 1, of what is not the article's own, by the article's place in the folder.
NEWS_LABELS: dict[int, frozenset[int]] = {
    0: frozenset({20}),
    2: frozenset({1, 5, 7, 10, 50, 52, 53}),
    4: frozenset({61}),
}
PAGES_OF_A_SOURCE = 24
SHARES = (0.2, 1 / 3, 0.5, 0.8)
"""Other thresholds for a line to count as repeated, to see what they would do."""

Page = list[tuple[str, bool]]
"""Lines of a page, and whether they are the article's own."""


@dataclass
class Count:
    """Characters that are not white space."""

    ignored: int = 0
    boilerplate: int = 0
    both: int = 0

    def add(self, text: str, spans: Sequence[Span], own: Sequence[bool]) -> None:
        """Count one page; `own` has a value for each line of `text`."""
        ignored = {position for span in spans for position in range(span.start, span.end)}
        position = 0
        for line, is_own in zip(text.split("\n"), own, strict=True):
            for character in line:
                if not character.isspace():
                    self.ignored += position in ignored
                    self.boilerplate += not is_own
                    self.both += position in ignored and not is_own
                position += 1
            position += 1

    def figures(self) -> dict[str, float | int]:
        return {
            **asdict(self),
            "precision": round(self.both / self.ignored, 4) if self.ignored else 1.0,
            "recall": round(self.both / self.boilerplate, 4),
        }


@dataclass(frozen=True)
class Source:
    """An invented site: what stands on all its pages, before and after the article, and amid it."""

    language: str
    head: tuple[str, ...]
    amid: tuple[str, ...]
    foot: tuple[str, ...]
    related: str
    author: str
    column: str
    background: str
    subheading: str
    credit: str


SOURCES = (
    Source(
        language="ar",
        head=("صحيفة المرفأ الجديد", "الرئيسية » محليات » أخبار المدينة", "السبت 14 كانون الثاني 2023", "البث الحي"),
        amid=("إعلان",),
        foot=(
            "شارك الخبر", "فيسبوك", "تويتر", "واتساب", "وسوم: المدينة، الميناء",
            "اشترك في نشرتنا البريدية ليصلك كل جديد",
            "0 تعليق", "جميع الحقوق محفوظة © صحيفة المرفأ الجديد 2023", "تصميم وتطوير شركة أمواج",
        ),
        related="اقرأ أيضاً",
        author="هند العلوي",
        column="يوميات الميناء",
        background="وتعاني المدينة منذ سنوات من نقص في مياه الشرب.",
        subheading="خلفية",
        credit="المصدر: وكالات",
    ),
    Source(
        language="ar",
        head=("تخطى إلى المحتوى", "قناة الأفق الإخبارية", "عاجل", "آخر النشرات"),
        amid=("تابعوا قناة الأفق على تلغرام", "لمشاهدة المزيد من الفيديوهات اضغط هنا"),
        foot=(
            "شارك على فيسبوك", "شارك على تويتر", "انسخ الرابط", "حمّل تطبيقنا الآن",
            "يستخدم هذا الموقع ملفات تعريف الارتباط لتحسين تجربتك. بمتابعة التصفح فإنك توافق على سياسة الخصوصية.",
            "قبول", "قناة الأفق غير مسؤولة عن محتوى المواقع الخارجية",
        ),
        related="مواضيع ذات صلة",
        author="مازن الحلو",
        column="قراءة في الصحف",
        background="يذكر أن المشروع بدأ قبل ثلاثة أعوام بتمويل دولي.",
        subheading="تفاصيل أكثر",
        credit="(الأفق + وكالات)",
    ),
    Source(
        language="ar",
        head=("مجلة القصب", "ثقافة | مجتمع | بيئة | رأي", "مدة القراءة: 4 دقائق"),
        amid=("ربما يعجبك أيضاً",),
        foot=("للتعليق على المقال يرجى تسجيل الدخول", "أرسل إلى صديق", "طباعة", "مشاركة",
            "عدد المشاهدات: 318", "عن المجلة"),
        related="الأكثر قراءة",
        author="زينب العبادي",
        column="من دفاتر النهر",
        background="وكان أهل القرى قد عادوا إليها بعد سنوات من النزوح.",
        subheading="ما بعد العودة",
        credit="إعداد: هيئة التحرير",
    ),
    Source(
        language="en",
        head=("Skip to content", "The Lantern", "Home > World > Middle East", "Saturday, 14 January 2023 | 18°C",
              "My account"),
        amid=("Advertisement", "Story continues below"),
        foot=(
            "Share this story", "Facebook", "Twitter", "Email",
            "Get the morning briefing delivered to your inbox every day.",
            "Thank you for reading The Lantern. Our journalism is paid for by our readers.", "3 comments",
            "Report a typo", "© 2023 The Lantern Media Group. All rights reserved.",
            "Terms of use | Privacy policy | Cookies",
        ),
        related="More on this topic",
        author="Daniel Okoro",
        column="Letter from the river",
        background="The country has been short of electricity for years.",
        subheading="Background",
        credit="Source: agencies",
    ),
    Source(
        language="en",
        head=("Menu", "Search", "Delta Business Wire", "Markets | Energy | Transport", "5 min read"),
        amid=("READ MORE: How the harbour paid for its cranes",),
        foot=(
            "Follow us on LinkedIn", "Comments", "Be the first to comment",
            "We use cookies to give you the best experience.",
            "Accept", "Decline", "Delta Business Wire is not responsible for the content of external sites", "Up next",
        ),
        related="Related stories",
        author="Lina Ferris",
        column="The week in energy",
        background="Talks on the contract have been going on since spring.",
        subheading="What comes next",
        credit="Reporting by Lina Ferris, editing by Tom Adeyemi",
    ),
)  # fmt: skip


def samples() -> Iterator[tuple[str, ParsedDocument]]:
    """The sample articles by their files' names; of a file with several, the name is not about one of them."""
    for path in sorted((ROOT / "samples" / "articles").iterdir()):
        drafts = [draft for draft in parsers()[path.suffix](path.read_bytes()) if isinstance(draft, ParsedDocument)]
        for draft in drafts:
            yield path.name if len(drafts) == 1 else "", draft


def own_paragraphs(draft: ParsedDocument) -> tuple[str, list[str]]:
    """The headline and the paragraphs of an article."""
    lines = [line.text for line in unmasked_lines(draft.text, draft.ignored)]
    title = draft.title or lines[0]
    # The headline stands in the text of some formats too; it goes onto the page once.
    return title, [line for line in lines if line.lstrip("# ") != title]


def build(source: Source, number: int, articles: Sequence[tuple[str, list[str]]], chance: random.Random) -> Page:
    """Page `number` of a source, around one of `articles`."""
    title, paragraphs = articles[number % len(articles)]
    others = [other for other, _ in articles if other != title]
    middle = len(paragraphs) // 2
    own = [source.column if number % 4 == 0 else title]
    # Three articles of eight are by one author, five end in the same background, two are of one column.
    own += [source.author] if number % 8 in (1, 4, 6) else []
    body: Page = [(line, True) for line in paragraphs[:middle]]
    body += [(line, False) for line in source.amid]
    body += [(source.subheading, True)] + [(line, True) for line in paragraphs[middle:]]
    body += [(source.background, True)] if number % 8 < 5 else []
    tail = [source.credit] if number % 2 else []
    tracker = base64.b64encode(chance.randbytes(17)).decode()
    related = [source.related, *chance.sample(others, 3)]
    return [
        *((line, False) for line in source.head),
        *((line, True) for line in own),
        *body,
        *((line, True) for line in tail),
        *((line, False) for line in source.foot),
        *((line, False) for line in related),
        *([(f"{tracker} {source.head[1]}", False)] if number % 3 == 0 else []),
    ]


def built_pages() -> list[list[Page]]:
    """The pages of each source; the same at every run."""
    chance = random.Random(0)
    articles = [own_paragraphs(draft) for _, draft in samples()]
    pages = []
    for source in SOURCES:
        fitting = [article for article in articles if detect_language(" ".join(article[1])) == source.language]
        chance.shuffle(fitting)
        pages.append([build(source, number, fitting, chance) for number in range(PAGES_OF_A_SOURCE)])
    return pages


def text_of(page: Page) -> str:
    return "\n".join(line for line, _ in page)


def is_repeated_with(share: float) -> Callable[[int, int], bool]:
    return lambda with_line, of_source: with_line >= MIN_ARTICLES and with_line > share * of_source


def cut(pages: Sequence[str], is_repeated: Callable[[int, int], bool]) -> list[tuple[Span, ...]]:
    """What is ignored of a source's pages by rules and repetition."""
    known = [find_boilerplate(text) for text in pages]
    numbers = Counter(key for text, spans in zip(pages, known, strict=True) for key in candidate_lines(text, spans))
    repeated = {key for key, number in numbers.items() if is_repeated(number, len(pages))}
    return [add_repeated(text, spans, repeated) for text, spans in zip(pages, known, strict=True)]


def measure_built() -> dict[str, object]:
    """Rules alone, with repetition at several shares, and how many lines a page would store for counting."""
    rules, stored, pages = Count(), [], built_pages()
    repetition = {share: Count() for share in SHARES}
    for of_source in pages:
        own = [[is_own for _, is_own in page] for page in of_source]
        texts = [text_of(page) for page in of_source]
        for text, is_own in zip(texts, own, strict=True):
            rules.add(text, find_boilerplate(text), is_own)
            stored.append(len(candidate_lines(text, find_boilerplate(text))))
        for share, count in repetition.items():
            for text, spans, is_own in zip(texts, cut(texts, is_repeated_with(share)), own, strict=True):
                count.add(text, spans, is_own)
    return {
        "pages": sum(map(len, pages)),
        "rules": rules.figures(),
        "rules_and_repetition": repetition[LEAST_SHARE].figures(),
        "by_least_share": {str(round(share, 2)): count.figures() for share, count in repetition.items()},
        "lines_stored_for_a_page": {"mean": sum(stored) / len(stored), "most": max(stored)},
    }


def measure_news(folder: Path) -> dict[str, object]:
    """The five labelled articles, by rules alone: their sources are not known, so nothing can be counted."""
    count, dates = Count(), {}
    for number, path in enumerate(sorted(folder.glob("*.txt"))):
        text = path.read_text(encoding="utf-8")
        labels = NEWS_LABELS.get(number, frozenset())
        spans = find_boilerplate(text)
        count.add(text, spans, [line not in labels for line in range(1, text.count("\n") + 2)])
        dated = date_of_article(text, spans, None, path.name)
        dates[f"article {number}"] = asdict(dated) if dated else None
    return {"articles": len(dates), "rules": count.figures(), "dates": dates}


def measure_sample_dates() -> dict[str, object]:
    """Where the samples' dates are found: as they are, and by their text alone, held against what is given."""
    found: Counter[str] = Counter()
    alone: Counter[str] = Counter()
    ignored_own = 0
    for name, draft in samples():
        spans = (*draft.ignored, *find_boilerplate(draft.text))
        ignored_own += len(spans) - len(draft.ignored)
        dated = date_of_article(draft.text, spans, draft.date, name)
        found[dated.found_in if dated else "none"] += 1
        by_text = date_of_article(draft.text, spans, None, "")
        if not by_text:
            alone["none"] += 1
        else:
            alone[f"{by_text.found_in}, {'agrees' if by_text.day == draft.date else 'differs or alone'}"] += 1
    return {"found_in": dict(found), "without_what_is_given": dict(alone), "lines_ignored_by_rules": ignored_own}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("news", type=Path, help="the folder of the five news articles")
    arguments = parser.parse_args()
    figures = {"news": measure_news(arguments.news), "built": measure_built(), "sample_dates": measure_sample_dates()}
    written = json.dumps(figures, ensure_ascii=False, indent=2)
    (ROOT / "benchmarks" / "results" / "boilerplate.json").write_text(written + "\n", encoding="utf-8")
    print(written)


if __name__ == "__main__":
    main()
