"""The archive of a backup: an uncompressed tar file of members and, at its end, a manifest with their digests.

Interrupted writing resumes: members of the partial file that are complete and whose sources are unchanged are reused.
Reading verifies the digest of the manifest first, and that of each member as it is read.
"""

from __future__ import annotations

import hashlib
import io
import json
import os
import tarfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from functools import cache
from pathlib import Path, PurePosixPath
from typing import IO, Any

from pydantic import TypeAdapter, ValidationError

from index.errors import JawabError
from index.storage.durable import put_in_place
from index.storage.migrations import StoreNewer

VERSION = 1
"""Version of the archive format; the stores inside have their own versions."""
MANIFEST, DIGEST = "manifest.json", "manifest.sha256"
_CHUNK = 2**20
_LARGEST_MANIFEST = 2**28

Advance = Callable[[int], None]
"""Callback that is given the number of bytes read or written since its last call."""


class BackupInvalid(JawabError):
    """The `file` is not a backup of Jawab, or is incomplete."""

    code = "backup_invalid"


class BackupDamaged(JawabError):
    """The content of `member` in the backup `file` is damaged."""

    code = "backup_damaged"


@dataclass(frozen=True)
class Member:
    """A file of the archive: its name with "/", its size in bytes, its SHA-256."""

    name: str
    size: int
    sha256: str


@dataclass(frozen=True)
class ArchivedCollection:
    """A collection of the archive; `embedder` is the fingerprint of the embedder that computed its vectors."""

    id: str
    name: str
    articles: int
    embedder: str | None


@dataclass(frozen=True)
class Manifest:
    """Contents of an archive. `made` is an ISO time; `uploads` is the folder of uploaded files, with which the paths of
    their articles begin; `missing` has the names of files that no longer existed when they were to be copied."""

    made: str
    jawab: str
    uploads: str
    collections: tuple[ArchivedCollection, ...]
    members: tuple[Member, ...]
    missing: tuple[str, ...] = ()
    version: int = VERSION


@dataclass(frozen=True)
class Source:
    """A file to be added as a member."""

    name: str
    path: Path


def write_members(partial: Path, sources: Sequence[Source], advance: Advance) -> tuple[list[Member], list[str]]:
    """Complete the archive `partial`, which may be empty, so that it has exactly `sources`, in their order. Return the
    members, and the names of sources that no longer exist."""
    retained = _retain_prefix(partial, sources, advance)
    members, missing = list(retained), []
    with tarfile.open(partial, "a", format=tarfile.PAX_FORMAT) as tar:
        for source in sources[len(retained) :]:
            try:
                members.append(_add(tar, source, advance))
            except FileNotFoundError:
                missing.append(source.name)
    return members, missing


def finish(partial: Path, manifest: Manifest, target: Path) -> None:
    """Add the manifest, sync the archive to disk, and rename it to `target`."""
    encoded = json.dumps(asdict(manifest), ensure_ascii=False, indent=1).encode()
    with tarfile.open(partial, "a", format=tarfile.PAX_FORMAT) as tar:
        for name, content in ((MANIFEST, encoded), (DIGEST, hashlib.sha256(encoded).hexdigest().encode())):
            info = tarfile.TarInfo(name)
            info.size, info.mode = len(content), 0o600
            tar.addfile(info, io.BytesIO(content))
    put_in_place(partial, target)


class ArchiveReader:
    """A finished archive, opened for reading. All methods raise `BackupDamaged` if a digest does not match.

    `digest` is the SHA-256 of the manifest, and so identifies the whole content.
    """

    def __init__(self, file: Path, tar: tarfile.TarFile) -> None:
        self._file = file
        self._tar = tar
        self._infos = {info.name: info for info in _headers(file, tar)}
        self.digest = self._read_small(DIGEST).decode("ascii", "replace")
        self.manifest = self._read_manifest()

    def content(self, member: Member) -> Iterator[bytes]:
        """Yield the bytes of a member in chunks; their digest is checked after the last one."""
        info = self._infos.get(member.name)
        stream = self._tar.extractfile(info) if info and info.isreg() else None
        if stream is None:
            raise BackupDamaged(file=self._file, member=member.name)
        digest = hashlib.sha256()
        while chunk := stream.read(_CHUNK):
            digest.update(chunk)
            yield chunk
        if digest.hexdigest() != member.sha256:
            raise BackupDamaged(file=self._file, member=member.name)

    def json_of(self, content: bytes) -> dict[str, Any]:
        """Parse the JSON object of a member. Raises `BackupInvalid` if it is not one."""
        try:
            fields = json.loads(content)
        except ValueError as error:
            raise BackupInvalid(file=self._file) from error
        if not isinstance(fields, dict):
            raise BackupInvalid(file=self._file)
        return fields

    def _read_manifest(self) -> Manifest:
        content = self._read_small(MANIFEST)
        if hashlib.sha256(content).hexdigest() != self.digest:
            raise BackupDamaged(file=self._file, member=MANIFEST)
        fields = self.json_of(content)
        if fields.get("version") != VERSION:
            raise StoreNewer(file=self._file, found=fields.get("version"), expected=VERSION)
        try:
            manifest = _manifests().validate_python(fields)
        except ValidationError as error:
            raise BackupInvalid(file=self._file) from error
        if not all(is_safe(member.name) for member in manifest.members):
            raise BackupInvalid(file=self._file)
        return manifest

    def _read_small(self, name: str) -> bytes:
        info = self._infos.get(name)
        stream = self._tar.extractfile(info) if info and info.isreg() and info.size <= _LARGEST_MANIFEST else None
        if stream is None:
            raise BackupInvalid(file=self._file)
        return stream.read()


