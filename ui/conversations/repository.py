"""Conversation store: questions and answer records in one local SQLite file.

A visitor is identified by a cookie, of which only the hash is stored. Every method but `judged` is restricted to the
visitor, so that guessing ids gives no access to another's conversation. Deleted conversations can be restored for a
while.
"""

from __future__ import annotations

import hashlib
import json
import secrets
import sqlite3
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from index.storage.migrations import Versions
from index.text.folding import fold_text
from qa.answer import Answer
from ui.config import RetentionSettings
from ui.store import SQLiteStore, create_missing

VERSION = 1
"""Schema version of `_TABLES`."""
MAX_TITLE_LENGTH = 120
"""Maximum length of a title in code points."""
_TABLES = """
CREATE TABLE IF NOT EXISTS conversations (
    id TEXT PRIMARY KEY, visitor TEXT NOT NULL, title TEXT NOT NULL,
    begun REAL NOT NULL, changed REAL NOT NULL, deleted REAL, collection TEXT
);
CREATE INDEX IF NOT EXISTS of_visitor ON conversations (visitor, changed);
CREATE TABLE IF NOT EXISTS turns (
    conversation TEXT NOT NULL REFERENCES conversations (id) ON DELETE CASCADE, number INTEGER NOT NULL,
    question TEXT NOT NULL, record TEXT, verdict TEXT, why TEXT, PRIMARY KEY (conversation, number)
);
"""

Rating = Literal["good", "bad"]


@dataclass(frozen=True)
class ConversationInfo:
    """A conversation in the list. `title` is its first question or the visitor's title for it; times are in seconds
    since 1970. `collection` is the id of the collection that is searched; `None` is the default one."""

    id: str
    title: str
    changed: float
    collection: str | None = None


@dataclass(frozen=True)
class StoredTurn:
    """A question with its record; `None` if the answer was stopped or the page closed before it was complete."""

    number: int
    question: str
    answer: Answer | None
    verdict: Rating | None = None
    why: str | None = None


@dataclass(frozen=True)
class Feedback:
    """A rated answer; `collection` is the id of the collection that was searched, `None` the default one."""

    answer: Answer
    verdict: Rating
    why: str | None
    collection: str | None


def visitor_of(cookie: str) -> str:
    """Return the visitor id used in the store: SHA-256 of the cookie."""
    return hashlib.sha256(cookie.encode()).hexdigest()


