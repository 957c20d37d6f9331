"""`jawab serve`: the models are loaded, the instructions read, and then the server opens."""

from __future__ import annotations

import socket
from contextlib import closing
from functools import partial
from pathlib import Path

import click
import uvicorn

from index.articles import Language
from index.browsing import Shelf
from index.build import Progress, remove, update
from index.errors import JawabError
from index.plan import Summary
from ui.app import App
from ui.strings import say
from ui.web.bringing import Porter
from ui.web.conversations import Conversations
from ui.web.gate import FEWEST, is_loopback
from ui.web.overview import overview
from ui.web.removals import Removals
from ui.web.server import create_app
from ui.web.site import Site


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
    app.assistant.prepare_reading()
    if app.llm is None:
        click.echo(say("cli.no_llm", language))
    languages: tuple[Language, ...] = ("ar", "en")
    for each in languages:
        app.assistant.prepare(each)
    catalog = app.searcher.catalog
    shelf = Shelf(catalog)
    with closing(Removals(partial(remove, app.settings.index))) as removals:
        kept = Conversations(app.settings.conversations)
        porter = Porter(app.settings.brought, partial(_read_into, app))
        site = Site(app.assistant, catalog, shelf, removals, porter, kept, partial(overview, shelf))
        page = create_app(site, password)
        config = uvicorn.Config(page, log_level="warning", access_log=False, timeout_graceful_shutdown=2)
        click.echo(say("serve.ready", language, address=address))
        uvicorn.Server(config).run(sockets=[bound])


def _read_into(app: App, folder: Path, progress: Progress) -> Summary:
    """Reads what was brought into the index."""
    return update(app.settings.index, [folder], app.embedder, progress)


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
