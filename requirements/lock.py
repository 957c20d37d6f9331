"""Makes the locks in this folder anew, for `make lock`: all that Jawab needs, its versions and hashes.

Every lock is made of one resolution by uv, for all systems and for Python from 3.11 on. They are apart for the sake of
how each is installed (`requirements/install`). PyTorch stays at the version of torch-cpu.txt, as the package index does
not have the hashes of the CPU build; to go to another, name it, and the index that has it:

    python requirements/lock.py [VERSION INDEX]
"""

from __future__ import annotations

import re
import subprocess
import sys
import sysconfig
import tempfile
from pathlib import Path

FOLDER = Path(__file__).parent
UV = (Path(sysconfig.get_path("scripts")) / "uv", "pip", "compile", "--universal", "--generate-hashes")
OPTIONS = ("--python-version", "3.11", "--no-header", "--no-annotate", "--no-emit-index-url", "--no-emit-find-links")
HEADER = "# Made by `make lock`, which docs/dependencies.md describes.\n"
LINUX, ELSEWHERE = "sys_platform == 'linux'", "sys_platform != 'linux'"


def entries(lock: str) -> list[str]:
    """The requirements of a lock, each with its hashes."""
    return re.findall(r"^[a-z0-9].*?(?=^[^ ]|\Z)", lock, re.MULTILINE | re.DOTALL)


def name_of(entry: str) -> str:
    return entry.partition("==")[0]


def resolved(*arguments: str | Path, like: str = "", source: str = "") -> list[str]:
    """The entries that uv resolves `arguments` to, at the versions of `like`."""
    with tempfile.TemporaryDirectory() as folder:
        constraints = Path(folder) / "constraints.txt"
        constraints.write_text(like)
        command = [*UV, *OPTIONS, "--constraints", constraints, *arguments]
        done = subprocess.run(command, cwd=FOLDER.parent, input=source, stdout=subprocess.PIPE, text=True, check=False)
    if done.returncode:
        sys.exit("The locks stay as they were.")
    return entries(done.stdout)


def under(marker: str, entry: str) -> str:
    """`entry`, for the systems of `marker` alone."""
    requirement, _, hashes = entry.partition(" \\\n")
    return f"{requirement.partition(' ;')[0]} ; {marker} \\\n{hashes}"


def write(name: str, lock: list[str]) -> None:
    (FOLDER / name).write_text(HEADER + "".join(lock))


def make(version: str = "", index: str = "") -> None:
    if version:
        cpu = resolved("-", "--no-deps", "--index-url", index, source=f"torch=={version}+cpu")[0]
    else:
        cpu = entries((FOLDER / "torch-cpu.txt").read_text())[0]
    pin = re.split(r"\+| ", cpu)[0]
    whole = resolved("pyproject.toml", "--extra", "dev", "--extra", "traces", like=pin)
    needed = resolved("pyproject.toml", "--extra", "traces", like="".join(whole))
    build = resolved("--group", "pyproject.toml:build", like="".join(whole))
    torch, llama = ([entry for entry in needed if name_of(entry) == name] for name in ("torch", "llama-cpp-python"))
    cuda = [entry for entry in needed if re.match("nvidia-|cuda-|triton==", entry)]
    apart = {*torch, *llama, *cuda}
    write("build.txt", build)
    write("torch-cpu.txt", [under(LINUX, cpu), *(under(ELSEWHERE, entry) for entry in torch)])
    write("torch-cuda.txt", [*torch, *cuda])
    write("llama.txt", llama)
    write("runtime.txt", [entry for entry in needed if entry not in apart])
    write("development.txt", [entry for entry in whole if entry not in apart])


if __name__ == "__main__":
    make(*sys.argv[1:])