class ConversationRepository:
    """The conversations of all visitors, in `file`. Deleted ones are retained as set in `retention`. Thread-safe.

    All methods raise SQLite's errors as converted by `storage_errors`: `DiskFull`, `PermissionDenied`, `IndexDamaged`.
    """

    def __init__(self, file: Path, retention: RetentionSettings | None = None) -> None:
        self._retention = retention or RetentionSettings()
        self._store = SQLiteStore(file, _TABLES, Versions(VERSION, {0: _add_collection}))

    def begin(self, visitor: str, question: str, collection: str | None = None) -> str:
        """Create a conversation about a collection, named after its first question; return its id."""
        number, now = secrets.token_urlsafe(18), time.time()
        title = " ".join(question.split())[:MAX_TITLE_LENGTH]
        with self._store.rows() as rows:
            rows.execute(
                "DELETE FROM conversations WHERE deleted < ?",
                (now - self._retention.deleted_conversation_days * 86400,),
            )
            rows.execute(
                "INSERT INTO conversations (id, visitor, title, begun, changed, collection) VALUES (?, ?, ?, ?, ?, ?)",
                (number, visitor, title, now, now, collection),
            )
        return number

    def put(self, visitor: str, conversation: str, turn: StoredTurn, seen: int | None = None) -> int:
        """Store a turn; return its number.

        A turn with the same number (an edited question) is replaced, with all later ones. `seen` is the number of the
        last turn that the page shows, by default that of `turn`: if another page has added later turns, nothing is
        replaced and the turn is added after them.
        """
        record = _record(turn.answer)
        with self._store.rows() as rows:
            if not self._owns(rows, visitor, conversation):
                return turn.number
            ((last,),) = rows.execute("SELECT max(number) FROM turns WHERE conversation = ?", (conversation,))
            unseen = last is not None and last > (turn.number if seen is None else seen)
            number = last + 1 if unseen else turn.number
            rows.execute("DELETE FROM turns WHERE conversation = ? AND number >= ?", (conversation, number))
            rows.execute(
                "INSERT INTO turns (conversation, number, question, record) VALUES (?, ?, ?, ?)",
                (conversation, number, turn.question, record),
            )
            rows.execute("UPDATE conversations SET changed = ? WHERE id = ?", (time.time(), conversation))
        return number

    def answer(self, visitor: str, conversation: str, turn: StoredTurn) -> None:
        """Store the answer of a turn, unless its question has been replaced meanwhile."""
        with self._store.rows() as rows:
            if self._owns(rows, visitor, conversation):
                rows.execute(
                    "UPDATE turns SET record = ? WHERE conversation = ? AND number = ? AND question = ?",
                    (_record(turn.answer), conversation, turn.number, turn.question),
                )
                rows.execute("UPDATE conversations SET changed = ? WHERE id = ?", (time.time(), conversation))

    def turns(self, visitor: str, conversation: str) -> list[StoredTurn]:
        """Return the turns of the visitor's conversation in order; empty if it is missing or not the visitor's."""
        with self._store.rows() as rows:
            if not self._owns(rows, visitor, conversation):
                return []
            found = rows.execute(
                "SELECT number, question, record, verdict, why FROM turns WHERE conversation = ? ORDER BY number",
                (conversation,),
            )
            return [
                StoredTurn(number, question, Answer.of_json(json.loads(record)) if record else None, verdict, why)
                for number, question, record, verdict, why in found
            ]

    def all(self, visitor: str, wanted: str = "") -> list[ConversationInfo]:
        """Return the visitor's conversations whose title or questions contain all words of `wanted`, latest first."""
        with self._store.rows() as rows:
            found = rows.execute(
                """SELECT c.id, c.title, c.changed, c.collection, group_concat(t.question, char(10))
                FROM conversations c LEFT JOIN turns t ON t.conversation = c.id
                WHERE c.visitor = ? AND c.deleted IS NULL GROUP BY c.id ORDER BY c.changed DESC""",
                (visitor,),
            ).fetchall()
        words = fold_text(wanted).split()
        return [
            ConversationInfo(number, title, changed, collection)
            for number, title, changed, collection, questions in found
            if all(word in fold_text(f"{title}\n{questions or ''}") for word in words)
        ]

    def kept(self, visitor: str, conversation: str) -> ConversationInfo | None:
        """Return the visitor's conversation, or `None` if it is missing or deleted."""
        with self._store.rows() as rows:
            found = rows.execute(
                """SELECT id, title, changed, collection FROM conversations
                WHERE id = ? AND visitor = ? AND deleted IS NULL""",
                (conversation, visitor),
            ).fetchone()
        return ConversationInfo(*found) if found else None

    def rename(self, visitor: str, conversation: str, title: str) -> bool:
        """Rename a conversation; return False if the title is empty or the conversation is not the visitor's."""
        title = " ".join(title.split())[:MAX_TITLE_LENGTH]
        return bool(title) and self._change("title = ?", title, visitor, conversation)

    def delete(self, visitor: str, conversation: str) -> bool:
        """Remove a conversation from the list; `restore` can undo this within a week."""
        return self._change("deleted = ?", time.time(), visitor, conversation)

    def restore(self, visitor: str, conversation: str) -> bool:
        """Restore a deleted conversation."""
        return self._change("deleted = ?", None, visitor, conversation)

    def judge(self, visitor: str, conversation: str, number: int, verdict: Rating | None, why: str = "") -> bool:
        """Store the visitor's rating of an answer; return whether there is such an answer."""
        with self._store.rows() as rows:
            if not self._owns(rows, visitor, conversation):
                return False
            told = rows.execute(
                "UPDATE turns SET verdict = ?, why = ? WHERE conversation = ? AND number = ?",
                (verdict, why.strip() or None, conversation, number),
            )
            return told.rowcount == 1

    def judged(self) -> list[Feedback]:
        """Return the rated answers of all visitors, oldest first, without those of deleted conversations."""
        with self._store.rows() as rows:
            found = rows.execute(
                """SELECT t.record, t.verdict, t.why, c.collection FROM turns t
                JOIN conversations c ON c.id = t.conversation
                WHERE t.verdict IS NOT NULL AND t.record IS NOT NULL AND c.deleted IS NULL
                ORDER BY c.begun, c.id, t.number"""
            )
            return [
                Feedback(Answer.of_json(json.loads(record)), verdict, why, collection)
                for record, verdict, why, collection in found
            ]

    def close(self) -> None:
        self._store.close()

    def _change(self, what: str, value: object, visitor: str, conversation: str) -> bool:
        with self._store.rows() as rows:
            done = rows.execute(
                f"UPDATE conversations SET {what} WHERE id = ? AND visitor = ?", (value, conversation, visitor)
            )
            return done.rowcount == 1

    @staticmethod
    def _owns(rows: sqlite3.Connection, visitor: str, conversation: str) -> bool:
        found = rows.execute("SELECT 1 FROM conversations WHERE id = ? AND visitor = ?", (conversation, visitor))
        return found.fetchone() is not None


def _record(answer: Answer | None) -> str | None:
    return json.dumps(answer.to_json(), ensure_ascii=False) if answer else None


def _add_collection(connection: sqlite3.Connection) -> None:
    """Migrate from version 0, whose earliest tables have no `collection` column."""
    create_missing(connection, _TABLES)
    columns = {name for _, name, *_ in connection.execute("PRAGMA table_info(conversations)")}
    if "collection" not in columns:
        connection.execute("ALTER TABLE conversations ADD COLUMN collection TEXT")
