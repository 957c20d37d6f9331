"""Indexing: parses changed files, embeds new passages, and commits the new state in one transaction.

    plan (index/planner.py) → embeddings → one transaction: articles → FAISS → stories

Embeddings are stored as they are computed, so that an interrupted run loses none. The articles change in a single
transaction together with the data derived from them (the FAISS file, the stories), so that a reader sees the old state
or the new one.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Protocol

from index.boilerplate.line_counts import schedule_rechunk, store_lines, update_line_counts
from index.dedup import clustering
from index.embeddings import Embedder, PassageText, Vectors
from index.errors import ArticleMissing, IndexMissing, NothingToIndex
from index.ingestion.discovery import discover_files
from index.ingestion.sandbox import SandboxedParser
from index.planner import IndexingReport, Plan, plan_update
from index.runtime.cancellation import Check, checked, never
from index.storage.catalog import Catalog
from index.storage.writing import changing, writing
from index.vectors.faiss_store import FAISS
from index.vectors.store import ScoredIds, VectorStore

_CHUNK = 64
"""Passages embedded between two commits: about half a minute of work on two cores."""


class Progress(Protocol):
    """Callbacks for progress and cancellation, which the command line shows as a bar and the page as a line."""

    def looked(self, files: int, of: int) -> None:
        """Called with the number of files scanned and the number of all files."""

    def start(self, passages: int) -> None:
        """Called with the number of passages to embed."""

    def advance(self, passages: int) -> None:
        """Called with the number of further passages embedded."""

    def check(self) -> None:
        """Called several times a second, in every stage. An exception from it ends the run without changes."""


def create_index(folder: Path, vectors: VectorStore = FAISS) -> None:
    """Create an empty index in `folder`, if there is none. Raises `DiskFull`, `PermissionDenied`, and the errors of
    `Catalog.open` for an existing index that cannot be read.
    """
    try:
        Catalog.open(folder).close()
    except IndexMissing:
        with writing(folder) as catalog, change_index(catalog, vectors):
            rebuild_derived(catalog, vectors)


def update_index(
    folder: Path,
    paths: Sequence[Path],
    embedder: Embedder,
    progress: Progress | None = None,
    inbox: Path | None = None,
    make: bool = True,
    vectors: VectorStore = FAISS,
) -> IndexingReport:
    """Update the index in `folder` to the current articles of `paths`.

    New articles are added, changed ones updated, and those whose files no longer exist in a folder of `paths` removed;
    articles from other paths are unaffected. `inbox` is a folder without stable file paths: an article there with an id
    of its own updates the one with the same id from an earlier file. Without `make`, a missing index raises
    `IndexMissing`. Raises `PathNotFound`, `NothingToIndex`, `IndexMismatch`, `IndexLocked`, `DiskFull`,
    `PermissionDenied`.
    """
    discovered = discover_files(paths)
    if not discovered.files and not discovered.skipped:
        raise NothingToIndex(path=", ".join(map(str, paths)))
    roots = [path.resolve() for path in paths if path.is_dir()]
    report, check = (progress.looked, progress.check) if progress else (None, never)
    with (writing if make else changing)(folder) as catalog:
        catalog.require(embedder.fingerprint)
        with SandboxedParser(check=check) as parser:
            plan = plan_update(catalog, discovered, roots, parser, report, inbox.resolve() if inbox else None, check)
        plan.summary.passages_embedded = embed_missing(catalog, plan.texts, embedder, progress)
        if plan.changes_anything or vectors.needs_update(catalog) or clustering.unassigned(catalog):
            with change_index(catalog, vectors):
                _apply(catalog, plan, embedder, check)
                rebuild_derived(catalog, vectors, check)
    return plan.summary


def remove_articles(folder: Path, article_ids: Sequence[str], vectors: VectorStore = FAISS) -> list[str]:
    """Remove articles from the index. Returns the files without any remaining article.

    Raises `ArticleMissing` and `IndexMissing`, and then changes nothing.
    """
    with changing(folder) as catalog:
        paths = set()
        for article_id in article_ids:
            path = catalog.path_of(article_id)
            if path is None:
                raise ArticleMissing(article_id=article_id)
            paths.add(path)
        to_rechunk = update_line_counts(catalog, [], catalog.texts_to_remove(article_ids)).to_rechunk
        with change_index(catalog, vectors):
            for article_id in article_ids:
                _remove(catalog, article_id)
            # New passage boundaries would need an embedder, which is not available here.
            schedule_rechunk(catalog, to_rechunk)
            # The file's record is removed too, so that indexing it again restores the article.
            for path in paths:
                catalog.remove_file(path)
            catalog.next_generation()
            rebuild_derived(catalog, vectors)
        return _files_without_articles(catalog, paths)


def embed_missing(
    catalog: Catalog, texts: Mapping[str, PassageText], embedder: Embedder, progress: Progress | None = None
) -> int:
    """Embed the `texts` (by key) without a stored embedding, storing each chunk as soon as it is computed."""
    missing = sorted(catalog.missing_embeddings(texts), key=lambda key: len(texts[key].text))
    if not missing:
        return 0
    if progress:
        progress.start(len(missing))
    with catalog.transaction():
        catalog.set_embedder(embedder.fingerprint)
    for start in range(0, len(missing), _CHUNK):
        keys = missing[start : start + _CHUNK]
        embedded = embedder.embed_passages([texts[key] for key in keys], progress.advance if progress else None)
        with catalog.transaction():
            for key, vectors in zip(keys, embedded, strict=True):
                catalog.put_embedding(key, vectors, texts[key].sentences)
    return len(missing)


@contextmanager
def change_index(catalog: Catalog, vectors: VectorStore = FAISS) -> Iterator[None]:
    """Transaction for changes that include `rebuild_derived`: a reader sees all of them or none."""
    try:
        with catalog.transaction():
            yield
    finally:
        vectors.clean_up(catalog)


def _apply(catalog: Catalog, plan: Plan, embedder: Embedder, check: Check) -> None:
    affected_paths = {path for article_id in plan.leaving if (path := catalog.path_of(article_id))}
    for article_id in checked(plan.leaving, check):
        _remove(catalog, article_id)
    for path in plan.removed_files:
        catalog.remove_file(path)
    for entry in checked(plan.entries, check):
        owner = catalog.owner_of(entry.fingerprint)
        if owner:
            catalog.put_copy(owner[0], entry)
        else:
            store_lines(catalog, catalog.put(entry, check), plan.lines[entry.article.id])
    for number, entry in checked(plan.to_rechunk.items(), check):
        catalog.rechunk(number, entry, check)
    schedule_rechunk(catalog, ())
    for file in checked(plan.files, check):
        catalog.put_file(file)
    if plan.changes_articles:
        catalog.set_embedder(embedder.fingerprint)
        catalog.next_generation()
    plan.summary.vacated = _files_without_articles(catalog, affected_paths)


def _files_without_articles(catalog: Catalog, paths: Iterable[str]) -> list[str]:
    """Return the `paths` without any article or copy."""
    return sorted(path for path in paths if not catalog.comes_from(path))


def _remove(catalog: Catalog, article_id: str) -> None:
    # A copy that replaces the article belongs to the same story.
    if not catalog.has_copies(article_id):
        clustering.detach(catalog, article_id)
    catalog.remove(article_id)


def rebuild_derived(catalog: Catalog, vectors: VectorStore = FAISS, check: Check = never) -> None:
    """Update the vector store and the stories from the articles. Call within `change_index`."""
    if vectors.needs_update(catalog):
        vectors.update(catalog, check)
    unassigned = clustering.unassigned(catalog)
    if not unassigned:
        return
    index = vectors.open(catalog)

    def nearest(query: Vectors, k: int) -> ScoredIds:
        return index.nearest(query, k, catalog)

    clustering.assign_stories(catalog, unassigned, nearest, check)
    catalog.next_generation()
