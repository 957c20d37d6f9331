"""Changes of the conversations that are kept."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

from qa.answer import Answer
from tests.faults.scenario import Place, Scenario, State
from ui.conversations.repository import ConversationRepository, StoredTurn

_VISITOR = "visitor"
_ANSWER = Answer.refused("a", "When did the tram open?", "The articles do not say. " * 200)


def _file(place: Place) -> Path:
    return place.store / "conversations.sqlite"


def _first(conversations: ConversationRepository) -> str:
    """The conversation that was there from the beginning."""
    return next(one.id for one in conversations.all(_VISITOR, "tram"))


def _prepare(place: Place) -> None:
    with closing(ConversationRepository(_file(place))) as conversations:
        number = conversations.begin(_VISITOR, "When did the tram open?")
        conversations.put(_VISITOR, number, StoredTurn(1, "When did the tram open?", None))
        conversations.answer(_VISITOR, number, StoredTurn(1, "When did the tram open?", _ANSWER))


def _prepare_deleted(place: Place) -> None:
    _prepare(place)
    with closing(ConversationRepository(_file(place))) as conversations:
        number = _first(conversations)
        _noted(place).write_text(number)
        conversations.delete(_VISITOR, number)


def _noted(place: Place) -> Path:
    """The id of what was deleted, as the page knows it."""
    return place.articles / "deleted"


def _state(place: Place) -> State:
    with closing(ConversationRepository(_file(place))) as conversations:
        return [
            (one.title, one.collection, [_plain(turn) for turn in conversations.turns(_VISITOR, one.id)])
            for one in conversations.all(_VISITOR)
        ]


def _plain(turn: StoredTurn) -> list[object]:
    return [turn.number, turn.question, turn.answer and json.dumps(turn.answer.to_json()), turn.verdict, turn.why]


def _complaints(place: Place) -> list[str]:
    with closing(sqlite3.connect(_file(place))) as rows:
        ((found,), *_) = rows.execute("PRAGMA integrity_check")
    return [] if found == "ok" else [str(found)]


def _changing(change: Callable[[ConversationRepository, str], object]) -> Callable[[Place], None]:
    def act(place: Place) -> None:
        with closing(ConversationRepository(_file(place))) as conversations:
            change(conversations, _first(conversations))

    return act


def _begin(place: Place) -> None:
    with closing(ConversationRepository(_file(place))) as conversations:
        conversations.begin(_VISITOR, "How many troops remain?", "collection")


def _restore(place: Place) -> None:
    number = _noted(place).read_text()
    with closing(ConversationRepository(_file(place))) as conversations:
        conversations.restore(_VISITOR, number)


def _scenario(name: str, act: Callable[[Place], None], prepare: Callable[[Place], None] = _prepare) -> Scenario:
    return Scenario(f"conversations: {name}", prepare, act, _state, _complaints)


CONVERSATIONS = (
    _scenario("the first", _begin, lambda place: None),
    _scenario("begin", _begin),
    _scenario("put", _changing(lambda c, n: c.put(_VISITOR, n, StoredTurn(2, "And the bus?", _ANSWER)))),
    _scenario("answer", _changing(lambda c, n: c.answer(_VISITOR, n, StoredTurn(1, "When did the tram open?", None)))),
    _scenario("judge", _changing(lambda c, n: c.judge(_VISITOR, n, 1, "bad", "It is not so."))),
    _scenario("rename", _changing(lambda c, n: c.rename(_VISITOR, n, "The tram and its opening"))),
    _scenario("delete", _changing(lambda c, n: c.delete(_VISITOR, n))),
    _scenario("restore", _restore, _prepare_deleted),
)
