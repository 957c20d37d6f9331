"""Registry of open collections: each is opened on first use and stays open."""

from __future__ import annotations

import threading
from collections.abc import Callable
from pathlib import Path

from ui.collections.repository import DEFAULT_ID, CollectionInfo, CollectionRepository
from ui.services import Collection


class CollectionRegistry:
    """Collections by id. `open_collection` opens one from its id and index folder; it may raise `JawabError`.
    Thread-safe."""

    def __init__(self, repository: CollectionRepository, open_collection: Callable[[str, Path], Collection]) -> None:
        self._repository = repository
        self._open_collection = open_collection
        self._lock = threading.Lock()
        self._open: dict[str, Collection] = {}

    def all(self) -> list[CollectionInfo]:
        """Return all existing collections, the default one first."""
        return self._repository.all()

    def find(self, collection: str | None) -> Collection:
        """Return the collection with this id; the default one if the id is `None` or empty. Raises
        `CollectionMissing`, and the `JawabError` of opening it."""
        collection_id = collection or DEFAULT_ID
        with self._lock:
            # Within the lock: opening a collection that is removed meanwhile would create its folder again.
            folder = self._repository.index_of(collection_id)
            if collection_id not in self._open:
                self._open[collection_id] = self._open_collection(collection_id, folder)
            return self._open[collection_id]

    def opened(self) -> list[Collection]:
        """Return the open collections."""
        with self._lock:
            return list(self._open.values())

    def make(self, name: str) -> CollectionInfo:
        """Create an empty collection."""
        return self._repository.make(name)

    def rename(self, collection: str, name: str) -> None:
        """Rename a collection. Raises `CollectionMissing`."""
        self._repository.rename(collection, name)

    def remove(self, collection: str) -> None:
        """Remove a collection from the list. Pending deletions of its articles are carried out first.

        Raises `CollectionMissing`, `CollectionExists`, and `IndexLocked` while its index is being written.
        """
        self._repository.removable(collection)
        with self._lock:
            opened = self._open.get(collection)
            if opened:
                opened.pending_deletions.finish()
            self._repository.remove(collection)
            self._open.pop(collection, None)
        if opened:
            opened.close()

    def restore(self, collection: str) -> None:
        """Restore a removed collection. Raises `CollectionMissing`, `CollectionExists`."""
        with self._lock:
            self._repository.restore(collection)

    def close(self) -> None:
        """Carry out the pending deletions of each collection and close it."""
        for collection in self._open.values():
            collection.close()
