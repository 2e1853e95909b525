"""A run of a stage, from outside: what every stage pays for."""

import subprocess
import sys
from pathlib import Path

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
