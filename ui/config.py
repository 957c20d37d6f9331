"""Configuration: one typed tree, from the environment and an optional TOML file, with a default for everything.

A field is set by `JAWAB_SECTION__FIELD` (`JAWAB_QUEUE__MAX_LENGTH=100`), those of `SHORT_NAMES` by a shorter name too
(`JAWAB_INDEX`), and all by a table of the TOML file that `JAWAB_CONFIG` names, else of `config.toml` in the user's
configuration folder. Arguments come before the environment, and the environment before the file.
"""

from __future__ import annotations

import logging
import os
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, ClassVar, Literal

import platformdirs
from pydantic import BaseModel, ConfigDict, Field, ValidationError
from pydantic.fields import FieldInfo
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict

from index.errors import JawabError
from index.storage.private import narrow_folder
from qa.fetching.models import models_folder
from qa.llm.base import ChatTimeouts
from qa.options import Options

PREFIX = "JAWAB_"
FILE_VARIABLE = "JAWAB_CONFIG"


class SettingInvalid(JawabError):
    """The setting `name` is unknown or has an invalid value; `detail` has the reason, or lists the known settings."""

    code = "setting_invalid"


def _data_folder() -> Path:
    return platformdirs.user_data_path("jawab")


def _uploads_folder() -> Path:
    """Return the default folder of uploads; an earlier version named it "brought"."""
    former = _data_folder() / "brought"
    return former if former.is_dir() else _data_folder() / "uploads"


def _in_data_folder(name: str, description: str) -> Any:
    return Field(default_factory=lambda: _data_folder() / name, description=description)


