"""Login sessions. They survive a restart of the server if they have a file.

Only an HMAC of the session token (256 random bits), keyed with the password, is stored: changing the password ends all
sessions.
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
from ui.config import AccessSettings

VERSION = 1
"""Version of the file format; version 0 was the bare mapping of sessions."""
_log = logging.getLogger(__name__)


@cache
def _logins() -> TypeAdapter[dict[str, float]]:
    return TypeAdapter(dict[str, float])


class SessionStore:
    """The sessions of one `password`, in `file` or in memory only; they last `days`. For one event loop."""

    def __init__(self, password: str, file: Path | None, days: float | None = None) -> None:
        self.seconds = (AccessSettings().session_days if days is None else days) * 86400
        self._password = password.encode()
        self._file = file
        self._until: dict[str, float] = {}
        if file:
            self._read(file)

    def add(self) -> str:
        """Create a session and return its token."""
        secret = secrets.token_urlsafe(32)
        self._until[self._digest(secret)] = time.time() + self.seconds
        self._write()
        return secret

    def has(self, secret: str) -> bool:
        """Return True if this is the token of a valid session."""
        return self._until.get(self._digest(secret), 0.0) > time.time()

    def remove(self, secret: str) -> None:
        """End a session."""
        if self._until.pop(self._digest(secret), None) is not None:
            self._write()

    def _read(self, file: Path) -> None:
        """Load the sessions of an earlier process; none if the file cannot be read, so that people log in again."""
        try:
            self._until = _logins().validate_python(_stored(file).read().get("logins"))
        except FileNotFoundError:
            pass
        except StoreNewer:
            # A newer server may read its file again, so it is not overwritten.
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
            # The session is valid until the server ends.
            _log.warning("the logins cannot be stored")


def _stored(file: Path) -> JsonFile:
    return JsonFile(file, VERSION, {0: lambda content: {"logins": _logins().validate_python(content)}})
