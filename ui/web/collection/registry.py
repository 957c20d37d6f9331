"""The collections that are open: each is opened when it is first wanted, and stays open."""

from __future__ import annotations

import threading
from collections.abc import Callable
from pathlib import Path

from ui.collections import DEFAULT_ID, CollectionInfo, CollectionRepository
from ui.web.site import Collection


class CollectionRegistry:
    """Collections by their ids. `open_collection` makes one of an id and the folder of its index; it may raise
    `JawabError`. Safe to use from several threads."""

    def __init__(self, folders: CollectionRepository, open_collection: Callable[[str, Path], Collection]) -> None:
        self._folders = folders
        self._open_collection = open_collection
        self._lock = threading.Lock()
        self._open: dict[str, Collection] = {}

    def all(self) -> list[CollectionInfo]:
        """Those that there are, the first one first."""
        return self._folders.all()

    def find(self, collection: str | None) -> Collection:
        """The collection of this id; the first, where none is named. Raises `CollectionMissing`, and what opening
        one raises."""
        number = collection or DEFAULT_ID
        with self._lock:
            # Within the lock: one that is removed meanwhile is not opened, which would make its folder again.
            folder = self._folders.index_of(number)
            if number not in self._open:
                self._open[number] = self._open_collection(number, folder)
            return self._open[number]

    def opened(self) -> list[Collection]:
        """Those that are open."""
        with self._lock:
            return list(self._open.values())

    def make(self, name: str) -> CollectionInfo:
        """A new one, with nothing in it."""
        return self._folders.make(name)

    def rename(self, collection: str, name: str) -> None:
        """Raises `CollectionMissing`."""
        self._folders.rename(collection, name)

    def remove(self, collection: str) -> None:
        """Takes it out of the list, as it is seen: articles that wait for their removal are removed first.

        Raises `CollectionMissing`, `CollectionExists`, and `IndexBusy` while somebody writes to its index.
        """
        self._folders.removable(collection)
        with self._lock:
            opened = self._open.get(collection)
            if opened:
                opened.removals.finish()
            self._folders.remove(collection)
            self._open.pop(collection, None)
        if opened:
            opened.close()

    def restore(self, collection: str) -> None:
        """Brings it back. Raises `CollectionMissing`, `CollectionExists`."""
        with self._lock:
            self._folders.restore(collection)

    def close(self) -> None:
        """Ends what waits in each of them, and closes it."""
        for each in self._open.values():
            each.close()
