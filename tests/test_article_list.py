"""The article list of a collection: search, filters, sorting, removal and restoring; and its page."""

from __future__ import annotations

import datetime
import json
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from fastapi.testclient import TestClient

from index.article_list import ArticleBrowser, ArticleQuery, ArticleSummary, publisher_of
from index.dedup import clustering
from index.errors import ArticleMissing, DiskFull, IndexLocked, JawabError, PermissionDenied
from index.indexer import remove_articles
from index.retriever import Retriever
from qa.query.question import is_factoid
from tests.fake_site import site
from tests.test_render import HOSTILE, Reader
from ui.collections.repository import CollectionInfo
from ui.collections.soft_delete import PendingDeletions
from ui.server.app import create_app
from ui.web.collection.list_page import ROWS_PER_PAGE, collection_html
from ui.web.collection.overview import overview

ROWS_OF_SET = (
    {"id": "a", "title": "The tram opens", "text": "The tram opened in May.", "date": "2021-05-01",
     "source": "https://www.n.example/1"},
    {"id": "b", "title": "Dates harvested", "text": "Palms were full of dates.", "date": "2020-09-30",
     "source": "https://n.example/2"},
    {"id": "c", "title": "افتتاح الترام", "text": "افتُتح الترام في المدينة القديمة.", "date": "2021-05-02",
     "source": "صحيفة"},
    {"id": "d", "title": "Undated", "text": "Nobody knows when trams came."},
)  # fmt: skip


@pytest.fixture
def browser(
    write: Callable[[str, str], Path], indexed: Callable[[], object], retriever: Callable[[], Retriever]
) -> Iterator[ArticleBrowser]:
    write("a.jsonl", "\n".join(json.dumps(row, ensure_ascii=False) for row in ROWS_OF_SET))
    indexed()
    yield ArticleBrowser(retriever().catalog)


def ids(found: list[ArticleSummary]) -> str:
    return "".join(one.id for one in found)


