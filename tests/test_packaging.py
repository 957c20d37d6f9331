"""The wheel: it includes everything that the program needs, and runs outside the checkout."""

from __future__ import annotations

import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("wheel")
    # With the hatchling of requirements/build.txt, as in the container.
    pip = [sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "--no-build-isolation"]
    subprocess.run([*pip, "--wheel-dir", str(folder), str(ROOT)], check=True, capture_output=True)
    return next(folder.glob("jawab-*.whl"))


@pytest.mark.real
def test_wheel_includes_code_prompts_texts_models_and_samples(wheel: Path) -> None:
    names = set(zipfile.ZipFile(wheel).namelist())
    wanted = {
        "qa/bundled/models.txt",
        "prompts/answer.ar.toml",
        "prompts/answer.en.toml",
        "ui/texts/ar.toml",
        "ui/conversations/export/print.css",
        "ui/web/static/chat.css",
        "ui/web/static/fonts/noto-naskh-arabic.woff2",
        "ui/evaluation/templates/chart.svg",
        "ui/evaluation/templates/report.css",
        "ui/evaluation/templates/report.html",
        "ui/templates/chat/answer.html",
        "ui/bundled/samples/questions.jsonl",
        "ui/bundled/samples/articles/tram-ar.md",
        "index/py.typed",
    }
    assert wanted <= names
    assert not [name for name in names if name.startswith(("tests/", "benchmarks/"))]


@pytest.mark.real
def test_program_runs_from_wheel_alone(wheel: Path, tmp_path: Path) -> None:
    """Unpacked somewhere else, with this environment's libraries but not this checkout's files."""
    site = tmp_path / "site"
    zipfile.ZipFile(wheel).extractall(site)
    environment = {"PYTHONPATH": str(site), "HOME": str(tmp_path), "JAWAB_EMBEDDER": "fake", "JAWAB_LLM": "fake"}
    code = "import ui; assert ui.__file__.startswith({!r}); from ui.cli import main; main({!r})"

    def run(*words: str) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-c", code.format(str(site), list(words))]
        return subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False)

    assert "There is no index" in run("doctor").stdout
    assert run("index", str(site / "ui" / "bundled" / "samples" / "articles")).stdout.startswith("Added 24")
    assert "[1]" in run("ask", "How many US troops remain in Iraq?").stdout
    assert "embeddinggemma-300m" in run("models", "list").stdout
    assert run("doctor").returncode == 0
