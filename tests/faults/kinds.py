"""The kinds of faults: an error that a disk or its rights give, and the calls that can give it."""

from __future__ import annotations

import errno
from dataclasses import dataclass

from tests.faults.library import Call, Mode, Plan

_ALL = ~Call(0)
_TAKES_ROOM = Call.CREATE | Call.WRITE | Call.TRUNCATE | Call.ALLOCATE | Call.MKDIR | Call.LINK
# Where room is only given when it must be (a network's disk), a full one is told here.
_LATE = Call.SYNC | Call.CLOSE
_NEEDS_RIGHTS = (
    Call.OPEN | Call.CREATE | Call.RENAME | Call.UNLINK | Call.MKDIR | Call.LINK | Call.ATTRIBUTES
)  # fmt: skip


@dataclass(frozen=True)
class Kind:
    """A kind of fault."""

    name: str
    calls: Call
    error: int
    mode: Mode

    def at(self, number: int) -> Plan:
        """The plan in which the call of this number goes wrong; for 0 the calls are only counted."""
        return Plan(self.calls, number, self.error, self.mode)


FAULTS = (
    Kind("ENOSPC once", _TAKES_ROOM | _LATE, errno.ENOSPC, Mode.ONCE),
    Kind("ENOSPC from there on", _TAKES_ROOM, errno.ENOSPC, Mode.FROM_HERE_ON),
    Kind("short write, then ENOSPC", Call.WRITE, errno.ENOSPC, Mode.SHORT),
    Kind("EDQUOT once", _TAKES_ROOM | _LATE, errno.EDQUOT, Mode.ONCE),
    Kind("EIO once", _ALL, errno.EIO, Mode.ONCE),
    Kind("EIO from there on", _ALL, errno.EIO, Mode.FROM_HERE_ON),
    Kind("EACCES once", _NEEDS_RIGHTS, errno.EACCES, Mode.ONCE),
)
KILLS = (
    Kind("SIGKILL before a call", _ALL & ~Call.READ, 0, Mode.KILL),
    Kind("SIGKILL within a write", Call.WRITE, 0, Mode.TORN),
)
AT_RANDOM = "SIGKILL at a random moment"
