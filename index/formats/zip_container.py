"""Zip-based formats (.docx, .epub): opened only if their unpacked size is bounded."""

from __future__ import annotations

import io
import zipfile
import zlib

MAX_UNPACKED_BYTES = 256_000_000
"""Bytes: a few kilobytes of zip can unpack to terabytes."""
MAX_MEMBERS = 10_000

DAMAGED = (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, RuntimeError, OSError)
"""Exceptions of `zipfile` for a member that is damaged, encrypted, or compressed by an unsupported method."""


class CorruptContainer(Exception):
    """Raised for a file that is not a zip archive, or a damaged or encrypted one."""


class ContainerTooLarge(Exception):
    """Raised for more than `MAX_UNPACKED_BYTES` unpacked bytes or `MAX_MEMBERS` files."""


def open_container(data: bytes) -> zipfile.ZipFile:
    """Open the archive. `zipfile` never reads more of a member than its entry declares, so the sum bounds the whole."""
    try:
        package = zipfile.ZipFile(io.BytesIO(data))
    except (zipfile.BadZipFile, NotImplementedError, ValueError, OSError) as error:
        raise CorruptContainer from error
    members = package.infolist()
    if len(members) > MAX_MEMBERS or sum(member.file_size for member in members) > MAX_UNPACKED_BYTES:
        raise ContainerTooLarge
    return package


def read_member(package: zipfile.ZipFile, name: str) -> bytes:
    """Return the content of a member. Raises `CorruptContainer` where it is missing, damaged or encrypted."""
    try:
        return package.read(name)
    except (KeyError, *DAMAGED) as error:
        raise CorruptContainer from error
