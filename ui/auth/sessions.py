"""Logins: who has entered the password, until when. They outlast a restart of the server, where they have a file.

Of a pass (256 random bits) only a digest is stored, made with the password: with another one, no login is valid.
"""

from __future__ import annotations

import hashlib
import hmac
import logging
import secrets
import time
from functools import cache
from pathlib import Path

from pydantic import TypeAdapter

from index.storage import private
from index.storage.json_file import JsonFile
from index.storage.migrations import StoreNewer

VERSION = 1
"""The version of the file; version 0 was the logins themselves."""
SECONDS = 30 * 86400
"""How long a login is valid."""
_log = logging.getLogger(__name__)


@cache
def _logins() -> TypeAdapter[dict[str, float]]:
    return TypeAdapter(dict[str, float])


class SessionStore:
    """The logins with one `password`, in `file` or in memory alone. For one event loop."""

    def __init__(self, password: str, file: Path | None) -> None:
        self._password = password.encode()
        self._file = file
        self._until: dict[str, float] = {}
        if file:
            self._read(file)

    def add(self) -> str:
        """A new login: its pass."""
        secret = secrets.token_urlsafe(32)
        self._until[self._digest(secret)] = time.time() + SECONDS
        self._write()
        return secret

    def has(self, secret: str) -> bool:
        """Whether this is the pass of a login that is valid."""
        return self._until.get(self._digest(secret), 0.0) > time.time()

    def remove(self, secret: str) -> None:
        """End a login."""
        if self._until.pop(self._digest(secret), None) is not None:
            self._write()

    def _read(self, file: Path) -> None:
        """The logins of an earlier process; of a file that cannot be read, none: people enter the password again."""
        try:
            self._until = _logins().validate_python(_stored(file).read().get("logins"))
        except FileNotFoundError:
            pass
        except StoreNewer:
            # A newer server will read its file again: nothing is written to it.
            self._file = None
            _log.warning("the stored logins are of a newer version")
        except (OSError, ValueError):
            _log.warning("the stored logins cannot be read")

    def _digest(self, secret: str) -> str:
        return hmac.new(self._password, secret.encode("utf-8", "surrogateescape"), hashlib.sha256).hexdigest()

    def _write(self) -> None:
        now = time.time()
        self._until = {digest: until for digest, until in self._until.items() if until > now}
        if self._file is None:
            return
        try:
            private.make_folder(self._file.parent)
            _stored(self._file).write({"logins": self._until})
        except OSError:
            # The login is valid until the server ends.
            _log.warning("the logins cannot be stored")


def _stored(file: Path) -> JsonFile:
    return JsonFile(file, VERSION, {0: lambda content: {"logins": _logins().validate_python(content)}})
