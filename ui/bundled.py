"""Data files shipped with the program."""

from __future__ import annotations

from pathlib import Path

_HERE = Path(__file__).parent


def samples_folder() -> Path:
    """Return the folder of sample articles and questions: in an installed wheel, or beside the code in a checkout."""
    installed = _HERE / "bundled" / "samples"
    return installed if installed.is_dir() else _HERE.parent / "samples"
