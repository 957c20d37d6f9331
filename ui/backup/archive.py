"""The archive of a backup: an uncompressed tar file of members and, at its end, a manifest with their digests.

Writing goes on where it was broken off: members of the partial file that are whole and unchanged since are kept.
Reading believes nothing before the digest of the manifest and that of the member agree.
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
"""The version of the archive's form; what is in it has versions of its own."""
MANIFEST, DIGEST = "manifest.json", "manifest.sha256"
_CHUNK = 2**20
_LARGEST_MANIFEST = 2**28

Advance = Callable[[int], None]
"""Called with the bytes that were read or written since the last call."""


class BackupInvalid(JawabError):
    """The `file` is not a backup of Jawab, or its writing was broken off."""

    code = "backup_invalid"


class BackupDamaged(JawabError):
    """The `member` of the backup `file` is not as it was written."""

    code = "backup_damaged"


@dataclass(frozen=True)
class Member:
    """A file of the archive: its name with "/", its bytes, its SHA-256."""

    name: str
    size: int
    sha256: str


@dataclass(frozen=True)
class ArchivedCollection:
    """A collection of the archive; `embedder` is the fingerprint of what its vectors were computed with."""

    id: str
    name: str
    articles: int
    embedder: str | None


@dataclass(frozen=True)
class Manifest:
    """The contents of an archive. `made` is an ISO time; `uploads` the folder that uploaded files lay in, which the
    paths of their articles begin with; `missing` names files that were gone when they were to be copied."""

    made: str
    jawab: str
    uploads: str
    collections: tuple[ArchivedCollection, ...]
    members: tuple[Member, ...]
    missing: tuple[str, ...] = ()
    version: int = VERSION


@dataclass(frozen=True)
class Source:
    """A file that is to become a member."""

    name: str
    path: Path


def write_members(partial: Path, sources: Sequence[Source], advance: Advance) -> tuple[list[Member], list[str]]:
    """Bring the archive `partial`, which may be empty, to hold exactly `sources`, in their order; gives the members,
    and the names of sources that have gone."""
    kept = _whole_prefix(partial, sources, advance)
    members, missing = list(kept), []
    with tarfile.open(partial, "a", format=tarfile.PAX_FORMAT) as tar:
        for source in sources[len(kept) :]:
            try:
                members.append(_add(tar, source, advance))
            except FileNotFoundError:
                missing.append(source.name)
    return members, missing


def finish(partial: Path, manifest: Manifest, target: Path) -> None:
    """Add the manifest, see all of it on the disk, and give the archive its name."""
    written = json.dumps(asdict(manifest), ensure_ascii=False, indent=1).encode()
    with tarfile.open(partial, "a", format=tarfile.PAX_FORMAT) as tar:
        for name, content in ((MANIFEST, written), (DIGEST, hashlib.sha256(written).hexdigest().encode())):
            info = tarfile.TarInfo(name)
            info.size, info.mode = len(content), 0o600
            tar.addfile(info, io.BytesIO(content))
    put_in_place(partial, target)


class ArchiveReader:
    """A finished archive, opened for reading. All methods raise `BackupDamaged` where something is not as written.

    `digest` is the SHA-256 of its manifest, and so stands for all that is in it.
    """

    def __init__(self, file: Path, tar: tarfile.TarFile) -> None:
        self._file = file
        self._tar = tar
        self._infos = {info.name: info for info in _headers(file, tar)}
        self.digest = self._small(DIGEST).decode("ascii", "replace")
        self.manifest = self._read_manifest()

    def content(self, member: Member) -> Iterator[bytes]:
        """The bytes of a member, in parts; that they were right is known at the end."""
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

    def json_of(self, written: bytes) -> dict[str, Any]:
        """The JSON object of a member. Raises `BackupInvalid` where it is none."""
        try:
            fields = json.loads(written)
        except ValueError as error:
            raise BackupInvalid(file=self._file) from error
        if not isinstance(fields, dict):
            raise BackupInvalid(file=self._file)
        return fields

    def _read_manifest(self) -> Manifest:
        written = self._small(MANIFEST)
        if hashlib.sha256(written).hexdigest() != self.digest:
            raise BackupDamaged(file=self._file, member=MANIFEST)
        fields = self.json_of(written)
        if fields.get("version") != VERSION:
            raise StoreNewer(file=self._file, found=fields.get("version"), expected=VERSION)
        try:
            manifest = _manifests().validate_python(fields)
        except ValidationError as error:
            raise BackupInvalid(file=self._file) from error
        if not all(is_safe(member.name) for member in manifest.members):
            raise BackupInvalid(file=self._file)
        return manifest

    def _small(self, name: str) -> bytes:
        info = self._infos.get(name)
        stream = self._tar.extractfile(info) if info and info.isreg() and info.size <= _LARGEST_MANIFEST else None
        if stream is None:
            raise BackupInvalid(file=self._file)
        return stream.read()


