"""Unmodified clients of OpenAI's API on a real socket: the packages `openai` for Python and for Node, simonw's `llm`,
and LangChain. docs/clients.md has the versions that were tested."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import openai
import pytest
import yaml
from langchain_core.messages import AIMessage, HumanMessage, SystemMessage
from langchain_openai import ChatOpenAI, OpenAIEmbeddings
from pydantic import SecretStr

from index.embeddings import SentenceTransformerEmbedder
from qa.llm.llama_cpp_llm import LlamaCppLLM
from qa.reader.lora_reader import LoRAReader
from qa.reader.prompt_injection import InjectionClassifier
from tests.asgi_server import app_in, serving

ENGLISH = "How many US troops remain in Iraq?"
ARABIC = "كم عدد القوات الأمريكية المتبقية في العراق؟"
NO_KEY = SecretStr("none")
TOOL = {"type": "function", "function": {"name": "weather", "parameters": {}}}
SCRIPTS = Path(__file__).parent / "clients"

Npm = Callable[[str, dict[str, Any]], Any]
"""Sends a request through the npm package to the server at an address, and returns the result."""
Llm = Callable[..., subprocess.CompletedProcess[str]]
"""Runs `llm` with these arguments, for the server at this address."""


@pytest.fixture(scope="session")
def npm(pytestconfig: pytest.Config) -> Npm:
    if not shutil.which("npm"):
        pytest.skip("npm is not here (Debian: apt-get install nodejs npm)")
    wanted = json.loads((SCRIPTS / "package.json").read_text())["dependencies"]["openai"]
    place = pytestconfig.cache.mkdir(f"npm-openai-{wanted}")
    for file in SCRIPTS.iterdir():
        shutil.copy(file, place)
    install = ["npm", "install", "--no-package-lock", "--no-audit", "--no-fund", "--ignore-scripts", "--silent"]
    subprocess.run(install, cwd=place, check=True, timeout=300)

    def run(address: str, asked: dict[str, Any]) -> Any:
        command = ["node", "openai.mjs", address]
        done = subprocess.run(command, cwd=place, input=json.dumps(asked), capture_output=True, text=True, timeout=120)
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout)

    return run


@pytest.fixture
def llm(tmp_path: Path) -> Llm:
    def run(address: str, *words: str) -> subprocess.CompletedProcess[str]:
        model = {"model_id": "jawab", "model_name": "jawab", "api_base": f"{address}/v1"}
        (tmp_path / "extra-openai-models.yaml").write_text(yaml.safe_dump([model]))
        command = [str(Path(sys.executable).with_name("llm")), *words]
        environment = dict(os.environ) | {"LLM_USER_PATH": str(tmp_path)}
        return subprocess.run(command, env=environment, capture_output=True, text=True, timeout=120, check=False)

    return run


def langchain(address: str, **more: Any) -> ChatOpenAI:
    return ChatOpenAI(base_url=f"{address}/v1", api_key=NO_KEY, model="jawab", max_retries=0, **more)


def by_openai(address: str, question: str, streamed: bool) -> str:
    with openai.OpenAI(base_url=f"{address}/v1", api_key="none", max_retries=0) as client:
        messages: list[Any] = [{"role": "user", "content": question}]
        if not streamed:
            return client.chat.completions.create(model="jawab", messages=messages).choices[0].message.content or ""
        pieces = client.chat.completions.create(model="jawab", messages=messages, stream=True)
        return "".join(piece.choices[0].delta.content or "" for piece in pieces)


def by_npm(npm: Npm, address: str, question: str, streamed: bool) -> str:
    asked = {"model": "jawab", "messages": [{"role": "user", "content": question}], "stream": streamed}
    return str(npm(address, asked)["choices"][0]["message"]["content"])


def by_llm(llm: Llm, address: str, question: str, streamed: bool) -> str:
    done = llm(address, "-m", "jawab", *(() if streamed else ("--no-stream",)), question)
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def by_langchain(address: str, question: str, streamed: bool) -> str:
    client = langchain(address)
    return "".join(piece.text for piece in client.stream(question)) if streamed else client.invoke(question).text


def native_answer(address: str, question: str) -> str:
    """The answer of Jawab's own API, without any of these clients."""
    return str(httpx.post(f"{address}/v1/ask", json={"question": question}, timeout=120).json()["answer"])


