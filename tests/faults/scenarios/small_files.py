"""Small files: keys of programs, logins, the figures of evaluations, the answers to a file of questions."""

from __future__ import annotations

import logging
from datetime import UTC, datetime
from pathlib import Path
from typing import cast

from index.errors import JawabError
from index.retrieval.filters import Filter
from qa.answer import Answer
from qa.assistant import Assistant
from qa.batch import BatchQuestion, answer_all, completed_ids
from tests.faults.scenario import Place, Scenario, State
from ui.auth.api_keys import APIKeyStore, KeyExists
from ui.auth.sessions import SessionStore
from ui.evaluation.history import Run, append_run, read_runs

_RUN = Run(
    measured=datetime(2026, 1, 1, tzinfo=UTC), limit=None, without="", models={"a": "b"}, settings={}, figures={}
)
_ASKED = [BatchQuestion(f"{number}", "When did the tram open?") for number in range(4)]


def _keys(place: Place) -> APIKeyStore:
    return APIKeyStore(place.store / "keys.json")


def _add_key(place: Place) -> None:
    _keys(place).add("new", ["read"])


def _revoke_key(place: Place) -> None:
    _keys(place).revoke("old")


def _prepare_keys(place: Place) -> None:
    _keys(place).add("old", ["read", "write"])
    _keys(place).add("older", ["admin"])


def _key_state(place: Place) -> State:
    return [[key.name, list(key.scopes)] for key in _keys(place).all()]


def _key_leftovers(place: Place) -> list[str]:
    """Files beside the keys after the next change of them."""
    try:
        _keys(place).add("last", [])
    except KeyExists:
        return ["a key that nobody added"]
    return _others(place, {"keys.json", "keys.lock"})


def _logins(place: Place) -> Path:
    return place.store / "logins.json"


def _prepare_logins(place: Place) -> None:
    SessionStore("password", _logins(place)).add()


def _log_in(place: Place) -> None:
    """Raises `_NotStored` where the login is only valid until the server ends, which is logged."""
    told = _Told()
    logging.getLogger(SessionStore.__module__).addHandler(told)
    SessionStore("password", _logins(place)).add()
    if told.warned:
        raise _NotStored


class _NotStored(JawabError):
    code = "login_not_stored"


class _Told(logging.Handler):
    warned = False

    def emit(self, record: logging.LogRecord) -> None:
        self.warned = True


def _login_state(place: Place) -> State:
    """The number of logins; 0 where the file cannot be read."""
    return len(SessionStore("password", _logins(place))._until)


def _login_leftovers(place: Place) -> list[str]:
    _log_in(place)
    return _others(place, {"logins.json"})


def _runs(place: Place) -> Path:
    return place.store / "runs.jsonl"


def _append_run(place: Place) -> None:
    append_run(_runs(place), _RUN)


def _run_state(place: Place) -> State:
    return len(read_runs(_runs(place)).runs)


class _Assistant:
    """Declines every question."""

    def ask(self, question: str, answer_id: str, only: Filter | None = None) -> Answer:
        return Answer.refused(answer_id, question, "The articles do not say. " * 20)


def _answers(place: Place) -> Path:
    return place.store / "answers.jsonl"


def _answer_first(place: Place) -> None:
    _answer(place, _ASKED[:2])


def _answer_all(place: Place) -> None:
    _answer(place, _ASKED)


def _answer(place: Place, asked: list[BatchQuestion]) -> None:
    list(answer_all(cast(Assistant, _Assistant()), asked, _answers(place), _explain))


def _explain(error: JawabError, question: str) -> str:
    return error.code


def _answer_state(place: Place) -> State:
    """Whether all are answered: one by one they are all kept."""
    answered = completed_ids(_answers(place))
    assert answered >= {"0", "1"}, answered
    return answered == {"0", "1", "2", "3"}


def _others(place: Place, known: set[str]) -> list[str]:
    return [f"left: {path.name}" for path in place.store.iterdir() if path.name not in known]


SMALL_FILES = (
    Scenario("keys: add the first", lambda place: None, _add_key, _key_state, leftovers=_key_leftovers),
    Scenario("keys: add", _prepare_keys, _add_key, _key_state, leftovers=_key_leftovers),
    Scenario("keys: revoke", _prepare_keys, _revoke_key, _key_state, leftovers=_key_leftovers),
    Scenario("logins: add", _prepare_logins, _log_in, _login_state, leftovers=_login_leftovers),
    Scenario("evaluation: add a run", _append_run, _append_run, _run_state),
    Scenario("answers to a file", _answer_first, _answer_all, _answer_state),
)  # fmt: skip
