"""The largest memory of a stage's processes, those that still run included."""

import subprocess
import sys

from tasks.pipeline.memory import peak_mib

HOLD = "data = bytearray(400 << 20); print(len(data), flush=True); input()"


def test_a_child_that_still_runs_counts() -> None:
    command = [sys.executable, "-c", HOLD]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as child:
        assert child.stdout is not None
        child.stdout.readline()
        assert peak_mib() >= 400
        child.communicate(b"\n")
