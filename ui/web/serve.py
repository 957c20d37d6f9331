"""`jawab serve`: the models are loaded, the instructions read, and then the server opens."""

from __future__ import annotations

import json
import socket
from contextlib import closing
from functools import partial
from pathlib import Path

import click
import uvicorn

from index.articles import Language
from index.browsing import Shelf
from index.build import remove
from index.errors import JawabError
from index.storage.catalog import Catalog
from ui.app import App
from ui.bundled import samples_folder
from ui.strings import say
from ui.web.conversations import Conversations
from ui.web.gate import FEWEST, is_loopback
from ui.web.removals import Removals
from ui.web.server import create_app
from ui.web.site import Overview, Site


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
    with closing(Removals(partial(remove, app.settings.index))) as removals:
        kept = Conversations(app.settings.conversations)
        site = Site(app.assistant, catalog, Shelf(catalog), removals, kept, overview(catalog))
        page = create_app(site, password)
        config = uvicorn.Config(page, log_level="warning", access_log=False, timeout_graceful_shutdown=2)
        click.echo(say("serve.ready", language, address=address))
        uvicorn.Server(config).run(sockets=[bound])


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


def overview(catalog: Catalog) -> Overview:
    """What a visitor is told about the collection."""
    articles = catalog.articles()
    dates = sorted(article.date for article in articles if article.date)
    return Overview(
        articles=len(articles),
        first=dates[0] if dates else None,
        last=dates[-1] if dates else None,
        languages=tuple(sorted({article.language for article in articles})),
        examples=_examples({article.id for article in articles}),
    )


def _examples(ids: set[str]) -> tuple[str, ...]:
    """Two questions in each language that came with the sample articles, where these are in the index."""
    file: Path = samples_folder() / "questions.jsonl"
    if not file.is_file():
        return ()
    asked = [json.loads(line) for line in file.read_text(encoding="utf-8").splitlines() if line.strip()]
    known = [question for question in asked if question.get("article_id") in ids]
    return tuple(
        question["question"]
        for language in ("ar", "en")
        for question in [q for q in known if q["lang"] == language][:2]
    )
