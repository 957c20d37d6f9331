"""Memory available to this process, in the machine or in the container that it runs in."""

from __future__ import annotations

import ctypes
import sys
from collections.abc import Iterator
from pathlib import Path, PurePosixPath
from typing import NamedTuple

from index.errors import InsufficientMemory

_CGROUPS = Path("/sys/fs/cgroup")
_MEMBERSHIP = Path("/proc/self/cgroup")
_MEMINFO = Path("/proc/meminfo")
_GIGABYTE = 1_000_000_000


class _CgroupFiles(NamedTuple):
    """Files of one version of control groups: the limit, the usage, and the reclaimable part in `memory.stat`."""

    limit: str
    used: str
    cached: str


_CGROUP_V2 = _CgroupFiles("memory.max", "memory.current", "inactive_file")
_CGROUP_V1 = _CgroupFiles("memory.limit_in_bytes", "memory.usage_in_bytes", "total_inactive_file")


def require_memory(needed: int, file: Path) -> None:
    """Raise `InsufficientMemory` where less than `needed` bytes are free for loading `file`.

    Linux kills a process that exceeds free memory, without a message. Does nothing if free memory is unknown.
    """
    free = available_memory()
    if free is not None and free < needed:
        raise insufficient_memory(needed, file)


def insufficient_memory(needed: int, file: Path) -> InsufficientMemory:
    """Return the error with the memory that loading `file` takes and the memory that is free."""
    free = available_memory() or 0
    return InsufficientMemory(path=file, needed=f"{needed / _GIGABYTE:.1f}", free=f"{free / _GIGABYTE:.1f}")


def release_free_memory() -> None:
    """Return freed memory to the system; the C library of Linux otherwise retains some of it for later."""
    if sys.platform == "linux":
        libc = ctypes.CDLL(None)
        if hasattr(libc, "malloc_trim"):  # not in every C library
            libc.malloc_trim(0)


def available_memory() -> int | None:
    """Return the bytes that can be allocated without swapping or being killed; `None` where that is unknown."""
    estimates = [free for free in (_free_in_machine(), *_free_in_cgroups()) if free is not None]
    return min(estimates, default=None)


def _free_in_machine() -> int | None:
    """Return Linux's own estimate: free memory and reclaimable pages of the file cache."""
    try:
        lines = _MEMINFO.read_text(encoding="ascii").splitlines()
    except OSError:
        return None
    fields = dict(line.split(":", 1) for line in lines if ":" in line)
    return int(fields["MemAvailable"].split()[0]) * 1024 if "MemAvailable" in fields else None


def _free_in_cgroups() -> Iterator[int | None]:
    """Yield the bytes left below the limits of this process's control groups and of their parents."""
    try:
        memberships = _MEMBERSHIP.read_text(encoding="utf-8").splitlines()
    except OSError:
        return
    for membership in memberships:
        _, _, described = membership.partition(":")
        controllers, _, group = described.partition(":")
        names = _CGROUP_V2 if not controllers else _CGROUP_V1
        # A line of another form is skipped, too.
        if not group.startswith("/") or (controllers and "memory" not in controllers.split(",")):
            continue
        top = _CGROUPS / ("memory" if controllers else "")
        member = PurePosixPath(group)
        for part in (member, *member.parents):
            yield _free_in_cgroup(top / part.relative_to("/"), names)


def _free_in_cgroup(folder: Path, names: _CgroupFiles) -> int | None:
    try:
        limit = int((folder / names.limit).read_text(encoding="ascii"))
        used = int((folder / names.used).read_text(encoding="ascii"))
        stat = (folder / "memory.stat").read_text(encoding="ascii").split()
    except (OSError, ValueError):  # no such group, or its limit is "max"
        return None
    # Pages of files count as used, but are reclaimed on demand.
    cached = int(stat[stat.index(names.cached) + 1]) if names.cached in stat else 0
    return max(0, limit - used + cached)
