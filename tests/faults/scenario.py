"""A scenario: a state that is prepared, a change that is tried on it, and how the state is read."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Place:
    """The folders of a scenario: what Jawab keeps is in `store`, where calls can fail; articles to read are not."""

    store: Path
    articles: Path


State = object
"""The content of a store as its users see it, as JSON would have it, without times and random ids."""


def nothing_wrong(place: Place) -> list[str]:
    """No complaint."""
    return []


@dataclass(frozen=True)
class Scenario:
    """A change of something stored. To try another one, add it to `scenarios/`.

    `prepare` makes the old state in empty folders; `act` changes it, and leaves nothing open. `state` opens the store
    as the next process would, and may do what that does by itself. Where it says that the change has not happened, the
    change is done again; not without `again`, where reading the state has made something else of it. `complaints` are
    about what must be in no state, `leftovers` about what must be gone once the change has been done.
    """

    name: str
    prepare: Callable[[Place], None]
    act: Callable[[Place], None]
    state: Callable[[Place], State]
    complaints: Callable[[Place], list[str]] = nothing_wrong
    leftovers: Callable[[Place], list[str]] = nothing_wrong
    again: bool = True
