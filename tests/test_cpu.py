"""The name of the CPU, and a digest that changes with its features."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

import index.runtime.cpu
from index.runtime.cpu import cpu_digest, cpu_name

INTEL = """\
processor\t: 0
model name\t: Intel(R) Xeon(R) Processor
cpu MHz\t\t: {mhz}
flags\t\t: fpu sse2 {flags}

processor\t: 1
model name\t: another
"""
ARM = "processor\t: 0\nFeatures\t: fp asimd {flags}\nCPU implementer\t: 0x41\nCPU part\t: 0xd0c\n"

Digest = Callable[[str], str]


@pytest.fixture(autouse=True)
def _clear_caches() -> Iterator[None]:
    for asked in (cpu_name, cpu_digest):
        asked.cache_clear()
    yield
    for asked in (cpu_name, cpu_digest):
        asked.cache_clear()


@pytest.fixture
def digest(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Digest:
    """Computes the digest for a given content of /proc/cpuinfo."""
    monkeypatch.setattr(index.runtime.cpu, "_CPUINFO", tmp_path / "cpuinfo")

    def of_text(text: str) -> str:
        (tmp_path / "cpuinfo").write_text(text)
        cpu_digest.cache_clear()
        return cpu_digest()

    return of_text


@pytest.mark.parametrize("cpuinfo", [INTEL, ARM])
def test_digest_changes_with_cpu_flags(cpuinfo: str, digest: Digest) -> None:
    with_amx, without = (digest(cpuinfo.format(mhz=1, flags=flags)) for flags in ("avx2 amx_tile", "avx2"))
    assert with_amx != without
    assert digest(cpuinfo.format(mhz=1, flags="avx2")) == without


def test_digest_ignores_clock_speed(digest: Digest) -> None:
    assert digest(INTEL.format(mhz=2100, flags="avx2")) == digest(INTEL.format(mhz=3500.5, flags="avx2"))


def test_digest_changes_with_cpu_model(digest: Digest) -> None:
    text = INTEL.format(mhz=1, flags="")
    assert digest(text) != digest(text.replace("Intel(R) Xeon(R)", "Intel(R) Core(TM)"))


def test_cpu_name_is_first_processor(digest: Digest) -> None:
    digest(INTEL.format(mhz=1, flags="avx2"))
    assert cpu_name() == "Intel(R) Xeon(R) Processor"


@pytest.mark.parametrize("text", ["", "\n\n", "no fields", "flags:\n:\n"])
def test_unparsable_cpuinfo_still_gives_name_and_digest(text: str, digest: Digest) -> None:
    assert digest(text)
    assert cpu_name()


def test_missing_cpuinfo_still_gives_name_and_digest(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(index.runtime.cpu, "_CPUINFO", tmp_path / "none")
    assert cpu_name() and cpu_digest()
