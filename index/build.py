"""Bringing articles in: reads what changed, embeds what is new, and swaps the new state in as one.

    file → drafts → articles (id, title, date, language, ignored spans) → passages → embeddings → catalogue, FAISS

Embeddings are stored as they are computed, so that an interrupted run loses none; the articles themselves
change in a single transaction at the end, so that a reader sees the old state or the new one.
"""

from __future__ import annotations

import dataclasses
import hashlib
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from filelock import FileLock, Timeout

from index.articles import Article, Skipped, Span
from index.boilerplate import ignored_lines
from index.catalog import Catalog, Entry, StoredFile, storage_errors
from index.dates import dateline
from index.embed import Embedder, Text
from index.errors import ArticleMissing, IndexBusy, NothingToIndex
from index.files import FoundFiles, find_files
from index.formats import readers
from index.formats.draft import Draft, Refused
from index.formats.encoding import NotText
from index.language import language_of
from index.passages import RULE, cut
from index.sentences import sentences
from index.vectors import VectorIndex

LARGEST_FILE = 64 * 2**20
_CHUNK = 64
"""Passages embedded between two commits: about half a minute of work on two cores."""
_LONGEST_TITLE = 150


class Progress(Protocol):
    """Is told how the work goes; the command line draws a bar, the page a line."""

    def start(self, passages: int) -> None:
        """There are so many passages to embed."""

    def advance(self, passages: int) -> None:
        """So many more are done."""


@dataclass
class Summary:
    """What a run did: article ids by what happened to them, and what was skipped and why."""

    added: list[str] = field(default_factory=list)
    updated: list[str] = field(default_factory=list)
    unchanged: int = 0
    removed: list[str] = field(default_factory=list)
    skipped: list[Skipped] = field(default_factory=list)
    passages_embedded: int = 0


@dataclass
class _Plan:
    """The difference between the catalogue and what lies on disk."""

    summary: Summary
    entries: list[Entry] = field(default_factory=list)
    files: list[StoredFile] = field(default_factory=list)
    gone: list[str] = field(default_factory=list)
    texts: dict[str, Text] = field(default_factory=dict)
    ids: dict[str, str] = field(default_factory=dict)


def update(folder: Path, paths: Sequence[Path], embedder: Embedder, progress: Progress | None = None) -> Summary:
    """Make the index in `folder` hold the articles of `paths` as they are now.

    New articles are added, changed ones updated, and those whose files have gone from a folder of `paths` are
    removed; what came from elsewhere stays. Raises `PathMissing`, `NothingToIndex`, `IndexMismatch`,
    `IndexBusy`, `DiskFull`, `NotAllowed`.
    """
    found = find_files(paths)
    if not found.files and not found.skipped:
        raise NothingToIndex(path=", ".join(map(str, paths)))
    with writing(folder) as catalog:
        catalog.require(embedder.fingerprint)
        plan = _plan(catalog, found, [path.resolve() for path in paths if path.is_dir()])
        _embed(catalog, plan, embedder, progress)
        _apply(catalog, plan, embedder)
    return plan.summary


def remove(folder: Path, article_ids: Sequence[str]) -> None:
    """Take articles out of the index. Raises `ArticleMissing`, and then removes none."""
    with writing(folder) as catalog:
        paths = set()
        for article_id in article_ids:
            path = catalog.path_of(article_id)
            if path is None:
                raise ArticleMissing(article_id=article_id)
            paths.add(path)
        with catalog.transaction():
            for article_id in article_ids:
                catalog.remove(article_id)
            # The file is forgotten too, so that indexing it again brings the article back.
            for path in paths:
                catalog.remove_file(path)
            catalog.next_generation()
        VectorIndex.of(catalog).save(catalog)


