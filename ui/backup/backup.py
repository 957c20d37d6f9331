"""`jawab backup`: write one archive of a collection or of everything; a server may be running.

Each database is copied as of its last committed transaction, the jobs before the indexes: a job that ends in between
runs again after a restore, which changes nothing. Then the uploaded files that they refer to are added. Keys, logins
and passwords are not in the archive.
"""

from __future__ import annotations

import datetime
import fcntl
import json
import re
import shutil
import stat
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path

from index.errors import FileExists, IndexMissing, JawabError
from index.storage import private
from index.storage.catalog import Catalog
from index.storage.database import Database, storage_errors
from index.storage.lock import FILE
from index.storage.migrations import copy_store
from index.vectors.faiss_store import FAISS
from ui.backup.archive import Advance, ArchivedCollection, Manifest, Source, finish, write_members
from ui.backup.places import COLLECTIONS, CONVERSATIONS, JOBS, SETTINGS, UPLOADS, Places
from ui.collections.repository import CollectionInfo, CollectionRepository
from ui.config import Config
from ui.jobs.repository import JOBS as JOB_FILES

_CREDENTIALS = re.compile(r"//[^/@]*@")


class BackupInProgress(JawabError):
    """Another process is writing the backup `file`."""

    code = "backup_in_progress"
    retryable = True


@dataclass(frozen=True)
class Backup:
    """A finished backup: its file and contents."""

    file: Path
    manifest: Manifest


def back_up(config: Config, target: Path, advance: Advance, first_only: bool = False) -> Backup:
    """Write a backup of everything, or of the first collection alone with its uploaded files, to the new file `target`.

    An interrupted backup resumes when it is run again. Raises `FileExists`, `BackupInProgress`, `IndexMissing`,
    `IndexDamaged`, and `storage_errors`' errors.
    """
    if target.exists():
        raise FileExists(file=target)
    places = Places.of(config)
    partial = target.with_name(f"{target.name}.partial")
    with storage_errors(target.parent), _exclusive(target, partial):
        snapshot_folder = target.with_name(f"{target.name}.snapshots")
        _remove(snapshot_folder)
        snapshot_folder.mkdir(mode=private.FOLDER)
        try:
            snapshots = _take_snapshots(config, places, snapshot_folder, first_only)
            # Uploaded files first: they never change, so that a resumed run finds them in the archive.
            members, missing = write_members(partial, [*snapshots.uploads(), *snapshots.sources], advance)
        finally:
            _remove(snapshot_folder)
        manifest = Manifest(
            made=datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
            jawab=version("jawab"),
            uploads=str(places.uploads.resolve()),
            collections=tuple(snapshots.copied),
            members=tuple(members),
            missing=tuple(missing),
        )
        finish(partial, manifest, target)
    return Backup(target, manifest)


def _take_snapshots(config: Config, places: Places, folder: Path, first_only: bool) -> _Snapshots:
    snapshots = _Snapshots(places, folder)
    if not first_only:
        snapshots.databases()
        snapshots.settings(config)
    collections = CollectionRepository(config.paths.index, config.paths.collections).all()
    snapshots.collections(collections[:1] if first_only else collections)
    return snapshots


@contextmanager
def _exclusive(target: Path, partial: Path) -> Iterator[None]:
    """Create and lock `partial`, for one process at a time; delete it at the end if it is empty."""
    with open(partial, "ab", opener=private.opener) as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise BackupInProgress(file=target) from error
        try:
            yield
        finally:
            if partial.exists() and not partial.stat().st_size:
                partial.unlink()


def _remove(folder: Path) -> None:
    if folder.exists():
        shutil.rmtree(folder)


class _Snapshots:
    """Copies of the databases in `folder`, as `sources` of the archive; `copied` lists the collections."""

    def __init__(self, places: Places, folder: Path) -> None:
        self._places = places
        self._folder = folder
        self._referenced: set[Path] = set()
        self.sources: list[Source] = []
        self.copied: list[ArchivedCollection] = []

    def databases(self) -> None:
        """Copy conversations and jobs, and collect the files of jobs that have not ended."""
        for name, file in ((JOBS, self._places.jobs), (CONVERSATIONS, self._places.conversations)):
            if file.is_file():
                with closing(Database(file, writable=False)) as database:
                    self._copy(database, name)
        if self._places.jobs.is_file():
            with closing(Database(self._folder / JOBS, writable=False)) as jobs:
                for (job,) in jobs.rows("SELECT id FROM jobs WHERE state IN ('queued', 'reading')"):
                    self._referenced |= set((self._places.uploads.resolve() / JOB_FILES / job).rglob("*"))

    def settings(self, config: Config) -> None:
        """Write the settings that are set, without secrets."""
        values = {
            setting.name: str(setting.value)
            for setting in config.settings()
            if setting.is_set and not setting.is_secret
        }
        if "llm" in values:
            values["llm"] = _CREDENTIALS.sub("//", values["llm"])
        path = self._folder / SETTINGS
        path.write_text(json.dumps(values, ensure_ascii=False, indent=1), encoding="utf-8")
        self.sources.append(Source(SETTINGS, path))

    def collections(self, infos: Sequence[CollectionInfo]) -> None:
        """Copy the indexes of collections. Raises `IndexMissing` if there are none."""
        for info in infos:
            # The first collection has no index until something is indexed.
            with suppress(IndexMissing):
                self._collection(info)
        if not self.copied:
            raise IndexMissing(folder=self._places.index)

    def _collection(self, info: CollectionInfo) -> None:
        folder, prefix = self._places.index_of(info.id), f"{COLLECTIONS}/{info.id}"
        with closing(Catalog.open(folder)) as catalog, catalog.connection() as connection:
            copy = self._folder / prefix / FILE
            copy.parent.mkdir(parents=True)
            copy_store(connection, copy)
        self.sources.append(Source(f"{prefix}/{FILE}", copy))
        with closing(Catalog.open(copy.parent)) as catalog:
            self.copied.append(ArchivedCollection(info.id, info.name, catalog.count_articles(), catalog.embedder))
            self._referenced |= {Path(path) for path in (*catalog.files(), *catalog.digests_by_path())}
            files = FAISS.files(catalog)
        # They could be rebuilt; with them, searches of the restored index give identical results.
        present = [name for name in files if (folder / name).is_file()]
        self.sources += [Source(f"{prefix}/{name}", folder / name) for name in present]

    def uploads(self) -> list[Source]:
        """Return the uploaded files that an index or a job refers to."""
        root = self._places.uploads.resolve()
        referenced = sorted(path for path in self._referenced if path.is_relative_to(root))
        return [Source(f"{UPLOADS}/{path.relative_to(root)}", path) for path in referenced if _is_regular_file(path)]

    def _copy(self, database: Database, name: str) -> None:
        with database.connection() as connection:
            copy_store(connection, self._folder / name)
        self.sources.append(Source(name, self._folder / name))


def _is_regular_file(path: Path) -> bool:
    """Return whether it is a regular file, not a link; also true if it no longer exists, which the manifest reports."""
    try:
        return stat.S_ISREG(path.lstat().st_mode)
    except FileNotFoundError:
        return True
