"""Damage: whether every byte of an index is as it was written, and a whole index made of what still is.

Repairing never changes the damaged file. What of it can be read and agrees with its checksum goes into a new
catalogue, which then takes its place; passages, keywords, stories and the FAISS file are made again from the articles,
and embeddings that are lost are computed again. Only an article whose own text is damaged is lost, and is named: the
next `jawab index` reads it from its file.
"""

from __future__ import annotations

import shutil
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from index.boilerplate.source_lines import copy_lines
from index.build import Progress, derive, embed_missing
from index.embed import Embedder, Text
from index.errors import IndexDamaged, IndexMismatch, IndexMissing
from index.finding.vector_file import is_damaged
from index.plan import with_passages
from index.storage.catalog import COPY, EMBEDDING, FILE, STORED, Catalog, Entry, article_of, checksum_of
from index.storage.database import Database, storage_errors
from index.storage.page_sums import damaged_pages, restore_head
from index.storage.writing import LOCK, held

_PLACE = "repairing"


@dataclass(frozen=True)
class Damage:
    """What is not as it was written: pages of the catalogue, its structure, the FAISS file."""

    pages: int
    structure: str | None
    vectors: bool

    def __bool__(self) -> bool:
        return bool(self.pages or self.structure or self.vectors)


@dataclass(frozen=True)
class Repaired:
    """Articles saved, embeddings that had to be computed again, and the ids of articles that were lost."""

    articles: int
    embedded: int
    lost: tuple[str, ...]


def examine(folder: Path) -> Damage:
    """Read every byte of the index in `folder`. Raises `IndexMissing`, and `IndexBusy` while somebody writes to it."""
    file = folder / FILE
    if not file.is_file():
        raise IndexMissing(folder=folder)
    with held(folder):
        pages = len(damaged_pages(file))
        try:
            catalog = Catalog.open(folder)
            try:
                ((found,), *_) = catalog.rows("PRAGMA quick_check(1)")
                return Damage(pages, None if found == "ok" else str(found), is_damaged(catalog))
            finally:
                catalog.close()
        except IndexDamaged as error:
            return Damage(pages, str(error.fields["detail"]), True)


def repair(folder: Path, embedder: Embedder, progress: Progress | None = None) -> Repaired:
    """Make the index in `folder` whole again; a process that has it open must be started anew.

    Raises `IndexMissing`, `IndexBusy`, `IndexMismatch`, `DiskFull`, and `IndexDamaged` where nothing can be read.
    """
    if not (folder / FILE).is_file():
        raise IndexMissing(folder=folder)
    place = folder / _PLACE
    with held(folder), storage_errors(folder):
        shutil.rmtree(place, ignore_errors=True)
        try:
            old = _readable_copy(folder, place / "old")
            new = Catalog.open_or_create(place / "new")
            try:
                repaired = _save(old, new, embedder, progress)
            finally:
                old.close()
                new.close()
            _take_place(place / "new", folder)
        finally:
            shutil.rmtree(place, ignore_errors=True)
    return repaired


def _readable_copy(folder: Path, place: Path) -> Catalog:
    place.mkdir(parents=True)
    for path in folder.glob(f"{FILE.partition('.')[0]}.*"):
        shutil.copy2(path, place / path.name)
    restore_head(place / FILE, damaged_pages(folder / FILE))
    return Catalog(place, Database(place / FILE, writable=False))


