"""Vector stores: one contract for all of them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from index.fakes import HashEmbedder
from index.indexer import remove_articles, update_index
from index.retriever import Retriever
from index.storage.catalog import Catalog
from index.vectors.exact_store import ExactStore
from index.vectors.faiss_store import FaissStore
from index.vectors.store import VectorStore
from tests.conftest import SAMPLES

QUESTION = "How many stations does the tram have?"


@pytest.fixture(params=[FaissStore, ExactStore])
def store(request: pytest.FixtureRequest) -> VectorStore:
    made: VectorStore = request.param()
    return made


@pytest.fixture
def folder(tmp_path: Path, store: VectorStore) -> Path:
    update_index(tmp_path / "index", [SAMPLES / "articles"], HashEmbedder(), vectors=store)
    return tmp_path / "index"


def test_nearest_passages_have_highest_cosine(folder: Path, store: VectorStore) -> None:
    catalog = Catalog.open(folder)
    (query,) = HashEmbedder().embed_queries([QUESTION])
    numbers, vectors = catalog.vectors_after(0, -1)
    cosines = vectors @ query
    found = store.open(catalog).nearest(query, 5, catalog)
    assert [score for _, score in found] == pytest.approx(np.sort(cosines)[::-1][:5], abs=1e-3)
    assert all(score == pytest.approx(cosines[numbers.index(number)], abs=1e-3) for number, score in found)


def test_only_allowed_passages_are_found(folder: Path, store: VectorStore) -> None:
    catalog = Catalog.open(folder)
    (query,) = HashEmbedder().embed_queries([QUESTION])
    numbers, _ = catalog.vectors_after(0, -1)
    allowed = set(numbers[::3])
    assert {number for number, _ in store.open(catalog).nearest(query, 1000, catalog, allowed)} == allowed
    assert store.open(catalog).nearest(query, 5, catalog, set()) == []


def test_refreshed_store_finds_index_changes(folder: Path, store: VectorStore, tmp_path: Path) -> None:
    catalog = Catalog.open(folder)
    before = store.open(catalog)
    new = tmp_path / "new.txt"
    new.write_text("A kite festival\n\nThe kite festival of Wadi Rih drew nine hundred kites.")
    update_index(folder, [new], HashEmbedder(), vectors=store)
    (query,) = HashEmbedder().embed_queries(["nine hundred kites festival"])
    after = before.refreshed(catalog)
    ((number, _),) = after.nearest(query, 1, catalog)
    (passage,) = catalog.passages([number])
    assert passage.article.id == "new"
    remove_articles(folder, ["new"], store)
    assert number not in {found for found, _ in after.refreshed(catalog).nearest(query, 1000, catalog)}


def test_empty_index_has_no_neighbours(tmp_path: Path, store: VectorStore) -> None:
    with_nothing = tmp_path / "empty"
    (tmp_path / "one.txt").write_text("One\n\nOne article.")
    update_index(with_nothing, [tmp_path / "one.txt"], HashEmbedder(), vectors=store)
    remove_articles(with_nothing, ["one"], store)
    catalog = Catalog.open(with_nothing)
    (query,) = HashEmbedder().embed_queries([QUESTION])
    assert store.open(catalog).nearest(query, 5, catalog) == []


def test_retriever_returns_same_hits_with_every_store(folder: Path, store: VectorStore) -> None:
    hits = Retriever(folder, HashEmbedder(), store).search(QUESTION, 3)
    assert [hit.article.id for hit in hits] == [
        hit.article.id for hit in Retriever(folder, HashEmbedder()).search(QUESTION, 3)
    ]


def test_deleted_files_are_rebuilt(folder: Path, store: VectorStore) -> None:
    catalog = Catalog.open(folder)
    for name in store.files(catalog):
        (folder / name).unlink()
    assert store.is_damaged(catalog) == bool(store.files(catalog))
    (query,) = HashEmbedder().embed_queries([QUESTION])
    assert len(store.open(catalog).nearest(query, 5, catalog)) == 5
    update_index(folder, [SAMPLES / "articles"], HashEmbedder(), vectors=store)
    assert not store.is_damaged(Catalog.open(folder))
