"""The tables of an index, with their purposes in comments."""

from __future__ import annotations

import sqlite3

from index.storage.migrations import Versions

SCHEMA = 2
"""The version of the tables below. To change them, add the step from the previous version to `VERSIONS`, and a folder
of the new version to `tests/data/versions`."""


def _read_version(connection: sqlite3.Connection) -> int:
    ((version,),) = connection.execute("SELECT value FROM meta WHERE key = 'schema'")
    return int(version)


def _write_version(connection: sqlite3.Connection, version: int) -> None:
    connection.execute("UPDATE meta SET value = ? WHERE key = 'schema'", (str(version),))


VERSIONS = Versions(SCHEMA, {}, _read_version, _write_version)

TABLES = (
    # Origin and state of the index: schema, passage rule, embedder, generation, vectors, and a unique id of the index.
    "CREATE TABLE meta (key TEXT PRIMARY KEY, value TEXT NOT NULL)",
    # Files as they were when last read, and their parts that were not indexed.
    """CREATE TABLE files (
        path TEXT PRIMARY KEY, size INTEGER NOT NULL, modified_ns INTEGER NOT NULL, refused TEXT NOT NULL
    )""",
    # Articles. `digest` is of all parsed fields (to detect changes), `checksum` of the row (to detect damage),
    # `fingerprint` of the text (to detect copies); `story` is the same number for the articles of one story.
    """CREATE TABLE articles (
        number INTEGER PRIMARY KEY AUTOINCREMENT, id TEXT NOT NULL UNIQUE, path TEXT NOT NULL, title TEXT NOT NULL,
        text TEXT NOT NULL, language TEXT NOT NULL, date TEXT, date_from TEXT, date_certainty REAL, source TEXT,
        author TEXT, ignored TEXT NOT NULL, digest TEXT NOT NULL, fingerprint TEXT NOT NULL, checksum INTEGER NOT NULL,
        story INTEGER
    )""",
    "CREATE INDEX articles_by_path ON articles (path)",
    "CREATE INDEX articles_by_fingerprint ON articles (fingerprint)",
    "CREATE INDEX articles_by_story ON articles (story)",
    # Copies of an article with the identical text; path, title, author, source and date may differ.
    """CREATE TABLE copies (
        id TEXT PRIMARY KEY, article INTEGER NOT NULL REFERENCES articles (number) ON DELETE CASCADE,
        path TEXT NOT NULL, title TEXT NOT NULL, date TEXT, date_from TEXT, date_certainty REAL, source TEXT,
        author TEXT, digest TEXT NOT NULL, checksum INTEGER NOT NULL
    )""",
    "CREATE INDEX copies_by_path ON copies (path)",
    "CREATE INDEX copies_by_article ON copies (article)",
    # Passages. Numbers grow and are never reused, so that a vector file can hold "all up to number n".
    """CREATE TABLE passages (
        number INTEGER PRIMARY KEY AUTOINCREMENT,
        article INTEGER NOT NULL REFERENCES articles (number) ON DELETE CASCADE,
        start INTEGER NOT NULL, "end" INTEGER NOT NULL, language TEXT NOT NULL, embedding TEXT NOT NULL
    )""",
    "CREATE INDEX passages_by_article ON passages (article)",
    "CREATE INDEX passages_by_embedding ON passages (embedding)",
    # Vectors as float16, keyed by the embedded text; `checksum` detects damage.
    """CREATE TABLE embeddings (
        key TEXT PRIMARY KEY, passage BLOB NOT NULL, sentences BLOB NOT NULL, spans TEXT NOT NULL,
        checksum INTEGER NOT NULL
    )""",
    # Numbers of deleted passages that may still be in the vector file.
    "CREATE TABLE gone (number INTEGER PRIMARY KEY)",
    # The normalised words of every passage, under its number.
    "CREATE VIRTUAL TABLE keywords USING fts5(words, tokenize = \"unicode61 remove_diacritics 0\")",
    # Words that may be names, by a phonetic key that is common to both scripts.
    "CREATE TABLE names (key TEXT NOT NULL, word TEXT NOT NULL, PRIMARY KEY (key, word)) WITHOUT ROWID",
    # Lines that may turn out to repeat in every article of a source.
    """CREATE TABLE lines (
        source TEXT NOT NULL, line TEXT NOT NULL,
        article INTEGER NOT NULL REFERENCES articles (number) ON DELETE CASCADE,
        start INTEGER NOT NULL, "end" INTEGER NOT NULL, PRIMARY KEY (source, line, article, start)
    ) WITHOUT ROWID""",
    "CREATE INDEX lines_by_article ON lines (article)",
    # Clustering into stories: bands of the articles' MinHash signatures, and the links that were found.
    """CREATE TABLE story_bands (
        band INTEGER NOT NULL, article INTEGER NOT NULL REFERENCES articles (number) ON DELETE CASCADE,
        PRIMARY KEY (band, article)
    ) WITHOUT ROWID""",
    "CREATE INDEX story_bands_by_article ON story_bands (article)",
    """CREATE TABLE story_links (
        a INTEGER NOT NULL REFERENCES articles (number) ON DELETE CASCADE,
        b INTEGER NOT NULL REFERENCES articles (number) ON DELETE CASCADE,
        kind TEXT NOT NULL, score REAL NOT NULL, PRIMARY KEY (a, b)
    ) WITHOUT ROWID""",
    "CREATE INDEX story_links_by_b ON story_links (b)",
)  # fmt: skip
