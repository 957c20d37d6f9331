"""API keys of programs: each has a name and scopes, and is stored as a hash.

A key is 256 random bits, so a plain SHA-256 is enough: it cannot be guessed, however fast the hash is.
The file is read again when it has changed, so that adding or revoking a key takes effect immediately.
"""

from __future__ import annotations

import hashlib
import secrets
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from functools import cache
from pathlib import Path
from typing import Any, Literal, get_args

from filelock import FileLock
from pydantic import TypeAdapter

from index.errors import JawabError
from index.storage import private
from index.storage.database import storage_errors
from index.storage.json_file import JsonFile

Scope = Literal["read", "write", "admin"]
SCOPES: tuple[Scope, ...] = get_args(Scope)
KEY_PREFIX = "jawab_"
"""Prefix of every key, so that a leaked one can be recognised."""
VERSION = 1
"""Version of the file format; version 0 was a list of keys."""
DEFAULT_REQUESTS_PER_MINUTE = 600


class KeyExists(JawabError):
    """A key with this `name` already exists."""

    code = "key_exists"


class KeyMissing(JawabError):
    """No key has this `name`."""

    code = "key_missing"


class KeysDamaged(JawabError):
    """The key `file` cannot be parsed."""

    code = "keys_damaged"


@dataclass(frozen=True)
class APIKey:
    """A key without its secret. `per_minute` is its rate limit in requests; `added` is in seconds since 1970."""

    name: str
    scopes: tuple[Scope, ...]
    per_minute: int
    added: float
    digest: str

    def may(self, scope: Scope) -> bool:
        """Return True if the key has `scope`; an admin has every scope."""
        return scope in self.scopes or "admin" in self.scopes


@cache
def _keys() -> TypeAdapter[list[APIKey]]:
    return TypeAdapter(list[APIKey])


class APIKeyStore:
    """The keys in one file. All methods may raise `KeysDamaged`, `StoreNewer`, `DiskFull`, `PermissionDenied`."""

    def __init__(self, file: Path) -> None:
        self._file = file
        self._stored = JsonFile(file, VERSION, {0: _named_keys})
        self._lock = threading.Lock()
        self._read_as_of: tuple[int, int] | None = None
        self._by_digest: dict[str, APIKey] = {}

    def add(self, name: str, scopes: Sequence[Scope], per_minute: int = DEFAULT_REQUESTS_PER_MINUTE) -> str:
        """Create a key and return its secret, which is not stored. Raises `KeyExists`."""
        secret = KEY_PREFIX + secrets.token_urlsafe(32)
        with self._changing() as keys:
            if any(key.name == name for key in keys):
                raise KeyExists(name=name)
            keys.append(APIKey(name, tuple(scopes), per_minute, time.time(), _digest(secret)))
        return secret

    def revoke(self, name: str) -> None:
        """Revoke the key. Takes effect immediately. Raises `KeyMissing`."""
        with self._changing() as keys:
            kept = [key for key in keys if key.name != name]
            if len(kept) == len(keys):
                raise KeyMissing(name=name)
            keys[:] = kept

    def all(self) -> list[APIKey]:
        """Return all keys, oldest first."""
        return self._load()

    def find(self, secret: str) -> APIKey | None:
        """Return the key with this secret, or `None`."""
        with self._lock:
            as_of = self._as_of()
            if as_of != self._read_as_of:
                self._by_digest = {key.digest: key for key in self._load()}
                self._read_as_of = as_of
            return self._by_digest.get(_digest(secret))

    @contextmanager
    def _changing(self) -> Iterator[list[APIKey]]:
        """Yield the keys for editing, under the lock. The file is replaced atomically."""
        with storage_errors(self._file.parent):
            private.make_folder(self._file.parent)
            with FileLock(self._file.with_suffix(".lock"), mode=private.FILE):
                keys = self._load()
                yield keys
                self._stored.write({"keys": [asdict(key) for key in keys]})

    def _as_of(self) -> tuple[int, int] | None:
        try:
            status = self._file.stat()
        except FileNotFoundError:
            return None
        return status.st_mtime_ns, status.st_ino

    def _load(self) -> list[APIKey]:
        with storage_errors(self._file.parent):
            try:
                return _keys().validate_python(self._stored.read().get("keys"))
            except FileNotFoundError:
                return []
            except ValueError as error:
                raise KeysDamaged(file=self._file) from error


def _named_keys(content: object) -> dict[str, Any]:
    """Migrate from version 0. Raises `ValueError` unless `content` is a list of keys."""
    return {"keys": [asdict(key) for key in _keys().validate_python(content)]}


def _digest(secret: str) -> str:
    return hashlib.sha256(secret.encode("utf-8", "surrogateescape")).hexdigest()
