"""Planning of an update: the difference between the catalogue and the files on disk.

    files → parsed documents → articles → boilerplate ignored → passages, and the texts to embed

Nothing is changed here; `index/indexer.py` applies the plan.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from index.article_builder import ArticleBuilder, extract_headline, mask_spans
from index.articles import Article, Skipped, Span
from index.boilerplate.line_counts import ArticleLines, update_line_counts
from index.dedup.exact_duplicates import text_hash
from index.embeddings import PassageText
from index.ingestion.discovery import DiscoveredFiles
from index.ingestion.sandbox import FAILURES, SandboxedParser
from index.retrieval.bm25 import index_terms
from index.retrieval.cross_script_names import name_keys
from index.runtime.cancellation import Check, checked, never
from index.storage.catalog import Catalog
from index.storage.digest import digest_of
from index.storage.entries import Entry, NewPassage, StoredFile
from index.text.chunker import CHUNKER_VERSION, split_passages
from index.text.language import detect_language
from index.text.sentences import sentences

_PASSING = FAILURES | {"cannot_be_read"}
"""Reasons that may be temporary, from the state of the machine or the disk: the file's articles are not removed."""

Reported = Callable[[int, int], None]
"""Called with the number of files scanned and of all files."""


@dataclass
class IndexingReport:
    """The result of a run: ids of added, updated and removed articles, and skipped files with reasons.

    `vacated` are files that no article comes from any more.
    """

    added: list[str] = field(default_factory=list)
    updated: list[str] = field(default_factory=list)
    unchanged: int = 0
    removed: list[str] = field(default_factory=list)
    skipped: list[Skipped] = field(default_factory=list)
    passages_embedded: int = 0
    vacated: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class _Read:
    """An article parsed in this run; `titled` where the file itself gives its title."""

    article: Article
    titled: bool
    path: str
    digest: str
    fingerprint: str


@dataclass(frozen=True)
class _Before:
    """Snapshot of the catalogue: files, the ids of the articles of each, and the articles' digests."""

    files: Mapping[str, StoredFile]
    ids: Mapping[str, Collection[str]]
    digests: Mapping[str, str]

    @staticmethod
    def of(catalog: Catalog) -> _Before:
        by_path = catalog.digests_by_path()
        digests = {article_id: digest for found in by_path.values() for article_id, digest in found.items()}
        return _Before(catalog.files(), by_path, digests)

    def in_file(self, path: str) -> set[str]:
        """Return the ids of the articles that came from a file."""
        return set(self.ids.get(path, ()))


@dataclass
class Plan:
    """Articles and files to remove and store, and the texts whose embeddings are needed."""

    summary: IndexingReport
    entries: list[Entry] = field(default_factory=list)
    files: list[StoredFile] = field(default_factory=list)
    gone_files: list[str] = field(default_factory=list)
    replaced: list[str] = field(default_factory=list)
    texts: dict[str, PassageText] = field(default_factory=dict)
    cut_again: dict[int, Entry] = field(default_factory=dict)
    lines: Mapping[str, ArticleLines] = field(default_factory=dict)

    @property
    def leaving(self) -> list[str]:
        """Ids of articles to remove, including those that a new version replaces."""
        return [*self.summary.removed, *self.replaced]

    @property
    def changes_articles(self) -> bool:
        return bool(self.entries or self.summary.removed or self.cut_again)

    @property
    def changes_anything(self) -> bool:
        return bool(self.changes_articles or self.files or self.gone_files)


def plan_update(
    catalog: Catalog,
    found: DiscoveredFiles,
    roots: Sequence[Path],
    reading: SandboxedParser,
    report: Reported | None = None,
    inbox: Path | None = None,
    check: Check = never,
) -> Plan:
    """Plan the update of `catalog` to the files `found`; files that are gone from `roots` are removed from it too.

    `inbox` is a folder whose files come and go (`ArticleBuilder`).
    """
    plan = Plan(IndexingReport(skipped=list(found.skipped)))
    before = _Before.of(catalog)
    describer = ArticleBuilder(catalog, inbox)
    changed: list[_Read] = []
    for position, path in enumerate(found.files, start=1):
        check()
        changed += _look(path, before, reading, describer, plan, check)
        if report:
            report(position, len(found.files))
    _plan_gone(found, roots, before, plan)
    leaving = catalog.texts_leaving(plan.leaving)
    own, copies = _without_copies(catalog, checked(changed, check), leaving)
    _plan_passages(catalog, own, leaving, plan, check)
    _plan_copies(catalog, copies, plan)
    return plan


def _look(
    path: Path, catalogued: _Before, reading: SandboxedParser, describer: ArticleBuilder, plan: Plan, check: Check
) -> list[_Read]:
    """Return the new and changed articles of a file; one whose size and time are unchanged is not opened."""
    known, before = catalogued.files.get(str(path)), catalogued.in_file(str(path))
    try:
        stat = path.stat()
        if known and (known.size, known.modified_ns) == (stat.st_size, stat.st_mtime_ns):
            plan.summary.unchanged += len(before)
            plan.summary.skipped += [Skipped(str(path), *refused) for refused in known.refused]
            return []
        drafts, refused = reading.read(path, stat.st_size)
        if before and not drafts and any(part.reason in _PASSING for part in refused):
            # The machine may have been short of something for a moment: the file's stored articles stay.
            plan.summary.skipped += [Skipped(str(path), part.reason) for part in refused]
            return []
    except FileNotFoundError:
        return []
    except PermissionError:
        # Not known to be gone: the file's stored articles stay.
        plan.summary.skipped.append(Skipped(str(path), "no_permission"))
        return []
    reasons = tuple((part.reason, part.line, part.member) for part in refused)
    plan.summary.skipped += [Skipped(str(path), *reason) for reason in reasons]
    plan.files.append(StoredFile(str(path), stat.st_size, stat.st_mtime_ns, reasons))
    found = [
        _read(describer.article(draft, path, check), draft.title is not None, path) for draft in checked(drafts, check)
    ]
    plan.summary.removed += sorted(before - {read.article.id for read in found})
    return [read for read in found if _is_new(read, catalogued.digests.get(read.article.id), plan)]


