"""Integrity check of an index, and recovery of a damaged one.

A repair never changes the damaged file. Rows that can be read and match their checksums are copied to a new catalogue,
which then replaces the old one; the damaged files are preserved in a folder beside it. Passages, keywords, stories and
the FAISS file are rebuilt from the articles, and lost embeddings are computed again. Only an article whose own text is
damaged is lost, and its id is reported: the next `jawab index` parses its file again. An index of another version is
not damaged, and is left unchanged.
"""

from __future__ import annotations

import os
import secrets
import shutil
import time
from collections.abc import Callable, Sequence
from contextlib import closing, suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TypeVar

from index.boilerplate.line_counts import copy_lines
from index.embeddings import Embedder, PassageText
from index.errors import IndexDamaged, IndexMismatch, IndexMissing, IndexVersion
from index.indexer import Progress, change_index, embed_missing, rebuild_derived
from index.planner import with_passages
from index.storage import private
from index.storage.catalog import Catalog
from index.storage.database import storage_errors
from index.storage.durable import sync_folder
from index.storage.entries import Entry
from index.storage.lock import FILE, LOCK, REPAIRING, write_lock
from index.storage.page_checksums import damaged_pages, restore_schema_pages
from index.storage.rows import COPY, EMBEDDING, STORED, article_of, checksum_of
from index.vectors.faiss_store import FAISS

_Read = TypeVar("_Read")


@dataclass(frozen=True)
class IntegrityReport:
    """Damage found: number of catalogue pages, an error in its structure, damage of the FAISS file."""

    pages: int
    structure: str | None
    vectors: bool

    def __bool__(self) -> bool:
        return bool(self.pages or self.structure or self.vectors)


@dataclass(frozen=True)
class RecoveryReport:
    """Numbers of articles saved and embeddings computed again, ids of lost articles, folder of the damaged files."""

    articles: int
    embedded: int
    lost: tuple[str, ...]
    damaged_files: Path


def check_integrity(folder: Path) -> IntegrityReport:
    """Check every byte of the index in `folder`.

    Raises `IndexMissing`, `IndexVersion`, and `IndexLocked` while another process writes to it.
    """
    file = folder / FILE
    if not file.is_file():
        raise IndexMissing(folder=folder)
    with write_lock(folder):
        damaged = damaged_pages(file)
        try:
            with closing(Catalog.open_unchecked(folder)) as catalog:
                _check_version(catalog, damaged)
                ((result,), *_) = catalog.rows("PRAGMA quick_check(1)")
                return IntegrityReport(len(damaged), None if result == "ok" else str(result), FAISS.is_damaged(catalog))
        except IndexDamaged as error:
            return IntegrityReport(len(damaged), str(error.fields["detail"]), True)


def repair(folder: Path, embedder: Embedder, progress: Progress | None = None) -> RecoveryReport:
    """Repair the index in `folder`; a process that has it open must be restarted.

    Raises `IndexMissing`, `IndexVersion`, `IndexLocked`, `IndexMismatch`, `DiskFull`, and `IndexDamaged` where nothing
    can be read; then everything is left as it was.
    """
    if not (folder / FILE).is_file():
        raise IndexMissing(folder=folder)
    workspace = folder / REPAIRING
    with write_lock(folder), storage_errors(folder):
        shutil.rmtree(workspace, ignore_errors=True)
        try:
            damaged = damaged_pages(folder / FILE)
            with (
                closing(_readable_copy(folder, workspace / "old", damaged)) as old,
                closing(Catalog.open_or_create(workspace / "new")) as new,
            ):
                _check_repairable(old, folder, damaged, embedder)
                articles, embedded, lost = _save(old, new, embedder, progress)
            damaged_files = _copy_damaged(folder, workspace / "damaged")
            _replace_files(workspace / "new", folder)
        finally:
            shutil.rmtree(workspace, ignore_errors=True)
    return RecoveryReport(articles, embedded, lost, damaged_files)


