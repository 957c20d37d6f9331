"""Repository of collections, each of them an index with a name.

The first is the index of the settings; the others are folders beside each other, created in the page. A collection's
name is stored in its own folder, so that it moves with the folder. A removed collection can be restored for some days.
"""

from __future__ import annotations

import os
import re
import secrets
import shutil
import time
from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from index.errors import JawabError
from index.storage import private
from index.storage.database import storage_errors
from index.storage.durable import sync_folder
from index.storage.json_file import JsonFile
from index.storage.lock import write_lock
from ui.config import RetentionSettings
from ui.errors import RequestError

DEFAULT_ID = "first"
"""Id of the collection whose index is in the settings."""
MAX_NAME_LENGTH = 60
"""Maximum code points of a name."""
_INFO_FILE = "collection.json"
_NAME_FILE_V0 = "name.txt"
"""File with the name in version 0, as plain text."""
VERSION = 1
"""Version of the file with a collection's name; the index has its own version."""
_REMOVED = ".removed"
_ID = re.compile(r"[A-Za-z0-9_-]{8,40}")


class CollectionMissing(RequestError):
    """The collection does not exist, or no longer exists."""

    code = "collection_missing"
    status = 404


class CollectionRemoved(CollectionMissing):
    """The collection was removed, and can still be restored."""

    code = "collection_removed"


class CollectionExists(RequestError):
    """A collection cannot be moved to `folder`, which exists already."""

    code = "collection_exists"
    status = 409


@dataclass(frozen=True)
class CollectionInfo:
    """A collection in the list; `name` is empty if none was given."""

    id: str
    name: str


