"""The way of an upload: received and read, stopped, given up, cleared away."""

from __future__ import annotations

import json
import sqlite3
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

from index.articles import Skipped
from index.errors import JawabError
from index.indexer import Progress
from index.planner import IndexingReport
from index.storage.catalog import Catalog
from tests.faults.scenario import Place, Scenario, State
from tests.faults.scenarios import index
from ui.api.body_parsers.ndjson import LinesBody
from ui.collections.repository import CollectionRepository
from ui.jobs.index_writer import IndexWriter
from ui.jobs.job_queue import JobQueue, PendingUpload
from ui.jobs.repository import JobRepository, store_of
from ui.jobs.uploaded_files import UploadedFiles

_COLLECTION = "first"
_SECONDS, _SOON = 20.0, 2.5


class _NeverDone:
    """An intake that reads until it is stopped."""

    def read(self, collection: str, files: list[Path], progress: Progress) -> IndexingReport:
        """Until `progress` raises."""
        until = time.monotonic() + _SECONDS
        while time.monotonic() < until:
            progress.looked(0, 1)
            time.sleep(0.001)
        return IndexingReport(skipped=[Skipped("never", "empty")])

    def is_away(self, collection: str) -> bool:
        return False

    def has_articles_of(self, collection: str, folder: Path) -> bool:
        return False


def _uploads(place: Place) -> Path:
    return place.store / "uploads"


def _store(place: Place) -> JobRepository:
    return store_of(_uploads(place))


@contextmanager
def _jobs(place: Place) -> Iterator[JobQueue]:
    collections = CollectionRepository(index.folder(place), place.store / "collections")
    intake = IndexWriter(collections, index.embedder, UploadedFiles(_uploads(place), collections))
    with closing(JobQueue(_uploads(place), intake)) as jobs:
        yield jobs


def _prepare(place: Place) -> None:
    index.write_articles(place, 1)
    index.read_articles(place)


def _prepare_queued(place: Place) -> None:
    """An upload that was accepted, and no server since."""
    _prepare(place)
    with _jobs(place) as jobs:
        upload, body = _received(jobs, None)
    with closing(_store(place)) as store:
        store.accept(upload.id, _COLLECTION, body.upload_directory.files, body.upload_directory.size, body.digest)


def _prepare_half_received(place: Place) -> None:
    _prepare(place)
    with _jobs(place) as jobs:
        _received(jobs, "1")


def _received(jobs: JobQueue, key: str | None) -> tuple[PendingUpload, LinesBody]:
    upload = jobs.begin("", key)
    body = LinesBody(upload.folder, jobs.limits)
    try:
        for number in range(4):
            line = {"id": f"sent-{number}", "text": f"Sent {number}.\n\n" + f"This is article {number} of it. " * 20}
            body.write(json.dumps(line).encode() + b"\n")
        body.finish()
    except JawabError:
        body.close()
        jobs.discard(upload)
        raise
    return upload, body


def _upload(place: Place) -> None:
    """As the API does it, with the same idempotency key until it has a job that did not fail."""
    with _jobs(place) as jobs:
        jobs.start()
        for key in ("1", "2"):
            upload, body = _received(jobs, key)
            try:
                job = jobs.accept(upload, body.upload_directory, _COLLECTION, body.digest)
            finally:
                jobs.discard(upload)
            if job.state != "failed":
                break
        _wait(jobs, _SOON)
        for job in jobs.latest(1, 0)[0]:
            if problem := jobs.find(job.id).problem:
                raise problem


class _StillWaiting(JawabError):
    code = "still_waiting"


def _wait(jobs: JobQueue, seconds: float) -> None:
    """Until every job is over. Raises `_StillWaiting`: where the disk stays full, a job waits for it."""
    until = time.monotonic() + seconds
    while not all(job.is_over for job in jobs.latest(100, 0)[0]):
        if time.monotonic() > until:
            raise _StillWaiting
        time.sleep(0.002)


def _stop(place: Place) -> None:
    with closing(JobQueue(_uploads(place), _NeverDone())) as jobs:
        for job in jobs.latest(100, 0)[0]:
            if not job.is_over:
                jobs.stop(job.id)
        _wait(jobs, _SOON)


def _start(place: Place) -> None:
    with _jobs(place) as jobs:
        jobs.start()
        # Where it cannot be started, the first upload says why.
        jobs.discard(jobs.begin("", None))
        _wait(jobs, _SECONDS)


def _clear_away(place: Place) -> None:
    """Raises `_StillWaiting` where files could not be removed: the next start removes them."""
    _start(place)
    if any((_uploads(place) / "jobs").iterdir()):
        raise _StillWaiting


def _state(place: Place) -> State:
    """The articles once the next server has done what was left."""
    _start(place)
    with _jobs(place) as jobs:
        ended = [jobs.find(job.id) for job in jobs.latest(100, 0)[0]]
    assert all(job.is_over for job in ended), ended
    failed = [job.problem.code for job in ended if job.problem]
    assert all(code in _DESIGNED for code in failed), failed
    return index.state(place)


_DESIGNED = ("disk_full", "disk_failed", "permission_denied", "index_damaged")


def _receiving(place: Place) -> State:
    """The number of uploads that are neither accepted nor discarded."""
    with closing(sqlite3.connect(place.store / "uploads-jobs.sqlite")) as rows:
        return list(rows.execute("SELECT count(*) FROM jobs WHERE state = 'receiving'").fetchone())


def _leftovers(place: Place) -> list[str]:
    """Files of jobs from which no article comes, once the next server has started; and what is left in the index."""
    _start(place)
    with closing(Catalog.open(index.folder(place))) as catalog:
        used = {Path(path) for path in catalog.digests_by_path()}
    folder = _uploads(place) / "jobs"
    kept = {path for path in folder.rglob("*") if path.is_file()} if folder.is_dir() else set()
    return [f"left: {path}" for path in kept - used] + index.leftovers(place)


JOBS = (
    Scenario("jobs: upload", _prepare, _upload, _state, index.complaints, _leftovers),
    Scenario("jobs: stop", _prepare_queued, _stop, _state, index.complaints, _leftovers, again=False),
    Scenario("jobs: start", _prepare_half_received, _clear_away, _receiving, index.complaints, _leftovers),
)
