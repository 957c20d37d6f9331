"""Error types for models and questions. Their messages are in `ui/texts`, in both languages."""

from __future__ import annotations

from pathlib import Path

from index.errors import JawabError

_GIGABYTE = 1_000_000_000


class ModelsFileInvalid(JawabError):
    """The list of models cannot be used; `detail` says where and why."""

    code = "models_file_invalid"


class ModelUnknown(JawabError):
    """The list of models has no model `name`; `known` is the names it has, joined with commas."""

    code = "model_unknown"


class ModelMissing(JawabError):
    """The model `name` is not in `folder`, or not all of its files are."""

    code = "model_missing"


class ModelDamaged(JawabError):
    """`file` of the model `name` is not, byte for byte, the file that the list of models names."""

    code = "model_damaged"


class FetchFailed(JawabError):
    """No source provided the model `name`; `reasons` has one short reason a source."""

    code = "fetch_failed"
    retryable = True


class FetchBusy(JawabError):
    """Another process is fetching models into `folder`."""

    code = "fetch_busy"
    retryable = True


class InsufficientDiskSpace(JawabError):
    """`folder` has `free` bytes left and fetching takes `needed`; the message has both in gigabytes."""

    code = "insufficient_disk_space"
    retryable = True

    def __init__(self, folder: Path, needed: int, free: int) -> None:
        # Rounded away from each other, so that the message never shows two equal numbers.
        needed_gb, free_gb = needed / _GIGABYTE + 0.05, max(0.0, free / _GIGABYTE - 0.05)
        super().__init__(folder=folder, needed=f"{needed_gb:.1f}", free=f"{free_gb:.1f}")
        self.folder, self.needed, self.free = folder, needed, free


class QuestionEmpty(JawabError):
    """The question has no words."""

    code = "question_empty"


class QuestionTooLong(JawabError):
    """The question has `length` characters, more than `limit`."""

    code = "question_too_long"


class PromptTooLong(JawabError):
    """The prompt of question and evidence has `length` tokens, more than the LLM's `limit`."""

    code = "prompt_too_long"


class QuestionLanguage(JawabError):
    """The question is neither in Arabic nor in English."""

    code = "question_language"


class LLMFailed(JawabError):
    """The LLM's file `path` cannot be loaded, or is not a model that llama.cpp can read."""

    code = "llm_failed"


class LLMUnusable(JawabError):
    """llama.cpp crashes, hangs or computes nonsense with the LLM `name` on this processor; see `failure`."""

    code = "llm_unusable"


class LLMAddressInvalid(JawabError):
    """The address of the LLM's server is invalid, or contains a password or a query."""

    code = "llm_address_invalid"


class LLMUnreachable(JawabError):
    """No server accepts connections at `address`, where the LLM should be."""

    code = "llm_unreachable"
    retryable = True


class LLMBusy(JawabError):
    """The LLM's server at `address` answered `status`: it is loading, overloaded or broken."""

    code = "llm_busy"
    retryable = True


class LLMConnectionLost(JawabError):
    """The LLM's server at `address` closed the connection early, or timed out."""

    code = "llm_connection_lost"
    retryable = True


class LLMRequestRejected(JawabError):
    """The LLM's server at `address` rejected the request; `answer` has its status and reason."""

    code = "llm_request_rejected"


class LLMKeyRejected(JawabError):
    """The LLM's server at `address` requires a key, or rejected the given one."""

    code = "llm_key_rejected"


class LLMInvalidResponse(JawabError):
    """The response from `address` is not valid in OpenAI's chat API, or larger than Jawab accepts."""

    code = "llm_invalid_response"


class LLMModelUnknown(JawabError):
    """The LLM's server at `address` has no model `name`; `known` lists some that it has, joined with commas."""

    code = "llm_model_unknown"


class LLMNoModels(JawabError):
    """The LLM's server at `address` has no model at all."""

    code = "llm_no_models"
