"""An assistant with canned answers, slow enough to be stopped, for the tests of the page and its server."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from index.article_list import ArticleQuery, ArticleSummary
from index.articles import Article, Language, Skipped, Span
from index.errors import ArticleMissing, DiskFull, IndexMissing
from index.indexer import Progress
from index.planner import IndexingReport
from index.retrieval.filters import Filter
from index.text.language import detect_language
from index.topics.topic_map import MapPoint, Topic, TopicMap
from qa.answer import Answer, Citation, Event, Finished, FoundPassage, PassagesFound, PhraseFound, Timings, Token
from qa.query.followup import HistoryTurn
from ui.app import App
from ui.collections.repository import CollectionRepository
from ui.collections.soft_delete import PendingDeletions
from ui.config import load_config
from ui.conversations.repository import ConversationRepository
from ui.jobs.job_queue import JobQueue
from ui.protocols import AnswerStream, Overview
from ui.server.collection_registry import CollectionRegistry
from ui.server.serve import LoadedModels
from ui.services import Collection, Services

ARABIC_QUESTION = "متى عُقدت أول جولة من الحوار الاستراتيجي بين العراق والولايات المتحدة؟"
ENGLISH_QUESTION = "How many US troops remain in Iraq?"
DECLINED_QUESTION = "Who won the chess championship in Baghdad?"
SLOW_QUESTION = "Tell me slowly what happened"
TITLE_QUESTION = "Who discusses the future of US forces?"
ERROR_QUESTION = "Is there an index error here?"
LONG_QUESTION = "Tell me everything, in one breath"
HOSTILE_QUESTION = (
    "What of the <img src=x onerror=\"document.title='owned'\"> **bold** ![x](https://evil.example/q.png)?"
)

OVERVIEW = Overview(
    articles=24,
    first="2021-04-08",
    last="2024-02-01",
    languages=("ar", "en"),
    examples=(
        ARABIC_QUESTION,
        ENGLISH_QUESTION,
        "كم عدد المخطوطات التي رُممت في المكتبة؟",
        "When does the new tram line open?",
    ),
)

_ARABIC_TEXT = (
    "وكانت الولايات المتحدة خفّضت حضورها العسكري في العراق العام الماضي بمقدار النصف، أي ما يعادل 2500 جندي. "
    "وعُقدت الجولة الأولى من الحوار الاستراتيجي في حزيران/يونيو 2020 بين بغداد وواشنطن عبر الاتصال المرئي."
)
_ENGLISH_TEXT = (
    "The United States halved its forces in Iraq last year and about 2,500 soldiers remain, the Pentagon said. "
    "The first round of the strategic dialogue was held in June 2020 by video link."
)
_HOSTILE_TEXT = (
    "Words <script>document.title='owned'</script> and <img src=x onerror=\"document.title='owned'\"> then "
    "![pixel](https://evil.example/p.png) [link](javascript:alert(1)) ${document.title='owned'} {{value}} \u202eesrever"
)


ARTICLES = (
    Article(
        "ar-1", "مباحثات بين واشنطن وبغداد حول مستقبل القوات الأمريكية في العراق",
        f"{'مقدمة طويلة للخبر. ' * 200}\n\n{_ARABIC_TEXT}\n\nشارك هذا المقال", "ar", "2021-07-24", "https://www.dw.com/ar/1",
        ignored=(Span(0, 19),),
    ),
    Article(
        "en-1", "Washington and Baghdad discuss the future of US forces", _ENGLISH_TEXT, "en", "2021-04-08", "dw.com"
    ),
    Article("x<1>", "<b>Bold</b> title", _HOSTILE_TEXT, "en", "<u>", "<i>paper</i>", author="<script>"),
)  # fmt: skip


def id_of(text: str) -> str:
    """The id of the article that has this text."""
    return next((one.id for one in ARTICLES if text in one.text), "gone")


class CannedArticles:
    """The articles that the canned answers quote; the first two tell one story."""

    state = "canned"

    def article(self, article_id: str) -> Article:
        for one in ARTICLES:
            if one.id == article_id:
                return one
        raise ArticleMissing(article_id=article_id)

    def browse(self, wanted: ArticleQuery) -> list[ArticleSummary]:
        return [
            ArticleSummary(number, one.id, one.title, one.language, one.date, one.source, 2)
            for number, one in enumerate(ARTICLES)
            if wanted.words in one.text and wanted.language in (None, one.language)
        ]

    def publishers(self) -> list[tuple[str, int]]:
        return [("dw.com", 2), ("<i>paper</i>", 1)]

    def same_story(self, article_id: str) -> list[Article]:
        return [one for one in ARTICLES[:2] if one.id != article_id] if article_id in ("ar-1", "en-1") else []

    def count_articles(self) -> int:
        return len(ARTICLES)

    def count_passages(self) -> int:
        return 2 * len(ARTICLES)


def found(title: str, text: str, score: float = 0.8) -> FoundPassage:
    return FoundPassage(article_id=id_of(text), title=title, start=0, end=len(text), text=text, score=score)


PASSAGES = (
    found("مباحثات بين واشنطن وبغداد حول مستقبل القوات الأمريكية في العراق", _ARABIC_TEXT, 0.83),
    found("Washington and Baghdad discuss the future of US forces", _ENGLISH_TEXT, 0.81),
    found("خط الترام الجديد يفتتح في الربيع", "يبلغ طول الخط 14 كيلومتراً ويضم 19 محطة." * 3, 0.4),
    found("The manuscripts of the old library", "Conservators have restored 312 manuscripts so far. " * 4, 0.3),
    found("<b>Bold</b> title", _HOSTILE_TEXT, 0.2),
)


def cited(marker: int, language: Language, quote: str, title: str, **more: str | None) -> Citation:
    start = next((one.text.index(quote) for one in ARTICLES if quote in one.text), 0)
    return Citation(
        marker=marker,
        article_id=id_of(quote),
        title=title,
        source=more.get("source", "dw.com"),
        date=more.get("date", "2021-07-24"),
        language=language,
        start=start,
        end=start + len(quote),
        quote=quote,
    )


def cited_title(marker: int, article: Article) -> Citation:
    end = len(article.title)
    return Citation(
        marker,
        article.id,
        article.title,
        article.source,
        article.date,
        article.language,
        0,
        end,
        article.title,
        "title",
    )


def record(question: str, answer: str, **more: object) -> Answer:
    fields: dict[str, object] = {
        "id": "q-1",
        "question": question,
        "language": detect_language(question),
        "status": "answered",
        "answer": answer,
        "short_answer": None,
        "confidence": 0.9,
        "citations": (),
        "passages": PASSAGES,
        "timings_ms": Timings(search=50.0, total=900.0),
        "models": {"generator": "canned"},
    }
    return Answer(**{**fields, **more})  # type: ignore[arg-type]


def canned(question: str) -> Answer:
    """The record for one of the questions above."""
    arabic_quote = cited(1, "ar", _ARABIC_TEXT.split(". ")[1], PASSAGES[0].title, source="https://www.dw.com/ar/1")
    english_quote = cited(2, "en", _ENGLISH_TEXT.split(". ")[0] + ".", PASSAGES[1].title, date="2021-04-08")
    if question == DECLINED_QUESTION:
        return record(question, "The articles do not say. The closest passages are below.", status="declined")
    if question == TITLE_QUESTION:
        quote, phrase = cited_title(1, ARTICLES[1]), "Washington and Baghdad"
        return record(question, f"{phrase} discuss it [1].", citations=(quote,), short_answer=phrase)
    if question == LONG_QUESTION:
        long = f"{'Everything that was said, once more. ' * 130}{'w' * 300} {'ك' * 300} [1]."
        quote = cited(1, "ar", f"{'ك' * 300} {'كلمات كثيرة ' * 200}", "T" * 300, source="s" * 300)
        return record(question, long, citations=(replace(quote, article_id="en-1"),), short_answer="w" * 300)
    if question == HOSTILE_QUESTION:
        quote = cited(1, "en", _HOSTILE_TEXT, "<b>Bold</b> title", source="<i>paper</i>", date="<u>")
        return record(question, _HOSTILE_TEXT + " [1].", citations=(quote,), short_answer="<script>")
    if detect_language(question) == "ar":
        answer = "عُقدت الجولة الأولى من الحوار الاستراتيجي في حزيران/يونيو 2020 عبر الاتصال المرئي [1][2]."
        second = cited(2, "en", "The first round of the strategic dialogue was held in June 2020 by video link.",
                       PASSAGES[1].title, date="2021-04-08")  # fmt: skip
        return record(question, answer, citations=(arabic_quote, second), short_answer="حزيران/يونيو 2020")
    arabic = cited(1, "ar", _ARABIC_TEXT.split(". ")[0] + ".", PASSAGES[0].title)
    answer = "About 2,500 American soldiers remain in Iraq after the number was halved last year [1][2]."
    return record(question, answer, citations=(arabic, english_quote), short_answer="2,500")


@dataclass
class CannedAssistant:
    """Answers from `canned`; remembers whether its last stream was closed before the end, and how far it got."""

    pause: float = 0.0
    tokens: int = 0
    stopped_early: threading.Event = field(default_factory=threading.Event)

    def stream(
        self,
        question: str,
        question_id: str | None = None,
        history: Sequence[HistoryTurn] = (),
        only: Filter | None = None,
    ) -> Iterator[Event]:
        finished = False
        try:
            time.sleep(self.pause)
            if question == ERROR_QUESTION:
                raise IndexMissing(folder="/data/<index>")
            answer = canned(question)
            yield PassagesFound(answer.passages)
            if answer.short_answer:
                yield PhraseFound(answer.short_answer)
            for word in self._words(question, answer):
                time.sleep(self.pause)
                self.tokens += 1
                yield Token(word)
            finished = True
            yield Finished(answer)
        finally:
            if not finished:
                self.stopped_early.set()

    def _words(self, question: str, answer: Answer) -> list[str]:
        if question == SLOW_QUESTION:
            return [f"word{number} " for number in range(2000)]
        if question == LONG_QUESTION:
            return [answer.answer]
        return [word + " " for word in answer.answer.split(" ")]


def canned_map() -> TopicMap:
    """The three articles in two subjects; one has a name that is a stranger's."""
    listed = CannedArticles().browse(ArticleQuery())
    words: tuple[dict[Language, tuple[str, ...]], ...] = (
        {"ar": ("القوات", "بغداد"), "en": ("troops", "Baghdad")},
        {"ar": (), "en": ("<b>bold</b>", "<a href='https://evil.example'>x</a>")},
    )
    places = [MapPoint(one, at / 3 - 0.3, 0.2 * at, int(at == 2)) for at, one in enumerate(listed)]
    return TopicMap(tuple(places), (Topic(-0.2, 0.1, words[0]), Topic(0.4, 0.4, words[1])), 3)


