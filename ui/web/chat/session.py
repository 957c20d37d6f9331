"""Chat session: the turns of one conversation while the page is open, and their storage."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field

from index.errors import JawabError
from qa.query.followup import HistoryTurn, to_history_turn
from qa.query.question import language_to_answer_in
from ui.conversations.repository import ConversationInfo, ConversationRepository, StoredTurn
from ui.i18n import error_message
from ui.web.chat.render import Turn

_TURNS_KEPT = 150


@dataclass
class ChatSession:
    """The turns of one session, oldest first. One question at a time is answered; `busy` while it is.

    `id` is the conversation's id in the store of `visitor`; `None` before the first question. `collection` is the id
    of the collection that is searched.
    """

    turns: list[Turn] = field(default_factory=list)
    busy: bool = False
    halted: asyncio.Event = field(default_factory=asyncio.Event)
    visitor: str | None = None
    id: str | None = None
    collection: str | None = None
    editing: bool = False

    @classmethod
    def restored(cls, visitor: str, kept: ConversationInfo, turns_kept: Sequence[StoredTurn]) -> ChatSession:
        """Restore a stored conversation; a question without a record was stopped."""
        turns = [
            Turn(
                turn.number, turn.question, language_to_answer_in(turn.question), answer=turn.answer,
                stopped=turn.answer is None, conversation=kept.id, verdict=turn.verdict, why=turn.why,
                collection=kept.collection,
            )
            for turn in turns_kept
        ]  # fmt: skip
        return cls(turns[-_TURNS_KEPT:], visitor=visitor, id=kept.id, collection=kept.collection)

    def ask(self, question: str) -> Turn:
        """Add a turn, replacing the last one if that is being edited. Old turns are dropped, to bound the memory of
        a page that stays open."""
        if self.editing:
            self.take_back()
        self.busy, self.halted = True, asyncio.Event()
        number = self.current.number + 1 if self.current else 1
        turn = Turn(number, question, language_to_answer_in(question), conversation=self.id, collection=self.collection)
        self.turns = [*self.turns, turn][-_TURNS_KEPT:]
        return turn

    def take_back(self) -> str:
        """Remove the last turn, to ask it again or edited, and return its question."""
        *self.turns, last = self.turns
        self.editing = False
        return last.question

    @property
    def history(self) -> list[HistoryTurn]:
        """Questions and answers before the latest turn."""
        found = (to_history_turn(turn.answer) for turn in self.turns[:-1] if turn.answer)
        return [exchange for exchange in found if exchange]

    @property
    def current(self) -> Turn | None:
        """The latest turn, or `None`."""
        return self.turns[-1] if self.turns else None


class ConversationSaver:
    """Stores the turns of sessions. A store failure does not stop the answer; `turn.unkept` has the error."""

    def __init__(self, store: ConversationRepository) -> None:
        self._store = store

    def restored(self, visitor: str | None, wanted: str, collection: str | None) -> ChatSession:
        """Return the conversation with the id `wanted`, or a new one about `collection`."""
        new = ChatSession(visitor=visitor, collection=collection)
        if not visitor or not wanted:
            return new
        try:
            kept = self._store.kept(visitor, wanted)
            return ChatSession.restored(visitor, kept, self._store.turns(visitor, wanted)) if kept else new
        except JawabError:
            return new

    def ask(self, conversation: ChatSession, question: str) -> Turn:
        """Add a turn and store it before it is answered, so that closing the page does not lose the question."""
        seen = conversation.current.number if conversation.current else 0
        turn = conversation.ask(question)
        with self._keeping(turn):
            if conversation.visitor and conversation.id is None:
                conversation.id = turn.conversation = self._store.begin(
                    conversation.visitor, question, conversation.collection
                )
            if conversation.visitor and conversation.id:
                # Another page may have continued the same conversation.
                stored = StoredTurn(turn.number, turn.question, None)
                turn.number = self._store.put(conversation.visitor, conversation.id, stored, seen)
        return turn

    def keep(self, conversation: ChatSession) -> None:
        """Store the record of the latest turn, if it has one."""
        turn = conversation.current
        if turn and turn.answer:
            with self._keeping(turn):
                if conversation.visitor and conversation.id:
                    stored = StoredTurn(turn.number, turn.question, turn.answer)
                    self._store.answer(conversation.visitor, conversation.id, stored)

    @contextmanager
    def _keeping(self, turn: Turn) -> Iterator[None]:
        try:
            yield
        except JawabError as error:
            turn.unkept = error_message(error, turn.language)
