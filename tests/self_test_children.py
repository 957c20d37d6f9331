"""Stand-ins for the self-test's children, and for the code of llama.cpp that they run.

A child that is a shell script plays any machine in milliseconds. A library that is compiled here crashes or hangs
inside llama.cpp itself, whichever way that was built.
"""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

from index.runtime.child_process import python_command, run_child
from qa.llm.llama_library import library_folder
from qa.llm.self_test import SelfTest

_INTERFACE = """
#define _GNU_SOURCE
#include <dlfcn.h>
#include <string.h>

struct reg {  // `struct ggml_backend_reg` of ggml-backend-impl.h
    int api_version;
    const char *(*get_name)(struct reg *);
    size_t (*get_device_count)(struct reg *);
    void *(*get_device)(struct reg *, size_t);
    void *(*get_proc_address)(struct reg *, const char *);
    void *context;
};
typedef struct reg *init_function(void);
"""
CRASHES = f"""{_INTERFACE}
int ggml_backend_score(void) {{ return 1000000; }}
struct reg *INIT(void) {{ __builtin_trap(); }}
"""
"""CPU code that says it fits this processor best, and dies of an instruction that the processor does not know."""
CRASHES_WITH_EXTRA_BUFFERS = f"""{_INTERFACE}
static void *(*real)(struct reg *, const char *);
static void *crash(void *device) {{ __builtin_trap(); }}

static void *get_proc_address(struct reg *reg, const char *name) {{
    return strcmp(name, "ggml_backend_dev_get_extra_bufts") ? real(reg, name) : (void *)crash;
}}

struct reg *INIT(void) {{
    struct reg *reg = ((init_function *)dlsym(dlopen(FILE, RTLD_NOW), INIT_NAME))();
    if (reg->get_proc_address != get_proc_address) real = reg->get_proc_address;
    reg->get_proc_address = get_proc_address;
    return reg;
}}
int ggml_backend_score(void) {{ return 1000000; }}
"""
"""The CPU code of FILE, which dies as soon as weights are to be repacked: AMX where the compiler made it wrong."""


def usual_backends() -> list[str]:
    """The files of CPU code that fit this processor, best first; none where the library has its code built in."""
    child = run_child(python_command("from qa.llm.self_test_child import main; main()", ["backends"]), 100)
    names: list[str] = json.loads(child.lines[0])["names"]
    return names


def self_test_with(source: str, folder: Path) -> SelfTest:
    """A self-test of the library that is installed, with other CPU code before it, compiled in `folder`.

    Where the library has its code in several files, the other is one more file, in a copy of the library's folder.
    Where it has its code built in, the other takes its place when the child is started.
    """
    installed, usual = library_folder(), usual_backends()
    if usual:
        for file in installed.glob("lib*"):
            (folder / file.name).symlink_to(file)
        made = folder / "libggml-cpu-standin.so"
        _compile(source, made, installed / usual[0], "ggml_backend_init")
        return SelfTest(None, 2, command_prefix=("env", f"LLAMA_CPP_LIB_PATH={folder}"))
    made = folder / "standin.so"
    _compile(source, made, installed / "libggml-cpu.so", "ggml_backend_cpu_reg")
    return SelfTest(None, 2, command_prefix=("env", f"LD_PRELOAD={made}"))


def _compile(source: str, target: Path, file: Path, init: str) -> None:
    """Compile C into a shared library. FILE is `file`, and INIT the function that registers the code, or its name."""
    definitions = [f"-DINIT={init}", f'-DINIT_NAME="{init}"', f'-DFILE="{file}"']
    command = ["cc", "-shared", "-fPIC", *definitions, "-x", "c", "-", "-o", str(target), "-ldl"]
    subprocess.run(command, input=source, text=True, check=True)


def scripted_child(**behaviour: str) -> tuple[str, ...]:
    """A command prefix for children that do what `behaviour` has for their task, in the shell's words.

    `backends` is one task; the others are the names of CPU code, with `_extra` where weights are to be repacked.
    """
    cases = " ".join(f"*' {_last_words(task)}') {commands};;" for task, commands in behaviour.items())
    return "sh", "-c", f'case "$*" in {cases} *) exit 99;; esac', "sh"


def _last_words(task: str) -> str:
    """What the command of a child ends with."""
    code, _, extra = task.partition("_")
    return task if task == "backends" else f"{code} {extra or 'plain'}"


def lists(*names: str) -> str:
    """The child reports these files of CPU code."""
    return _reports(stage="backends", names=names)


def computes(log_prob: float = -0.01, prompt_rate: float = 100.0) -> str:
    """The child reports what it has computed."""
    return _reports(stage="computed", log_prob=log_prob, prompt_rate=prompt_rate, generation_rate=10.0)


def refuses(reason: str) -> str:
    return _reports(stage="refused", reason=reason)


def dies_of(signal: str) -> str:
    return f"kill -{signal} $$"


HANGING = "exec sleep 1000"


def _reports(**report: object) -> str:
    return f"echo '{json.dumps(report)}'"
