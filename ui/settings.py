"""Settings and their defaults. Each is set by an environment variable JAWAB_…"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any, Literal

import platformdirs
from pydantic import Field, ValidationError
from pydantic_settings import BaseSettings, SettingsConfigDict

from index.errors import JawabError
from index.storage.private import narrow_folder
from qa.confidence import THRESHOLD
from qa.evidence import MAX_EVIDENCE_TOKENS
from qa.fetching.models import models_folder
from qa.reading.answering import BUDGET as READING


class SettingInvalid(JawabError):
    """An environment variable JAWAB_… is unknown or has a value that cannot be used."""

    code = "setting_invalid"


def _data_folder() -> Path:
    return platformdirs.user_data_path("jawab")


class Settings(BaseSettings):
    """All settings of Jawab."""

    model_config = SettingsConfigDict(env_prefix="JAWAB_", frozen=True)

    index: Path = Field(default_factory=lambda: _data_folder() / "index", description="folder of the index")
    models: Path = Field(default_factory=models_folder, description="folder of the models")
    conversations: Path = Field(
        default_factory=lambda: _data_folder() / "conversations.sqlite", description="file of the page's conversations"
    )
    brought: Path = Field(
        default_factory=lambda: _data_folder() / "brought", description="folder of what is brought to the page"
    )
    collections: Path = Field(
        default_factory=lambda: _data_folder() / "collections", description="folder of the collections made in the page"
    )
    embedder: str = Field("", description="a name from models.txt, or a sentence-transformers folder")
    llm: str = Field(
        "", description="a name from models.txt, a GGUF file, or the address of a server: http://HOST:PORT/v1#MODEL"
    )
    llm_key: str = Field("", pattern=r"^[!-~]*$", description="key of that server, if it wants one")
    keys: Path = Field(default_factory=lambda: _data_folder() / "keys.json", description="file of the keys of programs")
    logins: Path = Field(default_factory=lambda: _data_folder() / "logins.json", description="file of people's logins")
    origins: str = Field("", description="other sites whose pages may use the API, such as https://a.example; or none")
    password: str = Field("", description="password of a served page that other computers reach")
    lang: str = Field("", description="language of the program's messages: ar or en")
    threads: int = Field(0, ge=0, description="threads for the language model; 0: one for each processor")
    threshold: float = Field(THRESHOLD, ge=0, le=1, description="least confidence at which a question is answered")
    reading_tokens: int = Field(READING, ge=50, le=5000, description="tokens of excerpts that the reader reads")
    evidence_tokens: int = Field(
        MAX_EVIDENCE_TOKENS, ge=50, le=2000, description="tokens of sentences given to the language model"
    )
    log: Literal["warnings", "text", "json", "off"] = Field(
        "warnings", description="what the server logs: what goes wrong, or as text or JSON also every request"
    )
    log_questions: bool = Field(False, description="log the questions too, and what errors say")

    def close_data_folder(self) -> None:
        """Deny other users of this computer access to the data folder, which earlier versions created without this."""
        narrow_folder(_data_folder())

    @property
    def index_is_named(self) -> bool:
        """True if the folder of the index was set explicitly."""
        return "index" in self.model_fields_set


def load_settings(**given: Any) -> Settings:
    """Load the settings from the environment; `given` values override them. Raises `SettingInvalid`."""
    known = {f"JAWAB_{name.upper()}" for name in Settings.model_fields}
    for name in os.environ:
        if name.startswith("JAWAB_") and name not in known:
            raise SettingInvalid(name=name, detail=", ".join(sorted(known)))
    try:
        return Settings(**{name: value for name, value in given.items() if value is not None})
    except ValidationError as error:
        problem = error.errors()[0]
        raise SettingInvalid(name=f"JAWAB_{str(problem['loc'][0]).upper()}", detail=problem["msg"]) from error
