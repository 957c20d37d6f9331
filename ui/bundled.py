"""What comes with the program besides its code."""

from __future__ import annotations

from pathlib import Path

_HERE = Path(__file__).parent


def samples_folder() -> Path:
    """The sample articles and questions: inside an installed wheel, or beside the code in a checkout."""
    installed = _HERE / "bundled" / "samples"
    return installed if installed.is_dir() else _HERE.parent / "samples"
