"""Stores of an older version that are opened: migrated or not, and never in between."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager

from index.errors import PermissionDenied
from index.storage import catalog as catalog_module
from index.storage.catalog import Catalog
from index.storage.database import Database, storage_errors
from index.storage.lock import FILE
from index.storage.migrations import Versions
from index.storage.schema import SCHEMA, VERSIONS
from tests.faults.scenario import Place, Scenario, State
from tests.faults.scenarios import index
from ui.auth.api_keys import APIKeyStore
from ui.collections.repository import DEFAULT_ID, CollectionRepository
from ui.conversations.repository import ConversationRepository

_VISITOR = "visitor"


def _prepare_conversations(place: Place) -> None:
    """As the first weeks' program left them."""
    with closing(ConversationRepository(place.store / "conversations.sqlite")) as conversations:
        conversations.begin(_VISITOR, "When did the tram open?")
    with closing(sqlite3.connect(place.store / "conversations.sqlite")) as rows:
        rows.execute("ALTER TABLE conversations DROP COLUMN collection")
        rows.execute("PRAGMA user_version = 0")


def _open_conversations(place: Place) -> None:
    with closing(ConversationRepository(place.store / "conversations.sqlite")) as conversations:
        conversations.all(_VISITOR)


def _conversations(place: Place) -> State:
    """The version, and what is there, without opening it as the program does."""
    with closing(sqlite3.connect(place.store / "conversations.sqlite")) as rows:
        columns = [name for _, name, *_ in rows.execute("PRAGMA table_info(conversations)")]
        titles = rows.execute("SELECT title FROM conversations").fetchall()
        return [*rows.execute("PRAGMA user_version").fetchone(), columns, titles]


def _prepare_keys(place: Place) -> None:
    file = place.store / "keys.json"
    APIKeyStore(file).add("old", ["read"])
    file.write_text(json.dumps(json.loads(file.read_text())["keys"]))


def _open_keys(place: Place) -> None:
    file = place.store / "keys.json"
    assert [key.name for key in APIKeyStore(file).all()] == ["old"]
    # Whoever may not write reads what was migrated in memory, and it is migrated each time.
    with storage_errors(file.parent):
        if isinstance(json.loads(file.read_text()), list):
            raise PermissionDenied(path=file)


def _keys(place: Place) -> State:
    content = json.loads((place.store / "keys.json").read_text())
    return [key["name"] for key in content] if isinstance(content, list) else content


def _prepare_name(place: Place) -> None:
    index.write_articles(place, 1)
    index.read_articles(place)
    (index.folder(place) / "name.txt").write_text("Trams")


def _open_name(place: Place) -> None:
    named = CollectionRepository(index.folder(place), place.store / "collections").all()
    assert [(one.id, one.name) for one in named] == [(DEFAULT_ID, "Trams")]
    if (index.folder(place) / "name.txt").exists():
        raise PermissionDenied(path=index.folder(place))


def _name(place: Place) -> State:
    """Whether the name is in the file of the newer version, or still in that of the older one alone."""
    new, old = index.folder(place) / "collection.json", index.folder(place) / "name.txt"
    return ["new", json.loads(new.read_text())["name"]] if new.exists() else ["old", old.read_text()]


def _add_place(connection: sqlite3.Connection) -> None:
    connection.execute("ALTER TABLE articles ADD COLUMN place TEXT")
    connection.execute("UPDATE articles SET place = title")


@contextmanager
def _one_version_ahead() -> Iterator[None]:
    """A program whose index is one version ahead of this one's."""
    variables = vars(catalog_module)
    variables["VERSIONS"] = Versions(SCHEMA + 1, {SCHEMA: _add_place}, VERSIONS.read, VERSIONS.write)
    try:
        yield
    finally:
        variables["VERSIONS"] = VERSIONS


def _prepare_index(place: Place) -> None:
    index.write_articles(place, 1)
    index.read_articles(place)


def _open_index(place: Place) -> None:
    with _one_version_ahead(), closing(Catalog.open(index.folder(place))):
        pass


def _index(place: Place) -> State:
    # Not by SQLite alone, which would merge the log without the checksums of its pages.
    with closing(Database(index.folder(place) / FILE, writable=False)) as database:
        (version,) = database.rows("SELECT value FROM meta WHERE key = 'schema'")
        columns = [name for _, name, *_ in database.rows("PRAGMA table_info(articles)")]
        return [*version, columns, database.rows("SELECT id, text FROM articles ORDER BY id")]


def _index_complaints(place: Place) -> list[str]:
    with _one_version_ahead():
        return index.complaints(place)


def _index_leftovers(place: Place) -> list[str]:
    with _one_version_ahead():
        return index.leftovers(place)


def _after(again: Callable[[Place], None]) -> Callable[[Place], list[str]]:
    """The files that are left beside the stores once they were opened again, and were found whole."""

    def leftovers(place: Place) -> list[str]:
        again(place)
        files = [*place.store.glob("*.version-*"), *place.store.rglob("*.partial")]
        return [f"left: {path.name}" for path in files]

    return leftovers


MIGRATIONS = (
    Scenario("migration: conversations", _prepare_conversations, _open_conversations, _conversations,
             leftovers=_after(_open_conversations)),
    Scenario("migration: keys", _prepare_keys, _open_keys, _keys, leftovers=_after(_open_keys)),
    Scenario("migration: a name", _prepare_name, _open_name, _name, leftovers=_after(_open_name)),
    Scenario("migration: index", _prepare_index, _open_index, _index, _index_complaints, _index_leftovers),
)  # fmt: skip
