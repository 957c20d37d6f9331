"""`jawab serve`: the models are loaded, the instructions read, and then the server opens."""

from __future__ import annotations

import asyncio
import gc
import logging
import os
import socket
import sys
from collections.abc import Sequence
from contextlib import closing
from functools import partial
from pathlib import Path
from typing import NoReturn

import click
import uvicorn
from starlette.types import ASGIApp

from index.article_list import ArticleBrowser
from index.articles import Language
from index.embeddings import Vectors
from index.errors import JawabError
from index.indexer import Progress, create_index, remove_articles, update_index
from index.planner import IndexingReport
from index.runtime.memory import release_free_memory
from index.topics.topic_map import TopicMapBuilder
from qa.assistant import Assistant
from qa.llm.openai_compatible import OpenAICompatibleLLM
from ui.api.question_log import QuestionLog
from ui.api.telemetry import Telemetry, tracing_wanted
from ui.app import App
from ui.auth.api_keys import APIKeyStore
from ui.auth.connection_limit import LONGEST_HEAD, Bounds, ConnectionLimits, bounded
from ui.auth.middleware import AccessPolicy, is_loopback
from ui.auth.password import MIN_PASSWORD_LENGTH
from ui.collections import DEFAULT_ID, CollectionRepository
from ui.i18n import explain_missing_llm, translate
from ui.jobs.index_writer import IndexWriter
from ui.jobs.job_queue import JobQueue
from ui.logs import configure_logging
from ui.queue.answer_cache import AnswerCache
from ui.queue.fair_queue import FairQueue, QueueLimits
from ui.settings import Settings
from ui.uploaded import UploadedFiles
from ui.web.collection.overview import overview
from ui.web.collection.page_upload import UploadManager
from ui.web.collection.registry import CollectionRegistry
from ui.web.collection.soft_delete import PendingDeletions
from ui.web.conversations.repository import ConversationRepository
from ui.web.server import create_app
from ui.web.site import Collection, Site
from ui.web.uvicorn_server import GracefulServer, exit_now

_PROXIES = "127.0.0.1,::1"
_UNREAD = 60_000
"""Milliseconds in which a client must have taken something of what it is sent."""
_AT_ONCE_ELSEWHERE = 4
"""Questions that are answered at once where the LLM is another server's."""


class PortTaken(JawabError):
    """Another program listens on `host`:`port`."""

    code = "port_taken"
    retryable = True


class PasswordNeeded(JawabError):
    """The server would be reached from other computers than this one, and has no password, or a short one."""

    code = "password_needed"


def serve(app: App, host: str, port: int, language: Language) -> NoReturn:
    """Serve until Ctrl-C or SIGTERM, then end the process. Raises what making the assistant raises, `PasswordNeeded`,
    `PortTaken` and `TracesMissing`."""
    entry = _entry(app.settings, host)
    address = f"http://{host}:{port}"
    # First of all, so that a taken port is told before the models are loaded.
    bound = _bind(host, port)
    click.echo(translate("serve.loading", language, address=address))
    folders = CollectionRepository(app.settings.index, app.settings.collections)
    configure_logging(app.settings)
    uploaded = UploadedFiles.of(app.settings)
    folders.forget_removed(uploaded.delete_of)
    uploaded.delete_broken_off()
    observers = Telemetry(log=QuestionLog(app.settings.log_questions), tracing=tracing_wanted())
    opening = partial(open_collection, app, observers)
    with (
        closing(observers),
        closing(CollectionRegistry(folders, opening)) as library,
        closing(open_jobs(app, folders)) as jobs,
    ):
        library.find(None)
        _prepare(app, language)
        jobs.start()
        site = Site(
            library, ConversationRepository(app.settings.conversations), LoadedModels(app), jobs, FairQueue(_room(app))
        )
        page = create_app(site, entry, observers)
        config = server_config(page)
        logging.getLogger("uvicorn.error").addFilter(_quietly_cancelled)
        click.echo(translate("serve.ready", language, address=address))
        tell = partial(click.echo, translate("serve.stopping", language))
        GracefulServer(config, observers.stopping, tell).run(sockets=[bound])
    exit_now()


def server_config(page: ASGIApp, bounds: Bounds | None = None) -> uvicorn.Config:
    """How uvicorn serves. What `X-Forwarded-For` and `X-Forwarded-Proto` say is believed of proxies on this computer,
    or of those that uvicorn's own variable names."""
    proxies = os.environ.get("FORWARDED_ALLOW_IPS") or _PROXIES
    return uvicorn.Config(
        page, http=bounded(ConnectionLimits(proxies, bounds)), ws="none", h11_max_incomplete_event_size=LONGEST_HEAD,
        log_config=None, log_level="warning", access_log=False, proxy_headers=True, forwarded_allow_ips=proxies,
    )  # fmt: skip


def _quietly_cancelled(record: logging.LogRecord) -> bool:
    """Not of what the end of the server has cut off: a page that is still open has such a request."""
    if record.exc_info and isinstance(record.exc_info[1], asyncio.CancelledError):
        return False
    return asyncio.CancelledError.__name__ not in record.getMessage()


