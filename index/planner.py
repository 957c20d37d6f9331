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

_TEMPORARY_REASONS = FAILURES | {"cannot_be_read"}
"""Reasons that may be temporary, from the state of the machine or the disk: the file's articles are not removed."""

Reported = Callable[[int, int], None]
"""Called with the number of files scanned and of all files."""


@dataclass
class IndexingReport:
    """The result of a run: ids of added, updated and removed articles, and skipped files with reasons.

    `vacated` lists files without any remaining article.
    """

    added: list[str] = field(default_factory=list)
    updated: list[str] = field(default_factory=list)
    unchanged: int = 0
    removed: list[str] = field(default_factory=list)
    skipped: list[Skipped] = field(default_factory=list)
    passages_embedded: int = 0
    vacated: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class _ParsedArticle:
    """An article parsed in this run; `titled` if the file itself has its title."""

    article: Article
    titled: bool
    path: str
    digest: str
    fingerprint: str


@dataclass(frozen=True)
class _StoredState:
    """Snapshot of the catalogue: files, the ids of the articles of each, and the articles' digests."""

    files: Mapping[str, StoredFile]
    ids: Mapping[str, Collection[str]]
    digests: Mapping[str, str]

    @staticmethod
    def of(catalog: Catalog) -> _StoredState:
        by_path = catalog.digests_by_path()
        digests = {
            article_id: digest for file_digests in by_path.values() for article_id, digest in file_digests.items()
        }
        return _StoredState(catalog.files(), by_path, digests)

    def in_file(self, path: str) -> set[str]:
        """Return the ids of the articles that came from a file."""
        return set(self.ids.get(path, ()))


@dataclass
class Plan:
    """Articles and files to remove and store, and the texts whose embeddings are needed."""

    summary: IndexingReport
    entries: list[Entry] = field(default_factory=list)
    files: list[StoredFile] = field(default_factory=list)
    removed_files: list[str] = field(default_factory=list)
    replaced: list[str] = field(default_factory=list)
    texts: dict[str, PassageText] = field(default_factory=dict)
    to_rechunk: dict[int, Entry] = field(default_factory=dict)
    lines: Mapping[str, ArticleLines] = field(default_factory=dict)

    @property
    def leaving(self) -> list[str]:
        """Ids of articles to remove, including those that a new version replaces."""
        return [*self.summary.removed, *self.replaced]

    @property
    def changes_articles(self) -> bool:
        return bool(self.entries or self.summary.removed or self.to_rechunk)

    @property
    def changes_anything(self) -> bool:
        return bool(self.changes_articles or self.files or self.removed_files)


def plan_update(
    catalog: Catalog,
    discovered: DiscoveredFiles,
    roots: Sequence[Path],
    parser: SandboxedParser,
    report: Reported | None = None,
    inbox: Path | None = None,
    check: Check = never,
) -> Plan:
    """Plan the update of `catalog` to the files `discovered`, including removal of files missing from `roots`.

    `inbox` is a folder without stable file paths (`ArticleBuilder`).
    """
    plan = Plan(IndexingReport(skipped=list(discovered.skipped)))
    stored = _StoredState.of(catalog)
    builder = ArticleBuilder(catalog, inbox)
    changed: list[_ParsedArticle] = []
    for position, path in enumerate(discovered.files, start=1):
        check()
        changed += _changed_articles(path, stored, parser, builder, plan, check)
        if report:
            report(position, len(discovered.files))
    _plan_removals(discovered, roots, stored, plan)
    leaving = catalog.texts_to_remove(plan.leaving)
    unique, copies = _split_copies(catalog, checked(changed, check), leaving)
    _plan_passages(catalog, unique, leaving, plan, check)
    _plan_copies(catalog, copies, plan)
    return plan


def _changed_articles(
    path: Path, stored: _StoredState, parser: SandboxedParser, builder: ArticleBuilder, plan: Plan, check: Check
) -> list[_ParsedArticle]:
    """Return the new and changed articles of a file; one whose size and time are unchanged is not opened."""
    known, stored_ids = stored.files.get(str(path)), stored.in_file(str(path))
    try:
        stat = path.stat()
        if known and (known.size, known.modified_ns) == (stat.st_size, stat.st_mtime_ns):
            plan.summary.unchanged += len(stored_ids)
            plan.summary.skipped += [Skipped(str(path), *refused) for refused in known.refused]
            return []
        drafts, refused = parser.read(path, stat.st_size)
        if stored_ids and not drafts and any(part.reason in _TEMPORARY_REASONS for part in refused):
            # The failure may be temporary, such as too little memory: the file's stored articles stay.
            plan.summary.skipped += [Skipped(str(path), part.reason) for part in refused]
            return []
    except FileNotFoundError:
        return []
    except PermissionError:
        # The articles may be unchanged: those stored from this file stay.
        plan.summary.skipped.append(Skipped(str(path), "no_permission"))
        return []
    reasons = tuple((part.reason, part.line, part.member) for part in refused)
    plan.summary.skipped += [Skipped(str(path), *reason) for reason in reasons]
    plan.files.append(StoredFile(str(path), stat.st_size, stat.st_mtime_ns, reasons))
    parsed_articles = [
        _parsed_article(builder.article(draft, path, check), draft.title is not None, path)
        for draft in checked(drafts, check)
    ]
    plan.summary.removed += sorted(stored_ids - {parsed.article.id for parsed in parsed_articles})
    return [parsed for parsed in parsed_articles if _is_new(parsed, stored.digests.get(parsed.article.id), plan)]


