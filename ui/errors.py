"""Base class of errors that a request can cause, and the former codes of errors."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

from index.errors import JawabError

DEPRECATED_CODES: Mapping[str, str] = {
    "backup_in_progress": "backup_under_way",
    "deadline_exceeded": "deadline_passed",
    "empty_upload": "nothing_sent",
    "insufficient_disk_space": "no_room",
    "insufficient_memory": "memory_short",
    "invalid_body": "body_unreadable",
    "job_failed": "job_broken",
    "job_finished": "job_over",
    "llm_address_invalid": "generator_address",
    "llm_busy": "generator_busy",
    "llm_connection_lost": "generator_cut_off",
    "llm_failed": "generator_failed",
    "llm_invalid_response": "generator_garbled",
    "llm_key_rejected": "generator_key_refused",
    "llm_model_unknown": "generator_model_unknown",
    "llm_no_models": "generator_without_model",
    "llm_request_rejected": "generator_refused",
    "llm_unreachable": "generator_unreachable",
    "llm_unusable": "generator_unusable",
    "login_throttled": "guessed_too_often",
    "no_feedback": "nothing_judged",
    "permission_denied": "not_allowed",
    "question_set_invalid": "set_invalid",
    "queue_full": "line_full",
    "rate_limited": "asked_too_often",
    "restore_target_not_empty": "restore_occupied",
    "shutting_down": "stopping",
    "too_many_queued": "asked_too_much",
    "upload_in_progress": "upload_under_way",
    "upload_too_large": "too_much",
    "worker_elsewhere": "jobs_elsewhere",
}
"""Former code of each error whose code was changed. Error responses have both for one version."""


class RequestError(JawabError):
    """Error of a request, with the HTTP status that reports it."""

    status: ClassVar[int]


def current_code(code: str) -> str:
    """Return the code that replaced `code`, or `code` itself."""
    return next((current for current, former in DEPRECATED_CODES.items() if former == code), code)
