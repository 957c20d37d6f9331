"""A checksum for every page of the catalogue, so that one flipped bit anywhere in the file is detected.

SQLite itself has no page checksums. They are stored beside the catalogue (`catalog.sums`: a CRC-32 a page,
little-endian; 0 is "not known"). An update costs only the pages that a change wrote, which are listed in the frames of
SQLite's write-ahead log (https://www.sqlite.org/fileformat2.html#the_write_ahead_log). That log is merged only by
`checkpoint_and_checksum`.

The pages of the database's schema are needed to read any other, so a second copy of them is stored (`catalog.head`).
"""

from __future__ import annotations

import base64
import json
import zlib
from collections.abc import Iterable
from pathlib import Path

import numpy as np
import numpy.typing as npt

from index.errors import IndexDamaged
from index.storage import private
from index.storage.database import Database, storage_errors
from index.storage.durable import write_atomically

PAGE = 4096
_LOG_HEADER = 32
_FRAME_HEADER = 24
_UNKNOWN = 0

PageChecksums = npt.NDArray[np.uint32]


def checkpoint_and_checksum(database: Database, file: Path) -> None:
    """Merge the write-ahead log into `file` and update the checksums.

    A kill or a power cut may leave unknown checksums, never a wrong one: a checksum is marked unknown on the disk
    before its page changes, and written after it.
    """
    with storage_errors(file.parent):
        changed_pages = _logged_pages(file)
        if not changed_pages:
            return
        sums = _grown(_read_sums(file), max(changed_pages, default=0))
        sums[[page - 1 for page in changed_pages]] = _UNKNOWN
        _write_sums(file, sums)
        if not database.merge_log():
            return  # A reader still needs the old pages: their checksums are computed with the next change.
        sums = sums[: file.stat().st_size // PAGE]
        with file.open("rb") as pages:
            for page in changed_pages:
                if page <= len(sums):
                    pages.seek((page - 1) * PAGE)
                    sums[page - 1] = _checksum(pages.read(PAGE))
        # Before the checksums: while that of the first page is not known, the head is not compared with it.
        if 1 in changed_pages:
            _replace(file, _head_path(file), _serialised_head(file, _schema_pages(database)).encode("ascii"))
        _write_sums(file, sums)


def sum_all(database: Database, file: Path) -> None:
    """Compute the checksums of all pages of `file`, which no other process may have open."""
    with storage_errors(file.parent):
        if not database.merge_log():
            return
        with file.open("rb") as pages:
            sums = [_checksum(page) for page in iter(lambda: pages.read(PAGE), b"")]
        _replace(file, _head_path(file), _serialised_head(file, _schema_pages(database)).encode("ascii"))
        _write_sums(file, np.array(sums, dtype="<u4"))


def restore_schema_pages(file: Path, damaged: Iterable[int]) -> None:
    """Restore those `damaged` pages of `file` that have a second copy; `file` must be a copy that is not open."""
    head_pages = _head_pages(file)
    with file.open("r+b") as pages:
        for page in damaged:
            if str(page) in head_pages:
                pages.seek((page - 1) * PAGE)
                pages.write(base64.b64decode(head_pages[str(page)]))


def damaged_pages(file: Path) -> list[int]:
    """Return the numbers of the pages of `file` that fail their checksum; 0 stands for the head."""
    with storage_errors(file.parent):
        sums = _read_sums(file)
        superseded = _logged_pages(file)
        damaged = []
        with file.open("rb") as pages:
            for number, checksum in enumerate(sums.tolist(), start=1):
                page = pages.read(PAGE)
                if checksum != _UNKNOWN and number not in superseded and _checksum(page) != checksum:
                    damaged.append(number)
        is_head_current = len(sums) > 0 and sums[0] != _UNKNOWN and 1 not in superseded
        if is_head_current and not damaged:
            expected = _serialised_head(file, _page_numbers(_head_pages(file))).encode("ascii")
            damaged += [0] if not _head_path(file).is_file() or _head_path(file).read_bytes() != expected else []
    return damaged


def _page_numbers(head_pages: Iterable[str]) -> list[int]:
    # At least the first page, so that an unreadable head never matches.
    return [int(number) for number in head_pages if number.isdecimal()] or [1]


def _schema_pages(database: Database) -> list[int]:
    try:
        return [page for (page,) in database.rows("SELECT pageno FROM dbstat WHERE name = 'sqlite_schema'")]
    except IndexDamaged:  # an SQLite without this table: only the first page is known to be of the schema
        return [1]


def _serialised_head(file: Path, numbers: Iterable[int]) -> str:
    """Serialise these pages of `file` in the format of the head."""
    head_pages = {}
    with file.open("rb") as pages:
        for number in numbers:
            pages.seek((number - 1) * PAGE)
            head_pages[str(number)] = base64.b64encode(pages.read(PAGE)).decode("ascii")
    return json.dumps(head_pages)


def _head_pages(file: Path) -> dict[str, str]:
    """Return the pages of the head by number; none where it cannot be read."""
    try:
        head_pages = json.loads(_head_path(file).read_bytes())
    except (FileNotFoundError, ValueError):
        return {}
    return head_pages if isinstance(head_pages, dict) else {}


def _head_path(file: Path) -> Path:
    return file.with_suffix(".head")


def _logged_pages(file: Path) -> set[int]:
    """Return the pages that the frames of the write-ahead log replace."""
    log = file.with_name(file.name + "-wal")
    if not log.is_file():
        return set()
    frame = _FRAME_HEADER + PAGE
    with log.open("rb") as frames:
        frames.seek(0, 2)
        count = max(0, frames.tell() - _LOG_HEADER) // frame
        pages = set()
        for position in range(count):
            frames.seek(_LOG_HEADER + position * frame)
            pages.add(int.from_bytes(frames.read(4), "big"))
    return pages - {0}


def _checksum(page: bytes) -> int:
    return zlib.crc32(page) or 1


def _sums_path(file: Path) -> Path:
    return file.with_suffix(".sums")


def _read_sums(file: Path) -> PageChecksums:
    path = _sums_path(file)
    # Not by `np.fromfile`: where the disk fails, that silently returns a part.
    content = path.read_bytes() if path.is_file() else b""
    return np.frombuffer(content[: len(content) // 4 * 4], dtype="<u4").copy()


def _grown(sums: PageChecksums, pages: int) -> PageChecksums:
    return np.concatenate([sums, np.zeros(max(0, pages - len(sums)), dtype="<u4")])


def _write_sums(file: Path, sums: PageChecksums) -> None:
    _replace(file, _sums_path(file), sums.astype("<u4").tobytes())


def _replace(file: Path, path: Path, content: bytes) -> None:
    # With the catalogue's mode: every user who may write to the catalogue must be able to write these.
    write_atomically(path, content, private.mode_like(file))
