"""Kills a process that takes uploads in at random moments, again and again, and looks at what the next one makes of it.

    python -m tests.crash_upload_worker FOLDER TIMES

Each round a child receives an upload that gives every article another text, and is killed with SIGKILL somewhere
between its first byte and its end. Another child is sent the same upload once more under the same idempotency key, as
a client does that had no answer. Prints as JSON in which state the upload was when the child was killed, and every
round after which not all was as it should be. A process of its own, because it forks: there must be no threads in it.
"""

from __future__ import annotations

import json
import os
import random
import signal
import sys
import time
from collections import Counter
from contextlib import closing
from pathlib import Path

from index.fakes import HashEmbedder
from index.indexer import create_index
from index.recovery import check_integrity
from index.storage.catalog import Catalog
from ui.api.body_parsers.ndjson import LinesBody
from ui.collections.repository import CollectionRepository
from ui.jobs.index_writer import IndexWriter
from ui.jobs.job_queue import JobQueue
from ui.jobs.repository import JobRepository
from ui.jobs.uploaded_files import UploadedFiles

DIMENSION = 64
ARTICLES = 12
_SECONDS = 60


def main(place: Path, times: int) -> dict[str, object]:
    """How often an upload was killed in which state, and what was wrong afterwards."""
    chance = random.Random(5)
    create_index(place / "index")
    began = time.perf_counter()
    _wait(_child(place, 0))
    took = time.perf_counter() - began
    killed, wrong = Counter[str](), list[str]()
    for version in range(1, times + 1):
        child = _child(place, version)
        time.sleep(chance.uniform(0, took))
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
        killed[_state(place, version)] += 1
        _wait(_child(place, version))
        wrong += [f"{version}: {fault}" for fault in _faults(place, version)]
    return {"killed": killed, "wrong": wrong}


def _child(place: Path, version: int) -> int:
    """A process that receives an upload and reads it; its id."""
    child = os.fork()
    if child == 0:
        embedder = HashEmbedder(DIMENSION)
        folders = CollectionRepository(place / "index", place / "collections")
        uploaded = UploadedFiles(place / "uploads", folders)
        jobs = JobQueue(place / "uploads", IndexWriter(folders, lambda: embedder, uploaded))
        jobs.start()
        _send(jobs, version)
        jobs.close()
        os._exit(0)
    return child


def _wait(child: int) -> None:
    _, status = os.waitpid(child, 0)
    assert status == 0, status


def _send(jobs: JobQueue, version: int) -> None:
    """What the API does with an upload, slowly; returns when every job is over."""
    upload = jobs.begin("", str(version))
    body = LinesBody(upload.folder, jobs.limits)
    for number, text in _articles(version).items():
        body.write(json.dumps({"id": number, "text": text}).encode() + b"\n")
        time.sleep(0.03)
    body.finish()
    jobs.accept(upload, body.upload_directory, "first", body.digest)
    jobs.discard(upload)
    deadline = time.monotonic() + _SECONDS
    while not all(job.is_over for job in jobs.latest(1000, 0)[0]):
        assert time.monotonic() < deadline
        time.sleep(0.005)


def _articles(version: int) -> dict[str, str]:
    return {f"a{number}": f"Article {number} says {version}. " * 30 for number in range(ARTICLES)}


def _state(place: Path, version: int) -> str:
    """That of the upload of this version: of each there may be but one job."""
    with closing(JobRepository(place / "uploads-jobs.sqlite")) as store:
        jobs, total = store.latest(1, 0)
    return jobs[0].state if total == version + 1 else "receiving"


def _faults(place: Path, version: int) -> list[str]:
    with closing(JobRepository(place / "uploads-jobs.sqlite")) as store:
        jobs, total = store.latest(1000, 0)
    with closing(Catalog.open(place / "index")) as catalog:
        texts = {article.id: article.text for article in catalog.articles()}
        copies = catalog.copies()
    faults = {
        "articles": texts != _articles(version) or bool(copies),
        "damage": bool(check_integrity(place / "index")),
        "jobs": total != version + 1 or any(job.state != "done" for job in jobs),
        "folders": not {path.name for path in (place / "uploads" / "jobs").iterdir()} <= {job.id for job in jobs},
    }
    return [name for name, found in faults.items() if found]


if __name__ == "__main__":
    print(json.dumps(main(Path(sys.argv[1]), int(sys.argv[2]))))
