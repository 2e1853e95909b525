"""Memory that is given back, tried in processes of their own: it holds for a whole process."""

import os
import platform
import subprocess
import sys
from pathlib import Path

import pytest

CHECKOUT = Path(__file__).parents[3]

# Many large blocks, of which every other one is freed: holes, unless each is mapped apart.
HOLES = """
import ctypes, sys
from pathlib import Path
from tasks.system.memory import give_memory_back

def resident() -> int:
    return int(Path("/proc/self/statm").read_text().split()[1]) * 4096

if sys.argv[1] == "given back":
    give_memory_back()
# What glibc learns from: a large block that is freed raises the size from which it maps.
del (first := [bytearray(30 << 20)])[:]
blocks = [bytearray(b"x" * (6 << 20)) for _ in range(32)]
full = resident()
del blocks[::2]
print((full - resident()) >> 20)
"""
POOL = """
from tasks.system.memory import give_memory_back
give_memory_back()
import pyarrow
print(pyarrow.default_memory_pool().backend_name)
"""


def run(code: str, *arguments: str, **environment: str) -> str:
    command = [sys.executable, "-c", code, *arguments]
    clean = {name: value for name, value in os.environ.items() if not name.startswith("ARROW_")}
    done = subprocess.run(
        command,
        cwd=CHECKOUT,
        env=clean | environment,
        capture_output=True,
        text=True,
        check=True,
    )
    return done.stdout.strip()


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="mallopt(3) is glibc's")
def test_what_is_freed_between_what_is_not_goes_back_to_the_machine() -> None:
    assert int(run(HOLES, "kept")) < 48
    assert int(run(HOLES, "given back")) >= 95


def test_arrow_takes_the_machine_s_allocator_unless_another_is_asked_for() -> None:
    assert run(POOL) == "system"
    assert run(POOL, ARROW_DEFAULT_MEMORY_POOL="mimalloc") == "mimalloc"
