"""Layers: the contracts of import-linter in pyproject.toml, and what the command line imports."""

from __future__ import annotations

import subprocess
import sys
import sysconfig
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent


def test_imports_respect_layers() -> None:
    lint = Path(sysconfig.get_path("scripts")) / "lint-imports"
    run = subprocess.run([lint, "--no-cache"], cwd=ROOT, capture_output=True, text=True, check=False)
    assert run.returncode == 0, run.stdout


@pytest.mark.parametrize(
    "heavy", ["torch", "sentence_transformers", "llama_cpp", "gradio", "trafilatura", "dateparser"]
)
def test_cli_does_not_import_heavy_libraries(heavy: str) -> None:
    """`jawab --help` must respond immediately: libraries that are slow to load are imported where they are used."""
    code = f"import sys, ui.cli; sys.exit({heavy!r} in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=False).returncode == 0
