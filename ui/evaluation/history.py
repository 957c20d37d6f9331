"""Run history of a question set: figures without texts, one JSON object a line (`runs.jsonl`)."""

from __future__ import annotations

import errno
import os
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, ValidationError

from index.storage.database import storage_errors


class Run(BaseModel):
    """One evaluation run: time, models, settings, question limit and figures.

    `without` names the parts that were left out, separated by spaces.
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
    """The runs of a file, oldest first, and the numbers of its damaged lines."""

    runs: tuple[Run, ...] = ()
    damaged: tuple[int, ...] = ()


NO_RUNS = Runs()


def read_runs(path: Path) -> Runs:
    """Read the runs in `path`; none if there is no such file."""
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
    """Append a line to `path` in a single write. A truncated line before it stays as it is, on a line of its own."""
    line = run.model_dump_json().encode() + b"\n"
    with storage_errors(path), path.open("a+b", buffering=0) as file:
        if file.seek(0, os.SEEK_END):
            file.seek(-1, os.SEEK_END)
            if file.read(1) != b"\n":
                line = b"\n" + line
        if file.write(line) < len(line):
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(path))