class CannedIntake:
    """Indexes nothing, slowly: every file is an article of one passage, but `.bin` is skipped, and the first `full.txt`
    finds the disk full."""

    def __init__(self) -> None:
        self._full = [DiskFull(folder="/disk")]

    def is_away(self, collection: str) -> bool:
        return False

    def read(self, collection: str, files: list[Path], progress: Progress) -> IndexingReport:
        if self._full and any(path.name == "full.txt" for path in files):
            raise self._full.pop()
        for number, _ in enumerate(files, start=1):
            progress.looked(number, len(files))
        progress.start(len(files))
        for _ in files:
            time.sleep(0.05)
            progress.advance(1)
        skipped = [Skipped(str(path), "not_text") for path in files if path.suffix == ".bin"]
        return IndexingReport(added=[path.stem for path in files if path.suffix != ".bin"], skipped=skipped)

    def has_articles_of(self, collection: str, folder: Path) -> bool:
        return False


def site(folder: Path, assistant: AnswerStream | None = None, overview: Overview = OVERVIEW) -> Services:
    """A site of the canned parts, its conversations kept in `folder`."""

    def open_collection(collection: str, index: Path) -> Collection:
        articles = CannedArticles()
        asked = assistant or CannedAssistant()
        return Collection(
            collection,
            asked,
            lambda *_: [],
            articles,
            articles,
            PendingDeletions(lambda _: None),
            lambda: overview,
            canned_map,
        )

    folders = CollectionRepository(folder / "index", folder / "collections")
    models = LoadedModels(App(load_config(embedder="fake", llm="fake")))
    jobs = JobQueue(folder / "uploads", CannedIntake())
    return Services(
        CollectionRegistry(folders, open_collection),
        ConversationRepository(folder / "conversations.sqlite"),
        models,
        jobs,
    )
