"""The lock files of requirements/: they satisfy pyproject.toml, have hashes, and are consistent with each other."""

from __future__ import annotations

import importlib.metadata as metadata
import os
import platform
import re
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from requirements.lock import entries, under

ROOT = Path(__file__).parent.parent
FOLDER = ROOT / "requirements"
LOCKS = {path.name: path.read_text(encoding="utf-8") for path in sorted(FOLDER.glob("*.txt"))}
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
# Files of PyTorch's CPU build for Linux: Python 3.11, 3.12 and 3.13 on x86-64, then on arm64.
TORCH_CPU = {
    "6746dbcbeb526eb61330b76b41ff1b4eb848951103a892eeb080dfa2b264667b",
    "4ca4a9394b0c771238a4f73590fdbbc4debad85ed0fa63d026ae1b085da7d6e2",
    "3fbf9c9d1f3c10c2d59d04aca426dee9ccc6ceb32d255c61e93acc3b4f75fae6",
    "84453b69508ec79902f899c5ed9495acb9e2bbe9fda5f1d5d6f19e3c3842e1a7",
    "6f307c2c32d764ffc6ff6893b801fad6d4752f3e67966cb8abf1843427c02604",
    "0b8f7d0423027ae8b90c7977c627f3379f325363a08224dffad9b4b2d684a83d",
}
ENVIRONMENTS = [
    {
        "python_version": python,
        "python_full_version": f"{python}.0",
        "sys_platform": system,
        "platform_system": "Linux" if system == "linux" else "Darwin",
        "platform_machine": machine,
        "platform_python_implementation": "CPython",
        "implementation_name": "cpython",
        "os_name": "posix",
        "extra": "",
    }
    for python in ("3.11", "3.12", "3.13")
    for system, machine in (("linux", "x86_64"), ("linux", "aarch64"), ("darwin", "arm64"))
]


def requirements(*names: str) -> list[Requirement]:
    return [Requirement(entry.partition(" \\\n")[0]) for name in names for entry in entries(LOCKS[name])]


def pinned(environment: dict[str, str], *names: str) -> dict[str, str]:
    """The versions by name that these locks install in an environment; a name never has two versions."""
    here = [one for one in requirements(*names) if one.marker is None or one.marker.evaluate(environment)]
    pairs = {(canonicalize_name(one.name), str(one.specifier).removeprefix("==")) for one in here}
    assert len(dict(pairs)) == len(pairs)
    return dict(pairs)


def missing(wanted: list[str], environment: dict[str, str], *names: str) -> list[str]:
    """The requirements that these locks do not satisfy in an environment."""
    locked = pinned(environment, *names)
    return [
        str(one)
        for one in map(Requirement, wanted)
        if canonicalize_name(one.name) not in locked
        or not one.specifier.contains(locked[canonicalize_name(one.name)], prereleases=True)
    ]


@pytest.mark.parametrize("environment", ENVIRONMENTS, ids=lambda one: "-".join(one[key] for key in list(one)[::2][:3]))
def test_locks_satisfy_pyproject(environment: dict[str, str]) -> None:
    runtime: list[str] = PROJECT["project"]["dependencies"]
    extras: dict[str, list[str]] = PROJECT["project"]["optional-dependencies"]
    for torch in ("torch-cpu.txt", "torch-cuda.txt"):
        apart = (torch, "llama.txt")
        assert missing([*runtime, *extras["traces"]], environment, "runtime.txt", *apart) == []
        assert missing([*runtime, *extras["dev"]], environment, "development.txt", *apart) == []
    assert missing(PROJECT["dependency-groups"]["build"], environment, "build.txt") == []
    assert missing(PROJECT["build-system"]["requires"], environment, "build.txt") == []


@pytest.mark.parametrize("environment", ENVIRONMENTS, ids=lambda one: "-".join(one[key] for key in list(one)[::2][:3]))
def test_locks_are_consistent(environment: dict[str, str]) -> None:
    development = pinned(environment, "development.txt")
    assert pinned(environment, "runtime.txt").items() <= development.items()
    build = pinned(environment, "build.txt")
    assert {name: development.get(name, version) for name, version in build.items()} == build
    cpu, cuda = (pinned(environment, f"torch-{kind}.txt")["torch"] for kind in ("cpu", "cuda"))
    assert cpu == (f"{cuda}+cpu" if environment["sys_platform"] == "linux" else cuda)


@pytest.mark.parametrize("name", LOCKS)
def test_entries_are_pinned_and_hashed_without_urls(name: str) -> None:
    head, *rest = LOCKS[name].splitlines()
    assert head == "# Made by `make lock`, which docs/dependencies.md describes."
    assert "\n".join(rest) + "\n" == "".join(entries(LOCKS[name]))
    assert entries(LOCKS[name])
    for entry in entries(LOCKS[name]):
        requirement, *hashes = entry.rstrip("\n").split(" \\\n")
        assert re.fullmatch(r"[a-z0-9-]+==[0-9][0-9a-z.+]*( ; .+)?", requirement)
        assert hashes
        assert all(re.fullmatch(r" {4}--hash=sha256:[0-9a-f]{64}", line) for line in hashes), requirement


def test_torch_cpu_builds_are_locked() -> None:
    linux, elsewhere = entries(LOCKS["torch-cpu.txt"])
    assert set(re.findall("sha256:([0-9a-f]+)", linux)) >= TORCH_CPU
    (index,) = (entry for entry in entries(LOCKS["torch-cuda.txt"]) if entry.startswith("torch=="))
    assert elsewhere == under("sys_platform != 'linux'", index)


