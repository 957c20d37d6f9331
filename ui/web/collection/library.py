"""The collections that are open: each is opened when it is first wanted, and stays open."""

from __future__ import annotations

import threading
from collections.abc import Callable
from pathlib import Path

from ui.collections import FIRST, CollectionFolders, Named
from ui.web.site import Collection


class Library:
    """Collections by their ids. `open_collection` makes one of an id and the folder of its index; it may raise
    `JawabError`. Safe to use from several threads."""

    def __init__(self, folders: CollectionFolders, open_collection: Callable[[str, Path], Collection]) -> None:
        self._folders = folders
        self._open_collection = open_collection
        self._lock = threading.Lock()
        self._open: dict[str, Collection] = {}

    def all(self) -> list[Named]:
        """Those that there are, the first one first."""
        return self._folders.all()

    def find(self, collection: str | None) -> Collection:
        """The collection of this id; the first, where none is named. Raises `CollectionMissing`, and what opening
        one raises."""
        number = collection or FIRST
        folder = self._folders.index_of(number)
        with self._lock:
            if number not in self._open:
                self._open[number] = self._open_collection(number, folder)
            return self._open[number]

    def opened(self) -> list[Collection]:
        """Those that are open."""
        with self._lock:
            return list(self._open.values())

    def make(self, name: str) -> Named:
        """A new one, with nothing in it."""
        return self._folders.make(name)

    def rename(self, collection: str, name: str) -> None:
        """Raises `CollectionMissing`."""
        self._folders.rename(collection, name)

    def remove(self, collection: str) -> None:
        """Takes it out of the list. Raises `CollectionMissing`."""
        self._folders.remove(collection)
        with self._lock:
            closed = self._open.pop(collection, None)
        if closed:
            closed.removals.close()

    def restore(self, collection: str) -> None:
        """Brings it back. Raises `CollectionMissing`."""
        self._folders.restore(collection)

    def close(self) -> None:
        """Ends what waits in each of them."""
        for each in self._open.values():
            each.removals.close()