class CollectionRepository:
    """The collections on disk: the index in `first`, and those in `folder`.

    Methods that change them raise `storage_errors`' errors, such as `DiskFull` and `PermissionDenied`.
    """

    def __init__(self, first: Path, folder: Path) -> None:
        self._first = first
        self._folder = folder

    def all(self) -> list[CollectionInfo]:
        """Return the first collection, then the others by name."""
        ids = [path.name for path in self._folder.glob("*") if _ID.fullmatch(path.name) and path.is_dir()]
        named = sorted(
            (CollectionInfo(collection, self._read_name(collection)) for collection in ids),
            key=lambda info: (info.name.casefold(), info.id),
        )
        return [CollectionInfo(DEFAULT_ID, self._read_name(DEFAULT_ID)), *named]

    def index_of(self, collection: str) -> Path:
        """Return the folder of the index. Raises `CollectionMissing`; `CollectionRemoved` if it can be restored."""
        place = self.place_of(collection)
        if place == self._removed_folder(collection):
            raise CollectionRemoved(collection=collection)
        return place

    def place_of(self, collection: str) -> Path:
        """Return the folder of the index, also of a removed collection. Raises `CollectionMissing`."""
        if collection == DEFAULT_ID:
            return self._first
        folder, removed = self._folder / collection, self._removed_folder(collection)
        # `folder` is checked twice: the collection may be restored between the checks.
        for place in (folder, removed, folder):
            if _ID.fullmatch(collection) and place.is_dir():
                return place
        raise CollectionMissing(collection=collection)

    def places(self) -> list[Path]:
        """Return the folders of all indexes, including removed ones that can be restored."""
        folders = [path for path in self._folder.glob("*") if _ID.fullmatch(path.name.removesuffix(_REMOVED))]
        return [self._first, *(path for path in folders if path.is_dir())]

    def make(self, name: str) -> CollectionInfo:
        """Create an empty collection."""
        info = CollectionInfo(secrets.token_urlsafe(9), _clean_name(name))
        # Created as a removed one until its name is stored: if that fails, `forget_removed` deletes it.
        temporary = self._folder / (info.id + _REMOVED)
        with storage_errors(self._folder):
            private.make_folder(temporary)
            _info_file(temporary).write({"name": info.name})
            temporary.rename(self._folder / info.id)
            sync_folder(self._folder)
        return info

    def rename(self, collection: str, name: str) -> None:
        """Rename a collection. Raises `CollectionMissing`."""
        folder = self.index_of(collection)
        with storage_errors(folder):
            if collection == DEFAULT_ID:
                private.make_folder(folder)
            try:
                _info_file(folder).write({"name": _clean_name(name)})
                (folder / _NAME_FILE_V0).unlink(missing_ok=True)
            except FileNotFoundError as error:  # removed meanwhile
                raise CollectionMissing(collection=collection) from error

    def remove(self, collection: str) -> None:
        """Remove a collection from the list; the first cannot be removed.

        Raises `CollectionMissing`, `CollectionExists`, and `IndexLocked` while its index is being written.
        """
        folder = self.removable(collection)
        with write_lock(folder), storage_errors(folder):
            os.utime(folder)  # the time until final deletion is counted from now
            _move(folder, self._removed_folder(collection))

    def removable(self, collection: str) -> Path:
        """Return the folder of a collection that may be removed. Raises `CollectionMissing`."""
        if collection == DEFAULT_ID:
            raise CollectionMissing(collection=collection)
        return self.index_of(collection)

    def restore(self, collection: str) -> None:
        """Restore a removed collection. Raises `CollectionMissing`, `CollectionExists`."""
        removed = self._removed_folder(collection)
        if not _ID.fullmatch(collection) or not removed.is_dir():
            raise CollectionMissing(collection=collection)
        with storage_errors(removed):
            _move(removed, self._folder / collection)

    def forget_removed(
        self,
        forget_files: Callable[[str], None] = lambda collection: None,
        retention: RetentionSettings | None = None,
    ) -> None:
        """Delete removed collections whose retention period is over, unless a folder with the same id exists.

        Before that, `forget_files` deletes other files of the collection; if it raises `JawabError`, the collection
        stays until the next call.
        """
        days = (retention or RetentionSettings()).deleted_collection_days
        for removed in self._folder.glob(f"*{_REMOVED}"):
            collection = removed.name.removesuffix(_REMOVED)
            is_expired = removed.stat().st_mtime < time.time() - days * 86400
            if is_expired and not removed.with_name(collection).exists():
                with suppress(JawabError, OSError):
                    forget_files(collection)
                    shutil.rmtree(removed, ignore_errors=True)

    def _removed_folder(self, collection: str) -> Path:
        return self._folder / (collection + _REMOVED)

    def _read_name(self, collection: str) -> str:
        folder = self.index_of(collection)
        with storage_errors(folder):
            try:
                name = str(_info_file(folder).read().get("name", ""))
            except FileNotFoundError:
                return _migrate_name(folder)
            except ValueError:
                return ""  # The collection can still be used, and named again.
            with suppress(PermissionError):  # left of a migration that was killed
                (folder / _NAME_FILE_V0).unlink(missing_ok=True)
            return _clean_name(name)


def _info_file(folder: Path) -> JsonFile:
    return JsonFile(folder / _INFO_FILE, VERSION, {})


def _migrate_name(folder: Path) -> str:
    """Read the name of a version 0 collection and store it in the format of this version."""
    old_file = folder / _NAME_FILE_V0
    if not old_file.is_file():
        return ""
    name = _clean_name(old_file.read_text(encoding="utf-8", errors="replace"))
    with suppress(PermissionError):  # without write permission, the older file is read each time
        _info_file(folder).write({"name": name})
        old_file.unlink(missing_ok=True)
    return name


def find_named(collections: Iterable[CollectionInfo], name_or_id: str) -> CollectionInfo:
    """Return the collection with this name or id; the first if `name_or_id` is empty. Raises `CollectionMissing`."""
    for info in collections:
        if name_or_id in (info.id, info.name) or (not name_or_id and info.id == DEFAULT_ID):
            return info
    raise CollectionMissing(collection=name_or_id)


def _move(folder: Path, target: Path) -> None:
    if target.exists():
        raise CollectionExists(folder=target)
    folder.rename(target)
    sync_folder(target.parent)


def _clean_name(text: str) -> str:
    # A lone surrogate can be neither stored nor shown.
    return " ".join(text.encode("utf-8", "replace").decode().split())[:MAX_NAME_LENGTH]
