"""Files that were uploaded: deleted where no article comes from them any more.

Every upload has a folder of its own in `brought`: `COLLECTION/NUMBER` of the page's, `jobs/NUMBER` of the API's. Of one
that is over, those files stay that articles or copies of any collection come from, also of a collection that is removed
and can be restored. Where one of the indexes cannot be read, nothing is deleted.
"""

from __future__ import annotations

import logging
import os
import re
from collections.abc import Iterable
from contextlib import closing, suppress
from pathlib import Path

from filelock import FileLock, Timeout

from index.errors import JawabError
from index.storage import private
from index.storage.catalog import Catalog
from index.storage.database import storage_errors
from ui.collections import CollectionRepository
from ui.jobs.job import JobMissing
from ui.jobs.repository import JOBS, store_of
from ui.logs import LOGGER_NAMES
from ui.settings import Settings

_UPLOAD = re.compile(r"[A-Za-z0-9_-]{16}")
"""The name of an upload's folder, as `token_urlsafe(12)` makes them."""
_UNDER_WAY = ".lock"
_log = logging.getLogger(f"{LOGGER_NAMES}.uploads")


def under_way(upload: Path) -> FileLock:
    """The lock that an upload of the page's holds until it is over, in a file beside its folder.

    It goes with the process, however that ends; the file goes when the upload is over.
    """
    return FileLock(f"{upload}{_UNDER_WAY}", timeout=0, mode=private.FILE, thread_local=False)


class UploadedFiles:
    """The uploaded files of all collections, in `folder`."""

    def __init__(self, folder: Path, collections: CollectionRepository) -> None:
        self.folder = folder
        self._root = folder.resolve()
        self._collections = collections

    @classmethod
    def of(cls, settings: Settings) -> UploadedFiles:
        """Those of the settings."""
        return cls(settings.brought, CollectionRepository(settings.index, settings.collections))

    def delete_vacated(self, paths: Iterable[str]) -> None:
        """Tidy the uploads that these files are of, from which no article of their index comes any more."""
        uploads = {upload for path in paths if (upload := self._upload_of(Path(path)))}
        self._tidy(sorted(uploads))

    def delete_broken_off(self) -> None:
        """Tidy the page's uploads that the end of a server broke off; one that another server receives stays."""
        self._tidy(sorted(Path(f"{lock}"[: -len(_UNDER_WAY)]) for lock in self._root.glob(f"*/*{_UNDER_WAY}")))

    def delete_of(self, collection: str) -> None:
        """Delete what was uploaded to a collection that goes for good. Raises what `Catalog.open` raises."""
        own = self._collections.place_of(collection)
        uploads = [path for path in (self._root / collection).glob("*") if _UPLOAD.fullmatch(path.name)]
        if (self._root / JOBS).is_dir():
            with closing(store_of(self.folder)) as store:
                uploads += [self._root / JOBS / job for job in store.done_of(collection)]
        with storage_errors(self._root):
            self._delete_unused(uploads, but=own)
            with suppress(OSError):
                (self._root / collection).rmdir()

    def _upload_of(self, path: Path) -> Path | None:
        """The folder of the upload that a file is of, if it is of one."""
        try:
            owner, upload, *_ = path.relative_to(self._root).parts
        except ValueError:
            return None
        return self._root / owner / upload if owner != ".." and _UPLOAD.fullmatch(upload) else None

    def _tidy(self, uploads: list[Path]) -> None:
        """Delete what is not needed; what goes wrong is logged: nobody waits for this."""
        if not uploads:
            return
        try:
            with storage_errors(self._root):
                self._delete_unused(uploads)
        except (JawabError, OSError) as error:
            _log.error("uploads_not_deleted", exc_info=error)

    def _delete_unused(self, uploads: list[Path], but: Path | None = None) -> None:
        """Delete the files of uploads that are over from which no article comes; the index in `but` does not count."""
        for upload in uploads:
            if upload.is_symlink() or upload.parent.is_symlink():
                continue  # not ours
            if upload.parent.name == JOBS:
                if self._is_done(upload.name):
                    _delete(upload, self._used(upload, but))
                continue
            with suppress(Timeout), under_way(upload):
                _delete(upload, self._used(upload, but))
                Path(f"{upload}{_UNDER_WAY}").unlink(missing_ok=True)

    def _is_done(self, job: str) -> bool:
        """Whether a job was read; the files of one that was not, or failed, are the business of `Jobs`."""
        with closing(store_of(self.folder)) as store, suppress(JobMissing):
            return store.find(job).state == "done"
        return False

    def _used(self, upload: Path, but: Path | None) -> set[str]:
        """The files of an upload that articles come from."""
        first, *made = self._collections.places()
        used = set[str]()
        for place in (first, *(place for place in made if place != but and Catalog.exists(place))):
            with closing(Catalog.open(place)) as catalog:
                used |= catalog.paths_in(upload)
        return used


def _delete(upload: Path, used: set[str]) -> None:
    for place, _, names in os.walk(upload, topdown=False):
        for name in names:
            path = Path(place, name)
            if str(path) not in used:
                path.unlink(missing_ok=True)
        with suppress(OSError):  # it is not empty
            Path(place).rmdir()
