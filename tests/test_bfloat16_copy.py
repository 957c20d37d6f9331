"""The bfloat16 copy of a model: bit-identical to PyTorch's conversion, cached, and created atomically."""

from __future__ import annotations

import errno
import io
import json
import os
import subprocess
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load, load_file, save, save_file

import index.embeddings
import index.runtime.bfloat16_copy
from index.embeddings import SentenceTransformerEmbedder
from index.errors import EmbedderFailed
from index.runtime.bfloat16_copy import bfloat16_copy, convert
from index.runtime.child_process import python_command

LOWER_HALVES = (0x0000, 0x0001, 0x7FFF, 0x8000, 0x8001, 0xFFFF)
"""The bits that are rounded away: exact, just above, around a tie, a tie, just below the next."""


@pytest.fixture
def model(tmp_path: Path) -> Path:
    folder = tmp_path / "model"
    (folder / "1_Pooling").mkdir(parents=True)
    (folder / "config.json").write_text("{}")
    (folder / "1_Pooling" / "config.json").write_text('{"pooling": true}')
    save_file({"weight": torch.randn(10, 10), "count": torch.arange(3)}, folder / "model.safetensors")
    return folder


def converted(tensors: Mapping[str, torch.Tensor], metadata: dict[str, str] | None = None) -> bytes:
    made = io.BytesIO()
    convert(io.BytesIO(save(dict(tensors), metadata)), made)
    return made.getvalue()


def bits(tensor: torch.Tensor) -> list[int]:
    return list(tensor.contiguous().view(torch.int16).tolist())