class _Section(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class PathSettings(_Section):
    """Files and folders."""

    index: Path = _in_data_folder("index", "folder of the index")
    models: Path = Field(default_factory=models_folder, description="folder of the models")
    collections: Path = _in_data_folder("collections", "folder of the collections made in the page")
    uploads: Path = Field(default_factory=_uploads_folder, description="folder of uploaded files")
    conversations: Path = _in_data_folder("conversations.sqlite", "file of the page's conversations")
    keys: Path = _in_data_folder("keys.json", "file of API keys")
    logins: Path = _in_data_folder("logins.json", "file of login sessions")


class InferenceSettings(_Section):
    """Models and inference."""

    embedder: str = Field(default="", description="a name from models.txt, or a sentence-transformers folder")
    llm: str = Field(
        default="",
        description="a name from models.txt, a GGUF file, or the address of a server: http://HOST:PORT/v1#MODEL",
    )
    llm_key: str = Field(default="", repr=False, pattern=r"^[!-~]*$", description="key of that server, if it wants one")
    llm_silence_seconds: float = Field(
        default=ChatTimeouts.silence, gt=0, description="most seconds of silence of that server before a piece"
    )
    llm_response_seconds: float = Field(
        default=ChatTimeouts.response, gt=0, description="most seconds of a response of that server"
    )
    threads: int = Field(default=0, ge=0, description="threads of the LLM; 0: one for each processor")


class AnsweringSettings(_Section):
    """Answering of questions."""

    threshold: float = Field(
        default=Options.threshold, ge=0, le=1, description="least confidence at which a question is answered"
    )
    passages: int = Field(
        default=Options.passages, ge=1, le=100, description="passages that are searched for a question"
    )
    reader_tokens: int = Field(
        default=Options.reader_tokens, ge=50, le=5000, description="tokens of excerpts that the reader reads"
    )
    evidence_tokens: int = Field(
        default=Options.evidence_tokens, ge=50, le=2000, description="tokens of sentences given to the LLM"
    )


class QueueSettings(_Section):
    """Queue of questions of `jawab serve`."""

    concurrency: int = Field(default=1, ge=1, le=64, description="questions answered at once by an LLM in this process")
    remote_concurrency: int = Field(
        default=4, ge=1, le=64, description="questions answered at once by an LLM on a server"
    )
    max_length: int = Field(default=64, ge=1, description="most questions in the queue")
    max_length_per_client: int = Field(default=16, ge=1, description="most questions of one client in the queue")
    max_seconds: float = Field(
        default=300, ge=1, description="most seconds for a question, including its time in the queue"
    )


class CacheSettings(_Section):
    """Cache of answers of each collection."""

    max_answers: int = Field(default=500, ge=0, description="most cached answers")
    max_bytes: int = Field(default=16_000_000, ge=0, description="most bytes of cached answers")


class UploadSettings(_Section):
    """Limits of one upload."""

    max_files: int = Field(default=10_000, ge=1, description="most files of an upload")
    max_bytes: int = Field(default=1_000_000_000, ge=1_000_000, description="most bytes of an upload")


class RetentionSettings(_Section):
    """Retention periods."""

    deleted_conversation_days: float = Field(
        default=7, ge=0, description="days for which a deleted conversation can be restored"
    )
    deleted_collection_days: float = Field(
        default=7, ge=0, description="days for which a removed collection can be restored"
    )
    failed_job_days: float = Field(default=30, ge=1, description="days for which failed and stopped jobs are listed")
    idempotency_key_hours: float = Field(
        default=24, ge=1, description="hours for which the Idempotency-Key of an upload is remembered"
    )


class ServerSettings(_Section):
    """Connections and shutdown of `jawab serve`."""

    max_connections: int = Field(default=512, ge=1, description="most open connections")
    max_connections_per_client: int = Field(
        default=128, ge=1, description="most open connections of one address that is not a proxy"
    )
    head_seconds: float = Field(default=10, gt=0, description="seconds in which the head of a request must come")
    max_body_bytes: int = Field(default=4_000_000, ge=10_000, description="most bytes of a body that is no upload")
    stall_seconds: float = Field(default=30, gt=0, description="seconds for which a body may pause")
    shutdown_seconds: float = Field(
        default=5, ge=0, description="seconds in which requests in progress may finish after SIGTERM"
    )


class AccessSettings(_Section):
    """Access to `jawab serve`."""

    password: str = Field(default="", repr=False, description="password of a served page that other computers reach")
    session_days: float = Field(default=30, gt=0, description="days after which people log in again")
    cors_origins: str = Field(
        default="", description="other sites whose pages may use the API, such as https://a.example; or none"
    )


class MessageSettings(_Section):
    """Messages and logs."""

    lang: str = Field(default="", description="language of the program's messages: ar or en")
    log: Literal["warnings", "text", "json", "off"] = Field(
        default="warnings", description="what the server logs: what goes wrong, or as text or JSON also every request"
    )
    log_questions: bool = Field(default=False, description="log the questions too, and what errors say")


SHORT_NAMES: Mapping[str, tuple[str, str]] = {
    "index": ("paths", "index"),
    "models": ("paths", "models"),
    "collections": ("paths", "collections"),
    "uploads": ("paths", "uploads"),
    "conversations": ("paths", "conversations"),
    "keys": ("paths", "keys"),
    "logins": ("paths", "logins"),
    "embedder": ("inference", "embedder"),
    "llm": ("inference", "llm"),
    "llm_key": ("inference", "llm_key"),
    "threads": ("inference", "threads"),
    "threshold": ("answering", "threshold"),
    "reader_tokens": ("answering", "reader_tokens"),
    "evidence_tokens": ("answering", "evidence_tokens"),
    "password": ("access", "password"),
    "cors_origins": ("access", "cors_origins"),
    "lang": ("messages", "lang"),
    "log": ("messages", "log"),
    "log_questions": ("messages", "log_questions"),
}
"""Section and field of each short name."""
DEPRECATED_SHORT_NAMES: Mapping[str, str] = {
    "brought": "uploads",
    "origins": "cors_origins",
    "reading_tokens": "reader_tokens",
}
"""Former short names whose variables are still read, with a warning, for one version; and the current ones."""
_log = logging.getLogger("jawab.config")


@dataclass(frozen=True)
class Setting:
    """A field of the configuration; `is_set` unless it has its default. A secret one is not shown or backed up."""

    section: str
    field: str
    value: Any
    description: str
    is_set: bool
    is_secret: bool

    @property
    def name(self) -> str:
        """The short name; where there is none, `section__field`."""
        return short_name(self.section, self.field)


class Config(BaseSettings):
    """All settings of Jawab, by section."""

    model_config = SettingsConfigDict(env_prefix=PREFIX, env_nested_delimiter="__", frozen=True, extra="forbid")

    paths: PathSettings = Field(default_factory=PathSettings)
    inference: InferenceSettings = Field(default_factory=InferenceSettings)
    answering: AnsweringSettings = Field(default_factory=AnsweringSettings)
    queue: QueueSettings = Field(default_factory=QueueSettings)
    cache: CacheSettings = Field(default_factory=CacheSettings)
    upload: UploadSettings = Field(default_factory=UploadSettings)
    retention: RetentionSettings = Field(default_factory=RetentionSettings)
    server: ServerSettings = Field(default_factory=ServerSettings)
    access: AccessSettings = Field(default_factory=AccessSettings)
    messages: MessageSettings = Field(default_factory=MessageSettings)

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        return init_settings, env_settings, _ShortNames(settings_cls), _ConfigFile(settings_cls)

    def close_data_folder(self) -> None:
        """Restrict the data folder to its owner; earlier versions created it with the default permissions."""
        narrow_folder(_data_folder())

    @property
    def index_is_named(self) -> bool:
        """True if the folder of the index was set explicitly."""
        return "index" in self.paths.model_fields_set

    def settings(self) -> Iterator[Setting]:
        """Yield every setting, by section."""
        for section in type(self).model_fields:
            values = getattr(self, section)
            for name, field in type(values).model_fields.items():
                is_set = name in values.model_fields_set
                yield Setting(section, name, getattr(values, name), field.description or "", is_set, not field.repr)


class _Source(PydanticBaseSettingsSource):
    """Settings source that returns all its values at once."""

    def get_field_value(self, field: FieldInfo, field_name: str) -> tuple[Any, str, bool]:
        return None, field_name, False


class _ShortNames(_Source):
    """Values of variables with a short name."""

    def __call__(self) -> dict[str, Any]:
        former = {current: os.environ[variable(name)] for name, current in _deprecated_in_use()}
        return nested(former | {name: os.environ[v] for name in SHORT_NAMES if (v := variable(name)) in os.environ})


class _ConfigFile(_Source):
    """Tables of the TOML file. Raises `SettingInvalid`."""

    DEFAULT: ClassVar[str] = "config.toml"

    def __call__(self) -> dict[str, Any]:
        configured = os.environ.get(FILE_VARIABLE)
        path = Path(configured) if configured else platformdirs.user_config_path("jawab") / self.DEFAULT
        if not configured and not path.is_file():
            return {}
        try:
            return tomllib.loads(path.read_text(encoding="utf-8"))
        except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
            raise SettingInvalid(name=str(path), detail=str(error)) from error


def variable(*names: str) -> str:
    """Return the environment variable of a short name, or of a section and its field."""
    return f"{PREFIX}{'__'.join(names)}".upper()


def short_name(section: str, field: str) -> str:
    """Return the short name of a field; where it has none, `section__field`."""
    return {field_path: name for name, field_path in SHORT_NAMES.items()}.get((section, field), f"{section}__{field}")


def current_short_name(name: str) -> str:
    """Return the short name that replaced `name`, or `name` itself."""
    return DEPRECATED_SHORT_NAMES.get(name, name)


def _deprecated_in_use() -> list[tuple[str, str]]:
    """Return the deprecated short names whose variables are set, with their replacements."""
    return [names for names in DEPRECATED_SHORT_NAMES.items() if variable(names[0]) in os.environ]


@cache
def _warn_of_deprecated(name: str, replacement: str) -> None:
    """Log that a variable is deprecated, once in a process."""
    _log.warning("%s is deprecated; use %s", variable(name), variable(replacement))


def nested(by_short_name: Mapping[str, Any]) -> dict[str, Any]:
    """Convert values by short name to values by section."""
    sections: dict[str, Any] = {}
    for name, value in by_short_name.items():
        section, field = SHORT_NAMES[name]
        sections.setdefault(section, {})[field] = value
    return sections


def known_variables() -> set[str]:
    """Return the names of all environment variables."""
    section_names = {variable(setting.section, setting.field) for setting in Config.model_construct().settings()}
    return section_names | {variable(name) for name in SHORT_NAMES} | {FILE_VARIABLE}


def load_config(**overrides: Any) -> Config:
    """Load the configuration; `overrides`, by short name, come first. Raises `SettingInvalid`."""
    deprecated = {variable(name) for name in DEPRECATED_SHORT_NAMES}
    for name in os.environ:
        if name.startswith(PREFIX) and name not in known_variables() | deprecated:
            raise SettingInvalid(name=name, detail=", ".join(sorted(known_variables())))
    for names in _deprecated_in_use():
        _warn_of_deprecated(*names)
    try:
        return Config(**nested({name: value for name, value in overrides.items() if value is not None}))
    except ValidationError as error:
        problem = error.errors()[0]
        raise SettingInvalid(name=_name_of(problem["loc"]), detail=problem["msg"]) from error


def _name_of(location: tuple[int | str, ...]) -> str:
    """Return the variable of the field with an error."""
    section, *field = (str(part) for part in location)
    return variable(short_name(section, field[0])) if field else variable(section)