def _prepare(app: App, language: Language) -> None:
    """Loads the models, so that the first question need not wait for them."""
    app.assistant.prepare_reading()
    if app.llm_problem:
        click.echo(explain_missing_llm(app.llm_problem, language))
    languages: tuple[Language, ...] = ("ar", "en")
    for each in languages:
        app.assistant.prepare(each)
    # Nothing of this is ever garbage, and to look through it would hold up everybody for half a second each time.
    gc.collect()
    gc.freeze()
    release_free_memory()


class LoadedModels:
    """The models of a running Jawab, for programs."""

    def __init__(self, app: App) -> None:
        self._app = app

    @property
    def embedder(self) -> str:
        return self._app.embedder.name

    @property
    def llm_problem(self) -> JawabError | None:
        return self._app.llm_problem

    def embed(self, texts: Sequence[str]) -> Vectors:
        return self._app.embedder.embed_queries(texts)

    def count_tokens(self, text: str) -> int:
        counting = self._app.llm or self._app.reader
        return counting.count_tokens(text) if counting else len(text.split())


def open_collection(app: App, observers: Telemetry, collection: str, folder: Path) -> Collection:
    """A collection, its assistant watched by `observers`.

    Its index is made if there is none yet, but not where somebody named a folder: that is a slip.
    """
    if collection != DEFAULT_ID or not app.settings.index_is_named:
        create_index(folder)
    uploaded = UploadedFiles.of(app.settings)
    assistant = app.assistant if collection == DEFAULT_ID else Assistant.open(folder, app)
    shelf = ArticleBrowser(assistant.retriever.catalog)
    return Collection(
        id=collection,
        assistant=observers.watch(assistant),
        search=assistant.search,
        articles=assistant.retriever.catalog,
        shelf=shelf,
        removals=PendingDeletions(partial(_take_out, folder, uploaded)),
        porter=UploadManager(app.settings.brought / collection, partial(_read_into, app, folder, uploaded)),
        overview=partial(overview, shelf, app.llm_problem, _sent_to(app)),
        map=TopicMapBuilder(assistant.retriever.catalog, shelf).map,
        answers=AnswerCache(lambda: assistant.retriever.catalog.generation, found=observers.metrics.cached),
        # The first collection's assistant is the app's, which may serve again.
        close_index=assistant.close if collection != DEFAULT_ID else (lambda: None),
    )


def open_jobs(app: App, folders: CollectionRepository) -> JobQueue:
    """The jobs of what is uploaded, kept where the page keeps what is brought to it."""
    return JobQueue(app.settings.brought, IndexWriter(folders, lambda: app.embedder, UploadedFiles.of(app.settings)))


def _sent_to(app: App) -> str | None:
    """The other computer that questions are sent to, if there is one."""
    llm = app.llm
    return llm.host if isinstance(llm, OpenAICompatibleLLM) and not is_loopback(llm.host) else None


def _room(app: App) -> QueueLimits:
    """How many are answered at once: another server's LLM may write several sentences side by side."""
    return QueueLimits(at_once=_AT_ONCE_ELSEWHERE) if isinstance(app.llm, OpenAICompatibleLLM) else QueueLimits()


def _read_into(app: App, index: Path, uploaded: UploadedFiles, folder: Path, progress: Progress) -> IndexingReport:
    """Reads what was brought into the index, which is not made again where its collection was removed."""
    summary = update_index(index, [folder], app.embedder, progress, uploaded.folder, make=False)
    uploaded.delete_vacated(summary.vacated)
    return summary


def _take_out(index: Path, uploaded: UploadedFiles, article_ids: Sequence[str]) -> None:
    """Takes articles out of the index, and deletes uploaded files that none comes from any more."""
    uploaded.delete_vacated(remove_articles(index, article_ids))


def _entry(settings: Settings, host: str) -> AccessPolicy:
    """How one comes in: nobody is asked where only this computer reaches the server and no password was set."""
    password, keys = settings.password, APIKeyStore(settings.keys)
    asks = bool(password) or not is_loopback(host)
    if (password and len(password) < MIN_PASSWORD_LENGTH) or (asks and not password and not keys.all()):
        raise PasswordNeeded(host=host, fewest=MIN_PASSWORD_LENGTH)
    return AccessPolicy(password or None, keys, asks, frozenset(settings.origins.split()), settings.logins)


def _bind(host: str, port: int) -> socket.socket:
    # asyncio sends at once (TCP_NODELAY) only on sockets that say that they are TCP: otherwise the body of an answer
    # waits until the client has confirmed its head, which takes 40 ms.
    bound = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    # A server that has just ended leaves its port waiting for a while; that need not stop the next one.
    bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    # Else a client that reads nothing would keep its connection. Elsewhere than on Linux it does.
    if sys.platform == "linux":
        bound.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, _UNREAD)
    try:
        bound.bind((host, port))
    except OSError as error:
        bound.close()
        raise PortTaken(host=host, port=port) from error
    return bound
