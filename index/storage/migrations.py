"""Migration of a SQLite store of an older version to the current one, step by step, with a copy of the original.

Each step is one transaction that also writes the new version number: if a migration is interrupted, the next opening
continues after the last completed step. The copy of the original is stored beside it until the migrated store has been
opened again and has passed an integrity check.
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
"""Migrates a store from one version to the next, within the caller's transaction."""


class StoreNewer(JawabError):
    """`file` has version `found`, made by a newer Jawab; this one supports versions up to `expected`."""

    code = "store_newer"


def user_version(connection: sqlite3.Connection) -> int:
    """Return `PRAGMA user_version`, from the file's header; 0 where it was never set."""
    return int(connection.execute("PRAGMA user_version").fetchone()[0])


def set_user_version(connection: sqlite3.Connection, version: int) -> None:
    connection.execute(f"PRAGMA user_version = {version:d}")


@dataclass(frozen=True)
class Versions:
    """The versions of a kind of store: the `current` one, the steps to it (`steps[1]` migrates from 1 to 2), and
    functions that read and write the version.
    """

    current: int
    steps: Mapping[int, Step]
    read: Callable[[sqlite3.Connection], int] = user_version
    write: Callable[[sqlite3.Connection, int], None] = set_user_version


def migrate(connection: sqlite3.Connection, file: Path, versions: Versions) -> None:
    """Migrate the store in `file` to the current version; `connection` must be writable and not in a transaction.

    Raises `StoreNewer`, and SQLite's and the system's errors; the store then has its old version or one in between.
    """
    version = versions.read(connection)
    if version > versions.current:
        raise StoreNewer(file=file, found=version, expected=versions.current)
    if version == versions.current:
        _delete_copies(connection, file)
        return
    _keep_copy(connection, file, version)
    while (version := versions.read(connection)) < versions.current:
        _take_step(connection, versions, version)


def copy_of(file: Path, version: int) -> Path:
    """Return the path of the copy of a store of this version."""
    return file.with_name(f"{file.name}.version-{version}")


def copies_of(file: Path) -> list[Path]:
    """Return the copies of the store in `file`."""
    # Excludes one that is still being written.
    paths = file.parent.glob(f"{file.name}.version-*")
    return sorted(path for path in paths if path.name.rpartition("-")[2].isdecimal())


def copy_store(connection: sqlite3.Connection, target: Path) -> None:
    """Write the store, as of its last committed transaction, to the new file `target`, and sync it to the disk.

    The store may be read and written meanwhile. Raises SQLite's and the system's errors; then there is no `target`.
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
    # A continued migration finds the copy made at its start; a copy of an older version may also be there.
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


def _delete_copies(connection: sqlite3.Connection, file: Path) -> None:
    """Remove the copies, if the migrated store passes an integrity check. Raises `IndexDamaged`."""
    copies = copies_of(file)
    if not copies:
        return
    ((result,), *_) = connection.execute("PRAGMA quick_check(1)").fetchall()
    if result != "ok":
        raise IndexDamaged(folder=file.parent, detail=str(result))
    for copy in copies:
        copy.unlink(missing_ok=True)
