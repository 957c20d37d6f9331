"""Paths of everything that Jawab stores, and their names in an archive."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from ui.collections.repository import DEFAULT_ID
from ui.config import Config
from ui.jobs.claim import jobs_database

COLLECTIONS, UPLOADS = "collections", "uploads"
CONVERSATIONS, JOBS, SETTINGS = "conversations.sqlite", "jobs.sqlite", "settings.json"


@dataclass(frozen=True)
class Places:
    """Paths of the first collection's index, the other collections, the uploaded files, and the two databases."""

    index: Path
    collections: Path
    uploads: Path
    conversations: Path
    jobs: Path

    @staticmethod
    def of(config: Config) -> Places:
        return Places(
            index=config.paths.index,
            collections=config.paths.collections,
            uploads=config.paths.uploads,
            conversations=config.paths.conversations,
            jobs=jobs_database(config.paths.uploads),
        )

    def index_of(self, collection: str) -> Path:
        return self.index if collection == DEFAULT_ID else self.collections / collection

    def path_of(self, member: str) -> Path | None:
        """Return the path that a member is restored to; `None` for one that is not restored (the settings)."""
        first, _, rest = member.partition("/")
        if first == COLLECTIONS:
            collection, _, file = rest.partition("/")
            return self.index_of(collection) / file
        if first == UPLOADS:
            return self.uploads / rest
        return {CONVERSATIONS: self.conversations, JOBS: self.jobs}.get(member)
