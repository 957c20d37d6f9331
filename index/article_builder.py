"""What a draft needs to become an article: an id that can be typed, a title, a language, a date, ignored spans."""

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
    """Makes articles of drafts; ids are given out once.

    Files of `inbox` come and go, so there an article is known by the id that it names itself, whichever file it comes
    in; one that names none is the one that had its name before, if it has its text as well.
    """

    catalog: Catalog
    inbox: Path | None = None
    _taken: dict[str, str] = field(default_factory=dict)
    _seen: Counter[str] = field(default_factory=Counter)

    def article(self, draft: ParsedDocument, path: Path, check: Check = never) -> Article:
        """The article that `draft`, read from `path`, stands for."""
        name = PurePosixPath(draft.member) if draft.member else path
        ignored = tuple(sorted({*draft.ignored, *find_boilerplate(draft.text, check)}, key=lambda span: span.start))
        own = mask_spans(draft.text, ignored)
        # A file of many articles says nothing of one of them by its name.
        file_name = "" if draft.key and not draft.member else name.name
        dated = date_of_article(draft.text, ignored, draft.date, file_name, check=check)
        return Article(
            id=self._free_id(draft, path, name.stem),
            title=draft.title or extract_headline(own) or name.stem,
            text=draft.text,
            language=draft.language or detect_language(own),
            date=dated.day if dated else None,
            source=draft.source,
            author=draft.author,
            ignored=ignored,
            date_from=dated.found_in if dated else None,
            date_certainty=dated.certainty if dated else None,
        )

    def _free_id(self, draft: ParsedDocument, path: Path, stem: str) -> str:
        """The id that the file gives, else the file's name; with a hash of the path where another file has it."""
        name = draft.id or (f"{stem}-{draft.key}" if draft.key and not draft.member else stem)
        # One word that can be typed on a command line and put into an address.
        wanted = _NOT_TYPED.sub("-", name).strip("-")[:_LONGEST_ID] or "article"
        names_itself = self.inbox is not None and draft.id is not None
        owner = f"id\0{draft.id}" if names_itself else f"{path}\0{draft.key}"
        self._seen[owner] += 1
        if self._seen[owner] > 1:
            # A file may give the same id twice.
            owner += f"\0{self._seen[owner]}"
        own = f"{wanted}-{digest_of(owner)[:6]}"
        candidates = [wanted, own]
        if names_itself and wanted != draft.id:
            # Two ids may be the same once they can be typed, and neither may take the other's place.
            candidates = [own]
        elif self.catalog.path_of(own) and self._may_have(own, draft, path):
            # Whoever was told apart once keeps that id, also when the other one has gone.
            candidates = [own, wanted]
        for candidate in candidates:
            free = self._taken.setdefault(candidate, owner) == owner
            if free and self._may_have(candidate, draft, path):
                return candidate
        return f"{wanted}-{digest_of(owner)[:16]}"

    def _may_have(self, article_id: str, draft: ParsedDocument, path: Path) -> bool:
        """Whether the id is nobody's yet, or that of the very article that the draft is now."""
        held_by = self.catalog.path_of(article_id)
        if held_by is None or held_by == str(path):
            return True
        if self.inbox is None or not Path(held_by).is_relative_to(self.inbox):
            return False
        return draft.id is not None or self.catalog.article(article_id).text == draft.text


def mask_spans(text: str, ignored: Iterable[Span]) -> str:
    """`text` with spaces for what is ignored, so that offsets stay."""
    pieces, end = [], 0
    for span in sorted(ignored, key=lambda span: span.start):
        pieces += [text[end : span.start], " " * (span.end - max(end, span.start))]
        end = max(end, span.end)
    return "".join([*pieces, text[end:]])


def extract_headline(text: str) -> str | None:
    """The headline of a text that names none: its first line, shortened at a word if it is long."""
    line = next((" ".join(line.split()).lstrip("# ") for line in text.split("\n") if line.strip()), "")
    if len(line) <= _LONGEST_TITLE:
        return line or None
    return line[:_LONGEST_TITLE].rsplit(" ", 1)[0] + "…"
