"""Jobs in one SQLite file, so that they survive a restart or crash of the server.

An upload that is still being received is a row in state `receiving`: callers do not see it, and the next start deletes
its files. One transaction turns it into a job and stores its idempotency key.
"""

from __future__ import annotations

import json
import sqlite3
import time
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from index.articles import Skipped
from index.errors import JawabError
from index.planner import IndexingReport
from index.storage.migrations import Versions
from ui.config import RetentionSettings
from ui.errors import current_code
from ui.jobs.claim import jobs_database
from ui.jobs.job import IdempotencyConflict, Job, JobFailed, JobMissing, State, UploadInProgress
from ui.jobs.progress import JobProgress
from ui.store import SQLiteStore, create_missing

VERSION = 1
"""Version of the schema in `_TABLES`."""
JOBS = "jobs"
"""Folder of the jobs' files, within the upload folder."""
_TABLES = """
CREATE TABLE IF NOT EXISTS jobs (
    number INTEGER PRIMARY KEY AUTOINCREMENT, id TEXT NOT NULL UNIQUE, state TEXT NOT NULL, created REAL NOT NULL,
    collection TEXT NOT NULL DEFAULT '', files INTEGER NOT NULL DEFAULT 0, bytes INTEGER NOT NULL DEFAULT 0,
    stopping INTEGER NOT NULL DEFAULT 0, looked_at INTEGER NOT NULL DEFAULT 0, to_look_at INTEGER NOT NULL DEFAULT 0,
    read INTEGER NOT NULL DEFAULT 0, to_read INTEGER NOT NULL DEFAULT 0, summary TEXT, problem TEXT
);
CREATE INDEX IF NOT EXISTS by_state ON jobs (state);
CREATE TABLE IF NOT EXISTS keys (
    caller TEXT NOT NULL, key TEXT NOT NULL, created REAL NOT NULL, digest TEXT,
    job TEXT NOT NULL REFERENCES jobs (id) ON DELETE CASCADE, PRIMARY KEY (caller, key)
);
"""
_LIST_COLUMNS = "id, collection, state, created, files, bytes, looked_at, to_look_at, read, to_read"
_JOB_COLUMNS = f"{_LIST_COLUMNS}, summary, problem"


def store_of(uploads: Path, retention: RetentionSettings | None = None) -> JobRepository:
    """Return the repository of the jobs with files in `uploads`; its database is beside that folder."""
    return JobRepository(jobs_database(uploads), retention)