def _save(old: Catalog, new: Catalog, embedder: Embedder, progress: Progress | None) -> Repaired:
    made_with = _meta(old, "embedder")
    if made_with not in (None, embedder.fingerprint):
        raise IndexMismatch(folder=new.folder.parent.parent, found=made_with, expected=embedder.fingerprint)
    lost: list[str] = []
    texts: dict[str, Text] = {}
    kept: list[tuple[int, Entry]] = []
    for number in range(1, _last(old, "articles") + 1):
        try:
            entry = _article(old, number, texts)
        except IndexDamaged:
            lost.append(_name(old, number))
        else:
            kept += [(number, entry)] if entry else []
    with new.transaction():
        for number, entry in kept:
            owner = new.put(entry)
            for copy in _copies(old, number):
                new.put_copy(owner, copy)
            # Lines that cannot be read are not counted: they repeat less than they did, and nothing is ignored for it.
            with suppress(IndexDamaged):
                copy_lines(old, number, new, owner)
        for key in texts:
            _keep_embedding(old, new, key)
        new.set_embedder(embedder.fingerprint)
    embedded = embed_missing(new, texts, embedder, progress)
    with new.transaction():
        new.set_meta("generation", _meta(old, "generation") or "0")
        new.next_generation()
    derive(new)
    return Repaired(len(kept), embedded, tuple(lost))


def _article(old: Catalog, number: int, texts: dict[str, Text]) -> Entry | None:
    """The article that has this number, if any. Raises `IndexDamaged` where its row is not as it was written."""
    rows = old.rows(f"SELECT {STORED}, checksum FROM articles WHERE number = ?", number)
    if not rows:
        return None
    *row, checksum = rows[0]
    if checksum_of(row) != checksum:
        raise IndexDamaged(folder=old.folder, detail=f"article {number}")
    article, path, digest, fingerprint = article_of(row)
    return with_passages(Entry(article, path, digest, fingerprint), texts)


def _name(old: Catalog, number: int) -> str:
    """What can still be said of an article that is lost: its id, or at least its number."""
    try:
        return str(old.rows("SELECT id FROM articles WHERE number = ?", number)[0][0])
    except IndexDamaged:
        return f"#{number}"


def _copies(old: Catalog, number: int) -> list[Entry]:
    try:
        rows = old.rows(f"SELECT {COPY}, checksum FROM copies WHERE article = ?", number)
        whole = {row[0] for row in rows if checksum_of(row[:-1]) == row[-1]}
        return [copy for copy in old.copies_of(number) if copy.article.id in whole]
    except IndexDamaged:
        return []  # Their files are read again by the next `jawab index`, as all are.


def _keep_embedding(old: Catalog, new: Catalog, key: str) -> None:
    """Take over the vectors of `key` if they are as they were written; otherwise they are computed again."""
    try:
        rows = old.rows(f"SELECT {EMBEDDING}, checksum FROM embeddings WHERE key = ?", key)
    except IndexDamaged:
        return
    if rows and checksum_of(rows[0][:-1]) == rows[0][-1]:
        new.execute(f"INSERT OR REPLACE INTO embeddings VALUES ({', '.join('?' * len(rows[0]))})", *rows[0])


def _last(old: Catalog, table: str) -> int:
    for query in (f"SELECT seq FROM sqlite_sequence WHERE name = '{table}'", f"SELECT max(number) FROM {table}"):
        try:
            rows = old.rows(query)
        except IndexDamaged:
            continue
        if rows and isinstance(rows[0][0], int):
            return rows[0][0]
    raise IndexDamaged(folder=old.folder, detail=f"nothing of {table} can be read")


def _meta(old: Catalog, key: str) -> str | None:
    try:
        rows = old.rows("SELECT value FROM meta WHERE key = ?", key)
    except IndexDamaged:
        return None
    return str(rows[0][0]) if rows else None


def _take_place(new: Path, folder: Path) -> None:
    """Put the whole files where the damaged ones are; at every moment there is one catalogue or the other."""
    stem = FILE.partition(".")[0]
    for path in [*folder.glob(f"{stem}.*"), *folder.glob("vectors-*")]:
        # The log of the damaged catalogue must not be read into the new one.
        if path.name != FILE:
            path.unlink()
    (new / FILE).replace(folder / FILE)
    for path in new.iterdir():
        if path.is_file() and path.name != LOCK:
            path.replace(folder / path.name)