@contextmanager
def reading(file: Path) -> Iterator[ArchiveReader]:
    """The archive in `file`. Raises `BackupInvalid`, `BackupDamaged`, `StoreNewer`."""
    try:
        tar = tarfile.open(file, "r:")  # noqa: SIM115 - closed by the `with` below
    except tarfile.TarError as error:
        raise BackupInvalid(file=file) from error
    with tar:
        yield ArchiveReader(file, tar)


def is_safe(name: str) -> bool:
    """Whether a member's name leads into the folder that it is unpacked to, and nowhere else."""
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
        # Nothing of the machine: no owner, no mode.
        info.size, info.mtime, info.mode = status.st_size, status.st_mtime, 0o600
        content = _Digesting(file, advance)
        tar.addfile(info, content)
    return Member(source.name, status.st_size, content.digest.hexdigest())


def _whole_prefix(partial: Path, sources: Sequence[Source], advance: Advance) -> list[Member]:
    """The members at the beginning of `partial` that are the first of `sources`; what follows them is cut off."""
    found = list(_unchanged(partial, sources, advance))
    end = found[-1][1] if found else 0
    with partial.open("r+b") as file:
        file.truncate(end)
        # An archive that can be added to has an end: two empty blocks, which the next member replaces.
        file.seek(end)
        file.write(bytes(2 * tarfile.BLOCKSIZE))
    return [member for member, _ in found]


def _unchanged(partial: Path, sources: Sequence[Source], advance: Advance) -> Iterator[tuple[Member, int]]:
    """The members that are whole and whose sources are as they were, with the places at which they end."""
    try:
        tar = tarfile.open(partial, "r:")  # noqa: SIM115 - closed by the `with` below
    except tarfile.ReadError:  # nothing was written, or not even the first block of it
        return
    with tar:
        for source, info in zip(sources, _readable(tar, partial.stat().st_size), strict=False):
            if not _is_the_same(source, info) or (stream := tar.extractfile(info)) is None:
                return
            content = _Digesting(stream, advance)
            while content.read(_CHUNK):
                pass
            end = info.offset_data + info.size
            yield Member(info.name, info.size, content.digest.hexdigest()), end + -end % tarfile.BLOCKSIZE


def _readable(tar: tarfile.TarFile, size: int) -> Iterator[tarfile.TarInfo]:
    """The members of an archive of `size` bytes, up to the place at which the writing was broken off."""
    while True:
        try:
            info = tar.next()
        except tarfile.TarError:
            return
        if info is None or info.offset_data + info.size > size:
            return
        yield info


def _is_the_same(source: Source, info: tarfile.TarInfo) -> bool:
    try:
        status = source.path.stat()
    except FileNotFoundError:
        return False
    return (info.name, info.size, info.mtime) == (source.name, status.st_size, status.st_mtime)


class _Digesting:
    """A stream whose bytes are digested as they are read."""

    def __init__(self, stream: IO[bytes], advance: Advance) -> None:
        self._stream = stream
        self._advance = advance
        self.digest = hashlib.sha256()

    def read(self, size: int = -1) -> bytes:
        chunk = self._stream.read(size)
        self.digest.update(chunk)
        self._advance(len(chunk))
        return chunk
