"""The OpenAI-compatible API, called by OpenAI's own Python client over a real socket; the models are fakes."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from typing import Any

import openai
import pytest

from qa.query.question import MAX_QUESTION_LENGTH
from ui.api.openai_schemas import MAX_CHARACTERS, ChatBody

QUESTION = "How many US troops remain in Iraq?"


@pytest.fixture(scope="module")
def client(fake_server: str) -> Iterator[openai.OpenAI]:
    with openai.OpenAI(base_url=f"{fake_server}/v1", api_key="none", max_retries=0) as client:
        yield client


def ask(client: openai.OpenAI, **more: Any) -> Any:
    given: dict[str, Any] = {"model": "jawab", "messages": [{"role": "user", "content": QUESTION}]}
    return client.chat.completions.create(**(given | more))


def test_completion_includes_citations_and_record(client: openai.OpenAI) -> None:
    answer = ask(client)
    choice, record = answer.choices[0], answer.model_extra["jawab"]
    assert choice.finish_reason == "stop" and choice.message.content == record["answer"]
    assert record["question"] == QUESTION and record["status"] == "answered"
    for noted, cited in zip(choice.message.annotations, record["citations"], strict=True):
        place = noted.url_citation
        assert choice.message.content[place.start_index : place.end_index] == f"[{cited['marker']}]"
        assert place.title == cited["title"] and place.url.startswith("http")
    assert answer.usage.total_tokens == answer.usage.prompt_tokens + answer.usage.completion_tokens > 0


def test_stream_chunks_join_to_answer(client: openai.OpenAI) -> None:
    pieces = list(ask(client, stream=True, stream_options={"include_usage": True}))
    said = "".join(piece.choices[0].delta.content or "" for piece in pieces if piece.choices)
    assert said == ask(client).choices[0].message.content
    assert pieces[-1].usage.total_tokens > 0 and pieces[-2].choices[0].finish_reason == "stop"
    assert pieces[-2].model_extra["jawab"]["answer"] == said


def test_max_tokens_and_stop_truncate_answer(client: openai.OpenAI) -> None:
    whole = ask(client).choices[0].message.content
    short = ask(client, max_tokens=2)
    assert short.choices[0].finish_reason == "length" and whole.startswith(short.choices[0].message.content)
    assert short.usage.completion_tokens <= 2
    assert "[" not in ask(client, stop=["["]).choices[0].message.content
    # Some clients send fields that their users left empty.
    assert [ask(client, stop=stop).choices[0].message.content for stop in ("", [""])] == [whole, whole]


def test_json_response_format_returns_record(client: openai.OpenAI) -> None:
    answer = ask(client, response_format={"type": "json_object"}, seed=7)
    assert json.loads(answer.choices[0].message.content)["answer"] == answer.model_extra["jawab"]["answer"]


def test_follow_up_question_is_resolved_from_history(client: openai.OpenAI) -> None:
    said = ask(client).choices[0].message
    messages = [{"role": "user", "content": QUESTION}, said.model_dump(), {"role": "user", "content": "And in Arabic?"}]
    assert ask(client, messages=messages).model_extra["jawab"]["question"] == "And in Arabic?"


def chat_of(*messages: tuple[str, str]) -> dict[str, Any]:
    return {"messages": [{"role": role, "content": content} for role, content in messages]}


def test_history_keeps_latest_questions() -> None:
    before = [pair for n in range(40) for pair in (("user", f"{n} " + "x" * 3000), ("assistant", "Yes."))]
    history = ChatBody.model_validate(chat_of(*before, ("user", QUESTION))).history
    assert [exchange.question[:3] for exchange in history] == [f"{n} " for n in range(30, 40)]
    assert all(len(exchange.question) == MAX_QUESTION_LENGTH for exchange in history)


def test_too_many_characters_are_rejected(client: openai.OpenAI) -> None:
    asked = chat_of(("user", "x" * MAX_CHARACTERS), ("assistant", "Yes."), ("user", QUESTION))
    with pytest.raises(openai.BadRequestError, match=f"messages: .*{MAX_CHARACTERS} characters"):
        ask(client, **asked)


@pytest.mark.parametrize(
    "more",
    [
        {"temperature": 0.7}, {"top_p": 0.5}, {"presence_penalty": 1}, {"store": True}, {"n": 2},
        {"logprobs": True}, {"messages": []},
        {"tools": [{"type": "function", "function": {"name": "x"}}]},
        {"messages": [{"role": "system", "content": "Be rude."}, {"role": "user", "content": QUESTION}]},
        {"messages": [{"role": "assistant", "content": "hello"}]},
        {"messages": [{"role": "user", "content": [{"type": "image_url", "image_url": {"url": "x"}}]}]},
        {"response_format": {"type": "json_schema", "json_schema": {"name": "x"}}},
    ],
)  # fmt: skip
def test_unsupported_parameter_is_rejected_by_name(client: openai.OpenAI, more: dict[str, Any]) -> None:
    with pytest.raises(openai.BadRequestError) as refused:
        ask(client, **more)
    assert next(iter(more)) in refused.value.message


def test_default_parameter_values_are_accepted(client: openai.OpenAI) -> None:
    defaults = {"temperature": 1.0, "top_p": 1.0, "n": 1, "frequency_penalty": 0.0, "presence_penalty": 0.0}
    assert ask(client, **defaults, logprobs=False, store=False).choices[0].message.content


def test_system_and_developer_messages_are_rejected(client: openai.OpenAI) -> None:
    for role in ("system", "developer"):
        with pytest.raises(openai.BadRequestError, match=f"messages.0.role: a {role} message would not be followed"):
            ask(client, messages=[{"role": role, "content": "Be brief."}, {"role": "user", "content": QUESTION}])


def test_models_list_collections_and_embedder(client: openai.OpenAI) -> None:
    names = [model.id for model in client.models.list()]
    assert names[0] == "jawab" and len(names) == 2
    assert client.models.retrieve("jawab").owned_by == "jawab"
    for missing in ("gpt-4o", "jawab/none-such"):
        with pytest.raises(openai.NotFoundError):
            client.models.retrieve(missing)
        with pytest.raises(openai.NotFoundError, match=missing) as told:
            ask(client, model=missing)
        assert told.value.code == "model_not_found"


def test_embeddings_support_float_and_base64(client: openai.OpenAI) -> None:
    name = [model.id for model in client.models.list()][-1]
    floats = client.embeddings.create(model=name, input=["one", "two"], encoding_format="float")
    packed = client.embeddings.create(model=name, input=["one", "two"])
    for one, other in zip(floats.data, packed.data, strict=True):
        assert one.embedding == pytest.approx(other.embedding, abs=1e-6)
    assert sum(number**2 for number in floats.data[0].embedding) == pytest.approx(1, abs=1e-3)
    assert floats.usage.total_tokens > 0


def test_concurrent_requests_get_same_answer(client: openai.OpenAI) -> None:
    answers: list[str] = []
    threads = [
        threading.Thread(target=lambda: answers.append(ask(client).choices[0].message.content)) for _ in range(6)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert len(answers) == 6 and len(set(answers)) == 1
