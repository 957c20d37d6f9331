"""The HTTP API over a real index with the fakes: search, articles, problem responses, metrics, OpenAPI schema."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import closing
from functools import partial
from pathlib import Path

import pytest
from click.testing import CliRunner
from fastapi.testclient import TestClient
from prometheus_client.parser import text_string_to_metric_families

from index.indexer import update_index
from qa.query.question import MAX_QUESTION_LENGTH
from ui.app import App
from ui.cli import jawab
from ui.collections.repository import CollectionRepository
from ui.config import load_config
from ui.conversations.repository import ConversationRepository
from ui.http.visitor_cookie import COOKIE
from ui.server.app import create_app
from ui.server.collection_registry import CollectionRegistry
from ui.server.serve import LoadedModels, open_collection, open_jobs
from ui.services import Services
from ui.telemetry.metrics import DEPRECATED_NAMES, Metrics
from ui.telemetry.telemetry import Telemetry

FAKES = {"embedder": "fake", "llm": "fake"}


@pytest.fixture(scope="module")
def app(tmp_path_factory: pytest.TempPathFactory) -> App:
    folder = tmp_path_factory.mktemp("api")
    places = {name: folder / name for name in ("index", "conversations", "collections", "uploads")}
    app = App(load_config(**FAKES, **places))
    update_index(app.config.paths.index, [Path("samples/articles")], app.components.embedder)
    return app


@pytest.fixture
def client(app: App) -> Iterator[TestClient]:
    folders = CollectionRepository(app.config.paths.index, app.config.paths.collections)
    observers = Telemetry()
    library = CollectionRegistry(folders, partial(open_collection, app, observers))
    jobs = open_jobs(app, folders)
    site = Services(library, ConversationRepository(app.config.paths.conversations), LoadedModels(app), jobs)
    with closing(jobs), TestClient(create_app(site, observers=observers), "http://127.0.0.1") as client:
        yield client


class TestSearch:
    def test_returns_same_passages_as_cli(self, app: App, client: TestClient) -> None:
        asked = "withdrawal of troops from Iraq"
        found = client.post("/v1/search", json={"question": asked, "k": 3}).json()
        environment = {"JAWAB_EMBEDDER": "fake", "JAWAB_LLM": "fake"}
        run = CliRunner(env=environment).invoke(
            jawab, ["search", asked, "-k", "3", "--json", "--index", str(app.config.paths.index)]
        )
        assert found == json.loads(run.output) and len(found["passages"]) == 3

    def test_applies_language_date_and_story_filters(self, client: TestClient) -> None:
        asked = {"question": "Iraq", "language": "ar", "since": "2021", "until": "2021-12", "stories": True}
        passages = client.post("/v1/search", json=asked).json()["passages"]
        assert passages and all("others" in passage for passage in passages)
        assert len({passage["article_id"] for passage in passages}) == len(passages)

    @pytest.mark.parametrize("route", ["/v1/search", "/v1/ask"])
    @pytest.mark.parametrize(
        "wrong",
        [
            {"question": ""},
            {"question": "\n "},
            {"question": "Iraq" + " " * MAX_QUESTION_LENGTH},
            {"since": "soon"},
            {"since": "2021-13-99"},
            {"until": "٢٠٢١-٠٢-٣٠"},
            {"since": 2021},
            {"language": "fr"},
            {"sources": "dw.com"},
            {"sources": ["dw.com"] * 101},
            {"articles": [1]},
            {"other": 1},
        ],
    )
    def test_invalid_field_is_named_in_error(self, client: TestClient, wrong: dict[str, object], route: str) -> None:
        response = client.post(route, json={"question": "Iraq"} | wrong)
        problem = response.json()
        assert response.status_code == problem["status"] == 422 and problem["code"] == "invalid"
        assert set(problem["errors"][0]["at"]) & set(wrong)

    @pytest.mark.parametrize("wrong", [{"k": 0}, {"k": 101}, {"k": "3"}])
    def test_invalid_number_of_passages_is_rejected(self, client: TestClient, wrong: dict[str, object]) -> None:
        response = client.post("/v1/search", json={"question": "Iraq"} | wrong)
        assert response.status_code == 422 and response.json()["errors"][0]["at"][-1] == "k"


class TestAskFilters:
    ASKED = "How many US troops remain in Iraq?"

    @pytest.mark.parametrize("stream", [False, True])
    def test_ask_uses_passages_that_search_finds(self, client: TestClient, stream: bool) -> None:
        for filters in ({}, {"language": "ar", "since": "2021"}, {"until": "٢٠٢١-٠٤"}, {"sources": ["none"]}):
            body = {"question": self.ASKED} | filters
            told = client.post("/v1/ask", json=body | {"stream": stream}).text
            asked = json.loads(told.rpartition("event: answer\ndata: ")[2])
            assert asked["passages"] == client.post("/v1/search", json=body).json()["passages"], filters
        assert asked["status"] == "declined"

    def test_articles_limit_citations(self, client: TestClient) -> None:
        first = client.post("/v1/ask", json={"question": self.ASKED}).json()["citations"][0]
        record = client.post("/v1/ask", json={"question": self.ASKED, "articles": [first["article_id"]]}).json()
        assert {cited["article_id"] for cited in record["citations"]} == {first["article_id"]}
        assert "cached" not in record and first["field"] == "text"


class TestDates:
    @pytest.mark.parametrize("date", ["2021-04", "٢٠٢١-٠٤"])
    def test_accepts_ascii_and_arabic_digits(self, client: TestClient, date: str) -> None:
        asked = {"since": date, "until": date}
        listed = client.get("/v1/articles", params=asked).json()["articles"]
        found = client.post("/v1/search", json={"question": "Iraq", "k": 100} | asked).json()["passages"]
        assert listed and all(one["date"].startswith("2021-04") for one in listed)
        assert {passage["article_id"] for passage in found} <= {one["id"] for one in listed} and found

    @pytest.mark.parametrize(("language", "sentence"), [("en", "2021-13-99 is no date"), ("ar", "ليس تاريخاً")])
    def test_impossible_date_is_named_in_error(self, client: TestClient, language: str, sentence: str) -> None:
        response = client.get("/v1/articles", params={"since": "2021-13-99"}, headers={"accept-language": language})
        (wrong,) = response.json()["errors"]
        assert response.status_code == 422 and wrong["at"] == ["query", "since"] and sentence in wrong["is"]


class TestArticles:
    def test_pagination_returns_each_article_once(self, client: TestClient) -> None:
        ids, after = [], 0
        while after is not None:
            part = client.get("/v1/articles", params={"limit": 10, "after": after}).json()
            ids += [article["id"] for article in part["articles"]]
            after = part["next"]
        assert len(ids) == len(set(ids)) == part["total"] == 24

    def test_list_is_filtered_by_language_and_words(self, client: TestClient) -> None:
        found = client.get("/v1/articles", params={"language": "ar", "words": "ترام"}).json()
        assert 0 < found["total"] < 12 and all(one["language"] == "ar" for one in found["articles"])

    def test_get_returns_full_text(self, client: TestClient) -> None:
        one = client.get("/v1/articles/tram-ar").json()
        assert one["id"] == "tram-ar" and len(one["text"]) > 500

    def test_deleted_article_returns_404(self, client: TestClient) -> None:
        assert client.delete("/v1/articles/football-ar").status_code == 204
        assert client.get("/v1/articles/football-ar").status_code == 404
        assert client.delete("/v1/articles/football-ar").status_code == 404

    def test_missing_article_error_is_in_request_language(self, client: TestClient) -> None:
        response = client.get("/v1/articles/none/such", headers={"accept-language": "ar"})
        problem = response.json()
        assert response.status_code == 404 and problem["code"] == "article_missing"
        assert "none/such" in problem["detail"] and any("\u0600" < letter < "\u06ff" for letter in problem["detail"])
        assert client.get("/v1/articles", params={"collection": "none-such"}).json()["code"] == "collection_missing"


class TestErrors:
    def test_every_error_is_problem_json(self, client: TestClient) -> None:
        for response in (
            client.get("/v1/nothing"), client.get("/v1/ask"), client.post("/v1/ask", json={}),
            client.post("/v1/search", content=b"\xff", headers={"content-type": "application/json"}),
            client.get("/v1/articles/none"),
        ):  # fmt: skip
            problem = response.json()
            assert response.headers["content-type"] == "application/problem+json"
            assert problem["status"] == response.status_code >= 400
            assert problem["request_id"] == response.headers["x-request-id"]
            assert problem["detail"].endswith((".", "؟")) and problem["code"] and problem["title"]

    def test_valid_request_id_is_echoed_and_invalid_replaced(self, client: TestClient) -> None:
        assert client.get("/health", headers={"x-request-id": "job-7"}).headers["x-request-id"] == "job-7"
        for strange in ("a b", "x" * 101, "<script>"):
            given = client.get("/health", headers={"x-request-id": strange}).headers["x-request-id"]
            assert given != strange and given.isalnum()

    def test_question_in_unsupported_language_is_rejected(self, client: TestClient) -> None:
        response = client.post("/v1/ask", json={"question": "Combien de soldats américains sont encore en Irak ?"})
        assert response.status_code == 422 and response.json()["code"] == "question_language"


class TestMonitoring:
    def test_health_and_readiness(self, client: TestClient) -> None:
        assert client.get("/health").json() == {"status": "ok"}
        assert client.get("/ready").json() == {"status": "ready", "llm": "ready"}

    def test_metrics_count_questions_without_their_text(self, client: TestClient) -> None:
        asked = "How many US troops remain in Iraq?"
        client.post("/v1/ask", json={"question": asked})
        assert '"cached": true' in client.post("/v1/ask", json={"question": asked, "stream": True}).text
        client.post("/v1/ask", json={"question": "كم جندياً بقي في العراق؟"})
        numbers = client.get("/metrics")
        assert numbers.headers["content-type"].startswith("text/plain")
        assert 'jawab_questions_total{language="en",status="answered"} 2.0' in numbers.text
        assert 'language="ar"' in numbers.text and "jawab_search_seconds_count 2.0" in numbers.text
        assert "jawab_questions_cached_total 1.0" in numbers.text and "jawab_queue_length 0.0" in numbers.text
        assert "jawab_questions_in_progress 0.0" in numbers.text and "troops" not in numbers.text
        articles = client.get("/v1/articles").json()["total"]
        assert f'jawab_articles{{collection="first"}} {articles}.0' in numbers.text
        assert 'jawab_passages{collection="first"}' in numbers.text and "jawab_tokens_total" in numbers.text

    def test_deprecated_metric_names_have_same_samples(self, client: TestClient) -> None:
        metrics = Metrics()
        metrics.loop_lag(0.2)
        metrics.began()
        metrics.cancelled()
        exported = metrics.scraped(client.app.state.services).decode()  # type: ignore[attr-defined]
        families = {family.name: family for family in text_string_to_metric_families(exported)}
        for current, former in DEPRECATED_NAMES.items():
            samples, former_samples = (
                [(sample.name.removeprefix(name), sample.labels, sample.value) for sample in families[name].samples]
                for name in (current, former)
            )
            assert samples == former_samples != []


class TestOpenAPI:
    def test_schema_lists_only_public_api(self, client: TestClient) -> None:
        described = client.get("/openapi.json").json()
        assert set(described["paths"]) == {
            "/v1/ask", "/v1/search", "/v1/articles", "/v1/articles/{article_id}", "/v1/jobs",
            "/v1/jobs/{job_id}", "/v1/jobs/{job_id}/stop", "/health", "/ready", "/metrics",
            "/v1/chat/completions", "/v1/models", "/v1/models/{name}", "/v1/embeddings",
        }  # fmt: skip
        body = described["paths"]["/v1/ask"]["post"]["requestBody"]["content"]["application/json"]
        assert set(body["examples"]) == {"English", "العربية"}
        assert "short_answer" in json.dumps(described["components"]["schemas"]["Answer"])

    def test_docs_page_loads_only_local_assets(self, client: TestClient) -> None:
        page = client.get("/docs")
        assert "default-src 'none'" in page.headers["content-security-policy"] and "//" not in page.text
        for name in ("/docs/swagger-ui.css", "/docs/swagger-ui-bundle.js", "/page/docs.js"):
            assert client.get(name).status_code == 200
        assert client.get("/docs/index.html").status_code == 404


QUESTION = "How many US troops remain in Iraq?"
HUGE = (10**20, -(10**20), 2**63, 10**500)


@pytest.mark.parametrize("number", HUGE, ids=["20 digits", "negative", "2^63", "500 digits"])
def test_out_of_range_integer_is_rejected(client: TestClient, number: int) -> None:
    cookie = {"cookie": f"{COOKIE}={'x' * 43}"}
    judged = client.post(f"/page/conversations/x/turns/{number}", json={"verdict": "good"}, headers=cookie)
    assert judged.status_code == 422 and judged.json()["code"] == "invalid"
    for path in ("/v1/articles?after=", "/v1/articles?limit=", "/v1/jobs?after=", "/v1/jobs?limit="):
        assert client.get(f"{path}{number}").status_code == 422, path
    for path in ("/articles?page=", "/page/collections/first/article?id=x&start="):
        assert client.get(f"{path}{number}").status_code in (200, 404, 422), path
    search = {"question": QUESTION, "k": number}
    assert client.post("/v1/search", json=search).status_code == 422


@pytest.mark.parametrize("given", ["2021-4", "april", "2021-13", "2021-04-31", "", "2021-04-08\n"])
@pytest.mark.parametrize(("language", "sentence"), [("en", "is no date; one is written"), ("ar", "ليس تاريخاً")])
def test_invalid_date_error_is_in_request_language(
    client: TestClient, given: str, language: str, sentence: str
) -> None:
    headers = {"accept-language": language}
    answers = [
        client.get("/v1/articles", params={"since": given}, headers=headers),
        client.post("/v1/search", json={"question": QUESTION, "until": given}, headers=headers),
    ]
    for answer in answers:
        assert answer.status_code == 422
        ((field,), code) = answer.json()["errors"], answer.json()["code"]
        assert code == "invalid" and sentence in field["is"], field
