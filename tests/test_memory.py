"""Available memory is that of the machine or what a control group (cgroup) leaves of it, whichever is smaller."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

import index.runtime.memory
from index.errors import InsufficientMemory
from index.runtime.memory import available_memory, require_memory
from ui.i18n import error_message

MEGABYTE = 1_000_000

Group = Callable[..., None]


@pytest.fixture(autouse=True)
def _machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A machine with 8,192 MB available, and no control groups yet."""
    monkeypatch.setattr(index.runtime.memory, "_MEMINFO", tmp_path / "meminfo")
    monkeypatch.setattr(index.runtime.memory, "_CGROUPS", tmp_path / "cgroup")
    monkeypatch.setattr(index.runtime.memory, "_MEMBERSHIP", tmp_path / "membership")
    (tmp_path / "meminfo").write_text("MemTotal: 9000000 kB\nMemFree: 1 kB\nMemAvailable: 8000000 kB\n")
    (tmp_path / "membership").write_text("0::/service/jawab\n")


@pytest.fixture
def group(tmp_path: Path) -> Group:
    """Creates a control group (cgroup v2)."""

    def make(name: str, limit: object, used: int, cached: int | None = 0) -> None:
        folder = tmp_path / "cgroup" / name
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "memory.max").write_text(f"{limit}\n")
        (folder / "memory.current").write_text(f"{used}\n")
        stat = "anon 5\n" if cached is None else f"anon 5\ninactive_file {cached}\nactive_file 7\n"
        (folder / "memory.stat").write_text(stat)

    return make


def test_without_cgroups_uses_machine_memory() -> None:
    assert available_memory() == 8_192 * MEGABYTE


def test_smaller_cgroup_limit_applies(group: Group) -> None:
    group("service/jawab", 2_000 * MEGABYTE, used=500 * MEGABYTE)
    assert available_memory() == 1_500 * MEGABYTE


def test_larger_cgroup_limit_is_ignored(group: Group) -> None:
    group("service/jawab", 20_000 * MEGABYTE, used=500 * MEGABYTE)
    assert available_memory() == 8_192 * MEGABYTE


def test_unlimited_cgroup_is_ignored(group: Group) -> None:
    group("service/jawab", "max", used=500 * MEGABYTE)
    assert available_memory() == 8_192 * MEGABYTE


@pytest.mark.parametrize("above", ["service", ""])
def test_limit_of_parent_cgroup_applies(above: str, group: Group) -> None:
    group("service/jawab", "max", used=500 * MEGABYTE)
    group(above, 1_000 * MEGABYTE, used=800 * MEGABYTE)
    assert available_memory() == 200 * MEGABYTE


def test_page_cache_counts_as_available(group: Group) -> None:
    group("service/jawab", 2_000 * MEGABYTE, used=1_900 * MEGABYTE, cached=700 * MEGABYTE)
    assert available_memory() == 800 * MEGABYTE


def test_cgroup_without_page_cache_statistics_applies(group: Group) -> None:
    group("service/jawab", 2_000 * MEGABYTE, used=1_900 * MEGABYTE, cached=None)
    assert available_memory() == 100 * MEGABYTE


def test_cgroup_over_limit_leaves_no_memory(group: Group) -> None:
    group("service/jawab", 2_000 * MEGABYTE, used=2_001 * MEGABYTE)
    assert available_memory() == 0


def test_container_uses_root_cgroup(group: Group, tmp_path: Path) -> None:
    (tmp_path / "membership").write_text("0::/\n")
    group("", 1_000 * MEGABYTE, used=400 * MEGABYTE)
    assert available_memory() == 600 * MEGABYTE


def test_cgroup_v1_limit_applies(tmp_path: Path) -> None:
    (tmp_path / "membership").write_text("12:cpu,cpuacct:/other\n5:memory:/service\n1:name=systemd:/a:b\n0::/none\n")
    folder = tmp_path / "cgroup" / "memory" / "service"
    folder.mkdir(parents=True)
    (folder / "memory.limit_in_bytes").write_text(f"{3_000 * MEGABYTE}\n")
    (folder / "memory.usage_in_bytes").write_text(f"{2_500 * MEGABYTE}\n")
    (folder / "memory.stat").write_text(f"inactive_file 1\ntotal_inactive_file {100 * MEGABYTE}\n")
    assert available_memory() == 600 * MEGABYTE


@pytest.mark.parametrize("membership", ["", "\n", "0::/../other\n", "nonsense\n"])
def test_unparsable_cgroup_membership_is_ignored(membership: str, tmp_path: Path) -> None:
    (tmp_path / "membership").write_text(membership)
    assert available_memory() == 8_192 * MEGABYTE


def test_unknown_memory_allows_loading(tmp_path: Path) -> None:
    for name in ("meminfo", "membership"):
        (tmp_path / name).unlink()
    assert available_memory() is None
    require_memory(10**15, tmp_path / "model.gguf")


def test_insufficient_memory_raises_error_with_amounts(tmp_path: Path) -> None:
    require_memory(8_192 * MEGABYTE, tmp_path / "model.gguf")
    with pytest.raises(InsufficientMemory) as short:
        require_memory(8_193 * MEGABYTE + 60 * MEGABYTE, tmp_path / "model.gguf")
    assert error_message(short.value, "en").startswith(
        f"There is too little free memory to load {tmp_path / 'model.gguf'}: it takes 8.3 GB and 8.2 GB are free"
    )
    assert "8.3 غيغابايت" in error_message(short.value, "ar") and "8.2 غيغابايت" in error_message(short.value, "ar")
