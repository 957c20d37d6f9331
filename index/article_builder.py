"""Builds articles from parsed documents: an id that can be typed, a title, a language, a date, ignored spans."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath

from index.articles import Article, Span
from index.boilerplate.rules import find_boilerplate
from index.dates.publication_date import date_of_article
from index.formats.parsed import ParsedDocument
from index.runtime.cancellation import Check, never
from index.storage.catalog import Catalog
from index.storage.digest import digest_of
from index.text.language import detect_language

_LONGEST_TITLE = 150
_LONGEST_ID = 120
_NOT_TYPED = re.compile("[\\s/\\\\?#%\x00-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]+")


@dataclass
class ArticleBuilder:
    """Builds articles from parsed documents, each with a unique id.

    File paths in `inbox` are not stable, so an article there is identified by the document's own id. A document without
    one updates the stored article of the same name if that also has the same text.
    """

    catalog: Catalog
    inbox: Path | None = None
    _id_owners: dict[str, str] = field(default_factory=dict)
    _owner_counts: Counter[str] = field(default_factory=Counter)

    def article(self, draft: ParsedDocument, path: Path, check: Check = never) -> Article:
        """Build the article for `draft`, which was parsed from `path`."""
        name = PurePosixPath(draft.member) if draft.member else path
        ignored = tuple(sorted({*draft.ignored, *find_boilerplate(draft.text, check)}, key=lambda span: span.start))
        visible_text = mask_spans(draft.text, ignored)
        # The name of a file with many articles does not describe any one of them.
        file_name = "" if draft.key and not draft.member else name.name
        publication_date = date_of_article(draft.text, ignored, draft.date, file_name, check=check)
        return Article(
            id=self._unique_id(draft, path, name.stem),
            title=draft.title or extract_headline(visible_text) or name.stem,
            text=draft.text,
            language=draft.language or detect_language(visible_text),
            date=publication_date.day if publication_date else None,
            source=draft.source,
            author=draft.author,
            ignored=ignored,
            date_from=publication_date.found_in if publication_date else None,
            date_certainty=publication_date.certainty if publication_date else None,
        )

    def _unique_id(self, draft: ParsedDocument, path: Path, stem: str) -> str:
        """Return the id given in the file, else the file's name; with a hash of the path if another file has it."""
        name = draft.id or (f"{stem}-{draft.key}" if draft.key and not draft.member else stem)
        # One word that can be typed on a command line and used in a URL.
        plain_id = _NOT_TYPED.sub("-", name).strip("-")[:_LONGEST_ID] or "article"
        gives_id = self.inbox is not None and draft.id is not None
        owner = f"id\0{draft.id}" if gives_id else f"{path}\0{draft.key}"
        self._owner_counts[owner] += 1
        if self._owner_counts[owner] > 1:
            # A file may give the same id twice.
            owner += f"\0{self._owner_counts[owner]}"
        hashed_id = f"{plain_id}-{digest_of(owner)[:6]}"
        candidates = [plain_id, hashed_id]
        if gives_id and plain_id != draft.id:
            # Two ids may become equal once normalised, and neither article may replace the other.
            candidates = [hashed_id]
        elif self.catalog.path_of(hashed_id) and self._is_available(hashed_id, draft, path):
            # An article stored under an id with a hash keeps it, even after the other article is removed.
            candidates = [hashed_id, plain_id]
        for candidate in candidates:
            free = self._id_owners.setdefault(candidate, owner) == owner
            if free and self._is_available(candidate, draft, path):
                return candidate
        return f"{plain_id}-{digest_of(owner)[:16]}"

    def _is_available(self, article_id: str, draft: ParsedDocument, path: Path) -> bool:
        """Return whether the id is free, or already belongs to the article of this draft."""
        held_by = self.catalog.path_of(article_id)
        if held_by is None or held_by == str(path):
            return True
        if self.inbox is None or not Path(held_by).is_relative_to(self.inbox):
            return False
        return draft.id is not None or self.catalog.article(article_id).text == draft.text


def mask_spans(text: str, ignored: Iterable[Span]) -> str:
    """Replace the ignored spans of `text` by spaces, so that offsets stay valid."""
    pieces, end = [], 0
    for span in sorted(ignored, key=lambda span: span.start):
        pieces += [text[end : span.start], " " * (span.end - max(end, span.start))]
        end = max(end, span.end)
    return "".join([*pieces, text[end:]])


def extract_headline(text: str) -> str | None:
    """Return a headline for a text without a title: its first line, shortened at a word boundary if it is long."""
    line = next((" ".join(line.split()).lstrip("# ") for line in text.split("\n") if line.strip()), "")
    if len(line) <= _LONGEST_TITLE:
        return line or None
    return line[:_LONGEST_TITLE].rsplit(" ", 1)[0] + "…"
