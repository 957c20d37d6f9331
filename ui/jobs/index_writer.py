"""Indexing of uploaded files into collections."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import closing
from pathlib import Path

from index.embeddings import Embedder
from index.errors import IndexMissing
from index.indexer import Progress, update_index
from index.planner import IndexingReport
from index.storage.catalog import Catalog
from ui.collections.repository import CollectionMissing, CollectionRemoved, CollectionRepository
from ui.jobs.uploaded_files import UploadedFiles


class IndexWriter:
    """Index `uploaded` files into `collections`. `embedder` returns the embedder; it may raise `JawabError`."""

    def __init__(
        self, collections: CollectionRepository, embedder: Callable[[], Embedder], uploaded: UploadedFiles
    ) -> None:
        self._collections = collections
        self._embedder = embedder
        self._uploaded = uploaded

    def is_away(self, collection: str) -> bool:
        """Return True if a collection is removed but can be restored."""
        try:
            self._collections.index_of(collection)
        except CollectionRemoved:
            return True
        except CollectionMissing:
            pass
        return False

    def read(self, collection: str, files: list[Path], progress: Progress) -> IndexingReport:
        """Index files. Raises `CollectionMissing`, `CollectionRemoved` and the errors of `update_index`."""
        folder = self._collections.index_of(collection)
        try:
            summary = update_index(folder, files, self._embedder(), progress, self._uploaded.folder, make=False)
        except IndexMissing:
            self._collections.index_of(collection)  # raises if the collection was removed meanwhile
            raise
        self._uploaded.delete_vacated(summary.vacated)
        return summary

    def has_articles_of(self, collection: str, folder: Path) -> bool:
        """Return True if articles of a collection come from files in `folder`. Raises the errors of `Catalog.open`."""
        try:
            index = self._collections.place_of(collection)
        except CollectionMissing:
            return False
        with closing(Catalog.open(index)) as catalog:
            return bool(catalog.paths_in(folder.resolve()))
