"""The examples, each run unmodified against a real server with the fakes."""

from __future__ import annotations

import csv
import io
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import httpx
import pytest
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.types import Receive, Scope, Send

from tests.asgi_server import listening
from tests.conftest import SAMPLES

EXAMPLES = Path(__file__).parent.parent / "examples"
ENGLISH = "How many US troops remain in Iraq?"
ARABIC = 'كم عدد "القوات" الأمريكية المتبقية في العراق؟'
WITH_PROGRAMS = {"ask.sh": ("curl", "jq"), "questions.sh": ("curl",), "ask.mjs": ("node",)}
"""Examples that need other programs than Python."""
RUNS = {".py": [sys.executable], ".sh": ["bash"], ".mjs": ["node"]}


def each(*examples: str) -> pytest.MarkDecorator:
    """Run the test for each of these examples."""
    marked = [pytest.param(one, marks=pytest.mark.real if one in WITH_PROGRAMS else ()) for one in examples]
    return pytest.mark.parametrize("example", marked)


each_ask_example = each("ask.py", "ask_async.py", "openai_client.py", "ask.sh", "ask.mjs")


def run(example: str, *words: str | Path, **environment: str) -> subprocess.CompletedProcess[str]:
    if missing := [program for program in WITH_PROGRAMS.get(example, ()) if not shutil.which(program)]:
        pytest.skip(f"{', '.join(missing)} is not here")
    path = EXAMPLES / example
    command = [*RUNS[path.suffix], str(path), *map(str, words)]
    # Arabic is read and written as UTF-8 on every platform.
    given = dict(os.environ) | {"PYTHONUTF8": "1"} | environment
    return subprocess.run(command, env=given, capture_output=True, encoding="utf-8", timeout=120, check=False)


def output_of(example: str, *words: str | Path, **environment: str) -> str:
    done = run(example, *words, **environment)
    assert done.returncode == 0 and not done.stderr, done.stderr
    return done.stdout


def record_of(address: str, question: str) -> Any:
    return httpx.post(f"{address}/v1/ask", json={"question": question}).json()


@pytest.mark.parametrize("question", [ENGLISH, ARABIC], ids=["en", "ar"])
@each_ask_example
def test_prints_answer_and_citations(fake_server: str, example: str, question: str) -> None:
    told, record = output_of(example, question, JAWAB_URL=fake_server), record_of(fake_server, question)
    assert record["citations"] and record["answer"] in told
    for cited in record["citations"]:
        assert f"[{cited['marker']}] {cited['quote']}\n" in told and cited["title"] in told


@each("ask_async.py", "ask.sh", "ask.mjs")
def test_prints_streamed_answer(fake_server: str, example: str) -> None:
    # A cached sentence is sent whole, with its citation marker.
    told = output_of(example, ENGLISH, JAWAB_URL=fake_server)
    assert re.search(r"^The answer is 2,500( \[1\]\.)?\n= The answer is 2,500 \[1\]\.$", told, re.MULTILINE)


@each("ask.py", "ask.sh")
def test_prints_search_results(fake_server: str, example: str) -> None:
    found = httpx.post(f"{fake_server}/v1/search", json={"question": ENGLISH, "k": 3}).json()["passages"]
    told = output_of(example, ENGLISH, JAWAB_URL=fake_server)
    assert len(found) == 3 and all(f"  {passage['title']}\n" in told for passage in found)


class UnauthorizedServer:
    """A server that rejects every request with 401 and records the API keys."""

    def __init__(self) -> None:
        self.keys: list[str] = []

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return
        self.keys.append(Request(scope).headers.get("authorization", ""))
        told = {"detail": "لست مدعوّاً.", "code": "unauthorized", "error": {"message": "لست مدعوّاً."}}
        await JSONResponse(told, 401)(scope, receive, send)


