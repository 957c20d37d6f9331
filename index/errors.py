"""Error types. Their messages are in `ui/texts`, in both languages."""

from __future__ import annotations

from typing import ClassVar


class JawabError(Exception):
    """Base class of errors that a user can act on.

    An error has a `code` and the fields of its message; it is converted to a message in the user's language, an exit
    code and an HTTP status in the `ui` package (`ui/i18n.py`, `ui/cli`, `ui/http/problems.py`).
    """

    code: ClassVar[str] = "error"
    retryable: ClassVar[bool] = False

    def __init__(self, **fields: object) -> None:
        super().__init__(fields)
        self.fields = fields

    def __str__(self) -> str:
        return f"{self.code}: " + ", ".join(f"{name}={value}" for name, value in self.fields.items())


class IndexMissing(JawabError):
    """There is no index in `folder`."""

    code = "index_missing"


class IndexDamaged(JawabError):
    """The catalogue in `folder` cannot be read; `detail` is the database's own message."""

    code = "index_damaged"


class IndexVersion(JawabError):
    """The index in `folder` has the format `found` of another version of Jawab; this one reads `expected`."""

    code = "index_version"


class IndexOutdated(JawabError):
    """An older version of Jawab made the index in `folder`, and this user may not migrate it."""

    code = "index_outdated"


class IndexMismatch(JawabError):
    """The index in `folder` was made with the embedder `found`; this program runs with `expected`."""

    code = "index_mismatch"


class IndexLocked(JawabError):
    """Another process is writing to the index in `folder`."""

    code = "index_busy"
    retryable = True


class DiskFull(JawabError):
    """There is no disk space left for `folder`."""

    code = "disk_full"
    retryable = True


class DiskFailed(JawabError):
    """Reading or writing `folder` failed with a disk error; `detail` is the system's own message."""

    code = "disk_failed"
    retryable = True


class PermissionDenied(JawabError):
    """The operating system refused to read or write `path`."""

    code = "permission_denied"


class FileExists(JawabError):
    """`file`, which would be written, already exists."""

    code = "file_exists"


class PathNotFound(JawabError):
    """`path`, named by the user, does not exist."""

    code = "path_missing"


class NothingToIndex(JawabError):
    """`path` holds no file that Jawab can read."""

    code = "nothing_to_index"


class ArticleMissing(JawabError):
    """The index has no article `article_id`."""

    code = "article_missing"


class EmbedderFailed(JawabError):
    """`folder` is not a sentence-transformers model that can be loaded."""

    code = "embedder_failed"


class InsufficientMemory(JawabError):
    """Loading `path` takes `needed` gigabytes of memory, and `free` are free."""

    code = "insufficient_memory"
    retryable = True


class ProcessorUnsupported(JawabError):
    """`package` crashes on this processor; `failure` is the signal that ended it."""

    code = "processor_unsupported"
