"""The topic map and the timeline of a collection."""

from __future__ import annotations

import time
from pathlib import Path

import numpy as np
import pytest

from index.article_list import ArticleBrowser, ArticleSummary
from index.fakes import HashEmbedder
from index.indexer import remove_articles, update_index
from index.storage.catalog import Catalog
from index.timeline import article_timeline
from index.topics.layout import cluster, project_2d
from index.topics.naming import name_topics, words_of
from index.topics.topic_map import TopicMap, TopicMapBuilder, build_map
from index.topics.vectors import article_vectors

TRAMS = "The tram stops at the harbour. A tram carries two hundred people. Trams run until midnight on the line {n}."
PALMS = "The palm grove lost many trees to the weevil. A weevil eats a palm from within. Palms need water, grove {n}."


@pytest.fixture
def catalog(tmp_path: Path) -> Catalog:
    for number in range(8):
        (tmp_path / f"tram-{number}.txt").write_text(f"Tram {number}\n\n{TRAMS.format(n=number)}", encoding="utf-8")
        (tmp_path / f"palm-{number}.txt").write_text(f"Palm {number}\n\n{PALMS.format(n=number)}", encoding="utf-8")
    update_index(tmp_path / "index", [tmp_path], HashEmbedder())
    return Catalog.open(tmp_path / "index")


def wait_for_map(builder: TopicMapBuilder) -> TopicMap:
    deadline = time.monotonic() + 30
    while (found := builder.map()) is None:
        assert time.monotonic() < deadline
        time.sleep(0.05)
    return found


class TestTopicMap:
    def test_articles_on_same_topic_are_clustered_and_named(self, catalog: Catalog) -> None:
        found = build_map(catalog, ArticleBrowser(catalog).articles())
        assert found.articles == len(found.places) == 16
        assert all(-1 <= place.x <= 1 and -1 <= place.y <= 1 for place in found.places)
        kinds: dict[int, set[str]] = {}
        for place in found.places:
            kinds.setdefault(place.subject, set()).add(place.article.id.split("-")[0])
        assert all(len(kind) == 1 for kind in kinds.values())
        for number, kind in kinds.items():
            words = {word.lower() for word in found.subjects[number].words["en"]}
            assert words & ({"tram", "trams", "harbour"} if "tram" in kind else {"palm", "palms", "weevil", "grove"})
            assert found.subjects[number].words["ar"] == ()

    def test_map_is_deterministic(self, catalog: Catalog) -> None:
        articles = ArticleBrowser(catalog).articles()
        assert build_map(catalog, articles) == build_map(catalog, articles)

    def test_limited_map_reports_total_articles(self, catalog: Catalog) -> None:
        found = build_map(catalog, ArticleBrowser(catalog).articles(), most=7)
        assert len(found.places) == 7 and found.articles == 16

    @pytest.mark.parametrize("count", [0, 1, 2, 5])
    def test_map_of_few_articles(self, catalog: Catalog, count: int) -> None:
        found = build_map(catalog, ArticleBrowser(catalog).articles()[:count])
        assert len(found.places) == count and len(found.subjects) == min(count, 1)

    def test_map_is_built_in_background_and_rebuilt_on_change(self, catalog: Catalog) -> None:
        builder = TopicMapBuilder(catalog, ArticleBrowser(catalog))
        assert builder.map() is None
        first = wait_for_map(builder)
        assert builder.map() is first
        remove_articles(catalog.folder, [first.places[0].article.id])
        assert wait_for_map(builder).articles == 15


def test_article_vector_is_mean_of_its_passages(catalog: Catalog) -> None:
    numbers, vectors = article_vectors(catalog, [2, 1, 99])
    assert numbers == [1, 2]
    assert np.allclose(np.linalg.norm(vectors, axis=1), 1, atol=1e-3)
    passages = [number for (number,) in catalog.rows("SELECT number FROM passages WHERE article = 1")]
    mean = catalog.vectors(passages).mean(axis=0)
    assert float(vectors[0] @ (mean / np.linalg.norm(mean))) > 0.999


def test_dissimilar_vectors_are_in_different_clusters() -> None:
    blobs = np.concatenate([np.full((10, 8), side, dtype=np.float32) + np.eye(10, 8) * 0.05 for side in (-1, 1)])
    points = project_2d(blobs.astype(np.float32))
    region = cluster(points)
    assert not set(region[:10]) & set(region[10:])


class TestTopicNames:
    def test_names_are_words_as_written_without_diacritics(self) -> None:
        tram = words_of("ترامُ المدينة", "سار الترام في المدينة. الترام جديد.")
        palm = words_of("النخيل والسوسة", "السوسة تأكل النخيل. السوسة صغيرة. تعيش السوسة طويلاً.")
        (first, second) = name_topics([[tram], [palm]], 2)
        assert "ترام" in first and "السوسة" in second
        assert not any("\u064f" in word for word in (*first, *second))

    def test_word_names_only_one_topic(self) -> None:
        both = name_topics([[words_of("", "harbour tram")], [words_of("", "harbour palm palm")]], 3)
        assert len([word for words in both for word in words]) == len({word for words in both for word in words})

    def test_numbers_and_very_long_words_are_excluded(self) -> None:
        assert words_of("2021", "12 a " + "x" * 30) == {}

    def test_empty_topics_have_no_names(self) -> None:
        assert name_topics([[], []], 3) == [(), ()]


def listed(*dates: str | None) -> list[ArticleSummary]:
    return [ArticleSummary(n, str(n), "t", "ar" if n % 2 else "en", when, None, 1) for n, when in enumerate(dates)]


class TestTimeline:
    @pytest.mark.parametrize(
        ("dates", "unit", "first", "periods"),
        [
            (("2021-04-08", "2021-04-10"), "day", "2021-04-08", 3),
            (("2021-04-08", "2021-07"), "month", "2021-04", 4),
            (("2021-04-08", "2023-07-01"), "month", "2021-04", 28),
            (("2021", "2023-07-01"), "year", "2021", 3),
            (("1999-01-01", "2023-07-01"), "year", "1999", 25),
            (("2024-02-29",), "day", "2024-02-29", 1),
        ],
    )
    def test_finest_fitting_period_is_chosen(self, dates: tuple[str, ...], unit: str, first: str, periods: int) -> None:
        found = article_timeline(listed(*dates))
        assert (found.unit, found.periods[0], len(found.periods)) == (unit, first, periods)
        assert sum(map(sum, found.counts.values())) == len(dates)

    def test_counts_languages_and_undated_separately(self) -> None:
        found = article_timeline(listed("2021-04-08", "2021-04-08", None, "2021-04-09"))
        assert found.counts == {"ar": (1, 1), "en": (1, 0)} and found.undated == 1

    def test_no_dates_give_no_periods(self) -> None:
        assert article_timeline(listed(None)).periods == () == article_timeline([]).periods