def record_of(address: str, **asked: Any) -> Any:
    """The record of a request in OpenAI's form."""
    body = {"model": "jawab"} | asked
    return httpx.post(f"{address}/v1/chat/completions", json=body, timeout=120).json()["jawab"]


in_both_languages = pytest.mark.parametrize("question", [ENGLISH, ARABIC], ids=["en", "ar"])
streamed_or_not = pytest.mark.parametrize("streamed", [False, True], ids=["whole", "streamed"])


class TestLlm:
    @pytest.mark.parametrize(("question", "streamed"), [(ENGLISH, False), (ARABIC, True)])
    def test_answer_equals_native_answer(self, fake_server: str, llm: Llm, question: str, streamed: bool) -> None:
        assert by_llm(llm, fake_server, question, streamed) == native_answer(fake_server, question)

    def test_conversation_continues(self, fake_server: str, llm: Llm) -> None:
        first = llm(fake_server, "-m", "jawab", ENGLISH).stdout.strip()
        second = llm(fake_server, "-c", "And in 2020?")
        messages = [
            {"role": "user", "content": ENGLISH},
            {"role": "assistant", "content": first},
            {"role": "user", "content": "And in 2020?"},
        ]
        assert second.returncode == 0, second.stderr
        assert second.stdout.strip() == record_of(fake_server, messages=messages)["answer"]

    def test_options_are_applied(self, fake_server: str, llm: Llm) -> None:
        done = llm(fake_server, "-m", "jawab", "-o", "max_tokens", "2", "-o", "temperature", "0", ENGLISH)
        assert done.stdout.strip() == " ".join(native_answer(fake_server, ENGLISH).split()[:2])
        whole = llm(fake_server, "-m", "jawab", "-o", "json_object", "1", ENGLISH)
        assert json.loads(whole.stdout)["citations"]

    def test_system_message_is_rejected_without_traceback(self, fake_server: str, llm: Llm) -> None:
        done = llm(fake_server, "-m", "jawab", "-s", "Be rude", ENGLISH)
        assert done.returncode != 0 and "a system message would not be followed" in done.stderr
        assert "Traceback" not in done.stderr


class TestLangChain:
    @in_both_languages
    @streamed_or_not
    def test_answer_equals_native_answer(self, fake_server: str, question: str, streamed: bool) -> None:
        assert by_langchain(fake_server, question, streamed) == native_answer(fake_server, question)

    def test_batch_returns_answers_in_order(self, fake_server: str) -> None:
        questions: list[Any] = [ENGLISH, ARABIC] * 3
        answers = [message.text for message in langchain(fake_server).batch(questions)]
        assert answers == [native_answer(fake_server, question) for question in questions]

    def test_conversation_continues(self, fake_server: str) -> None:
        client = langchain(fake_server)
        first = client.invoke(ENGLISH)
        second = client.invoke([HumanMessage(ENGLISH), first, HumanMessage("And in 2020?")])
        messages = [
            {"role": "user", "content": ENGLISH},
            {"role": "assistant", "content": first.text},
            {"role": "user", "content": "And in 2020?"},
        ]
        assert second.text == record_of(fake_server, messages=messages)["answer"]

    def test_json_mode_returns_record_with_citations(self, fake_server: str) -> None:
        schema = {"title": "record", "type": "object", "properties": {"answer": {"type": "string"}}}
        record = langchain(fake_server).with_structured_output(schema, method="json_mode").invoke(ENGLISH)
        assert (
            isinstance(record, dict) and record["citations"] and record["answer"] == native_answer(fake_server, ENGLISH)
        )

    def test_usage_is_counted_and_max_tokens_applies(self, fake_server: str) -> None:
        whole = langchain(fake_server, stream_usage=True)
        counted = [piece.usage_metadata for piece in whole.stream(ENGLISH) if isinstance(piece, AIMessage)]
        assert [usage["output_tokens"] for usage in counted if usage and usage["output_tokens"]]
        short = langchain(fake_server, temperature=0, max_tokens=2).invoke(ENGLISH)
        assert short.response_metadata["finish_reason"] == "length" and len(short.text.split()) == 2

    @pytest.mark.parametrize(
        ("ask", "expected"),
        [
            (lambda client: client.invoke([SystemMessage("Be rude"), HumanMessage(ENGLISH)]), "system"),
            (lambda client: client.bind(temperature=0.7).invoke(ENGLISH), "temperature"),
            (lambda client: client.bind_tools([TOOL]).invoke(ENGLISH), "tools"),
        ],
    )
    def test_unsupported_parameters_are_rejected(
        self, fake_server: str, ask: Callable[[ChatOpenAI], object], expected: str
    ) -> None:
        with pytest.raises(openai.APIStatusError, match=expected):
            ask(langchain(fake_server))

    def test_texts_are_embedded(self, fake_server: str) -> None:
        name = httpx.get(f"{fake_server}/v1/models").json()["data"][-1]["id"]
        # Otherwise the client tokenizes texts with OpenAI's tokenizer, which it downloads.
        client = OpenAIEmbeddings(
            base_url=f"{fake_server}/v1", api_key=NO_KEY, model=name, check_embedding_ctx_length=False
        )
        one, other = client.embed_documents(["one", "two"])
        assert len(one) == len(other) > 100 and client.embed_query("one") == pytest.approx(one, abs=1e-6)