@each_ask_example
def test_sends_api_key_and_prints_auth_error(example: str) -> None:
    refusing = UnauthorizedServer()
    with listening(refusing) as address:
        done = run(example, ENGLISH, JAWAB_URL=address, JAWAB_KEY="a secret")
    assert set(refusing.keys) == {"Bearer a secret"}
    assert done.returncode != 0 and "لست مدعوّاً." in done.stderr and "Traceback" not in done.stderr


@each_ask_example
def test_connection_failure_prints_short_error(example: str) -> None:
    done = run(example, ENGLISH, JAWAB_URL="http://127.0.0.1:1")
    assert done.returncode != 0 and 0 < len(done.stderr) < 200 and "Traceback" not in done.stderr


@pytest.mark.real
class TestQuestionsScript:
    def test_csv_of_questions_becomes_csv_of_answers(self, fake_server: str, tmp_path: Path) -> None:
        touched = tmp_path / "touched"
        shell = f'Who, if anybody,\nsaid "$(touch {touched}) `touch {touched}` \\n \'é"?'
        french = "Combien de soldats américains sont encore en Irak ?"
        questions = [ENGLISH, ARABIC, shell, french, "=1+1 troops?"]
        with (tmp_path / "questions.csv").open("w", encoding="utf-8-sig", newline="") as file:
            csv.writer(file).writerows([["id", "question"], *enumerate(questions), ["5", " "], ["6"]])
        told = output_of("questions.sh", tmp_path / "questions.csv", JAWAB_URL=fake_server)
        rows = list(csv.DictReader(io.StringIO(told, newline="")))
        assert [row["question"].removeprefix("'") for row in rows] == questions
        assert [row["status"] for row in rows][:4] == ["answered", "answered", "declined", "question_language"]
        assert "Arabic or English" in rows[3]["answer"] and rows[4]["question"].startswith("'=")
        assert not touched.exists()
        for row, question in zip(rows[:2], questions, strict=False):
            record = record_of(fake_server, question)
            assert row["answer"] == record["answer"]
            assert row["quotations"].split("\n") == [cited["quote"] for cited in record["citations"]]

    def test_stops_on_connection_failure(self, tmp_path: Path) -> None:
        (tmp_path / "questions.csv").write_text(f"question\n{ENGLISH}\n")
        done = run("questions.sh", tmp_path / "questions.csv", JAWAB_URL="http://127.0.0.1:1")
        assert done.returncode != 0 and "onnect" in done.stderr

    def test_sends_api_key(self, tmp_path: Path) -> None:
        (tmp_path / "questions.csv").write_text(f"first\n{ENGLISH}\n")
        refusing = UnauthorizedServer()
        with listening(refusing) as address:
            told = output_of("questions.sh", tmp_path / "questions.csv", JAWAB_URL=address, JAWAB_KEY="a secret")
        assert refusing.keys == ["Bearer a secret"] and "unauthorized,لست مدعوّاً." in told


def test_in_process_answer_matches_server(fake_server: str, tmp_path: Path) -> None:
    fakes = {"JAWAB_EMBEDDER": "fake", "JAWAB_LLM": "fake", "PYTHONPATH": str(EXAMPLES.parent)}
    for question in (ENGLISH, ARABIC):
        told = output_of("in_process.py", tmp_path / "index", SAMPLES / "articles", question, **fakes)
        record = record_of(fake_server, question)
        assert record["answer"] in told and all(cited["quote"] in told for cited in record["citations"])
    refused = run("in_process.py", tmp_path / "other", tmp_path / "none", ENGLISH, **fakes)
    assert refused.returncode != 0 and refused.stderr.startswith("path_missing")


def test_every_example_is_listed_and_tested() -> None:
    listed, tests = ((place).read_text(encoding="utf-8") for place in (EXAMPLES / "README.md", Path(__file__)))
    there = {path.name for path in EXAMPLES.iterdir() if path.suffix in RUNS}
    assert there and all(f"({name})" in listed and f'"{name}"' in tests for name in there)
