"""The page of the two charts: its text without a script, and the escaping of article text."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from fastapi.testclient import TestClient

from index.article_list import ArticleSummary
from index.topics.topic_map import MapPoint, Topic, TopicMap
from tests.fake_site import site
from tests.test_render import HOSTILE, Reader
from ui.server.app import create_app
from ui.web.collection.charts import topics_html


@pytest.fixture
def client(tmp_path: Path) -> Iterator[TestClient]:
    with TestClient(create_app(site(tmp_path)), "http://127.0.0.1") as client:
        yield client


def test_charts_page_describes_charts_in_text(client: TestClient) -> None:
    response = client.get("/articles/charts", headers={"accept-language": "ar"})
    assert "المجموعة في صورتين" in response.text
    assert "script-src 'self';" in response.headers["content-security-policy"]
    assert "unsafe-eval" not in response.headers["content-security-policy"]
    drawn = client.get("/page/collections/first/charts", params={"in": "ar"}).json()
    assert drawn["map"]["subjects"][0]["name"] == "القوات، بغداد"
    assert len(drawn["map"]["places"]) == 3 and drawn["map"]["sample"] == ""
    assert "مقالان" in drawn["subjects"]


def test_plotly_is_served_locally(client: TestClient) -> None:
    response = client.get("/page/plotly.js")
    assert response.status_code == 200 and "plotly.js v" in response.text[:200]


def test_charts_of_unknown_collection_return_404(client: TestClient) -> None:
    assert client.get("/page/collections/none-such/charts").status_code == 404


@pytest.mark.parametrize("payload", HOSTILE)
def test_hostile_text_is_escaped_in_topics_html(payload: str) -> None:
    article = ArticleSummary(1, payload, payload, "en", payload, payload, 1)
    found = TopicMap((MapPoint(article, 0.0, 0.0, 0),), (Topic(0.0, 0.0, {"ar": (), "en": (payload,)}),), 1)
    reader = Reader(topics_html(found, "en"))
    assert {tag for tag, _ in reader.tags} <= {"ol", "ul", "li", "h4", "p", "bdi", "a"}
    assert not [name for _, attributes in reader.tags for name in attributes if name.startswith("on")]
    assert all(attributes["href"] == "#" for tag, attributes in reader.tags if tag == "a")


def test_former_path_redirects_to_charts_page(client: TestClient) -> None:
    assert client.get("/articles/pictures").url.path == "/articles/charts"
