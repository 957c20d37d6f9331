"""The figures of every run of a question set, one JSON object a line (`runs.jsonl`): what was measured, never texts."""

from __future__ import annotations

import errno
import os
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, ValidationError

from index.storage.database import storage_errors


class Run(BaseModel):
    """One run: when, with which models and settings, how many questions, and its figures.

    `without` names the parts that were left out, with a space between them.
    """

    model_config = ConfigDict(frozen=True, allow_inf_nan=False)

    measured: AwareDatetime = Field(ge=datetime(2000, 1, 1, tzinfo=UTC), lt=datetime(3000, 1, 1, tzinfo=UTC))
    limit: int | None
    without: str
    models: dict[str, str]
    settings: dict[str, float | int]
    figures: dict[str, float | int | None]


@dataclass(frozen=True)
class Runs:
    """The runs of a file, oldest first, and the numbers of its lines that are damaged."""

    runs: tuple[Run, ...] = ()
    damaged: tuple[int, ...] = ()


NO_RUNS = Runs()


def read_runs(path: Path) -> Runs:
    """The runs that `path` has; none where there is no such file."""
    if not path.is_file():
        return NO_RUNS
    runs: list[Run] = []
    damaged: list[int] = []
    with storage_errors(path):
        lines = path.read_bytes().split(b"\n")
    for number, line in enumerate(lines, start=1):
        if line.strip():
            try:
                runs.append(Run.model_validate_json(line))
            except ValidationError:
                damaged.append(number)
    return Runs(tuple(runs), tuple(damaged))


def append_run(path: Path, run: Run) -> None:
    """Add a line to `path` in a single write. A line that was cut off before it stays as it is, on its own."""
    line = run.model_dump_json().encode() + b"\n"
    with storage_errors(path), path.open("a+b", buffering=0) as file:
        if file.seek(0, os.SEEK_END):
            file.seek(-1, os.SEEK_END)
            if file.read(1) != b"\n":
                line = b"\n" + line
        if file.write(line) < len(line):
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(path))
