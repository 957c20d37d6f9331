"""`jawab serve`: load the models, evaluate the prompt heads, then serve."""

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
from index.indexer import create_index, remove_articles
from index.runtime.memory import release_free_memory
from index.topics.topic_map import TopicMapBuilder
from ui.app import App
from ui.auth.api_keys import APIKeyStore
from ui.auth.connection_limit import MAX_HEAD_BYTES, ConnectionLimits, bounded
from ui.auth.middleware import AccessPolicy, is_loopback
from ui.auth.password import MIN_PASSWORD_LENGTH
from ui.collections.repository import DEFAULT_ID, CollectionRepository
from ui.collections.soft_delete import PendingDeletions
from ui.config import Config, QueueSettings, ServerSettings
from ui.conversations.repository import ConversationRepository
from ui.i18n import explain_missing_llm, translate
from ui.jobs.index_writer import IndexWriter
from ui.jobs.job_queue import JobQueue
from ui.jobs.uploaded_files import UploadedFiles
from ui.logs import configure_logging
from ui.queue.answer_cache import AnswerCache
from ui.queue.fair_queue import FairQueue
from ui.queue.shutdown import ShutdownManager, ShutdownTimeouts
from ui.server.app import create_app
from ui.server.collection_registry import CollectionRegistry
from ui.server.uvicorn_server import GracefulServer, exit_now
from ui.services import Collection, Services
from ui.telemetry.question_log import QuestionLog
from ui.telemetry.telemetry import Telemetry, tracing_wanted
from ui.web.collection.overview import overview

_LOCAL_PROXIES = "127.0.0.1,::1"
_UNREAD_MILLISECONDS = 60_000
"""TCP user timeout in milliseconds: a client that acknowledges no sent data for so long is disconnected."""


class PortTaken(JawabError):
    """`host`:`port` cannot be bound, usually because another program listens on it."""

    code = "port_taken"
    retryable = True


class PasswordNeeded(JawabError):
    """The server would be reachable from other computers without a password or API key, or its password is short."""

    code = "password_needed"


def serve(app: App, host: str, port: int, language: Language) -> NoReturn:
    """Serve until Ctrl-C or SIGTERM, then end the process. Raises `PasswordNeeded`, `PortTaken`, `TracesMissing`, and
    the errors of creating the assistant."""
    policy = _access_policy(app.config, host)
    address = f"http://{host}:{port}"
    # First of all, so that a taken port is reported before the models are loaded.
    listener = _bind(host, port)
    click.echo(translate("serve.loading", language, address=address))
    repository = CollectionRepository(app.config.paths.index, app.config.paths.collections)
    configure_logging(app.config)
    uploaded_files = UploadedFiles.of(app.config)
    repository.forget_removed(uploaded_files.delete_of, app.config.retention)
    uploaded_files.delete_interrupted()
    observers = Telemetry(
        log=QuestionLog(app.config.messages.log_questions),
        tracing=tracing_wanted(),
        stopping=ShutdownManager(ShutdownTimeouts(app.config.server.shutdown_seconds)),
    )
    open_by_id = partial(open_collection, app, observers)
    with (
        closing(observers),
        closing(CollectionRegistry(repository, open_by_id)) as registry,
        closing(open_jobs(app, repository)) as jobs,
    ):
        registry.find(None)
        _prepare(app, language)
        jobs.start()
        services = Services(
            registry,
            ConversationRepository(app.config.paths.conversations, app.config.retention),
            LoadedModels(app),
            jobs,
            FairQueue(_queue_settings(app)),
            app.config.retention,
        )
        asgi_app = create_app(services, policy, observers, app.config.server)
        config = server_config(asgi_app, app.config.server)
        logging.getLogger("uvicorn.error").addFilter(_is_not_cancellation)
        click.echo(translate("serve.ready", language, address=address))
        on_wait = partial(click.echo, translate("serve.stopping", language))
        GracefulServer(config, observers.stopping, on_wait).run(sockets=[listener])
    exit_now()


def server_config(asgi_app: ASGIApp, settings: ServerSettings | None = None) -> uvicorn.Config:
    """Return uvicorn's configuration. `X-Forwarded-For` and `X-Forwarded-Proto` are trusted from proxies on this
    computer, or from those in `FORWARDED_ALLOW_IPS`."""
    proxies = os.environ.get("FORWARDED_ALLOW_IPS") or _LOCAL_PROXIES
    return uvicorn.Config(
        asgi_app, http=bounded(ConnectionLimits(proxies, settings)), ws="none",
        h11_max_incomplete_event_size=MAX_HEAD_BYTES, log_config=None, log_level="warning", access_log=False,
        proxy_headers=True, forwarded_allow_ips=proxies,
    )  # fmt: skip


def _is_not_cancellation(record: logging.LogRecord) -> bool:
    """Filter out log records of requests cancelled at shutdown: every open page has such a request."""
    if record.exc_info and isinstance(record.exc_info[1], asyncio.CancelledError):
        return False
    return asyncio.CancelledError.__name__ not in record.getMessage()