class JobRepository:
    """The jobs in `file`. Safe to use from several threads; raises the errors of `storage_errors`.

    An idempotency key is stored for the period in `retention`, and until its job has ended. Failed and stopped jobs are
    stored for the period in `retention`; completed ones are not deleted, since their files are not.
    """

    def __init__(self, file: Path, retention: RetentionSettings | None = None) -> None:
        self._retention = retention or RetentionSettings()
        self._store = SQLiteStore(file, _TABLES, Versions(VERSION, {0: _create_missing_tables}))

    def begin(self, job: str, caller: str, key: str | None) -> str | None:
        """Record a new upload. Returns the job that already has the key, if any. Raises `UploadInProgress`."""
        now = time.time()
        with self._store.rows() as connection:
            connection.execute(
                """DELETE FROM keys WHERE created < ?
                AND job NOT IN (SELECT id FROM jobs WHERE state IN ('queued', 'reading'))""",
                (now - self._retention.idempotency_key_hours * 3600,),
            )
            connection.execute(
                "DELETE FROM jobs WHERE state IN ('failed', 'stopped') AND created < ?",
                (now - self._retention.failed_job_days * 86400,),
            )
            existing = connection.execute(
                "SELECT job, digest FROM keys WHERE caller = ? AND key = ?", (caller, key)
            ).fetchone()
            if existing and existing[1] is None:
                raise UploadInProgress
            connection.execute("INSERT INTO jobs (id, state, created) VALUES (?, 'receiving', ?)", (job, now))
            if key is not None and not existing:
                connection.execute(
                    "INSERT INTO keys (caller, key, created, job) VALUES (?, ?, ?, ?)", (caller, key, now, job)
                )
        return str(existing[0]) if existing else None

    def accept(self, job: str, collection: str, files: int, size: int, digest: str) -> None:
        """Turn a completely received upload into a queued job."""
        with self._store.rows() as connection:
            connection.execute(
                "UPDATE jobs SET state = 'queued', collection = ?, files = ?, bytes = ? WHERE id = ?",
                (collection, files, size, job),
            )
            connection.execute("UPDATE keys SET digest = ? WHERE job = ?", (digest, job))

    def check_same(self, job: str, digest: str) -> None:
        """Raise `IdempotencyConflict` unless the upload of `job` had this digest."""
        with self._store.rows() as connection:
            if connection.execute("SELECT 1 FROM keys WHERE job = ? AND digest = ?", (job, digest)).fetchone() is None:
                raise IdempotencyConflict

    def find_key(self, caller: str, key: str) -> str:
        """Return the id of the upload or job with this key. Raises `JobMissing`."""
        with self._store.rows() as connection:
            row = connection.execute("SELECT job FROM keys WHERE caller = ? AND key = ?", (caller, key)).fetchone()
        if row is None:
            raise JobMissing(job=key)
        return str(row[0])

    def is_receiving(self, job: str) -> bool:
        """Return True if it is an upload that is not yet a job."""
        with self._store.rows() as connection:
            cursor = connection.execute("SELECT 1 FROM jobs WHERE id = ? AND state = 'receiving'", (job,))
            return cursor.fetchone() is not None

    def forget(self, job: str, files_left: bool) -> None:
        """Free the key of an abandoned upload and, unless files are left to delete later (`files_left`), its row."""
        with self._store.rows() as connection:
            connection.execute("DELETE FROM keys WHERE job = ?", (job,))
            if not files_left:
                connection.execute("DELETE FROM jobs WHERE id = ?", (job,))

    def find(self, job: str) -> Job:
        """Return a job. Raises `JobMissing`."""
        with self._store.rows() as connection:
            row = connection.execute(
                f"SELECT {_JOB_COLUMNS} FROM jobs WHERE id = ? AND state != 'receiving'", (job,)
            ).fetchone()
        if row is None:
            raise JobMissing(job=job)
        return _job(row)

    def latest(self, limit: int, after: int) -> tuple[list[Job], int]:
        """Return `limit` jobs without their results, latest first, from offset `after`, and the total number."""
        with self._store.rows() as connection:
            rows = connection.execute(
                f"SELECT {_LIST_COLUMNS} FROM jobs WHERE state != 'receiving' ORDER BY number DESC LIMIT ? OFFSET ?",
                (limit, after),
            ).fetchall()
            ((total,),) = connection.execute("SELECT count(*) FROM jobs WHERE state != 'receiving'")
        return [_job(row) for row in rows], int(total)

    def unfinished(self) -> list[tuple[Job, bool]]:
        """Return the jobs that have not ended, oldest first, and whether a stop was requested."""
        with self._store.rows() as connection:
            rows = connection.execute(
                f"SELECT stopping, {_LIST_COLUMNS} FROM jobs WHERE state IN ('queued', 'reading') ORDER BY number"
            ).fetchall()
        return [(_job(row), bool(stopping)) for stopping, *row in rows]

    def next_of(self, collection: str) -> Job | None:
        """Return the oldest job of a collection that has not ended."""
        return next((job for job, _ in self.unfinished() if job.collection == collection), None)

    def received(self) -> list[str]:
        """Return the ids of uploads that are not yet jobs."""
        with self._store.rows() as connection:
            return [job for (job,) in connection.execute("SELECT id FROM jobs WHERE state = 'receiving'")]

    def broken(self) -> list[Job]:
        """Return the jobs that failed or were stopped."""
        with self._store.rows() as connection:
            rows = connection.execute(
                f"SELECT {_LIST_COLUMNS} FROM jobs WHERE state IN ('failed', 'stopped')"
            ).fetchall()
        return [_job(row) for row in rows]

    def done_of(self, collection: str) -> list[str]:
        """Return the ids of the jobs that were indexed into a collection."""
        with self._store.rows() as connection:
            return [
                job
                for (job,) in connection.execute(
                    "SELECT id FROM jobs WHERE state = 'done' AND collection = ?", (collection,)
                )
            ]

    def change(self, job: str, state: State) -> None:
        """Set the state of a job."""
        with self._store.rows() as connection:
            connection.execute("UPDATE jobs SET state = ? WHERE id = ? AND state != ?", (state, job, state))

    def want_stopped(self, job: str, stopping: bool) -> None:
        """Set or clear the request to stop a job."""
        with self._store.rows() as connection:
            connection.execute("UPDATE jobs SET stopping = ? WHERE id = ?", (stopping, job))

    def finish(self, job: str, state: State, steps: JobProgress, result: IndexingReport | JawabError | None) -> None:
        """Store the final state of a job with its report or error."""
        summary = json.dumps(asdict(result)) if isinstance(result, IndexingReport) else None
        problem = None
        if isinstance(result, JawabError):
            problem = json.dumps({"code": result.code, "fields": result.fields}, default=str)
        with self._store.rows() as connection:
            connection.execute(
                """UPDATE jobs SET state = ?, looked_at = ?, to_look_at = ?, read = ?, to_read = ?, summary = ?,
                problem = ? WHERE id = ?""",
                (state, steps.looked_at, steps.to_look_at, steps.read, steps.to_read, summary, problem, job),
            )

    def close(self) -> None:
        self._store.close()


def _create_missing_tables(connection: sqlite3.Connection) -> None:
    """Migrate from version 0: the same tables, some of which are missing if their creation was interrupted."""
    create_missing(connection, _TABLES)


def _job(row: Sequence[Any]) -> Job:
    job, collection, state, created, files, size, looked_at, to_look_at, read, to_read, *result = row
    summary, problem = result or (None, None)
    return Job(
        id=job,
        collection=collection,
        state=state,
        created=created,
        files=files,
        bytes=size,
        steps=JobProgress(looked_at=looked_at, to_look_at=to_look_at, read=read, to_read=to_read),
        summary=_summary(json.loads(summary)) if summary else None,
        problem=_error(**json.loads(problem)) if problem else None,
    )


def _summary(stored: dict[str, Any]) -> IndexingReport:
    return IndexingReport(**stored | {"skipped": [Skipped(**skipped) for skipped in stored["skipped"]]})


def _error(code: str, fields: dict[str, Any]) -> JawabError:
    """Return the stored error, whose code may be a former one; an unknown code becomes `JobFailed`."""
    kind = next((kind for kind in _kinds(JawabError) if kind.code == current_code(code)), JobFailed)
    return kind(**fields)


def _kinds(base: type[JawabError]) -> Iterator[type[JawabError]]:
    for kind in base.__subclasses__():
        yield kind
        yield from _kinds(kind)