def _parsed_article(article: Article, titled: bool, path: Path) -> _ParsedArticle:
    digest = digest_of(CHUNKER_VERSION, repr(dataclasses.astuple(article)))
    # Without the ignored spans: copies of a text may differ in front matter, and are still copies.
    visible_text = mask_spans(article.text, article.ignored)
    return _ParsedArticle(
        article, titled, str(path), digest, text_hash(visible_text if visible_text.strip() else article.text)
    )


def _is_new(parsed: _ParsedArticle, digest_before: str | None, plan: Plan) -> bool:
    if parsed.digest == digest_before:
        plan.summary.unchanged += 1
        return False
    (plan.summary.added if digest_before is None else plan.summary.updated).append(parsed.article.id)
    if digest_before is not None:
        plan.replaced.append(parsed.article.id)
    return True


def _plan_removals(discovered: DiscoveredFiles, roots: Sequence[Path], stored: _StoredState, plan: Plan) -> None:
    present = set(map(str, discovered.files))
    closed = [skipped.path for skipped in discovered.skipped]
    for path in stored.files:
        if path not in present and _is_within(path, roots) and not _is_within(path, closed):
            plan.removed_files.append(path)
            plan.summary.removed += sorted(stored.in_file(path))


def _is_within(path: str, folders: Iterable[Path | str]) -> bool:
    return any(Path(path).is_relative_to(folder) for folder in folders)


def _split_copies(
    catalog: Catalog, changed: Iterable[_ParsedArticle], leaving: set[str]
) -> tuple[list[_ParsedArticle], list[_ParsedArticle]]:
    """Split `changed` into articles with a unique text, and copies of one of these or of a stored article."""
    unique: dict[str, _ParsedArticle] = {}
    copies: list[_ParsedArticle] = []
    for parsed in changed:
        owner = catalog.owner_of(parsed.fingerprint)
        if parsed.fingerprint in unique or (owner is not None and owner[1] not in leaving):
            copies.append(parsed)
        else:
            unique[parsed.fingerprint] = parsed
    return list(unique.values()), copies


def _plan_passages(
    catalog: Catalog, unique: Sequence[_ParsedArticle], leaving: set[str], plan: Plan, check: Check
) -> None:
    """Ignore lines repeated across a source and chunk the rest, also of stored articles that are affected by this."""
    boilerplate = update_line_counts(catalog, [(parsed.article, parsed.path) for parsed in unique], leaving, check)
    plan.lines = boilerplate.lines
    for parsed in unique:
        article = boilerplate.articles[parsed.article.id]
        if not parsed.titled:
            # The line that was extracted as the headline may be the source's banner.
            article = dataclasses.replace(article, title=_headline_of(article) or article.title)
        plan.entries.append(with_passages(_entry(dataclasses.replace(parsed, article=article)), plan.texts, check))
    for number, article in boilerplate.to_rechunk.items():
        stored_entry = catalog.entry(number)
        if article.id in leaving or article.ignored == stored_entry.article.ignored:
            continue
        if article.title == _headline_of(stored_entry.article):
            article = dataclasses.replace(article, title=_headline_of(article) or article.title)
        plan.to_rechunk[number] = with_passages(dataclasses.replace(stored_entry, article=article), plan.texts, check)


def _plan_copies(catalog: Catalog, copies: Sequence[_ParsedArticle], plan: Plan) -> None:
    """Add the copies to the plan; a copy without its own title gets the headline of the article that it copies."""
    planned = {entry.fingerprint: entry.article for entry in plan.entries}
    for parsed in copies:
        owner = planned.get(parsed.fingerprint) or _stored_owner(catalog, parsed.fingerprint, plan)
        title = None if parsed.titled else _headline_of(owner)
        plan.entries.append(
            _entry(
                dataclasses.replace(
                    parsed, article=dataclasses.replace(parsed.article, title=title or parsed.article.title)
                )
            )
        )


def _stored_owner(catalog: Catalog, fingerprint: str, plan: Plan) -> Article:
    owner = catalog.owner_of(fingerprint)
    assert owner is not None
    return (plan.to_rechunk.get(owner[0]) or catalog.entry(owner[0])).article


def _headline_of(article: Article) -> str | None:
    return extract_headline(mask_spans(article.text, article.ignored))


def _entry(parsed: _ParsedArticle) -> Entry:
    return Entry(parsed.article, parsed.path, parsed.digest, parsed.fingerprint)


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
