"""Stored conversations: search, rename, restore, and isolation between visitors."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from datetime import date, datetime, time, timedelta
from pathlib import Path

import pytest
from fastapi.testclient import TestClient

from index.errors import PermissionDenied
from tests.fake_site import ARABIC_QUESTION, ENGLISH_QUESTION, canned, site
from ui.conversations.repository import ConversationInfo, ConversationRepository, StoredTurn, visitor_of
from ui.http.visitor_cookie import COOKIE
from ui.server.app import create_app
from ui.web.chat.session import ChatSession, ConversationSaver
from ui.web.conversations.sidebar import sidebar_html

ME, OTHER = "me", "somebody else"


@pytest.fixture
def store(tmp_path: Path) -> Iterator[ConversationRepository]:
    store = ConversationRepository(tmp_path / "kept" / "conversations.sqlite")
    yield store
    store.close()


def answered(number: int, question: str) -> StoredTurn:
    return StoredTurn(number, question, canned(question))


def test_conversation_survives_restart(store: ConversationRepository, tmp_path: Path) -> None:
    number = store.begin(ME, ENGLISH_QUESTION)
    store.put(ME, number, answered(1, ENGLISH_QUESTION))
    store.put(ME, number, StoredTurn(2, "And in 2020?", None))
    store.close()
    again = ConversationRepository(tmp_path / "kept" / "conversations.sqlite")
    assert again.turns(ME, number) == [answered(1, ENGLISH_QUESTION), StoredTurn(2, "And in 2020?", None)]
    assert [kept.title for kept in again.all(ME)] == [ENGLISH_QUESTION]
    again.close()


def test_visitor_cannot_read_or_change_other_conversations(store: ConversationRepository) -> None:
    number = store.begin(ME, ENGLISH_QUESTION)
    store.put(ME, number, answered(1, ENGLISH_QUESTION))
    assert store.turns(OTHER, number) == [] and store.all(OTHER) == []
    assert not store.rename(OTHER, number, "mine now")
    assert not store.delete(OTHER, number)
    assert not store.restore(OTHER, number)
    assert not store.judge(OTHER, number, 1, "bad")
    store.put(OTHER, number, StoredTurn(1, "overwritten", None))
    assert store.turns(ME, number) == [answered(1, ENGLISH_QUESTION)]
    assert [kept.title for kept in store.all(ME)] == [ENGLISH_QUESTION]


def test_asking_again_drops_later_turns(store: ConversationRepository) -> None:
    number = store.begin(ME, "one")
    for turn in (answered(1, ENGLISH_QUESTION), StoredTurn(2, "two", None), StoredTurn(3, "three", None)):
        store.put(ME, number, turn)
    store.put(ME, number, StoredTurn(2, "two, otherwise", None), seen=3)
    assert [turn.question for turn in store.turns(ME, number)] == [ENGLISH_QUESTION, "two, otherwise"]


def test_two_pages_of_conversation_lose_no_turn(store: ConversationRepository) -> None:
    keeper = ConversationSaver(store)
    first = keeper.restored(ME, "", None)
    keeper.ask(first, "one")
    assert first.id is not None
    second = keeper.restored(ME, first.id, None)
    turn = keeper.ask(second, "two, on the second page")
    turn.answer = canned(ENGLISH_QUESTION)
    keeper.keep(second)
    assert store.judge(ME, first.id, 2, "good")
    keeper.ask(first, "two, on the first page")
    first.turns[-1].answer = canned(ARABIC_QUESTION)
    keeper.keep(first)
    stored = store.turns(ME, first.id)
    assert [(turn.number, turn.question) for turn in stored] == [
        (1, "one"), (2, "two, on the second page"), (3, "two, on the first page"),
    ]  # fmt: skip
    assert (stored[1].verdict, stored[2].answer) == ("good", canned(ARABIC_QUESTION))
    assert [turn.number for turn in first.turns] == [1, 3]


def test_edit_on_stale_page_replaces_no_unseen_turn(store: ConversationRepository) -> None:
    keeper = ConversationSaver(store)
    first = keeper.restored(ME, "", None)
    keeper.ask(first, "one")
    keeper.ask(keeper.restored(ME, first.id or "", None), "two")
    first.editing = True
    keeper.ask(first, "one, otherwise")
    assert [turn.question for turn in store.turns(ME, first.id or "")] == ["one", "two", "one, otherwise"]


def test_late_answer_is_not_stored_with_edited_question(store: ConversationRepository) -> None:
    number = store.begin(ME, "one")
    store.put(ME, number, StoredTurn(1, "one", None))
    store.put(ME, number, StoredTurn(1, "one, otherwise", None))
    store.answer(ME, number, answered(1, "one"))
    assert store.turns(ME, number) == [StoredTurn(1, "one, otherwise", None)]


def test_search_ignores_spelling_variants(store: ConversationRepository) -> None:
    arabic, english = store.begin(ME, ARABIC_QUESTION), store.begin(ME, "Trams")
    store.put(ME, english, StoredTurn(1, "How long is the Blue Line?", None))
    assert [kept.id for kept in store.all(ME)] == [english, arabic]
    assert [kept.id for kept in store.all(ME, "الاستراتيجى العِراق")] == [arabic]
    assert [kept.id for kept in store.all(ME, "blue")] == [english]
    assert store.all(ME, "nothing like it") == []


def test_rename_changes_title_and_rejects_empty(store: ConversationRepository) -> None:
    number = store.begin(ME, "x" * 500)
    assert len(store.all(ME)[0].title) == 120
    assert store.rename(ME, number, "  Troops \n in Iraq ") and not store.rename(ME, number, "  ")
    assert [kept.title for kept in store.all(ME)] == ["Troops in Iraq"]


def test_deleted_conversation_can_be_restored(store: ConversationRepository) -> None:
    number = store.begin(ME, "one")
    assert store.delete(ME, number) and store.all(ME) == []
    assert store.restore(ME, number) and [kept.id for kept in store.all(ME)] == [number]


def test_verdict_is_kept_until_question_is_asked_again(store: ConversationRepository) -> None:
    number = store.begin(ME, "one")
    store.put(ME, number, answered(1, ENGLISH_QUESTION))
    assert store.judge(ME, number, 1, "bad", " the number is of another year ")
    assert not store.judge(ME, number, 2, "good")
    (turn,) = store.turns(ME, number)
    assert (turn.verdict, turn.why) == ("bad", "the number is of another year")
    store.put(ME, number, answered(1, ENGLISH_QUESTION))
    assert store.turns(ME, number)[0].verdict is None


def test_concurrent_writes_lose_nothing(store: ConversationRepository) -> None:
    def ask(name: str) -> None:
        for _ in range(10):
            number = store.begin(name, "q")
            store.put(name, number, StoredTurn(1, "q", None))

    threads = [threading.Thread(target=ask, args=(f"visitor {n}",)) for n in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [len(store.all(f"visitor {n}")) for n in range(8)] == [10] * 8


class TestConversationSaver:
    def test_conversation_is_saved_from_first_question_and_restored(self, store: ConversationRepository) -> None:
        keeper = ConversationSaver(store)
        conversation = keeper.restored(ME, "", "first")
        keeper.ask(conversation, ENGLISH_QUESTION)
        assert conversation.id is not None
        assert conversation.turns[0].conversation == conversation.id
        conversation.turns[0].answer = canned(ENGLISH_QUESTION)
        keeper.keep(conversation)
        keeper.ask(conversation, "And then?")
        restored = keeper.restored(ME, conversation.id, None)
        assert [turn.question for turn in restored.turns] == [ENGLISH_QUESTION, "And then?"]
        assert restored.turns[0].answer == canned(ENGLISH_QUESTION)
        assert restored.turns[1].stopped and not restored.turns[1].waiting
        assert len(restored.history) == 1
        assert restored.collection == restored.turns[0].collection == "first"
        assert keeper.restored(OTHER, conversation.id, None).turns == []

    def test_edited_question_replaces_last(self, store: ConversationRepository) -> None:
        keeper, conversation = ConversationSaver(store), ChatSession(visitor=ME)
        keeper.ask(conversation, "one")
        conversation.editing = True
        keeper.ask(conversation, "two")
        assert [(turn.number, turn.question) for turn in conversation.turns] == [(1, "two")]
        assert [turn.question for turn in store.turns(ME, conversation.id or "")] == ["two"]

    def test_conversation_without_cookie_is_not_saved(self, store: ConversationRepository) -> None:
        conversation = ChatSession()
        turn = ConversationSaver(store).ask(conversation, "one")
        assert conversation.id is None and turn.unkept is None

    def test_failing_store_does_not_fail_question(self, store: ConversationRepository) -> None:
        class FailingRepository(ConversationRepository):
            def begin(self, visitor: str, question: str, collection: str | None = None) -> str:
                raise PermissionDenied(path="/kept")

        conversation = ChatSession(visitor=ME)
        turn = ConversationSaver(FailingRepository(Path("/kept"))).ask(conversation, "one")
        assert conversation.turns == [turn]
        assert turn.unkept is not None and "/kept" in turn.unkept


class TestOverHttp:
    @pytest.fixture
    def client(self, tmp_path: Path) -> Iterator[TestClient]:
        self.site = site(tmp_path)
        with TestClient(create_app(self.site), "http://127.0.0.1") as client:
            yield client

    @staticmethod
    def visitor(client: TestClient) -> str:
        """Starts a new visit; returns the visitor as the store knows it."""
        client.cookies.clear()
        client.get("/")
        return visitor_of(client.cookies[COOKIE])

    def test_visitor_cookie_is_set_once_and_http_only(self, client: TestClient) -> None:
        given = client.get("/").headers["set-cookie"]
        assert given.startswith(f"{COOKIE}=") and "HttpOnly" in given and "SameSite=Lax" in given
        assert "set-cookie" not in client.get("/").headers

    @pytest.mark.parametrize("cookie", ["short", "x" * 31, "../" * 20, "ü" * 40, ""])
    def test_invalid_visitor_cookie_grants_no_access(self, client: TestClient, cookie: str) -> None:
        client.cookies.clear()
        header = {b"cookie": f"{COOKIE}={cookie}".encode()}
        number = self.site.conversations.begin(ME, "one")
        assert client.post(f"/page/conversations/{number}", json={"do": "delete"}, headers=header).status_code == 404

    def test_visitor_lists_renames_deletes_and_restores_conversations(self, client: TestClient) -> None:
        me = self.visitor(client)
        number = self.site.conversations.begin(me, "<b>one</b>")
        listed = client.get("/page/conversations", params={"in": "ar", "current": number}).text
        assert "&lt;b&gt;one&lt;/b&gt;" in listed and 'aria-current="page"' in listed and "اليوم" in listed
        assert client.post(f"/page/conversations/{number}", json={"do": "rename", "title": "two"}).status_code == 200
        assert "two" in client.get("/page/conversations").text
        assert client.post(f"/page/conversations/{number}", json={"do": "delete"}).status_code == 200
        assert number not in client.get("/page/conversations").text
        assert client.post(f"/page/conversations/{number}", json={"do": "restore"}).status_code == 200
        assert number in client.get("/page/conversations").text

    def test_conversations_of_other_visitors_return_404(self, client: TestClient) -> None:
        number = self.site.conversations.begin(self.visitor(client), "one")
        self.visitor(client)
        assert number not in client.get("/page/conversations").text
        for change in ({"do": "rename", "title": "x"}, {"do": "delete"}, {"do": "restore"}):
            assert client.post(f"/page/conversations/{number}", json=change).status_code == 404

    @pytest.mark.parametrize("body", [{}, {"do": "drop"}, {"do": "delete", "more": 1}, {"do": "rename", "title": 3}])
    def test_invalid_change_is_rejected(self, client: TestClient, body: dict[str, object]) -> None:
        self.visitor(client)
        assert client.post("/page/conversations/x", json=body).status_code == 422

    def test_cross_site_form_is_rejected(self, client: TestClient) -> None:
        number = self.site.conversations.begin(self.visitor(client), "one")
        sent = client.post(
            f"/page/conversations/{number}", content='{"do":"delete"}', headers={"content-type": "text/plain"}
        )
        assert sent.status_code == 422
        assert number in client.get("/page/conversations").text

    def test_article_is_returned_with_highlighted_phrase(self, client: TestClient) -> None:
        citation = canned(ENGLISH_QUESTION).citations[1]
        place: dict[str, str | int] = {"id": citation.article_id, "start": citation.start, "end": citation.end}
        asked = {**place, "phrase": "2,500", "in": "en"}
        html = client.get("/page/collections/first/article", params=asked).text
        assert '<mark class="quoted exact">2,500</mark>' in html and "The same story" in html

    def test_article_is_returned_with_highlighted_title(self, client: TestClient) -> None:
        asked: dict[str, str | int] = {"id": "en-1", "start": 0, "end": 10, "field": "title", "in": "en"}
        html = client.get("/page/collections/first/article", params=asked).text
        assert html.count("<mark") == 1 and '<mark class="quoted">Washington</mark> and Baghdad' in html
        assert client.get("/page/collections/first/article", params=asked | {"field": "id"}).status_code == 422

    def test_unknown_article_returns_404_with_message(self, client: TestClient) -> None:
        response = client.get("/page/collections/first/article", params={"id": "<b>", "in": "en"})
        assert response.status_code == 404 and "The index has no article &lt;b&gt;" in response.text


def test_sidebar_groups_conversations_by_day() -> None:
    today = date(2026, 3, 2)
    noon = 12 * 3600

    def at(days: int) -> float:
        return datetime.combine(today - timedelta(days), time()).timestamp() + noon

    html = sidebar_html(
        [
            ConversationInfo("a", "one", at(0)),
            ConversationInfo("b", "two", at(1)),
            ConversationInfo("c", "ثلاثة", at(9)),
        ],
        "b",
        "",
        today,
        "en",
    )
    order = [html.index(words) for words in ("Today", "one", "Yesterday", "two", "Earlier", "ثلاثة")]
    assert order == sorted(order)
    assert html.count("aria-current") == 1 and 'lang="ar" dir="rtl">ثلاثة' in html
    assert "kept here" in sidebar_html([], "", "", today, "en")
    assert "these words" in sidebar_html([], "", "x", today, "en")