class TestConversion:
    @pytest.mark.parametrize("lower", LOWER_HALVES)
    def test_rounding_matches_pytorch(self, lower: int) -> None:
        """Covers all upper halves, including subnormals, both zeros and both infinities; weights are never NaN."""
        values = (np.arange(2**16, dtype=np.uint32) << 16 | lower).view(np.float32)
        weights = torch.from_numpy(values[~np.isnan(values)])
        assert len(weights) > 65_000
        assert bits(load(converted({"weights": weights}))["weights"]) == bits(weights.to(torch.bfloat16))

    @pytest.mark.parametrize("chunk", [1, 7, 64, 10_000])
    def test_chunked_conversion_matches_pytorch(self, chunk: int, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(index.runtime.bfloat16_copy, "_CHUNK", chunk)
        weights = {"a": torch.randn(13, 5), "b": torch.randn(64), "c": torch.arange(100)}
        made = load(converted(weights))
        assert torch.equal(made["a"], weights["a"].to(torch.bfloat16))
        assert torch.equal(made["b"], weights["b"].to(torch.bfloat16))
        assert torch.equal(made["c"], weights["c"])

    def test_other_dtypes_are_unchanged(self) -> None:
        others = {
            "half": torch.randn(3, 3).to(torch.float16),
            "brain": torch.randn(5).to(torch.bfloat16),
            "long": torch.arange(7),
            "flags": torch.tensor([True, False, True]),
            "double": torch.randn(2, dtype=torch.float64),
            "bytes": torch.arange(5, dtype=torch.uint8),
        }
        made = load(converted(others | {"weights": torch.randn(3)}))
        assert made.keys() == {*others, "weights"}
        assert made["weights"].dtype == torch.bfloat16
        for name, tensor in others.items():
            assert made[name].dtype == tensor.dtype
            assert torch.equal(made[name], tensor)

    def test_shapes_and_metadata_are_preserved(self) -> None:
        shapes: list[tuple[int, ...]] = [(), (1,), (0, 4), (2, 3, 4)]
        data = converted({str(shape): torch.zeros(shape) for shape in shapes}, {"format": "pt"})
        made = load(data)
        assert {name: tuple(tensor.shape) for name, tensor in made.items()} == {str(shape): shape for shape in shapes}
        header = json.loads(data[8 : 8 + int.from_bytes(data[:8], "little")])
        assert header["__metadata__"] == {"format": "pt"}

    @pytest.mark.parametrize(
        "content",
        [
            b"",
            b"short",
            b"no weights, but a text that is long enough",
            b"\xff" * 8 + b"{}",
            (2).to_bytes(8, "little") + b"[]",
            (9).to_bytes(8, "little") + b'{"a": {}}',
            (7).to_bytes(8, "little") + b'{"a":1}',
            save({"weight": torch.zeros(100)})[:-1],
        ],
    )
    def test_invalid_safetensors_file_raises_value_error(self, content: bytes, model: Path, tmp_path: Path) -> None:
        (model / "model.safetensors").write_bytes(content)
        with pytest.raises(ValueError, match=r"model\.safetensors"):
            bfloat16_copy(model, tmp_path / "copies")
        assert not list((tmp_path / "copies").iterdir())

    def test_embedder_with_invalid_weights_raises_embedder_failed(
        self, model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(index.embeddings, "computes_in_bfloat16", lambda: True)
        (model / "modules.json").write_text("[]")
        (model / "model.safetensors").write_bytes(b"no weights, but a text that is long enough")
        embedder = SentenceTransformerEmbedder(model, copies=tmp_path / "copies")
        with pytest.raises(EmbedderFailed) as failed:
            embedder.dimension  # noqa: B018 - which loads it
        assert failed.value.fields["folder"] == model


class TestCopy:
    def test_copy_contains_every_file(self, model: Path, tmp_path: Path) -> None:
        copy = bfloat16_copy(model, tmp_path / "copies")
        assert copy.parent == tmp_path / "copies"
        weights, original = load_file(copy / "model.safetensors"), load_file(model / "model.safetensors")
        assert torch.equal(weights["weight"], original["weight"].to(torch.bfloat16))
        assert (copy / "config.json").read_text() == "{}"
        assert (copy / "1_Pooling" / "config.json").read_text() == '{"pooling": true}'
        assert [path.name for path in copy.parent.iterdir()] == [copy.name]

    def test_copy_is_cached(self, model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        copy = bfloat16_copy(model, tmp_path / "copies")
        monkeypatch.setattr(index.runtime.bfloat16_copy, "_make", None)
        assert bfloat16_copy(model, tmp_path / "copies") == copy

    def test_changed_weights_get_new_copy(self, model: Path, tmp_path: Path) -> None:
        first = bfloat16_copy(model, tmp_path / "copies")
        save_file({"weight": torch.zeros(11)}, model / "model.safetensors")
        second = bfloat16_copy(model, tmp_path / "copies")
        assert first != second
        assert load_file(second / "model.safetensors")["weight"].shape == (11,)

    def test_full_disk_falls_back_to_original_model(
        self, model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def full(descriptor: int) -> None:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

        monkeypatch.setattr(os, "fsync", full)
        assert bfloat16_copy(model, tmp_path / "copies") == model
        assert not list((tmp_path / "copies").iterdir())

    def test_unwritable_folder_falls_back_to_original_model(self, model: Path, tmp_path: Path) -> None:
        (tmp_path / "copies").write_text("a file where the folder should be")
        assert bfloat16_copy(model, tmp_path / "copies") == model

    def test_copy_made_by_concurrent_process_is_reused(
        self, model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        make, copies = index.runtime.bfloat16_copy._make, tmp_path / "copies"
        theirs: list[Path] = []

        def make_beside_another(folder: Path, partial: Path) -> None:
            partial.mkdir(parents=True)
            (partial / "half").touch()
            monkeypatch.setattr(index.runtime.bfloat16_copy, "_make", make)
            monkeypatch.setattr(os, "getpid", lambda: 1)
            theirs.append(bfloat16_copy(folder, copies))
            make(folder, partial)

        monkeypatch.setattr(index.runtime.bfloat16_copy, "_make", make_beside_another)
        copy = bfloat16_copy(model, copies)
        assert theirs == [copy] == list(copies.iterdir())
        assert {path.name for path in copy.iterdir()} == {path.name for path in model.iterdir()}

    def test_concurrent_processes_share_one_copy(self, model: Path, tmp_path: Path) -> None:
        code = (
            "from pathlib import Path; from index.runtime.bfloat16_copy import bfloat16_copy; "
            "print('ready', flush=True); input(); print(bfloat16_copy(*map(Path, sys.argv[1:])))"
        )
        command = python_command(code, [str(model), str(tmp_path / "copies")])
        makers = [subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) for _ in range(3)]
        for maker in makers:
            assert maker.stdout is not None
            assert maker.stdout.readline() == "ready\n"
        for maker in makers:
            assert maker.stdin is not None
            maker.stdin.write("\n")
            maker.stdin.flush()
        made = {maker.communicate()[0].strip() for maker in makers}
        (copy,) = (tmp_path / "copies").iterdir()
        assert made == {str(copy)}
        assert {path.name for path in copy.iterdir()} == {path.name for path in model.iterdir()}
