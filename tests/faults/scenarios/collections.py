"""Collections: made, named, removed, brought back, forgotten."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from pathlib import Path

from index.indexer import create_index
from tests.faults.scenario import Place, Scenario, State
from ui.collections.repository import DEFAULT_ID, CollectionInfo, CollectionRepository

_NAME = "Trams"


def _folder(place: Place) -> Path:
    return place.store / "collections"


def _collections(place: Place) -> CollectionRepository:
    return CollectionRepository(place.store / "index", _folder(place))


def _made(place: Place) -> CollectionInfo:
    return next(one for one in _collections(place).all() if one.id != DEFAULT_ID)


def _make(place: Place) -> None:
    _collections(place).make(_NAME)


def _prepare(place: Place) -> None:
    create_index(_folder(place) / _collections(place).make(_NAME).id)


def _prepare_removed(place: Place) -> None:
    _prepare(place)
    _remove(place)


def _prepare_old(place: Place) -> None:
    """Removed, and longer ago than anybody can bring it back."""
    _prepare_removed(place)
    (removed,) = _folder(place).iterdir()
    os.utime(removed, (time.time() - 30 * 86400,) * 2)


def _prepare_untouched(place: Place) -> None:
    """Made long ago."""
    _prepare(place)
    os.utime(_folder(place) / _made(place).id, (time.time() - 30 * 86400,) * 2)


def _rename(place: Place) -> None:
    _collections(place).rename(_made(place).id, "Buses")


def _remove(place: Place) -> None:
    _collections(place).remove(_made(place).id)


def _restore(place: Place) -> None:
    (removed,) = _folder(place).iterdir()
    _collections(place).restore(removed.name.partition(".")[0])


def _forget(place: Place) -> None:
    _collections(place).forget_removed()


def _state(place: Place) -> State:
    """The names, and whether anything can be brought back after the next start."""
    _collections(place).forget_removed()
    kept = sorted(path.suffix for path in _folder(place).iterdir()) if _folder(place).is_dir() else []
    return {"names": [one.name for one in _collections(place).all()], "folders": kept}


def _raw_state(place: Place) -> State:
    return {"names": [one.name for one in _collections(place).all()]}


def _leftovers(place: Place) -> list[str]:
    """The files in the folders that are neither an index nor its name."""
    _collections(place).forget_removed()
    names = {path.name for path in place.store.rglob("*") if path.is_file()}
    extra = {name for name in names if not name.startswith(("catalog.", "vectors-"))} - {
        "collection.json",
        "writer.lock",
    }
    return [f"left: {name}" for name in sorted(extra)]


def _scenario(name: str, prepare: Callable[[Place], None], act: Callable[[Place], None]) -> Scenario:
    return Scenario(f"collections: {name}", prepare, act, _state, leftovers=_leftovers)


COLLECTIONS = (
    Scenario("collections: make", lambda place: None, _make, _raw_state),
    _scenario("rename", _prepare, _rename),
    _scenario("name the first", create_first := lambda place: create_index(place.store / "index"),
              lambda place: _collections(place).rename(DEFAULT_ID, "The first")),
    _scenario("remove", _prepare_untouched, _remove),
    _scenario("restore", _prepare_removed, _restore),
    Scenario("collections: forget", _prepare_old, _forget, _raw_state, leftovers=_leftovers),
)  # fmt: skip
