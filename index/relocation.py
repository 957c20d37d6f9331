"""Adaptation of an index from another machine: its paths, its page checksums, and vectors of another embedder."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path

from index.articles import Span
from index.embeddings import Embedder, PassageText
from index.errors import IndexDamaged
from index.indexer import Progress, change_index, embed_missing, rebuild_derived
from index.planner import text_of
from index.storage.catalog import Catalog
from index.storage.lock import write_lock
from index.storage.rows import COPY, STORED, checksum_of
from index.vectors.faiss_store import FAISS


def settle_in(folder: Path, old_uploads: str, new_uploads: Path, embedder: Embedder, progress: Progress | None) -> int:
    """Make a complete index from a copied catalogue in `folder`; returns the number of passages embedded.

    Paths below `old_uploads` are moved to `new_uploads`. Vectors of another embedder are all computed again; a call
    after an interruption resumes. Raises the errors of `Catalog.open`, and `IndexDamaged` if the catalogue has triggers
    or views.
    """
    with write_lock(folder), closing(Catalog.open_or_create(folder)) as catalog:
        _reject_triggers(catalog)
        with catalog.transaction():
            _move_paths(catalog, old_uploads, str(new_uploads))
        embedded = 0
        if catalog.embedder is not None and (catalog.embedder != embedder.fingerprint or _is_incomplete(catalog)):
            embedded = _embed_again(catalog, embedder, progress)
        with change_index(catalog):
            if FAISS.is_damaged(catalog):
                FAISS.reset(catalog)
            rebuild_derived(catalog)
        catalog.sum_pages()
    return embedded


def _move_paths(catalog: Catalog, old_folder: str, new_folder: str) -> None:
    """Replace the folder `old_folder` by `new_folder` in the paths of articles, copies and files."""
    for table, columns in (("articles", STORED), ("copies", COPY)):
        position = columns.split(", ").index("path")
        for row_id, *row in catalog.rows(f"SELECT rowid, {columns} FROM {table}"):
            if (moved := _moved_path(row[position], old_folder, new_folder)) != row[position]:
                row[position] = moved
                statement = f"UPDATE {table} SET path = ?, checksum = ? WHERE rowid = ?"
                catalog.execute(statement, moved, checksum_of(row), row_id)
    for path in catalog.files():
        if (moved := _moved_path(path, old_folder, new_folder)) != path:
            catalog.execute("UPDATE files SET path = ? WHERE path = ?", moved, path)


def _moved_path(path: str, old_folder: str, new_folder: str) -> str:
    return f"{new_folder}/{path[len(old_folder) + 1 :]}" if path.startswith(f"{old_folder}/") else path


def _reject_triggers(catalog: Catalog) -> None:
    triggers = catalog.rows("SELECT name FROM sqlite_master WHERE type IN ('trigger', 'view')")
    if triggers:
        raise IndexDamaged(folder=catalog.folder, detail=f"trigger or view {triggers[0][0]}")


def _is_incomplete(catalog: Catalog) -> bool:
    """Return whether passages lack vectors, because computing them was interrupted."""
    missing = "SELECT 1 FROM passages WHERE embedding NOT IN (SELECT key FROM embeddings) LIMIT 1"
    return bool(catalog.rows(missing))


def _embed_again(catalog: Catalog, embedder: Embedder, progress: Progress | None) -> int:
    if catalog.embedder != embedder.fingerprint:
        with catalog.transaction():
            catalog.execute("DELETE FROM embeddings")
            catalog.set_embedder(embedder.fingerprint)
            FAISS.reset(catalog)
    return embed_missing(catalog, _texts(catalog), embedder, progress)


def _texts(catalog: Catalog) -> dict[str, PassageText]:
    """Return the passages by the keys of their vectors."""
    texts: dict[str, PassageText] = {}
    for article in catalog.articles():
        rows = catalog.rows(
            'SELECT start, "end", embedding FROM passages WHERE article = (SELECT number FROM articles WHERE id = ?)',
            article.id,
        )
        texts |= {key: text_of(article, Span(start, end)) for start, end, key in rows}
    return texts
