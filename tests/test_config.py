"""Configuration: the sources of settings, their precedence, and what is rejected."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
from click.testing import CliRunner

from ui.cli import jawab
from ui.config import (
    DEPRECATED_SHORT_NAMES,
    SHORT_NAMES,
    Config,
    QueueSettings,
    SettingInvalid,
    _warn_of_deprecated,
    load_config,
    variable,
)

ROOT = Path(__file__).parent.parent


@pytest.fixture
def file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The TOML file that `JAWAB_CONFIG` names."""
    path = tmp_path / "config.toml"
    monkeypatch.setenv("JAWAB_CONFIG", str(path))
    path.write_text("[answering]\nthreshold = 0.4\n\n[queue]\nmax_length = 100\n")
    return path


def test_short_names_are_fields() -> None:
    fields = {(one.section, one.field) for one in Config().settings()}
    assert set(SHORT_NAMES.values()) <= fields
    assert len(set(SHORT_NAMES.values())) == len(SHORT_NAMES)
    # The variable of a section would be read as JSON of the whole section.
    assert not SHORT_NAMES.keys() & Config.model_fields.keys()


def test_precedence_is_arguments_then_environment_then_file(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert load_config().answering.threshold == 0.4
    monkeypatch.setenv("JAWAB_THRESHOLD", "0.5")
    assert load_config().answering.threshold == 0.5
    monkeypatch.setenv("JAWAB_ANSWERING__THRESHOLD", "0.6")
    assert load_config().answering.threshold == 0.6
    assert load_config(threshold=0.7).answering.threshold == 0.7
    assert load_config().queue.max_length == 100
    assert load_config().queue.concurrency == QueueSettings().concurrency


def test_file_in_config_folder_is_loaded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("platformdirs.user_config_path", lambda _: tmp_path)
    assert not load_config().messages.log_questions
    (tmp_path / "config.toml").write_text("[messages]\nlog_questions = true\n")
    assert load_config().messages.log_questions


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("[answering]\nthreshold = 2\n", "JAWAB_THRESHOLD"),
        ("[answering]\ntreshold = 0.5\n", "JAWAB_ANSWERING__TRESHOLD"),
        ("[queue]\nmax_length = 0\n", "JAWAB_QUEUE__MAX_LENGTH"),
        ("[quee]\nmax_length = 9\n", "JAWAB_QUEE"),
    ],
)
def test_invalid_setting_is_reported_by_variable_name(file: Path, text: str, name: str) -> None:
    file.write_text(text)
    with pytest.raises(SettingInvalid) as refused:
        load_config()
    assert refused.value.fields["name"] == name


@pytest.mark.parametrize("content", [b"[answering", b"\xff\xfe"])
def test_malformed_file_is_reported_by_path(file: Path, content: bytes) -> None:
    file.write_bytes(content)
    with pytest.raises(SettingInvalid) as refused:
        load_config()
    assert refused.value.fields["name"] == str(file)


def test_missing_config_file_is_rejected(file: Path) -> None:
    file.unlink()
    with pytest.raises(SettingInvalid):
        load_config()


@pytest.mark.parametrize(("former", "current"), DEPRECATED_SHORT_NAMES.items())
def test_deprecated_variable_works_and_is_logged_once(
    former: str, current: str, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    _warn_of_deprecated.cache_clear()
    section, field = SHORT_NAMES[current]
    monkeypatch.setenv(variable(former), "100")
    for _ in range(2):
        assert str(getattr(getattr(load_config(), section), field)) == "100"
    assert caplog.messages == [f"{variable(former)} is deprecated; use {variable(current)}"]
    monkeypatch.setenv(variable(current), "200")
    assert str(getattr(getattr(load_config(), section), field)) == "200"


def test_former_default_folder_of_uploads_is_still_used(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("platformdirs.user_data_path", lambda _: tmp_path)
    assert load_config().paths.uploads == tmp_path / "uploads"
    (tmp_path / "brought").mkdir()
    assert load_config().paths.uploads == tmp_path / "brought"


def test_unknown_environment_variable_is_rejected(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("JAWAB_TRESHOLD", "0.5")
    with pytest.raises(SettingInvalid) as refused:
        load_config()
    assert refused.value.fields["name"] == "JAWAB_TRESHOLD"


def test_index_is_named_only_when_set(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    assert not load_config().index_is_named
    assert load_config(index=tmp_path).index_is_named
    monkeypatch.setenv("JAWAB_INDEX", str(tmp_path))
    assert load_config().index_is_named


class TestShow:
    def test_every_setting_is_shown_with_its_variable(self) -> None:
        shown = CliRunner().invoke(jawab, ["config", "show"]).output
        for one in Config().settings():
            assert f"{one.description}: {variable(one.name)}" in shown

    def test_defaults_are_marked(self) -> None:
        shown = CliRunner(env={"JAWAB_THRESHOLD": "0.55"}).invoke(jawab, ["config", "show"]).output
        assert "threshold = 0.55\n" in shown
        assert "threads = 0  (default)\n" in shown

    @pytest.mark.parametrize("options", [[], ["--json"]])
    def test_secrets_are_not_shown(self, options: list[str]) -> None:
        environment = {"JAWAB_PASSWORD": "correct horse", "JAWAB_LLM_KEY": "sk-1234"}
        shown = CliRunner(env=environment).invoke(jawab, ["config", "show", *options])
        assert shown.exit_code == 0
        assert "correct horse" not in shown.output and "sk-1234" not in shown.output

    def test_json_contains_all_sections(self) -> None:
        shown = json.loads(CliRunner().invoke(jawab, ["config", "show", "--json"]).output)
        assert set(shown) == set(Config.model_fields)
        assert shown["queue"]["max_length"] == 64


def test_every_setting_is_documented() -> None:
    text = (ROOT / "docs" / "configuration.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| `(\w+)` \| `(\w+)` \| [^|]* \| ([^|]+) \|$", text, re.MULTILINE)
    assert rows == [(one.field, variable(one.name), one.description) for one in Config().settings()]