def _readable_copy(folder: Path, target: Path, damaged: Sequence[int]) -> Catalog:
    private.make_folder(target)
    for path in _files(folder):
        shutil.copy2(path, target / path.name)
    restore_schema_pages(target / FILE, damaged)
    return Catalog.open_unchecked(target)


def _files(folder: Path) -> list[Path]:
    """Return the catalogue's file, its log and its checksums."""
    return list(folder.glob(f"{FILE.partition('.')[0]}.*"))


def _check_repairable(old: Catalog, folder: Path, damaged: Sequence[int], embedder: Embedder) -> None:
    """Raise `IndexVersion`, `IndexMissing` or `IndexMismatch` where this program cannot repair the index."""
    try:
        # If the version record is damaged, the readable articles are saved nevertheless.
        with suppress(IndexDamaged):
            _check_version(old, damaged)
    except (IndexMissing, IndexVersion) as error:
        raise type(error)(**{**error.fields, "folder": folder}) from error
    fingerprint = _meta(old, "embedder")
    if fingerprint not in (None, embedder.fingerprint):
        raise IndexMismatch(folder=folder, found=fingerprint, expected=embedder.fingerprint)


def _check_version(catalog: Catalog, damaged: Sequence[int]) -> None:
    """Raise `IndexVersion` where another version made the index, `IndexMissing` where the file has no tables,
    `IndexDamaged` where the version record is damaged.
    """
    try:
        catalog.check_version()
    except (IndexMissing, IndexVersion) as error:
        if damaged and (isinstance(error, IndexMissing) or not _meta_pages(catalog).isdisjoint(damaged)):
            raise IndexDamaged(folder=catalog.folder, detail=str(error)) from error
        raise


def _meta_pages(catalog: Catalog) -> set[int]:
    """Return the pages that store the version."""
    names = "('meta', 'sqlite_autoindex_meta_1')"
    return {page for (page,) in catalog.rows(f"SELECT pageno FROM dbstat WHERE name IN {names}")}


def _save(
    old: Catalog, new: Catalog, embedder: Embedder, progress: Progress | None
) -> tuple[int, int, tuple[str, ...]]:
    """Return the numbers of articles saved and of embeddings computed again, and the ids of lost articles."""
    texts: dict[str, PassageText] = {}
    readable, lost = _articles(old, texts)
    with new.transaction():
        for number, entry in readable:
            owner = new.put(entry)
            for copy in _copies(old, number):
                new.put_copy(owner, copy)
            # Unreadable lines are not counted: counts only fall, so no further line is ignored.
            with suppress(IndexDamaged):
                copy_lines(old, number, new, owner)
        for key in texts:
            _keep_embedding(old, new, key)
        new.set_embedder(embedder.fingerprint)
    embedded = embed_missing(new, texts, embedder, progress)
    with change_index(new):
        new.set_meta("generation", _meta(old, "generation") or "0")
        new.next_generation()
        rebuild_derived(new)
    return len(readable), embedded, tuple(lost)


def _articles(old: Catalog, texts: dict[str, PassageText]) -> tuple[list[tuple[int, Entry]], list[str]]:
    """Return the readable articles, and the ids of the others. Raises `IndexDamaged` where none is readable."""
    readable: list[tuple[int, Entry]] = []
    lost: list[str] = []
    for number in range(1, _last(old, "articles") + 1):
        try:
            entry = _with_retry(partial(_article, old, number, texts))
        except IndexDamaged:
            lost.append(_id_or_number(old, number))
        else:
            readable += [(number, entry)] if entry else []
    if lost and not readable:
        raise IndexDamaged(folder=old.folder.parent.parent, detail=f"none of {len(lost)} articles can be read")
    return readable, lost


def _article(old: Catalog, number: int, texts: dict[str, PassageText]) -> Entry | None:
    """Return the article with this number, if any. Raises `IndexDamaged` where its row fails its checksum."""
    rows = old.rows(f"SELECT {STORED}, checksum FROM articles WHERE number = ?", number)
    if not rows:
        return None
    *row, checksum = rows[0]
    if checksum_of(row) != checksum:
        raise IndexDamaged(folder=old.folder, detail=f"article {number}")
    article, path, digest, fingerprint = article_of(row)
    return with_passages(Entry(article, path, digest, fingerprint), texts)


