"""Indexing of the Python API."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from index.indexer import Progress, update_index
from index.planner import IndexingReport
from ui.app import components_of
from ui.config import Config, load_config


def build_index(
    index: Path | str,
    paths: Sequence[Path | str],
    config: Config | None = None,
    progress: Progress | None = None,
) -> IndexingReport:
    """Index the articles in `paths` (files and folders) in the folder `index`; an existing index is updated.

    Without a `config`, settings come from the environment and the configuration file. `progress` is called with the
    number of articles that are done and of all. Raises `PathNotFound`, `IndexLocked`, `ModelMissing` and other
    `JawabError`; a file that cannot be read is in the report, not an error.
    """
    embedder = components_of(config or load_config()).embedder
    return update_index(Path(index), [Path(path) for path in paths], embedder, progress)