def _read(article: Article, titled: bool, path: Path) -> _Read:
    digest = digest_of(CHUNKER_VERSION, repr(dataclasses.astuple(article)))
    # Without the ignored spans: copies of a text may differ in front matter, and are still copies.
    own = mask_spans(article.text, article.ignored)
    return _Read(article, titled, str(path), digest, text_hash(own if own.strip() else article.text))


def _is_new(read: _Read, digest_before: str | None, plan: Plan) -> bool:
    if read.digest == digest_before:
        plan.summary.unchanged += 1
        return False
    (plan.summary.added if digest_before is None else plan.summary.updated).append(read.article.id)
    if digest_before is not None:
        plan.replaced.append(read.article.id)
    return True


def _plan_gone(found: DiscoveredFiles, roots: Sequence[Path], before: _Before, plan: Plan) -> None:
    present = set(map(str, found.files))
    closed = [skipped.path for skipped in found.skipped]
    for path in before.files:
        if path not in present and _is_within(path, roots) and not _is_within(path, closed):
            plan.gone_files.append(path)
            plan.summary.removed += sorted(before.in_file(path))


def _is_within(path: str, folders: Iterable[Path | str]) -> bool:
    return any(Path(path).is_relative_to(folder) for folder in folders)


def _without_copies(catalog: Catalog, changed: Iterable[_Read], leaving: set[str]) -> tuple[list[_Read], list[_Read]]:
    """Split `changed` into articles with a unique text, and copies of one of these or of a stored article."""
    own: dict[str, _Read] = {}
    copies: list[_Read] = []
    for read in changed:
        owner = catalog.owner_of(read.fingerprint)
        if read.fingerprint in own or (owner is not None and owner[1] not in leaving):
            copies.append(read)
        else:
            own[read.fingerprint] = read
    return list(own.values()), copies


def _plan_passages(catalog: Catalog, own: Sequence[_Read], leaving: set[str], plan: Plan, check: Check) -> None:
    """Ignore lines that repeat across a source, and chunk the rest; also of stored articles for which this changed."""
    counted = update_line_counts(catalog, [(read.article, read.path) for read in own], leaving, check)
    plan.lines = counted.lines
    for read in own:
        article = counted.articles[read.article.id]
        if not read.titled:
            # The line that was extracted as the headline may be the source's banner.
            article = dataclasses.replace(article, title=_headline_of(article) or article.title)
        plan.entries.append(with_passages(_entry(dataclasses.replace(read, article=article)), plan.texts, check))
    for number, article in counted.cut_again.items():
        before = catalog.entry(number)
        if article.id in leaving or article.ignored == before.article.ignored:
            continue
        if article.title == _headline_of(before.article):
            article = dataclasses.replace(article, title=_headline_of(article) or article.title)
        plan.cut_again[number] = with_passages(dataclasses.replace(before, article=article), plan.texts, check)


def _plan_copies(catalog: Catalog, copies: Sequence[_Read], plan: Plan) -> None:
    """Add the copies to the plan; a copy without its own title gets the headline of the article that it copies."""
    own = {entry.fingerprint: entry.article for entry in plan.entries}
    for read in copies:
        owner = own.get(read.fingerprint) or _stored_owner(catalog, read.fingerprint, plan)
        title = None if read.titled else _headline_of(owner)
        plan.entries.append(
            _entry(
                dataclasses.replace(read, article=dataclasses.replace(read.article, title=title or read.article.title))
            )
        )


def _stored_owner(catalog: Catalog, fingerprint: str, plan: Plan) -> Article:
    owner = catalog.owner_of(fingerprint)
    assert owner is not None
    return (plan.cut_again.get(owner[0]) or catalog.entry(owner[0])).article


def _headline_of(article: Article) -> str | None:
    return extract_headline(mask_spans(article.text, article.ignored))


def _entry(read: _Read) -> Entry:
    return Entry(read.article, read.path, read.digest, read.fingerprint)


def with_passages(entry: Entry, texts: dict[str, PassageText], check: Check = never) -> Entry:
    """Return `entry` with its passages and names, adding the texts to embed to `texts`."""
    article = entry.article
    names = frozenset(name_keys(f"{article.title}\n{article.text}", check))
    return dataclasses.replace(entry, passages=tuple(checked(_passages(article, texts), check)), names=names)


def _passages(article: Article, texts: dict[str, PassageText]) -> Iterator[NewPassage]:
    for span in split_passages(article):
        text = text_of(article, span)
        key = digest_of(text.title, text.text, repr(text.sentences))
        texts[key] = text
        yield NewPassage(span, detect_language(text.text), key, index_terms(f"{article.title}\n{text.text}"))


def text_of(article: Article, span: Span) -> PassageText:
    """Return the embedder's input for a passage."""
    inside = tuple(Span(s.start - span.start, s.end - span.start) for s in sentences(article.text, span))
    return PassageText(article.title, article.text[span.start : span.end], inside)
