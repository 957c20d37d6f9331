"""`jawab restore`: restore a backup to the paths of this machine's settings.

Everything is first unpacked beside its target, verified and adapted to this machine, and only then moved. An
interrupted restore of the same file resumes. Existing files are never overwritten: they are an error, or are renamed.
"""

from __future__ import annotations

import json
import os
import shutil
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from dataclasses import astuple, dataclass
from pathlib import Path
from typing import Literal, cast

from index.embeddings import Embedder
from index.errors import JawabError
from index.indexer import Progress
from index.relocation import settle_in
from index.storage import private
from index.storage.database import Database, storage_errors
from index.storage.durable import sync_folder, write_atomically
from index.storage.lock import FILE
from ui.backup.archive import Advance, ArchiveReader, Manifest, Member, digest_of_file
from ui.backup.places import SETTINGS, Places
from ui.collections.repository import CollectionRepository

Phase = Literal["unpacking", "settling", "moving"]


class RestoreTargetNotEmpty(JawabError):
    """The target `folder` of a restore is not empty."""

    code = "restore_target_not_empty"


@dataclass(frozen=True)
class Restored:
    """A finished restore. `embedded` passages were embedded again; `settings` are those of the machine that was backed
    up, by name; `aside` has the new paths of existing files that were renamed."""

    manifest: Manifest
    embedded: int
    settings: dict[str, str]
    aside: tuple[Path, ...]


class Restore:
    """A restore of `archive` into `places`; `embedder` returns the embedder with which the indexes will be searched.

    No other process may use the places meanwhile.
    """

    def __init__(self, archive: ArchiveReader, places: Places, embedder: Callable[[], Embedder]) -> None:
        self._archive = archive
        self._places = places
        self._staged = Places(*(_staged(path) for path in astuple(places)))
        self._embedder = embedder
        self._state_file = self._staged.index.with_suffix(f"{self._staged.index.suffix}.json")

    def run(self, replace: bool, advance: Advance, progress: Progress | None = None) -> Restored:
        """Restore everything; `advance` is given bytes unpacked, `progress` passages that are embedded again.

        Raises `RestoreTargetNotEmpty` if a target is not empty and `replace` is false (else it is renamed),
        `BackupDamaged`, and the errors of `settle_in` and `storage_errors`.
        """
        with storage_errors(self._places.index.parent):
            phase = self._phase()
            if phase != "moving" and not replace:
                self._require_free()
            settings = self._settings()
            if phase == "unpacking":
                self._begin()
                self._unpack(advance)
            embedded = self._settle(progress) if phase != "moving" else 0
            aside = self._move()
        return Restored(self._archive.manifest, embedded, settings, tuple(aside))

    def _phase(self) -> Phase:
        """Return the phase that an earlier restore of this archive reached."""
        saved = self._saved_phase()
        return saved if saved else "unpacking"

    def _saved_phase(self) -> Phase | None:
        try:
            state = json.loads(self._state_file.read_bytes())
        except (FileNotFoundError, ValueError):
            return None
        is_same_archive = isinstance(state, dict) and state.get("archive") == self._archive.digest
        return cast("Phase", state["phase"]) if is_same_archive else None

    def _begin(self) -> None:
        """Delete the staged files of another archive's restore, and record that this one is being unpacked."""
        if self._saved_phase() is None:
            for path in astuple(self._staged):
                _remove(path)
        self._save_phase("unpacking")

    def _save_phase(self, phase: Phase) -> None:
        private.make_folder(self._state_file.parent)
        write_atomically(self._state_file, json.dumps({"archive": self._archive.digest, "phase": phase}).encode())

    def _require_free(self) -> None:
        tables = {self._places.conversations: "conversations", self._places.jobs: "jobs"}
        for place in self._targets():
            table = tables.get(place)
            if not (_is_empty(place, table) if table else _is_free(place)):
                raise RestoreTargetNotEmpty(folder=place)

    def _targets(self) -> Iterator[Path]:
        """Yield the places that members of the archive are restored to."""
        paths = [self._places.path_of(member.name) for member in self._archive.manifest.members]
        for place in astuple(self._places):
            if any(path is not None and path.is_relative_to(place) for path in paths):
                yield place

    def _settings(self) -> dict[str, str]:
        for member in self._archive.manifest.members:
            if member.name == SETTINGS:
                values = self._archive.json_of(b"".join(self._archive.content(member)))
                return {str(name): str(value) for name, value in values.items()}
        return {}

    def _unpack(self, advance: Advance) -> None:
        for member in self._archive.manifest.members:
            path = self._staged.path_of(member.name)
            if path is None or _is_unpacked(path, member):
                advance(member.size)
                continue
            private.make_folder(path.parent)
            path.unlink(missing_ok=True)
            with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
                for chunk in self._archive.content(member):
                    file.write(chunk)
                    advance(len(chunk))
                os.fsync(file.fileno())
        self._save_phase("settling")

    def _settle(self, progress: Progress | None) -> int:
        """Adapt the unpacked indexes to this machine; return the number of passages embedded."""
        embedded = 0
        repository = CollectionRepository(self._staged.index, self._staged.collections)
        manifest = self._archive.manifest
        for collection in manifest.collections:
            folder = repository.index_of(collection.id)
            if collection.name:
                repository.rename(collection.id, collection.name)
            uploads = self._places.uploads.resolve()
            embedded += settle_in(folder, manifest.uploads, uploads, self._embedder(), progress)
        self._save_phase("moving")
        return embedded

    def _move(self) -> list[Path]:
        """Move staged files to their places, indexes last; return the new paths of existing files."""
        aside = []
        now = time.strftime("%Y-%m-%d-%H%M%S")
        for staged, place in reversed(list(zip(astuple(self._staged), astuple(self._places), strict=True))):
            if not staged.exists():
                continue
            for existing in _files_of(place):
                if existing.is_dir() and not any(existing.iterdir()):
                    existing.rmdir()
                else:
                    aside.append(existing.rename(existing.with_name(f"{existing.name}.before-restore-{now}")))
            staged.rename(place)
            sync_folder(place.parent)
        self._state_file.unlink(missing_ok=True)
        return aside


def _staged(place: Path) -> Path:
    return place.with_name(f"{place.name}.restoring")


def _remove(path: Path) -> None:
    if path.is_dir():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)


def _files_of(place: Path) -> Sequence[Path]:
    """Return the existing files of a place: a folder, or a database with its `-wal` and `-shm` files."""
    return [
        path
        for path in (place, *(place.with_name(place.name + suffix) for suffix in ("-wal", "-shm")))
        if path.exists()
    ]


def _is_unpacked(path: Path, member: Member) -> bool:
    """Return whether a member was completely unpacked by an earlier run."""
    return path.is_file() and path.stat().st_size == member.size and digest_of_file(path) == member.sha256


def _is_free(folder: Path) -> bool:
    """Return whether a folder can be replaced without loss: it is missing, empty, or has an empty index."""
    if not folder.exists():
        return True
    contents = [path for path in folder.iterdir() if path.suffix != ".lock"]
    return not contents or ((folder / FILE).is_file() and _is_empty(folder / FILE, "articles"))


def _is_empty(database: Path, table: str) -> bool:
    """Return whether a database is missing or has no rows in `table`."""
    if not database.exists():
        return True
    with closing(Database(database, writable=False)) as rows:
        return not rows.rows(f"SELECT 1 FROM {table} LIMIT 1")
