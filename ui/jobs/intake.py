"""The indexes that jobs are read into."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import closing
from pathlib import Path

from index.build import Progress, update
from index.embed import Embedder
from index.plan import Summary
from index.storage.catalog import Catalog


class IndexIntake:
    """Reads files into collections. `index_of` tells the folder of a collection's index and `embedder` gives the
    embedder; both may raise `JawabError`. `inbox` is the folder that all such files are kept in."""

    def __init__(self, index_of: Callable[[str], Path], embedder: Callable[[], Embedder], inbox: Path) -> None:
        self._index_of = index_of
        self._embedder = embedder
        self._inbox = inbox

    def read(self, collection: str, files: list[Path], progress: Progress) -> Summary:
        """Raises what `update` raises."""
        return update(self._index_of(collection), files, self._embedder(), progress, self._inbox)

    def has_articles_of(self, collection: str, folder: Path) -> bool:
        """Whether articles of a collection come from files of `folder`. Raises what `Catalog.open` raises."""
        with closing(Catalog.open(self._index_of(collection))) as catalog:
            return any(Path(path).is_relative_to(folder.resolve()) for path in catalog.digests_by_path())
