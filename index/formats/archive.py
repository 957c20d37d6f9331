"""Zip archives: each member in a supported format is parsed like a file in a folder.

Members are read one after another and never written to disk; their names are never used as paths. Hidden files and
unsupported formats are skipped, as in a folder.
"""

from __future__ import annotations

import dataclasses
import io
import posixpath
import re
import unicodedata
import zipfile
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, BinaryIO

from index.formats.encoding import NotText
from index.formats.parsed import ParsedDocument, Rejected
from index.formats.zip_container import DAMAGED

if TYPE_CHECKING:
    from index.formats import Reader

SUFFIXES = (".zip",)

LARGEST_ARCHIVE = 600_000_000
"""Bytes of the file itself."""
LARGEST_MEMBER = 64 * 2**20
"""Bytes, unpacked; the limit for a file in a folder."""
MAX_UNPACKED_BYTES = 4_000_000_000
"""Bytes of all members together. They are never in memory at once."""
MAX_MEMBERS = 100_000
HIGHEST_RATIO = 200
"""Text compresses to a tenth, rarely to a fiftieth; zip bombs to a thousandth."""
_SMALL = 16_000_000
"""Bytes that may unpack at any ratio."""

_UTF8_NAME = 0x800
_SERVICE_FOLDERS = ("__macosx",)
_ARABIC_NAMES = ("cp1256", "cp720")
"""Encodings of names on Windows: of its programs, and of its built-in archiver."""
_MOSTLY = 0.8
_DRIVE = re.compile("[a-zA-Z]:")


def read(source: bytes | BinaryIO) -> Iterator[ParsedDocument | Rejected]:
    """Yield the articles of all members; a member that cannot be read is rejected by name, the others are parsed.

    `source` is the archive, or an open file of it, of which only the needed parts are read into memory.
    """
    file = io.BytesIO(source) if isinstance(source, bytes) else source
    return _members(file, "", _Allowance(MAX_MEMBERS, MAX_UNPACKED_BYTES))


@dataclass
class _Allowance:
    """Remaining budget of an archive and those inside it, and the names in use."""

    members: int
    unpacked: int
    names: dict[str, int] = field(default_factory=dict)

    def take(self, entries: Iterable[zipfile.ZipInfo]) -> bool:
        """Deduct `entries`; return whether they fit. `zipfile` never reads more of a member than its entry declares."""
        members = list(entries)
        unpacked, packed = sum(entry.file_size for entry in members), sum(entry.compress_size for entry in members)
        self.members -= len(members)
        self.unpacked -= unpacked
        return self.members >= 0 and self.unpacked >= 0 and unpacked <= max(_SMALL, HIGHEST_RATIO * packed)

    def unique_name(self, name: str) -> str:
        """Return `name`, with a number added if another member has it."""
        candidate = name
        while candidate in self.names:
            self.names[name] += 1
            stem, suffix = posixpath.splitext(name)
            candidate = f"{stem} ({self.names[name]}){suffix}"
        self.names[candidate] = 1
        return candidate


def _members(file: BinaryIO, inside: str, allowance: _Allowance) -> Iterator[ParsedDocument | Rejected]:
    """Yield the articles of an archive; `inside` is its name if it is a member of another."""
    try:
        package = zipfile.ZipFile(file)
    except (*DAMAGED, ValueError):
        yield Rejected("broken_document", member=inside)
        return
    with package:
        if not allowance.take(package.infolist()):
            yield Rejected("archive_too_large", member=inside)
            return
        for entry in package.infolist():
            name = member_name(entry)
            # Not `entry.is_dir()`, which fails on an empty name.
            if not entry.filename.endswith("/") and _is_wanted(name):
                yield from _member(
                    package, entry, allowance.unique_name(posixpath.join(inside, name)), inside, allowance
                )


def _member(
    package: zipfile.ZipFile, entry: zipfile.ZipInfo, name: str, inside: str, allowance: _Allowance
) -> Iterator[ParsedDocument | Rejected]:
    if entry.file_size > LARGEST_MEMBER:
        yield Rejected("too_large", member=name)
        return
    try:
        data = package.read(entry)
    except (*DAMAGED, ValueError):
        yield Rejected("broken_document", member=name)
        return
    if not data.strip():
        yield Rejected("empty", member=name)
    elif _suffix(name) not in SUFFIXES:
        yield from _articles(data, name)
    elif inside:
        yield Rejected("archive_in_archive", member=name)
    else:
        yield from _members(io.BytesIO(data), name, allowance)


def _articles(data: bytes, name: str) -> Iterator[ParsedDocument | Rejected]:
    try:
        for part in _readers()[_suffix(name)](data):
            if isinstance(part, ParsedDocument):
                yield dataclasses.replace(part, key=f"{name}#{part.key}" if part.key else name, member=name)
            else:
                yield dataclasses.replace(part, member=name)
    except NotText:
        yield Rejected("not_text", member=name)
    except RecursionError:
        yield Rejected("nested_too_deep", member=name)


def member_name(entry: zipfile.ZipInfo) -> str:
    """Return the decoded name of a member: a path with "/", without parts that could lead out of a folder."""
    parts = _decoded(entry).replace("\\", "/").split("/")
    tidy = ("".join(c for c in part if unicodedata.category(c) not in ("Cc", "Cf", "Cs")).strip() for part in parts)
    return "/".join(part for part in tidy if part not in ("", ".", "..") and not _DRIVE.fullmatch(part))


def _decoded(entry: zipfile.ZipInfo) -> str:
    """Decode a name again: `zipfile` decodes every name not marked as UTF-8 as code page 437."""
    if entry.flag_bits & _UTF8_NAME or entry.orig_filename.isascii():
        return entry.orig_filename
    try:
        name = entry.orig_filename.encode("cp437")
    except UnicodeEncodeError:  # a later Python that decoded the name differently
        return entry.orig_filename
    try:
        return name.decode("utf-8")
    except UnicodeDecodeError:
        arabic = [name.decode(encoding, "replace") for encoding in _ARABIC_NAMES]
        best = max(arabic, key=_share_of_arabic)
        return best if _share_of_arabic(best) > _MOSTLY else entry.orig_filename


def _share_of_arabic(name: str) -> float:
    beyond_ascii = [character for character in name if not character.isascii()]
    return sum("ء" <= character <= "ي" for character in beyond_ascii) / len(beyond_ascii)


def _is_wanted(name: str) -> bool:
    parts = name.split("/")
    is_hidden = any(part.startswith((".", "~$")) or part.lower() in _SERVICE_FOLDERS for part in parts)
    return not is_hidden and _suffix(name) in _readers()


def _suffix(name: str) -> str:
    return posixpath.splitext(name)[1].lower()


def _readers() -> Mapping[str, Reader]:
    # Imported here: `parsers` imports this module, among others.
    from index.formats import parsers

    return parsers()
