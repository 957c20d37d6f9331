"""Backups, made and restored, and exports."""

from __future__ import annotations

from contextlib import closing, suppress
from pathlib import Path

from index.errors import FileExists
from index.jsonl_export import export_articles
from index.recovery import check_integrity
from index.storage.catalog import Catalog
from tests.faults.scenario import Place, Scenario, State
from tests.faults.scenarios import index
from ui.backup.archive import reading
from ui.backup.backup import back_up
from ui.backup.places import Places
from ui.backup.restore import Restore, RestoreTargetNotEmpty
from ui.collections.repository import CollectionRepository
from ui.config import Config, load_config
from ui.conversations.repository import ConversationRepository, StoredTurn

_VISITOR = "visitor"


def _config(folder: Path) -> Config:
    return load_config(
        index=folder / "index",
        collections=folder / "collections",
        uploads=folder / "uploads",
        conversations=folder / "conversations.sqlite",
    )


def _make_home(place: Place) -> None:
    """A data folder with two collections and a conversation."""
    config = _config(place.store)
    index.write_articles(place, 1)
    index.read_articles(place)
    folders = CollectionRepository(config.paths.index, config.paths.collections)
    (folders.index_of(folders.make("Other").id) / "note").touch()
    with closing(ConversationRepository(config.paths.conversations)) as conversations:
        number = conversations.begin(_VISITOR, "When did the tram open?")
        conversations.put(_VISITOR, number, StoredTurn(1, "When did the tram open?", None))


def _archive(place: Place) -> Path:
    return place.store / "backup.tar"


def _back_up(place: Place) -> None:
    back_up(_config(place.store), _archive(place), lambda amount: None)


def _backed_up(place: Place) -> State:
    """The articles that the archive says that it has, where there is one: all of it is as it was written."""
    if not _archive(place).exists():
        return None
    with reading(_archive(place)) as archive:
        for member in archive.manifest.members:
            for _ in archive.content(member):
                pass
        return [[one.name, one.articles] for one in archive.manifest.collections]


def _archive_leftovers(place: Place) -> list[str]:
    return [f"left: {path.name}" for path in place.store.glob("backup.tar?*")]


def _prepare_archive(place: Place) -> None:
    """A backup outside the store, which is empty then."""
    _make_home(place)
    back_up(_config(place.store), _archive_to_restore(place), lambda amount: None)
    for path in sorted(place.store.rglob("*"), reverse=True):
        path.rmdir() if path.is_dir() else path.unlink()


def _archive_to_restore(place: Place) -> Path:
    return place.articles / "backup.tar"


def _restore(place: Place) -> None:
    with reading(_archive_to_restore(place)) as archive:
        restore = Restore(archive, Places.of(_config(place.store)), index.embedder)
        try:
            restore.run(False, lambda amount: None)
        except RestoreTargetNotEmpty:
            if not index.folder(place).is_dir():
                raise


def _restored(place: Place) -> State:
    """The restored articles and conversations; none before a restore has said that it is over."""
    if (place.store / "index.restoring.json").exists() or not index.folder(place).is_dir():
        return None
    with closing(ConversationRepository(_config(place.store).paths.conversations)) as conversations:
        return {"index": index.state(place), "conversations": [one.title for one in conversations.all(_VISITOR)]}


def _restored_leftovers(place: Place) -> list[str]:
    damage = check_integrity(index.folder(place))
    left = [f"left: {path.name}" for path in place.store.glob("*.restoring*")]
    return left + ([f"damage: {damage}"] if damage else [])


def _export(place: Place) -> None:
    with closing(Catalog.open(index.folder(place))) as catalog, suppress(FileExists):
        export_articles(catalog, place.store / "all.jsonl")


def _exported(place: Place) -> State:
    file = place.store / "all.jsonl"
    return file.read_text(encoding="utf-8").count("\n") if file.exists() else None


def _export_leftovers(place: Place) -> list[str]:
    return [f"left: {path.name}" for path in place.store.glob("all*") if path.name != "all.jsonl"]


BACKUPS = (
    Scenario("backup", _make_home, _back_up, _backed_up, index.complaints, _archive_leftovers),
    Scenario("restore", _prepare_archive, _restore, _restored, leftovers=_restored_leftovers),
    Scenario("export", _make_home, _export, _exported, index.complaints, _export_leftovers),
)