def test_articles_and_story_counts_appear_together(
    write: Callable[[str, str], Path],
    indexed: Callable[[], object],
    browser: ArticleBrowser,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    joined = clustering.assign_stories

    def join(*given: Any) -> None:
        # The list is read before stories are assigned to the new articles.
        assert len(browser.articles()) == 4
        joined(*given)

    monkeypatch.setattr("index.indexer.clustering.assign_stories", join)
    report = "The ferry to the island leaves the old port at noon, and returns before dark with forty passengers. "
    for name, more in (("one", "It was said on Monday."), ("two", "It was told on Tuesday.")):
        write(f"{name}.txt", f"{report * 3}{more}")
    indexed()
    assert [one.told for one in browser.articles() if one.id in ("one", "two")] == [2, 2]


@pytest.mark.parametrize(
    ("wanted", "found"),
    [
        (ArticleQuery(), "cabd"),
        (ArticleQuery(order="oldest"), "bacd"),
        (ArticleQuery(order="title"), "badc"),
        (ArticleQuery(words="tram"), "ad"),
        (ArticleQuery(words="TRAMS opening"), "a"),
        (ArticleQuery(words="الترامُ"), "c"),
        (ArticleQuery(words='no "such" words'), ""),
        (ArticleQuery(language="ar"), "c"),
        (ArticleQuery(publisher="n.example"), "ab"),
        (ArticleQuery(publisher="صحيفة"), "c"),
        (ArticleQuery(since="2021"), "ca"),
        (ArticleQuery(since="2020-09-30", until="2021-05-01"), "ab"),
        (ArticleQuery(until="2020"), "b"),
        (ArticleQuery(until="2021-05"), "cab"),
        (ArticleQuery(words="tram", since="2021"), "a"),
    ],
)
def test_browse_filters_and_sorts_articles(browser: ArticleBrowser, wanted: ArticleQuery, found: str) -> None:
    assert ids(browser.browse(wanted)) == found


def test_publishers_are_counted(browser: ArticleBrowser) -> None:
    assert browser.publishers() == [("n.example", 2), ("صحيفة", 1)]


@pytest.mark.parametrize(
    ("source", "publisher"),
    [("https://www.dw.com/ar/1", "dw.com"), ("dw.com", "dw.com"), (None, None), ("", None), ("http://[", "http://[")],
)
def test_publisher_is_host_of_source_url(source: str | None, publisher: str | None) -> None:
    assert publisher_of(source) == publisher


def test_removed_article_disappears_from_list(browser: ArticleBrowser, tmp_path: Path) -> None:
    assert "a" in ids(browser.browse(ArticleQuery()))
    remove_articles(tmp_path / "index", ["a"])
    assert "a" not in ids(browser.browse(ArticleQuery()))


def test_overview_returns_counts_dates_and_example_questions(browser: ArticleBrowser) -> None:
    told = overview(browser)
    assert (told.articles, told.first, told.last, told.languages) == (4, "2020-09-30", "2021-05-02", ("ar", "en"))
    assert told.examples == ("لخّص «افتتاح الترام»", "Summarise “The tram opens”", "Summarise “Dates harvested”")
    assert not any(map(is_factoid, told.examples))


class FailingRemoval:
    """A removal that fails with these errors, one a call, and then succeeds."""

    def __init__(self, *errors: JawabError | OSError) -> None:
        self.tried: list[str] = []
        self.succeeded = threading.Event()
        self._errors = iter(errors)

    def __call__(self, article_ids: list[str]) -> None:
        self.tried += article_ids
        for error in self._errors:
            raise error
        self.succeeded.set()


def wait_until(done: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 5
    while not done():
        assert time.monotonic() < deadline
        time.sleep(0.005)


class TestPendingDeletions:
    def test_deletion_can_be_undone_until_deadline(self) -> None:
        taken: list[list[str]] = []
        pending_deletions = PendingDeletions(taken.append, wait=0.15)
        pending_deletions.take_out("a")
        pending_deletions.take_out("b")
        assert pending_deletions.waiting == {"a", "b"}
        assert pending_deletions.bring_back("a") and not pending_deletions.bring_back("a")
        time.sleep(0.4)
        assert taken == [["b"]] and pending_deletions.waiting == frozenset()
        assert not pending_deletions.bring_back("b")

    def test_close_deletes_without_waiting(self) -> None:
        taken: list[list[str]] = []
        pending_deletions = PendingDeletions(taken.append, wait=60)
        pending_deletions.take_out("a")
        pending_deletions.close()
        assert taken == [["a"]]

    def test_retries_while_index_is_locked(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr("ui.collections.soft_delete._RETRY_SECONDS", 0.05)
        tries: list[list[str]] = []

        def busy_at_first(article_ids: list[str]) -> None:
            tries.append(article_ids)
            if len(tries) == 1:
                raise IndexLocked(folder="x")
            raise ArticleMissing(article_id="a")

        pending_deletions = PendingDeletions(busy_at_first, wait=0.01)
        pending_deletions.take_out("a")
        time.sleep(0.5)
        assert len(tries) == 2 and pending_deletions.waiting == frozenset()

    def test_retries_when_disk_is_full(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr("ui.collections.soft_delete._RETRY_SECONDS", 0.05)
        removal = FailingRemoval(DiskFull(folder="x"), DiskFull(folder="x"))
        pending_deletions = PendingDeletions(removal, wait=0.01)
        pending_deletions.take_out("a")
        assert removal.succeeded.wait(5)
        wait_until(lambda: not pending_deletions.waiting)
        assert removal.tried == ["a", "a", "a"]

    def test_retrying_deletion_can_be_undone(self) -> None:
        removal = FailingRemoval(DiskFull(folder="x"))
        pending_deletions = PendingDeletions(removal, wait=0.01)
        pending_deletions.take_out("a")
        wait_until(lambda: bool(removal.tried) and pending_deletions.bring_back("a"))
        time.sleep(0.1)
        assert not pending_deletions.waiting and not removal.succeeded.is_set()

    @pytest.mark.parametrize("error", [PermissionDenied(path="x"), OSError(5, "Input/output error")])
    def test_failed_deletion_restores_article_to_list(
        self, error: JawabError | OSError, caplog: pytest.LogCaptureFixture
    ) -> None:
        pending_deletions = PendingDeletions(FailingRemoval(error), wait=0.01)
        pending_deletions.take_out("a")
        wait_until(lambda: not pending_deletions.waiting)
        assert [record.message for record in caplog.records] == ["removal_failed"]

    def test_close_deletes_remaining_articles_despite_errors(self, caplog: pytest.LogCaptureFixture) -> None:
        removal = FailingRemoval(DiskFull(folder="x"), PermissionDenied(path="x"))
        pending_deletions = PendingDeletions(removal, wait=60)
        for article_id in "abc":
            pending_deletions.take_out(article_id)
        pending_deletions.close()
        assert removal.tried == ["a", "b", "c"] and not pending_deletions.waiting
        assert [record.message for record in caplog.records] == ["removal_failed"] * 2
        pending_deletions.take_out("d")
        assert removal.tried[-1] == "d"

    def test_close_waits_for_running_deletion(self) -> None:
        running, go_on = threading.Event(), threading.Event()
        taken: list[list[str]] = []

        def slow(article_ids: list[str]) -> None:
            running.set()
            assert go_on.wait(5)
            taken.append(article_ids)

        pending_deletions = PendingDeletions(slow, wait=0.01)
        pending_deletions.take_out("a")
        assert running.wait(5)
        assert not pending_deletions.bring_back("a")
        threading.Timer(0.1, go_on.set).start()
        pending_deletions.close()
        assert taken == [["a"]]


class TestArticlesPage:
    @pytest.fixture
    def client(self, tmp_path: Path) -> Iterator[TestClient]:
        with TestClient(create_app(site(tmp_path)), "http://127.0.0.1") as client:
            yield client

    def test_page_uses_accept_language_and_strict_csp(self, client: TestClient) -> None:
        response = client.get("/articles", headers={"accept-language": "ar"})
        assert '<html lang="ar" dir="rtl">' in response.text and "3 مقالات" in response.text
        assert "يروي هذا الخبر مقالان" in response.text
        policy = response.headers["content-security-policy"]
        assert "script-src 'self';" in policy and "unsafe" not in policy
        assert "<script>" not in response.text.replace("&lt;script&gt;", "")

    def test_form_keeps_submitted_filters(self, client: TestClient) -> None:
        asked = {"words": '2,500 "x', "language": "en", "publisher": "dw.com", "since": "2021-04-08", "order": "title"}
        html = client.get("/articles", params=asked).text
        for said in (
            'value="2,500 &quot;x"',
            'value="en" selected',
            'value="dw.com" selected',
            'value="title" selected',
        ):
            assert said in html
        assert 'value="2021-04-08"' in html and "No article is like that" in html

    @pytest.mark.parametrize("asked", [{"language": "fr"}, {"order": "x"}, {"page": "x"}, {"words": "x" * 400}])
    def test_invalid_filter_returns_422(self, client: TestClient, asked: dict[str, str]) -> None:
        assert client.get("/articles", params=asked).status_code == 422

    @pytest.mark.parametrize("asked", [{"page": "-4"}, {"page": "999999"}])
    def test_out_of_range_page_number_is_accepted(self, client: TestClient, asked: dict[str, str]) -> None:
        response = client.get("/articles", params=asked)
        assert response.status_code == 200 and "3 articles" in response.text

    @pytest.mark.parametrize(("language", "sentence"), [("en", "is no date; one is written"), ("ar", "ليس تاريخاً")])
    @pytest.mark.parametrize("asked", [{"since": "soon"}, {"until": "2021-13-99"}])
    def test_invalid_date_returns_localized_error(
        self, client: TestClient, asked: dict[str, str], language: str, sentence: str
    ) -> None:
        response = client.get("/articles", params=asked, headers={"accept-language": language})
        assert response.status_code == 422 and sentence in response.text

    def test_date_filter_accepts_arabic_digits(self, client: TestClient) -> None:
        for date in ("2021-04-08", "٢٠٢١-٠٤-٠٨"):
            assert 'name="since" value="2021-04-08"' in client.get("/articles", params={"since": date}).text

    def test_article_can_be_removed_and_restored(self, client: TestClient) -> None:
        taken = {"do": "remove", "id": "en-1"}
        assert client.post("/page/collections/first/articles", json=taken).status_code == 200
        assert 'data-article="en-1"' not in client.get("/articles").text
        assert client.post("/page/collections/first/articles", json={"do": "restore", "id": "en-1"}).status_code == 200
        assert 'data-article="en-1"' in client.get("/articles").text
        assert client.post("/page/collections/first/articles", json={"do": "restore", "id": "en-1"}).status_code == 404
        assert client.post("/page/collections/first/articles", json={"do": "remove", "id": "none"}).status_code == 404
        assert client.post("/page/collections/first/articles", content=json.dumps(taken)).status_code == 422


@pytest.mark.parametrize("payload", HOSTILE)
def test_article_fields_and_filters_are_escaped(payload: str) -> None:
    listed = ArticleSummary(1, payload, payload, "en", payload, payload, 3)
    wanted = ArticleQuery(words=payload, publisher=payload, since=payload, until=payload)
    named = CollectionInfo(payload, payload)
    listing, until = [listed] * (ROWS_PER_PAGE + 1), datetime.date(2026, 12, 1)
    html = collection_html(named, payload, listing, wanted, 1, [(payload, 2)], until, "en")
    reader = Reader(html)
    tags = {tag for tag, _ in reader.tags}
    assert tags <= {
        "main", "h1", "h2", "section", "form", "input", "label", "span", "select", "option", "button", "p", "ol", "li",
        "div", "a", "bdi", "nav", "details", "summary",
    }  # fmt: skip
    links = [a["href"] or "" for tag, a in reader.tags if tag == "a"]
    assert all(link in ("#", "/articles", "/articles/charts") or link.startswith("/articles?") for link in links)
    assert not [name for _, attributes in reader.tags for name in attributes if name.startswith("on")]
