"""`jawab serve` in this process, on a real socket: what clients that are not ours speak to."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from functools import partial
from pathlib import Path

import uvicorn
from starlette.types import ASGIApp

from index.indexer import update_index
from tests.conftest import SAMPLES
from ui.app import App
from ui.auth.middleware import OPEN_ACCESS, AccessPolicy
from ui.collections.repository import CollectionRepository
from ui.config import ServerSettings, load_config
from ui.conversations.repository import ConversationRepository
from ui.server.app import create_app
from ui.server.collection_registry import CollectionRegistry
from ui.server.serve import LoadedModels, open_collection, open_jobs, server_config
from ui.services import Services
from ui.telemetry.telemetry import Telemetry


def app_in(folder: Path, **parts: object) -> App:
    """A Jawab whose files are all in `folder`, with the sample articles; fakes, but for the `parts` that are given."""
    places = {name: folder / name for name in ("index", "conversations", "collections", "uploads")}
    app = App(load_config(embedder="fake", llm="fake", **places))
    vars(app.components).update(parts)  # where `cached_property` keeps what it made
    update_index(app.config.paths.index, [SAMPLES / "articles"], app.components.embedder)
    return app


@contextmanager
def serving(app: App, entry: AccessPolicy = OPEN_ACCESS) -> Iterator[str]:
    """The address of the whole server, while it serves."""
    observers = Telemetry()
    folders = CollectionRepository(app.config.paths.index, app.config.paths.collections)
    with (
        closing(CollectionRegistry(folders, partial(open_collection, app, observers))) as library,
        closing(open_jobs(app, folders)) as jobs,
    ):
        jobs.start()
        site = Services(library, ConversationRepository(app.config.paths.conversations), LoadedModels(app), jobs)
        with listening(create_app(site, entry, observers)) as address:
            yield address


@contextmanager
def listening(app: ASGIApp, settings: ServerSettings | None = None) -> Iterator[str]:
    """The address of an ASGI app, while it is served as `jawab serve` does it. It stops as that does, and must."""
    with socket.create_server(("127.0.0.1", 0)) as bound:
        config = server_config(app, settings)
        config.timeout_graceful_shutdown = 2
        server = uvicorn.Server(config)
        thread = threading.Thread(target=server.run, args=([bound],), daemon=True)
        thread.start()
        while not server.started:
            assert thread.is_alive()
            time.sleep(0.02)
        yield f"http://127.0.0.1:{bound.getsockname()[1]}"
        server.should_exit = True
        thread.join(10)
        assert not thread.is_alive(), "the server did not stop"
