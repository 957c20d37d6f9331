"""The documentation agrees with the program: commands and linked files exist, dependencies are explained."""

from __future__ import annotations

import re
import sys
import tomllib
from pathlib import Path

import click
import pytest

from ui.cli import jawab
from ui.config import SHORT_NAMES, variable

ROOT = Path(__file__).parent.parent
READMES = ["README.md", "README.ar.md"]


def code_blocks(text: str) -> str:
    return "\n".join(re.findall(r"^```[a-z]*\n(.*?)^```", text, re.DOTALL | re.MULTILINE))


@pytest.mark.parametrize("name", READMES)
def test_readme_commands_and_options_exist(name: str) -> None:
    lines = re.findall(
        r"^\$? ?(?:\.venv/bin/)?jawab (.*)$", code_blocks((ROOT / name).read_text(encoding="utf-8")), re.MULTILINE
    )
    assert lines
    for line in lines:
        words = line.split()
        command: click.Command = jawab
        while isinstance(command, click.Group) and words and words[0] in command.commands:
            command = command.commands[words.pop(0)]
        assert command is not jawab, line
        options = {option for parameter in command.params for option in parameter.opts}
        assert {word for word in words if word.startswith("-")} <= options, line


@pytest.mark.parametrize("name", READMES)
def test_readme_make_targets_and_links_exist(name: str) -> None:
    text = (ROOT / name).read_text(encoding="utf-8")
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE))
    assert set(re.findall(r"\bmake ([a-z-]+)", text)) <= targets
    for link in re.findall(r"\]\((?!http)([^)#]+)\)", text):
        assert (ROOT / link).exists(), link


def test_readme_lists_every_command() -> None:
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    assert all(f"jawab {name}" in text for name in jawab.commands)


@pytest.mark.parametrize("name", READMES)
def test_readme_lists_every_short_setting(name: str) -> None:
    told = set(re.findall(r"JAWAB_[A-Z_]+", (ROOT / name).read_text(encoding="utf-8")))
    assert told == {variable(short) for short in SHORT_NAMES}


def test_every_dependency_is_explained() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    wanted = [re.split(r"[>=<\[]", dependency)[0] for dependency in project["dependencies"]]
    table = (ROOT / "docs" / "dependencies.md").read_text(encoding="utf-8").partition("|---|")[2]
    explained = re.findall(r"^\| ([a-z0-9-]+) \| [^|]+ \| [^|]+ \|$", table, re.MULTILINE)
    assert sorted(explained) == sorted(set(wanted))


def test_third_party_imports_are_declared() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    declared = {re.split(r"[>=<\[]", dependency)[0].replace("-", "_") for dependency in project["dependencies"]}
    # Where the module has another name than the package, or comes with a package that is declared.
    declared |= {"yaml", "docx", "frontmatter", "faiss", "llama_cpp", "starlette", "transformers", "huggingface_hub"}
    declared |= {"pythonjsonlogger"}
    declared |= {"opentelemetry"}  # of the extra `traces`
    declared |= {"matplotlib", "sklearn"}  # of the extra `train`, for training only
    known = declared | set(sys.stdlib_module_names) | {"index", "jawab", "qa", "ui", "prompts"}
    for layer in ("index", "jawab", "qa", "ui", "prompts"):
        for path in (ROOT / layer).rglob("*.py"):
            names = re.findall(r"^\s*(?:from|import) ([a-z_0-9]+)", path.read_text(encoding="utf-8"), re.MULTILINE)
            assert set(names) <= known, f"{path}: {set(names) - known}"
