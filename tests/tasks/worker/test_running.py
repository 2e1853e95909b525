"""A run of a stage, from outside: what every stage pays for."""

import subprocess
import sys
from pathlib import Path

from tasks.path import waves
from tasks.worker.running import ENDING, OPENS_REGISTRY

CHECKOUT = Path(__file__).parents[3]


def test_a_worker_starts_without_the_libraries_of_stages_and_registry() -> None:
    # Every stage waits for it: a library that one stage needs is imported where it is needed.
    script = (
        "import sys, tasks.worker.running;"
        "slow = {'pydantic', 'numpy', 'pandas', 'mlflow', 'dvc', 'regopy'};"
        "sys.exit(', '.join(slow & set(sys.modules)) or 0)"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], cwd=CHECKOUT, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr


def test_a_dossier_is_written_only_by_a_stage_that_nothing_runs_beside() -> None:
    # Written beside others, it would move the time of a folder that they watch.
    together = {stage for wave in waves() if len(wave) > 1 for stage in wave}
    assert {"admit", "train", OPENS_REGISTRY} <= ENDING
    assert not ENDING & together