def _id_or_number(old: Catalog, number: int) -> str:
    """Return the id of a lost article, or its number where the id cannot be read."""
    try:
        return str(old.rows("SELECT id FROM articles WHERE number = ?", number)[0][0])
    except IndexDamaged:
        return f"#{number}"


def _copies(old: Catalog, number: int) -> list[Entry]:
    try:
        return _with_retry(partial(_readable_copies, old, number))
    except IndexDamaged:
        return []  # The next `jawab index` parses all files again, including theirs.


def _readable_copies(old: Catalog, number: int) -> list[Entry]:
    rows = old.rows(f"SELECT {COPY}, checksum FROM copies WHERE article = ?", number)
    intact = {row[0] for row in rows if checksum_of(row[:-1]) == row[-1]}
    return [copy for copy in old.copies_of(number) if copy.article.id in intact]


def _keep_embedding(old: Catalog, new: Catalog, key: str) -> None:
    """Copy the vectors of `key` if they match their checksum; otherwise they are computed again."""
    try:
        rows = old.rows(f"SELECT {EMBEDDING}, checksum FROM embeddings WHERE key = ?", key)
    except IndexDamaged:
        return
    if rows and checksum_of(rows[0][:-1]) == rows[0][-1]:
        new.execute(f"INSERT OR REPLACE INTO embeddings VALUES ({', '.join('?' * len(rows[0]))})", *rows[0])


def _last(old: Catalog, table: str) -> int:
    for query in (f"SELECT seq FROM sqlite_sequence WHERE name = '{table}'", f"SELECT max(number) FROM {table}"):
        try:
            rows = _with_retry(partial(old.rows, query))
        except IndexDamaged:
            continue
        if rows and isinstance(rows[0][0], int):
            return rows[0][0]
    raise IndexDamaged(folder=old.folder.parent.parent, detail=f"nothing of {table} can be read")


def _with_retry(read: Callable[[], _Read]) -> _Read:
    """Return the result of `read`, tried twice: SQLite reports a transient disk failure as damage, and real damage
    persists.
    """
    try:
        return read()
    except IndexDamaged:
        return read()


def _meta(old: Catalog, key: str) -> str | None:
    try:
        rows = _with_retry(partial(old.rows, "SELECT value FROM meta WHERE key = ?", key))
    except IndexDamaged:
        return None
    return str(rows[0][0]) if rows else None


def _copy_damaged(folder: Path, staging: Path) -> Path:
    """Put the damaged files, under their own names, into a folder beside them, for further recovery by hand."""
    private.make_folder(staging)
    for path in _files(folder):
        if path.name.endswith("-shm"):
            continue  # memory that open connections share
        try:
            os.link(path, staging / path.name)
        except OSError:  # a file system without hard links
            shutil.copy2(path, staging / path.name)
    target = folder / f"damaged-{time.strftime('%Y-%m-%d-%H%M%S')}-{secrets.token_hex(2)}"
    return staging.rename(target)


def _replace_files(new: Path, folder: Path) -> None:
    """Replace the damaged files by the new ones.

    At every moment there is one catalogue or the other, and until all files are replaced it counts as damaged: it has
    the other's checksums, or none for its first pages.
    """
    mode = private.mode_like(folder / FILE)
    for path in new.iterdir():
        path.chmod(mode)
    for ending in (".sqlite-wal", ".sqlite-shm", ".head"):
        # Neither the log nor the first pages of the damaged catalogue may be applied to the new one.
        (folder / FILE).with_suffix(ending).unlink(missing_ok=True)
    # The order on the disk must hold also after a power cut.
    sync_folder(folder)
    (new / FILE).replace(folder / FILE)
    sync_folder(folder)
    files = [path for path in sorted(new.iterdir(), reverse=True) if path.is_file() and path.name != LOCK]
    for path in files:
        path.replace(folder / path.name)
    for stale in folder.glob("vectors-*"):
        if stale.name not in {path.name for path in files}:
            stale.unlink()
    sync_folder(folder)