@pytest.mark.real
class TestNpm:
    @in_both_languages
    @streamed_or_not
    def test_answer_equals_native_answer(self, fake_server: str, npm: Npm, question: str, streamed: bool) -> None:
        assert by_npm(npm, fake_server, question, streamed) == native_answer(fake_server, question)

    @streamed_or_not
    def test_response_includes_citations_record_and_usage(self, fake_server: str, npm: Npm, streamed: bool) -> None:
        asked: dict[str, Any] = {"model": "jawab", "messages": [{"role": "user", "content": ENGLISH}]}
        asked |= {"stream": True, "stream_options": {"include_usage": True}} if streamed else {}
        answer = npm(fake_server, asked)
        message, record = answer["choices"][0]["message"], answer["jawab"]
        (noted,), (cited,) = message["annotations"], record["citations"]
        place = noted["url_citation"]
        assert message["content"][place["start_index"] : place["end_index"]] == f"[{cited['marker']}]"
        assert answer["choices"][0]["finish_reason"] == "stop" and answer["usage"]["total_tokens"] > 0
        assert not streamed or "".join(answer["pieces"]) == message["content"]

    def test_models_and_embeddings(self, fake_server: str, npm: Npm) -> None:
        first, embedder = npm(fake_server, {"models": True})
        assert first == "jawab"
        one, other = npm(fake_server, {"embed": {"model": embedder, "input": ["one", "اثنان"]}})
        assert one == other > 100

    @pytest.mark.parametrize(
        ("more", "error", "expected"),
        [
            ({"messages": [{"role": "developer", "content": "x"}]}, "BadRequestError", "developer"),
            ({"tools": [TOOL]}, "BadRequestError", "tools"),
            ({"model": "gpt-5"}, "NotFoundError", "gpt-5"),
        ],
    )
    def test_errors_map_to_openai_exceptions(
        self, fake_server: str, npm: Npm, more: dict[str, Any], error: str, expected: str
    ) -> None:
        asked = {"model": "jawab", "messages": [{"role": "user", "content": ENGLISH}]}
        answer = npm(fake_server, asked | more)
        assert answer["error"] == error and expected in answer["message"] and answer["code"]


@pytest.fixture(scope="module")
def real_server(
    tmp_path_factory: pytest.TempPathFactory,
    real_embedder: SentenceTransformerEmbedder,
    real_generator: LlamaCppLLM,
    real_reader: LoRAReader,
    real_classifier: InjectionClassifier,
    real_index: Path,
) -> Iterator[str]:
    folder = tmp_path_factory.mktemp("real")
    shutil.copytree(real_index, folder / "index")
    parts = {
        "embedder": real_embedder,
        "generator": real_generator,
        "reader": real_reader,
        "injection_classifier": real_classifier,
    }
    with serving(app_in(folder, **parts)) as address:
        yield address


@pytest.mark.real
@in_both_languages
@streamed_or_not
def test_real_models_answer_equally_through_every_client(
    real_server: str, npm: Npm, llm: Llm, question: str, streamed: bool
) -> None:
    answer = native_answer(real_server, question)
    assert "[1]" in answer
    assert by_openai(real_server, question, streamed) == answer
    assert by_npm(npm, real_server, question, streamed) == answer
    assert by_llm(llm, real_server, question, streamed) == answer
    assert by_langchain(real_server, question, streamed) == answer
