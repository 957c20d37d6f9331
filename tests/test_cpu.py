"""The processor's name, and a digest that changes with what it can compute."""

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
def _asked_anew() -> Iterator[None]:
    for asked in (cpu_name, cpu_digest):
        asked.cache_clear()
    yield
    for asked in (cpu_name, cpu_digest):
        asked.cache_clear()


@pytest.fixture
def digest(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Digest:
    """The digest where /proc/cpuinfo has a certain text."""
    monkeypatch.setattr(index.runtime.cpu, "_CPUINFO", tmp_path / "cpuinfo")

    def of_text(text: str) -> str:
        (tmp_path / "cpuinfo").write_text(text)
        cpu_digest.cache_clear()
        return cpu_digest()

    return of_text


@pytest.mark.parametrize("cpuinfo", [INTEL, ARM])
def test_the_digest_changes_with_what_the_processor_can_compute(cpuinfo: str, digest: Digest) -> None:
    with_amx, without = (digest(cpuinfo.format(mhz=1, flags=flags)) for flags in ("avx2 amx_tile", "avx2"))
    assert with_amx != without
    assert digest(cpuinfo.format(mhz=1, flags="avx2")) == without


def test_the_digest_does_not_change_with_the_clock(digest: Digest) -> None:
    assert digest(INTEL.format(mhz=2100, flags="avx2")) == digest(INTEL.format(mhz=3500.5, flags="avx2"))


def test_the_digest_changes_with_the_model(digest: Digest) -> None:
    text = INTEL.format(mhz=1, flags="")
    assert digest(text) != digest(text.replace("Intel(R) Xeon(R)", "Intel(R) Core(TM)"))


def test_the_name_is_the_first_processors(digest: Digest) -> None:
    digest(INTEL.format(mhz=1, flags="avx2"))
    assert cpu_name() == "Intel(R) Xeon(R) Processor"


@pytest.mark.parametrize("text", ["", "\n\n", "no fields", "flags:\n:\n"])
def test_a_system_that_tells_nothing_has_a_name_and_a_digest(text: str, digest: Digest) -> None:
    assert digest(text)
    assert cpu_name()


def test_a_system_without_such_a_file_has_a_name_and_a_digest(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(index.runtime.cpu, "_CPUINFO", tmp_path / "none")
    assert cpu_name() and cpu_digest()
