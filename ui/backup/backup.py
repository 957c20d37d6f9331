"""`jawab backup`: one archive of a collection or of everything, made while a server may be running.

Each database is copied as its last whole transaction left it, the jobs before the indexes: a job that ends in between
is done once more after a restore, which changes nothing. Then the uploaded files that they name are added. Keys,
logins and passwords are not in the archive.
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
from index.retrieval.faiss_file import stored_metadata
from index.storage import private
from index.storage.catalog import Catalog
from index.storage.database import Database, storage_errors
from index.storage.lock import FILE
from index.storage.migrations import copy_store
from ui.backup.archive import Advance, ArchivedCollection, Manifest, Source, finish, write_members
from ui.backup.places import COLLECTIONS, CONVERSATIONS, JOBS, SETTINGS, UPLOADS, Places
from ui.collections import CollectionInfo, CollectionRepository
from ui.jobs.repository import JOBS as JOB_FILES
from ui.settings import Settings

_SECRET = frozenset({"password", "llm_key"})
_CREDENTIALS = re.compile(r"//[^/@]*@")


class BackupUnderWay(JawabError):
    """Another process is writing the backup `file`."""

    code = "backup_under_way"
    retryable = True


@dataclass(frozen=True)
class Backup:
    """A finished backup: its file and what is in it."""

    file: Path
    manifest: Manifest


def back_up(settings: Settings, target: Path, advance: Advance, first_only: bool = False) -> Backup:
    """Write a backup of everything, or of the first collection alone with its uploaded files, to the new file `target`.

    Broken off, it goes on where it was when it is run again. Raises `FileExists`, `BackupUnderWay`, `IndexMissing`,
    `IndexDamaged`, and `storage_errors`' errors.
    """
    if target.exists():
        raise FileExists(file=target)
    places = Places.of(settings)
    partial = target.with_name(f"{target.name}.partial")
    with storage_errors(target.parent), _alone(target, partial):
        snapshots = target.with_name(f"{target.name}.snapshots")
        _remove(snapshots)
        snapshots.mkdir(mode=private.FOLDER)
        try:
            taken = _taken(settings, places, snapshots, first_only)
            # Uploaded files first: they never change, so that a run that goes on finds them in the archive.
            members, missing = write_members(partial, [*taken.uploads(), *taken.sources], advance)
        finally:
            _remove(snapshots)
        manifest = Manifest(
            made=datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
            jawab=version("jawab"),
            uploads=str(places.uploads.resolve()),
            collections=tuple(taken.copied),
            members=tuple(members),
            missing=tuple(missing),
        )
        finish(partial, manifest, target)
    return Backup(target, manifest)


def _taken(settings: Settings, places: Places, folder: Path, first_only: bool) -> _Snapshots:
    taken = _Snapshots(places, folder)
    if not first_only:
        taken.databases()
        taken.settings(settings)
    named = CollectionRepository(settings.index, settings.collections).all()
    taken.collections(named[:1] if first_only else named)
    return taken


@contextmanager
def _alone(target: Path, partial: Path) -> Iterator[None]:
    """One process at a time writes to `partial`, which is there; it goes where nothing was written."""
    with open(partial, "ab", opener=private.opener) as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise BackupUnderWay(file=target) from error
        try:
            yield
        finally:
            if partial.exists() and not partial.stat().st_size:
                partial.unlink()


def _remove(folder: Path) -> None:
    if folder.exists():
        shutil.rmtree(folder)


class _Snapshots:
    """Copies of the databases in `folder`, as `sources` of the archive; `copied` tells of the collections."""

    def __init__(self, places: Places, folder: Path) -> None:
        self._places = places
        self._folder = folder
        self._named: set[Path] = set()
        self.sources: list[Source] = []
        self.copied: list[ArchivedCollection] = []

    def databases(self) -> None:
        """The conversations and the jobs, and the files of jobs that have not ended."""
        for name, file in ((JOBS, self._places.jobs), (CONVERSATIONS, self._places.conversations)):
            if file.is_file():
                with closing(Database(file, writable=False)) as database:
                    self._copy(database, name)
        if self._places.jobs.is_file():
            with closing(Database(self._folder / JOBS, writable=False)) as jobs:
                for (job,) in jobs.rows("SELECT id FROM jobs WHERE state IN ('queued', 'reading')"):
                    self._named |= set((self._places.uploads.resolve() / JOB_FILES / job).rglob("*"))

    def settings(self, settings: Settings) -> None:
        """The settings that somebody made, but for secrets."""
        made = {name: str(getattr(settings, name)) for name in sorted(settings.model_fields_set - _SECRET)}
        if "llm" in made:
            made["llm"] = _CREDENTIALS.sub("//", made["llm"])
        path = self._folder / SETTINGS
        path.write_text(json.dumps(made, ensure_ascii=False, indent=1), encoding="utf-8")
        self.sources.append(Source(SETTINGS, path))

    def collections(self, named: Sequence[CollectionInfo]) -> None:
        """The indexes of collections. Raises `IndexMissing` where there is none at all."""
        for one in named:
            # The first collection has no index before something is put into it.
            with suppress(IndexMissing):
                self._collection(one)
        if not self.copied:
            raise IndexMissing(folder=self._places.index)

    def _collection(self, named: CollectionInfo) -> None:
        folder, prefix = self._places.index_of(named.id), f"{COLLECTIONS}/{named.id}"
        with closing(Catalog.open(folder)) as catalog, catalog.connection() as connection:
            copy = self._folder / prefix / FILE
            copy.parent.mkdir(parents=True)
            copy_store(connection, copy)
        self.sources.append(Source(f"{prefix}/{FILE}", copy))
        with closing(Catalog.open(copy.parent)) as catalog:
            self.copied.append(ArchivedCollection(named.id, named.name, catalog.count_articles(), catalog.embedder))
            self._named |= {Path(path) for path in (*catalog.files(), *catalog.digests_by_path())}
            vectors = stored_metadata(catalog)
        if vectors and (folder / vectors.file).is_file():
            # Made again where it has gone; with it, searches of the restored index find the very same.
            self.sources.append(Source(f"{prefix}/{vectors.file}", folder / vectors.file))

    def uploads(self) -> list[Source]:
        """The uploaded files that an index or a job names."""
        root = self._places.uploads.resolve()
        named = sorted(path for path in self._named if path.is_relative_to(root))
        return [Source(f"{UPLOADS}/{path.relative_to(root)}", path) for path in named if _is_plain(path)]

    def _copy(self, database: Database, name: str) -> None:
        with database.connection() as connection:
            copy_store(connection, self._folder / name)
        self.sources.append(Source(name, self._folder / name))


def _is_plain(path: Path) -> bool:
    """Whether it is a file and not a link, or has gone, which the archive tells."""
    try:
        return stat.S_ISREG(path.lstat().st_mode)
    except FileNotFoundError:
        return True