@contextmanager
def reading(file: Path) -> Iterator[ArchiveReader]:
    """Open the archive in `file`. Raises `BackupInvalid`, `BackupDamaged`, `StoreNewer`."""
    try:
        tar = tarfile.open(file, "r:")  # noqa: SIM115 - closed by the `with` below
    except tarfile.TarError as error:
        raise BackupInvalid(file=file) from error
    with tar:
        yield ArchiveReader(file, tar)


def is_safe(name: str) -> bool:
    """Return whether a member's name stays inside the folder that it is unpacked to."""
    path = PurePosixPath(name)
    return not path.is_absolute() and ".." not in path.parts and "\0" not in name and "\\" not in name and bool(name)


def digest_of_file(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


@cache
def _manifests() -> TypeAdapter[Manifest]:
    return TypeAdapter(Manifest)


def _headers(file: Path, tar: tarfile.TarFile) -> list[tarfile.TarInfo]:
    try:
        return tar.getmembers()
    except (tarfile.TarError, ValueError, EOFError) as error:
        raise BackupInvalid(file=file) from error


def _add(tar: tarfile.TarFile, source: Source, advance: Advance) -> Member:
    with source.path.open("rb") as file:
        status = os.fstat(file.fileno())
        info = tarfile.TarInfo(source.name)
        # No owner and no mode of this machine.
        info.size, info.mtime, info.mode = status.st_size, status.st_mtime, 0o600
        content = _HashingReader(file, advance)
        tar.addfile(info, content)
    return Member(source.name, status.st_size, content.digest.hexdigest())


def _retain_prefix(partial: Path, sources: Sequence[Source], advance: Advance) -> list[Member]:
    """Return the leading members of `partial` that match the first `sources`; truncate the rest."""
    unchanged = list(_unchanged(partial, sources, advance))
    end = unchanged[-1][1] if unchanged else 0
    with partial.open("r+b") as file:
        file.truncate(end)
        # `tarfile` can only append to an archive with an end: two empty blocks, which the next member replaces.
        file.seek(end)
        file.write(bytes(2 * tarfile.BLOCKSIZE))
    return [member for member, _ in unchanged]


def _unchanged(partial: Path, sources: Sequence[Source], advance: Advance) -> Iterator[tuple[Member, int]]:
    """Yield the leading members that are complete and whose sources are unchanged, with their end offsets."""
    try:
        tar = tarfile.open(partial, "r:")  # noqa: SIM115 - closed by the `with` below
    except tarfile.ReadError:  # empty, or truncated within the first block
        return
    with tar:
        for source, info in zip(sources, _complete_members(tar, partial.stat().st_size), strict=False):
            if not _is_unchanged(source, info) or (stream := tar.extractfile(info)) is None:
                return
            content = _HashingReader(stream, advance)
            while content.read(_CHUNK):
                pass
            end = info.offset_data + info.size
            yield Member(info.name, info.size, content.digest.hexdigest()), end + -end % tarfile.BLOCKSIZE


def _complete_members(tar: tarfile.TarFile, size: int) -> Iterator[tarfile.TarInfo]:
    """Yield the members of an archive of `size` bytes, up to where writing was interrupted."""
    while True:
        try:
            info = tar.next()
        except tarfile.TarError:
            return
        if info is None or info.offset_data + info.size > size:
            return
        yield info


def _is_unchanged(source: Source, info: tarfile.TarInfo) -> bool:
    try:
        status = source.path.stat()
    except FileNotFoundError:
        return False
    return (info.name, info.size, info.mtime) == (source.name, status.st_size, status.st_mtime)


class _HashingReader:
    """Stream wrapper that hashes the bytes as they are read."""

    def __init__(self, stream: IO[bytes], advance: Advance) -> None:
        self._stream = stream
        self._advance = advance
        self.digest = hashlib.sha256()

    def read(self, size: int = -1) -> bytes:
        chunk = self._stream.read(size)
        self.digest.update(chunk)
        self._advance(len(chunk))
        return chunk
