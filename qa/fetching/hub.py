"""Model hub client: download a file of a repository at a pinned revision over HTTP, resuming partial downloads."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import httpx

from qa.fetching.partial import SourceFailed, size_of

_CONNECT_SECONDS = 5
_READ_SECONDS = 20
_MAX_TRIES = 3
_UNREACHABLE = (
    httpx.ConnectError,
    httpx.ConnectTimeout,
    httpx.ProxyError,
    httpx.UnsupportedProtocol,
    httpx.InvalidURL,
)


class Hub:
    """Model hub client. After a failed connection no further requests are made."""

    def __init__(self, address: str) -> None:
        self._address = address.rstrip("/")
        self._client = httpx.Client(
            timeout=httpx.Timeout(_READ_SECONDS, connect=_CONNECT_SECONDS),
            follow_redirects=True,
            headers={"Accept-Encoding": "identity"},  # a compressed response has no byte ranges of the file
        )
        self._reachable = True

    def __enter__(self) -> Hub:
        return self

    def __exit__(self, *_: object) -> None:
        self._client.close()

    def download(self, address: str, partial: Path, size: int, report_progress: Callable[[int], None]) -> None:
        """Download `partial` up to `size` bytes, retrying when the connection is cut."""
        tries = 0
        if size_of(partial) > size:
            partial.unlink()
        while (start := size_of(partial)) < size and tries < _MAX_TRIES:
            if not self._reachable:
                raise SourceFailed("hub: cannot be reached")
            try:
                self._request(f"{self._address}/{address}", partial, start, size, report_progress)
                return
            except _UNREACHABLE as error:
                self._reachable = False
                raise SourceFailed("hub: cannot be reached") from error
            except httpx.RequestError:
                tries = 0 if size_of(partial) > start else tries + 1
        if tries == _MAX_TRIES:
            self._reachable = False
            raise SourceFailed("hub: the connection was cut again and again")

    def _request(self, url: str, partial: Path, start: int, size: int, report_progress: Callable[[int], None]) -> None:
        headers = {"Range": f"bytes={start}-"} if start else {}
        with self._client.stream("GET", url, headers=headers) as response:
            if response.status_code not in (200, 206):
                self._reachable = response.status_code < 500
                if response.status_code == 416:  # the remote file is shorter: the partial one is from another file
                    partial.unlink(missing_ok=True)
                raise SourceFailed(f"hub: answered {response.status_code}")
            resumes = response.headers.get("Content-Range", "").startswith(f"bytes {start}-")
            with partial.open("ab" if response.status_code == 206 and resumes else "wb") as out:
                for chunk in response.iter_bytes():
                    out.write(chunk)
                    report_progress(out.tell())
                    if out.tell() > size:
                        return  # not the file: the hash check will reject it
