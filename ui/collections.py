"""Which collections there are: an index each, with a name.

The first is the index of the settings; the others are folders beside each other, made in the page. A collection's name
is in its own folder, so that it goes where the folder goes. What is removed stays for a while, so that it can be
brought back.
"""

from __future__ import annotations

import os
import re
import secrets
import shutil
import time
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from index.errors import JawabError
from index.storage.database import storage_errors
from index.storage.writing import held

FIRST = "first"
"""The id of the collection that the settings name."""
LONGEST_NAME = 60
"""Code points of a name."""
_NAME = "name.txt"
_REMOVED = ".removed"
_ID = re.compile(r"[A-Za-z0-9_-]{8,40}")
_UNDO_DAYS = 7


class CollectionMissing(JawabError):
    """There is no such collection, or not any more."""

    code = "collection_missing"


class CollectionExists(JawabError):
    """A collection cannot be moved to `folder`: there is something already."""

    code = "collection_exists"


@dataclass(frozen=True)
class Named:
    """A collection in the list; `name` is empty where nobody has named it."""

    id: str
    name: str


class CollectionFolders:
    """The collections on the disk: the index in `first`, and those in `folder`.

    What changes them raises what `storage_errors` makes of the system's errors: `DiskFull`, `NotAllowed`.
    """

    def __init__(self, first: Path, folder: Path) -> None:
        self._first = first
        self._folder = folder

    def all(self) -> list[Named]:
        """The first one, then the others by name."""
        made = [one.name for one in self._folder.glob("*") if _ID.fullmatch(one.name) and one.is_dir()]
        named = sorted((Named(one, self._name(one)) for one in made), key=lambda one: (one.name.casefold(), one.id))
        return [Named(FIRST, self._name(FIRST)), *named]

    def index_of(self, collection: str) -> Path:
        """The folder of its index. Raises `CollectionMissing`."""
        if collection == FIRST:
            return self._first
        folder = self._folder / collection
        if not _ID.fullmatch(collection) or not folder.is_dir():
            raise CollectionMissing(collection=collection)
        return folder

    def make(self, name: str) -> Named:
        """A new one, with nothing in it yet."""
        made = Named(secrets.token_urlsafe(9), _as_name(name))
        # As one that was removed, until it has its name: where that fails, it is forgotten as those are.
        begun = self._folder / (made.id + _REMOVED)
        with storage_errors(self._folder):
            begun.mkdir(parents=True)
            (begun / _NAME).write_text(made.name, encoding="utf-8")
            begun.rename(self._folder / made.id)
        return made

    def rename(self, collection: str, name: str) -> None:
        """Raises `CollectionMissing`."""
        folder = self.index_of(collection)
        with storage_errors(folder):
            folder.mkdir(parents=True, exist_ok=True)
            (folder / _NAME).write_text(_as_name(name), encoding="utf-8")

    def remove(self, collection: str) -> None:
        """Take one out of the list; the first stays.

        Raises `CollectionMissing`, `CollectionExists`, and `IndexBusy` while somebody writes to its index.
        """
        folder = self.removable(collection)
        with held(folder), storage_errors(folder):
            removed = _move(folder, folder.with_name(collection + _REMOVED))
            os.utime(removed)  # from now on it is counted when it goes for good

    def removable(self, collection: str) -> Path:
        """The folder of a collection that may be removed. Raises `CollectionMissing`."""
        if collection == FIRST:
            raise CollectionMissing(collection=collection)
        return self.index_of(collection)

    def restore(self, collection: str) -> None:
        """Bring back what was removed. Raises `CollectionMissing`, `CollectionExists`."""
        removed = self._folder / (collection + _REMOVED)
        if not _ID.fullmatch(collection) or not removed.is_dir():
            raise CollectionMissing(collection=collection)
        with storage_errors(removed):
            _move(removed, self._folder / collection)

    def forget_removed(self) -> None:
        """Delete what was removed more than a week ago, unless another folder prevents restoring it."""
        for removed in self._folder.glob(f"*{_REMOVED}"):
            in_place = removed.with_name(removed.name.removesuffix(_REMOVED))
            if not in_place.exists() and removed.stat().st_mtime < time.time() - _UNDO_DAYS * 86400:
                shutil.rmtree(removed, ignore_errors=True)

    def _name(self, collection: str) -> str:
        file = self.index_of(collection) / _NAME
        with storage_errors(file.parent):
            return _as_name(file.read_text(encoding="utf-8", errors="replace")) if file.is_file() else ""


def find_named(collections: Iterable[Named], wanted: str) -> Named:
    """The collection of this name or id; the first, if none is wanted. Raises `CollectionMissing`."""
    for one in collections:
        if wanted in (one.id, one.name) or (not wanted and one.id == FIRST):
            return one
    raise CollectionMissing(collection=wanted)


def _move(folder: Path, target: Path) -> Path:
    if target.exists():
        raise CollectionExists(folder=target)
    return folder.rename(target)


def _as_name(text: str) -> str:
    return " ".join(text.split())[:LONGEST_NAME]
