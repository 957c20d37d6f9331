"""`jawab serve`: the models are loaded, the instructions read, and then the server opens."""

from __future__ import annotations

import asyncio
import logging
import socket
from collections.abc import Sequence
from contextlib import closing
from functools import partial
from pathlib import Path

import click
import uvicorn

from index.articles import Language
from index.browsing import Shelf
from index.build import Progress, create, remove, update
from index.embed import Vectors
from index.errors import JawabError
from index.plan import Summary
from index.subjects.map import Cartographer
from qa.llm.remote import RemoteGenerator
from ui.api.metrics import Metrics
from ui.app import App
from ui.collections import FIRST, CollectionFolders
from ui.strings import say
from ui.web.collection.bringing import Porter
from ui.web.collection.library import Library
from ui.web.collection.overview import overview
from ui.web.collection.removals import Removals
from ui.web.gate import FEWEST, is_loopback
from ui.web.keeping.conversations import Conversations
from ui.web.server import create_app
from ui.web.site import Collection, Site


class PortTaken(JawabError):
    """Another program listens on `host`:`port`."""

    code = "port_taken"
    retryable = True


class PasswordNeeded(JawabError):
    """The server would be reached from other computers than this one, and has no password, or a short one."""

    code = "password_needed"


def run(app: App, host: str, port: int, language: Language) -> None:
    """Serve until Ctrl-C. Raises what making the assistant raises, `PasswordNeeded` and `PortTaken`."""
    password = _password(app.settings.password, host)
    address = f"http://{host}:{port}"
    # First of all, so that a taken port is told before the models are loaded.
    bound = _bind(host, port)
    click.echo(say("serve.loading", language, address=address))
    folders = CollectionFolders(app.settings.index, app.settings.collections)
    folders.forget_removed()
    metrics = Metrics()
    with closing(Library(folders, partial(open_collection, app, metrics))) as library:
        library.find(None)
        _prepare(app, language)
        site = Site(library, Conversations(app.settings.conversations), ModelsOf(app))
        page = create_app(site, password, metrics)
        config = uvicorn.Config(page, log_level="warning", access_log=False, timeout_graceful_shutdown=2)
        logging.getLogger("uvicorn.error").addFilter(_quietly_cancelled)
        click.echo(say("serve.ready", language, address=address))
        uvicorn.Server(config).run(sockets=[bound])


def _quietly_cancelled(record: logging.LogRecord) -> bool:
    """Not of requests that the end of the server has cut off: a page that is still open has one."""
    return not (record.exc_info and isinstance(record.exc_info[1], asyncio.CancelledError))


def _prepare(app: App, language: Language) -> None:
    """Loads the models, so that the first question need not wait for them."""
    app.assistant.prepare_reading()
    if app.llm is None:
        click.echo(say("cli.no_llm", language))
    languages: tuple[Language, ...] = ("ar", "en")
    for each in languages:
        app.assistant.prepare(each)


class ModelsOf:
    """The models of a running Jawab, for programs."""

    def __init__(self, app: App) -> None:
        self._app = app

    @property
    def embedder(self) -> str:
        return self._app.embedder.name

    def embed(self, texts: Sequence[str]) -> Vectors:
        return self._app.embedder.embed_queries(texts)

    def count_tokens(self, text: str) -> int:
        counting = self._app.llm or self._app.reader
        return counting.count_tokens(text) if counting else len(text.split())


def open_collection(app: App, metrics: Metrics, collection: str, folder: Path) -> Collection:
    """A collection. Its index is made if there is none yet, but not where somebody named a folder: that is a slip."""
    if collection != FIRST or not app.settings.index_is_named:
        create(folder)
    assistant = app.assistant if collection == FIRST else app.assistant_on(folder)
    shelf = Shelf(assistant.searcher.catalog)
    return Collection(
        id=collection,
        assistant=metrics.watch(assistant),
        search=assistant.searcher.search,
        articles=assistant.searcher.catalog,
        shelf=shelf,
        removals=Removals(partial(remove, folder)),
        porter=Porter(app.settings.brought / collection, partial(_read_into, app, folder)),
        overview=partial(overview, shelf, app.llm is not None, _sent_to(app)),
        map=Cartographer(assistant.searcher.catalog, shelf).map,
    )


def _sent_to(app: App) -> str | None:
    """The other computer that questions are sent to, if there is one."""
    llm = app.llm
    return llm.host if isinstance(llm, RemoteGenerator) and not is_loopback(llm.host) else None


def _read_into(app: App, index: Path, folder: Path, progress: Progress) -> Summary:
    """Reads what was brought into the index."""
    return update(index, [folder], app.embedder, progress)


def _password(given: str, host: str) -> str | None:
    """The password that is asked for; none where only this computer reaches the server and none was set."""
    if not given and is_loopback(host):
        return None
    if len(given) < FEWEST:
        raise PasswordNeeded(host=host, fewest=FEWEST)
    return given


def _bind(host: str, port: int) -> socket.socket:
    bound = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET)
    # A server that has just ended leaves its port waiting for a while; that need not stop the next one.
    bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        bound.bind((host, port))
    except OSError as error:
        bound.close()
        raise PortTaken(host=host, port=port) from error
    return bound