def _prepare(app: App, language: Language) -> None:
    """Load the models, so that the first question need not wait for them."""
    app.assistant.prepare_reading()
    if app.components.llm_problem:
        click.echo(explain_missing_llm(app.components.llm_problem, language))
    languages: tuple[Language, ...] = ("ar", "en")
    for answer_language in languages:
        app.assistant.prepare(answer_language)
    # None of these objects ever becomes garbage; scanning them would block all requests for 0.5 s each time.
    gc.collect()
    gc.freeze()
    release_free_memory()


class LoadedModels:
    """The models of a running Jawab, for API clients."""

    def __init__(self, app: App) -> None:
        self._app = app

    @property
    def embedder(self) -> str:
        return self._app.components.embedder.name

    @property
    def llm_problem(self) -> JawabError | None:
        return self._app.components.llm_problem

    def embed(self, texts: Sequence[str]) -> Vectors:
        return self._app.components.embedder.embed_queries(texts)

    def count_tokens(self, text: str) -> int:
        tokenizer = self._app.components.llm or self._app.components.reader
        return tokenizer.count_tokens(text) if tokenizer else len(text.split())


def open_collection(app: App, observers: Telemetry, collection: str, folder: Path) -> Collection:
    """Open a collection, its assistant observed by `observers`.

    A missing index is created, except in a folder that the user named explicitly: that is probably a mistake.
    """
    if collection != DEFAULT_ID or not app.config.index_is_named:
        create_index(folder)
    uploaded_files = UploadedFiles.of(app.config)
    assistant = app.assistant if collection == DEFAULT_ID else app.components.open_assistant(folder)
    article_browser = ArticleBrowser(assistant.retriever.catalog)
    return Collection(
        id=collection,
        assistant=observers.watch(assistant),
        search=assistant.search,
        articles=assistant.retriever.catalog,
        article_browser=article_browser,
        pending_deletions=PendingDeletions(partial(_remove_from_index, folder, uploaded_files)),
        overview=partial(overview, article_browser, app.components.llm_problem, _llm_host(app)),
        map=TopicMapBuilder(assistant.retriever.catalog, article_browser).map,
        answers=AnswerCache(
            lambda: assistant.retriever.catalog.generation,
            app.config.cache,
            observers.metrics.cached,
        ),
        # The default collection's assistant belongs to the app, which may serve again.
        close_index=assistant.close if collection != DEFAULT_ID else (lambda: None),
    )


def open_jobs(app: App, repository: CollectionRepository) -> JobQueue:
    """Open the queue of upload jobs, whose files are in the folder of uploads."""
    config = app.config
    writer = IndexWriter(repository, lambda: app.components.embedder, UploadedFiles.of(config))
    return JobQueue(config.paths.uploads, writer, config.upload, config.retention)


def _llm_host(app: App) -> str | None:
    """Return the host that questions are sent to, if the LLM is on another computer."""
    host = app.components.llm.host if app.components.llm else None
    return host if host and not is_loopback(host) else None


def _queue_settings(app: App) -> QueueSettings:
    """Return the settings of the queue: an LLM on another server may generate several sentences concurrently."""
    queue, llm = app.config.queue, app.components.llm
    return queue.model_copy(update={"concurrency": queue.remote_concurrency}) if llm and llm.host else queue


def _remove_from_index(index: Path, uploaded_files: UploadedFiles, article_ids: Sequence[str]) -> None:
    """Remove articles from the index, and delete uploaded files without any remaining article."""
    uploaded_files.delete_vacated(remove_articles(index, article_ids))


def _access_policy(config: Config, host: str) -> AccessPolicy:
    """Return the access policy: no authentication if the server is on loopback and no password is set."""
    password, keys = config.access.password, APIKeyStore(config.paths.keys)
    needs_login = bool(password) or not is_loopback(host)
    if (password and len(password) < MIN_PASSWORD_LENGTH) or (needs_login and not password and not keys.all()):
        raise PasswordNeeded(host=host, fewest=MIN_PASSWORD_LENGTH)
    return AccessPolicy(
        password or None, keys, needs_login, frozenset(config.access.cors_origins.split()), config.paths.logins,
        config.access.session_days,
    )  # fmt: skip


def _bind(host: str, port: int) -> socket.socket:
    # asyncio sets TCP_NODELAY only on sockets created with IPPROTO_TCP: otherwise the body of a response waits until
    # the client has acknowledged its head, which takes 40 ms.
    listener = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    # The port of a server that has just ended is in TIME_WAIT for a while; this must not prevent a restart.
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    # Disconnects clients that read nothing. On other systems than Linux they keep their connection.
    if sys.platform == "linux":
        listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, _UNREAD_MILLISECONDS)
    try:
        listener.bind((host, port))
    except OSError as error:
        listener.close()
        raise PortTaken(host=host, port=port) from error
    return listener