class writing:  # noqa: N801  (reads as a statement: `with writing(folder) as catalog`)
    """The catalogue of `folder`, held by this process alone. Raises `IndexBusy` if another holds it."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def __enter__(self) -> Catalog:
        with storage_errors(self._folder):
            self._folder.mkdir(parents=True, exist_ok=True)
            self._lock = FileLock(self._folder / "writer.lock", timeout=0)
            try:
                self._lock.acquire()
            except Timeout as error:
                raise IndexBusy(folder=self._folder) from error
        try:
            self._catalog = Catalog.open_or_create(self._folder)
        except BaseException:
            self._lock.release()
            raise
        return self._catalog

    def __exit__(self, *_: object) -> None:
        self._catalog.close()
        self._lock.release()


def _plan(catalog: Catalog, found: FoundFiles, roots: Sequence[Path]) -> _Plan:
    known = catalog.files()
    plan = _Plan(Summary(skipped=list(found.skipped)))
    for path in found.files:
        _plan_file(catalog, path, known.get(str(path)), plan)
    present = set(map(str, found.files))
    closed = [skipped.path for skipped in found.skipped]
    for stored in known:
        if stored not in present and _is_within(stored, roots) and not _is_within(stored, closed):
            plan.gone.append(stored)
            plan.summary.removed += catalog.digests_by_path(stored)
    return plan


def _is_within(path: str, folders: Iterable[Path | str]) -> bool:
    return any(Path(path).is_relative_to(folder) for folder in folders)


def _plan_file(catalog: Catalog, path: Path, known: StoredFile | None, plan: _Plan) -> None:
    before = catalog.digests_by_path(str(path))
    try:
        stat = path.stat()
        if known and (known.size, known.modified_ns) == (stat.st_size, stat.st_mtime_ns):
            plan.summary.unchanged += len(before)
            plan.summary.skipped += [Skipped(str(path), reason, line) for reason, line in known.refused]
            return
        drafts, refused = _read(path, stat.st_size)
    except PermissionError:
        # Not known to be gone: what the index has of this file stays.
        plan.summary.skipped.append(Skipped(str(path), "no_permission"))
        return
    plan.summary.skipped += [Skipped(str(path), reason.reason, reason.line) for reason in refused]
    after = set()
    for draft in drafts:
        article = _article(draft, path, catalog, plan.ids)
        after.add(article.id)
        _plan_article(article, str(path), before.get(article.id), plan)
    plan.summary.removed += sorted(before.keys() - after)
    plan.files.append(StoredFile(str(path), stat.st_size, stat.st_mtime_ns, tuple((r.reason, r.line) for r in refused)))


def _plan_article(article: Article, path: str, digest_before: str | None, plan: _Plan) -> None:
    digest = _digest(RULE, repr(dataclasses.astuple(article)))
    if digest == digest_before:
        plan.summary.unchanged += 1
        return
    (plan.summary.added if digest_before is None else plan.summary.updated).append(article.id)
    passages = []
    for span in cut(article):
        text = _text_of(article, span)
        key = _digest(text.title, text.text, repr(text.sentences))
        plan.texts[key] = text
        passages.append((span, key))
    plan.entries.append(Entry(article, path, digest, tuple(passages)))


def _read(path: Path, size: int) -> tuple[list[Draft], list[Refused]]:
    """The drafts of a file, and what of it is not an article."""
    if size > LARGEST_FILE:
        return [], [Refused("too_large")]
    data = path.read_bytes()
    if not data.strip():
        return [], [Refused("empty")]
    try:
        parts = list(readers()[path.suffix.lower()](data))
    except NotText:
        return [], [Refused("not_text")]
    drafts = [part for part in parts if isinstance(part, Draft)]
    return drafts, [part for part in parts if isinstance(part, Refused)]


def _article(draft: Draft, path: Path, catalog: Catalog, taken: dict[str, str]) -> Article:
    ignored = tuple(sorted({*draft.ignored, *ignored_lines(draft.text)}, key=lambda span: span.start))
    own = _blank(draft.text, ignored)
    return Article(
        id=_free_id(draft, path, catalog, taken),
        title=draft.title or _first_line(own) or path.stem,
        text=draft.text,
        language=draft.language or language_of(own),
        date=draft.date or dateline(own),
        source=draft.source,
        author=draft.author,
        ignored=ignored,
    )


def _free_id(draft: Draft, path: Path, catalog: Catalog, taken: dict[str, str]) -> str:
    """The id that the file gives, else the file's name; with a hash of the path where another file has it."""
    name = draft.id or (f"{path.stem}-{draft.key}" if draft.key else path.stem)
    # One word that can be typed on a command line and put into an address.
    wanted = re.sub(r"[\s/\\?#%]+", "-", name).strip("-")[:120] or "article"
    owner = f"{path}\0{draft.key}"
    for candidate in (wanted, f"{wanted}-{_digest(owner)[:6]}"):
        if taken.setdefault(candidate, owner) == owner and catalog.path_of(candidate) in (None, str(path)):
            return candidate
    return f"{wanted}-{_digest(owner)[:16]}"


def _first_line(text: str) -> str | None:
    """The headline of a text that names none: its first line, shortened at a word if it is long."""
    line = next((" ".join(line.split()).lstrip("# ") for line in text.split("\n") if line.strip()), "")
    if len(line) <= _LONGEST_TITLE:
        return line or None
    return line[:_LONGEST_TITLE].rsplit(" ", 1)[0] + "…"


def _blank(text: str, ignored: Iterable[Span]) -> str:
    for span in ignored:
        text = text[: span.start] + " " * (span.end - span.start) + text[span.end :]
    return text


def _text_of(article: Article, span: Span) -> Text:
    inside = tuple(Span(s.start - span.start, s.end - span.start) for s in sentences(article.text, span))
    return Text(article.title, article.text[span.start : span.end], inside)


def _digest(*parts: str) -> str:
    return hashlib.sha256("\0".join(parts).encode("utf-8", "surrogatepass")).hexdigest()


def _embed(catalog: Catalog, plan: _Plan, embedder: Embedder, progress: Progress | None) -> None:
    """Embed what has no embedding yet; each chunk is kept as soon as it is done."""
    missing = sorted(catalog.missing_embeddings(plan.texts), key=lambda key: len(plan.texts[key].text))
    if not missing:
        return
    if progress:
        progress.start(len(missing))
    with catalog.transaction():
        catalog.set_embedder(embedder.fingerprint)
    for keys in _chunks(missing):
        embedded = embedder.embed_passages([plan.texts[key] for key in keys], progress.advance if progress else None)
        with catalog.transaction():
            for key, vectors in zip(keys, embedded, strict=True):
                catalog.put_embedding(key, vectors, plan.texts[key].sentences)
    plan.summary.passages_embedded = len(missing)


def _chunks(keys: list[str]) -> Iterator[list[str]]:
    for start in range(0, len(keys), _CHUNK):
        yield keys[start : start + _CHUNK]


def _apply(catalog: Catalog, plan: _Plan, embedder: Embedder) -> None:
    changed = bool(plan.entries or plan.summary.removed)
    with catalog.transaction():
        for article_id in plan.summary.removed:
            catalog.remove(article_id)
        for path in plan.gone:
            catalog.remove_file(path)
        for entry in plan.entries:
            catalog.put(entry)
        for file in plan.files:
            catalog.put_file(file)
        if changed:
            catalog.set_embedder(embedder.fingerprint)
            catalog.next_generation()
    if changed:
        VectorIndex.of(catalog).save(catalog)
