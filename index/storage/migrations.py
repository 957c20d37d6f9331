"""Migrations: a SQLite store of an older version is brought to this program's, step by step, and a copy is kept.

Each step is one transaction together with the number of the version that it leads to: ended in between, the next
opening goes on from the last whole step. The copy of the store as it was stays beside it until the migrated one was
opened again and found whole.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Mapping
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

from index.errors import IndexDamaged, JawabError
from index.storage.durable import put_in_place

Step = Callable[[sqlite3.Connection], None]
"""Changes a store of one version into one of the next, within a transaction of the caller's."""


class StoreNewer(JawabError):
    """`file` has the version `found`, which a newer Jawab made; this one knows those up to `expected`."""

    code = "store_newer"


def user_version(connection: sqlite3.Connection) -> int:
    """The version that SQLite keeps in the head of the file for its user; 0 where none was ever set."""
    return int(connection.execute("PRAGMA user_version").fetchone()[0])


def set_user_version(connection: sqlite3.Connection, version: int) -> None:
    connection.execute(f"PRAGMA user_version = {version:d}")


@dataclass(frozen=True)
class Versions:
    """The versions of a kind of store: the `current` one, the steps to it (`steps[1]` leads from 1 to 2), and where
    the version stands."""

    current: int
    steps: Mapping[int, Step]
    read: Callable[[sqlite3.Connection], int] = user_version
    write: Callable[[sqlite3.Connection, int], None] = set_user_version


def migrate(connection: sqlite3.Connection, file: Path, versions: Versions) -> None:
    """Bring the store in `file` to the current version; `connection` must be open for writing, in no transaction.

    Raises `StoreNewer`, and SQLite's and the system's errors; the store is then of the version that it had, or of one
    between.
    """
    found = versions.read(connection)
    if found > versions.current:
        raise StoreNewer(file=file, found=found, expected=versions.current)
    if found == versions.current:
        _forget_copies(connection, file)
        return
    _keep_copy(connection, file, found)
    while (found := versions.read(connection)) < versions.current:
        _take_step(connection, versions, found)


def copy_of(file: Path, version: int) -> Path:
    """The place of the copy that is kept of a store of this version."""
    return file.with_name(f"{file.name}.version-{version}")


def copies_of(file: Path) -> list[Path]:
    """The copies that are kept of a store in `file`."""
    # Not one that is still being written.
    found = file.parent.glob(f"{file.name}.version-*")
    return sorted(path for path in found if path.name.rpartition("-")[2].isdecimal())


def copy_store(connection: sqlite3.Connection, target: Path) -> None:
    """Write the store, as its last whole transaction left it, to the new file `target`, and see it on the disk.

    Others may read and write the store meanwhile. Raises SQLite's and the system's errors; then there is no `target`.
    """
    partial = target.with_name(f"{target.name}.partial")
    partial.unlink(missing_ok=True)
    partial.touch(mode=0o600)
    try:
        with closing(sqlite3.connect(partial)) as copy:
            connection.backup(copy)
        put_in_place(partial, target)
    finally:
        partial.unlink(missing_ok=True)


def _keep_copy(connection: sqlite3.Connection, file: Path, version: int) -> None:
    # A migration that goes on finds the copy with which it began; one of an older version may be there from before.
    if not copy_of(file, version).exists():
        copy_store(connection, copy_of(file, version))


def _take_step(connection: sqlite3.Connection, versions: Versions, version: int) -> None:
    connection.execute("BEGIN IMMEDIATE")
    try:
        # Another process may have taken the step while this one waited for the lock.
        if versions.read(connection) == version:
            versions.steps[version](connection)
            versions.write(connection, version + 1)
    except BaseException:
        if connection.in_transaction:
            connection.execute("ROLLBACK")
        raise
    connection.execute("COMMIT")


def _forget_copies(connection: sqlite3.Connection, file: Path) -> None:
    """Remove the copies, once the migrated store was found whole."""
    copies = copies_of(file)
    if not copies:
        return
    ((found,), *_) = connection.execute("PRAGMA quick_check(1)").fetchall()
    if found != "ok":
        raise IndexDamaged(folder=file.parent, detail=str(found))
    for copy in copies:
        copy.unlink(missing_ok=True)
