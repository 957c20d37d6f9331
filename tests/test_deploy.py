"""What deploy/ names exists: commands, options, settings; and systemd takes the unit."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

import click
import pytest

from ui.cli import jawab
from ui.settings import Settings, load_settings

DEPLOY = Path(__file__).parent.parent / "deploy"
FILES = sorted(path for path in DEPLOY.iterdir() if path.is_file())
UNIT = (DEPLOY / "jawab.service").read_text()
CONTAINER = (DEPLOY / "Containerfile").read_text()


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
def test_every_setting_that_is_named_is_one(path: Path) -> None:
    known = {f"JAWAB_{name.upper()}" for name in Settings.model_fields}
    assert set(re.findall(r"\bJAWAB_[A-Z_]+", path.read_text(encoding="utf-8"))) <= known


def test_the_log_is_one_that_can_be_chosen() -> None:
    for text in (UNIT, CONTAINER):
        (chosen,) = re.findall(r"JAWAB_LOG=(\w+)", text)
        assert load_settings(log=chosen).log == "json"


@pytest.mark.parametrize("words", [UNIT, CONTAINER, (DEPLOY / "README.md").read_text()])
def test_every_command_exists_with_its_options(words: str) -> None:
    container = re.search(r"^CMD (\[.*\])$", words, re.MULTILINE)
    lines = re.findall(r"(?:/opt/jawab/bin/jawab|^podman run --rm .* jawab) (.+)$", words, re.MULTILINE)
    lines += [" ".join(re.findall(r'"([^"]+)"', container[1]))] if container else []
    assert lines
    for line in lines:
        first, *rest = line.split()
        command = jawab.commands[first]
        while isinstance(command, click.Group) and rest and rest[0] in command.commands:
            command = command.commands[rest.pop(0)]
        options = {option for parameter in command.params for option in parameter.opts}
        assert {word for word in rest if word.startswith("--")} <= options, line


def test_what_the_container_is_built_from_is_there() -> None:
    for line in re.findall(r"^COPY (?!--from)(.+)$", CONTAINER, re.MULTILINE):
        *sources, _ = line.split()
        assert all((DEPLOY.parent / source).exists() for source in sources), line
    hosts = re.findall(r"https?://([\w.]+)", CONTAINER + UNIT)
    assert set(hosts) <= {"127.0.0.1"}


def test_it_may_take_longer_to_stop_than_it_takes() -> None:
    from ui.web.process import ENDS_WITHIN

    (most,) = re.findall(r"^TimeoutStopSec=(\d+)$", UNIT, re.MULTILINE)
    assert ENDS_WITHIN < 10 < int(most)


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="systemd is not here")
def test_systemd_takes_the_unit(tmp_path: Path) -> None:
    unit = tmp_path / "jawab.service"
    unit.write_text(UNIT.replace("/opt/jawab/bin/jawab", "/bin/true"))
    checked = subprocess.run(
        ["systemd-analyze", "verify", "--man=no", str(unit)], capture_output=True, text=True, check=False
    )
    assert (checked.returncode, checked.stderr) == (0, "")