def test_cuda_is_locked_only_for_cuda_torch() -> None:
    """Otherwise a computer without a GPU would download gigabytes that nothing uses."""
    for name in ("runtime.txt", "development.txt", "build.txt", "llama.txt", "torch-cpu.txt"):
        assert not [one.name for one in requirements(name) if re.match("nvidia|cuda|triton", one.name)]


def test_installed_versions_match_lock() -> None:
    """Only where `make setup` created this environment: elsewhere the versions may differ."""
    if not (Path(sys.prefix) / "ready").exists():
        pytest.skip("not made by make setup")
    locked = pinned({}, "development.txt", "llama.txt", "build.txt")
    assert {name: metadata.version(name) for name in locked} == locked
    assert metadata.version("torch") in {pinned({}, f"torch-{kind}.txt")["torch"] for kind in ("cpu", "cuda")}


PIP = """#!/bin/sh
[ "$1" = -c ] && { dirname "$0"; exit; }
echo "CMAKE_ARGS=$CMAKE_ARGS $*" >>"$(dirname "$0")/asked"
case "$*" in *torch-cpu*) [ -z "$NO_CPU_BUILD" ] || exit 1 ;; esac
case "$CMAKE_ARGS" in *ALL_VARIANTS*) [ -z "$OLD_COMPILER" ] || exit 1 ;; esac
"""
"""A fake Python that only records pip's arguments; its environment is the folder it is in."""


def install(folder: Path, **settings: str) -> tuple[int, list[str]]:
    """The exit code of the installer with that Python, and pip's arguments, one line for each call."""
    python = folder / "python"
    python.write_text(PIP)
    python.chmod(0o700)
    asked = folder / "asked"
    asked.unlink(missing_ok=True)
    environment = {"PATH": os.environ["PATH"]} | settings
    done = subprocess.run([FOLDER / "install", python, "runtime"], env=environment, capture_output=True, check=False)
    return done.returncode, asked.read_text().splitlines()


@pytest.mark.parametrize(
    ("index", "no_cpu_build", "torch"),
    [
        ("", "", ["torch-cpu.txt"]),
        ("", "1", ["torch-cpu.txt", "torch-cuda.txt"]),
        ("ADDRESS", "", ["torch-cpu.txt"]),
        ("ADDRESS", "1", None),
    ],
)
def test_cuda_torch_is_fallback_without_explicit_index(
    index: str, no_cpu_build: str, torch: list[str] | None, tmp_path: Path
) -> None:
    returncode, asked = install(tmp_path, TORCH_INDEX=index, NO_CPU_BUILD=no_cpu_build, LLAMA_CMAKE_ARGS="-DX=1")
    assert all("-m pip install --quiet --require-hashes --no-deps" in line for line in asked)
    assert all(("--index-url ADDRESS" in line) == (bool(index) and "torch-" in line) for line in asked)
    names = [Path(line.split()[-1]).name for line in asked]
    if torch is None:
        assert (returncode != 0, names) == (True, ["build.txt", "torch-cpu.txt"])
        return
    assert (returncode, names) == (0, ["build.txt", *torch, "llama.txt", "runtime.txt"])
    llama = asked[-2]
    assert llama.startswith("CMAKE_ARGS=-DX=1 ")
    assert all(option in llama for option in ("--no-cache-dir", "--no-build-isolation", "--no-binary :all:"))
    assert all("--only-binary :all:" in line for line in asked if line != llama)


@pytest.mark.skipif((sys.platform, platform.machine()) != ("linux", "x86_64"), reason="elsewhere for one processor")
class TestCompilingLlama:
    def test_all_cpu_variants_are_compiled(self, tmp_path: Path) -> None:
        returncode, asked = install(tmp_path)
        (compiled,) = (line for line in asked if "llama.txt" in line)
        assert returncode == 0
        assert "-DGGML_NATIVE=OFF -DGGML_BACKEND_DL=ON -DGGML_CPU_ALL_VARIANTS=ON" in compiled

    def test_same_options_compile_once(self, tmp_path: Path) -> None:
        install(tmp_path)
        assert not [line for line in install(tmp_path)[1] if "llama.txt" in line]
        assert [line for line in install(tmp_path, LLAMA_CMAKE_ARGS="-DX=1")[1] if "llama.txt" in line]

    def test_old_compiler_falls_back_to_native_build(self, tmp_path: Path) -> None:
        returncode, asked = install(tmp_path, OLD_COMPILER="1")
        compiled = [line for line in asked if "llama.txt" in line]
        assert returncode == 0
        assert [line.startswith("CMAKE_ARGS= ") for line in compiled] == [False, True]

    def test_explicit_options_are_not_replaced(self, tmp_path: Path) -> None:
        returncode, asked = install(tmp_path, OLD_COMPILER="1", LLAMA_CMAKE_ARGS="-DGGML_CPU_ALL_VARIANTS=ON")
        assert returncode != 0
        assert len([line for line in asked if "llama.txt" in line]) == 1


def test_only_locked_packages_are_installed() -> None:
    make, container = (ROOT / "Makefile").read_text(), (ROOT / "deploy" / "Containerfile").read_text()
    for text, lock in ((make, "development"), (container, "runtime")):
        assert re.search(rf"requirements/install \S+ {lock}\b", text)
        installs = re.findall(r"pip install (.+)", text)
        assert installs
        assert all("--no-deps --no-build-isolation" in line for line in installs)


@pytest.mark.skipif(shutil.which("make") is None, reason="make is not here")
def test_make_lock_runs_lock_script() -> None:
    said = subprocess.run(
        ["make", "--no-print-directory", "--dry-run", "lock", "TORCH=9.9", "TORCH_INDEX=ADDRESS"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    assert said.stdout.splitlines()[-1] == ".venv/bin/python requirements/lock.py 9.9 ADDRESS"
